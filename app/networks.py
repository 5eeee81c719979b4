"""The networks and inputs that an experiment names."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from lstm_engine import CELLS, Weights, draw_cell, draw_inputs, draw_rnn


class Networks(NamedTuple):
    """The gated cell's weights, the vanilla RNN's weights and the inputs, after every knob."""

    cell: Weights
    rnn: Weights
    inputs: NDArray[np.float64]  # (T, D)


def networks(experiment: Experiment) -> Networks:
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
            e.signal, e.T, e.D, amplitude=e.amplitude, seed=e.seed, text=e.text, series=e.series
        ),
    )
