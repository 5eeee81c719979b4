"""How far back a run can learn: horizons, how far its gradients get, the bias that it takes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import ten_to
from app.keys import bounds
from app.knobs import Experiment
from app.lenses.gates.computed import NORMALISED
from lstm_engine import Cell, CellSurvival, RnnSurvival, Weights, horizon

Array = NDArray[np.float64]

# What still counts as arriving: bfloat16's smallest normal number is float32's.
THRESHOLDS = {name: horizon.THRESHOLDS[name] for name in ("1e-3", "float16", "1e-6", "float32")}
SAID = {"1e-3": ten_to(-3), "1e-6": ten_to(-6), "float16": "float16", "float32": "float32"}


@dataclass(frozen=True)
class Fit:
    """The straight line through a curve of logarithms: log10 kept ≈ at_end + a_step·lag.

    Least squares over every lag at which anything arrives, each counting the same.
    """

    at_end: float
    a_step: float
    r_squared: float  # nan where the curve is level
    worst: float  # the largest distance of the curve from the line, in powers of ten
    lags: int


@dataclass(frozen=True)
class Needed:
    """The forget bias that keeps half on the direct path over so many steps.

    `alone` is that of a gate that sees its biases only; `with_b_i` that
    of a gate beside an input gate whose bias is its negative. `docs/math.md`, "Horizon".
    """

    over: int
    alone: float  # inf where none suffices, −inf where there is no forget gate
    with_b_i: float  # nan where the input gate has no say
    b_f: Array  # (H,), of this experiment's units; ±inf where none suffices or any does


@dataclass(frozen=True)
class Reach:
    """The numbers of the horizon lens."""

    experiment: Experiment
    mean_log_carry: Array  # (H,), natural logarithm, mean over time
    half_life: Array  # (H,), steps on the direct path; inf where nothing is lost
    time_constant: Array  # (H,)
    horizons: dict[str, Array]  # by threshold: the largest lag of each unit's direct path, (H,)
    cell: CellSurvival  # at every step
    rnn: RnnSurvival
    furthest: dict[str, dict[str, int]]  # by curve and threshold: the largest lag that keeps it
    fits: dict[str, Fit]  # by curve
    needed: Needed
    amplification: dict[str, float]  # log10, by network: see `lstm_engine.chaos`


def furthest(log10_kept: Array, threshold: float) -> int:
    """The largest lag at which a curve over the steps 0 … T is at least a threshold (≤ 1)."""
    return len(log10_kept) - 1 - int(np.argmax(log10_kept >= math.log10(threshold)))


def fit(log10_kept: Array) -> Fit:
    """The straight line through a curve over the steps 0 … T; nan where two lags are not there."""
    lag = np.arange(len(log10_kept))[::-1]
    there = np.isfinite(log10_kept)
    x, y = lag[there].astype(np.float64), log10_kept[there]
    if len(x) < 2:
        return Fit(math.nan, math.nan, math.nan, math.nan, len(x))
    from_middle = x - x.mean()
    a_step = float((from_middle * (y - y.mean())).sum() / np.square(from_middle).sum())
    at_end = float(y.mean() - a_step * x.mean())
    off = y - (at_end + a_step * x)
    spread = float(np.square(y - y.mean()).sum())
    r_squared = 1.0 - float(np.square(off).sum()) / spread if spread > 0 else math.nan
    return Fit(at_end, a_step, r_squared, float(np.abs(off).max()), len(x))


def needed(cell: Cell, states: Any, weights: Weights, experiment: Experiment, over: int) -> Needed:
    """What it takes to keep half over so many steps."""
    shift = horizon.needed_shift(cell, states, weights, over)
    return Needed(over, *of_the_bias_alone(cell, experiment.b_i, over), experiment.b_f + shift)


def of_the_bias_alone(cell: Cell, b_i: float, over: int) -> tuple[float, float]:
    """The bias of a gate that sees nothing else, and the one beside b_i = −b_f, nan for none.

    No forget gate needs none, −inf; where no bias is enough it is inf.

    A minLSTM's gates are divided by their sum, f' = σ(d) with d = softplus(−b_i) − softplus(−b_f):
    d = b_f where b_i = −b_f, and at most softplus(−b_i) where b_i stays.
    """
    if "f" not in cell.GATES:
        return -math.inf, math.nan
    alone = horizon.needed_bias(over)
    if cell.NAME != NORMALISED:
        return alone, math.nan
    room = float(np.logaddexp(0.0, -b_i)) - alone
    return (-math.log(math.expm1(room)) if room > 0 else math.inf), alone


def applied(b_f: float) -> tuple[float, bool]:
    """A bias as a link carries it, to three decimals; whether its range had to cut it."""
    span = bounds("b_f")
    assert span is not None
    inside = min(max(b_f, span[0]), span[1])
    return round(inside, 3), inside != b_f
