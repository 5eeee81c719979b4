"""The drawing of a phase map: medians over seeds, how far seeds lie apart; or curves."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from contourpy import LineType, contour_generator

from app.drawing.figure import (
    ABOVE_SCALE,
    INK,
    NIGHT,
    Box,
    Corner,
    Figure,
    Line,
    Map,
    Sheet,
    Width,
)
from app.drawing.figure import kept as night_road
from app.lenses.phase.computed import Phase
from app.lenses.phase.curves import axis, curves
from app.lenses.phase.grid import Array, Numbers, Side
from app.lenses.phase.quantities import QUANTITIES, Level, Quantity, said
from app.lenses.phase.words import after, seeds_of
from app.view import View

DEEPEST = -40.0  # lines run between logarithms no lower than this
HERE = "#ffffff"


def figure(found: Phase, view: View) -> Figure:
    """The map with its lines and the spread beside it, or curves."""
    quantity = QUANTITIES[found.quantity]
    if found.grid.y is None:
        return Figure((curves(found, quantity, view),), CURVES, {})
    scale = quantity.scale
    if quantity.unit == "log10":
        scale = night_road(float(view.floor))
    if not found.counts.any():
        scale = replace(scale, hatched=False)  # what is not there yet is no zero
    scales = {"median": scale, "spread": quantity.spread}
    if found.focus.seeds == 1:
        return Figure((median(found, quantity),), OF_ONE_SEED, {"median": scale})
    return Figure((median(found, quantity), spread(found, quantity)), SHEETS, scales)


def median(found: Phase, quantity: Quantity) -> Map:
    """The map itself."""
    assert found.grid.y is not None
    x, y = axis(found, found.grid.x), axis(found, found.grid.y)
    down, across = found.nearest()
    drawn = quantity.drawn(found.median)[down, across]
    title = quantity.title.format(after=after(found))
    return Map(
        "map",
        title if found.focus.seeds == 1 else f"{title}: median",
        drawn.T,
        x,
        y,
        "median",
        quantity.told,
        ("", ""),
        (*lost(found), *contours(found, quantity), *here(found)),
        corner(found, drawn),
        quantity.name,
        tuple(tuple(cells(found, quantity, row)) for row in range(len(y.values))),
    )


def corner(found: Phase, drawn: Array) -> Corner:
    """Where the legend hides least: the quarter of the map that is most even."""
    ny, nx = drawn.shape
    corners: dict[Corner, Array] = {
        "top left": drawn[ny - ny // 3 - 1 :, : nx // 2 + 1],
        "bottom right": drawn[: ny // 3 + 1, nx // 2 :],
        "top right": drawn[ny - ny // 3 - 1 :, nx // 2 :],
        "bottom left": drawn[: ny // 3 + 1, : nx // 2 + 1],
    }

    def uneven(values: Array) -> float:
        finite = values[np.isfinite(values)]
        return float(np.ptp(np.clip(finite, -12.0, 12.0))) if finite.size else 0.0

    return min(corners, key=lambda name: uneven(corners[name]))


def cells(found: Phase, quantity: Quantity, row: int) -> Iterator[str]:
    """What is said of each point in a row: median, quartiles, over how many seeds."""
    low, middle, high = found.quartiles[found.quantity][:, row]
    for n, count in enumerate(found.counts[row].tolist()):
        if not count:
            yield "not there yet"
        elif math.isnan(middle[n]):
            yield "no number"
        elif count == 1:
            yield f"{said(quantity, float(middle[n]))} (1 seed)"
        else:
            ends = f"{said(quantity, float(low[n]))} … {said(quantity, float(high[n]))}"
            yield f"{said(quantity, float(middle[n]))} (quartiles {ends})"


def spread(found: Phase, quantity: Quantity) -> Map:
    """How far the quartiles over seeds lie apart."""
    assert found.grid.y is not None
    x, y = axis(found, found.grid.x), axis(found, found.grid.y)
    down, across = found.nearest(2)
    low, _, high = found.quartiles[found.quantity]
    # One seed alone says nothing of how far others lie.
    apart = np.where(found.counts > 1, quantity.apart(low, high), np.nan)
    unit = "decades" if quantity.decades else ""
    return Map(
        "spread",
        f"Between quartiles of {seeds_of(found)}" + (f", {unit}" if unit else ""),
        apart[down, across].T,
        x,
        y,
        "spread",
        "number",
        ("", ""),
        told=f"between quartiles, {unit}" if unit else "between quartiles",
    )


def contours(found: Phase, quantity: Quantity) -> Iterator[Line]:
    """A line for each level that the map reaches, in one piece after the other."""
    if found.whole_lattice is None or found.grid.y is None:
        return
    rows, columns = found.whole_lattice
    ground = quantity.drawn(found.median[np.ix_(rows, columns)])
    if min(ground.shape) < 2:
        return
    x, y = (placed(its, at) for its, at in ((found.grid.x, columns), (found.grid.y, rows)))
    ground = np.ma.masked_invalid(np.where(np.isneginf(ground), DEEPEST, ground))
    lines = contour_generator(
        x, y, np.clip(ground, DEEPEST, -DEEPEST), line_type=LineType.ChunkCombinedNan
    )
    for level in reversed(quantity.levels):
        points = lines.lines(float(quantity.drawn(np.array(level.value))))[0][0]
        if points is not None:
            line = contour(found, level, points)
            yield replace(line, colour=NIGHT, dash="solid", width=line.width + 1.8, named=False)
            yield line


def placed(its: Side, at: Numbers) -> Array:
    """Where values of a knob stand, evenly where its axis is logarithmic."""
    values = np.array(its.values, dtype=np.float64)[at]
    return np.log(values) if its.scale == "log" else values


def contour(found: Phase, level: Level, points: Array) -> Line:
    """One level's line."""
    x, y = points.T
    assert found.grid.y is not None
    x = np.exp(x) if found.grid.x.scale == "log" else x
    y = np.exp(y) if found.grid.y.scale == "log" else y
    return Line(level.legend, y, INK, level.dash, 1.8, at=x)


def lost(found: Phase) -> Iterator[Line]:
    """A dot where every state left float64: no colour stands for that."""
    assert found.grid.y is not None
    rows, columns = np.nonzero((found.counts > 0) & np.isnan(found.median))
    if len(rows):
        x, y = (
            np.array(its.values)[at] for its, at in ((found.grid.x, columns), (found.grid.y, rows))
        )
        yield Line("states leave float64", y, ABOVE_SCALE, width=4.0, at=x, dots=True)


def here(found: Phase) -> Iterator[Line]:
    """A dot where the link's own experiment lies, if it lies on the map."""
    own, sides = found.experiment, found.grid.sides
    at = [float(getattr(own, its.key)) for its in sides]
    if all(its.values[0] <= value <= its.values[-1] for its, value in zip(sides, at, strict=True)):
        dot = Line(
            "this experiment", np.array(at[1:]), HERE, width=7.0, at=np.array(at[:1]), dots=True
        )
        yield replace(dot, colour=NIGHT, width=10.0, named=False)
        yield dot


BOTH = frozenset({"map", "spread"})
SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        640,
        {"map": Box(66, 34, 662, 584), "spread": Box(806, 34, 1100, 584)},
        {"median": Box(676, 34, 692, 584), "spread": Box(1114, 34, 1130, 584)},
        BOTH,
    ),
    "narrow": Sheet(
        360,
        906,
        {"map": Box(52, 88, 342, 400), "spread": Box(52, 530, 342, 842)},
        {"median": Box(40, 20, 336, 34), "spread": Box(40, 462, 336, 476)},
        BOTH,
    ),
    "preview": Sheet(
        1200,
        630,
        {"map": Box(66, 142, 662, 574), "spread": Box(806, 142, 1100, 574)},
        {"median": Box(676, 142, 692, 574), "spread": Box(1114, 142, 1130, 574)},
        BOTH,
    ),
}
ALONE = {
    "wide": Box(66, 34, 1164, 584),
    "narrow": Box(52, 34, 342, 384),
    "preview": Box(66, 142, 1164, 574),
}
HEIGHTS = {"wide": 640, "narrow": 446, "preview": 630}
CURVES: dict[Width, Sheet] = {
    width: Sheet(sheet.width, HEIGHTS[width], {"curves": ALONE[width]}, {}, frozenset({"curves"}))
    for width, sheet in SHEETS.items()
}
OF_ONE_SEED: dict[Width, Sheet] = {
    "wide": Sheet(
        1200, 640, {"map": Box(66, 34, 1070, 584)}, {"median": Box(1086, 34, 1102, 584)}, BOTH
    ),
    "narrow": Sheet(
        360, 464, {"map": Box(52, 88, 342, 400)}, {"median": Box(40, 20, 336, 34)}, BOTH
    ),
    "preview": Sheet(
        1200, 630, {"map": Box(66, 142, 1070, 574)}, {"median": Box(1086, 142, 1102, 574)}, BOTH
    ),
}
