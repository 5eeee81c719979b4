"""The LSTM with a forget gate: forward, one step back, and what a step back is made of.

    i, f, o = σ(·), g = tanh(·)   of   W_ih x_t + W_hh h_{t−1} + b
    c_t = f⊙c_{t−1} + i⊙g         h_t = o⊙tanh(c_t)

Gate blocks stand in the order i, f, g, o, torch.nn.LSTM's. `docs/math.md`, sections "The cells" and
"One step back". Source: Gers, Schmidhuber & Cummins 2000.
"""

from dataclasses import dataclass

import numpy as np

from lstm_engine.cell import GateDerivative, Slopes, Start, refuse_the_infinite, start_states
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

NAME, TITLE = "lstm", "LSTM"
GATES = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"}
CHRONO = {"i": -1, "f": 1}
RECURRENT, PEEPHOLES = True, False


@dataclass(frozen=True)
class States:
    """Everything a forward pass leaves behind; h[0] and c[0] are the initial states."""

    h: Array  # (…, T+1, H)
    c: Array  # (…, T+1, H)
    i: Array  # (…, T, H), gates of step t in row t−1
    f: Array
    g: Array
    o: Array
    a_i: Array  # (…, T, H), the same before their nonlinearity
    a_f: Array
    a_g: Array
    a_o: Array


def step(weights: Weights, seen: Array, heard: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """One step of the equations above; returns the fields of `States`."""
    a_i, a_f, a_g, a_o = np.split(seen + heard, 4, axis=-1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c = f * c + i * g
    return o * np.tanh(c), c, i, f, g, o, a_i, a_f, a_g, a_o


@checked_forward(Kind(NAME, GATES, RECURRENT, PEEPHOLES))
def forward(weights: Weights, x: Array, start: Start | None = None) -> States:
    """Run the LSTM over x (…, T, D): `step`, in a fraction of its time.

    Args:
        weights: the cell's.
        x: (…, T, D).
        start: (h_0, c_0), each (…, H); by default both are 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    T, D = x.shape[-2:]
    h_0, c_0 = start_states(start, weights, x)
    *lead, H = h_0.shape
    # One matrix acts on [x_t, 1, h_{t−1}]. Its rows are ordered i, f, o, g so that the sigmoids are
    # contiguous, and theirs are negated because σ(a) = 1/(1 + exp(−a)).
    rows = np.r_[0 : 2 * H, 3 * H : 4 * H, 2 * H : 3 * H]
    sign = np.repeat((-1.0, 1.0), (3 * H, H))
    bias = (weights.bias_ih + weights.bias_hh)[..., None]
    matrix = np.concatenate((weights.weight_ih, bias, weights.weight_hh), axis=-1)
    matrix = np.take(matrix.swapaxes(-1, -2), rows, axis=-1) * sign
    matrix = matrix.swapaxes(-1, -2)  # columns contiguous: the product below is faster for it
    seen = np.zeros((T + 1, *lead, D + 1 + H))  # row t−1 is what step t sees
    seen[:T, ..., :D] = np.moveaxis(np.broadcast_to(x, (*lead, T, D)), -2, 0)
    seen[..., D] = 1.0
    seen[0, ..., D + 1 :] = h_0
    record = np.empty((T + 1, *lead, 9 * H))
    record[0] = 0.0
    record[0, ..., 8 * H :] = c_0
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        _run(matrix, seen, record)
        record[..., : 3 * H] *= -1.0
        np.reciprocal(record[1:, ..., 4 * H : 7 * H], out=record[1:, ..., 4 * H : 7 * H])
    parts = [np.moveaxis(part, 0, -2) for part in np.split(record, 9, axis=-1)]
    a_i, a_f, a_o, a_g, i, f, o, g, c = parts
    h = np.moveaxis(seen[..., D + 1 :], 0, -2)
    refuse_the_infinite(NAME, np.moveaxis(record[..., : 4 * H], 0, -2), c)  # then h is finite too
    now = (..., slice(1, None), slice(None))
    return States(h, c, i[now], f[now], g[now], o[now], a_i[now], a_f[now], a_g[now], a_o[now])


def _run(matrix: Array, seen: Array, record: Array) -> None:
    """The loop over time: h into `seen`, all else into `record`, a step a row.

    A row of `record` holds −a_i, −a_f, −a_o, a_g, 1/i, 1/f, 1/o, g, c. It is worked out in one
    small buffer, whose parts are cut once: at small H cutting costs as much as counting, and so
    does stretching a number over an array. 1/σ(a) = 1 + exp(−a) may overflow to inf: then 1/inf = 0
    is the gate to the last digit of float64.
    """
    *lead, width = record.shape[1:]
    H = width // 9
    row, kept, tanh_c = record[0].copy(), np.empty((*lead, 2 * H)), np.empty((*lead, H))
    one = np.ones((*lead, 3 * H))
    a, minus_a, a_g = row[..., : 4 * H], row[..., : 3 * H], row[..., 3 * H : 4 * H]
    i_f_o, i_f, o, g, g_c, c = (
        row[..., n * H : m * H] for n, m in ((4, 7), (4, 6), (6, 7), (7, 8), (7, 9), (8, 9))
    )
    from_g, from_c = kept[..., :H], kept[..., H:]
    product = np.matvec if lead else np.ndarray.dot  # the same routine, reached sooner
    exp, tanh, add, divide = np.exp, np.tanh, np.add, np.divide
    for now, h, recorded in zip(seen[:-1], seen[1:, ..., -H:], record[1:], strict=True):
        product(matrix, now, a)
        exp(minus_a, i_f_o)
        add(i_f_o, one, i_f_o)
        tanh(a_g, g)
        divide(g_c, i_f, kept)
        add(from_g, from_c, c)
        tanh(c, tanh_c)
        divide(tanh_c, o, h)
        recorded[:] = row


def log10_carry(states: States, weights: Weights) -> Array:
    """log10 of f_t from its pre-activation, (…, T, H)."""
    return log10_sigmoid(states.a_f)


def log10_read_out(states: States, weights: Weights, t: int) -> Array:
    """log10 of `r_t = o⊙(1 − tanh² c_t)`, (…, H), finite for any c; −inf at t = 0, h_0 is free."""
    if t == 0:
        return np.full(states.c.shape[:-2] + states.c.shape[-1:], -np.inf)
    log_slope = log_tanh_slope(states.c[..., t, :]) / LN10
    return np.asarray(log10_sigmoid(states.a_o[..., t - 1, :]) + log_slope)


def slopes(states: States, weights: Weights, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    k_i = g⊙i(1−i)   k_f = c_{t−1}⊙f(1−f)   k_g = i⊙(1−g²)   k_o = tanh(c_t)⊙o(1−o)
    """
    now = (..., slice(first - 1, last), slice(None))
    shown = (..., slice(max(first - 2, 0), last), slice(None))  # o of the steps first−1 … last
    c = states.c[..., first - 1 : last + 1, :]
    into_cell = np.stack(
        (
            states.g[now] * sigmoid_slope(states.a_i[now]),
            c[..., :-1, :] * sigmoid_slope(states.a_f[now]),
            states.i[now] * tanh_slope(states.a_g[now]),
        ),
        axis=-2,
    )
    past_cell = np.tanh(c[..., 1:, :]) * sigmoid_slope(states.a_o[now])
    read_out = tanh_slope(c)
    if first == 1:
        read_out[..., 0, :] = 0.0
        read_out[..., 1:, :] *= states.o[shown]
    else:
        read_out *= states.o[shown]
    return Slopes(states.f[now], into_cell, into_cell, past_cell, read_out)


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
