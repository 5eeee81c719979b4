"""The LSTM with peepholes: its gates look at the cell itself.

    i, f = σ(W_ih x_t + W_hh h_{t−1} + b + p⊙c_{t−1})      g = tanh(W_ih x_t + W_hh h_{t−1} + b)
    c_t = f⊙c_{t−1} + i⊙g
    o = σ(W_ih x_t + W_hh h_{t−1} + b + p_o⊙c_t)           h_t = o⊙tanh(c_t)

The carry and the read-out have terms of their own from what the gates see, and so may be negative.
Gate blocks stand in the order i, f, g, o; `Weights.peephole` holds p_i, p_f, p_o. `docs/math.md`,
sections "The cells" and "One step back". Source: Gers, Schraudolph & Schmidhuber 2002 (with the
read-out's tanh, as in Greff et al. 2015).
"""

from dataclasses import dataclass

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, unroll
from lstm_engine.gates import (
    LN10,
    Array,
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

NAME, TITLE = "peephole", "LSTM with peepholes"
GATES = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"}
CHRONO = {"i": -1, "f": 1}
RECURRENT, PEEPHOLES = True, True


@dataclass(frozen=True)
class States:
    """Everything a forward pass leaves behind; h[0] and c[0] are the initial states."""

    h: Array  # (…, T+1, H)
    c: Array  # (…, T+1, H)
    i: Array  # (…, T, H), gates of step t in row t−1
    f: Array
    g: Array
    o: Array
    a_i: Array  # (…, T, H), the same before their nonlinearity, peepholes included
    a_f: Array
    a_g: Array
    a_o: Array


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equations above; returns the fields of `States`."""
    p_i, p_f, p_o = _peepholes(weights)
    a_i, a_f, a_g, a_o = np.split(seen + heard, 4, axis=-1)
    a_i, a_f = a_i + p_i * c, a_f + p_f * c
    i, f, g = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g)
    c = f * c + i * g
    a_o = a_o + p_o * c
    o = sigmoid(a_o)
    return o * np.tanh(c), c, i, f, g, o, a_i, a_f, a_g, a_o


@checked_forward(Kind(NAME, GATES, RECURRENT, PEEPHOLES))
def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the LSTM with peepholes over x (…, T, D).

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: (h_0, c_0), each (…, H); by default both are 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
        ValueError: where `weights` has no peepholes.
    """
    return unroll(NAME, step, States, weights, x, start)


def log10_carry(states: States, weights: Weights) -> Array:
    """log10 |f⊙(1 + c_{t−1}⊙(1−f)⊙p_f) + g⊙i(1−i)⊙p_i|, (…, T, H), however small f and i(1−i)."""
    p_i, p_f, _ = _peepholes(weights)[..., None, :]
    from_f = 1.0 + states.c[..., :-1, :] * sigmoid(-states.a_f) * p_f
    return _log10_of_sum(
        from_f, -softplus(-states.a_f), states.g * p_i, log_sigmoid_slope(states.a_i)
    )


def log10_read_out(states: States, weights: Weights, t: int) -> Array:
    """log10 |o⊙(1 − tanh² c_t + tanh(c_t)⊙(1−o)⊙p_o)|, (…, H); −inf at t = 0, h_0 is free."""
    c = states.c[..., t, :]
    if t == 0:
        return np.full_like(c, -np.inf)
    p_o, a_o = _peepholes(weights)[2], states.a_o[..., t - 1, :]
    within = _log10_of_sum(np.ones_like(c), log_tanh_slope(c), np.tanh(c) * p_o, -softplus(a_o))
    return np.asarray(within - softplus(-a_o) / LN10)


def slopes(states: States, weights: Weights, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    k_i = g⊙i(1−i)   k_f = c_{t−1}⊙f(1−f)   k_g = i⊙(1−g²)   k_o = tanh(c_t)⊙o(1−o)

    carry = f + k_f⊙p_f + k_i⊙p_i         read_out = o⊙(1 − tanh² c_t) + k_o⊙p_o
    """
    p_i, p_f, p_o = _peepholes(weights)[..., None, :]
    now = (..., slice(first - 1, last), slice(None))
    c = states.c[..., first - 1 : last + 1, :]
    k_i = states.g[now] * sigmoid_slope(states.a_i[now])
    k_f = c[..., :-1, :] * sigmoid_slope(states.a_f[now])
    k_g = states.i[now] * tanh_slope(states.a_g[now])
    into_cell = np.stack((k_i, k_f, k_g), axis=-2)
    free = int(first == 1)  # whether the first row of read_out is h_0's
    shown = (..., slice(first - 2 + free, last), slice(None))
    k_o = np.tanh(c[..., free:, :]) * sigmoid_slope(states.a_o[shown])
    read_out = np.zeros_like(c)
    read_out[..., free:, :] = states.o[shown] * tanh_slope(c[..., free:, :]) + k_o * p_o
    past_cell = k_o[..., 1 - free :, :]
    carry = states.f[now] + k_f * p_f + k_i * p_i
    return Slopes(carry, into_cell, into_cell, past_cell, read_out)


def log_slopes(states: States, weights: Weights, t: int) -> list[tuple[Array, Array]]:
    """The same factors of step t, however small: `factor·exp(ln)` for each gate."""
    row, c = (..., t - 1, slice(None)), states.c
    return [
        (states.g[row], log_sigmoid_slope(states.a_i[row])),
        (c[row], log_sigmoid_slope(states.a_f[row])),
        (np.ones_like(states.g[row]), log_tanh_slope(states.a_g[row]) - softplus(-states.a_i[row])),
        (np.tanh(c[..., t, :]), log_sigmoid_slope(states.a_o[row])),
    ]


def gate_derivatives(states: States, weights: Weights, x: Array) -> dict[str, GateDerivative]:
    """∂c_t/∂i = g   ∂c_t/∂f = c_{t−1}   ∂c_t/∂g = i   ∂h_t/∂o = tanh(c_t), and slopes."""
    written, shown = scaled_sigmoid(states.a_i), scaled(np.tanh(states.c[..., 1:, :]))
    return {
        "i": GateDerivative("c", scaled(states.g), scaled_sigmoid_slope(states.a_i)),
        "f": GateDerivative("c", scaled(states.c[..., :-1, :]), scaled_sigmoid_slope(states.a_f)),
        "g": GateDerivative("c", written, scaled_tanh_slope(states.a_g)),
        "o": GateDerivative("h", shown, scaled_sigmoid_slope(states.a_o)),
    }


def _peepholes(weights: Weights) -> Array:
    """p_i, p_f, p_o, (3, …, H)."""
    if weights.peephole is None:
        raise ValueError("weights.peephole is missing: the cell needs p_i, p_f, p_o, (3, H)")
    return np.moveaxis(weights.peephole, -2, 0)


def _log10_of_sum(a: Array, ln_scale_a: Array, b: Array, ln_scale_b: Array) -> Array:
    """log10 |a·exp(ln_scale_a) + b·exp(ln_scale_b)|, far outside float64 too; −inf for a zero."""
    with np.errstate(divide="ignore", under="ignore"):
        ln_a, ln_b = np.log(np.abs(a)) + ln_scale_a, np.log(np.abs(b)) + ln_scale_b
        larger = np.maximum(ln_a, ln_b)
        larger = np.where(np.isfinite(larger), larger, 0.0)
        rest = np.sign(a) * np.exp(ln_a - larger) + np.sign(b) * np.exp(ln_b - larger)
        return np.asarray((np.log(np.abs(rest)) + larger) / LN10)
