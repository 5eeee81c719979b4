"""The reading: what a figure shows, in a sentence a teacher would say, and its numbers as facts."""

import math
from dataclasses import dataclass

from app.figure import ten_to


@dataclass(frozen=True)
class Fact:
    """One number with its name; None stands for zero (in log10) or for no such number."""

    label: str
    value: float | None
    unit: str


@dataclass(frozen=True)
class Reading:
    """What the figure shows: one or two sentences, the facts, and what to beware of."""

    headline: str
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...] = ()


def number(value: float) -> float | None:
    """A value for a program: None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def fate(log10: float) -> str:
    """What became of a gradient, as a verb: keeps 2.6 × 10⁻⁹ of its size, grows 226-fold."""
    if log10 == -math.inf:
        return "dies out"
    return f"keeps {kept(log10)} of its size" if log10 < 0.0043 else f"grows {kept(log10)}-fold"


def fates(lstm: float, rnn: float) -> str:
    """What became of the gradient in both networks; a verb they share is said once."""
    ours, theirs = fate(lstm), fate(rnn)
    if ours.startswith("keeps") and theirs.startswith("keeps"):
        theirs = kept(rnn)
    return f"{ours} in the LSTM and {theirs} in the vanilla RNN"


def kept(log10: float) -> str:
    """A survival as one says it: 55%, 2.6 × 10⁻⁹, 226."""
    if log10 == -math.inf:
        return "nothing"
    if -2 <= log10 < 0.0043:
        return f"{100 * 10**log10:.3g}%" if log10 > -0.0044 else f"{100 * 10**log10:.2g}%"
    if 0 <= log10 < 4:
        return f"{10**log10:,.3g}"
    return mantissa(log10)


def mantissa(log10: float) -> str:
    """10 to any power as digits × 10ⁿ."""
    power = math.floor(log10)
    digits = round(10 ** (log10 - power), 1)
    if digits == 10:
        digits, power = 1.0, power + 1
    return f"{digits:g}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{ten_to(power)}"


def count(steps: float) -> str:
    """A number of steps as one says it."""
    if steps >= 100:
        return mantissa(math.log10(steps)) if steps >= 1e6 else f"{steps:,.0f}"
    return f"{steps:.2g}"
