"""The drawing of the steps lens: one unit's gates, state and gradient, and all units' states."""

import numpy as np

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
    Map,
    Sheet,
    TimeAxis,
    Units,
    Values,
    Width,
    powers,
    rung,
)
from app.lenses.gates.figures import COLOURS, FLAT, steep
from app.lenses.highway import read
from app.lenses.steps.computed import Found
from app.view import View

ROW_OF_A_LEGEND, LEAST_HEIGHT = 19, 230  # pixels, of a panel with a legend over its lines
BIAS_OF = {"r": "i", "z": "f", "n": "g", "f′": "f", "i′": "i"}  # whose colour a gate has


def figure(found: Found, view: View) -> Figure:
    """One unit over the whole run, the window marked, and the states of all units beside it."""
    run, H = found.run, found.window.log10_direct.shape[1]
    unit = view.unit if view.unit is not None and view.unit < H else 0
    textbook = found.focus.worked == "textbook"
    time = TimeAxis(run.steps, run.T, read=() if textbook else read(found.experiment))
    own = opened(found, unit, time), held(found, unit, time)
    if textbook:
        return Figure((*own, by_hand(found, time)), BY_HAND, {}, time, None, view.step)
    state = next(iter(run.states))
    every = Map(
        state,
        f"All units: {'cell state c' if state == 'c' else 'state h'}",
        run.states[state],
        time,
        Units(np.arange(H)),
        "state",
        "number",
        ("t", "unit"),
    )
    panels = (every, *own, brought(found, unit, time, float(view.floor)))
    scale = steep(FLAT, ("≤ −2", f"0 ({state})", "≥ 2"))
    return Figure(panels, SHEETS, {"state": scale}, time, unit, view.step)


def opened(found: Found, unit: int, time: TimeAxis) -> Curves:
    """The unit's gates at every step."""
    lines = [
        Line(letter.replace("′", "'"), of[:, unit], COLOURS[BIAS_OF.get(letter, letter)], width=1.5)
        for letter, of in reversed(found.run.gates.items())
        if f"{letter}′" not in found.run.gates  # where gates are normalised, those that count
    ]
    return with_window(found, "gates", f"Unit {unit}: gates", lines, time, around_zero(lines))


def held(found: Found, unit: int, time: TimeAxis) -> Curves:
    """What the unit keeps and what it shows at every step."""
    states = found.run.states
    lines = [
        Line(name, of[:, unit], EXACT if name == next(iter(states)) else INK)
        for name, of in reversed(states.items())
    ]
    of = "cell c, shown as h" if len(states) == 2 else f"state {lines[0].name}"
    return with_window(found, "state", f"Unit {unit}: {of}", lines, time, around_zero(lines))


def brought(found: Found, unit: int, time: TimeAxis, floor: float) -> Curves:
    """What of a gradient at the window's last step comes back to this unit."""
    survival = found.run.survival
    exact, direct = np.full((2, len(time.steps)), np.nan)
    there = np.searchsorted(time.steps, survival.steps)
    exact[there], direct[there] = survival.log10_exact[:, unit], survival.log10_direct[:, unit]
    lines = [
        Line("every path (exact)", exact, EXACT),
        Line("carry alone", direct, DIRECT, "dash"),
    ]
    title, axis = (
        f"Unit {unit}: gradient from step {found.window.last:,} back",
        powers(lines, floor),
    )
    corner: Corner = "bottom right" if -axis.low >= axis.high else "top right"
    return with_window(found, "gradient", title, lines, time, axis, corner)


def by_hand(found: Found, time: TimeAxis) -> Curves:
    """The same for given gates, beside a recurrent weight alone, in plain numbers."""
    assert found.run.rival is not None
    lines = [
        Line("a weight of 0.5 alone", 10.0**found.run.rival, RNN),
        Line("the carry", 10.0 ** found.run.survival.log10_direct[:, 0], DIRECT),
    ]
    axis = Values(0.0, 1.2)
    title = f"Gradient from step {found.window.last} back"
    return with_window(found, "gradient", title, lines, time, axis, "top left")


def around_zero(lines: list[Line]) -> Values:
    """An axis to 1 at least, by a fixed ladder, with room for names above the lines."""
    drawn = np.concatenate([line.values[np.isfinite(line.values)] for line in lines])
    high = rung(max(1.0, float(np.abs(drawn).max(initial=0.0))))
    low = -high if drawn.min(initial=0.0) < 0 else 0.0
    room = (len(lines) * ROW_OF_A_LEGEND + 14) / LEAST_HEIGHT
    return Values(low, high + (high - low) * room / (1 - room))


def with_window(
    found: Found,
    name: str,
    title: str,
    lines: list[Line],
    time: TimeAxis,
    axis: Values,
    corner: Corner = "top right",
) -> Curves:
    """Curves with both ends of the window, as lines from bottom to top."""
    upright = np.array([axis.low, axis.high])
    ends = (
        Line(end, upright, FAINT_INK, "dot", 1.0, False, np.full(2, float(t)))
        for end, t in (("before", found.window.first - 1), ("end", found.window.last))
    )
    return Curves(name, title, (*lines, *ends), time, axis, corner)


SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        700,
        {
            "gates": Box(62, 34, 560, 316),
            **dict.fromkeys(("c", "h"), Box(640, 34, 1092, 316)),
            "state": Box(62, 360, 560, 644),
            "gradient": Box(640, 360, 1092, 644),
        },
        {"state": Box(1110, 34, 1126, 316)},
        frozenset({"state", "gradient"}),
    ),
    "narrow": Sheet(
        360,
        1240,
        {
            "gates": Box(46, 34, 342, 294),
            "state": Box(46, 336, 342, 566),
            "gradient": Box(46, 608, 342, 838),
            **dict.fromkeys(("c", "h"), Box(46, 984, 342, 1176)),
        },
        {"state": Box(46, 920, 326, 932)},
        frozenset({"gradient", "c", "h"}),
    ),
    "preview": Sheet(
        1200,
        630,
        {"gates": Box(66, 152, 590, 574), "gradient": Box(670, 152, 1168, 574)},
        {},
        frozenset({"gates", "gradient"}),
    ),
}

# The textbook's one unit needs no map of units.
BY_HAND: dict[Width, Sheet] = SHEETS | {
    "wide": Sheet(
        1200,
        700,
        {
            "gates": Box(62, 34, 560, 316),
            "state": Box(640, 34, 1138, 316),
            "gradient": Box(62, 360, 1138, 644),
        },
        {},
        frozenset({"gradient"}),
    ),
    "narrow": Sheet(
        360,
        1240,
        {
            "gates": Box(46, 34, 342, 384),
            "state": Box(46, 426, 342, 776),
            "gradient": Box(46, 818, 342, 1176),
        },
        {},
        frozenset({"gradient"}),
    ),
}
