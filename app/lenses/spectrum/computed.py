"""What the spectrum lens finds of both networks, and what it leaves out for its price."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from lstm_engine import (
    Cell,
    Weights,
    chaos,
    log10_directions,
    lyapunov_exponents,
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

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Directions:
    """What is found of one network (`docs/math.md`, "Spectra")."""

    title: str
    log10_kept: Floats  # (N, H), singular values, largest first; nan: too small to be known
    eigenvalues: NDArray[np.complex128]  # (n,), of one step, largest modulus first
    exponents: Floats  # (m,), Lyapunov's, ln a step
    settling: Floats  # (M, m)
    log10_amplification: float  # see `lstm_engine.chaos`


@dataclass(frozen=True)
class Spectrum:
    """The numbers of the spectrum lens."""

    experiment: Experiment
    asked: int | None  # the step whose eigenvalues were asked for
    step: int  # the step whose eigenvalues are told
    steps: Steps  # (N,)
    settled: Steps  # (M,)
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
    cell: Cell, weights: Weights, inputs: Floats, steps: Steps, settled: Steps, step: int
) -> Directions:
    """What is found of one network; exponents over the same steps as the walk back."""
    states, first = cell.forward(weights, inputs), int(steps[0]) + 1
    leading = min(LEADING, weights.weight_hh.shape[-1])
    exponents, settling = lyapunov_exponents(cell, states, weights, leading, first)
    return Directions(
        cell.TITLE,
        log10_directions(cell, states, weights, steps),
        step_eigenvalues(cell, states, weights, step),
        exponents,
        settling[settled - first],
        chaos.log10_amplification(states.h, cell.forward(chaos.nudged(weights), inputs).h),
    )


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


def steps_settled(T: int, H: int) -> Steps:
    """The steps after which the exponents so far are told."""
    first = first_step(T, H) + 1
    count = min(T - first + 1, MOST_SETTLING)
    return np.unique(np.linspace(first, T, count).round().astype(np.int64))
