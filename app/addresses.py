"""Addresses that people guess, and those that damaged links lead to: which one is meant."""

import re
from collections.abc import Collection

from app.cleaning import cleaned, strip

LONGEST = 100  # letters; nobody guesses longer ones
START = "highway"  # the lens of the front page
PAGES_OF_SERVERS = re.compile(r"(?:index|default|home)(?:\.\w{1,5})?")
# What may stand behind a name that is a page, or a program's answer.
ENDINGS = {"": ("", "html", "htm", "php"), "/embed": ("", "html"), "/api": ("", "json")}
# Other names of the lenses.
OTHERS = {
    "highways": START,
    "path": "paths",
    "gate": "gates",
    "horizons": "horizon",
    "spectra": "spectrum",
    "spectral": "spectrum",
    "phases": "phase",
    "phasemap": "phase",
    "phasediagram": "phase",
    "map": "phase",
    "train": "training",
    "trainings": "training",
    "trained": "training",
    "step": "steps",
    "comparison": "compare",
    "claim": "claims",
    "derivation": "learn",
    "glossary": "learn",
    "explain": "learn",
}


def meant_address(path: str, known: Collection[str]) -> str | None:
    """The one of the `known` addresses that a guessed path stands for: in other case, with a slash
    at its end, with the front page's own name, with what surrounds a link; None where none is."""
    if len(path) > LONGEST or not path.startswith("/"):
        return None
    clean = cleaned(path)[0].lower().partition(";")[0]
    parts = [part for part in strip("".join(clean.split())).split("/") if part]
    for candidate in candidates(parts):
        if candidate in known:
            return candidate
    return None


def candidates(parts: list[str]) -> list[str]:
    """What the parts of a path may be written as, the most literal first."""
    if not parts or (len(parts) == 1 and PAGES_OF_SERVERS.fullmatch(parts[0])):
        return ["/"]
    *places, last = parts
    name, dot, ending = last.partition(".")
    lens = OTHERS.get(re.sub("[-_]", "", name), name)
    before = "".join(f"/{place}" for place in places)
    result = [f"{before}/{last}", f"{before}/{lens}{dot}{ending}"]
    if ending in ENDINGS.get(before, ()):
        result.append(f"{before}/{lens}" if before or lens != START else "/")
    if parts == ["embed"]:
        result.append(f"/embed/{START}")
    return result


def split_query(raw_path: bytes) -> tuple[bytes, bytes]:
    """A path and the query that became part of it, where its ``?`` was percent-encoded or lost."""
    path, _, query = re.sub(rb"%3F|&", b"?", raw_path, count=1, flags=re.IGNORECASE).partition(b"?")
    return path, query
