"""Drawing with Pillow: lines and text at any resolution, in its own font alone."""

import re
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from app.drawing.figure import FAINT_INK, NIGHT, PLAIN, RAISED, Box

Points = list[tuple[float, float]]

# What the font has for what it lacks.
HAS = {"×": "x", "\N{NO-BREAK SPACE}": " ", "−": "-", "␣": "_", "↵": "/", "⇥": ">"}


class Pen:
    """A sheet to draw on, in the sheet's own pixels whatever the picture's resolution.

    It writes in Pillow's own font, so that no font of the machine is needed; that has no
    superscripts, so exponents are plain digits, raised.
    """

    def __init__(self, width: int, height: int, scale: float) -> None:
        self.scale = scale
        self.image = Image.new("RGB", (round(width * scale), round(height * scale)), NIGHT)
        self.draw = ImageDraw.Draw(self.image)

    def box(self, box: Box) -> tuple[int, int, int, int]:
        """A box in the picture's pixels: left, top, right, bottom."""
        left, top, right, bottom = (
            round(side * self.scale) for side in (box.left, box.top, box.right, box.bottom)
        )
        return left, top, right, bottom

    def line(self, points: Points, colour: str, width: float = 1.0) -> None:
        """A line through points."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self.draw.line(scaled, fill=colour, width=max(1, round(width * self.scale)), joint="curve")

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
        for part, part_size, raised in parts(text, size):
            font = letters(round(part_size * self.scale))
            # Aligned by their tops, smaller letters stand high already.
            up = raised * (0.15 if anchor[1] == "a" else 1.0)
            place = (left * self.scale, (y - up) * self.scale)
            self.draw.text(place, part, ink, font, "l" + anchor[1])
            left += self.width(part, part_size)

    def upright(self, x: float, y: float, text: str, size: float = 12) -> None:
        """Text that reads upwards, its middle at a point."""
        font = letters(round(size * self.scale))
        left, top, right, bottom = font.getbbox(text)
        mask = Image.new("L", (int(right - left), int(bottom - top)))
        ImageDraw.Draw(mask).text((-left, -top), text, 255, font)
        turned = mask.rotate(90, expand=True)
        place = (
            round(x * self.scale - turned.width / 2),
            round(y * self.scale - turned.height / 2),
        )
        self.image.paste(
            FAINT_INK, (*place, place[0] + turned.width, place[1] + turned.height), turned
        )

    def width(self, text: str, size: float) -> float:
        """The width of a text, in the sheet's pixels."""
        pieces = parts(text, size)
        return (
            sum(letters(round(s * self.scale)).getlength(part) for part, s, _ in pieces)
            / self.scale
        )

    def sentence(self, x: float, y: float, text: str, size: float, width: float) -> None:
        """A sentence broken into lines no longer than `width`."""
        line = ""
        for word in text.split(" "):
            if self.width(f"{line} {word}", size) > width:
                self.text(x, y, line.strip(), size)
                line, y = "", y + size * 1.4
            line += " " + word
        self.text(x, y, line.strip(), size)


def parts(text: str, size: float) -> list[tuple[str, float, float]]:
    """Text in parts of what the font has: the part, its size, how far it is raised."""
    plain = "".join(
        HAS.get(sign, sign if sign.isascii() or sign in RAISED else "?") for sign in text
    )
    pieces = re.split(f"([{RAISED}]+)", plain)
    return [
        (piece.translate(PLAIN), size * 0.75, size * 0.32) if raised else (piece, size, 0.0)
        for raised, piece in ((n % 2, piece) for n, piece in enumerate(pieces))
        if piece
    ]


@cache
def letters(size: int) -> ImageFont.FreeTypeFont:
    """The font at one size in pixels."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
