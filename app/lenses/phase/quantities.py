"""What each quantity of a phase map is called, its colours, where its lines run."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app.drawing.figure import SCALE, ColourScale, Dash, kept, share, ten_to
from app.lenses.phase.grid import Array
from app.reading import Fact, told

NO_END = 99.0  # drawn in place of the logarithm of infinitely many steps


@dataclass(frozen=True)
class Level:
    """A line on the map: where a quantity has a value."""

    value: float  # of the quantity itself
    name: str
    dash: Dash = "solid"
    means: str = ""  # what its other side is, in the legend

    @property
    def legend(self) -> str:
        """Its name beside its line."""
        return f"{self.name}: {self.means}" if self.means else self.name


@dataclass(frozen=True)
class Quantity:
    """How one quantity is drawn and told.

    Colours, lines and curves are those of what is `drawn`, a rising function of the quantity.
    """

    name: str  # within a sentence
    title: str  # of its panel, {after} so many steps
    levels: tuple[Level, ...]  # the first is what the reading speaks of
    reaches: str  # the sentence's predicate where the first level is reached, {after} so many steps
    unit: str  # of a `Fact`
    scale: ColourScale
    spread: ColourScale
    drawn: Callable[[Array], Array]
    told: Literal["log10", "share", "number"]  # how the page tells what is drawn
    decades: bool = False  # whether the spread is one of what is drawn, or of the quantity itself

    def apart(self, low: Array, high: Array) -> Array:
        """How far two values lie apart: in powers of ten, or as they are."""
        if self.decades:
            low, high = self.drawn(low), self.drawn(high)
        with np.errstate(invalid="ignore"):
            apart = np.where(low == high, 0.0, high - low)
        return np.minimum(apart, NO_END)


def same(values: Array) -> Array:
    """The values themselves."""
    return values


def log10(values: Array) -> Array:
    """Of positive numbers and zero."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(values))


def log10_steps(values: Array) -> Array:
    """Of steps, of which there may be infinitely many."""
    return np.asarray(np.where(np.isposinf(values), NO_END, log10(values)))


def ramp(marks: tuple[tuple[float, str], ...], *stops: tuple[float, str]) -> ColourScale:
    """A scale of its own colours."""
    return ColourScale(stops, marks)


# Agreement is dark, disagreement pale: a hue that none of the maps beside has.
SPREAD = ("#0b0f1a", "#12353f", "#1f6b66", "#63b08a", "#eaf3c0")
DECADES = ramp(
    ((0.0, "0"), (1.0, "1"), (2.0, "2"), (3.0, "3")),
    *zip((0.0, 0.25, 0.75, 1.5, 3.0), SPREAD, strict=True),
)
PARTS = ramp(
    ((0.0, "0"), (0.1, "0.1"), (0.2, "0.2")),
    *zip((0.0, 0.02, 0.06, 0.12, 0.2), SPREAD, strict=True),
)
RATES = ramp(
    ((0.0, "0"), (0.05, "0.05"), (0.1, "0.1")),
    *zip((0.0, 0.01, 0.03, 0.06, 0.1), SPREAD, strict=True),
)
FAR = ramp(
    tuple((float(n), f"{10**n:,}") for n in range(5)),
    (0.0, "#0b0f1a"),
    (1.0, "#3b2a63"),
    (1.7, "#7a2f72"),
    (2.3, "#c9503f"),
    (3.0, "#ee8a2b"),
    (4.0, "#ffe08a"),
)
# States part slowly beside how they can meet, so that side is drawn larger.
EDGE = ramp(
    ((-1.0, "−1"), (-0.5, "−0.5"), (0.0, "0"), (0.3, "0.3")),
    (-1.0, "#a8f0e6"),
    (-0.4, "#12b5c9"),
    (-0.05, "#123a52"),
    (0.0, "#0b0d12"),
    (0.02, "#4a2a2f"),
    (0.1, "#ee8a2b"),
    (0.3, "#ffe08a"),
)
# A share goes down to 10⁻⁵⁰ and more, and on its way the carry's part is worth seeing: the night
# road's colours up to "all", from a millionth on.
ROAD = ColourScale(
    tuple((at / 2, colour) for at, colour in SCALE if at <= 0),
    ((-6.0, ten_to(-6)), (-4.0, ten_to(-4)), (-2.0, ten_to(-2)), (0.0, "1: all")),
    hatched=True,
)
HALF, THOUSANDTH = math.log10(0.5), -3.0
SURVIVAL = (Level(HALF, "one half"), Level(THOUSANDTH, ten_to(-3), "dash"))

SURVIVES = Quantity(
    name="direct path",
    title="Direct, {after}",
    levels=SURVIVAL,
    reaches="the carry alone keeps at least half of the gradient {after}",
    unit="log10",
    scale=kept(-12.0),
    spread=DECADES,
    drawn=same,
    told="log10",
    decades=True,
)
QUANTITIES = {
    "direct": SURVIVES,
    "exact": replace(
        SURVIVES,
        name="exact gradient",
        title="Exact, {after}",
        levels=(*SURVIVAL, Level(0.0, "1", "dot", "above, it explodes")),
        reaches="at least half of the gradient survives {after}",
    ),
    "rnn": replace(
        SURVIVES,
        name="vanilla RNN’s gradient",
        title="Vanilla RNN, {after}",
        levels=(*SURVIVAL, Level(0.0, "1", "dot", "above, it explodes")),
        reaches="the vanilla RNN keeps at least half of its gradient {after}",
    ),
    "share": Quantity(
        name="highway share",
        title="Highway share, {after}",
        levels=(Level(0.5, "one half"), Level(1e-3, ten_to(-3), "dash")),
        reaches="the carry brings at least half of what arrives {after}",
        unit="of 1",
        scale=ROAD,
        spread=PARTS,
        drawn=log10,
        told="log10",
    ),
    "horizon": Quantity(
        name="horizon of the direct path",
        title="Horizon of the direct path",
        levels=(
            Level(100.0, "100 steps"),
            Level(10.0, "10 steps", "dash"),
            Level(1000.0, "1,000 steps", "dot"),
        ),
        reaches="the carry alone keeps a thousandth for at least 100 steps",
        unit="steps",
        scale=FAR,
        spread=DECADES,
        drawn=log10_steps,
        told="log10",
        decades=True,
    ),
    "lyapunov": Quantity(
        name="largest Lyapunov exponent",
        title="Largest Lyapunov exponent",
        levels=(Level(0.0, "0", "solid", "above, states part"),),
        reaches="two nearby states part, on average over all steps",
        unit="ln a step",
        scale=EDGE,
        spread=RATES,
        drawn=same,
        told="number",
    ),
    "gate": Quantity(
        name="mean of the keeping gate",
        title="Mean of the keeping gate",
        levels=(Level(0.5, "half open"),),
        reaches="the gate that keeps is more than half open",
        unit="of 1",
        scale=share("closed", "open"),
        spread=PARTS,
        drawn=same,
        told="share",
    ),
}


def said(quantity: Quantity, value: float) -> str:
    """A value of a quantity as the page writes it."""
    if value == math.inf:
        return "no end"
    if value == -math.inf and quantity.unit != "log10":
        return "−∞"
    return told(Fact("", value, quantity.unit))
