"""Links: the reader and the writer of the query string that is the whole state."""

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel, ValidationError

from app.budget import USUAL, Budget, affordable, within
from app.errors import Problem, WrongKey, shown
from app.grammar import shortest, with_plus_signs
from app.keys import FIELDS, REPLACED, allowed, kind
from app.knobs import LINK_VERSION, Experiment
from app.link_parts import SWALLOWED
from app.nearest import Nearest, also_without
from app.repairs import MOST_PAIRS, Repair, Repaired, as_written, repaired, visible
from app.trackers import is_tracker, without_appended
from app.view import Focus, View

SIGNED = {key for key in FIELDS if kind(key) in ("integer", "real", "numbers")}
# What of a second experiment may be to blame where one of its keys does not fit the others.
MISFITTING = {"D": ("vs_signal",), "amplitude": ("vs_amplitude", "vs_standardize")}

Model = TypeVar("Model", bound=BaseModel)


class Asked(NamedTuple):
    """All that a link says: the experiment, where to look closely, how to show it."""

    experiment: Experiment
    focus: Focus = Focus()
    view: View = View()


def of_weights(asked: Asked) -> Asked:
    """What of a link decides the weights: the experiment, and how it was trained where it was."""
    experiment, focus, _ = asked
    return Asked(experiment, focus.lesson() if focus.trained is not None else Focus())


class Meant(NamedTuple):
    """What a link asks for, and what of it had to be repaired to be read."""

    asked: Asked
    repairs: tuple[Repair, ...] = ()


def read(query: bytes, *, with_view: bool, budget: Budget = USUAL) -> Asked:
    """What a query string asks for, as it stands: what programs send is not repaired.

    Raises:
        Problem: as `meant` does.
    """
    return meant(query, with_view=with_view, repair=False, budget=budget).asked


def meant(query: bytes, *, with_view: bool, repair: bool, budget: Budget = USUAL) -> Meant:
    """What a query string asks for, unused knobs at their value in force.

    A page reads its view keys too (`with_view`); elsewhere they are ignored, whatever they say.
    Keys of trackers are ignored everywhere. What is plainly meant is read where `repair` is set.
    The nearest link is within `budget`.

    Raises:
        Problem: 422 naming each wrong key (of very many, the first), its value and what is
            allowed, or both readings that it has, with the nearest link.
    """
    pairs, errors = decoded(query)
    asked, errors = judged(pairs, errors, with_view)
    if asked is not None:
        return Meant(asked)
    again = as_it_stands(pairs) if too_many(pairs) else repaired(query)
    if not with_view:
        again = again.without(View.model_fields)
    asked, left = judged(list(again.pairs.items()), again.errors, with_view)
    if not repair or too_many(pairs):
        raise refusal(with_both_readings(errors, again), again, left, budget)
    if asked is not None:
        return Meant(asked, tuple(again.repairs) or whole_repair(query, pairs, again, asked))
    written = [replace(one, value=shown(again.given.get(one.key, one.value))) for one in left]
    raise refusal(written, again, left, budget)


def as_it_stands(pairs: list[tuple[str, str]]) -> Repaired:
    """The keys that a link of too many says once."""
    times = Counter(key for key, _ in pairs)
    return Repaired({key: value for key, value in pairs if times[key] == 1 and key in FIELDS})


def refusal(
    errors: list[WrongKey], again: Repaired, left: list[WrongKey], budget: Budget
) -> Problem:
    """The answer to a wrong link: its `errors`, and the nearest to what of it could be repaired,
    of which `left` is wrong."""
    near, left_out = nearest(again.pairs, {one.key for one in left}, budget)
    errors = [
        replace(one, message=one.message + also_without(left_out, again.pairs, one.key))
        for one in errors
    ]
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This link does not name an experiment",
        "; ".join(f"{error.key}={error.value} {error.message}" for error in errors) + ".",
        errors,
        near,
    )


def judged(
    pairs: list[tuple[str, str]], errors: list[WrongKey], with_view: bool
) -> tuple[Asked | None, list[WrongKey]]:
    """What pairs ask for, or what is wrong with them beside `errors`."""
    if not with_view:
        pairs = [(key, value) for key, value in pairs if key not in View.model_fields]
        errors = [error for error in errors if error.key not in View.model_fields]
    errors = errors[:MOST_PAIRS] + too_many(pairs)
    pairs = pairs[:MOST_PAIRS]
    times = Counter(key for key, _ in pairs)
    written = dict(reversed(pairs))
    errors += [
        WrongKey(shown(key), shown(written[key]), f"appears {count} times; use it once")
        for key, count in times.items()
        if count > 1
    ]
    errors += [
        WrongKey(shown(key), shown(written[key]), REPLACED.get(key, NO_KNOB))
        for key in written
        if key not in FIELDS
    ]
    single = {key: value for key, value in written.items() if times[key] == 1 and key in FIELDS}
    asked, wrong = validated(single)
    errors += wrong
    return (None, errors) if errors else (asked, [])


NO_UTF8 = "is not valid UTF-8"
NO_KNOB = "is not a knob; see /api for those there are"


def too_many(pairs: list[tuple[str, str]]) -> list[WrongKey]:
    """What is wrong with a link of more keys than anybody would read about."""
    more = pairs[MOST_PAIRS:]
    message = f"is the first of {len(more)} keys too many"
    return [WrongKey(shown(key), shown(value), message) for key, value in more[:1]]


def with_both_readings(errors: list[WrongKey], again: Repaired) -> list[WrongKey]:
    """Errors of a link as it stands, with the two readings of what has two."""
    two = {one.key: one for one in again.errors if one.key in FIELDS}
    named = {one.key for one in errors}
    return [two.get(one.key, one) for one in errors] + [
        one for key, one in two.items() if key not in named
    ]


def whole_repair(
    query: bytes, pairs: list[tuple[str, str]], again: Repaired, asked: Asked
) -> tuple[Repair, ...]:
    """The note for a link that was encoded as a whole, where no part of it has its own; none where
    only spaces between numbers were left out."""
    if dict(pairs).keys() == again.pairs.keys() and all(
        as_written(key, again.pairs[key], f"{key}={value}") for key, value in pairs
    ):
        return ()
    return (Repair(visible(query.decode(errors="replace")), write(*asked) or f"v={LINK_VERSION}"),)


def write(experiment: Experiment, *others: Focus | View) -> str:
    """The canonical query string: v first, then what differs from the defaults, in order."""
    # One's own text or numbers may be long, and seldom come twice.
    own = experiment.signal in ("text", "series")
    return canonical(experiment, *others) if own else known_by_heart(experiment, *others)


def canonical(experiment: Experiment, *others: Focus | View) -> str:
    """The query string, worked out."""
    unused = experiment.unused()
    parts = [
        f"{key}={written(value)}"
        for model in (experiment, *others)
        for key, value in model
        if not (model is experiment and key in unused)
        and value != type(model).model_fields[key].default
    ]
    return "&".join([f"v={LINK_VERSION}", *parts]) if parts else ""


known_by_heart = lru_cache(256)(canonical)


def plain(value: Any) -> str:
    """A knob's value as one types it: numbers in the shortest form that reads back."""
    if isinstance(value, tuple):
        # Steps of several features have semicolons between them.
        rows = bool(value) and isinstance(value[0], tuple)
        return (";" if rows else ",").join(plain(part) for part in value)
    if isinstance(value, float):
        return shortest(value)
    return "" if value is None else str(value)


def written(value: Any) -> str:
    """A knob's value as a link carries it."""
    return listed(value) if isinstance(value, tuple) else quote(plain(value), safe=",")


@lru_cache(32)
def listed(values: tuple[Any, ...]) -> str:
    """A list as a link carries it; a page writes the same one a hundred times."""
    return quote(plain(values), safe=",;")


def decoded(query: bytes) -> tuple[list[tuple[str, str]], list[WrongKey]]:
    """Pairs in the order written, as a form writes them (+ is a space), and what is no UTF-8;
    without those of trackers."""
    pairs: list[tuple[str, str]] = []
    errors: list[WrongKey] = []
    for part in query.split(b"&"):
        key, _, value = part.replace(b"+", b" ").partition(b"=")
        name = unquote_to_bytes(key).decode(errors="replace")
        if not part or (
            name not in FIELDS
            and is_tracker(name.removeprefix("amp;"))
            and not SWALLOWED.search(value)
        ):
            continue
        if name in SIGNED:
            value = with_plus_signs(part.partition(b"=")[2]).replace(b"+", b" ")
        text = unquote_to_bytes(without_appended(value) if b"?" in value else value)
        try:
            pairs.append(
                (name if name in FIELDS else unquote_to_bytes(key).decode(), text.decode())
            )
        except UnicodeDecodeError:
            errors.append(WrongKey(shown(name), shown(text.decode(errors="replace")), NO_UTF8))
    return pairs, errors


def validated(pairs: dict[str, str]) -> tuple[Asked | None, list[WrongKey]]:
    """What the keys of `pairs` ask for, or what is wrong with them, key by key."""
    found, wrong = zip(*(of_model(m, pairs) for m in (Experiment, Focus, View)), strict=True)
    errors = [error for errors in wrong for error in errors]
    experiment, focus, view = found
    if errors or experiment is None:
        return None, errors
    asked = Asked(experiment.in_force(), focus, view)
    errors = misfits(asked, pairs)
    return (None, errors) if errors else (asked, [])


def misfits(asked: Asked, pairs: dict[str, str]) -> list[WrongKey]:
    """What a second experiment cannot have beside the first one's knobs."""
    try:
        asked.focus.second(asked.experiment)
    except ValidationError as refused:
        return [
            WrongKey(
                key := next(key for key in MISFITTING[error["ctx"]["key"]] if key in pairs),
                shown(pairs[key]),
                f"does not fit: {error['ctx']['key']} {error['ctx']['message']}",
            )
            for error in refused.errors()
        ]
    return []


def of_model(model: type[Model], pairs: dict[str, str]) -> tuple[Model | None, list[WrongKey]]:
    """The model its keys of `pairs` name, or what is wrong with them, key by key."""
    mine = {key: value for key, value in pairs.items() if key in model.model_fields}
    try:
        return model.model_validate(mine), []
    except ValidationError as refused:
        found: dict[str, str] = {}
        for error in refused.errors():
            if error["type"] == "knob":
                key, message = error["ctx"]["key"], error["ctx"]["message"]
                rule = f"must be {allowed(key)}: " if kind(key) == "numbers" else ""
                found.setdefault(key, rule + message)
            else:
                key = str(error["loc"][0])
                found.setdefault(key, f"must be {allowed(key)}")
        return None, [
            WrongKey(key, shown(mine.get(key, plain(FIELDS[key].default))), message)
            for key, message in found.items()
        ]


def nearest(pairs: dict[str, str], bad: set[str], budget: Budget) -> tuple[str, dict[str, str]]:
    """The nearest link that works, and what of the pairs that was right it had to leave out: keys
    by the wrong key that they belong to."""
    near = Nearest({key: value for key, value in pairs.items() if key in FIELDS})
    near.without(bad)
    asked, errors = validated(near.pairs)
    # What only shows once the rest is right (two knobs that do not fit) goes in turn.
    while asked is None and near.without_also({error.key for error in errors}):
        asked, errors = validated(near.pairs)
    if asked is None:
        return "", near.left_out
    first, focus, view = asked
    first = affordable(first, budget)
    if not within(focus.second(first), budget):
        focus = focus.model_copy(update={"vs_H": None})
    return write(first, focus, view), near.left_out


def path_of(lens: str) -> str:
    """The path of a lens's page: the highway is the front page."""
    return "/" if lens == "highway" else f"/{lens}"


def address(path: str, query: str) -> str:
    """A path with its query, where there is one."""
    return f"{path}?{query}" if query else path
