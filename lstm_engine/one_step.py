"""One step back, of any cell: a gradient pulled back, and the whole Jacobian.

`docs/math.md`, section "One step back".
"""

from typing import Any

import numpy as np

from lstm_engine.cell import Cell, Slopes
from lstm_engine.gates import Array
from lstm_engine.validation import gradients_at_a_step, integer, run_of, steps_of
from lstm_engine.weights import Weights


def pull_back(
    cell: Cell, states: Any, weights: Weights, t: int, dc: Array, dh: Array
) -> tuple[Array, Array]:
    """One step back: from the gradients at c_t and h_t to those at c_{t−1} and h_{t−1}.

        A = dc + dh⊙r_t      dc' = A⊙carry_t      dh' = A K_t + (dh⊙k_o) U_o

    Args:
        cell: the cell's module.
        states: of `cell.forward`.
        weights: the same as in `forward`.
        t: the step that is undone, 1 … T.
        dc: (…, H), the gradient that reaches c_t other than through h_t; any axes may stand before
            those of `states`.
        dh: (…, H), the gradient at h_t.

    Returns:
        The same two, one step earlier. Where h is c itself their sum is the gradient.
    """
    states, weights = run_of(cell, states, weights)
    t = integer("t", t, 1, states.h.shape[-2] - 1)
    dc, dh = gradients_at_a_step(states, dc=dc, dh=dh)
    return pulled_back(cell, states, weights, t, dc, dh)


def pulled_back(
    cell: Cell, states: Any, weights: Weights, t: int, dc: Array, dh: Array
) -> tuple[Array, Array]:
    """`pull_back` of what is already checked."""
    now = cell.slopes(states, weights, t, t)
    whole = dc + dh * now.read_out[..., -1, :]
    past_cell = None if now.past_cell is None else now.past_cell[..., 0, :]
    delta = before_gates(now.into_cell[..., 0, :, :], past_cell, whole, dh)
    back = delta @ weights.weight_hh if states.h.ndim == 2 else np.vecmat(delta, weights.weight_hh)
    return whole * now.carry[..., 0, :], back


def before_gates(feeding: Array, past_cell: Array | None, dc: Array, dh: Array) -> Array:
    """The gradient before the nonlinearity of every gate, in the order of the gate blocks.

        [dc⊙feeding[gate] over the gates that feed c, dh⊙past_cell]

    Args:
        feeding: (…, gates that feed c, H), `Slopes.into_cell` or `Slopes.from_input`.
        past_cell: (…, H), the `Slopes` of that name.
        dc: (…, H), the gradient at c_t along every path.
        dh: (…, H), the gradient at h_t.

    Returns:
        (…, nH).
    """
    parts = dc[..., None, :] * feeding
    if past_cell is not None:
        parts = np.concatenate((parts, (dh * past_cell)[..., None, :]), axis=-2)
    return parts.reshape(*parts.shape[:-2], parts.shape[-2] * parts.shape[-1])


def recurrence(slopes: Slopes, weights: Weights) -> tuple[Array, Array]:
    """K and V of every step of `slopes`: ∂c_t/∂h_{t−1}, and ∂h_t/∂h_{t−1} beside c.

    Returns:
        Both (…, n, H, H); V is zero where h is c itself.
    """
    steps_of(slopes, weights)
    *lead, rows, H = weights.weight_hh.shape
    U = weights.weight_hh.reshape(*lead, rows // H, H, H)
    gates = slopes.into_cell.shape[-2]
    K = np.einsum("...ngj,...gjk->...njk", slopes.into_cell, U[..., :gates, :, :])
    if slopes.past_cell is None:
        return K, np.zeros_like(K)
    return K, slopes.past_cell[..., None] * U[..., None, gates, :, :]


def jacobian(cell: Cell, states: Any, weights: Weights, t: int) -> Array:
    """The full-state Jacobian of step t: ∂(c_t, h_t)/∂(c_{t−1}, h_{t−1}).

        [[diag(carry),       K            ],
         [diag(r⊙carry),     diag(r) K + V]]

    Where h is c itself there is one state, and it is diag(carry) + K.

    Args:
        cell: the cell's module.
        states: of `cell.forward`.
        weights: the same as in `forward`.
        t: 1 … T.

    Returns:
        (…, 2H, 2H), or (…, H, H) where h is c itself.
    """
    states, weights = run_of(cell, states, weights)
    t = integer("t", t, 1, states.h.shape[-2] - 1)
    now = cell.slopes(states, weights, t, t)
    K, V = (matrix[..., 0, :, :] for matrix in recurrence(now, weights))
    carry = now.carry[..., 0, :, None] * np.eye(now.carry.shape[-1])
    if now.past_cell is None:
        return np.asarray(carry + K)
    r = now.read_out[..., -1, :, None]
    return np.block([[carry, K], [r * carry, r * K + V]])
