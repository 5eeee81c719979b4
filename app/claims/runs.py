"""Runs that claims are measured on: an experiment's networks, their states, their gradients."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from app.networks import networks
from lstm_engine import CELLS, Cell, Rnn, Weights, recurrence

Array = NDArray[np.float64]
SEEDS = 20


class Run(NamedTuple):
    """A network that has read its inputs."""

    cell: Cell
    states: Any
    weights: Weights
    inputs: Array


def gated(experiment: Experiment) -> Run:
    """The experiment's gated cell."""
    drawn, cell = networks(experiment), CELLS[experiment.cell]
    return Run(cell, cell.forward(drawn.cell, drawn.inputs), drawn.cell, drawn.inputs)


def vanilla(experiment: Experiment) -> Run:
    """The experiment's vanilla RNN."""
    drawn, rnn = networks(experiment), Rnn(experiment.act)
    return Run(rnn, rnn.forward(drawn.rnn, drawn.inputs), drawn.rnn, drawn.inputs)


def exact_at_start(run: Run) -> Array:
    """E_0 itself, ∂c_T/∂c_0 along every path (of an RNN ∂h_T/∂h_0), as plain float64.

    `docs/math.md`, section "One step back". Claims speak of its spectral norm, and none of their
    runs comes near the ends of float64.
    """
    T, H = len(run.inputs), run.states.c.shape[-1]
    slopes = run.cell.slopes(run.states, run.weights, 1, T)
    K, V = recurrence(slopes, run.weights)
    dc, dh = np.eye(H), np.zeros((H, H))
    for t in range(T, 0, -1):
        whole = dc + dh * slopes.read_out[t]
        dc, dh = whole * slopes.carry[t - 1], whole @ K[t - 1] + dh @ V[t - 1]
    return np.asarray(dc + dh * slopes.read_out[0])


class Norms(NamedTuple):
    """At step 0: log10 of norms, and the highway share.

    Two norms, never mixed: the spectral one, the most that a direction keeps (`/spectrum`), and
    the root mean square over units (`/`, `/paths`).
    """

    direct: float  # log10 ‖D_0‖₂, the largest product of forget gates
    exact: float  # log10 ‖E_0‖₂
    ratio: float  # log10 ‖D_0‖₂/‖E_0‖₂
    direct_rms: float  # log10 ‖D_0‖_F/√H
    exact_rms: float  # log10 ‖E_0‖_F/√H
    ratio_rms: float
    share: float  # the highway share


@cache
def every_draw(experiment: Experiment) -> tuple[Norms, ...]:
    """Of the first twenty seeds, an LSTM's two roads."""
    return tuple(norms_of(experiment.model_copy(update={"seed": seed})) for seed in range(SEEDS))


def norms_of(experiment: Experiment) -> Norms:
    """Of one draw."""
    run = gated(experiment)
    exact, direct = exact_at_start(run), run.states.f.prod(axis=0)
    D, R = np.linalg.norm(direct), np.linalg.norm(exact - np.diag(direct))
    spectral = np.log10((direct.max(), np.linalg.norm(exact, 2)))
    rms = np.log10((D, np.linalg.norm(exact))) - 0.5 * np.log10(len(direct))
    logs = (*spectral, spectral[0] - spectral[1], *rms, rms[0] - rms[1], D / (D + R))
    return Norms._make(float(value) for value in logs)


def norms(experiment: Experiment) -> Norms:
    """Means over the first twenty seeds."""
    return Norms(*np.mean(every_draw(experiment), axis=0).tolist())


def first_draw(experiment: Experiment) -> Norms:
    """Of the draw that a link opens."""
    return every_draw(experiment)[0]


# Frameworks as they come, over inputs of noise: what several claims are about.
PYTORCH = Experiment(H=64, D=16, init="pytorch", b_f=0)
KERAS = Experiment(H=64, D=16)
CHRONO = PYTORCH.model_copy(update={"chrono": 100})
OPEN = Experiment(init="normal", b_f=5)
