"""The LSTM with a forget gate: forward, one step back, and what a step back is made of.

    i, f, o = σ(·), g = tanh(·)   of   W_ih x_t + W_hh h_{t−1} + b
    c_t = f⊙c_{t−1} + i⊙g         h_t = o⊙tanh(c_t)

Gate blocks stand in the order i, f, g, o, torch.nn.LSTM's. `docs/math.md`, sections "The cells" and
"One step back". Source: Gers, Schmidhuber & Cummins 2000.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lstm_engine.errors import LeftFloat64
from lstm_engine.gates import (
    LN10,
    Array,
    log10_sigmoid,
    log_tanh_slope,
    sigmoid_slope,
    tanh_slope,
)
from lstm_engine.weights import Weights

NAME = "lstm"
BLOCKS = 4


@dataclass(frozen=True, slots=True)
class States:
    """Everything a forward pass leaves behind; h[0] and c[0] are the initial zeros."""

    h: Array  # (T+1, H)
    c: Array  # (T+1, H)
    i: Array  # (T, H), gates of step t in row t−1
    f: Array
    g: Array
    o: Array
    a_i: Array  # (T, H), the same before their nonlinearity
    a_f: Array
    a_g: Array
    a_o: Array
    tanh_c: Array  # (T+1, H)


class Slopes(NamedTuple):
    """What n steps back are made of, row k for step t = first + k; all derivatives are diagonal.

    With U_* the H rows of weight_hh that belong to a gate:
        ∂c_t/∂c_{t−1} = diag(carry)
        ∂c_t/∂h_{t−1} = K_t = Σ diag(into_cell[gate]) U_gate   over i, f, g
        ∂h_t/∂c_t     = diag(read_out)
        ∂h_t/∂h_{t−1} beside c_t = V_t = diag(past_cell) U_o
    """

    carry: Array  # (n, H)
    into_cell: Array  # (n, 3, H) for i, f, g
    past_cell: Array  # (n, H)
    read_out: Array  # (n, H)


def forward(weights: Weights, x: Array) -> States:
    """Run the LSTM over x (T, D) from h_0 = c_0 = 0.

    Raises:
        LeftFloat64: where a state is not finite (only weights or inputs near 1e308 do that).
    """
    T, (D, H) = len(x), (x.shape[1], weights.weight_hh.shape[1])
    # One matrix acts on [x_t, 1, h_{t−1}]. Its rows are ordered i, f, o, g so that the sigmoids are
    # contiguous, and theirs are negated because σ(a) = 1/(1 + exp(−a)).
    rows = np.r_[0 : 2 * H, 3 * H : 4 * H, 2 * H : 3 * H]
    sign = np.repeat((-1.0, 1.0), (3 * H, H))
    bias = weights.bias_ih + weights.bias_hh
    matrix = np.column_stack((weights.weight_ih, bias, weights.weight_hh))[rows] * sign[:, None]
    seen = np.zeros((T + 1, D + 1 + H))  # row t−1 is what step t sees
    seen[:T, :D] = x
    seen[:, D] = 1.0
    record = np.zeros((T + 1, 10 * H))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        _run(matrix, seen, record)
        record[:, : 4 * H] *= sign
    a_i, a_f, a_o, a_g, i, f, o, g, c, tanh_c = np.split(record, 10, axis=1)
    h = seen[:, D + 1 :]
    finite = np.isfinite(c).all(axis=1) & np.isfinite(h).all(axis=1)
    if not finite.all():
        raise LeftFloat64(NAME, int(np.argmin(finite)))
    return States(h, c, i[1:], f[1:], g[1:], o[1:], a_i[1:], a_f[1:], a_g[1:], a_o[1:], tanh_c)


def _run(matrix: Array, seen: Array, record: Array) -> None:
    """The loop over time: h into `seen`, all else into `record`, a step a row.

    A row of `record` holds −a_i, −a_f, −a_o, a_g, i, f, o, g, c, tanh c. It is worked out in one
    small buffer, whose parts are cut once: at small H cutting costs as much as counting.
    exp(−a) may overflow to inf: then 1/(1 + inf) = 0 is the gate to the last digit of float64.
    """
    H = record.shape[1] // 10
    row, kept, one = np.zeros(10 * H), np.empty(2 * H), np.ones(1)
    a, minus_a, a_g = row[: 4 * H], row[: 3 * H], row[3 * H : 4 * H]
    i_f_o, i_f, o, g = (row[n * H : m * H] for n, m in ((4, 7), (4, 6), (6, 7), (7, 8)))
    g_c, c, tanh_c = row[7 * H : 9 * H], row[8 * H : 9 * H], row[9 * H :]
    from_g, from_c = kept[:H], kept[H:]
    for now, h, recorded in zip(seen[:-1], seen[1:, -H:], record[1:], strict=True):
        matrix.dot(now, a)
        np.exp(minus_a, i_f_o)
        np.add(i_f_o, one, i_f_o)
        np.reciprocal(i_f_o, i_f_o)
        np.tanh(a_g, g)
        np.multiply(i_f, g_c, kept)
        np.add(from_g, from_c, c)
        np.tanh(c, tanh_c)
        np.multiply(o, tanh_c, h)
        recorded[:] = row


def log10_carry(states: States) -> Array:
    """log10 of ∂c_t/∂c_{t−1} along the carry, (T, H): log10 f_t from its pre-activation."""
    return log10_sigmoid(states.a_f)


def log10_read_out(states: States, t: int) -> Array:
    """log10 of ∂h_t/∂c_t, (H,), finite however large the cell; −inf at t = 0, where h is free."""
    if t == 0:
        return np.full(states.c.shape[1], -np.inf)
    return np.asarray(log10_sigmoid(states.a_o[t - 1]) + log_tanh_slope(states.c[t]) / LN10)


def recurrent_rows(weights: Weights) -> tuple[Array, Array]:
    """weight_hh as `Slopes` needs it: U_i, U_f, U_g (3, H, H), and U_o (H, H)."""
    blocks = weights.weight_hh.reshape(BLOCKS, -1, weights.weight_hh.shape[1])
    return blocks[:3], blocks[3]


def slopes(states: States, first: int, last: int) -> Slopes:
    """The diagonal factors of the steps first … last (1 ≤ first ≤ last ≤ T).

    `read_out` belongs to step t−1, where the path through h arrives: row k is r_{first+k−1}, and
    r_0 = 0, since h_0 does not follow from c_0.
    """
    now, before = slice(first - 1, last), slice(max(first - 2, 0), last - 1)
    a_i, a_f, a_g, a_o = states.a_i[now], states.a_f[now], states.a_g[now], states.a_o[now]
    into_cell = np.stack(
        (
            states.g[now] * sigmoid_slope(a_i),
            states.c[now] * sigmoid_slope(a_f),
            states.i[now] * tanh_slope(a_g),
        ),
        axis=1,
    )
    past_cell = states.tanh_c[first : last + 1] * sigmoid_slope(a_o)
    read_out = np.zeros_like(past_cell)
    read_out[len(read_out) - len(states.o[before]) :] = states.o[before] * tanh_slope(
        states.c[max(first - 1, 1) : last]
    )
    return Slopes(states.f[now], into_cell, past_cell, read_out)


def pull_back(
    states: States, weights: Weights, t: int, dc: Array, dh: Array
) -> tuple[Array, Array]:
    """One step back: from the gradients at c_t and h_t to those at c_{t−1} and h_{t−1}.

        A = dc + dh⊙r_t      dc' = A⊙f_t      dh' = A K_t + (dh⊙k_o) U_o

    Args:
        states: of `forward`.
        weights: the same as in `forward`.
        t: the step that is undone, 1 … T.
        dc: (…, H), the gradient that reaches c_t other than through h_t.
        dh: (…, H), the gradient at h_t.

    Returns:
        The same two, one step earlier.
    """
    H = states.c.shape[1]
    step = slopes(states, t, t)
    U = weights.weight_hh
    whole = dc + dh * (states.o[t - 1] * tanh_slope(states.c[t]))
    dh_before = (dh * step.past_cell[0]) @ U[3 * H :]
    for gate, k in enumerate(step.into_cell[0]):
        dh_before = dh_before + (whole * k) @ U[gate * H : (gate + 1) * H]
    return whole * step.carry[0], dh_before
