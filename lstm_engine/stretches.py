"""From every step of a grid back to every other, at the price of few walks: by stretches.

The Jacobian of each stretch between two neighbours of the grid is multiplied up once,

    M_k = J_{g_k} ⋯ J_{g_{k−1}+1}        of the full state, (c, h), or h where h is c itself

and the gradients at all ends go back through a stretch together, in one product. That is
`lstm_engine.from_to`, in plain float64 with a power of two for each end: where a unit comes near
the ends of float64 it says so, and `cell_from_to` or `rnn_from_to` must be asked.
`docs/math.md`, section "From step to step".
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_engine.cell import Cell, Slopes
from lstm_engine.cells.rnn import Rnn
from lstm_engine.gates import Array
from lstm_engine.one_step import recurrence
from lstm_engine.scaled import LOG10_2
from lstm_engine.survival import checked, log10_rms, near_the_ends, units_alone
from lstm_engine.validation import run_of
from lstm_engine.walk import SQUARES
from lstm_engine.weights import Weights

BYTES_TOGETHER = 1 << 20  # of stretches that are worked on at once
STEPS_UNSCALED = 4
NOTHING_LOST = 1e-140  # a column this far below the largest has kept its digits
MOST_POWERS = 100  # of two, before an end's gradients are scaled

Indices = NDArray[np.int64]


class NearTheEnds(ArithmeticError):
    """A unit's gradient came so near the ends of float64 that it may have lost digits."""


def direct_between(cell: Cell, states: Any, weights: Weights, grid: Iterable[int]) -> Array:
    """What `cell_from_to` finds on the carry alone, `direct_rms`.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        grid: increasing, within 0 … T; N steps of it.

    Returns:
        (N, N), log10, no unit; entry [s, t], nan where s > t.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    at = checked(grid, states.h.shape[0] - 1)
    return _diagonal_between(cell.log10_carry(states, weights), at)


def exact_between(cell: Cell, states: Any, weights: Weights, grid: Iterable[int]) -> Array:
    """What `cell_from_to` or `rnn_from_to` finds along every path, `exact_rms`.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        grid: increasing, within 0 … T; N steps of it.

    Returns:
        (N, N), log10, no unit; entry [s, t], nan where s > t. Costs about `8H³(g_N − g_1) + 4H³N²`
        flops, a quarter where h is c itself, next to nothing where no unit hears another.

    Raises:
        NearTheEnds: a unit came near the ends of float64; nothing is told.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    at = checked(grid, states.h.shape[0] - 1)
    log10_factors = units_alone(cell, states, weights)
    if log10_factors is not None:
        return _diagonal_between(log10_factors, at)
    found = _empty(len(at))
    if len(at) > 1:
        slopes = cell.slopes(states, weights, int(at[0]) + 1, int(at[-1]))
        lengths = np.where(_dead(cell, states, at), 0, np.diff(at))
        with near_the_ends():
            matrices, exponents = _stretches(slopes, weights, at[1:] - at[0], lengths)
            found[:-1, 1:] = _from_every_end(matrices, exponents, lengths > 0, states.h.shape[1])
    np.fill_diagonal(found, 0.0)
    return found


def _dead(cell: Cell, states: Any, at: Indices) -> NDArray[np.bool_]:
    """In which stretches a step lets exactly nothing through: every relu is below zero."""
    if not isinstance(cell, Rnn):
        return np.zeros(len(at) - 1, dtype=bool)
    steps = np.asarray(np.isneginf(cell.log_slope(states)).all(axis=1))
    return np.array([steps[s:t].any() for s, t in pairwise(at)])


def _diagonal_between(log10_factors: Array, at: Indices) -> Array:
    """Root mean squares over units of products of diagonal steps, (T, H): (N, N)."""
    N, H = len(at), log10_factors.shape[1]
    stretches = np.stack([log10_factors[s:t].sum(axis=0) for s, t in pairwise(at)] or [np.zeros(H)])
    found = _empty(N)
    np.fill_diagonal(found, 0.0)
    products = np.zeros((N, H))  # from the start in hand to every end
    for s in range(N - 2, -1, -1):
        products[s + 1 :] += stretches[s]
        found[s, s + 1 :] = log10_rms(products[s + 1 :])
    return found


def _stretches(
    slopes: Slopes, weights: Weights, ends: Indices, lengths: Indices
) -> tuple[Array, Indices]:
    """M_1 … M_{N−1}, (N−1, n, n), and a power of two for each: so many steps before each end."""
    H = slopes.carry.shape[1]
    n = H if slopes.past_cell is None else 2 * H
    matrices, exponents = np.empty((len(lengths), n, n)), np.zeros(len(lengths), dtype=np.int64)
    matrices[:] = np.eye(n)
    together = max(1, BYTES_TOGETHER // (8 * n * n))
    for first in range(0, len(lengths), together):
        group = slice(first, first + together)
        for back in range(lengths[group].max()):
            going = lengths[group] > back
            which: slice | Indices = group if going.all() else first + np.flatnonzero(going)
            moved = matrices[which]
            _step_back(moved, _at(slopes, ends[which] - 1 - back), weights)
            if back % STEPS_UNSCALED == STEPS_UNSCALED - 1 or back == lengths[group].max() - 1:
                exponents[which] += _scale(moved)
            matrices[which] = moved
    return matrices, exponents


def _at(slopes: Slopes, rows: Indices) -> Slopes:
    """The slopes of some steps, with the read-out of the step before each."""
    past_cell = None if slopes.past_cell is None else slopes.past_cell[rows]
    some = (slopes.carry[rows], slopes.into_cell[rows], slopes.from_input[rows])
    return Slopes(*some, past_cell, slopes.read_out[rows])


def _step_back(matrices: Array, steps: Slopes, weights: Weights) -> None:
    """Each of (S, n, n) one step back, in place; columns are E's units, then h's own."""
    K, V = recurrence(steps, weights)
    E = matrices[..., : K.shape[-1]]
    if steps.past_cell is None:
        crossed = matrices @ K
        E *= steps.carry[:, None]
        E += crossed
        return
    Ph = matrices @ np.concatenate((K, V), axis=1)
    matrices[..., K.shape[-1] :] = Ph
    E *= steps.carry[:, None]
    Ph *= steps.read_out[:, None]
    E += Ph


def _scale(matrices: Array) -> Indices:
    """Take a power of two out of each, in place, so that no entry is above 1.

    Raises:
        NearTheEnds: a column is so small beside the largest that it may have lost digits.
    """
    columns = np.maximum(matrices.max(axis=1), -matrices.min(axis=1))
    largest = columns.max(axis=1)
    within = (columns.min(axis=1) > largest * NOTHING_LOST) & (largest < 1 / NOTHING_LOST)
    if not (within & (largest > NOTHING_LOST)).all():
        raise NearTheEnds
    size = np.frexp(largest)[1]
    matrices *= np.ldexp(1.0, -size)[:, None, None]
    return np.asarray(size, dtype=np.int64)


def _from_every_end(matrices: Array, exponents: Indices, alive: NDArray[np.bool_], H: int) -> Array:
    """log10 ‖E‖/√H at every start, (S, S): entry [k, e] through the stretches e … k.

    A unit is a row here, as in `lstm_engine.walk`; the ends stand side by side. Nothing gets
    through a stretch that is not alive.
    """
    S, n = matrices.shape[:2]
    found, powers = _empty(S), np.zeros(S, dtype=np.int64)
    before, after = np.zeros((2, n, S, H))
    last = S
    for k in range(S - 1, -1, -1):
        if not alive[k]:
            found[: k + 1, k:last] = -np.inf
            last = k
            continue
        before[:H, k] = np.eye(H)
        now = slice(k, last)
        ends = after[:, now]
        np.matmul(matrices[k].T, before[:, now].reshape(n, -1), out=ends.reshape(n, -1))
        powers[now] += exponents[k]
        squares = np.vecdot(ends[:H], ends[:H])
        if not ((squares > SQUARES[0]) & (squares < SQUARES[1])).all():
            raise NearTheEnds
        whole = squares.mean(axis=0)
        found[k, now] = 0.5 * np.log10(whole) + powers[now] * LOG10_2
        size = np.frexp(np.sqrt(whole))[1]
        if np.abs(size).max() > MOST_POWERS:
            ends *= np.ldexp(1.0, -size)[:, None]
            powers[now] += size
        before, after = after, before
    return found


def _empty(N: int) -> Array:
    return np.full((N, N), np.nan)
