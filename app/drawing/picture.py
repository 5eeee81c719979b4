"""A figure as a PNG, drawn without a browser: first pictures of pages and previews of links."""

import io
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.drawing.figure import (
    ABOVE_SCALE,
    DASHES,
    FAINT_INK,
    GRID,
    HATCH,
    HATCH_PIXELS,
    INK,
    LINE_COLOURS,
    NIGHT,
    ROAD,
    TOP,
    Box,
    ColourScale,
    Curves,
    Figure,
    Floats,
    Line,
    Map,
    Sheet,
    Width,
    power_label,
    ticks_between,
)
from app.drawing.pen import Pen, Points

SHADES = 200  # of the scale; with those of ink, fewer than the 256 of a palette
BRIGHT, DARK, LINES = SHADES, SHADES + 1, SHADES + 2


def png(figure: Figure, width: Width, scale: float = 1.0) -> bytes:
    """The figure as a PNG of its sheet's size times `scale`."""
    sheet = figure.sheets[width]
    pen = Pen(sheet.width, sheet.height, scale)
    draw_figure(pen, figure, sheet)
    return encoded(pen.image, figure.scale)


def preview(figure: Figure, title: str, sentence: str) -> bytes:
    """The picture a pasted link shows, 1200 × 630: a title, what is to be seen, the figure."""
    sheet = figure.sheets["preview"]
    pen = Pen(sheet.width, sheet.height, 1.0)
    pen.text(56, 18, title, 28, INK)
    pen.sentence(56, 58, sentence, 18, sheet.width - 112)
    draw_figure(pen, figure, sheet)
    return encoded(pen.image, figure.scale)


def encoded(image: Image.Image, scale: ColourScale) -> bytes:
    """The image as PNG bytes, with a palette: a quarter of the size of full colour."""
    out = io.BytesIO()
    image.quantize(palette=palette(scale), dither=Image.Dither.NONE).save(out, "PNG")
    return out.getvalue()


@cache
def palette(scale: ColourScale) -> Image.Image:
    """The shades of the scale, and of each ink on its way to black."""
    inks = [rgb_of(ink) for ink in (INK, FAINT_INK, GRID, *LINE_COLOURS)]
    faded = [
        [round(part * share) for part in ink] for ink in inks for share in (1, 0.75, 0.5, 0.25)
    ]
    colours = [*shades(scale).tolist(), list(rgb_of(NIGHT)), *faded]
    image = Image.new("P", (1, 1))
    image.putpalette([part for colour in colours for part in colour])
    return image


def draw_figure(pen: Pen, figure: Figure, sheet: Sheet) -> None:
    """Every panel and the colour scale."""
    for panel in figure.panels:
        if panel.name not in sheet.places:
            continue
        box = sheet.places[panel.name]
        pen.draw.rectangle(pen.box(box), fill=ROAD)
        pen.text(box.left, box.top - 6, panel.title, 14, INK, anchor="ls")
        if isinstance(panel, Map):
            draw_map(pen, panel, figure, box)
        else:
            draw_curves(pen, panel, figure, box)
        draw_time_axis(pen, figure, box, panel.name in sheet.labelled)
    draw_scale(pen, figure.scale, sheet)


def draw_map(pen: Pen, panel: Map, figure: Figure, box: Box) -> None:
    """One map: each pixel takes the colour of the step and the unit it lies in."""
    left, top, right, bottom = pen.box(box)
    columns = columns_at(figure, right - left)
    rows = (np.arange(bottom - top) * len(panel.units)) // max(bottom - top, 1)
    numbers = shade_numbers(panel.log10[:, panel.units], figure.scale).T[::-1]
    paint(pen, numbers[rows][:, columns], figure.scale, left, top)
    for row in ticks_between(0, len(panel.units) - 1, 6):
        if row == int(row):
            y = box.bottom - (row + 0.5) / len(panel.units) * (box.bottom - box.top)
            pen.text(box.left - 6, y, str(panel.units[int(row)]), anchor="rm")
    pen.upright(box.left - 36, (box.top + box.bottom) / 2, "unit")
    if figure.pinned_unit in panel.units:
        row = int(np.flatnonzero(panel.units == figure.pinned_unit)[0])
        height = (box.bottom - box.top) / len(panel.units)
        outline = Box(
            box.left, box.bottom - (row + 1) * height, box.right, box.bottom - row * height
        )
        pen.draw.rectangle(pen.box(outline), outline=INK)


def columns_at(figure: Figure, width: int) -> NDArray[np.intp]:
    """The step (its place among those drawn) in each column of pixels."""
    left, right = figure.time.span()
    share = (np.arange(width) + 0.5) / max(width, 1)
    edges = figure.time.edges()
    if figure.time.scale == "log":
        at = -(left * (right / left) ** share)
        edges = -edges
    else:
        at = left + (right - left) * share
    return np.clip(np.searchsorted(edges, at, "right") - 1, 0, len(figure.time.steps) - 1)


@cache
def shades(scale: ColourScale) -> NDArray[np.uint8]:
    """Colours (SHADES + 3, 3): the scale from floor to top, above it, below it, hatching."""
    _, colours = zip(*scale.stops(), strict=True)
    rgb = np.array([rgb_of(colour) for colour in colours], dtype=np.float64)
    at = np.linspace(0, len(rgb) - 1, SHADES)
    mixed = [np.interp(at, np.arange(len(rgb)), rgb[:, channel]) for channel in range(3)]
    beyond = [rgb_of(colour) for colour in (ABOVE_SCALE, ROAD, HATCH)]
    return np.concatenate([np.stack(mixed, 1).round(), beyond]).astype(np.uint8)


def shade_numbers(log10: Floats, scale: ColourScale) -> NDArray[np.int64]:
    """Which of `shades` each value takes: as many between any two stops, however far apart."""
    values, _ = zip(*scale.stops(), strict=True)
    share = np.interp(log10, values, np.linspace(0, 1, len(values)))
    number = (share * (SHADES - 1)).round().astype(np.int64)
    return np.where(log10 < scale.floor, DARK, np.where(log10 > TOP, BRIGHT, number))


def paint(pen: Pen, numbers: NDArray[np.int64], scale: ColourScale, left: int, top: int) -> None:
    """Put shades on the picture, one a pixel, hatched where they lie below the scale."""
    rows, columns = np.indices(numbers.shape)
    hatched = (rows + columns) % round(HATCH_PIXELS * pen.scale) < pen.scale
    numbers = np.where((numbers == DARK) & hatched, LINES, numbers)
    pen.image.paste(Image.fromarray(np.ascontiguousarray(shades(scale)[numbers])), (left, top))


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green, blue of #rrggbb."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def draw_curves(pen: Pen, panel: Curves, figure: Figure, box: Box) -> None:
    """Curves with their grid, numbers and names."""
    low, high = panel.span(figure.scale.floor)
    height = box.bottom - box.top

    def y_of(value: float) -> float:
        return box.bottom - (value - low) / (high - low) * height

    shown = (0, 0.5, 1) if panel.quantity == "share" else ticks_between(low, high, 7)
    for value in shown:
        pen.line([(box.left, y_of(value)), (box.right, y_of(value))], GRID)
        label = f"{value:g}" if panel.quantity == "share" else power_label(value)
        pen.text(box.left - 6, y_of(value), label, anchor="rm")
    time, width = figure.time, box.right - box.left
    xs = [box.left + time.place(position) * width for position in time.positions().tolist()]
    for line in panel.lines:
        draw_line(pen, line, xs, y_of, box)
    if panel.quantity == "log10":
        draw_names(pen, panel, box, panel.bottom_is_free(figure.scale.floor))


def draw_line(
    pen: Pen, line: Line, xs: list[float], y_of: Callable[[float], float], box: Box
) -> None:
    """One curve with its dashes, interrupted where it is not finite, cut at the panel's sides."""
    finite = np.isfinite(line.values)
    for first, last in runs(finite):
        run = slice(first, last)
        at = np.arange(max(xs[first], box.left), min(xs[last - 1], box.right) + 1)
        ys = np.interp(at, xs[run], [y_of(float(value)) for value in line.values[run]])
        for stretch in dashes(list(zip(at.tolist(), ys.tolist(), strict=True)), line):
            pen.line(stretch, line.colour, line.width)


def dashes(points: Points, line: Line) -> list[Points]:
    """The points of a curve, one a pixel, cut into its dashes."""
    dash, gap = DASHES[line.dash]
    if not gap:
        return [points]
    cut = [points[n : n + dash] for n in range(0, len(points), dash + gap)]
    return [stretch for stretch in cut if len(stretch) > 1]


def runs(finite: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where the stretches of true begin and end (half open)."""
    borders = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in borders.reshape(-1, 2)]


def draw_names(pen: Pen, panel: Curves, box: Box, at_the_bottom: bool) -> None:
    """The legend: each named curve's stroke and name, in the corner that is free."""
    named = [line for line in panel.lines if line.named]
    for row, line in enumerate(named):
        y = (
            box.bottom - 18 - 19 * row
            if at_the_bottom
            else box.top + 18 + 19 * (len(named) - 1 - row)
        )
        pen.text(box.right - 56, y, line.name, 12, anchor="lm")
        across = [(box.right - 98 + n, y) for n in range(35)]
        for stretch in dashes(across, line):
            pen.line(stretch, line.colour, line.width)


def draw_time_axis(pen: Pen, figure: Figure, box: Box, labelled: bool) -> None:
    """Marks under a panel, with numbers and the axis's title where the sheet wants them."""
    time, width = figure.time, box.right - box.left
    for position, label in time.ticks(width):
        x = box.left + time.place(position) * width
        pen.line([(x, box.bottom), (x, box.bottom + 4)], GRID)
        if labelled:
            pen.text(x, box.bottom + 7, label, anchor="ma")
    if labelled:
        pen.text((box.left + box.right) / 2, box.bottom + 24, time.title(), anchor="ma")
    if (step := figure.marked_step) is not None and step <= time.length:
        x = box.left + time.place(time.position(step)) * width
        pen.line([(x, box.top), (x, box.bottom)], INK)


def draw_scale(pen: Pen, scale: ColourScale, sheet: Sheet) -> None:
    """The colour scale with its powers of ten and the caps for what lies beyond its ends."""
    box = sheet.scale
    upright = box.bottom - box.top > box.right - box.left
    left, top, right, bottom = pen.box(box)
    length = bottom - top if upright else right - left
    low, high = scale.floor - scale.beyond(), TOP + scale.beyond()
    along = shade_numbers(np.linspace(low, high, length), scale)
    bar = (
        along[::-1, None].repeat(right - left, 1)
        if upright
        else along[None].repeat(bottom - top, 0)
    )
    paint(pen, bar, scale, left, top)
    for value, label in scale.ticks(max(box.bottom - box.top, box.right - box.left)):
        share = (value - low) / (high - low)
        y = box.bottom - share * (box.bottom - box.top) if upright else box.bottom + 12
        x = box.right + 6 if upright else box.left + share * (box.right - box.left)
        pen.text(x, y, label, anchor="lm" if upright else "mm")
