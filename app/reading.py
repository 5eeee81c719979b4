"""The reading: what a figure shows, in a sentence a teacher would say, and its numbers as facts."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import ten_to
from lstm_engine import Cell, chaos, draw_cell
from lstm_engine.gates import log10_sigmoid


@dataclass(frozen=True)
class Fact:
    """One number with its name. In JSON −inf, which is zero's logarithm, is null."""

    label: str
    value: float
    unit: str


@dataclass(frozen=True)
class Reading:
    """What the figure shows: one or two sentences, the facts, and what to beware of."""

    headline: str
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...] = ()


def told(fact: Fact) -> str:
    """A fact's value as the page shows it: a logarithm as the number it is the logarithm of."""
    value = fact.value
    if math.isnan(value):
        return "none"
    if fact.unit == "log10":
        if value == -math.inf:
            return "0"
        return f"{10**value:.4g}" if -3 <= value < 4 else mantissa(value)
    if value and not 1e-3 <= abs(value) < 1e5:
        return ("−" if value < 0 else "") + mantissa(math.log10(abs(value)))
    return (f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}").replace("-", "−")


def number(value: float) -> str:
    """A plain number within a sentence: two digits, three from 100 on."""
    short = float(f"{value:.{2 if abs(value) < 100 else 3}g}")
    return f"{short:,.0f}" if 1e3 <= short < 1e6 else told(Fact("", short, ""))


def unit_told(fact: Fact) -> str:
    """The unit beside it."""
    return "" if fact.unit == "log10" else fact.unit


def fate(log10: float) -> str:
    """What became of a gradient, as a verb: keeps 2.6 × 10⁻⁹ of its size, grows 226-fold."""
    if log10 == -math.inf:
        return "dies out"
    return f"keeps {kept(log10)} of its size" if log10 < ALL else f"grows {kept(log10)}-fold"


def heading(name: str) -> str:
    """A name at the start of a line: Coupled LSTM, but minLSTM as it is written."""
    return name[0].upper() + name[1:] if name.partition(" ")[0].islower() else name


CANCELS = 0.5  # log10: what reaches the start is less than a third of what the direct path brings


def cancel(exact: float, direct: float, share: float) -> bool:
    """Whether the direct path and the detours, of like size, take most of each other away.

    Args:
        exact: log10 of the norm of both together.
        direct: log10 of the same norm of the direct path.
        share: the highway share.
    """
    return 0.1 <= share < 0.9 and exact < direct - CANCELS


def keeper(cell: Cell) -> str:
    """What of a cell keeps the old: a gate, or its carry where no gate does it alone."""
    gate = cell.GATES.get("f", "").partition(",")[0]
    return gate if kept_by_its_gate(cell) and not cell.PEEPHOLES else "carry"


def carry(cell: Cell, alone: str = "") -> str:
    """A cell's carry and what it is made of, within a sentence."""
    gate = cell.GATES.get("f", "").partition(",")[0]
    if not gate:
        return f"the carry{alone}"
    made_of = f"{gate}s with their peepholes" if cell.PEEPHOLES else f"the product of {gate}s"
    if not kept_by_its_gate(cell):
        made_of += " normalised by input gates"
    return f"the carry{alone}, {made_of},"


def kept_by_its_gate(cell: Cell) -> bool:
    """Whether the gate f is the carry, but for peepholes: not if there is none, nor beside i."""
    weights = draw_cell(cell, "keras", 1, 1, seed=0, biases={"f": 1.0, "i": 1.0})
    states = cell.forward(weights, np.zeros((1, 1)))
    told = cell.log10_carry(states, weights)[0, 0]
    return math.isclose(told, float(log10_sigmoid(np.ones(1))[0]), rel_tol=1e-9)


def steps_of(T: int) -> str:
    """A length of time in words."""
    return f"{T:,} {'step' if T == 1 else 'steps'}"


def fates(title: str, cell: float, rnn: float) -> str:
    """What became of the gradient in both networks; a verb they share is said once."""
    ours, theirs = fate(cell), fate(rnn)
    if -math.inf < rnn < ALL and ours.startswith("keeps"):
        theirs = kept(rnn)
    elif rnn >= ALL and ours.startswith("grows"):
        theirs = f"{kept(rnn)}-fold"
    return f"{ours} in the {title} and {theirs} in the vanilla RNN"


ALL = 0.0022  # log10 of 1.005: nobody would call that growth


def kept(log10: float) -> str:
    """A survival as one says it: 55%, 2.6 × 10⁻⁹, 226."""
    if log10 == -math.inf:
        return "nothing"
    if -2 <= log10 < ALL:
        percent = 100 * 10**log10
        if percent < 99:
            return f"{percent:.2g}%"
        return "more than 99%" if percent < 99.95 else "all" if log10 > -1e-11 else "almost all"
    if ALL <= log10 < 2:
        return f"{10**log10:.3g}"
    return f"{10**log10:,.0f}" if 0 < log10 < 6 else mantissa(log10)


def mantissa(log10: float) -> str:
    """10 to any power as digits × 10ⁿ."""
    power = math.floor(log10)
    digits = f"{10 ** (log10 - power):.1f}"
    if digits == "10.0":
        digits, power = "1.0", power + 1
    return f"{digits}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{ten_to(power)}"


def middle(of_units: NDArray[np.float64]) -> float:
    """The median unit of (H,)."""
    return float(np.median(of_units))


def chaotic(amplification: Mapping[str, float], T: int, where: str = "") -> Iterator[str]:
    """What to beware of in a chaotic run, for each network that is: see `lstm_engine.chaos`.

    Args:
        amplification: log10 of how much a change of its weights grows, by the network's name.
        T: steps.
        where: the experiment of two that is meant.
    """
    for network, log10 in amplification.items():
        if chaos.is_chaotic(log10, T):
            subject = f"In {where} the {network} is" if where else f"The {network} is"
            yield (
                f"{subject} chaotic{'' if where else ' here'}: a change of its weights grows about "
                f"{kept(log10)} times in its states, rounding errors too, so the same link may "
                "give other digits on another machine."
            )


def powers_of_ten(decades: float) -> str:
    """A distance on a log scale as one says it."""
    if decades < 1.05:
        return "a power of ten"
    return f"{decades:.1f} powers of ten" if decades < 100 else f"{decades:,.0f} powers of ten"
