"""The drawing of the gates lens: maps of the gates and of the states, and what comes of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    FAINT_INK,
    INK,
    Box,
    ColourScale,
    Curves,
    Figure,
    Line,
    Map,
    Panel,
    Sheet,
    TimeAxis,
    Units,
    Values,
    Width,
    powers,
    rung,
    share,
)
from app.lenses.gates.computed import Array, Gates, Trade
from app.lenses.highway import read
from app.view import View
from lstm_engine.gates import LN10, log_sigmoid_slope, softplus
from lstm_engine.horizon import half_life

SIGNED = (
    *("#a8f0e6", "#12b5c9", "#1a6c85", "#14384d", "#0b0d12"),
    *("#45272c", "#8a4a2c", "#ee8a2b", "#ffe08a"),
)
COLOURS = {"i": "#56c2e6", "f": "#ffe08a", "g": "#7ddc9b", "o": "#f28fd0"}
SIZES: dict[Width, tuple[int, int]] = {
    "wide": (1200, 790),
    "narrow": (360, 1558),
    "preview": (1200, 630),
}
FLAT = 2.0  # from there on tanh is flat: its slope is below a tenth
USUAL_HALF_LIVES = (0.1, 1e4)  # the least that their axis shows


def figure(found: Gates, view: View) -> Figure:
    """Gates, states, and curves: the cell's size, what is learnt, what keeping costs."""
    time = TimeAxis(found.steps, found.experiment.T, read=read(found.experiment))
    units = Units(rows(found, view))
    above, below = gate_maps(found, time, units), state_maps(found, time, units)
    curves: tuple[Curves, ...] = (size(found, time), learnt(found, time, float(view.floor)))
    if found.trade is not None:
        curves = (*curves, price(found.trade, found.gates["f"].symbol, found.experiment.T))
    scales = {
        "gate": share("shut", "open"),
        "signed": steep(1.0, ("−1", zero(below, "signed"), "1")),
        "state": steep(FLAT, ("≤ −2", zero(below, "state"), "≥ 2")),
    }
    pinned = view.unit if view.unit is not None and view.unit < found.experiment.H else None
    sheets = laid_out(above, below, curves)
    used = {name: scales[name] for name in sheets["wide"].bars}
    return Figure((*above, *below, *curves), sheets, used, time, pinned, view.step)


def steep(limit: float, marks: tuple[str, str, str]) -> ColourScale:
    """−limit … limit, most colours near 0: what a cell holds is often small, and counts."""
    at = (-1.0, -0.5, -0.15, -0.04, 0.0, 0.04, 0.15, 0.5, 1.0)
    stops = tuple((limit * share, colour) for share, colour in zip(at, SIGNED, strict=True))
    return ColourScale(stops, tuple(zip((-limit, 0.0, limit), marks, strict=True)))


def zero(maps: tuple[Map, ...], scale: str) -> str:
    """The middle of a scale, with the symbols of what is drawn on it."""
    return f"0 ({', '.join(m.name.split()[-1] for m in maps if m.scale == scale)})"


def rows(found: Gates, view: View) -> NDArray[np.int64]:
    """The unit in each row, the lowest first: unit 0 at the bottom, or the one that keeps least."""
    if view.order == "index" or found.trade is None:
        return np.arange(found.experiment.H)
    return np.argsort(found.trade.log10_kept, kind="stable")


def gate_maps(found: Gates, time: TimeAxis, units: Units) -> tuple[Map, ...]:
    """Every gate that opens and shuts; where it is one gate that also writes, its complement."""
    of_gates = [
        (f"{gate.name} {gate.symbol}", gate.value)
        for letter, gate in found.gates.items()
        if letter != "g"
    ]
    if found.experiment.cell == "coupled":
        of_gates.insert(1, ("input gate i = 1 − f", found.step.write))
    return tuple(
        Map(name, name.capitalize(), values, time, units, "gate", "share")
        for name, values in of_gates
    )


def state_maps(found: Gates, time: TimeAxis, units: Units) -> tuple[Map, ...]:
    """The candidate, the cell, the visible state; what has no ends of its own on a wider scale."""
    candidate, own_cell = found.gates["g"], found.step.state == "c"
    scale = "state" if np.isnan(candidate.low).all() else "signed"
    drawn = [(f"candidate {candidate.symbol}", candidate.value, scale)]
    drawn += [("cell c", found.c, "state")] if own_cell else []
    drawn += [("visible state h" if own_cell else "state h", found.h, scale)]
    return tuple(
        Map(name, name.capitalize(), values, time, units, of, "number")
        for name, values, of in drawn
    )


def size(found: Gates, time: TimeAxis) -> Curves:
    """How large the state has grown, step by step."""
    state, high = found.step.state, Values(0.0, rung(1.3 * found.peak), "number")
    lines = (
        Line("largest", found.largest, FAINT_INK, width=1.5),
        Line("rms over units", found.rms, INK),
    )
    name = "cell" if state == "c" else "state"
    return Curves("size", f"Size of the {name}, |{state}|", lines, time, high, "top left")


def learnt(found: Gates, time: TimeAxis, floor: float) -> Curves:
    """The gradient at each gate, on both sides of its nonlinearity."""
    lines: list[Line] = []
    for letter, gate in found.gates.items():
        colour, first = COLOURS[letter], not lines
        before = Line("before", gate.log10_before, colour, "dash", 1.2, first)
        after = Line(gate.symbol, gate.log10_after, colour)
        lines += [known(before, time), known(after, time)]
    title = "Gradient at each gate, rms over units"
    return Curves("learnt", title, tuple(lines), time, powers(lines, floor), "top left")


def known(line: Line, time: TimeAxis) -> Line:
    """A line without what is not known: in a curve of logarithms a gap would say zero."""
    there = ~np.isnan(line.values)
    if there.all():
        return line
    return replace(line, values=line.values[there], at=time.positions()[there])


def price(trade: Trade, symbol: str, T: int) -> Curves:
    """What keeping costs: the slope of a gate against the half-life of what it keeps."""
    a, there = np.linspace(-25.0, 40.0, 400), trade.drawable()
    at_rest, lives, slopes = half_life(-softplus(-a)), trade.half_life[there], trade.log10_slope
    low, high = decades(np.concatenate([lives, [*USUAL_HALF_LIVES, T]]))
    least, inside = (
        -rung(max(5.0, -float(slopes[there].min(initial=0.0)))),
        (at_rest >= low) & (at_rest <= high),
    )
    span = np.array([least, 0.0])
    lines = (
        Line(f"T = {T:,}", span, FAINT_INK, "dash", 1.0, at=np.full(2, float(T))),
        Line("a gate at rest", log_sigmoid_slope(a[inside]) / LN10, FAINT_INK, at=at_rest[inside]),
        Line(
            "these units", slopes[there], COLOURS["f"], "solid", 6.0, True, lives, True,
            np.flatnonzero(there),
        ),
    )  # fmt: skip
    x = Values(low, high, "number", f"half-life of what {symbol} keeps, steps", "log")
    slope = Values(least, 0.0, "log10")
    return Curves(
        "price", f"The price of keeping: slope of {symbol}", lines, x, slope, "bottom left"
    )


def decades(values: Array) -> tuple[float, float]:
    """The powers of ten around some positive numbers."""
    low, high = np.log10(values.min()), np.log10(values.max())
    return 10.0 ** float(np.floor(low + 1e-9)), 10.0 ** float(np.ceil(high - 1e-9))


def laid_out(
    above: tuple[Panel, ...], below: tuple[Map, ...], curves: tuple[Panel, ...]
) -> dict[Width, Sheet]:
    """Two rows of maps and one of curves, each as wide as the sheet; on phones one column."""
    states = list(dict.fromkeys(panel.scale for panel in below))
    lowest = frozenset(panel.name for panel in (*below, *curves))
    wide = across(above, 34, 204) | across(below, 246, 416) | across(curves, 512, 732)
    narrow = down((*above, *below), 88, 760, 30) | down(curves, 848, 1500, 82)
    upright = [Box(1110, 34, 1126, 204), *bars_between(246, 416, len(states))]
    lying = [Box(28 + 118 * n, 20, 98 + 118 * n, 34) for n in range(3)]
    names = ["gate", *states]
    preview = across(above, 142, 326) | across(curves, 392, 584)
    return {
        "wide": Sheet(*SIZES["wide"], wide, dict(zip(names, upright, strict=True)), lowest),
        "narrow": Sheet(
            *SIZES["narrow"],
            narrow,
            dict(zip(names, lying, strict=False)),
            lowest - {panel.name for panel in below[:-1]},
        ),
        "preview": Sheet(*SIZES["preview"], preview, {"gate": Box(1110, 142, 1126, 326)}, lowest),
    }


def across(panels: Sequence[Panel], top: float, bottom: float) -> dict[str, Box]:
    """Panels side by side."""
    gap = 64.0
    width = (1092 - 56 + gap) / len(panels)
    return {
        panel.name: Box(56 + width * n, top, 56 + width * (n + 1) - gap, bottom)
        for n, panel in enumerate(panels)
    }


def down(panels: Sequence[Panel], top: float, bottom: float, gap: float) -> dict[str, Box]:
    """Panels one under the other, as wide as a phone."""
    height = (bottom - top + gap) / len(panels)
    return {
        panel.name: Box(46, top + height * n, 338, top + height * (n + 1) - gap)
        for n, panel in enumerate(panels)
    }


def bars_between(top: float, bottom: float, count: int) -> list[Box]:
    """Upright colour bars one under the other."""
    gap = 18.0
    height = (bottom - top + gap) / count
    return [Box(1110, top + height * n, 1126, top + height * (n + 1) - gap) for n in range(count)]


SHEETS: dict[Width, Sheet] = {  # the size of any cell's; its places are in its figure
    width: Sheet(*size, {}, {}, frozenset()) for width, size in SIZES.items()
}
