"""A figure as a picture, drawn without a browser: PNG for pages and previews of links, SVG."""

import numpy as np

from app.drawing.figure import (
    FAINT_INK,
    GRID,
    INK,
    NIGHT,
    ROAD,
    ZERO_LINE,
    Figure,
    Map,
    Sheet,
    Width,
)
from app.drawing.panels import (
    AnyPen,
    draw_axis_at_left,
    draw_axis_below,
    draw_bar,
    draw_curves,
    draw_map,
    draw_marks,
)
from app.drawing.pen import Pen
from app.drawing.shades import LOWEST, MOST_SHADES, Colours, rgb_of, shades
from app.drawing.svg import SvgPen

FADES = (1, 0.75, 0.5, 0.25)  # of each ink on its way to black, for the rims of letters
MOST_COLOURS = 256


def png(figure: Figure, width: Width, scale: float = 1.0) -> bytes:
    """The figure as a PNG of its sheet's size times `scale`."""
    sheet = figure.sheets[width]
    pen = Pen(sheet.width, sheet.height, scale)
    return drawn(pen, figure, sheet)


def preview(figure: Figure, title: str, sentence: str) -> bytes:
    """The picture a pasted link shows, 1200 × 630: a title, what is to be seen, the figure."""
    sheet = figure.sheets["preview"]
    pen = Pen(sheet.width, sheet.height, 1.0)
    for x, y, text, size, ink in head(pen, sheet, title, sentence):
        pen.text(x, y, text, size, ink)
    return drawn(pen, figure, sheet)


def svg_in_a_page(figure: Figure, width: Width) -> bytes:
    """The figure as SVG whose letters a page can make larger or smaller: see `SvgPen`."""
    sheet = figure.sheets[width]
    pen = SvgPen(sheet.width, sheet.height, in_a_page=True)
    draw_figure(pen, figure, sheet, MOST_SHADES)
    return pen.svg("", "")


def svg(figure: Figure, width: Width, title: str = "", sentence: str = "") -> bytes:
    """The figure as SVG, complete in itself, its title and what is to be seen above it."""
    sheet = figure.sheets[width]
    pen = SvgPen(sheet.width, sheet.height)
    lines = head(pen, sheet, title, sentence)
    # A preview keeps room for them at its top; on other sheets they stand above it.
    below = (y + 1.5 * size for _, y, _, size, _ in lines)
    above = 0 if width == "preview" else round(max(below, default=0))
    for x, y, text, size, ink in lines:
        pen.text(x, y - above, text, size, ink)
    draw_figure(pen, figure, sheet, MOST_SHADES)
    return pen.svg(title, sentence, above)


Text = tuple[float, float, str, float, str]  # x, y, text, size, ink


def head(pen: AnyPen, sheet: Sheet, title: str, sentence: str) -> list[Text]:
    """A title and a sentence from the top of a sheet on, broken into lines that fit."""
    left, large, small = (56, 28, 18) if sheet.width > 600 else (14, 18, 12)
    if len(broken(pen, sentence, small, sheet.width - 2 * left)) > 2:
        small -= 2
    texts: list[Text] = []
    y = 0.64 * large
    for text, size, ink in ((title, large, INK), (sentence, small, FAINT_INK)):
        for line in broken(pen, text, size, sheet.width - 2 * left):
            texts.append((left, y, line, size, ink))
            y += 1.4 * size
    return texts


def broken(pen: AnyPen, text: str, size: float, width: float) -> list[str]:
    """A text in lines no longer than `width`, as far as its words allow."""
    lines: list[str] = []
    for word in filter(None, text.split(" ")):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and pen.width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def drawn(pen: Pen, figure: Figure, sheet: Sheet) -> bytes:
    """The figure drawn on a sheet, as a PNG whose palette has all of its colours."""
    colours = {line.colour for panel in figure.panels for line in panel.lines}
    inks = [INK, FAINT_INK, GRID, ZERO_LINE, *sorted(colours)]
    faded = [[round(part * fade) for part in rgb_of(ink)] for ink in inks for fade in FADES]
    fixed = np.array([rgb_of(NIGHT), *faded], dtype=np.uint8)
    room = (MOST_COLOURS - len(fixed)) // max(len(figure.scales), 1) - LOWEST
    count = min(room, MOST_SHADES)
    draw_figure(pen, figure, sheet, count)
    every: Colours = np.concatenate([*(shades(s, count) for s in figure.scales.values()), fixed])
    return pen.png(every)


def draw_figure(pen: AnyPen, figure: Figure, sheet: Sheet, count: int) -> None:
    """Every panel that has a place, and the bars of the colour scales, in `count` shades each."""
    for panel in figure.panels:
        if panel.name not in sheet.places:
            continue
        box = sheet.places[panel.name]
        pen.fill(box, ROAD)
        pen.text(box.left, box.top - 6, panel.title, 14, INK, anchor="ls")
        draw_axis_at_left(pen, panel, box)
        draw_axis_below(pen, panel, box, panel.name in sheet.labelled)
        if isinstance(panel, Map):
            draw_map(pen, panel, box, figure.scales[panel.scale], count)
        draw_curves(pen, panel, box)
        draw_marks(pen, panel, figure, box)
    for name, box in sheet.bars.items():
        draw_bar(pen, figure.scales[name], box, count)
