"""The drawing of the horizon lens: curves over time, horizons by unit, biases that keep half."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    DIRECT,
    EXACT,
    FAINT_INK,
    INK,
    RNN,
    Box,
    Corner,
    Curves,
    Figure,
    Line,
    Sheet,
    TimeAxis,
    Units,
    Values,
    Width,
    powers,
    rung,
)
from app.knobs import Experiment
from app.lenses.gates.figures import decades
from app.lenses.highway import read, steps_lagged, steps_told
from app.lenses.horizon.computed import SAID, THRESHOLDS, Array, Fit, Reach, of_the_bias_alone
from app.view import View
from lstm_engine import CELLS

OURS, BESIDE = "#ffe08a", "#c792ea"
LEFT = {"½": 0.5} | {SAID[name]: THRESHOLDS[name] for name in ("1e-3", "1e-6", "float32")}
DOTS = (OURS, "#ff9a8c", "#c85f5c", "#8b4257")
USUAL_STEPS = np.array([0.1, 100.0])  # the least that the axis of horizons shows
ROOM = 0.6  # above the dots, for the legend, in their own height
LEVEL = "1e-3"
OVERS = np.geomspace(1.0, 1e5, 200)


def figure(found: Reach, view: View) -> Figure:
    """All three panels; where nothing is ever forgotten the first one alone."""
    experiment = found.experiment
    unit = view.unit if view.unit is not None and view.unit < experiment.H else None
    steps = steps_told(experiment.T) if view.lag == "linear" else steps_lagged(experiment.T)
    time = TimeAxis(steps, experiment.T, view.lag, read(experiment))
    panels: tuple[Curves, ...] = (kept(found, time, unit, float(view.floor)),)
    if "f" in CELLS[experiment.cell].GATES:
        panels = (*panels, by_unit(found), biases(found))
    return Figure(panels, ALONE if len(panels) == 1 else SHEETS, {}, time, unit, view.step)


def kept(found: Reach, time: TimeAxis, unit: int | None, floor: float) -> Curves:
    """What is kept at each step, the straight line through each curve, the thresholds."""
    at = time.steps
    curves = {
        "rnn": Line("RNN", found.rnn.exact_rms[at], RNN),
        "direct": Line("direct", found.cell.direct_rms[at], DIRECT, "dash"),
        "exact": Line("exact", found.cell.exact_rms[at], EXACT),
    }
    drawn = list(curves.values())
    if unit is not None:
        direct, exact = found.cell.log10_direct[at, unit], found.cell.log10_exact[at, unit]
        drawn += [
            Line(f"direct, unit {unit}", direct, DIRECT, "dash", 1.0, False),
            Line(f"exact, unit {unit}", exact, EXACT, "solid", 1.0, False),
        ]
    size = powers(drawn, floor)
    straight = [
        straightened(line, found.fits[curve], time)
        for curve, line in curves.items()
        if found.fits[curve].lags > 1
    ]
    corner: Corner = "bottom right" if -size.low >= size.high else "top right"
    title = "Gradient kept; dotted: straight lines"
    lines = (*thresholds(time, size), *drawn, *straight)
    return Curves("kept", title, lines, time, size, corner)


def straightened(line: Line, its: Fit, time: TimeAxis) -> Line:
    """The straight line through a curve."""
    values = its.at_end + its.a_step * (time.length - time.steps)
    return Line(f"{line.name}, straight line", values, INK, "dot", 1.5, False)


def thresholds(time: TimeAxis, size: Values) -> tuple[Line, ...]:
    """A level line for each threshold that the axis holds."""
    left, right = time.span()
    at = np.array([left, right + 1e-3])  # on no step, so that none of them has it told
    levels = {SAID[name]: math.log10(least) for name, least in THRESHOLDS.items()}
    inside = {said: level for said, level in levels.items() if level >= size.low}
    names = ", ".join(inside)
    return tuple(
        Line(names, np.full(2, level), FAINT_INK, "dash", 1.0, n == 0, at)
        for n, level in enumerate(inside.values())
    )


def by_unit(found: Reach) -> Curves:
    """How many steps leave each unit's direct path a half, and so on; the units sorted by it."""
    order = np.argsort(found.half_life, kind="stable")
    lines = (*levels(found), *left(found, order))
    seen = np.concatenate([USUAL_STEPS, *(line.values for line in lines)])
    low, top = decades(seen[~np.isnan(seen)])
    high = decades(np.array([top * (top / low) ** ROOM]))[1]
    y, units = (
        Values(low, high, "number", "", "log"),
        Units(order, "unit, the shortest memory first"),
    )
    title = "Direct path, steps until so much is left"
    return Curves("units", title, lines, units, y, "top left")


def left(found: Reach, order: NDArray[np.int64]) -> Iterator[Line]:
    """A dot for each unit and threshold; ln θ / ln ½ half-lives leave θ."""
    lives = np.where(drawable(found.half_life), found.half_life, np.nan)[order]
    for (said, least), colour in reversed(list(zip(LEFT.items(), DOTS, strict=True))):
        steps = lives * math.log(least) / math.log(0.5)
        yield Line(f"{said} is left", steps, colour, width=4.0, dots=True, units=order)


def levels(found: Reach) -> Iterator[Line]:
    """How far both networks' exact gradients keep a thousandth."""
    span = np.array([-0.5, found.experiment.H - 0.5])
    for name, curve, colour in (("RNN", "rnn", RNN), ("exact", "exact", EXACT)):
        if lag := found.furthest[curve][LEVEL]:
            level = np.full(2, float(lag))
            yield Line(f"{name} to {SAID[LEVEL]}", level, colour, "dash", 1.2, at=span)


def biases(found: Reach) -> Curves:
    """The bias that keeps half over any number of steps, and what the units need over this one."""
    need, now = found.needed, found.experiment.b_f
    there = np.isfinite(need.b_f)
    low, high = float(need.b_f[there].min(initial=now)), float(need.b_f[there].max(initial=now))
    y = Values(-rung(max(2.0, -low)), rung(max(15.0, high)), "number")
    over = np.full(there.sum(), float(need.over))
    lines = (
        Line("", np.array([y.low, y.high]), FAINT_INK, "dash", 1.0, False, np.full(2, need.over)),
        Line(f"b_f now, {now:g}".replace("-", "−"), np.full(2, now), FAINT_INK, at=OVERS[[0, -1]]),
        *alone(found.experiment),
        Line(
            "these units",
            need.b_f[there],
            OURS,
            width=5.0,
            at=over,
            dots=True,
            units=np.flatnonzero(there),
        ),
    )
    x = Values(1.0, 1e5, "number", "steps over which half is kept", "log")
    return Curves("biases", "The bias b_f that keeps half", lines, x, y, "top left")


def alone(experiment: Experiment) -> Iterator[Line]:
    """The bias of a gate that sees nothing else, over any number of steps, where there is one."""
    cell = CELLS[experiment.cell]
    both = np.array([of_the_bias_alone(cell, experiment.b_i, over) for over in OVERS]).T
    names = ("a bias alone", "a bias alone, b_i = −b_f")
    for name, values, colour in zip(names, both, (DIRECT, BESIDE), strict=True):
        if not np.isnan(values).all():
            yield Line(name, values, colour, "dash", at=OVERS)


def drawable(half_life: Array) -> NDArray[np.bool_]:
    """Which half-lives an axis of plain numbers can hold."""
    return (half_life > 1e-30) & (half_life < 1e30)


SIZES: dict[Width, tuple[int, int]] = {
    "wide": (1200, 744),
    "narrow": (360, 1170),
    "preview": (1200, 630),
}
PLACES: dict[Width, dict[str, Box]] = {
    "wide": {
        "kept": Box(56, 34, 596, 688),
        "units": Box(676, 34, 1164, 394),
        "biases": Box(676, 484, 1164, 688),
    },
    "narrow": {
        "kept": Box(46, 34, 332, 334),
        "units": Box(46, 424, 332, 774),
        "biases": Box(46, 864, 332, 1114),
    },
    "preview": {
        "kept": Box(56, 142, 600, 574),
        "units": Box(676, 142, 1164, 352),
        "biases": Box(676, 434, 1164, 574),
    },
}
WHOLE: dict[Width, Box] = {
    "wide": Box(56, 34, 1164, 688),
    "narrow": Box(46, 34, 332, 1114),
    "preview": Box(56, 142, 1164, 574),
}
SHEETS = {w: Sheet(*SIZES[w], places, {}, frozenset(places)) for w, places in PLACES.items()}
ALONE = {w: Sheet(*SIZES[w], {"kept": box}, {}, frozenset({"kept"})) for w, box in WHOLE.items()}
