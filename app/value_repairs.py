"""What a damaged value can be: no reading, one, or two between which nobody may choose."""

import re
from collections.abc import Callable
from decimal import Decimal

from app.cleaning import alike, strip, trimmed
from app.grammar import REAL, integer_of, real_of, shortest
from app.keys import choices, kind
from app.series import Series, SeriesError, series_of
from app.tables import only_reading
from app.view import HIDEABLE

LONGEST = 200  # characters of a number or a word; longer ones are not looked into
LONGEST_WHOLE = 20  # digits: no knob's range reaches so far

Readings = tuple[str, ...]

APART = re.compile(r"\d\s+\d", re.ASCII)
GROUPED = re.compile(r"-?[1-9]\d{0,2}([.,])\d{3}", re.ASCII)
LOST_BREAK = re.compile(r"(-?[0-9.e-]*)=([0-9A-F]{2}[0-9.e-]*)")
PLUS = re.compile(r"^\+|(?<=[eE])\+")
HUGE_EXPONENT = re.compile(r"[eE][+-]?\d{4}", re.ASCII)
COLUMN = re.compile(r"\s*-?\d+,\d+\s*(\n\s*-?\d+,\d+\s*)+", re.ASCII)
COMMA = re.compile(r"-?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)


def readings(key: str, text: str) -> Readings:
    """The values that the cleaned `text` of `key` can stand for, as a link writes them; each still
    to be validated."""
    sort = kind(key)
    if sort == "numbers":
        return of_series(text)
    if sort == "names":
        return of_names(text)
    if len(text) > LONGEST:
        return ()
    if sort == "choice":
        return alike("".join(trimmed(text).replace("=", "").split()), choices(key))
    return of_number(trimmed(text), whole=sort == "integer")


def of_number(text: str, *, whole: bool) -> Readings:
    """A number with white space in it, a decimal comma, or an integer written as a real."""
    reads = integer_of if whole else real_of
    if lost := LOST_BREAK.fullmatch(text):  # the end of a line of mail, or a character
        return (lost[1] + lost[2], lost[1])
    words, text = text.split(), PLUS.sub("", re.sub(r"\s+", "", text))
    if APART.search(" ".join(words)):  # 1 000, or 1 and then something else
        return (text, words[0]) if does(reads, text) and does(reads, words[0]) else ()
    if does(reads, text):
        return (text,)
    # 1,234 is a decimal fraction to some and a thousand and more to others; a point in a whole
    # number likewise.
    if (grouped := GROUPED.fullmatch(text)) and (whole or grouped[1] == ","):
        return (text.replace(",", "."), re.sub("[.,]", "", text))
    if COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if not REAL.fullmatch(text):
        return ()
    return (integral(text) if whole else text,)


def integral(text: str) -> str:
    """The integer that `1e2` or `100.0` is; what is none stays as it is, to be refused."""
    if HUGE_EXPONENT.search(text):
        return text
    number = Decimal(text)
    is_whole = number.adjusted() < LONGEST_WHOLE and number == number.to_integral_value()
    return str(int(number)) if is_whole else text


def of_names(text: str) -> Readings:
    """Names with commas between them."""
    names = trimmed(text).replace("=", "").split(",")
    result = [alike("".join(strip(name).split()), HIDEABLE) for name in names]
    return (",".join(one for (one,) in result),) if all(len(one) == 1 for one in result) else ()


def of_series(text: str) -> Readings:
    """Numbers with separators between them, of which nothing is changed but what surrounds them;
    what is no series then is read as a table, and so is a column of decimal commas."""
    if COLUMN.fullmatch(text) and (column := as_table(text)):
        return column
    text = re.sub(r"\s*([,;])\s*", r"\1", strip(text))
    result = [re.sub(r"\s+", "", text)]
    if APART.search(text):  # one number that was broken, or two
        result.append(re.sub(r"\s+", ",", text))
    return tuple(one for one in result if does(series_of, one)) or as_table(text)


def as_table(text: str) -> Readings:
    """The series that a table is, where it is only one."""
    try:
        return (listed(only_reading(text).series),)
    except SeriesError:
        return ()


def listed(series: Series) -> str:
    """A series as a link may write it."""
    rows = [row if isinstance(row, tuple) else (row,) for row in series]
    mark = "," if all(len(row) == 1 for row in rows) else ";"
    return mark.join(",".join(map(shortest, row)) for row in rows)


def does(reads: Callable[[object], object], text: str) -> bool:
    """Whether `reads` takes the text."""
    try:
        reads(text)
    except ValueError:
        return False
    return True


def reads_as_it_stands(key: str, text: str) -> bool:
    """Whether a value needs no repair, whatever its range."""
    match kind(key):
        case "integer":
            return does(integer_of, text)
        case "real":
            return does(real_of, text)
        case "choice":
            return text in choices(key)
        case "names":
            return set(text.split(",")) <= set(HIDEABLE)
        case "numbers":
            return does(series_of, text)
        case "text":
            return True


def same(key: str, one: str, other: str) -> bool:
    """Whether two values of a key are one value."""
    if kind(key) in ("integer", "real"):
        return does(real_of, one) and does(real_of, other) and real_of(one) == real_of(other)
    return one == other
