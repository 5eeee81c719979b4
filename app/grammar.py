"""How a link writes numbers and lists: what reads here is what `app.links.plain` writes.

More is read than is written: programs write `+3` and `1.5E+03`, which are plain numbers too.
"""

import re

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
REAL = re.compile(NUMBER)
# A form writes a space as +, and so do people who type a plus sign without its escape, %2B. Before
# a digit, at the start of a number or in its exponent, it is the sign.
RAW_SIGN = re.compile(rb"(?:^|(?<=[,;eE])|(?<=%2[Cc])|(?<=%3[Bb]))\+(?=[0-9.])")


def integer_of(text: object) -> object:
    """The integer that `text` writes as ``[+-]?[0-9]+``; anything but a string passes unread."""
    if not isinstance(text, str):
        return text
    # Python refuses to read integers of thousands of digits; no knob reaches 20.
    if not INTEGER.fullmatch(text) or len(text.lstrip("+-0")) > 20:
        raise ValueError("not a whole number")
    return int(text)


def real_of(text: object) -> object:
    """The real that `text` writes in decimal or exponent form; −0 is 0, 1e999 is refused."""
    if not isinstance(text, str):
        return text
    if not REAL.fullmatch(text):
        raise ValueError("not a number")
    return float(text) + 0.0  # −0.0 + 0.0 is 0.0


def shortest(value: float) -> str:
    """The fewest digits that read back as `value`: no `.0`, no sign or zeros in an exponent that
    does not need them."""
    digits, e, exponent = repr(float(value)).partition("e")
    return digits.removesuffix(".0") + (f"e{int(exponent)}" if e else "")


def names_of(text: object) -> object:
    """The names that `text` writes with commas between them, each once, in their first order."""
    return tuple(dict.fromkeys(text.split(","))) if isinstance(text, str) else text


def with_plus_signs(value: bytes) -> bytes:
    """The undecoded value of a number key, with each raw + that is a sign written as %2B."""
    return RAW_SIGN.sub(b"%2B", value)
