"""What happens to words on their way through mail, chats and word processors, taken back.

Every function here is for keys, numbers and words from a list, in which none of this can be meant.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

WIDE = {ord("！") + n: chr(ord("!") + n) for n in range(94)} | {ord("\u3000"): " "}
DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−˗➖﹘﹣"), "-")
# Soft hyphen, joiners, marks of direction, byte-order mark: none of them is seen.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]"
)
BACKSLASH = re.compile(r"\\(?=[^\w\s]|_)")
SOFT_BREAK = re.compile(r"=[ \t]*\r?\n")
WRAPPED = re.compile(r"[ \t]*[\r\n]+[ \t]*")
TAG = re.compile("</?[A-Za-z][^<>]*>?")
QUOTES = "\"'`´“”„‟‘’‚‛«»‹›′″〝〞❝❞"
BEFORE = QUOTES + "([{<（［｛【「『〈《⟨*_~|:;,?!=/•·"
AFTER = QUOTES + ")]}>）］｝】」』〉》⟩*_~|:;,.?!…。、，．；：！？=/\\#"
ENTITY = re.compile(r"&?(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
ENCODINGS = 3  # so many times at most a link is percent-encoded over again


def unquoted(text: str) -> str:
    """Percent-encoding that is still there after a link was decoded."""
    try:
        for _ in range(ENCODINGS):
            text = unquote(text, errors="strict")
    except UnicodeDecodeError:
        pass  # what is left is refused
    return text


def seen(text: str) -> str:
    """The text without characters that nobody sees."""
    return UNSEEN.sub("", text)


def narrow(text: str) -> str:
    """Full-width letters, digits and signs as plain ones."""
    return text.translate(WIDE)


def without_backslashes(text: str) -> str:
    r"""Markdown's ``b\_f`` as ``b_f``."""
    return BACKSLASH.sub("", text)


def hyphenated(text: str) -> str:
    """Typographic minus signs and dashes as the hyphen that a link writes."""
    return text.translate(DASHES)


def quoted_printable(text: str) -> str:
    """``=3D``, as mail writes an equals sign, and its soft line breaks."""
    return re.sub(r"^3[Dd](?=.)", "", SOFT_BREAK.sub("", text))


CLEANERS: dict[str, Callable[[str], str]] = {
    "percent-encoding": unquoted,
    "unseen characters": seen,
    "full width": narrow,
    "backslashes": without_backslashes,
    "dashes": hyphenated,
    "quoted-printable": quoted_printable,
}


def cleaned(text: str) -> tuple[str, set[str]]:
    """The text after every one of `CLEANERS`, and those that changed it."""
    used = set()
    for name, cleaner in CLEANERS.items():
        if (now := cleaner(text)) != text:
            text = now
            used.add(name)
    return text, used


def trimmed(text: str) -> str:
    """The text without white space, quotes, brackets, punctuation and tags around it, and joined
    where a line was wrapped. A point before digits and a sign stay."""
    return WRAPPED.sub("", strip(TAG.sub("", text)))


def strip(text: str) -> str:
    """The text without what stands around it."""
    first, last = 0, len(text)
    while first < last and (text[first] in BEFORE or text[first].isspace()):
        first += 1
    while first < last and (text[last - 1] in AFTER or text[last - 1].isspace()):
        last -= 1
    return text[first:last]


def entity(text: str) -> tuple[str, str] | None:
    """The character that HTML writes at the beginning of `text` (after its ``&``), and the rest."""
    if (match := ENTITY.match(text)) is None:
        return None
    character = unescape(f"&{match[1]};")
    return None if character.startswith("&") else (character, text[match.end() :])


def alike(name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `names` that `name` may stand for: itself, or in other case, or with underscores
    lost, as Markdown takes them for emphasis."""
    if name in names:
        return (name,)
    by_case, by_letters = without_case(names)
    lower = name.lower()
    return by_case.get(lower) or by_letters.get(lower.replace("_", ""), ())


@lru_cache
def without_case(names: tuple[str, ...]) -> tuple[dict[str, tuple[str, ...]], ...]:
    """Names by their small letters, with and without underscores."""
    by_case: dict[str, tuple[str, ...]] = {}
    by_letters: dict[str, tuple[str, ...]] = {}
    for name in names:
        lower, bare = name.lower(), name.lower().replace("_", "")
        by_case[lower] = (*by_case.get(lower, ()), name)
        by_letters[bare] = (*by_letters.get(bare, ()), name)
    return by_case, by_letters
