"""The curves of a phase map over a single knob, and knobs as axes."""

from collections.abc import Iterator

import numpy as np

from app.drawing.figure import (
    DIRECT,
    EXACT,
    FAINT_INK,
    RNN,
    Corner,
    Curves,
    KnobAxis,
    Line,
    Values,
    powers,
    rung,
)
from app.keys import control, words
from app.lenses.phase.computed import Phase
from app.lenses.phase.grid import Side
from app.lenses.phase.quantities import NO_END, QUANTITIES, Quantity
from app.lenses.phase.words import after
from app.links import plain
from app.view import View, label_of

COLOURS = {"direct": DIRECT, "exact": EXACT, "rnn": RNN}
NAMES = {"direct": "direct", "exact": "exact", "rnn": "RNN"}


def axis(found: Phase, its: Side) -> KnobAxis:
    """A knob as an axis."""
    texts = tuple(map(plain, its.values))
    return KnobAxis(its.key, named(found, its.key), np.array(its.values), texts, its.scale)


def named(found: Phase, key: str) -> str:
    """What a knob is called on an axis: with its key, by which the rest goes."""
    declared = control(key)
    assert declared is not None
    label = label_of(declared)
    if label == declared.label:
        label = words(key, found.experiment.cell)[0]
    return label if key in {*label.split(), *label.lower().split()} else f"{label} ({key})"


def curves(found: Phase, quantity: Quantity, view: View) -> Curves:
    """The median over seeds along one knob, its quartiles thinner; survivals with their rivals."""
    x = axis(found, found.grid.x)
    lines = [line for name in found.values for line in with_quartiles(found, name)]
    y = upwards(quantity, lines, view)
    levels = tuple(levelled(x, quantity, y))
    title = quantity.title.format(after=after(found))
    if len(found.values) > 1:
        title = f"Kept {after(found)}"
    if found.focus.seeds > 1:
        title += "; dashed: quartiles"
    return Curves("curves", title, (*levels, *lines), x, y, legend_of(lines, y))


def with_quartiles(found: Phase, name: str) -> Iterator[Line]:
    """One quantity's median, and its quartiles before it."""
    drawn = QUANTITIES[name].drawn(found.quartiles[name][:, 0])
    there = found.counts[0] > 0
    low, middle, high = (np.where(there, values, np.nan)[there] for values in drawn)
    at = np.array(found.grid.x.values)[there]
    colour, short = COLOURS.get(name, EXACT), NAMES.get(name, QUANTITIES[name].name)
    if found.focus.seeds > 1:
        for which, values in (("lower", low), ("upper", high)):
            yield Line(f"{short}, {which} quartile", values, colour, "dash", 1.0, False, at)
    yield Line(short, middle, colour, width=2.5, at=at)


def upwards(quantity: Quantity, lines: list[Line], view: View) -> Values:
    """The axis of what is drawn, in steps of a fixed ladder."""
    if quantity.told == "share":
        return Values(0.0, 1.0, "share")
    if quantity.scale.hatched:
        return powers(lines, float(view.floor))
    seen = [line.values[np.isfinite(line.values) & (line.values < NO_END)] for line in lines]
    ends = np.concatenate([*seen, np.zeros(1)])
    if quantity.told == "log10":
        return Values(
            min(-rung(-float(ends.min())), 0.0), max(4.0, rung(float(ends.max()))), "log10", "steps"
        )
    low, high = -rung(max(10 * -float(ends.min()), 5.0)), rung(max(10 * float(ends.max()), 1.0))
    return Values(low / 10, high / 10, "number", "ln a step")


def levelled(x: KnobAxis, quantity: Quantity, y: Values) -> Iterator[Line]:
    """A faint line for each level that the axis holds."""
    ends = np.array(x.span())
    for level in quantity.levels:
        at = float(quantity.drawn(np.array(level.value)))
        if y.low < at < y.high:
            yield Line(level.legend, np.full(2, at), FAINT_INK, level.dash, 1.0, True, ends)


def legend_of(lines: list[Line], y: Values) -> Corner:
    """Where the legend hides least of the curves: by where they begin and end."""

    def height(first: slice) -> float:
        places = [y.place(line.values[first]) for line in lines if len(line.values)]
        seen = np.concatenate([np.atleast_1d(p) for p in places]) if places else np.zeros(1)
        return float(np.nanmean(seen)) if np.isfinite(seen).any() else 0.5

    third = max((len(line.values) for line in lines), default=0) // 3 + 1
    left, right = height(slice(None, third)), height(slice(-third, None))
    if abs(left - 0.5) >= abs(right - 0.5):
        return "bottom left" if left > 0.5 else "top left"
    return "bottom right" if right > 0.5 else "top right"
