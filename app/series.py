"""A series of one's own: rows of numbers, one a step, as links carry them.

`1,2,3` is three steps of one feature, `1,2;3,4` two steps of two features: commas stand between the
features of a step, semicolons between steps. How people and programs write numbers elsewhere is
read in `app.tables`.
"""

import math
from collections.abc import Iterable, Sequence

from app.grammar import REAL

MAX_STEPS = 1000
MAX_FEATURES = 64
LONGEST_QUOTE = 40
# How spreadsheets, R, pandas and databases write that there is no number.
MISSING = {"na", "nan", "n/a", "#n/a", "#na", "null", "none", "nil", "-", "--", "?", ".", "<na>"}

Series = tuple[float, ...] | tuple[tuple[float, ...], ...]
ALLOWED = (
    "a number is digits with at most one decimal point and perhaps an exponent, as in -0.5 or "
    "1.5e-3, without thousands separators"
)


class SeriesError(ValueError):
    """What is wrong with a series, in words that follow its name, and the text that is wrong."""

    def __init__(self, message: str, value: str = "") -> None:
        super().__init__(message)
        self.value = value


def series_of(value: object) -> Series:
    """The series that a link writes, or that a program passes as numbers or rows of numbers.

    One feature is a flat tuple, several are a tuple of rows.

    Raises:
        SeriesError: a number that cannot be read or is missing, ragged rows, too many or too few.
    """
    if isinstance(value, str):
        steps = value.split(";") if ";" in value else value.split(",")
        rows = [step.split(",") for step in steps]
        equal_lengths([len(row) for row in rows])
        numbers = iter(range(1, 1 + sum(map(len, rows))))
        return joined([number(text, next(numbers)) for text in row] for row in rows)
    if not isinstance(value, Iterable):
        raise SeriesError("must be numbers, or rows of numbers")
    try:
        table = [
            [float(part) for part in row] if isinstance(row, Sequence) else [float(row)]
            for row in value
        ]
    except (TypeError, ValueError):
        raise SeriesError("must be numbers, or rows of numbers") from None
    equal_lengths([len(row) for row in table])
    return joined(table)


def number(text: str, position: int, *, line: int = 0) -> float:
    """The finite number that `text` writes; −0 is 0.

    Args:
        text: as a link or a cell has it, with a decimal point.
        position: which number it is, from 1.
        line: in which line it stands, where there are several.

    Raises:
        SeriesError: naming the position, the text and what is allowed.
    """
    where = f"number {position}" + (f" (line {line})" if line else "")
    if not text.strip():
        raise SeriesError(f"{where} is missing: no place may be empty", text)
    if text.strip().lower() in MISSING:
        message = "is a missing value: fill it in or leave its step out"
        raise SeriesError(f"{where}, {quoted(text)}, {message}", text)
    if not REAL.fullmatch(text):
        raise SeriesError(f"{where}, {quoted(text)}, cannot be read: {ALLOWED}", text)
    found = float(text) + 0.0
    if not math.isfinite(found):
        raise SeriesError(f"{where}, {quoted(text)}, is beyond float64 (about 1.8e308)", text)
    return found


def joined(rows: Iterable[Sequence[float]]) -> Series:
    """Rows of equal length as a series: flat where there is one feature.

    Raises:
        SeriesError: fewer than 2 steps or more than 1000, more than 64 features, not finite.
    """
    table = [tuple(row) for row in rows]
    if not 2 <= len(table) <= MAX_STEPS:
        steps = "1 step" if len(table) == 1 else f"{len(table)} steps"
        raise SeriesError(f"has {steps}; 2 to {MAX_STEPS} are allowed")
    if len(table[0]) > MAX_FEATURES:
        raise SeriesError(f"has {len(table[0])} features; 1 to {MAX_FEATURES} are allowed")
    if not all(math.isfinite(value) for row in table for value in row):
        raise SeriesError("must be finite numbers")
    return tuple(row[0] for row in table) if len(table[0]) == 1 else tuple(table)


def equal_lengths(lengths: Sequence[int]) -> None:
    """Refuse ragged rows, naming the first that differs.

    Raises:
        SeriesError: a row with more or fewer numbers than the first, or none at all.
    """
    for step, length in enumerate(lengths, 1):
        if length != lengths[0] or not length:
            raise SeriesError(
                f"step {step} has {count(length)}, but step 1 has {lengths[0]}: every step needs "
                "as many (commas stand between the features of a step, semicolons between steps)"
            )


def features(series: Series) -> int:
    """How many numbers each step of a series has: D."""
    return len(series[0]) if isinstance(series[0], tuple) else 1


def typed(link: str) -> str:
    """A series as a person writes it: with a space after each mark no comma can be decimal."""
    return link.replace(",", ", ").replace(";", "; ")


def largest_of(series: Series) -> float:
    """The largest absolute value in a series."""
    return max(
        abs(value) for step in series for value in (step if isinstance(step, tuple) else (step,))
    )


def count(numbers: int) -> str:
    """How many numbers there are, in words."""
    return "1 number" if numbers == 1 else f"{numbers} numbers"


def quoted(text: str) -> str:
    """A piece of somebody's text as a message shows it."""
    return f"“{text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + '…'}”"
