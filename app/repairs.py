"""Links that passed through mail, chats, newsletters and word processors: what is plainly meant.

`repaired` takes a query that no strict reader takes and gives its pairs as they were meant, with a
note of each change. It never chooses between two readings: those are errors that name both. One's
own text is never changed: any letter may be meant there.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from app.cleaning import CLEANERS, cleaned
from app.errors import WrongKey, shown
from app.keys import FIELDS, allowed, kind
from app.link_parts import NESTED, Part, blank, is_text, joined, key_of, split
from app.trackers import is_tracker
from app.value_repairs import readings, reads_as_it_stands, same

MOST_PAIRS = 2 * len(FIELDS)  # of which each can be reported with what is wrong with it
MORE_KEYS = f"comes after {MOST_PAIRS} keys, more than a link can have"
# What elsewhere in a link makes its text doubtful that shows the same.
REACHES_TEXT = CLEANERS.keys() - {"full width"}


class Repair(NamedTuple):
    """One change: what a link had, and what that was read as."""

    was: str
    read: str


@dataclass
class Repaired:
    """A link as it was meant, each key once: values to be validated, notes, what has two
    readings; `given` is what was written in the place of a repaired value."""

    pairs: dict[str, str] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    errors: list[WrongKey] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)

    def without(self, keys: Container[str]) -> "Repaired":
        """The same without some keys."""
        pairs = {key: value for key, value in self.pairs.items() if key not in keys}
        errors = [error for error in self.errors if error.key not in keys]
        return replace(self, pairs=pairs, errors=errors)


def repaired(query: bytes) -> Repaired:
    """The pairs of a query as they were meant."""
    result = Repaired()
    by_key: dict[str, list[Part]] = {}
    parts = parts_of(query)
    for part in parts[:MOST_PAIRS]:
        if part.broken:
            result.errors.append(wrong(part, "is not valid UTF-8"))
        else:
            by_key.setdefault(part.key or part.name, []).append(part)
    result.errors += [wrong(part, MORE_KEYS) for part in parts[MOST_PAIRS:]]
    doubtful = doubtful_case(by_key)
    values = {key: value_of(key, several, result) for key, several in by_key.items()}
    used = set().union(*(part.used for several in by_key.values() for part in several))
    used &= REACHES_TEXT
    for key, several in by_key.items():
        if other := doubtful.get(key) or doubt_of_text(key, several, used):
            result.errors.append(two_readings(key, several[0].value, other))
        elif values[key] is not None:
            take(result, key, str(values[key]), several)
    return result


def parts_of(query: bytes) -> list[Part]:
    """The parts of a query that say something, with the keys that they stand for."""
    parts = joined(islice(split(query, NESTED), MOST_PAIRS + 1))
    for part in parts:
        part.key, used = key_of(part.name)
        part.used |= used
    return [part for part in parts if not (part.key and is_tracker(part.key)) and not blank(part)]


def wrong(part: Part, message: str) -> WrongKey:
    """What is wrong with a part that is not looked into."""
    return WrongKey(shown(part.name), shown(part.value), message)


def take(result: Repaired, key: str, value: str, several: list[Part]) -> None:
    """Put a pair into the result, with a note where it was written otherwise."""
    result.pairs[key] = value
    if key not in FIELDS:
        return
    if len(several) > 1 or not as_written(key, value, several[0].was):
        was = "&".join(part.was for part in several)
        result.repairs.append(Repair(visible(was), visible(f"{key}={value}")))
        result.given[key] = several[0].value


def as_written(key: str, value: str, was: str) -> bool:
    """Whether a pair says what it said. A page's own field writes spaces between numbers, which a
    form sends as plus signs."""
    if key in FIELDS and kind(key) == "numbers":
        was, value = (re.sub("[ +]", "", text) for text in (was, value))
    return was == f"{key}={value}"


def doubtful_case(by_key: Mapping[str, list[Part]]) -> dict[str, str]:
    """The keys of a link whose letters all became small or large that may be others: `T` is the
    length, `t` a step; and one's own text is then no longer as it was."""
    names = {part.name: key for key, several in by_key.items() for part in several}
    lowered = any(name.islower() and not key.islower() for name, key in names.items())
    raised = {key for name, key in names.items() if name.isupper() and key.islower()}
    doubtful: dict[str, str] = {}
    if lowered and "t" in names:
        doubtful["t"] = "T"
    if raised & {"s", "draw", "worked"} and "T" in names:
        doubtful["T"] = "t"
    return doubtful


def value_of(key: str, several: list[Part], result: Repaired) -> str | None:
    """The one value that a key is given; None where there are two readings, which are reported."""
    if key not in FIELDS:
        return several[0].value
    values = [value for part in several for value in values_of(key, part)]
    different = [
        value
        for n, value in enumerate(values)
        if not any(same(key, value, other) for other in values[:n])
    ]
    if len(different) == 1:
        return different[0]
    if len(several) > 1:
        listed = " and as ".join(shown(value) or "empty" for value in different[:2])
        message = f"appears {len(several)} times, as {listed}; use it once"
        result.errors.append(WrongKey(shown(key), shown(several[0].value), message))
    else:
        result.errors.append(two_readings(key, several[0].value, different[1], different[0]))
    return None


def values_of(key: str, part: Part) -> tuple[str, ...]:
    """What a part's value can be; itself where it needs no repair or there is none."""
    if reads_as_it_stands(key, part.value):
        return (part.value,)
    clean, used = cleaned(part.value)
    values = readings(key, clean)
    part.used |= used if values else set()
    return values or (part.value,)


def doubt_of_text(key: str, several: list[Part], used: set[str]) -> str | None:
    """The other reading of one's own text, where what happened to the rest of the link seems to
    have happened to the text too."""
    if not is_text(key):
        return None
    part = several[0]
    if part.doubt is not None:
        return part.doubt
    if part.name.isupper() and part.value.isupper():
        return part.value.lower()
    for name in sorted(used):
        if (other := CLEANERS[name](part.value)) != part.value:
            return other
    return None


def two_readings(key: str, value: str, other: str, first: str | None = None) -> WrongKey:
    """The refusal to choose."""
    if key in ("t", "T") and other in ("t", "T"):
        first, other = f"{key}={value}", f"{other}={value}"
    first = shown(visible(value if first is None else first))
    message = f"can be read as {first} or as {shown(visible(other))}; it takes {allowed(key)}"
    return WrongKey(key, shown(value), message)


def visible(text: str) -> str:
    """The text with what one cannot see (and white space at its ends) percent-encoded."""
    inner = text.strip()
    start = text.index(inner) if inner else len(text)
    return "".join(
        letter
        if letter.isprintable() and start <= n < start + len(inner) and letter != "\u3164"
        else quote(letter)
        for n, letter in enumerate(text)
    )
