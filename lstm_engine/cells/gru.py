"""The GRU: one state, which its update gate either keeps or replaces.

    r, z = σ(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
    n    = tanh(W_in x_t + b_in + r⊙(W_hn h_{t−1} + b_hn))
    h_t  = (1−z)⊙n + z⊙h_{t−1}

1 − z is worked out as σ(−a_z). Gate blocks stand in the order r, z, n, torch.nn.GRU's, and so does
the reset gate, after the product. The biases that move them are b_i, b_f, b_g. `docs/math.md`,
sections "The cells" and "One step back". Source: Cho et al. 2014.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, start_states, unroll
from lstm_engine.gates import Array, log10_sigmoid, sigmoid, sigmoid_slope, tanh_slope
from lstm_engine.scaled_array import (
    scaled,
    scaled_sigmoid,
    scaled_sigmoid_slope,
    scaled_tanh_slope,
    times,
)
from lstm_engine.weights import Weights

NAME, TITLE = "gru", "GRU"
GATES = {"i": "reset gate", "f": "update gate, how much of the old is kept", "g": "candidate"}
CHRONO = {"f": 1}
RECURRENT, PEEPHOLES = True, False


@dataclass(frozen=True, slots=True)
class States:
    """Everything a forward pass leaves behind; h[0] is the initial zeros, and c is h."""

    h: Array  # (…, T+1, H)
    c: Array
    r: Array  # (…, T, H), gates of step t in row t−1
    z: Array
    n: Array
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
    return h, h, r, z, n, a_r, a_z, a_n, heard_n


def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the GRU over x (…, T, D); |h| stays below 1, or within |h_0|.

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: h_0, (…, H), or the pair (h_0, h_0); by default 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    return unroll(NAME, step, States, weights, x, start_states(start, weights, x, True))


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
    k_z = _h_minus_n(states, now) * sigmoid_slope(states.a_z[now])
    into_cell = np.stack((k_r, k_z, seen_n * states.r[now]), axis=-2)
    from_input = np.stack((k_r, k_z, seen_n), axis=-2)
    read_out = np.ones_like(states.h[..., first - 1 : last + 1, :])
    return Slopes(states.z[now], into_cell, from_input, None, read_out)


def gate_derivatives(states: States, weights: Weights) -> dict[str, GateDerivative]:
    """∂h_t/∂r = (1−z)⊙(1−n²)⊙(W_hn h_{t−1} + b_hn)   ∂h_t/∂z = h_{t−1} − n   ∂h_t/∂n = 1−z."""
    written, slope_n = scaled_sigmoid(-states.a_z), scaled_tanh_slope(states.a_n)
    by_r = times(times(written, slope_n), scaled(states.heard_n))
    by_z = scaled(_h_minus_n(states, (..., slice(None), slice(None))))
    return {
        "i": GateDerivative("c", by_r, scaled_sigmoid_slope(states.a_r)),
        "f": GateDerivative("c", by_z, scaled_sigmoid_slope(states.a_z)),
        "g": GateDerivative("c", written, slope_n, scaled_sigmoid(states.a_r)),
    }


def _h_minus_n(states: States, now: tuple[Any, ...]) -> Array:
    """h_{t−1} − n_t of the steps whose rows are `now`."""
    return np.asarray(states.h[..., :-1, :][now] - states.n[now])
