"""The minGRU: one gate that sees the input alone, and a candidate without a nonlinearity.

    f = σ(·), g = ·   of   W_ih x_t + b          h_t = f⊙h_{t−1} + (1−f)⊙g

f is the 1 − z of the paper, so that b_f keeps here as everywhere; 1 − f is worked out as σ(−a_f).
Nothing recurs, so the carry is all there is. Gate blocks stand in the order f, g. `docs/math.md`,
sections "The cells" and "One step back". Source: Feng et al. 2024.
"""

from dataclasses import dataclass, replace

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, start_states, unroll
from lstm_engine.differences import Exponents, carry, close
from lstm_engine.gates import Array, log10_sigmoid, sigmoid, sigmoid_slope
from lstm_engine.scaled_array import scaled, scaled_by, scaled_sigmoid, scaled_sigmoid_slope
from lstm_engine.validation import Kind, checked_forward
from lstm_engine.weights import Weights

NAME, TITLE = "mingru", "minGRU"
GATES = {"f": "update gate, how much of the old is kept", "g": "candidate"}
CHRONO = {"f": 1}
RECURRENT, PEEPHOLES = False, False


@dataclass(frozen=True)
class States:
    """Everything a forward pass leaves behind; h[0] is the initial state, and c is h."""

    h: Array  # (…, T+1, H)
    c: Array
    f: Array  # (…, T, H), gate and candidate of step t in row t−1
    g: Array
    h_minus_g: Array  # (…, T, H), h_{t−1} − g_t
    a_f: Array  # (…, T, H), before the sigmoid


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equation above; returns the fields of `States`."""
    a_f, g = np.split(seen, 2, axis=-1)
    f = sigmoid(a_f)
    h = f * c + sigmoid(-a_f) * g
    return h, h, f, g, c - g, a_f


@checked_forward(Kind(NAME, GATES, RECURRENT, PEEPHOLES))
def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the minGRU over x (…, T, D); |h| stays within the largest |g|, or |h_0|.

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: h_0, (…, H), or the pair (h_0, h_0); by default 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    states = unroll(NAME, step, States, weights, x, start_states(start, weights, x, True))
    h_minus_g, exponent = difference(states, weights, x)
    return replace(states, h_minus_g=np.ldexp(h_minus_g, exponent))


def difference(states: States, weights: Weights, x: Array) -> tuple[Array, Exponents]:
    """h_{t−1} − g_t as `2^exponent·mantissa`, (…, T, H) and (…, T, 1): see `differences`."""

    def advance(t: int, earlier: list[Array], dx: Array, e: Exponents) -> list[Array]:
        dg = np.split(np.matvec(weights.weight_ih, dx), len(GATES), axis=-1)[-1]
        return [states.f[..., t - 1, :] * earlier[0] - dg]

    near = close(states.h[..., :-1, :], states.g)
    (h_minus_g,), exponent = carry(x, [states.h_minus_g], [near], advance)
    return h_minus_g, exponent


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
    by_f = states.h_minus_g[now] * sigmoid_slope(a_f)
    from_input = np.stack((by_f, sigmoid(-a_f)), axis=-2)
    read_out = np.ones_like(states.h[..., first - 1 : last + 1, :])
    return Slopes(states.f[now], from_input[..., :0, :], from_input, None, read_out)


def log_slopes(states: States, weights: Weights, t: int) -> list[tuple[Array, Array]]:
    """No gate sees h_{t−1}."""
    return []


def gate_derivatives(states: States, weights: Weights, x: Array) -> dict[str, GateDerivative]:
    """∂h_t/∂f = h_{t−1} − g   ∂h_t/∂g = 1−f; the candidate has no nonlinearity."""
    by_f = scaled_by(*difference(states, weights, x))
    return {
        "f": GateDerivative("c", by_f, scaled_sigmoid_slope(states.a_f)),
        "g": GateDerivative("c", scaled_sigmoid(-states.a_f), scaled(np.ones_like(states.g))),
    }
