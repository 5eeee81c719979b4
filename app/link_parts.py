"""The pairs of a damaged query: where one ends, which keys they stand for.

Links hide in the keys and values of others: encoded as a whole, behind a separator that was escaped
or encoded, in the value of a tracker's key, broken by the line ends of mail.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from app.cleaning import alike, cleaned, entity, narrow, strip
from app.keys import FIELDS, kind
from app.trackers import is_tracker, without_appended

NESTED = 3  # links within a value within a value
AMPERSAND = r"(?:amp|#0*38|#[xX]0*26)"
AMPERSANDS = re.compile(rf"(?:\s*{AMPERSAND};)+", re.IGNORECASE)
HALF_AMPERSAND = re.compile(rf"^{AMPERSAND};?", re.IGNORECASE)
SEPARATOR = re.compile(rf"&(?:{AMPERSAND};&?)*|\?|;(?=\s*[\w\\]{{1,20}}=)", re.IGNORECASE)
ENCODED_BREAK = re.compile(rb"(?:=|%3D)(?:%20|[ \t])*(?:%0D)?%0A", re.IGNORECASE)
ENCODED_SEPARATOR = re.compile(
    rb"%26(?:(?:amp|(?:#|%23)0*38|(?:#|%23)x0*26)(?:;|%3B)&?)+", re.IGNORECASE
)
# A link that became part of a tracker's value, for its separators were encoded and nothing else.
SWALLOWED = re.compile(
    ENCODED_SEPARATOR.pattern.replace(b")+", b")*")
    + rb"(?:(?:%s)=|v%%3D1(?:%%26|$))" % "|".join(FIELDS).encode(),
    re.IGNORECASE,
)
STRAY_EQUALS = re.compile(rb"=(?![0-9A-F]{2})")
LONGEST_KEY = 100


@dataclass
class Part:
    """One pair of a link on its way to be understood; `doubt` is the other reading of a text."""

    name: str
    value: str
    was: str
    doubt: str | None = None
    broken: bool = False  # not UTF-8
    key: str | None = None
    used: set[str] = field(default_factory=set)


def split(query: bytes, nested: int, *, again: bool = False) -> Iterator[Part]:
    """The parts of a query, those too that hide in the key or the value of another; `again` where
    the query was decoded once already."""
    query, mailed = without_quoted_printable(query)
    for raw in query.split(b"&"):
        left, equals, right = raw.partition(b"=")
        try:
            name, value = side(left), side(without_appended(right))
        except UnicodeDecodeError:
            name, value, was = (
                unquote_to_bytes(one).decode(errors="replace") for one in (left, right, raw)
            )
            yield Part(name, value, was, broken=True)
            continue
        if nested and (inner := hidden(name, raw, equals)):
            yield from split(inner, nested - 1)
            continue
        name = name.rpartition("?")[2] or name
        if is_tracker(name):
            if (link := SWALLOWED.search(right)) and nested:
                yield from split(right[link.start() + 3 :], nested - 1)
            continue
        if nested and not is_text(name) and key_of(name)[0] in FIELDS:
            yield from split_value(left + equals, right, nested, name)
        elif name or value:
            doubt = side(right.replace(b"=", b"")) if mailed else None
            doubt = right.decode(errors="replace") if again else doubt
            yield Part(name, value, side(raw), doubt if doubt != value else None)


def hidden(name: str, raw: bytes, equals: bytes) -> bytes | None:
    """The link that is within a key: one that was percent-encoded as a whole, or broken by a line
    end of quoted-printable."""
    if not equals:
        inner = narrow(name)
        return inner.encode() if re.search("[=&]|%3D|%26", inner, re.IGNORECASE) else None
    one_more = ENCODED_BREAK.sub(b"", raw, count=1)
    return one_more if one_more != raw and b"=" in one_more and key_of(name)[0] is None else None


def split_value(left: bytes, right: bytes, nested: int, name: str) -> Iterator[Part]:
    """The part of a key that takes no text, and the parts that hide in its value."""
    right, *more = ENCODED_SEPARATOR.split(right, maxsplit=1)
    value, *rest = SEPARATOR.split(side(without_appended(right)), maxsplit=1)
    written, value = value, value.partition("#")[0]  # a fragment that became part of the query
    yield Part(name, value, side(left) + written)
    yield from split("".join(rest).encode(), nested - 1, again=True)
    # Not decoded yet: what separates here does so everywhere.
    yield from split(b"&".join(ENCODED_SEPARATOR.sub(b"&", one) for one in more), nested - 1)


def side(raw: bytes) -> str:
    """A side of a pair, as forms write it: + is a space."""
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode()


def without_quoted_printable(query: bytes) -> tuple[bytes, bool]:
    """The query as it was before a mail program encoded all of it, and whether one did: then every
    equals sign is ``=3D`` or the end of a line. What may be another character stays."""
    if b"=3D" not in query:
        return query, False
    plain = ENCODED_BREAK.sub(b"", query)
    parts = [part for part in plain.split(b"&") if part]
    ours = [
        part
        for part in parts
        if not is_tracker(part.removeprefix(b"amp;").partition(b"=")[0].decode("latin-1"))
    ]
    if not ours or not all(b"=3D" in part for part in ours):
        return query, False
    decoded = (
        STRAY_EQUALS.sub(b"", part.replace(b"=3D", b"\0")).replace(b"\0", b"=") for part in ours
    )
    return b"&".join(decoded), True


def joined(parts: Iterable[Part]) -> list[Part]:
    """The parts, where ``&quot;`` and its like are put back to where they stood. What has no equals
    sign behind one's own text, as in ``text=R&D``, may be the rest of the text."""
    result: list[Part] = []
    for part in parts:
        match = entity(part.name)
        if match is None and result and is_text(result[-1].name) and bare(part):
            match = "&", HALF_AMPERSAND.sub("", part.name)
        if match is None:
            result.append(part)
            continue
        character, rest = match
        tail = character + rest + ("=" + part.value if part.value else "")
        if not result:
            result.append(Part(rest, part.value, part.was))
            continue
        before = result[-1]
        if is_text(before.name):
            before.doubt = (before.value if before.doubt is None else before.doubt) + tail
        else:
            before.value += tail
        before.was += f"&{part.was}"
    return result


def bare(part: Part) -> bool:
    """Whether a part says something and has no equals sign."""
    return "=" not in part.was and not part.broken and not blank(part)


def blank(part: Part) -> bool:
    """Whether there is nothing in a part but what surrounds a link."""
    name = HALF_AMPERSAND.sub("", AMPERSANDS.sub("", part.name))
    return not strip(cleaned(name)[0]) and not strip(cleaned(part.value)[0])


def is_text(name: str) -> bool:
    """Whether a name stands for a key whose value is one's own text."""
    key, _ = key_of(name)
    return key in FIELDS and kind(key) == "text"


@lru_cache(256)
def key_of(name: str) -> tuple[str | None, frozenset[str]]:
    """The key (or the tracker) that a damaged name stands for, and what had to be cleaned."""
    if name in FIELDS or is_tracker(name):
        return name, frozenset()
    if len(name) > LONGEST_KEY:
        return None, frozenset()
    clean, cleaners = cleaned(AMPERSANDS.sub("", name))
    used = frozenset(cleaners)
    whole = "".join(clean.split())
    clean = strip(whole)
    for candidate in (whole, clean, HALF_AMPERSAND.sub("", clean, count=1), "amp" + clean):
        if is_tracker(candidate):
            return candidate, used
        if keys := alike(candidate, tuple(FIELDS)):
            return keys[0], used
    return None, used
