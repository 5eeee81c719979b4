"""How a link writes numbers and lists: what reads here is what `app.links.plain` writes."""

import re

INTEGER = re.compile(r"-?[0-9]+")
REAL = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE]-?[0-9]+)?")


def integer_of(text: object) -> object:
    """The integer that `text` writes as ``-?[0-9]+``; anything but a string passes unread."""
    if not isinstance(text, str):
        return text
    # Python refuses to read integers of thousands of digits; no knob reaches 20.
    if not INTEGER.fullmatch(text) or len(text.lstrip("-0")) > 20:
        raise ValueError("not a whole number")
    return int(text)


def real_of(text: object) -> object:
    """The real that `text` writes in decimal or exponent form; −0 is 0, 1e999 is refused."""
    if not isinstance(text, str):
        return text
    if not REAL.fullmatch(text):
        raise ValueError("not a number")
    return float(text) + 0.0  # −0.0 + 0.0 is 0.0


def series_of(text: object) -> object:
    """The finite numbers that `text` writes with commas between them."""
    return tuple(real_of(part) for part in text.split(",")) if isinstance(text, str) else text


def names_of(text: object) -> object:
    """The names that `text` writes with commas between them, each once, in their first order."""
    return tuple(dict.fromkeys(text.split(","))) if isinstance(text, str) else text
