"""Drawing with Pillow: lines and text at any resolution, in its own font alone."""

import io
import re
from functools import cache, lru_cache
from typing import Any
from unicodedata import name, normalize

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.drawing.figure import FAINT_INK, HATCH_PIXELS, NIGHT, PLAIN, RAISED, ROAD, VEIL, Box
from app.drawing.shades import BELOW, LINES, LOWEST, Colours, Numbers
from app.drawing.strokes import WHOLE, DashPixels, Points, dashes

MINUS = "−"
HAS = MINUS + "…→°“”‘’±"  # the font, or we, beside ASCII
LACKS = {
    "×": "x",
    "−": "-",
    "–": "-",
    "—": "-",
    "½": "1/2",
    "␣": "_",
    "↵": "/",
    "⇥": ">",
    "∂": "d",
    "‖": "||",
    "≤": "<=",
    "≥": ">=",
}
FINE = 2  # curves are drawn this much larger, then made smaller
MARGIN = 4  # pixels around a curve, for the width of its stroke
ROUND = 8  # a dot is drawn this much larger, then made smaller: its rim is smooth


class Pen:
    """A sheet to draw on, in the sheet's own pixels whatever the picture's resolution.

    It writes in Pillow's own font, so that no font of the machine is needed; that has no
    superscripts, so exponents are plain digits, raised.
    """

    def __init__(self, width: int, height: int, scale: float) -> None:
        self.scale = scale
        self.image = Image.new("RGB", (round(width * scale), round(height * scale)), NIGHT)
        self.draw = ImageDraw.Draw(self.image)

    def png(self, palette: Colours) -> bytes:
        """The sheet as PNG bytes, with a palette: a quarter of the size of full colour."""
        few = self.image.quantize(palette=palette_of(palette.tobytes()), dither=Image.Dither.NONE)
        return png_of(few)

    def box(self, box: Box) -> tuple[int, int, int, int]:
        """A box in the picture's pixels: left, top, right, bottom."""
        left, top, right, bottom = (
            round(side * self.scale) for side in (box.left, box.top, box.right, box.bottom)
        )
        return left, top, right, bottom

    def fill(self, box: Box, colour: str) -> None:
        """A box full of a colour."""
        self.draw.rectangle(self.box(box), fill=colour)

    def veil(self, box: Box) -> None:
        """A box in which all that is there already fades."""
        left, top, right, bottom = self.box(box)
        shade = Image.new("L", (right - left, bottom - top), round(255 * VEIL))
        self.image.paste(ROAD, (left, top), shade)

    def outline(self, box: Box, colour: str) -> None:
        """The rim of a box."""
        self.draw.rectangle(self.box(box), outline=colour)

    def line(
        self, points: Points, colour: str, width: float = 1.0, dash: DashPixels = WHOLE
    ) -> None:
        """A line through points."""
        thick = max(1, round(width * self.scale))
        for stretch in dashes(points, *dash):
            scaled = (stretch * self.scale).ravel().tolist()
            self.draw.line(scaled, fill=colour, width=thick, joint="curve")

    def strokes(
        self, stretches: list[Points], colour: str, width: float, dash: DashPixels = WHOLE
    ) -> None:
        """The stretches of a curve, smooth where the picture's own pixels are not fine enough."""
        if self.scale >= FINE or not stretches:
            for stretch in stretches:
                self.line(stretch, colour, width, dash)
            return
        stretches = [piece for stretch in stretches for piece in dashes(stretch, *dash)]
        every = np.concatenate(stretches)
        left, top = (np.floor(every.min(axis=0) * self.scale) - MARGIN).astype(int).tolist()
        right, bottom = (np.ceil(every.max(axis=0) * self.scale) + MARGIN).astype(int).tolist()
        large = Image.new("L", ((right - left) * FINE, (bottom - top) * FINE))
        draw, thick = ImageDraw.Draw(large), max(1, round(width * self.scale * FINE))
        for stretch in stretches:
            points = (stretch * self.scale - (left, top)) * FINE
            draw.line(points.ravel().tolist(), 255, thick, joint="curve")
        self.image.paste(colour, (left, top, right, bottom), large.reduce(FINE))

    def dot(self, x: float, y: float, diameter: float, colour: str) -> None:
        """A dot around a point."""
        self.stamp(x, y, disc(diameter * self.scale, 0.0), colour)

    def ring(self, x: float, y: float, radius: float, colour: str) -> None:
        """A ring around a point."""
        self.stamp(x, y, disc(2 * radius * self.scale, self.scale), colour)

    def stamp(self, x: float, y: float, mask: Image.Image, colour: str) -> None:
        """A colour through a mask, its middle at a point."""
        left = round(x * self.scale - mask.width / 2)
        top = round(y * self.scale - mask.height / 2)
        self.image.paste(colour, (left, top, left + mask.width, top + mask.height), mask)

    def samples(self, low: float, high: float, places: int | None) -> int:
        """How many cells a map is sampled at from one side to the other: one a pixel."""
        return round(high * self.scale) - round(low * self.scale)

    def cells(self, box: Box, numbers: Numbers, colours: Colours) -> None:
        """A map, one number of a colour a pixel, hatched where it lies below its scale."""
        hatched = (numbers == BELOW) & hatching(numbers.shape, self.scale)
        cells = Image.fromarray(np.where(hatched, np.uint8(LINES), numbers), "P")
        cells.putpalette(colours.tobytes())
        self.image.paste(cells.convert("RGB"), self.box(box)[:2])

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 12,
        ink: str = FAINT_INK,
        anchor: str = "la",
    ) -> None:
        """Text at a point, which is its left, middle or right end (l, m, r), exponents raised."""
        left = x - self.width(text, size) * {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]]
        self.write(self.draw, left, y, text, size, ink, anchor[1])

    def upright(self, x: float, y: float, text: str, size: float = 12) -> None:
        """Text that reads upwards, its middle at a point."""
        room = (self.width(text, size) + 2, size * 1.5)
        mask = Image.new("L", (round(room[0] * self.scale), round(room[1] * self.scale)))
        self.write(ImageDraw.Draw(mask), 1, room[1] / 2, text, size, "white", "m")
        self.stamp(x, y, mask.rotate(90, expand=True), FAINT_INK)

    def write(
        self,
        draw: ImageDraw.ImageDraw,
        left: float,
        y: float,
        text: str,
        size: float,
        ink: str,
        align: str,
    ) -> None:
        """Text from its left end, part after part."""
        for part, part_size, raised in parts(text, size):
            font = letters(round(part_size * self.scale))
            # Aligned by their tops, smaller letters stand high already.
            up = raised * (0.15 if align == "a" else 1.0)
            at = (left * self.scale, (y - up) * self.scale)
            if part == MINUS:
                draw.rectangle(bar(at, font, align), ink)
            else:
                draw.text(at, part, ink, font, "l" + align)
            left += self.width(part, part_size)

    def width(self, text: str, size: float) -> float:
        """The width of a text, in the sheet's pixels."""
        pieces = parts(text, size)
        return sum(length(part, round(s * self.scale)) for part, s, _ in pieces) / self.scale


def parts(text: str, size: float) -> list[tuple[str, float, float]]:
    """Text in parts of what the font has: the part, its size, how far it is raised."""
    found = []
    for piece in re.findall(f"[{RAISED}]+|[^{RAISED}]+", text):
        raised = piece[0] in RAISED
        plain = piece.translate(PLAIN).replace("-", MINUS) if raised else in_its_signs(piece)
        high = (size * 0.75, size * 0.32) if raised else (size, 0.0)
        found += [(part, *high) for part in re.split(f"({MINUS})", plain) if part]
    return found


def bar(
    at: tuple[float, float], font: ImageFont.FreeTypeFont, align: str
) -> tuple[int, int, int, int]:
    """The font has a hyphen and no minus: the sides of one, before digits that are drawn there."""
    ascent, descent = font.getmetrics()
    down = {"s": 0.0, "m": (ascent - descent) / 2, "a": ascent}[align] - 0.36 * font.size
    left, top = round(at[0] + 0.06 * font.size), round(at[1] + down)
    thick = max(1, round(font.size / 12))
    return left, top, left + round(0.44 * font.size), top + thick - 1


@lru_cache(1024)
def in_its_signs(text: str) -> str:
    """Text in what the font has: letters without their accents, Greek ones by their names."""
    return "".join(
        sign if sign.isascii() or sign in HAS else LACKS.get(sign) or bare(sign) for sign in text
    )


def bare(sign: str) -> str:
    """A sign that the font lacks, in letters that it has."""
    plain = "".join(part for part in normalize("NFKD", sign) if part.isascii())
    greek = re.fullmatch(r"GREEK (?:SMALL|CAPITAL) LETTER (\w+)", name(sign, ""))
    return plain or (greek[1].lower() if greek else "?")


@lru_cache(4096)
def length(text: str, size: int) -> float:
    """The width of a part of text in the picture's pixels."""
    return 0.62 * size if text == MINUS else letters(size).getlength(text)


@lru_cache(32)
def hatching(shape: tuple[int, int], scale: float) -> NDArray[np.bool_]:
    """Which pixels of a map are on the lines of its hatching."""
    across, down = np.arange(shape[1]), np.arange(shape[0])[:, None]
    return (across + down) % round(HATCH_PIXELS * scale) < scale


@cache
def letters(size: int) -> ImageFont.FreeTypeFont:
    """The font at one size in pixels."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


@cache
def disc(diameter: float, rim: float) -> Image.Image:
    """A smooth disc as a mask, or a ring `rim` pixels thick."""
    side = int(diameter) + 4
    large = Image.new("L", (side * ROUND, side * ROUND))
    corners = [(side - diameter) / 2 * ROUND, (side + diameter) / 2 * ROUND]
    box = (corners[0], corners[0], corners[1], corners[1])
    pen = ImageDraw.Draw(large)
    pen.ellipse(box, fill=None if rim else 255, outline=255, width=max(1, round(rim * ROUND)))
    return large.resize((side, side), Image.Resampling.BOX)


@lru_cache(64)
def palette_of(colours: bytes) -> Image.Image:
    """Colours as a palette."""
    image = Image.new("P", (1, 1))
    image.putpalette(colours)
    return image


def cells_png(numbers: Numbers, colours: Colours) -> bytes:
    """Cells as a small PNG, one pixel each, clear where the hatching shall show through."""
    image = Image.fromarray(np.ascontiguousarray(numbers), "P")
    image.putpalette(colours.tobytes())
    return png_of(image, transparency=bytes(0 if n == BELOW else 255 for n in range(LOWEST)))


def png_of(image: Image.Image, **options: Any) -> bytes:
    """An image as PNG bytes."""
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()
