"""The claims lens: what papers and textbooks say of gradients, beside what the engine finds now.

Its settings are its own: the experiment in the link changes none of its numbers.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from app.claims import Judged, Number, Verdict, judged
from app.claims.told import claimed, found_as, linked_as, tolerated
from app.drawing.figure import (
    DETOURS,
    DIRECT,
    EXACT,
    INK,
    Box,
    Curves,
    Figure,
    Line,
    Sheet,
    Values,
    Width,
)
from app.knobs import Experiment
from app.reading import Fact, Reading
from app.view import Focus, View

TITLE, QUESTION = "Claims", "Does it hold?"
KEYS = ()
NULLS = {("claims.*.linked_value", "nan"): "undefined: the value is no mean over draws"}
COLUMNS = (
    "id",
    "quantity",
    "expected",
    "value",
    "linked_value",
    "tolerance",
    "unit",
    "relation",
    "fits",
    "verdict",
    "link",
)
LEAST, MOST = 1e-4, 1e3  # distances as drawn, in tolerances: what is beyond stands at the edge
LEGEND_ROWS = 4.2  # left free for it
Corner = Literal["", "bottom right"]
COLOURS: dict[Verdict, str] = {"holds": EXACT, "depends": DETOURS, "does not hold": DIRECT}
SIGNS: dict[Verdict, str] = {"holds": "✓", "depends": "~", "does not hold": "✗"}
HALVES = {
    "said": ("Often said, measured", ("Often said", "Measured")),
    "proved": ("From papers, by hand", ("From papers", "Worked by hand")),
}


@dataclass(frozen=True)
class Claims:
    """Every claim with its live numbers, by group (`docs/math.md`, "Facts")."""

    experiment: Experiment  # of the link: it travels along and changes nothing here
    groups: dict[str, tuple[Judged, ...]]

    def all(self) -> list[Judged]:
        """The claims in the order of the page."""
        return [claim for claims in self.groups.values() for claim in claims]

    def verdicts(self) -> Counter[Verdict]:
        """How many claims hold, depend, do not hold."""
        return Counter(claim.verdict() for claim in self.all())


NULLS = {("claims.*.linked_value", "nan"): "undefined: there is no such number behind the link"}


def compute(experiment: Experiment, focus: Focus) -> Claims:
    """All claims, computed now; in a process that has done so before, as it found them then."""
    return Claims(experiment, judged())


def answer(found: Claims) -> dict[str, Any]:
    """What ``/api/claims`` tells: a row for each number, with the claim that it decides about."""
    return {"claims": [row(one, number) for one in found.all() for number in one.numbers]}


def row(one: Judged, number: Number) -> dict[str, Any]:
    """One number as programs see it."""
    return {
        "id": one.claim.id,
        "claim": one.claim.said,
        "source": one.claim.source,
        "quantity": number.quantity,
        "expected": number.expected,
        "value": float(number.value),
        "linked_value": math.nan if number.linked is None else number.linked,
        "tolerance": number.tolerance,
        "unit": number.unit,
        "relation": number.relation,
        "fits": number.fits(),
        "verdict": one.verdict(),
        "link": number.link or one.claim.link,
    }


def table(found: Claims) -> Iterator[str]:
    """The lines of ``/api/claims.csv``, the same rows without the longer texts."""
    yield ",".join(COLUMNS)
    for one in answer(found)["claims"]:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([written(one[key]) for key in COLUMNS])
        yield line.getvalue()


def written(value: Any) -> Any:
    """A value as a table has it: truth as in JSON, nothing where there is no number."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def reading(found: Claims) -> Reading:
    """How many claims hold, and which kind does not."""
    verdicts, numbers = found.verdicts(), [n for one in found.all() for n in one.numbers]
    proved, said = (
        [one for name in names for one in found.groups[name]]
        for names in (("Worked by hand", "From papers"), ("Often said",))
    )
    headline = (
        f"Of {len(found.all())} claims about gradients {verdicts['holds']} hold, "
        f"{verdicts['depends']} depend on the weights or the draw, and "
        f"{verdicts['does not hold']} do not hold. Of {len(proved)} that are worked by hand or "
        f"taken from papers {holding(proved)} hold; of {len(said)} that are often said, "
        f"{holding(said)}."
    )
    counts = {
        "Claims that hold": verdicts["holds"],
        "Claims that depend": verdicts["depends"],
        "Claims that do not hold": verdicts["does not hold"],
        "Numbers computed for them": len(numbers),
        "Numbers that are as claimed": sum(number.fits() for number in numbers),
    }
    return Reading(headline, tuple(Fact(label, float(n), "") for label, n in counts.items()))


def holding(claims: list[Judged]) -> str:
    """How many of these claims hold, in words where it is none."""
    return str(sum(one.verdict() == "holds" for one in claims) or "none")


def numbers(found: Claims, view: View) -> dict[str, Any]:
    """The cards of the page, by group."""
    return {
        "groups": {name: [card(one) for one in claims] for name, claims in found.groups.items()},
        "verdicts": {verdict: (SIGNS[verdict], found.verdicts()[verdict]) for verdict in SIGNS},
    }


def card(one: Judged) -> dict[str, Any]:
    """One claim in words and figures, ready to be set."""
    verdict = one.verdict()
    return {
        "claim": one.claim,
        "verdict": verdict,
        "sign": SIGNS[verdict],
        "kind": verdict.replace(" ", "-"),
        "rows": [
            {
                "quantity": number.quantity,
                "claimed": claimed(number),
                "tolerance": tolerated(number),
                "found": found_as(number),
                "linked": "" if number.linked is None else linked_as(number),
                "fits": number.fits(),
                "link": number.link,
            }
            for number in one.numbers
        ],
    }


@dataclass(frozen=True)
class Distances(Values):
    """Distances from a claim in tolerances, on a log scale; 1 is as far as it may be off."""

    def ticks(self, pixels: float) -> list[tuple[float, str]]:
        """Powers of ten, the ends told as what they stand for."""
        marks = [(LEAST, "0"), (0.01, "0.01"), (1.0, "1"), (100.0, "100")]
        return marks if pixels > 300 else [marks[0], marks[2], marks[3]]


@dataclass(frozen=True)
class Rows(Values):
    """Claims one below another, the first at the top, named at the left."""

    names: tuple[str, ...] = ()

    def ticks(self, pixels: float) -> list[tuple[float, str]]:
        """Every claim has its name."""
        return [(float(-n), name) for n, name in enumerate(self.names, 1)]


def figure(found: Claims, view: View) -> Figure:
    """Every number's distance from what is claimed, a row a claim: left of the line it fits."""
    panels = (
        half(name, title, [one for group in groups for one in found.groups[group]])
        for name, (title, groups) in HALVES.items()
    )
    return Figure(tuple(panels), SHEETS, {})


def half(name: str, title: str, claims: list[Judged]) -> Curves:
    """One panel: dots by verdict, and the line that is one tolerance away."""
    legend: Corner = "bottom right" if name == "said" else ""
    last, high = -len(claims) - 0.5, -0.3
    low = last - (LEGEND_ROWS if legend else 0.2)
    lines = [Line("tolerance", np.array([last, high]), INK, "dash", 1, False, np.ones(2))]
    for verdict, colour in COLOURS.items():
        dots = [
            (float(np.clip(number.distance(), LEAST, MOST)), float(-place))
            for place, one in enumerate(claims, 1)
            if one.verdict() == verdict
            for number in one.numbers
        ]
        at, rows = np.array(dots).reshape(-1, 2).T
        lines.append(Line(verdict, rows, colour, width=8, at=at, dots=True))
    names = tuple(one.claim.title.strip("“”") for one in claims)
    across = Distances(LEAST / 1.6, MOST * 1.6, name="tolerances away from the claim", scale="log")
    return Curves(name, title, tuple(lines), across, Rows(low, high, names=names), legend)


SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        520,
        {"said": Box(206, 34, 580, 466), "proved": Box(796, 34, 1170, 466)},
        {},
        frozenset(HALVES),
    ),
    "narrow": Sheet(
        360,
        954,
        {"said": Box(196, 34, 346, 430), "proved": Box(196, 514, 346, 900)},
        {},
        frozenset(HALVES),
    ),
    "preview": Sheet(
        1200,
        630,
        {"said": Box(206, 160, 580, 576), "proved": Box(796, 160, 1170, 576)},
        {},
        frozenset(HALVES),
    ),
}
