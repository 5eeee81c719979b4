"""Links: the reader and the writer of the query string that is the whole state."""

from collections import Counter
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel, ValidationError

from app.budget import USUAL, Budget, affordable, within
from app.errors import Problem, WrongKey, shown
from app.grammar import REAL, with_plus_signs
from app.keys import FIELDS, allowed, bounds, kind
from app.knobs import LINK_VERSION, Experiment
from app.series import SeriesError, series_of
from app.tables import only_reading
from app.view import Focus, View

SIGNED = {key for key in FIELDS if kind(key) in ("integer", "real", "numbers")}
# What of a second experiment may be to blame where one of its keys does not fit the others.
MISFITTING = {"D": ("vs_signal",), "amplitude": ("vs_amplitude", "vs_standardize")}
MOST_PAIRS = 2 * len(FIELDS)  # of which each can be told what is wrong with it

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


def read(query: bytes, *, with_view: bool, budget: Budget = USUAL) -> Asked:
    """What a query string asks for, unused knobs at their value in force.

    A page reads its view keys too (`with_view`); elsewhere they are ignored, whatever they say.
    The nearest link is within `budget`.

    Raises:
        Problem: 422 naming each wrong key (of very many, the first), its value and what is
            allowed, with the nearest link.
    """
    pairs, errors = decoded(query)
    if not with_view:
        pairs = [(key, value) for key, value in pairs if key not in View.model_fields]
        errors = [error for error in errors if error.key not in View.model_fields]
    pairs, more = pairs[:MOST_PAIRS], pairs[MOST_PAIRS:]
    errors = errors[:MOST_PAIRS] + [
        WrongKey(shown(key), shown(value), f"is the first of {len(more)} keys too many")
        for key, value in more[:1]
    ]
    times = Counter(key for key, _ in pairs)
    written = dict(reversed(pairs))
    errors += [
        WrongKey(shown(key), shown(written[key]), f"appears {count} times; use it once")
        for key, count in times.items()
        if count > 1
    ]
    errors += [
        WrongKey(shown(key), shown(written[key]), "is not a knob; see /api for those there are")
        for key in written
        if key not in FIELDS
    ]
    single = {key: value for key, value in written.items() if times[key] == 1 and key in FIELDS}
    plainly = one_way_to_read(single)
    asked, wrong = validated(plainly if with_view else single)
    errors += wrong
    if errors or asked is None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "This link does not name an experiment",
            "; ".join(f"{error.key}={error.value} {error.message}" for error in errors) + ".",
            errors,
            nearest(
                plainly,
                {error.key for error in errors if plainly.get(error.key) == single.get(error.key)},
                budget,
            ),
        )
    return asked


def one_way_to_read(pairs: dict[str, str]) -> dict[str, str]:
    """Pairs with a series as links write it, where somebody's own way to write it has one meaning:
    decimal commas, lines, tabs, a column with its name."""
    text = pairs.get("series", "")
    try:
        series_of(text)
    except SeriesError:
        try:
            return pairs | {"series": plain(only_reading(text).series)}
        except SeriesError:
            pass
    return pairs


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
        # repr gives the shortest digits; "1e-05" and "1e+16" still have a sign and zeros to lose.
        digits, e, exponent = repr(value).partition("e")
        return digits.removesuffix(".0") + (f"e{int(exponent)}" if e else "")
    return "" if value is None else str(value)


def written(value: Any) -> str:
    """A knob's value as a link carries it."""
    return listed(value) if isinstance(value, tuple) else quote(plain(value), safe=",")


@lru_cache(32)
def listed(values: tuple[Any, ...]) -> str:
    """A list as a link carries it; a page writes the same one a hundred times."""
    return quote(plain(values), safe=",;")


def decoded(query: bytes) -> tuple[list[tuple[str, str]], list[WrongKey]]:
    """Pairs in the order written, as a form writes them (+ is a space), and what is no UTF-8."""
    pairs: list[tuple[str, str]] = []
    errors: list[WrongKey] = []
    for part in query.split(b"&"):
        if not part:
            continue
        before, _, after = part.partition(b"=")
        if before.decode("latin-1") in SIGNED:
            after = with_plus_signs(after)
        key, value = (unquote_to_bytes(side.replace(b"+", b" ")) for side in (before, after))
        try:
            pairs.append((key.decode(), value.decode()))
        except UnicodeDecodeError:
            name, text = key.decode(errors="replace"), value.decode(errors="replace")
            errors.append(WrongKey(shown(name), shown(text), "is not valid UTF-8"))
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


def nearest(pairs: dict[str, str], bad: set[str], budget: Budget) -> str:
    """The nearest link that works: wrong numbers clamped, other wrong keys dropped."""
    kept = {key: value for key, value in pairs.items() if key not in bad}
    clamped = {
        key: near
        for key, value in pairs.items()
        if key in bad and (near := clamp(key, value)) is not None
    }
    for candidate in (kept | clamped, kept):
        asked, errors = validated(candidate)
        if asked is not None:
            first, focus, view = asked
            first = affordable(first, budget)
            if not within(focus.second(first), budget):
                focus = focus.model_copy(update={"vs_H": None})
            return write(first, focus, view)
        # What only shows once the rest is right (two knobs that do not fit) is dropped in turn.
        still_bad = {error.key for error in errors}
        remaining = {key: value for key, value in candidate.items() if key not in still_bad}
        if remaining != candidate:
            return nearest(remaining, set(), budget)
    return ""


def clamp(key: str, value: str) -> str | None:
    """A number outside its knob's range, moved to the range's end; None for all else."""
    span = bounds(key)
    if kind(key) not in ("integer", "real") or span is None or not REAL.fullmatch(value):
        return None
    number = min(max(float(value), span[0]), span[1])
    return plain(round(number) if kind(key) == "integer" else float(number))


def path_of(lens: str) -> str:
    """The path of a lens's page: the highway is the front page."""
    return "/" if lens == "highway" else f"/{lens}"


def address(path: str, query: str) -> str:
    """A path with its query, where there is one."""
    return f"{path}?{query}" if query else path
