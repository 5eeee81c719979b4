"""The coupled LSTM (CIFG): one gate says both what is kept and what is written in its place.

    f, o = σ(·), g = tanh(·)   of   W_ih x_t + W_hh h_{t−1} + b      i = 1 − f
    c_t = f⊙c_{t−1} + i⊙g         h_t = o⊙tanh(c_t)

i is worked out as σ(−a_f): the difference 1 − f is 0 from a_f = 37 on. Gate blocks stand in the
order f, g, o. `docs/math.md`, sections "The cells" and "One step back". Source: Greff et al. 2015
(whose input gate is our −a_f; without peepholes).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lstm_engine.cell import GateDerivative, Slopes, Start, unroll
from lstm_engine.differences import (
    Exponents,
    bounded,
    carry,
    close,
    sigmoid_difference,
    tanh_difference,
    tiny,
)
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
from lstm_engine.scaled_array import (
    scaled,
    scaled_by,
    scaled_sigmoid,
    scaled_sigmoid_slope,
    scaled_tanh_slope,
)
from lstm_engine.validation import Kind, checked_forward
from lstm_engine.weights import Weights

NAME, TITLE = "coupled", "coupled LSTM (CIFG)"
GATES = {"f": "forget gate, the input gate's complement", "g": "candidate", "o": "output gate"}
CHRONO = {"f": 1}
RECURRENT, PEEPHOLES = True, False


@dataclass(frozen=True)
class States:
    """Everything a forward pass leaves behind; h[0] and c[0] are the initial states."""

    h: Array  # (…, T+1, H)
    c: Array  # (…, T+1, H)
    f: Array  # (…, T, H), gates of step t in row t−1
    g: Array
    o: Array
    i: Array  # 1 − f
    c_minus_g: Array  # (…, T, H), c_{t−1} − g_t
    a_f: Array  # (…, T, H), the same before their nonlinearity
    a_g: Array
    a_o: Array


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equations above; returns the fields of `States`."""
    a_f, a_g, a_o = np.split(seen + heard, 3, axis=-1)
    f, g, o, i = sigmoid(a_f), np.tanh(a_g), sigmoid(a_o), sigmoid(-a_f)
    c_minus_g = c - g
    c = f * c + i * g
    return o * np.tanh(c), c, f, g, o, i, c_minus_g, a_f, a_g, a_o


@checked_forward(Kind(NAME, GATES, RECURRENT, PEEPHOLES))
def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the coupled LSTM over x (…, T, D); |c| stays below 1, or within |c_0|.

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: (h_0, c_0), each (…, H); by default both are 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    states = unroll(NAME, step, States, weights, x, start)
    direct, near = bounded(states.a_f, states.a_g, states.c, states.g)
    c_minus_g, exponent = _carried(states, weights, x, direct, near)
    return replace(states, c_minus_g=np.ldexp(c_minus_g, exponent))


def difference(states: States, weights: Weights, x: Array) -> tuple[Array, Exponents]:
    """c_{t−1} − g_t as `2^exponent·mantissa`, (…, T, H) and (…, T, 1), however small."""
    near = tiny(states.c_minus_g, states.c[..., :-1, :], states.g)
    return _carried(states, weights, x, states.c_minus_g, near)


def _carried(
    states: States, weights: Weights, x: Array, direct: Array, near: NDArray[np.bool_]
) -> tuple[Array, Exponents]:
    """The same by `lstm_engine.differences.carry`.

    c_t − c_{t−1} = −i_t⊙(c_{t−1} − g_t)
    h_t − h_{t−1} = (o_t − o_{t−1})⊙tanh c_t + o_{t−1}⊙(tanh c_t − tanh c_{t−1})
    """
    later, earlier = states.h[..., 1:, :], states.h[..., :-1, :]

    def advance(t: int, before: list[Array], dx: Array, e: Exponents) -> list[Array]:
        c_minus_g, dh = before
        seen = np.matvec(weights.weight_ih, dx) + np.matvec(weights.weight_hh, dh)
        _, dg, do = np.split(seen, 3, axis=-1)
        a_g, a_o, c = states.a_g, states.a_o, states.c
        dg = tanh_difference(a_g[..., t, :], a_g[..., t - 1, :], dg, e)
        do = sigmoid_difference(a_o[..., t, :], a_o[..., t - 1, :], do, e)
        c_minus_g = states.f[..., t - 1, :] * c_minus_g - dg
        dc = tanh_difference(c[..., t + 1, :], c[..., t, :], -states.i[..., t, :] * c_minus_g, e)
        return [c_minus_g, do * np.tanh(c[..., t + 1, :]) + states.o[..., t - 1, :] * dc]

    pairs = [direct, later - earlier], [near, close(later, earlier)]
    (c_minus_g, _), exponent = carry(x, *pairs, advance)
    return c_minus_g, exponent


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
    k_f = states.c_minus_g[now] * sigmoid_slope(states.a_f[now])
    k_g = states.i[now] * tanh_slope(states.a_g[now])
    into_cell = np.stack((k_f, k_g), axis=-2)
    past_cell = np.tanh(c[..., 1:, :]) * sigmoid_slope(states.a_o[now])
    free = int(first == 1)  # whether the first row of read_out is h_0's
    read_out = tanh_slope(c)
    read_out[..., :free, :] = 0.0
    read_out[..., free:, :] *= states.o[..., first - 2 + free : last, :]
    return Slopes(states.f[now], into_cell, into_cell, past_cell, read_out)


def log_slopes(states: States, weights: Weights, t: int) -> list[tuple[Array, Array]]:
    """The same factors of step t, however small: `factor·exp(ln)` for each gate."""
    row = (..., t - 1, slice(None))
    return [
        (states.c_minus_g[row], log_sigmoid_slope(states.a_f[row])),
        (np.ones_like(states.g[row]), log_tanh_slope(states.a_g[row]) - softplus(states.a_f[row])),
        (np.tanh(states.c[..., t, :]), log_sigmoid_slope(states.a_o[row])),
    ]


def gate_derivatives(states: States, weights: Weights, x: Array) -> dict[str, GateDerivative]:
    """∂c_t/∂f = c_{t−1} − g, for i = 1 − f moves too   ∂c_t/∂g = i   ∂h_t/∂o = tanh(c_t)."""
    shown = np.tanh(states.c[..., 1:, :])
    kept_or_written = scaled_by(*difference(states, weights, x))
    return {
        "f": GateDerivative("c", kept_or_written, scaled_sigmoid_slope(states.a_f)),
        "g": GateDerivative("c", scaled_sigmoid(-states.a_f), scaled_tanh_slope(states.a_g)),
        "o": GateDerivative("h", scaled(shown), scaled_sigmoid_slope(states.a_o)),
    }
