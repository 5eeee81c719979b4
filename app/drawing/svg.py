"""Drawing as SVG: the same strokes as those of `pen`, at any size, in the reader's own font."""

import base64
import re
from xml.sax.saxutils import escape

from app.drawing.figure import FAINT_INK, HATCH, HATCH_PIXELS, NIGHT, ROAD, VEIL, Box
from app.drawing.pen import Pen, cells_png
from app.drawing.shades import BELOW, Colours, Numbers
from app.drawing.strokes import WHOLE, DashPixels, Points

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
ANCHORS = {"l": "start", "m": "middle", "r": "end"}
# How far the baseline lies below a text's top, its middle and itself, as a share of its size.
DOWN = {"a": 0.82, "m": 0.35, "s": 0.0}
# Fonts are wider than the one that measures, some of them by this much.
WIDER = 1.2
SAMPLES_A_PIXEL = 2  # of a map whose cells are not all of one width


class SvgPen:
    """A sheet to draw on with the methods of `Pen`.

    Letters `in_a_page` are so many times its font's size, one pixel unless the page says otherwise.
    """

    def __init__(self, width: int, height: int, *, in_a_page: bool = False) -> None:
        self.size = (width, height)
        self.unit, self.root = ("em", 'font-size="1px" ') if in_a_page else ("", "")
        self.parts: list[str] = []
        self.ruler = Pen(1, 1, 4.0)

    def svg(self, title: str, sentence: str, above: int = 0) -> bytes:
        """The sheet as a document, complete in itself, with so many pixels above its top."""
        width, height = self.size[0], self.size[1] + above
        root = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 {-above} {width} {height}" role="img" {self.root}font-family="{FONT}">'
        )
        names = [f"<title>{plainly(title)}</title>", f"<desc>{plainly(sentence)}</desc>"]
        sheet = f'<rect y="{-above}" width="{width}" height="{height}" fill="{NIGHT}"/>'
        return "\n".join([root, *names, HATCHING, sheet, *self.parts, "</svg>\n"]).encode()

    def fill(self, box: Box, colour: str) -> None:
        """A box full of a colour."""
        self.parts.append(f'<rect {sides(box)} fill="{colour}"/>')

    def veil(self, box: Box) -> None:
        """A box in which all that is there already fades."""
        self.parts.append(f'<rect {sides(box)} fill="{ROAD}" fill-opacity="{VEIL}"/>')

    def outline(self, box: Box, colour: str) -> None:
        """The rim of a box."""
        self.parts.append(f'<rect {sides(box)} fill="none" stroke="{colour}"/>')

    def line(
        self, points: Points, colour: str, width: float = 1.0, dash: DashPixels = WHOLE
    ) -> None:
        """A line through points."""
        self.strokes([points], colour, width, dash)

    def strokes(
        self, stretches: list[Points], colour: str, width: float, dash: DashPixels = WHOLE
    ) -> None:
        """The stretches of a curve."""
        path = "".join(
            "M" + "L".join(f"{x:.5g} {y:.5g}" for x, y in stretch.tolist()) for stretch in stretches
        )
        on, off = dash
        dashed = f'stroke-dasharray="{on:g} {off:g}" ' if off else ""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
            f'{dashed}stroke-linejoin="round"/>'
        )

    def dot(self, x: float, y: float, diameter: float, colour: str) -> None:
        """A dot around a point."""
        self.parts.append(
            f'<circle cx="{x:.5g}" cy="{y:.5g}" r="{diameter / 2:g}" fill="{colour}"/>'
        )

    def ring(self, x: float, y: float, radius: float, colour: str) -> None:
        """A ring around a point."""
        place = f'cx="{x:.5g}" cy="{y:.5g}" r="{radius:g}"'
        self.parts.append(f'<circle {place} fill="none" stroke="{colour}"/>')

    def samples(self, low: float, high: float, places: int | None) -> int:
        """How many cells a map is sampled at from one side to the other: its own, or many."""
        return places or round((high - low) * SAMPLES_A_PIXEL)

    def cells(self, box: Box, numbers: Numbers, colours: Colours) -> None:
        """A map, a pixel a cell, hatched where it lies below its scale."""
        if (numbers == BELOW).any():
            self.parts.append(f'<rect {sides(box)} fill="url(#hatching)"/>')
        picture = base64.b64encode(cells_png(numbers, colours)).decode("ascii")
        self.parts.append(
            f'<image {sides(box)} preserveAspectRatio="none" image-rendering="optimizeSpeed" '
            f'style="image-rendering: pixelated" href="data:image/png;base64,{picture}"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 12,
        ink: str = FAINT_INK,
        anchor: str = "la",
    ) -> None:
        """Text at a point, which is its left, middle or right end (l, m, r)."""
        down = y + DOWN[anchor[1]] * size
        place = f'x="{x:.5g}" y="{down:.5g}" text-anchor="{ANCHORS[anchor[0]]}"'
        letters = f'font-size="{size:g}{self.unit}" fill="{ink}"'
        self.parts.append(f"<text {place} {letters}>{plainly(text)}</text>")

    def upright(self, x: float, y: float, text: str, size: float = 12) -> None:
        """Text that reads upwards, its middle at a point."""
        turned = f'transform="translate({x + DOWN["m"] * size:.5g} {y:.5g}) rotate(-90)"'
        self.parts.append(
            f'<text {turned} text-anchor="middle" font-size="{size:g}{self.unit}" '
            f'fill="{FAINT_INK}">'
            f"{plainly(text)}</text>"
        )

    def width(self, text: str, size: float) -> float:
        """About the width of a text: the reader's font is not known."""
        return self.ruler.width(text, size) * WIDER


# Lines upwards to the right; the two short ones continue those of the tiles beside.
HATCHING = (
    f'<defs><pattern id="hatching" width="{HATCH_PIXELS}" height="{HATCH_PIXELS}" '
    f'patternUnits="userSpaceOnUse"><path d="M-1 1l2 -2M0 {HATCH_PIXELS}l{HATCH_PIXELS} '
    f'-{HATCH_PIXELS}M{HATCH_PIXELS - 1} {HATCH_PIXELS + 1}l2 -2" stroke="{HATCH}"/>'
    "</pattern></defs>"
)


def sides(box: Box) -> str:
    """A box as SVG's attributes."""
    return (
        f'x="{box.left:.5g}" y="{box.top:.5g}" '
        f'width="{box.right - box.left:.5g}" height="{box.bottom - box.top:.5g}"'
    )


def plainly(text: str) -> str:
    """Text that XML shows as it is; what XML has no sign for is a question mark."""
    return escape(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "?", text))
