"""What the spectrum lens finds of both networks, and what it leaves out for its price."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from lstm_engine import (
    Cell,
    Rnn,
    Weights,
    chaos,
    log10_directions,
    lyapunov,
    step_eigenvalues,
)
from lstm_engine.bounds import Verdict
from lstm_engine.directions import MOST_STEPS

FLOPS = 2e10  # what the walks back of both networks may cost, 6H³ a step
MOST_STEPS_BACK = 2000
VALUES_FLOPS = 4e8  # what the singular values may cost, about 20H³ a step that is told
FEWEST_TOLD = 20
LEADING = 4  # Lyapunov exponents
MOST_SETTLING = 200  # steps at which they are told
SETTLED = 0.1  # of an exponent, or of an e-fold over all counted steps: see `Directions.settled`

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Directions:
    """What is found of one network (`docs/math.md`, "Spectra")."""

    title: str
    log10_kept: Floats  # (N, H), singular values, largest first; nan: too small to be known
    eigenvalues: NDArray[np.complex128]  # (n,), of one step, largest modulus first
    exponents: Floats  # (m,), Lyapunov's, ln a step; nan: nothing but rounding
    settling: Floats  # (M, m)
    second_half: Floats  # (m,), the exponents of the later half of the counted steps alone
    counted: int  # how many steps that is, all of them
    log10_amplification: float  # see `lstm_engine.chaos`
    log10_direct: float  # what the direct path keeps in its best unit, its spectral norm

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Which exponents, (m,), the second half of the steps confirms.

        It may differ by a tenth of the exponent, or by what makes a tenth of an e-fold over all
        counted steps. One that is −∞ has settled, one that is rounding or of one step has not.
        """
        lost = np.isneginf(self.exponents)
        whole, half = (np.where(lost, 0.0, part) for part in (self.exponents, self.second_half))
        within = np.maximum(np.abs(whole), 1.0 / self.counted) * SETTLED
        with np.errstate(invalid="ignore"):
            return np.asarray(lost | (np.abs(half - whole) <= within))


@dataclass(frozen=True)
class Spectrum:
    """The numbers of the spectrum lens."""

    experiment: Experiment
    asked: int | None  # the step whose eigenvalues were asked for
    first_asked: int | None  # the step from which exponents were to be counted
    step: int  # the step whose eigenvalues are told
    steps: Steps  # (N,)
    settled: Steps  # (M,)
    first: int  # the step from which exponents are counted
    cell: Directions
    rnn: Directions
    log10_bound: Floats  # (N,), on the RNN's norm
    steepest: float  # γ
    largest: float  # σ₁
    radius: float  # ρ
    verdict: Verdict

    @property
    def lag(self) -> int:
        """How many steps back is gone."""
        return self.experiment.T - int(self.steps[0])


def directions(
    cell: Cell,
    weights: Weights,
    inputs: Floats,
    steps: Steps,
    exponents_at: tuple[int, Steps],
    step: int,
) -> Directions:
    """What is found of one network.

    Args:
        cell: the cell's module, or an `Rnn`.
        weights: its weights.
        inputs: (T, D).
        steps: to which the walk back goes.
        exponents_at: the step that the frame of the exponents sets out with, and the steps after
            which they are told; they are counted from the first of these.
        step: the step whose eigenvalues are told.
    """
    states, (start, settled) = cell.forward(weights, inputs), exponents_at
    leading, counted = min(LEADING, weights.weight_hh.shape[-1]), int(settled[0])
    found = lyapunov(cell, states, weights, leading, start, counted=counted)
    known = np.arange(leading) < found.known
    exponents, settling = (np.where(known, part, np.nan) for part in found[:2])
    return Directions(
        cell.TITLE,
        log10_directions(cell, states, weights, steps),
        step_eigenvalues(cell, states, weights, step),
        exponents,
        settling[settled - counted],
        second_half(settling),
        len(settling),
        chaos.log10_amplification(states.h, cell.forward(chaos.nudged(weights), inputs).h),
        best_unit(cell, states, weights, int(steps[0])),
    )


def best_unit(cell: Cell, states: Any, weights: Weights, since: int) -> float:
    """log10 of ‖D‖₂ from a step to the end, the largest product of the carry; −inf without one."""
    if isinstance(cell, Rnn):
        return -np.inf
    return float(cell.log10_carry(states, weights)[since:].sum(axis=0).max())


def second_half(settling: Floats) -> Floats:
    """The mean growth over the later half of the steps alone, from the means so far, (n, m)."""
    n = len(settling)
    earlier = n // 2
    if not earlier:
        return np.full(settling.shape[1], np.nan)
    with np.errstate(invalid="ignore"):
        later = (n * settling[-1] - earlier * settling[earlier - 1]) / (n - earlier)
    return np.asarray(np.where(np.isneginf(settling[-1]), -np.inf, later))


def first_step(T: int, H: int) -> int:
    """The step to which the walk back goes: 0, or as far as the budget lasts."""
    return max(0, T - min(MOST_STEPS_BACK, int(FLOPS / (6 * H**3))))


def steps_told(T: int, H: int) -> Steps:
    """Steps evenly along the walk and evenly on a log scale of the lag: half of them each."""
    lag = T - first_step(T, H)
    most = int(min(max(VALUES_FLOPS / (20 * H**3), FEWEST_TOLD), MOST_STEPS))
    if lag < most:
        return np.arange(T - lag, T + 1)
    even, near = np.linspace(0, lag, most // 2), np.geomspace(1, lag, most // 2)
    return T - np.unique(np.concatenate((even, near)).round().astype(np.int64))[::-1]


def steps_settled(T: int, H: int, first: int | None = None) -> Steps:
    """The steps after which the exponents so far are told, from the first that is counted."""
    first = first_step(T, H) + 1 if first is None else min(first, T)
    count = min(T - first + 1, MOST_SETTLING)
    return np.unique(np.linspace(first, T, count).round().astype(np.int64))
