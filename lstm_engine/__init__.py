"""Exact gradient flow through an LSTM and a vanilla RNN, in NumPy alone.

    >>> from lstm_engine import cell_survival, draw_cell, draw_inputs, lstm
    >>> weights = draw_cell("keras", 8, 32, seed=0, biases=(0, 1, 0, 0))
    >>> x = draw_inputs("noise", 100, 8, seed=0)
    >>> states = lstm.forward(weights, x)
    >>> survival = cell_survival(lstm, states, weights)
    >>> survival.log10_exact.shape  # one number for each of the steps 0 … T and each unit
    (101, 32)

Everything is float64; logarithms are to base 10 unless a name says otherwise. No files, no prints,
no global random state. What the numbers mean: `docs/math.md`.
"""

from lstm_engine import chaos, gates, horizon, lstm, rnn
from lstm_engine.errors import LeftFloat64
from lstm_engine.signals import SIGNALS, draw_inputs
from lstm_engine.survival import CellSurvival, RnnSurvival, cell_survival, rnn_survival
from lstm_engine.weights import Weights, draw_cell, draw_rnn

__all__ = [
    "SIGNALS",
    "CellSurvival",
    "LeftFloat64",
    "RnnSurvival",
    "Weights",
    "cell_survival",
    "chaos",
    "draw_cell",
    "draw_inputs",
    "draw_rnn",
    "gates",
    "horizon",
    "lstm",
    "rnn",
    "rnn_survival",
]
