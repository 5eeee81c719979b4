"""A claim's numbers as one reads them: with as many digits as the tolerance is worth."""

import math

from app.claims.claim import Number
from app.drawing.figure import ten_to
from app.reading import Fact, told

MOST_DIGITS, DIGITS = 8, 3
ROUNDING = 1e-9  # relative: a tolerance below this asks for the digits that float64 has
BOUNDS = {"=": "", "≤": "at most ", "≥": "at least "}


def claimed(number: Number) -> str:
    """What is claimed: 0.65; at least 100 steps."""
    return BOUNDS[number.relation] + in_units(number.expected, number)


def found_as(number: Number) -> str:
    """What the engine finds."""
    return in_units(number.value, number)


def linked_as(number: Number) -> str:
    """The same of the draw that its link opens."""
    return "" if number.linked is None else in_units(number.linked, number)


def tolerated(number: Number) -> str:
    """The tolerance: exactly, to rounding, ± 0.05, within a factor of 2."""
    tolerance = number.tolerance
    if tolerance == 0.5 and not number.unit:
        return "exactly"
    if tolerance <= ROUNDING * (abs(number.expected) or 1.0):
        return "to rounding"
    if number.unit == "log10":
        return f"within a factor of {10**tolerance:.2g}"
    return f"± {plainly(tolerance, 2)}"


def in_units(value: float, number: Number) -> str:
    """A value with its unit; a logarithm as the number that it is the logarithm of."""
    if number.unit == "log10":
        return kept(value)
    digits = DIGITS
    if number.relation == "=" and number.expected and number.fits():
        digits = math.ceil(math.log10(abs(number.expected) / number.tolerance)) + 2
    return f"{plainly(value, min(max(digits, DIGITS), MOST_DIGITS))} {number.unit}".rstrip()


def kept(log10: float) -> str:
    """10 to a power, in two digits."""
    return plainly(10**log10, 2) if -3 <= log10 < 3 else told(Fact("", log10, "log10"))


def plainly(value: float, digits: int) -> str:
    """A number with so many digits: 1,572,864; 0.0062321; −5.8 × 10⁻⁶."""
    if value == 0 or not math.isfinite(value):
        return told(Fact("", value, ""))
    power = math.floor(math.log10(abs(value)))
    if -4 <= power < 8:
        text = f"{round(value, digits - 1 - power):,.{max(digits - 1 - power, 0)}f}"
        text = without_zeros(text)
    else:
        text = scientific(abs(value), power, digits)
        text = ("-" if value < 0 else "") + text
    return text.replace("-", "−")


def scientific(value: float, power: int, digits: int) -> str:
    """Digits × 10ⁿ."""
    text = f"{value / 10.0**power:.{digits - 1}f}"
    if text.startswith("10"):
        text, power = "1", power + 1
    text = without_zeros(text)
    if text == "1":
        return ten_to(power)
    return f"{text}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{ten_to(power)}"


def without_zeros(text: str) -> str:
    """A decimal without the zeros at its end."""
    return text.rstrip("0").rstrip(".") if "." in text else text
