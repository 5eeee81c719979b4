"""The minGRU: one gate that sees the input alone, and a candidate without a nonlinearity.

    f = σ(·), g = ·   of   W_ih x_t + b          h_t = f⊙h_{t−1} + (1−f)⊙g

f is the 1 − z of the paper, so that b_f keeps here as everywhere; 1 − f is worked out as σ(−a_f).
Nothing recurs, so the carry is all there is. Gate blocks stand in the order f, g. `docs/math.md`,
sections "The cells" and "One step back". Source: Feng et al. 2024.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, start_states, unroll
from lstm_engine.gates import Array, log10_sigmoid, sigmoid, sigmoid_slope
from lstm_engine.scaled_array import scaled, scaled_sigmoid, scaled_sigmoid_slope
from lstm_engine.weights import Weights

NAME, TITLE = "mingru", "minGRU"
GATES = {"f": "update gate, how much of the old is kept", "g": "candidate"}
CHRONO = {"f": 1}
RECURRENT, PEEPHOLES = False, False


@dataclass(frozen=True, slots=True)
class States:
    """Everything a forward pass leaves behind; h[0] is the initial zeros, and c is h."""

    h: Array  # (…, T+1, H)
    c: Array
    f: Array  # (…, T, H), gate and candidate of step t in row t−1
    g: Array
    a_f: Array  # (…, T, H), before the sigmoid


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equation above; returns the fields of `States`."""
    a_f, g = np.split(seen, 2, axis=-1)
    f = sigmoid(a_f)
    h = f * c + sigmoid(-a_f) * g
    return h, h, f, g, a_f


def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the minGRU over x (…, T, D); |h| stays within the largest |g|, or |h_0|.

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: h_0, (…, H), or the pair (h_0, h_0); by default 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    return unroll(NAME, step, States, weights, x, start_states(start, weights, x, True))


def log10_carry(states: States, weights: Weights) -> Array:
    """log10 of f_t from its pre-activation, (…, T, H)."""
    return log10_sigmoid(states.a_f)


def log10_read_out(states: States, weights: Weights, t: int) -> Array:
    """0: h is c."""
    return np.zeros_like(states.h[..., t, :])


def slopes(states: States, weights: Weights, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    from_input: f  (h_{t−1} − g)⊙f(1−f)   g  1−f
    """
    now = (..., slice(first - 1, last), slice(None))
    a_f = states.a_f[now]
    by_f = _h_minus_g(states, now) * sigmoid_slope(a_f)
    from_input = np.stack((by_f, sigmoid(-a_f)), axis=-2)
    read_out = np.ones_like(states.h[..., first - 1 : last + 1, :])
    return Slopes(states.f[now], from_input[..., :0, :], from_input, None, read_out)


def gate_derivatives(states: States, weights: Weights) -> dict[str, GateDerivative]:
    """∂h_t/∂f = h_{t−1} − g   ∂h_t/∂g = 1−f; the candidate has no nonlinearity."""
    by_f = scaled(_h_minus_g(states, (..., slice(None), slice(None))))
    return {
        "f": GateDerivative("c", by_f, scaled_sigmoid_slope(states.a_f)),
        "g": GateDerivative("c", scaled_sigmoid(-states.a_f), scaled(np.ones_like(states.g))),
    }


def _h_minus_g(states: States, now: tuple[Any, ...]) -> Array:
    """h_{t−1} − g_t of the steps whose rows are `now`."""
    return np.asarray(states.h[..., :-1, :][now] - states.g[now])
