"""The networks and inputs that an experiment names."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.knobs import Experiment
from lstm_engine import signals, weights


class Networks(NamedTuple):
    """The gated cell's weights, the vanilla RNN's weights and the inputs, after every knob."""

    cell: weights.Weights
    rnn: weights.Weights
    inputs: NDArray[np.float64]  # (T, D)


def networks(experiment: Experiment) -> Networks:
    """Draw them: equal experiments give equal networks, on every machine."""
    e = experiment
    biases = (e.b_i, e.b_f, e.b_g, e.b_o)
    return Networks(
        weights.draw_cell(
            e.init, e.D, e.H, seed=e.seed, biases=biases, chrono=e.chrono, gain=e.gain
        ),
        weights.draw_rnn(e.init, e.D, e.H, seed=e.seed, rnn_init=e.rnn_init, gain=e.rnn_gain),
        signals.draw_inputs(
            e.signal, e.T, e.D, amplitude=e.amplitude, seed=e.seed, text=e.text, series=e.series
        ),
    )
