"""The coupled LSTM (CIFG): one gate says both what is kept and what is written in its place.

    f, o = σ(·), g = tanh(·)   of   W_ih x_t + W_hh h_{t−1} + b      i = 1 − f
    c_t = f⊙c_{t−1} + i⊙g         h_t = o⊙tanh(c_t)

i is worked out as σ(−a_f): the difference 1 − f is 0 from a_f = 37 on. Gate blocks stand in the
order f, g, o. `docs/math.md`, sections "The cells" and "One step back". Source: Greff et al. 2015
(whose input gate is our −a_f; without peepholes).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, unroll
from lstm_engine.gates import (
    LN10,
    Array,
    log10_sigmoid,
    log_tanh_slope,
    sigmoid,
    sigmoid_slope,
    tanh_slope,
)
from lstm_engine.scaled_array import scaled, scaled_sigmoid, scaled_sigmoid_slope, scaled_tanh_slope
from lstm_engine.weights import Weights

NAME, TITLE = "coupled", "coupled LSTM (CIFG)"
GATES = {"f": "forget gate, the input gate's complement", "g": "candidate", "o": "output gate"}
CHRONO = {"f": 1}
RECURRENT, PEEPHOLES = True, False


@dataclass(frozen=True, slots=True)
class States:
    """Everything a forward pass leaves behind; h[0] and c[0] are the initial zeros."""

    h: Array  # (…, T+1, H)
    c: Array  # (…, T+1, H)
    f: Array  # (…, T, H), gates of step t in row t−1
    g: Array
    o: Array
    i: Array  # 1 − f
    a_f: Array  # (…, T, H), the same before their nonlinearity
    a_g: Array
    a_o: Array


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equations above; returns the fields of `States`."""
    a_f, a_g, a_o = np.split(seen + heard, 3, axis=-1)
    f, g, o, i = sigmoid(a_f), np.tanh(a_g), sigmoid(a_o), sigmoid(-a_f)
    c = f * c + i * g
    return o * np.tanh(c), c, f, g, o, i, a_f, a_g, a_o


def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the coupled LSTM over x (…, T, D); |c| stays below 1, or within |c_0|.

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: (h_0, c_0), each (…, H); by default both are 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    return unroll(NAME, step, States, weights, x, start)


def log10_carry(states: States, weights: Weights) -> Array:
    """log10 of f_t from its pre-activation, (…, T, H)."""
    return log10_sigmoid(states.a_f)


def log10_read_out(states: States, weights: Weights, t: int) -> Array:
    """log10 of `r_t = o⊙(1 − tanh² c_t)`, (…, H), finite for any c; −inf at t = 0, h_0 is free."""
    if t == 0:
        return np.full_like(states.c[..., 0, :], -np.inf)
    log_slope = log_tanh_slope(states.c[..., t, :]) / LN10
    return np.asarray(log10_sigmoid(states.a_o[..., t - 1, :]) + log_slope)


def slopes(states: States, weights: Weights, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    k_f = (c_{t−1} − g)⊙f(1−f)   k_g = i⊙(1−g²)   k_o = tanh(c_t)⊙o(1−o)
    """
    now = (..., slice(first - 1, last), slice(None))
    c = states.c[..., first - 1 : last + 1, :]
    k_f = _c_minus_g(states, now) * sigmoid_slope(states.a_f[now])
    k_g = states.i[now] * tanh_slope(states.a_g[now])
    into_cell = np.stack((k_f, k_g), axis=-2)
    past_cell = np.tanh(c[..., 1:, :]) * sigmoid_slope(states.a_o[now])
    free = int(first == 1)  # whether the first row of read_out is h_0's
    read_out = tanh_slope(c)
    read_out[..., :free, :] = 0.0
    read_out[..., free:, :] *= states.o[..., first - 2 + free : last, :]
    return Slopes(states.f[now], into_cell, into_cell, past_cell, read_out)


def gate_derivatives(states: States, weights: Weights) -> dict[str, GateDerivative]:
    """∂c_t/∂f = c_{t−1} − g, for i = 1 − f moves too   ∂c_t/∂g = i   ∂h_t/∂o = tanh(c_t)."""
    all_steps, shown = (..., slice(None), slice(None)), np.tanh(states.c[..., 1:, :])
    kept_or_written = scaled(_c_minus_g(states, all_steps))
    return {
        "f": GateDerivative("c", kept_or_written, scaled_sigmoid_slope(states.a_f)),
        "g": GateDerivative("c", scaled_sigmoid(-states.a_f), scaled_tanh_slope(states.a_g)),
        "o": GateDerivative("h", scaled(shown), scaled_sigmoid_slope(states.a_o)),
    }


def _c_minus_g(states: States, now: tuple[Any, ...]) -> Array:
    """c_{t−1} − g_t of the steps whose rows are `now`."""
    return np.asarray(states.c[..., :-1, :][now] - states.g[now])
