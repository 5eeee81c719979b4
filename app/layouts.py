"""Every way to cut a pasted text into cells: by commas, semicolons, tabs, spaces or lines."""

import csv
import re
from collections.abc import Callable
from typing import NamedTuple

from app.series import SeriesError

R_INDEX = re.compile(r"\s*\[\d+\]\s+")


class Layout(NamedTuple):
    """A text cut into cells: how, its rows with their line numbers, whether commas are decimal."""

    how: str
    rows: list[tuple[int, list[str]]]
    decimal_commas: bool
    row_names: bool = False  # a header may be one cell short: then the first column has names


def layouts_of(text: str) -> list[Layout]:
    """Every way to cut a text into cells, the most usual first."""
    explicit = re.match(r"\s*sep=(.)[ \t]*\n", text)
    if explicit:
        text = " \n" + text[explicit.end() :]  # the other lines keep their numbers
    lines = [(n, line.strip(" ")) for n, line in enumerate(text.split("\n"), 1)]
    lines = [(n, line) for n, line in lines if line.strip() and not line.startswith("#")]
    if not lines:
        raise SeriesError("is empty")
    if all(R_INDEX.match(line) for _, line in lines):
        lines = [(1, " ".join(R_INDEX.sub("", line, count=1) for _, line in lines))]
    elif (whole := " ".join(line for _, line in lines))[0] + whole[-1] in ("[]", "()"):
        lines = [(1, whole[1:-1])]
    bare = "\n".join(re.sub('"[^"]*"', '""', line) for _, line in lines)
    if explicit:
        return [separated(lines, explicit[1], decimal_commas=explicit[1] != ",")]
    if "\t" in bare:
        return [separated(lines, "\t", decimal_commas=True, row_names=True)]
    if ";" in bare:
        return with_semicolons(lines, bare)
    if "," in bare:
        return with_commas(lines, bare)
    return [by_spaces(lines)]


def with_semicolons(lines: list[tuple[int, str]], bare: str) -> list[Layout]:
    """Semicolons part cells; on one line with commas they may part steps of several features."""
    found = []
    if not re.search(r",\s", bare):
        found.append(separated(lines, ";", decimal_commas=True))
    if "," in bare and len(lines) == 1:
        steps = [(1, [c.strip() for c in step.split(",")]) for step in lines[0][1].split(";")]
        found.append(Layout("semicolons between steps, commas between features", steps, False))
    return found or [separated(lines, ";", decimal_commas=True)]


def with_commas(lines: list[tuple[int, str]], bare: str) -> list[Layout]:
    """Commas part cells, or they are decimal where line ends (or spaces) part numbers."""
    found = [separated(lines, ",", decimal_commas='"' in bare)]
    spaced = re.search(r", ", bare)
    commas = [line.count(",") for line in bare.split("\n")]
    if len(lines) > 1 and not spaced and max(commas) == 1 and "," not in header_of(lines):
        column = Layout("decimal commas, a number a line", [(n, [x]) for n, x in lines], True)
        found = [column] if no_columns(bare) else [*found, column]
    if spaced and re.search(r",[^ \n]", bare):
        split = re.compile(r", +").split
        found.append(cut(lines, split, "decimal commas, a comma and a space between numbers"))
    elif not spaced and re.search(r"\d +[\d+-]", bare):
        found.append(by_spaces(lines, decimal_commas=True))
        found.append(cut(lines, re.compile(r"[ ,]+").split, "commas and spaces between numbers"))
    if len(lines) == 1 and (pairs := paired(lines[0][1])):
        found.append(Layout("decimal commas, commas between numbers too", [(1, pairs)], True))
    return found


def header_of(lines: list[tuple[int, str]]) -> str:
    """The first line, where it holds no number."""
    first = lines[0][1]
    return "" if re.match(r"[+-]?[.,]?\d", first) else first


def no_columns(bare: str) -> bool:
    """Whether numbers with one comma each cannot be two columns of a table: 0,5 in every line, or
    a part after the comma that no program writes as a number, as in 1,05."""
    parts = [line.partition(",") for line in bare.split("\n") if re.match(r"[+-]?\d", line)]
    whole = all(before in ("0", "-0", "+0") for before, comma, _ in parts if comma)
    return whole or any(re.match(r"0\d", after) for _, _, after in parts)


def paired(line: str) -> list[str] | None:
    """The numbers with decimal commas that 0,5,0,7 may be; None where it hardly can."""
    cells = line.split(",")
    if len(cells) < 4 or len(cells) % 2 or not all(re.fullmatch(r"-?\d+", c) for c in cells):
        return None
    before, after = cells[::2], cells[1::2]
    if any(c.startswith("-") for c in after):
        return None
    if not all(c in ("0", "-0") for c in before) and not any(re.match(r"0\d", c) for c in after):
        return None
    return [f"{one},{two}" for one, two in zip(before, after, strict=True)]


def separated(
    lines: list[tuple[int, str]], mark: str, *, decimal_commas: bool, row_names: bool = False
) -> Layout:
    """Cells between marks, quoted or not."""
    name = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "spaces"}.get(mark, mark)
    rows = []
    for n, line in lines:
        (cells,) = csv.reader([line], delimiter=mark, skipinitialspace=True)
        rows.append((n, [cell.strip(" ") for cell in cells]))
    return Layout(f"{name} between numbers", rows, decimal_commas, row_names)


def by_spaces(lines: list[tuple[int, str]], *, decimal_commas: bool = True) -> Layout:
    """Cells between spaces, of which there may be many."""
    rows = [
        (n, [cell.strip('"') for cell in re.findall(r'"[^"]*"|[^ ]+', line)]) for n, line in lines
    ]
    return Layout("spaces between numbers", rows, decimal_commas, row_names=True)


def cut(lines: list[tuple[int, str]], split: Callable[[str], list[str]], how: str) -> Layout:
    """Cells as a function cuts a line."""
    commas = how.startswith("decimal")
    return Layout(how, [(n, split(line)) for n, line in lines], commas)
