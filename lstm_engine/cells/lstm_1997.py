"""The LSTM of 1997, without a forget gate: the constant error carousel keeps all it has.

    i, o = σ(·), g = tanh(·)   of   W_ih x_t + W_hh h_{t−1} + b
    c_t = c_{t−1} + i⊙g           h_t = o⊙tanh(c_t)

The carry is exactly 1, and c can grow by up to 1 a step. Gate blocks stand in the order i, g, o.
`docs/math.md`, sections "The cells" and "One step back". Source: Hochreiter & Schmidhuber 1997 (the
squashing functions are tanh, as everywhere since).
"""

from dataclasses import dataclass

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, unroll
from lstm_engine.gates import (
    LN10,
    Array,
    log10_sigmoid,
    log_sigmoid_slope,
    log_tanh_slope,
    sigmoid,
    sigmoid_slope,
    softplus,
    tanh_slope,
)
from lstm_engine.scaled_array import scaled, scaled_sigmoid, scaled_sigmoid_slope, scaled_tanh_slope
from lstm_engine.validation import Kind, checked_forward
from lstm_engine.weights import Weights

NAME, TITLE = "lstm-1997", "LSTM of 1997"
GATES = {"i": "input gate", "g": "candidate", "o": "output gate"}
CHRONO = {"i": -1}
RECURRENT, PEEPHOLES = True, False


@dataclass(frozen=True)
class States:
    """Everything a forward pass leaves behind; h[0] and c[0] are the initial states."""

    h: Array  # (…, T+1, H)
    c: Array  # (…, T+1, H)
    i: Array  # (…, T, H), gates of step t in row t−1
    g: Array
    o: Array
    a_i: Array  # (…, T, H), the same before their nonlinearity
    a_g: Array
    a_o: Array


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equations above; returns the fields of `States`."""
    a_i, a_g, a_o = np.split(seen + heard, 3, axis=-1)
    i, g, o = sigmoid(a_i), np.tanh(a_g), sigmoid(a_o)
    c = c + i * g
    return o * np.tanh(c), c, i, g, o, a_i, a_g, a_o


@checked_forward(Kind(NAME, GATES, RECURRENT, PEEPHOLES))
def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the LSTM of 1997 over x (…, T, D).

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: (h_0, c_0), each (…, H); by default both are 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    return unroll(NAME, step, States, weights, x, start)


def log10_carry(states: States, weights: Weights) -> Array:
    """0 everywhere, (…, T, H): nothing is ever forgotten."""
    return np.zeros_like(states.i)


def log10_read_out(states: States, weights: Weights, t: int) -> Array:
    """log10 of `r_t = o⊙(1 − tanh² c_t)`, (…, H), finite for any c; −inf at t = 0, h_0 is free."""
    if t == 0:
        return np.full_like(states.c[..., 0, :], -np.inf)
    log_slope = log_tanh_slope(states.c[..., t, :]) / LN10
    return np.asarray(log10_sigmoid(states.a_o[..., t - 1, :]) + log_slope)


def slopes(states: States, weights: Weights, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    k_i = g⊙i(1−i)   k_g = i⊙(1−g²)   k_o = tanh(c_t)⊙o(1−o)
    """
    now = (..., slice(first - 1, last), slice(None))
    k_i = states.g[now] * sigmoid_slope(states.a_i[now])
    k_g = states.i[now] * tanh_slope(states.a_g[now])
    into_cell = np.stack((k_i, k_g), axis=-2)
    c = states.c[..., first - 1 : last + 1, :]
    past_cell = np.tanh(c[..., 1:, :]) * sigmoid_slope(states.a_o[now])
    free = int(first == 1)  # whether the first row of read_out is h_0's
    read_out = tanh_slope(c)
    read_out[..., :free, :] = 0.0
    read_out[..., free:, :] *= states.o[..., first - 2 + free : last, :]
    return Slopes(np.ones_like(k_i), into_cell, into_cell, past_cell, read_out)


def log_slopes(states: States, weights: Weights, t: int) -> list[tuple[Array, Array]]:
    """The same factors of step t, however small: `factor·exp(ln)` for each gate."""
    row = (..., t - 1, slice(None))
    return [
        (states.g[row], log_sigmoid_slope(states.a_i[row])),
        (np.ones_like(states.g[row]), log_tanh_slope(states.a_g[row]) - softplus(-states.a_i[row])),
        (np.tanh(states.c[..., t, :]), log_sigmoid_slope(states.a_o[row])),
    ]


def gate_derivatives(states: States, weights: Weights, x: Array) -> dict[str, GateDerivative]:
    """∂c_t/∂i = g   ∂c_t/∂g = i   ∂h_t/∂o = tanh(c_t), with the gates' slopes."""
    written, shown = scaled_sigmoid(states.a_i), scaled(np.tanh(states.c[..., 1:, :]))
    return {
        "i": GateDerivative("c", scaled(states.g), scaled_sigmoid_slope(states.a_i)),
        "g": GateDerivative("c", written, scaled_tanh_slope(states.a_g)),
        "o": GateDerivative("h", shown, scaled_sigmoid_slope(states.a_o)),
    }
