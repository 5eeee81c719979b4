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
    """At step 0, over seeds: log10 of spectral norms, and the highway share."""

    direct: float  # mean of log10 ‖D_0‖₂, the largest product of forget gates
    exact: float  # mean of log10 ‖E_0‖₂
    ratio: float  # mean of log10 ‖D_0‖₂/‖E_0‖₂
    share: float  # mean of the highway share


@cache
def norms(experiment: Experiment) -> Norms:
    """Means over the first twenty seeds, of an LSTM's two roads."""
    found = []
    for seed in range(SEEDS):
        run = gated(experiment.model_copy(update={"seed": seed}))
        exact, direct = exact_at_start(run), run.states.f.prod(axis=0)
        D, R = np.linalg.norm(direct), np.linalg.norm(exact - np.diag(direct))
        logs = np.log10((direct.max(), np.linalg.norm(exact, 2)))
        found.append((*logs, logs[0] - logs[1], D / (D + R)))
    return Norms(*np.mean(found, axis=0).tolist())


# Frameworks as they come, over inputs of noise: what several claims are about.
PYTORCH = Experiment(H=64, D=16, init="pytorch", b_f=0)
KERAS = Experiment(H=64, D=16)
CHRONO = PYTORCH.model_copy(update={"chrono": 100})
OPEN = Experiment(init="normal", b_f=5)
