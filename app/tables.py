"""Numbers as people paste them and programs write them, read as a series or refused.

Lists, columns and tables: CSV, TSV, semicolons, spaces, `numpy.savetxt`, R, pandas, spreadsheets,
JSON; with a header line or without, with decimal points or decimal commas. Every layout that a text
may have is tried. Where two of them give different numbers nothing is guessed: both are offered.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.grammar import REAL
from app.layouts import Layout, layouts_of
from app.series import (
    MAX_FEATURES,
    MAX_STEPS,
    MISSING,
    Series,
    SeriesError,
    equal_lengths,
    joined,
    number,
    quoted,
)

INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad]")
LIKE_A_NUMBER = re.compile(r"[+-]?(?=[.,]?\d)[\d.,'’_ \u00a0\u2009\u202f]+([eE][+-]?\d+)?")
DATE = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[,.'’_ \u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?")
ONE_GROUP = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
MORE_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3}){2,}")
SPACED_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?: \d{3})+(?:[.,]\d+)?")
COMMA_THOUSANDS = re.compile(r"(?<![\d.])[+-]?[1-9]\d{0,2}(?:,\d{3})+\.\d+(?![\d.])")


class Column(NamedTuple):
    """A column of a table: its place from 1, its name, whether it holds numbers, is it taken."""

    number: int
    name: str
    numeric: bool
    chosen: bool


class Reading(NamedTuple):
    """One way to read a text: how, in words, the numbers, and the columns they are from."""

    how: str
    series: Series
    columns: tuple[Column, ...] = ()


class Unclear(SeriesError):
    """More than one reading is possible: what they are, and those that can be chosen from."""

    def __init__(self, message: str, readings: Sequence[Reading]) -> None:
        super().__init__(message)
        self.readings = tuple(readings)


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 with or without a mark, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:4]:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def only_reading(text: str, columns: Sequence[str] = ()) -> Reading:
    """The one way to read a text.

    Args:
        text: as it was pasted, or as a file has it.
        columns: of a table, the columns to take, by name or by number (2 or #2, from 1); by default
            all that hold numbers, row names and running numbers left out.

    Raises:
        Unclear: there are several, all of them named.
        SeriesError: there is none: which number is wrong, its text, what is allowed.
    """
    text = cleaned(text)
    if not text.strip():
        raise SeriesError("is empty")
    if (listed := from_json(text)) is not None:
        return Reading("a list", listed)
    readings: list[Reading] = []
    errors: list[SeriesError] = []
    for layout in layouts_of(text):
        try:
            found = table_of(layout, columns)
        except SeriesError as error:
            errors.append(error)
        else:
            if found.series not in [other.series for other in readings]:
                readings.append(found)
    if not readings:
        raise max(
            errors, key=lambda error: ("thousands separator:" in str(error), len(error.value))
        )
    if question := thousands_in(text, readings):
        raise Unclear(question, readings)
    if len(readings) > 1:
        ways = ", or ".join(f"{one.how}: {beginning(one.series)}" for one in readings)
        raise Unclear(f"can be read in {len(readings)} ways: {ways}", readings)
    return readings[0]


def cleaned(text: str) -> str:
    """A text with \\n as line end and - as minus, without marks that cannot be seen."""
    text = INVISIBLE.sub("", text).replace("\u2212", "-")
    return re.sub("\r\n?|\u2028|\u2029|\v|\f", "\n", text)


def from_json(text: str) -> Series | None:
    """A JSON list of numbers, or of rows of numbers; None for all else."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    rows = [row if isinstance(row, list) else [row] for row in value]
    if any(isinstance(part, list | dict | bool) for row in rows for part in row):
        raise SeriesError("must be a list of numbers, or of rows of numbers")
    equal_lengths([len(row) for row in rows])
    cells = iter(range(1, 1 + sum(map(len, rows))))
    return joined([[number(str(part or "null"), next(cells)) for part in row] for row in rows])


# Tables ------------------------------------------------------------------------------------------


def table_of(layout: Layout, wanted: Sequence[str]) -> Reading:
    """The numbers of a layout: a single line is a list, several are rows under a header or none.

    Raises:
        SeriesError: a cell that is wrong, ragged rows, no such column, too many steps.
    """
    rows = without_last(layout.rows)
    names: list[str] = []
    if len(rows) > 1 and is_header(rows[0][1]):
        names, rows = rows[0][1], rows[1:]
        if layout.row_names and len(names) == len(rows[0][1]) - 1:
            names = ["", *names]
    if len(rows) == 1 and not names:
        cells = [(rows[0][0], cell) for cell in rows[0][1]]
        limit(len(cells))
        values = numbers(cells, layout, several=False)
        return Reading(in_words(layout, cells), joined([[x] for x in values]))
    limit(len(rows))
    refuse_ragged(rows, names)
    columns = columns_of(rows, names, wanted)
    chosen = [column.number - 1 for column in columns if column.chosen]
    if len(chosen) > MAX_FEATURES:
        raise SeriesError(f"has {len(chosen)} columns of numbers; 1 to {MAX_FEATURES} are allowed")
    cells = [(n, row[at]) for n, row in rows for at in chosen]
    values = numbers(cells, layout, several=True)
    width = len(chosen)
    series = joined([values[n : n + width] for n in range(0, len(values), width)])
    told = columns if names or len(columns) > 1 else ()
    return Reading(in_words(layout, cells), series, told)


def limit(steps: int) -> None:
    """Refuse too many steps before any of them is read."""
    if steps > MAX_STEPS:
        raise SeriesError(f"has {steps} steps; 2 to {MAX_STEPS} are allowed")


def without_last(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Rows without the empty cell that a mark at the end of every line leaves; of a list, the last
    line may lack it."""
    several = len(rows) > 1 and all(len(row) > 1 and not row[-1] for _, row in rows[:-1])
    if not several:
        return rows
    last = rows[-1][1]
    ends = last[:-1] if len(last) > 1 and not last[-1] else last
    if len(ends) != len(rows[0][1]) - 1:
        return rows
    return [*((n, row[:-1]) for n, row in rows[:-1]), (rows[-1][0], ends)]


def is_header(cells: list[str]) -> bool:
    """Whether a line holds names: something in it, and nothing that begins as a number does, for a
    first number with a slip of the pen (2o) is no name."""
    there = [cell for cell in cells if cell and cell.lower() not in MISSING]
    return bool(there) and not any(re.match(r"[+-]?[.,]?\d", cell) for cell in cells)


def like_a_number(cell: str) -> bool:
    """Whether somebody meant a number, right or wrong; a date is none."""
    return bool(LIKE_A_NUMBER.fullmatch(cell)) and not DATE.fullmatch(cell)


def refuse_ragged(rows: list[tuple[int, list[str]]], names: list[str]) -> None:
    """Refuse rows of different lengths, naming the line and what is missing there."""
    width = len(names) or len(rows[0][1])
    first = "the header" if names else f"line {rows[0][0]}"
    for n, row in rows:
        if len(row) != width:
            cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise SeriesError(
                f"line {n} has {cells}, but {first} has {width}: every row needs as many"
            )


def columns_of(
    rows: list[tuple[int, list[str]]], names: list[str], wanted: Sequence[str]
) -> tuple[Column, ...]:
    """The columns, those marked that are wanted, or that hold numbers where nobody chose."""
    width = len(rows[0][1])
    names = names or [""] * width
    numeric = [any(like_a_number(row[at]) for _, row in rows) for at in range(width)]
    unnamed_first = any(names) and not names[0] and sum(numeric) > 1
    if wanted:
        chosen = {column_at(one, names) for one in wanted}
    else:
        chosen = {at for at in range(width) if numeric[at] and not (unnamed_first and at == 0)}
    if not chosen:
        chosen = {0}  # whose first cell says what is wrong
    return tuple(Column(at + 1, names[at], numeric[at], at in chosen) for at in range(width))


def column_at(wanted: str, names: list[str]) -> int:
    """Where the column of a name or a number is."""
    if wanted in names:
        return names.index(wanted)
    digits = wanted.removeprefix("#")
    if digits.isascii() and digits.isdigit() and 1 <= int(digits[:9]) <= len(names):
        return int(digits) - 1
    known = ", ".join(quoted(name) for name in names if name) or "none has a name"
    raise SeriesError(f"has no column {quoted(wanted)}: 1 to {len(names)} ({known})", wanted)


def numbers(cells: list[tuple[int, str]], layout: Layout, *, several: bool) -> list[float]:
    """The cells' numbers, all with the same decimal mark.

    Raises:
        SeriesError: naming the number by its position and its line.
    """
    commas = has_decimal_commas(layout, cells)
    found = []
    for position, (line, cell) in enumerate(cells, 1):
        where = {"line": line if several else 0}
        found.append(one_number(cell, position, commas=commas, **where))
    return found


def has_decimal_commas(layout: Layout, cells: list[tuple[int, str]]) -> bool:
    """Whether the cells' numbers have decimal commas."""
    return layout.decimal_commas and any(is_decimal(cell, ",") for _, cell in cells)


def in_words(layout: Layout, cells: list[tuple[int, str]]) -> str:
    """How the cells are read."""
    plain = layout.how.startswith("decimal") or not has_decimal_commas(layout, cells)
    return layout.how if plain else f"decimal commas, {layout.how}"


def is_decimal(cell: str, mark: str) -> bool:
    """Whether a cell is a number with one decimal mark of this kind."""
    return cell.count(mark) == 1 and bool(REAL.fullmatch(cell.replace(mark, ".")))


def one_number(cell: str, position: int, *, commas: bool, line: int) -> float:
    """A cell's number, with a decimal comma or a decimal point.

    Raises:
        SeriesError: as `app.series.number`, thousands separators by their name.
    """
    cell = cell.strip()
    where = f"number {position}" + (f" (line {line})" if line else "")
    if commas and is_decimal(cell, ".") and "." in cell:
        raise SeriesError(
            f"{where}, {quoted(cell)}, has a decimal point, others have a decimal comma", cell
        )
    if commas and is_decimal(cell, ","):
        return number(cell.replace(",", "."), position, line=line)
    if not REAL.fullmatch(cell) and THOUSANDS.fullmatch(cell):
        digits = re.sub(r"[^\d+-]", "", cell)
        decimals = re.search(r"[.,](\d+)$", cell)
        if decimals and len(set(re.findall(r"[.,'’_ \s]", cell))) > 1:
            digits = f"{digits[: -len(decimals[1])]}.{decimals[1]}"
        raise SeriesError(
            f"{where}, {quoted(cell)}, has a thousands separator: write {digits}", cell
        )
    return number(cell, position, line=line)


# What may be thousands ---------------------------------------------------------------------------


def thousands_in(text: str, readings: Sequence[Reading]) -> str:
    """The question that commas or spaces raise which may part thousands; "" where none do."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    named = any(column.name for one in readings for column in one.columns)
    if all(SPACED_THOUSANDS.fullmatch(line) for line in lines):
        return as_thousands(lines[0], 1, "one number, or several with spaces between them")
    if len(lines) > 1 and all(MORE_GROUPS.fullmatch(line) for line in lines):
        return as_thousands(lines[0], 1, "one number, or several with commas between them")
    if named and len(readings[0].columns) > 1:
        return ""
    # Read so, every line must have as many numbers: of a table that is seldom so.
    counts = {len(COMMA_THOUSANDS.sub("1", line).split(",")) for line in lines}
    commas_alone = ";" not in text and "\t" not in text and len(counts) == 1
    if commas_alone and (match := COMMA_THOUSANDS.search(text)):
        position = 1 + len(re.findall(r"[,\s]+", text[: match.start()].strip()))
        return as_thousands(match[0], position, "one number, or several with commas between them")
    cells = re.split(r"[;\t\n]", text)
    with_comma = [cell.strip().strip('"') for cell in cells if "," in cell]
    decimal = any("decimal" in one.how or ";" in text or "\t" in text for one in readings)
    if decimal and with_comma and all(ONE_GROUP.fullmatch(cell) for cell in with_comma):
        position = 1 + next(n for n, cell in enumerate(cells) if "," in cell)
        one = with_comma[0]
        return as_thousands(one, position, f"{one.replace(',', '.')} or {one.replace(',', '')}")
    return ""


def as_thousands(found: str, position: int, ways: str) -> str:
    """What to say of a number that may have a thousands separator."""
    return (
        f"number {position}, {quoted(found)}, can be {ways}: write numbers without thousands "
        "separators, with a decimal point"
    )


def beginning(series: Series) -> str:
    """The first numbers of a series, and how many there are."""
    steps: list[Any] = list(series[:3])
    if isinstance(steps[0], tuple):
        told = "; ".join(", ".join(f"{x:g}" for x in step[:4]) for step in steps)
        counted = f"{len(series)} steps of {len(series[0])} features"  # type: ignore[arg-type]
    else:
        told, counted = ", ".join(f"{x:g}" for x in steps), f"{len(series)} numbers"
    return f"{told}{', …' if len(series) > 3 else ''} ({counted})"
