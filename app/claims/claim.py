"""A claim: what is said of gradients, who says it, and the live numbers that decide about it.

`docs/math.md`, section "Facts".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from app.knobs import Experiment
from app.links import address, path_of, write
from app.view import Focus

Verdict = Literal["holds", "depends", "does not hold"]
Relation = Literal["=", "≤", "≥"]


@dataclass(frozen=True)
class Number:
    """One number that a claim is about: what it should be, and what the engine finds now.

    `unit` "log10": value and expected are logarithms to base 10, the tolerance counts decades.
    """

    quantity: str
    value: float
    expected: float
    tolerance: float
    unit: str = ""
    relation: Relation = "="  # of the value to what is expected
    link: str = ""  # into the lab, where this number has another place than its claim
    linked: float | None = None  # of a mean over draws: the same norm of the draw behind the link

    def distance(self) -> float:
        """How far the value is from the claim, in tolerances; 0 on the good side of a bound."""
        off = self.value - self.expected
        if (self.relation == "≤" and off < 0) or (self.relation == "≥" and off > 0):
            return 0.0
        return float(abs(off) / self.tolerance)

    def fits(self) -> bool:
        """Whether the value is what is claimed, within the tolerance."""
        return self.distance() <= 1.0


Measure = Callable[[], Iterable[Number]]


@dataclass(frozen=True)
class Claim:
    """A claim as it is declared, before anything is computed.

    One that is said of every case falls with a single counterexample; one that is not (`always`
    False) depends, where some of its numbers fit and others do not. `verdict` is what we found when
    it was written down: the page computes its own, the tests compare the two.
    """

    id: str
    title: str
    said: str
    source: str
    why: str
    link: str
    verdict: Verdict
    always: bool
    measure: Measure

    def judged(self) -> "Judged":
        """The claim with its numbers, computed now."""
        return Judged(self, tuple(self.measure()))


@dataclass(frozen=True)
class Judged:
    """A claim and what the engine found of it."""

    claim: Claim
    numbers: tuple[Number, ...]

    def verdict(self) -> Verdict:
        """Holds if every number fits; else depends on the case, or does not hold."""
        fits = [number.fits() for number in self.numbers]
        if all(fits):
            return "holds"
        return "does not hold" if self.claim.always or not any(fits) else "depends"


def claim(
    title: str,
    said: str,
    *,
    source: str,
    why: str,
    link: str,
    verdict: Verdict = "holds",
    always: bool = True,
) -> Callable[[Measure], Claim]:
    """Declare a claim by the function that measures it; its id is the function's name."""

    def declared(measure: Measure) -> Claim:
        name = getattr(measure, "__name__").replace("_", "-")  # noqa: B009
        return Claim(name, title, said, source, why, link, verdict, always, measure)

    return declared


def lab(lens: str = "highway", experiment: Experiment | None = None, **focus: Any) -> str:
    """The canonical address of a lens with an experiment, all its defaults by default."""
    return address(path_of(lens), write(experiment or Experiment(), Focus(**focus)))
