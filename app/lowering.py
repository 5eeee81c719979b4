"""Which key of a link to lower, and how far, where the training that it asks for costs too much."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

from app.errors import shown
from app.keys import default
from app.links import Asked, plain

LEAST = {"trained": 100, "updates": 100}  # fewer say nothing
PARTS = 100

Fits = Callable[[Asked], bool]


class Lowered(NamedTuple):
    """What to lower."""

    key: str  # which has to change least, of what the link says
    value: str  # as the link says it
    way_out: str
    asked: Asked  # the nearest that is let in


def lowered(asked: Asked, keys: Sequence[str], fits: Fits) -> Lowered:
    """Lower one of some keys, that which has to change least; where none alone will do, several,
    all by the same part. What the link does not say is left alone where that is possible."""
    said = [key for key in keys if value_of(asked, key) != default(key)]
    every = [*said, *(key for key in keys if key not in said)]
    among = said if said and fits(at_part(asked, said, 0)) else every
    alone = {key: most for key in among if (most := enough(asked, key, fits))}
    if alone:
        key = max(alone, key=lambda key: alone[key] / size(asked, key))
        nearest = cut(asked, {key: alone[key]})
        others, word = {other: alone[other] for other in alone if other != key}, "or"
    else:
        parts = range(1, PARTS)
        part = bisect_left(parts, True, key=lambda n: not fits(at_part(asked, among, n)))
        nearest, key, word = at_part(asked, among, part), among[0], "and"
        others = {other: size(nearest, other) for other in among[1:]}
    ways = [f"lower it to {told(key, size(nearest, key))}"]
    ways += [f"{other} to {told(other, n)}" for other, n in others.items()]
    value = shown(plain(value_of(asked, key)))
    return Lowered(key, value, f" {word} ".join(ways), nearest)


def value_of(asked: Asked, key: str) -> Any:
    """What is in force."""
    return getattr(asked.experiment if key in "TH" else asked.focus, key)


def size(asked: Asked, key: str) -> int:
    """How much of it there is: its number, or its characters."""
    value = value_of(asked, key)
    return len(value) if key == "words" else int(value)


def told(key: str, size: int) -> str:
    """How much of it, in words."""
    return f"{size} characters" if key == "words" else str(size)


def least(asked: Asked, key: str) -> int:
    """The least there can be of it; one's own words keep two different characters."""
    words = asked.focus.words
    if key == "words":
        return next(n for n in count(2) if len(set(words[:n])) > 1)
    return min(size(asked, key), 1)


def cut(asked: Asked, sizes: dict[str, int]) -> Asked:
    """The same with less of some keys."""
    experiment, focus, view = asked
    of_both = {key: focus.words[:n] if key == "words" else n for key, n in sizes.items()}
    changed = {key: n for key, n in of_both.items() if key in "TH"}
    rest = {key: n for key, n in of_both.items() if key not in "TH"}
    experiment = experiment.model_copy(update=changed).in_force()
    return Asked(experiment, focus.model_copy(update=rest), view)


def at_part(asked: Asked, keys: Sequence[str], part: int) -> Asked:
    """The same with each key at so many hundredths of what it is, or its least."""
    sizes = {key: max(least(asked, key), size(asked, key) * part // PARTS) for key in keys}
    return cut(asked, sizes)


def enough(asked: Asked, key: str, fits: Fits) -> int:
    """The most that one key alone may be; 0 where it alone does not help."""
    sizes = range(max(least(asked, key), LEAST.get(key, 0)), size(asked, key))
    found = bisect_left(sizes, True, key=lambda n: not fits(cut(asked, {key: n})))
    return sizes[found - 1] if found else 0
