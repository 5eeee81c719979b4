"""The nearest pairs that can be: numbers moved into their range, other wrong keys left out.

What says nothing, or something else, without a key that is left out goes with it.
"""

from collections.abc import Iterator

from app.axes import SPANS, WHOLE
from app.grammar import REAL
from app.keys import FIELDS, bounds, control, default, kind
from app.knobs import LEAST_FEATURES

ENDS, OF_AN_AXIS = ("from", "to"), ("from", "to", "scale")
AXES = ("x", "y")
LEAST_CHRONO = 3  # that is not off


class Nearest:
    """Pairs on their way to the nearest that can be; `left_out` says because of which key another
    one that was right is left out."""

    def __init__(self, pairs: dict[str, str]) -> None:
        self.pairs = dict(pairs)
        self.left_out: dict[str, str] = {}
        self.moved: set[str] = set()

    def without(self, bad: set[str]) -> None:
        """Move or leave out keys that a link names; each is moved once at most."""
        for key in sorted(bad):
            near = None if key in self.moved else clamp(key, self.pairs)
            self.moved.add(key)
            if near is not None and near != self.pairs[key]:
                self.pairs[key] = near
            elif key == "y" and "x" not in self.pairs and self.pairs.get("y") == default("x"):
                self.pairs["x"] = default("y")
            else:
                self.leave_out(key)

    def without_also(self, bad: set[str]) -> bool:
        """The same where some are not named: what their defaults do not fit to goes. Whether
        anything did."""
        before = dict(self.pairs)
        self.without(bad & before.keys())
        for key in sorted(bad - before.keys()):
            self.make_room(key)
        return self.pairs != before

    def leave_out(self, key: str) -> None:
        """Drop a key and its companions."""
        for companion in list(companions(key, self.pairs)):
            if self.pairs.pop(companion, None) is not None:
                self.left_out[companion] = key
        self.pairs.pop(key, None)

    def make_room(self, key: str) -> None:
        """Change what the default of a key that no link names does not fit to."""
        axis = key[:1]
        if key == "y":  # x is the knob that y is unless it says otherwise
            self.pairs["y"] = default("x")
        elif axis in AXES:
            for end in OF_AN_AXIS:
                if self.pairs.pop(f"{axis}_{end}", None) is not None:
                    self.left_out[f"{axis}_{end}"] = key


def companions(key: str, pairs: dict[str, str]) -> Iterator[str]:
    """The keys of a link that say something else, or nothing, without `key`."""
    declared = control(key) if key in FIELDS else None
    other, _, value = (declared.only_with if declared else "").partition("=")
    if other and pairs.get(other) == value:
        yield other
        yield from (one for one in companions(other, pairs) if one != key)
    for one in pairs:
        mark = control(one) if one in FIELDS else None
        if mark and mark.only_with.startswith(f"{key}="):
            yield one
    if key in AXES:
        yield from (f"{key}_{end}" for end in OF_AN_AXIS)
    axis, _, end = key.partition("_")
    if axis in AXES and end in ENDS:
        yield from (f"{axis}_{one}" for one in ENDS if one != end)


def clamp(key: str, pairs: dict[str, str]) -> str | None:
    """A number outside its knob's range, moved to the range's end; None for all else."""
    if key not in FIELDS or key not in pairs or kind(key) not in ("integer", "real"):
        return None
    if not REAL.fullmatch(pairs[key]):
        return None
    low, high, whole = span(key, pairs)
    number = min(max(float(pairs[key]), low), high)
    return str(round(number)) if whole else repr(float(number))


def span(key: str, pairs: dict[str, str]) -> tuple[float, float, bool]:
    """The range of a key among others, and whether it takes whole numbers alone."""
    limits = bounds(key)
    assert limits is not None
    low, high = limits
    axis, _, end = key.partition("_")
    if axis in AXES and end in ENDS:
        knob = pairs.get(axis, default(axis))
        if knob in SPANS and (of_knob := bounds(knob)):
            low, high = of_knob
            low = LEAST_CHRONO if knob == "chrono" else low
            return low, high, knob in WHOLE
    if key == "D":
        low = LEAST_FEATURES.get(pairs.get("signal", default("signal")), low)
    return low, high, kind(key) == "integer"


def also_without(left_out: dict[str, str], pairs: dict[str, str], key: str) -> str:
    """What is left out of the nearest link because of a key, in words."""
    also = [f"{one}={pairs[one]}" for one, because in left_out.items() if because == key]
    return f"; the nearest link is without {' and '.join(also)} too" if also else ""
