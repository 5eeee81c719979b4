"""The minLSTM: gates that see the input alone, and a candidate without a nonlinearity.

    i, f = σ(·), g = ·   of   W_ih x_t + b
    f' = f/(f+i)      i' = i/(f+i) = 1 − f'      h_t = f'⊙h_{t−1} + i'⊙g

The quotients are worked out as σ(d) and σ(−d), d = ln f − ln i = softplus(−a_i) − softplus(−a_f),
since f and i may both round to 0. Nothing recurs, so the carry is all there is. Gate blocks stand
in the order i, f, g. `docs/math.md`, sections "The cells" and "One step back". Source: Feng et al.
2024.
"""

from dataclasses import dataclass, replace

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, start_states, unroll
from lstm_engine.differences import Exponents, carry, close
from lstm_engine.gates import Array, log10_sigmoid, sigmoid, sigmoid_slope, softplus
from lstm_engine.scaled_array import scaled, scaled_by, scaled_sigmoid, scaled_sigmoid_slope, times
from lstm_engine.validation import Kind, checked_forward
from lstm_engine.weights import Weights

NAME, TITLE = "minlstm", "minLSTM"
GATES = {"i": "input gate", "f": "forget gate", "g": "candidate"}
CHRONO = {"i": -1, "f": 1}
RECURRENT, PEEPHOLES = False, False


@dataclass(frozen=True)
class States:
    """Everything a forward pass leaves behind; h[0] is the initial state, and c is h."""

    h: Array  # (…, T+1, H)
    c: Array
    i: Array  # (…, T, H), i' of step t in row t−1
    f: Array  # f'
    g: Array
    h_minus_g: Array  # (…, T, H), h_{t−1} − g_t
    a_i: Array  # (…, T, H), before the sigmoid and the quotient
    a_f: Array


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equations above; returns the fields of `States`."""
    a_i, a_f, g = np.split(seen, 3, axis=-1)
    f_over_i = _log_f_over_i(a_i, a_f)
    i, f = sigmoid(-f_over_i), sigmoid(f_over_i)
    h = f * c + i * g
    return h, h, i, f, g, c - g, a_i, a_f


@checked_forward(Kind(NAME, GATES, RECURRENT, PEEPHOLES))
def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the minLSTM over x (…, T, D); |h| stays within the largest |g|, or |h_0|.

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
    """log10 of `f' = σ(d)` from the pre-activations, (…, T, H)."""
    return log10_sigmoid(_log_f_over_i(states.a_i, states.a_f))


def log10_read_out(states: States, weights: Weights, t: int) -> Array:
    """0: h is c."""
    return np.zeros_like(states.h[..., t, :])


def slopes(states: States, weights: Weights, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    from_input: i  −k⊙(1−i)   f  k⊙(1−f)   g  i'      with k = (h_{t−1} − g)⊙f'(1−f')
    """
    now = (..., slice(first - 1, last), slice(None))
    a_i, a_f = states.a_i[now], states.a_f[now]
    k = states.h_minus_g[now] * sigmoid_slope(_log_f_over_i(a_i, a_f))
    from_input = np.stack((-k * sigmoid(-a_i), k * sigmoid(-a_f), states.i[now]), axis=-2)
    read_out = np.ones_like(states.h[..., first - 1 : last + 1, :])
    return Slopes(states.f[now], from_input[..., :0, :], from_input, None, read_out)


def log_slopes(states: States, weights: Weights, t: int) -> list[tuple[Array, Array]]:
    """No gate sees h_{t−1}."""
    return []


def gate_derivatives(states: States, weights: Weights, x: Array) -> dict[str, GateDerivative]:
    """At the normalized gates: ∂h_t/∂f' = h_{t−1} − g = −∂h_t/∂i', for they sum to 1.

    Their slopes lead through the quotient and the sigmoid to the gate's own pre-activation:
    ∂f'/∂a_f = f'i'⊙(1−f)   ∂i'/∂a_i = f'i'⊙(1−i).   ∂h_t/∂g = i'.
    """
    by_f = scaled_by(*difference(states, weights, x))
    f_over_i = _log_f_over_i(states.a_i, states.a_f)
    quotient = scaled_sigmoid_slope(f_over_i)
    slope_i, slope_f = (times(quotient, scaled_sigmoid(-a)) for a in (states.a_i, states.a_f))
    return {
        "i": GateDerivative("c", by_f._replace(mantissa=-by_f.mantissa), slope_i),
        "f": GateDerivative("c", by_f, slope_f),
        "g": GateDerivative("c", scaled_sigmoid(-f_over_i), scaled(np.ones_like(states.g))),
    }


def _log_f_over_i(a_i: Array, a_f: Array) -> Array:
    """d = ln(f/i), the pre-activation of f'."""
    return softplus(-a_i) - softplus(-a_f)
