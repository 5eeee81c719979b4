"""The GRU: one state, which its update gate either keeps or replaces.

    r, z = σ(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
    n    = tanh(W_in x_t + b_in + r⊙(W_hn h_{t−1} + b_hn))
    h_t  = (1−z)⊙n + z⊙h_{t−1}

1 − z is worked out as σ(−a_z). Gate blocks stand in the order r, z, n, torch.nn.GRU's, and so does
the reset gate, after the product. The biases that move them are b_i, b_f, b_g. `docs/math.md`,
sections "The cells" and "One step back". Source: Cho et al. 2014.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lstm_engine.cell import GateDerivative, Slopes, Start, start_states, unroll
from lstm_engine.differences import (
    Exponents,
    bounded,
    carry,
    sigmoid_difference,
    tanh_difference,
    tiny,
)
from lstm_engine.gates import (
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
    times,
)
from lstm_engine.validation import Kind, checked_forward
from lstm_engine.weights import Weights

NAME, TITLE = "gru", "GRU"
GATES = {"i": "reset gate", "f": "update gate, how much of the old is kept", "g": "candidate"}
CHRONO = {"f": 1}
RECURRENT, PEEPHOLES = True, False


@dataclass(frozen=True)
class States:
    """Everything a forward pass leaves behind; h[0] is the initial state, and c is h."""

    h: Array  # (…, T+1, H)
    c: Array
    r: Array  # (…, T, H), gates of step t in row t−1
    z: Array
    n: Array
    h_minus_n: Array  # (…, T, H), h_{t−1} − n_t
    a_r: Array  # (…, T, H), the same before their nonlinearity
    a_z: Array
    a_n: Array
    heard_n: Array  # (…, T, H), W_hn h_{t−1} + b_hn, what r resets


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equations above; returns the fields of `States`."""
    seen_r, seen_z, seen_n = np.split(seen, 3, axis=-1)
    heard_r, heard_z, heard_n = np.split(heard, 3, axis=-1)
    a_r, a_z = seen_r + heard_r, seen_z + heard_z
    r, z = sigmoid(a_r), sigmoid(a_z)
    a_n = seen_n + r * heard_n
    n = np.tanh(a_n)
    h = sigmoid(-a_z) * n + z * c
    return h, h, r, z, n, c - n, a_r, a_z, a_n, heard_n


@checked_forward(Kind(NAME, GATES, RECURRENT, PEEPHOLES))
def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the GRU over x (…, T, D); |h| stays below 1, or within |h_0|.

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: h_0, (…, H), or the pair (h_0, h_0); by default 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    states = unroll(NAME, step, States, weights, x, start_states(start, weights, x, True))
    direct, near = bounded(states.a_z, states.a_n, states.h, states.n)
    h_minus_n, exponent = _carried(states, weights, x, direct, near)
    return replace(states, h_minus_n=np.ldexp(h_minus_n, exponent))


def difference(states: States, weights: Weights, x: Array) -> tuple[Array, Exponents]:
    """h_{t−1} − n_t as `2^exponent·mantissa`, (…, T, H) and (…, T, 1), however small."""
    near = tiny(states.h_minus_n, states.h[..., :-1, :], states.n)
    return _carried(states, weights, x, states.h_minus_n, near)


def _carried(
    states: States, weights: Weights, x: Array, direct: Array, near: NDArray[np.bool_]
) -> tuple[Array, Exponents]:
    """The same by `lstm_engine.differences.carry`.

    h_t − h_{t−1} = −(1−z_t)⊙(h_{t−1} − n_t)
    """

    def advance(t: int, earlier: list[Array], dx: Array, e: Exponents) -> list[Array]:
        (h_minus_n,) = earlier
        dh = -sigmoid(-states.a_z[..., t - 1, :]) * h_minus_n
        seen_r, _, seen_n = np.split(np.matvec(weights.weight_ih, dx), 3, axis=-1)
        heard_r, _, heard_n = np.split(np.matvec(weights.weight_hh, dh), 3, axis=-1)
        a_r, a_n = states.a_r, states.a_n
        dr = sigmoid_difference(a_r[..., t, :], a_r[..., t - 1, :], seen_r + heard_r, e)
        da_n = seen_n + states.r[..., t, :] * heard_n + dr * states.heard_n[..., t - 1, :]
        dn = tanh_difference(a_n[..., t, :], a_n[..., t - 1, :], da_n, e)
        return [states.z[..., t - 1, :] * h_minus_n - dn]

    (h_minus_n,), exponent = carry(x, [direct], [near], advance)
    return h_minus_n, exponent


def log10_carry(states: States, weights: Weights) -> Array:
    """log10 of z_t from its pre-activation, (…, T, H)."""
    return log10_sigmoid(states.a_z)


def log10_read_out(states: States, weights: Weights, t: int) -> Array:
    """0: h is c."""
    return np.zeros_like(states.h[..., t, :])


def slopes(states: States, weights: Weights, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    seen_n  = (1−z)⊙(1−n²)
    into_cell: r  seen_n⊙heard_n⊙r(1−r)   z  (h_{t−1} − n)⊙z(1−z)   n  seen_n⊙r
    """
    now = (..., slice(first - 1, last), slice(None))
    seen_n = sigmoid(-states.a_z[now]) * tanh_slope(states.a_n[now])
    k_r = seen_n * states.heard_n[now] * sigmoid_slope(states.a_r[now])
    k_z = states.h_minus_n[now] * sigmoid_slope(states.a_z[now])
    into_cell = np.stack((k_r, k_z, seen_n * states.r[now]), axis=-2)
    from_input = np.stack((k_r, k_z, seen_n), axis=-2)
    read_out = np.ones_like(states.h[..., first - 1 : last + 1, :])
    return Slopes(states.z[now], into_cell, from_input, None, read_out)


def log_slopes(states: States, weights: Weights, t: int) -> list[tuple[Array, Array]]:
    """The same factors of step t, however small: `factor·exp(ln)` for each gate."""
    row = (..., t - 1, slice(None))
    seen_n = log_tanh_slope(states.a_n[row]) - softplus(states.a_z[row])
    return [
        (states.heard_n[row], seen_n + log_sigmoid_slope(states.a_r[row])),
        (states.h_minus_n[row], log_sigmoid_slope(states.a_z[row])),
        (np.ones_like(states.n[row]), seen_n - softplus(-states.a_r[row])),
    ]


def gate_derivatives(states: States, weights: Weights, x: Array) -> dict[str, GateDerivative]:
    """∂h_t/∂r = (1−z)⊙(1−n²)⊙(W_hn h_{t−1} + b_hn)   ∂h_t/∂z = h_{t−1} − n   ∂h_t/∂n = 1−z."""
    written, slope_n = scaled_sigmoid(-states.a_z), scaled_tanh_slope(states.a_n)
    by_r = times(times(written, slope_n), scaled(states.heard_n))
    by_z = scaled_by(*difference(states, weights, x))
    return {
        "i": GateDerivative("c", by_r, scaled_sigmoid_slope(states.a_r)),
        "f": GateDerivative("c", by_z, scaled_sigmoid_slope(states.a_z)),
        "g": GateDerivative("c", written, slope_n, scaled_sigmoid(states.a_r)),
    }
