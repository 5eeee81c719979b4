"""The compare lens: two experiments on one scale, and what the difference between them does."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.lenses import highway
from app.lenses.compare.computed import Comparison, Floats, b_over_a, compute, curves_compared
from app.lenses.compare.figures import SHEETS, figure
from app.lenses.compare.second import NO_EFFECT, adopted, in_place_of, offers, swapped
from app.lenses.highway import Highway, log10_share
from app.reading import (
    ALL,
    Fact,
    Reading,
    cancel,
    chaotic,
    fate,
    heading,
    kept,
    mantissa,
    steps_of,
    told,
)
from app.view import COMPARED, View
from lstm_engine import CELLS, Rnn, horizon

__all__ = [
    "KEYS",
    "QUESTION",
    "SHEETS",
    "TITLE",
    "answer",
    "compute",
    "figure",
    "numbers",
    "reading",
    "table",
]

TITLE = "Compare"
QUESTION = "What changes if …?"
KEYS = (*(f"vs_{key}" for key in COMPARED), "unit", "step", "order", "lag", "floor")

DRAWS_ANEW = ("seed", "init", "cell")
ZERO_IN = ("neither", "a", "b", "both")
NULLS = {
    ("b_over_a.*", "-inf"): "zero: B is",
    ("b_over_a.*", "inf"): "infinite: A is zero, B is not",
    ("b_over_a.*", "nan"): "undefined: A and B are both zero",
    ("*.highway_share", "nan"): "undefined: both parts are zero",
}


def answer(found: Comparison) -> dict[str, Any]:
    """What ``/api/compare`` tells; arrays stay arrays, nothing is rounded."""
    a, b = highway.answer(found.a), highway.answer(found.b)
    steps = a.pop("t")
    del b["t"]
    over: dict[str, Any] = {
        "rms": {
            curve: b_over_a(a["norms"][curve]["rms"], b["norms"][curve]["rms"])
            for curve in a["norms"]
        }
    }
    if found.paired:
        for network in ("cell", "rnn"):
            log10 = b_over_a(a[network]["log10_exact"], b[network]["log10_exact"])
            over[network] = {"log10_exact": log10, "zero_in": zero_in(log10)}
    return {
        "second": {key: value for key, value in found.b.experiment if key != "v"},
        "differs": [difference.key for difference in found.differing],
        "t": steps,
        "a": a,
        "b": b,
        "paired": found.paired,
        "b_over_a": over,
        "zero_in": ZERO_IN,
    }


def zero_in(log10_b_over_a: Floats) -> NDArray[np.uint8]:
    """Why a ratio has no logarithm: the place in `ZERO_IN` of what is a true zero."""
    only_a, only_b = np.isposinf(log10_b_over_a), np.isneginf(log10_b_over_a)
    places = only_a + 2 * only_b + 3 * np.isnan(log10_b_over_a)
    return np.asarray(places, dtype=np.uint8)


def table(found: Comparison) -> Iterator[str]:
    """The lines of ``/api/compare.csv``: one unit of A or B at one step; an empty field is zero."""
    ours, theirs = highway.table(found.a), highway.table(found.b)
    yield f"experiment,{next(ours)}"
    next(theirs)
    yield from chain((f"a,{line}" for line in ours), (f"b,{line}" for line in theirs))


def reading(found: Comparison) -> Reading:
    """Which of the two keeps more, by how much, on which road; the numbers are those at step 0."""
    return Reading(headline(found), tuple(facts(found)), tuple(warnings(found)))


def headline(found: Comparison) -> str:
    """What the difference does, in one or two sentences."""
    T = steps_of(found.experiment.T)
    curve = "rnn_exact" if found.of_the_rnn else "cell_exact"
    a, b = (at_the_start(side)[curve] for side in (found.a, found.b))
    if not found.differing:
        return (
            f"Nothing differs yet: B is A, and sent back {T} the gradient {fate(a)} in both. "
            "Change one of B’s knobs, or begin with one of the comparisons below."
        )
    where = f"{T} back in the vanilla RNN" if found.of_the_rnn else f"{T} back"
    first = f"{in_place_of(found.differing)}, {how_much_more(a, b, where)}."
    if found.of_the_rnn:
        return f"{first} The {CELLS[found.experiment.cell].TITLE} is the same in both."
    return f"{first} {on_which_roads(found)}"


def how_much_more(a: float, b: float, where: str) -> str:
    """How much of the gradient B keeps beside A, both as log10."""
    if -math.inf in (a, b):
        if a == b:
            return f"none of the gradient arrives {where} in either"
        whether = "none" if b == -math.inf else "some"
        return f"{whether} of the gradient arrives {where}: it {fate(b)} in B and {fate(a)} in A"
    if abs(b - a) < ALL:
        return f"as much gradient arrives {where}: it {fate(b)} in both"
    theirs = kept(a) if (a < ALL) == (b < ALL) else fate(a)
    fold = "-fold" if a >= ALL and b >= ALL else ""
    return f"{more(b - a)} gradient arrives {where}: it {fate(b)} in B and {theirs}{fold} in A"


def more(change: float) -> str:
    """By how much something is more or less, told from log10 of the factor."""
    if abs(change) < math.log10(2):
        percent = two_digits(100 * abs(10**change - 1))
        return f"{percent}% {'more' if change > 0 else 'less'}"
    return f"{factor(abs(change))} times {'as much' if change > 0 else 'less'}"


def factor(log10: float) -> str:
    """A factor above 1 in two digits: 2.5, 350,000, 6.2 × 10⁹."""
    return mantissa(log10) if log10 >= 6 else two_digits(10**log10)


def two_digits(number: float) -> str:
    """A number as one says it: 2.5, 99, 350,000."""
    return f"{float(f'{number:.2g}'):,.7g}"


def on_which_roads(found: Comparison) -> str:
    """What the carry alone makes of the difference, and who brings what arrives."""
    a, b = found.a.cell, found.b.cell
    ours, theirs = (
        road(float(its.share[0]), float(its.exact_rms[0]), float(its.direct_rms[0]))
        for its in (a, b)
    )
    roads = f"in both {ours}" if ours == theirs else f"in A {ours}, in B {theirs}"
    change = float(b_over_a(a.direct_rms[0], b.direct_rms[0]))
    if not math.isfinite(change):
        return f"{heading(roads)}."
    return f"The carry alone keeps {'as much' if abs(change) < ALL else more(change)}; {roads}."


def road(share: float, exact: float = 0.0, direct: float = 0.0) -> str:
    """Who brings what arrives, told from the highway share; whether the two cancel, from norms."""
    if math.isnan(share):
        return "nothing arrives on any road"
    if cancel(exact, direct, share):
        return f"carry and detours cancel (highway share {share:.0%})"
    if 0.1 <= share < 0.9:
        return f"carry and detours both bring their part (highway share {share:.0%})"
    nearly = "" if share == 1 else "nearly "
    return f"{nearly}all comes {'along the carry' if share >= 0.9 else 'by detours'}"


def at_the_start(side: Highway) -> dict[str, float]:
    """log10 of what is left at step 0, rms over units, on each road; the highway share."""
    direct, detours = float(side.cell.direct_rms[0]), float(side.cell.detours_rms[0])
    return {
        "cell_exact": float(side.cell.exact_rms[0]),
        "cell_direct": direct,
        "cell_detours": detours,
        "rnn_exact": float(side.rnn.exact_rms[0]),
        "highway_share": log10_share(direct, detours),
    }


ON_THE_ROADS = {
    "cell_exact": "every path (exact), rms over units",
    "cell_direct": "the carry alone (direct), rms over units",
    "cell_detours": "detours, rms over units",
    "highway_share": "highway share",
}


def facts(found: Comparison) -> Iterator[Fact]:
    """Each number of A, of B, and how much larger B's is; what is the same in both, once."""
    titles = tuple(CELLS[side.experiment.cell].TITLE for side in (found.a, found.b))
    for key, what in ON_THE_ROADS.items():
        yield from of_both(found, key, what, titles, once=found.same_cell)
    yield from of_both(found, "rnn_exact", "rms over units", (Rnn.TITLE,) * 2, once=found.same_rnn)
    lives = [float(np.median(horizon.half_life(s.mean_log_carry))) for s in (found.a, found.b)]
    for letter, half_life in zip(["A and B"] if found.same_cell else "AB", lives, strict=False):
        if half_life < math.inf:
            yield Fact(f"{letter}, half-life on the direct path, median unit", half_life, "steps")


def of_both(
    found: Comparison, key: str, what: str, titles: tuple[str, ...], *, once: bool
) -> Iterator[Fact]:
    """One number at step 0."""
    a, b = at_the_start(found.a)[key], at_the_start(found.b)[key]
    yield Fact(f"{'A and B' if once else 'A'}, {titles[0]}, {what}", a, "log10")
    if once:
        return
    yield Fact(f"B, {titles[1]}, {what}", b, "log10")
    if math.isfinite(a) and key != "highway_share":
        of_what = what if titles[0] != titles[1] else f"{titles[0]}, {what}"
        yield Fact(f"B over A, {of_what}", b - a, "log10")


def warnings(found: Comparison) -> Iterator[str]:
    """Which of the networks are chaotic, so that their digits are not to be trusted."""
    for letter, side in (("A", found.a), ("B", found.b)):
        yield from chaotic(side.amplification, side.experiment.T, letter)


def numbers(found: Comparison, view: View) -> dict[str, Any]:
    """What differs, how it goes with the distance, and where to go from here."""
    a, b = found.a.experiment, found.b.experiment
    return {
        "differing": found.differing,
        "idle": found.idle,
        "no_effect": NO_EFFECT,
        "pairs": found.paired and not any(getattr(a, k) != getattr(b, k) for k in DRAWS_ANEW),
        "units": (a.H, b.H),
        "curves": [title for title, _, _ in curves_compared(found)],
        "by_distance": tuple(by_distance(found)),
        "offers": offers(a),
        "adopted": adopted(b),
        "swapped": swapped(a, b),
    }


def by_distance(found: Comparison) -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """How many steps back, and for each curve what A keeps, what B keeps, and B over A."""
    T, steps = found.experiment.T, found.a.cell.steps
    for lag in (*(10**n for n in range(5) if 10**n < T), T):
        row = int(np.argmin(np.abs(T - steps - lag)))
        yield (
            T - int(steps[row]),
            [
                (size(a[row]), size(b[row]), ratio(float(b_over_a(a[row], b[row]))))
                for _, a, b in curves_compared(found)
            ],
        )


def size(log10: float) -> str:
    """What is kept, as the number it is."""
    return told(Fact("", float(log10), "log10"))


def ratio(log10: float) -> str:
    """B over A, or why there is no such number."""
    if math.isnan(log10):
        return "both 0"
    return "A is 0" if log10 == math.inf else size(log10)
