"""The networks and inputs that an experiment names: as they are drawn, or as they were taught."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from app.view import Focus
from lstm_engine import CELLS, Weights, draw_cell, draw_inputs, draw_rnn


class Networks(NamedTuple):
    """The gated cell's weights, the vanilla RNN's weights and the inputs, after every knob."""

    cell: Weights
    rnn: Weights
    inputs: NDArray[np.float64]  # (T, D)


class Learnt(NamedTuple):
    """What training made of them, and what else it taught: tensors by their names."""

    networks: Networks
    read_outs: dict[str, NDArray[np.float64]]


TAUGHT: ContextVar[Learnt | None] = ContextVar("taught", default=None)


@contextmanager
def taught(learnt: Learnt | None) -> Iterator[None]:
    """Meanwhile, `networks` gives what training made of them, where there is any."""
    token = TAUGHT.set(learnt)
    try:
        yield
    finally:
        TAUGHT.reset(token)


def as_taught(experiment: Experiment, focus: Focus) -> tuple[Experiment, Focus]:
    """What is looked at, with the length and the width of the sequence that a task reads, and no
    other signal, where networks were `taught`."""
    if (learnt := TAUGHT.get()) is None:
        return experiment, focus
    T, D = learnt.networks.inputs.shape
    experiment = experiment.model_copy(update={"T": T, "D": D, "signal": "noise"})
    return experiment, focus.model_copy(update={"vs_signal": None})


def networks(experiment: Experiment) -> Networks:
    """An experiment's networks: drawn, unless they were `taught`."""
    learnt = TAUGHT.get()
    return drawn(experiment) if learnt is None else learnt.networks


def read_outs() -> dict[str, NDArray[np.float64]]:
    """What was taught beside the networks themselves."""
    learnt = TAUGHT.get()
    return {} if learnt is None else learnt.read_outs


def untaught(experiment: Experiment) -> Networks:
    """The same as drawn; they read the task's sequence where others are `taught`."""
    own, learnt = drawn(experiment), TAUGHT.get()
    return own if learnt is None else own._replace(inputs=learnt.networks.inputs)


def drawn(experiment: Experiment) -> Networks:
    """Draw them: equal experiments give equal networks, on every machine."""
    e = experiment
    return Networks(
        draw_cell(
            CELLS[e.cell],
            e.init,
            e.D,
            e.H,
            seed=e.seed,
            biases=e.biases,
            chrono=e.chrono,
            gain=e.gain,
        ),
        draw_rnn(e.init, e.D, e.H, seed=e.seed, rnn_init=e.rnn_init, gain=e.rnn_gain),
        draw_inputs(
            e.signal,
            e.T,
            e.D,
            amplitude=e.amplitude,
            seed=e.seed,
            text=e.text,
            series=e.series,
            standardize=bool(e.standardize),
        ),
    )
