"""Experiments for tests: any valid one, small enough to compute at once."""

import math

from hypothesis import strategies as st
from pydantic import ValidationError

from app.axes import SPANS
from app.keys import FIELDS, bounds, choices, kind
from app.knobs import LEAST_FEATURES, Experiment
from app.links import Asked
from app.view import Focus, View

# One wrong value of every sort for every key that takes a number; the names are read in reports.
NOT_A_NUMBER = {
    "a word": "many",
    "nan": "nan",
    "NaN": "NaN",
    "inf": "inf",
    "-inf": "-inf",
    "underscore": "1_0",
    "plus signs": "%2B%2B1",
    "space before": "%201",
    "space after": "1%20",
    "form space": "1+",
    "hexadecimal": "0x1",
    "comma": "1,5",
    "two points": "1.2.3",
    "other digits": "%D9%A1",
    "full width digit": "%EF%BC%91",
    "empty": "",
    "line end": "1%0A",
    "nothing but a sign": "-",
    "half an exponent": "1e",
}
NO_WHOLE_NUMBER = {"decimal": "64.0", "exponent": "1e1", "half": "1.5", "point": "5."}

# What work in chunks asks for, so little that it is done at once.
LITTLE = {"seeds": (1, 2), "x_points": (2, 4), "y_points": (2, 3), "back": (1, 50)}
LITTLE |= {"batch": (1, 2), "updates": (1, 3), "trained": (0, 2)}
AXES = ("x", "y", "x_from", "x_to", "y_from", "y_to", "x_scale", "y_scale")

NUMBERS = [key for key in FIELDS if kind(key) in ("integer", "real")]
INTEGERS = [key for key in FIELDS if kind(key) == "integer"]
CHOICES = [key for key in FIELDS if kind(key) == "choice"]


def reals(low: float, high: float) -> st.SearchStrategy[float]:
    """Every float from `low` to `high` that a link can carry (so no −0), its ends first."""
    edges = [low, high, math.nextafter(high, low), max(low, 5e-324)]
    return st.sampled_from(edges) | st.floats(low, high, allow_nan=False).map(unsigned_zero)


def unsigned_zero(value: float) -> float:
    return value + 0.0


def value_of(key: str) -> st.SearchStrategy[object]:
    """Any value that a key takes by itself."""
    if key == "v":
        return st.just(1)
    if key in LITTLE:
        return st.integers(*LITTLE[key])
    if key == "words":
        return st.text("abc é😀", min_size=2, max_size=12).filter(lambda words: len({*words}) > 1)
    if key in ("chrono", "vs_chrono"):
        return st.just(0) | st.integers(3, 100000)
    if key == "hide":
        names = ("T", "b_f", "vs_b_f", "presets", "reading", "tools")
        return st.lists(st.sampled_from(names), unique=True).map(tuple)
    span = bounds(key)
    match kind(key):
        case "choice":
            return st.sampled_from(choices(key))
        case "text":
            return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
        case "numbers":
            any_number = st.floats(allow_nan=False, allow_infinity=False).map(unsigned_zero)
            flat = st.lists(any_number, min_size=2, max_size=6).map(tuple)
            return flat | st.lists(st.tuples(any_number, any_number), min_size=2, max_size=4).map(
                tuple
            )
        case sort:
            assert span is not None
            low, high = span
            found = st.integers(int(low), int(high)) if sort == "integer" else reals(low, high)
            return found if FIELDS[key].default is not None else found | st.none()


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Any valid experiment; knobs are at their default half of the time."""
    keys = [key for key in Experiment.model_fields if key != "v"]
    chosen = {key: draw(value_of(key)) for key in keys if draw(st.booleans())}
    least = LEAST_FEATURES.get(str(chosen.get("signal")), 1)
    if int(str(chosen.get("D", 8))) < least:
        chosen["D"] = least
    try:
        return Experiment(**chosen)
    except ValidationError:  # raw numbers, and too large for their amplitude
        return Experiment(**{**chosen, "standardize": 1})


@st.composite
def focuses(draw: st.DrawFn) -> Focus:
    """Any valid choice of where to look closely, but for signals that need more room than D = 1."""
    keys = [key for key in Focus.model_fields if draw(st.integers(0, 3)) == 0]
    chosen = {key: draw(value_of(key)) for key in keys}
    if chosen.get("vs_signal") in LEAST_FEATURES:
        del chosen["vs_signal"]
    return Focus(**{key: value for key, value in chosen.items() if key not in AXES} | draw(axes()))


@st.composite
def axes(draw: st.DrawFn) -> dict[str, object]:
    """Any two axes of a map that can be, or one."""
    x, y = draw(st.permutations([*SPANS, "none"]).filter(lambda order: order[0] != "none"))[:2]
    found: dict[str, object] = {"x": x, "y": y}
    for axis, knob in (("x", x), ("y", y)):
        if knob == "none" or draw(st.booleans()):
            continue
        low, high, scale = SPANS[knob]
        ends = st.integers(math.ceil(low), math.floor(high))
        first, last = draw(st.tuples(ends, ends).map(sorted).filter(lambda two: two[0] < two[1]))
        found |= {f"{axis}_from": float(first), f"{axis}_to": float(last)}
        found[f"{axis}_scale"] = draw(st.sampled_from(["linear", "log"] if first > 0 else [scale]))
    return found


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any valid view."""
    return View(**{key: draw(value_of(key)) for key in View.model_fields if draw(st.booleans())})


def asks() -> st.SearchStrategy[Asked]:
    """All that a link may say."""
    return st.builds(Asked, experiments(), focuses(), views())
