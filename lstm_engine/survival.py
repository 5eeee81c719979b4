"""How much gradient survives on the way back: direct, exact, detours, share, in log10 from birth.

    direct   D_t = ∏ diag(carry_k)      what the carry alone keeps
    exact    E_t = ∂c_T/∂c_t            the true derivative, every path
    detours  R_t = E_t − D_t            what crosses weight_hh at least once
    share    ‖D‖ / (‖D‖ + ‖R‖)          1: all on the carry, 0: all by detours

A map's entry is the Euclidean norm of a matrix's column, the root-mean-square gradient that reaches
a unit from an isotropic one at the end. A true zero is −inf. `docs/math.md`, sections "Four words"
and "Log10 from birth".
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_engine import validation
from lstm_engine.cell import Cell
from lstm_engine.cell_walk import CellWalk
from lstm_engine.cells.rnn import Rnn
from lstm_engine.gates import LN10, Array
from lstm_engine.validation import as_checked, rnn_named, run_of
from lstm_engine.walk import RnnWalk, diagonals, running_sum
from lstm_engine.weights import Weights

Steps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CellSurvival:
    """What of the gradient at c_T is found at c_t, for each t of `steps`; log10, no unit."""

    steps: Steps  # (N,)
    log10_direct: Array  # (N, H), norms of the columns
    log10_exact: Array  # (N, H)
    log10_detours: Array  # (N, H)
    direct_rms: Array  # (N,), Frobenius norm / √H
    exact_rms: Array  # (N,)
    detours_rms: Array  # (N,)
    share: Array  # (N,), 0 … 1, nan where nothing arrives at all


@dataclass(frozen=True, slots=True)
class RnnSurvival:
    """What of the gradient at h_T is found at h_t, for each t of `steps`; log10, no unit."""

    steps: Steps  # (N,)
    log10_exact: Array  # (N, H)
    exact_rms: Array  # (N,)


def cell_survival(
    cell: Cell, states: Any, weights: Weights, steps: Iterable[int] | None = None
) -> CellSurvival:
    """Direct, exact and detours of a gated cell, from one walk back over all steps.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`), known only by its common names.
        states: of `cell.forward`.
        weights: the same as in `cell.forward`.
        steps: increasing, within 0 … T; every step by default.

    Returns:
        Arrays with a leading axis where `states` has one; a row of it holds the same bits that the
        experiment alone would give.
    """
    states, weights = run_of(cell, states, weights, axes=1, own_weights=True)
    if states.h.ndim == 2:
        found = cell_survival(cell, *alone_in_a_batch(states, weights), steps)
        return CellSurvival(found.steps, *(array[0] for array in _arrays(found)))
    B, T_and_1, H = states.h.shape
    at = checked(steps, T_and_1 - 1)
    log10_carry = cell.log10_carry(states, weights)
    log10_direct = direct_path(log10_carry)
    maps = np.empty((3, B, len(at), H))  # direct, exact, detours
    maps[:2] = log10_direct[:, at]  # where nothing crosses weight_hh the carry is all there is
    maps[2] = -np.inf
    recurs = np.asarray(weights.weight_hh.any(axis=(1, 2)))
    if recurs.any():
        who = slice(None) if recurs.all() else recurs
        walk = CellWalk(cell, *_members(states, weights, recurs), log10_carry[who], at)
        with near_the_ends():
            walk.run(to=_first_of(at))
        maps[1, who], maps[2, who] = walk.exact, walk.detours
    direct_rms, exact_rms, detours_rms = log10_rms(maps)
    share = highway_share(direct_rms, detours_rms)
    direct, exact, detours = maps
    return CellSurvival(at, direct, exact, detours, direct_rms, exact_rms, detours_rms, share)


def rnn_survival(
    rnn: Rnn, states: Any, weights: Weights, steps: Iterable[int] | None = None
) -> RnnSurvival:
    """The vanilla RNN's exact gradient ∂h_T/∂h_t, from one walk back over all steps.

    Args:
        rnn: the RNN, with its nonlinearity.
        states: of `rnn.forward`.
        weights: the same as in `rnn.forward`.
        steps: increasing, within 0 … T; every step by default.

    Returns:
        Arrays with a leading axis where `states` has one.
    """
    rnn_named(rnn)
    states, weights = run_of(rnn, states, weights, axes=1, own_weights=True)
    if states.h.ndim == 2:
        found = rnn_survival(rnn, *alone_in_a_batch(states, weights), steps)
        return RnnSurvival(found.steps, *(array[0] for array in _arrays(found)))
    at = checked(steps, states.h.shape[1] - 1)
    alone = _diagonal(weights.weight_hh)
    log10_exact = np.empty((*alone.shape, len(at), states.h.shape[2]))
    if alone.any():
        log10_steps = _rnn_alone(rnn, *_members(states, weights, alone))
        log10_exact[alone] = direct_path(log10_steps)[:, at]
    if not alone.all():
        walk = RnnWalk(rnn, *_members(states, weights, ~alone), at)
        with near_the_ends():
            walk.run(to=_first_of(at))
        log10_exact[~alone] = walk.exact
    return RnnSurvival(at, log10_exact, log10_rms(log10_exact))


def alone_in_a_batch(states: Any, weights: Weights) -> tuple[Any, Weights]:
    """One experiment with a leading axis of one."""
    lone = type(states)(*(array[None] for array in _arrays(states)))
    with_axis = Weights._make(None if w is None else w[None] for w in weights)
    return as_checked(lone, with_axis), with_axis


def _arrays(found: Any) -> list[Array]:
    """A dataclass's arrays without the steps they belong to."""
    return [getattr(found, field.name) for field in fields(found) if field.name != "steps"]


def log10_rms(log10_norms: Array) -> Array:
    """log10 of ‖P‖_F/√H from the log10 of P's column norms (…, H)."""
    peak = log10_norms.max(axis=-1, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    squares = log10_norms - peak
    with np.errstate(divide="ignore", under="ignore"):
        squares *= 2 * LN10
        mean = np.exp(squares, out=squares).mean(axis=-1)
        return np.asarray(0.5 * np.log10(mean) + peak[..., 0])


def direct_path(log10_carry: Array) -> Array:
    """log10 of what the carry alone keeps from each step to the end: (B, T, H) to (B, T+1, H)."""
    B, T, H = log10_carry.shape
    log10_direct = np.zeros((B, T + 1, H))
    log10_direct[:, -2::-1] = running_sum(log10_carry[:, ::-1])
    return log10_direct


def near_the_ends() -> np.errstate:
    """A walk looks itself at what came near the ends of float64; a caller's traps would be late."""
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


def _members(states: Any, weights: Weights, who: NDArray[np.bool_]) -> tuple[Any, Weights]:
    """Some experiments of a batch; all of them without a copy."""
    if who.all():
        return states, weights
    some = type(states)(*(array[who] for array in _arrays(states)))
    return some, Weights._make(None if w is None else w[who] for w in weights)


def _diagonal(matrices: Array) -> NDArray[np.bool_]:
    """Which matrices of (B, H, H) have nothing beside their diagonals."""
    there, alone = (np.count_nonzero(m, axis=-1) for m in (matrices, diagonals(matrices)))
    return np.asarray(there.sum(axis=-1) == alone)


def units_alone(cell: Cell, states: Any, weights: Weights) -> Array | None:
    """log10 of every step's diagonal Jacobian, (T, H), if weight_hh lets no unit hear another."""
    if isinstance(cell, Rnn):
        alone = _diagonal(weights.weight_hh[None])[0]
        return _rnn_alone(cell, states, weights) if alone else None
    return None if weights.weight_hh.any() else cell.log10_carry(states, weights)


def _rnn_alone(rnn: Rnn, states: Any, weights: Weights) -> Array:
    """log10 of φ'(a_t)·w_jj, every step of each unit that hears itself alone."""
    with np.errstate(divide="ignore"):
        log_weight = np.log(np.abs(diagonals(weights.weight_hh)))
    return np.asarray((rnn.log_slope(states) + log_weight[..., None, :]) / LN10)


def checked(steps: Iterable[int] | None, T: int) -> Steps:
    """The steps as an array, every one of 0 … T by default; ValueError if they do not increase."""
    return validation.steps(steps, T)


def _first_of(at: Steps) -> int:
    """Where a walk may end: the earliest step that is asked for."""
    return int(at[0]) if at.size else 0


def highway_share(direct_rms: Array, detours_rms: Array) -> Array:
    """1/(1 + 10^(lR − lD)); nan where both are −inf."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp((detours_rms - direct_rms) * LN10)))
