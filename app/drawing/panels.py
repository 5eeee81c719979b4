"""Panels as a pen draws them, Pillow's or that of SVG."""

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    DASHES,
    GRID,
    INK,
    ZERO_LINE,
    Box,
    ColourScale,
    Figure,
    KnobAxis,
    Line,
    Map,
    Panel,
    TimeAxis,
    Units,
    Values,
)
from app.drawing.marks import RING, marks_of
from app.drawing.pen import Pen
from app.drawing.shades import NOTHING, shade_numbers, shades
from app.drawing.strokes import Points, clipped
from app.drawing.svg import SvgPen

AnyPen = Pen | SvgPen
Places = TimeAxis | Units | KnobAxis

ROW, STROKE = 19, 35  # of a legend: the height of a row, the length of a line's sample
MARK_DASH = (3, 3)
UNSEEN = 0.02  # of a cell's width


def x_of(panel: Panel, box: Box, position: float) -> float:
    """Where a position of the x axis lies on the sheet."""
    return box.left + float(panel.x.place(position)) * (box.right - box.left)


def y_of(panel: Panel, box: Box, position: float) -> float:
    """Where a position of the y axis lies on the sheet."""
    return box.bottom - float(panel.y.place(position)) * (box.bottom - box.top)


def level(y: float, left: float, right: float) -> Points:
    """A line from side to side."""
    return np.array([(left, y), (right, y)])


def plumb(x: float, top: float, bottom: float) -> Points:
    """A line from top to bottom."""
    return np.array([(x, top), (x, bottom)])


def draw_axis_at_left(pen: AnyPen, panel: Panel, box: Box) -> None:
    """Numbers, title and grid of the y axis."""
    ticks = panel.y.ticks(box.bottom - box.top)
    for position, label in ticks:
        y = y_of(panel, box, position)
        if isinstance(panel.y, Values):
            pen.line(level(y, box.left, box.right), grid(panel.y, position))
        pen.text(box.left - 6, y, label, anchor="rm")
    if panel.y.title():
        widest = max((pen.width(label, 12) for _, label in ticks), default=0.0)
        pen.upright(box.left - max(36, widest + 18), (box.top + box.bottom) / 2, panel.y.title())


def draw_axis_below(pen: AnyPen, panel: Panel, box: Box, labelled: bool) -> None:
    """Marks and grid of the x axis, its numbers and title where the sheet wants them."""
    for position, label in panel.x.ticks(box.right - box.left):
        x = x_of(panel, box, position)
        if isinstance(panel.x, Values):
            pen.line(plumb(x, box.top, box.bottom), grid(panel.x, position))
        pen.line(plumb(x, box.bottom, box.bottom + 4), GRID)
        if labelled:
            pen.text(x, box.bottom + 7, label, anchor="ma")
    if labelled:
        pen.text((box.left + box.right) / 2, box.bottom + 24, panel.x.title(), anchor="ma")


def grid(axis: Values, position: float) -> str:
    """The colour of a grid line: that of zero stands out."""
    return ZERO_LINE if position == 0 and axis.low < 0 < axis.high else GRID


def draw_map(pen: AnyPen, panel: Map, box: Box, scale: ColourScale, count: int) -> None:
    """One map: each of the pen's cells takes the colour of the place it lies in."""
    columns = places_along(panel.x, pen.samples(box.left, box.right, even(panel.x)))
    rows = places_along(panel.y, pen.samples(box.top, box.bottom, even(panel.y)))[::-1]
    numbers = np.pad(
        shade_numbers(panel.drawn(), scale, count), ((0, 1), (0, 1)), constant_values=NOTHING
    )
    pen.cells(box, numbers[rows][:, columns], shades(scale, count))


def even(axis: Places) -> int | None:
    """How many places an axis has, if they share its length evenly."""
    if isinstance(axis, Units):
        return len(axis.order)
    if isinstance(axis, KnobAxis):
        widths = np.diff(axis.place(axis.edges())) * len(axis.values)
        return len(axis.values) if np.abs(widths - 1).max() < UNSEEN else None
    whole = axis.scale == "linear" and len(axis.steps) == axis.length - axis.first + 1
    return len(axis.steps) if whole else None


def places_along(axis: Places, count: int) -> NDArray[np.intp]:
    """Which place of an axis each of `count` samples lies in; −1 where there is none."""
    (low, high), edges = axis.span(), axis.edges()
    share = (np.arange(count) + 0.5) / max(count, 1)
    at = low + (high - low) * share
    if isinstance(axis, KnobAxis) and axis.scale == "log":
        at = low * (high / low) ** share
    if isinstance(axis, TimeAxis) and axis.scale == "log":
        at, edges = -low * (high / low) ** share, -edges
    place = np.searchsorted(edges, at, "right") - 1
    return np.where(place < len(edges) - 1, place, -1)


def draw_curves(pen: AnyPen, panel: Panel, box: Box) -> None:
    """Lines, cut at the panel's borders, dots, and the names of the named ones."""
    for line in panel.lines:
        points = points_of(panel, line, box)
        if line.dots:
            draw_dots(pen, line, points, box)
            continue
        pen.strokes(clipped(points, box), line.colour, line.width, DASHES[line.dash])
    if panel.legend:
        draw_legend(pen, panel, box)


def points_of(panel: Panel, line: Line, box: Box) -> Points:
    """Where a line's values lie on the sheet; nan where there is none."""
    x = box.left + panel.x.place(panel.places(line)) * (box.right - box.left)
    y = box.bottom - panel.y.place(line.values) * (box.bottom - box.top)
    return np.stack([x, y], axis=1)


def draw_dots(pen: AnyPen, line: Line, points: Points, box: Box) -> None:
    """Dots, whole where their middle lies within the panel."""
    low, high = np.array([box.left, box.top]), np.array([box.right, box.bottom])
    for x, y in points[((points >= low) & (points <= high)).all(axis=1)].tolist():
        pen.dot(x, y, line.width, line.colour)


def draw_legend(pen: AnyPen, panel: Panel, box: Box) -> None:
    """A sample and the name of each named line, the last one on top."""
    named = [line for line in panel.lines if line.named and len(line.values)]
    widest = max((pen.width(line.name, 12) for line in named), default=0.0)
    upper, side = panel.legend.split()
    left = box.right - 8 - widest if side == "right" else box.left + 15 + STROKE
    top = box.top + 18 if upper == "top" else box.bottom - 18 - ROW * (len(named) - 1)
    bottom = top + ROW * (len(named) - 0.5) + 3
    pen.veil(Box(left - STROKE - 11, top - ROW / 2 - 3, left + widest + 4, bottom))
    for row, line in enumerate(reversed(named)):
        y = top + ROW * row
        pen.text(left, y, line.name, 12, anchor="lm")
        if line.dots:
            pen.dot(left - 7 - STROKE / 2, y, line.width, line.colour)
            continue
        sample = level(y, left - 7 - STROKE, left - 7)
        pen.line(sample, line.colour, line.width, DASHES[line.dash])


def draw_marks(pen: AnyPen, panel: Panel, figure: Figure, box: Box) -> None:
    """The pinned unit and the marked step."""
    for mark in marks_of(panel, figure):
        if mark.x is not None and mark.y is not None:
            pen.ring(x_of(panel, box, mark.x[0]), y_of(panel, box, mark.y[0]), RING, INK)
            continue
        left, right = (x_of(panel, box, at) for at in mark.x) if mark.x else (box.left, box.right)
        bottom, top = (y_of(panel, box, at) for at in mark.y) if mark.y else (box.bottom, box.top)
        if left < right and top < bottom:
            pen.outline(Box(left, top, right, bottom), INK)
            continue
        pen.line(np.array([(left, top), (right, bottom)]), INK, dash=MARK_DASH)


def draw_bar(pen: AnyPen, scale: ColourScale, box: Box, count: int) -> None:
    """A colour scale with its marks and the caps for what lies beyond its ends."""
    width, height = box.right - box.left, box.bottom - box.top
    stands = height > width
    low, high = scale.bar()
    columns = pen.samples(box.left, box.right, 1 if stands else None)
    rows = pen.samples(box.top, box.bottom, None if stands else 1)
    along = np.linspace(high, low, rows)[:, None] if stands else np.linspace(low, high, columns)
    numbers = shade_numbers(np.broadcast_to(along, (rows, columns)), scale, count)
    pen.cells(box, numbers, shades(scale, count))
    for value, label in scale.ticks(max(width, height)):
        share = (value - low) / (high - low)
        if stands:
            pen.text(box.right + 6, box.bottom - share * height, label, anchor="lm")
        else:
            pen.text(box.left + share * width, box.bottom + 12, label, anchor="mm")
