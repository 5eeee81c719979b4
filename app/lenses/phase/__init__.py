"""The phase lens: a map over any two knobs, many experiments in one picture."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from app import stages
from app.axes import SPANS, Axes
from app.drawing.figure import Figure
from app.knobs import Experiment
from app.lenses.phase import figures as phase_figure
from app.lenses.phase.computed import Phase, known
from app.lenses.phase.curves import named
from app.lenses.phase.grid import Flags, grid_of
from app.lenses.phase.quantities import QUANTITIES
from app.lenses.phase.runs import EVERY_STAGE, expected_s, run
from app.lenses.phase.words import (
    after,
    percent,
    reached,
    reading,
    rows_told,
    seeds_of,
    stretch,
    value,
)
from app.links import plain
from app.nulls import csv_field
from app.view import Focus, View

__all__ = ["EVERY_STAGE", "expected_s", "known", "reading", "run"]

TITLE = "Phase map"
QUESTION = "Where does the highway hold?"
KEYS = (*Axes.model_fields, "floor")
SHEETS = phase_figure.SHEETS
MOST_ROWS_TOLD = 6

NULLS = {
    ("*", "nan"): "undefined: not computed, states that leave float64, or a share of nothing",
    ("*", "-inf"): "minus infinity: a logarithm's zero",
}


def compute(experiment: Experiment, focus: Focus) -> Phase:
    """All of a map, worked out here and now."""
    found: Phase = stages.finished(run(experiment, focus, stages.Alone()))
    return found


def whole(found: Phase) -> bool:
    """Whether it is all there."""
    return found.whole


def dearest(experiment: Experiment, focus: Focus) -> Experiment:
    """The largest experiment of the map."""
    sizes = grid_of(experiment, focus).sizes.reshape(-1, 3).max(axis=0).tolist()
    return experiment.model_copy(update=dict(zip(("T", "H", "D"), sizes, strict=True)))


def answer(found: Phase) -> dict[str, Any]:
    """What ``/api/phase`` tells; arrays are (ny, nx, …). null is zero, no end, or no number; where
    no seed is computed yet, nothing is known. chaos: in how many experiments it was looked for, and
    how many of them are chaotic."""
    grid = found.grid
    told: dict[str, Any] = {
        "quantity": found.quantity,
        "x": {"knob": grid.x.key, "values": np.array(grid.x.values)},
        "y": {
            "knob": grid.y.key if grid.y else "none",
            "values": np.array(grid.y.values if grid.y else ()),
        },
        "seeds": np.array(grid.seeds),
        "seeds_computed": found.counts,
        "chaos": {"looked": len(found.looked), "chaotic": len(found.chaotic)},
    }
    for name, values in found.values.items():
        low, middle, high = found.quartiles[name]
        its = {"values": values, "median": middle, "lower_quartile": low, "upper_quartile": high}
        its = {key: np.ascontiguousarray(array) for key, array in its.items()}
        told |= its if name == found.quantity else {name: its}
    return told


def table(found: Phase) -> Iterator[str]:
    """The lines of ``/api/phase.csv``, one run each, of those that are there; an empty value is
    zero or no number at all, inf is no end."""
    grid, others = found.grid, [name for name in found.values if name != found.quantity]
    yield ",".join(["x", "y", "seed", "value", *others])
    ys = [""] if grid.y is None else list(map(plain, grid.y.values))
    every = [found.values[name] for name in (found.quantity, *others)]
    for iy, ix, seed in np.argwhere(found.known).tolist():
        values = (float(values[iy, ix, seed]) for values in every)
        written = map(csv_field, values)
        own = plain(grid.x.values[ix]), ys[iy], str(grid.seeds[seed])
        yield ",".join([*own, *written])


def numbers(found: Phase, view: View) -> dict[str, Any]:
    """The table beside the figure: where along x each level is reached, row by row."""
    quantity, grid = QUANTITIES[found.quantity], found.grid
    there = found.counts > 0
    levels = [(level.name, reached(found, level)) for level in quantity.levels]
    return {
        "title": quantity.title.format(after=after(found)),
        "up": named(found, grid.y.key) if grid.y else "",
        "levels": [name for name, _ in levels],
        "rows": [
            (
                value(grid.y, row) if grid.y else "",
                [(stretch(found, row, above), opened(found, row, above)) for _, above in levels],
            )
            for row in rows_told(found, MOST_ROWS_TOLD)
        ],
        "parts": [
            percent(above.sum() / there.sum()) if there.any() else "–" for _, above in levels
        ],
        "done": int(found.kept.known.sum()),
        "every": int(np.prod(grid.worked)),
        "left": found.left,
        "whole": found.whole,
        "seeds": seeds_of(found),
        "map": grid.y is not None,
        "percent": percent(found.share_known),
    }


def opened(found: Phase, row: int, above: Flags) -> dict[str, float] | None:
    """What a link to the first experiment of a row that reaches a level changes."""
    grid, at = found.grid, np.flatnonzero(above[row])
    if not len(at):
        return None
    first = at[0] if at[-1] == above.shape[1] - 1 else at[-1]
    sides = zip(grid.sides, (int(first), row), strict=False)
    return {its.key: its.values[n] for its, n in sides if not its.idle}


def figure(found: Phase, view: View) -> Figure:
    """The map of medians and that of the spread; curves over one knob."""
    return phase_figure.figure(found, view)


def idle(experiment: Experiment, focus: Focus) -> set[str]:
    """What plays no part on a map: its points are experiments as they are drawn."""
    return {"trained"}


def in_force(experiment: Experiment, focus: Focus) -> dict[str, str]:
    """What stands where a link says nothing: the usual ends and spacing of its knobs, its lag."""
    usual = {axis: SPANS.get(getattr(focus, axis)) for axis in ("x", "y")}
    found = {
        f"{axis}_{name}": plain(getattr(span, end)) if span else ""
        for axis, span in usual.items()
        for name, end in (("from", "low"), ("to", "high"), ("scale", "scale"))
    }
    return found | {"back": "all of T" if "T" in (focus.x, focus.y) else plain(experiment.T)}
