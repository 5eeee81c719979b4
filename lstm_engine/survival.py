"""How much gradient survives on the way back: direct, exact, detours, share, in log10 from birth.

    direct   D_t = ∏ diag(f_k)      what the carry alone keeps
    exact    E_t = ∂c_T/∂c_t        the true derivative, every path
    detours  R_t = E_t − D_t        what crosses weight_hh at least once
    share    ‖D‖ / (‖D‖ + ‖R‖)      1: all on the carry, 0: all by detours

A map's entry is the Euclidean norm of a matrix's column, the root-mean-square gradient that reaches
a unit from an isotropic one at the end. A true zero is −inf. `docs/math.md`, sections "Four words"
and "Log10 from birth".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_engine import rnn
from lstm_engine.gates import LN10, NONLINEARITIES, Array
from lstm_engine.walk import CellWalk, RnnWalk
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
    cell: Any, states: Any, weights: Weights, steps: Iterable[int] | None = None
) -> CellSurvival:
    """Direct, exact and detours of a gated cell, from one walk back over all steps.

    Args:
        cell: the cell's module (`lstm_engine.lstm`), known only by its common names.
        states: of `cell.forward`.
        weights: the same as in `cell.forward`.
        steps: increasing, within 0 … T; every step by default.
    """
    T, H = len(states.h) - 1, states.h.shape[1]
    at = _checked(steps, T)
    log10_direct = np.zeros((T + 1, H))
    log10_direct[:T] = np.cumsum(cell.log10_carry(states)[::-1], axis=0)[::-1]
    if any(rows.any() for rows in cell.recurrent_rows(weights)):
        with _near_the_ends():
            log10_exact, log10_detours = CellWalk(cell, states, weights, log10_direct, at).run()
    else:  # nothing crosses weight_hh: the carry is all there is
        log10_exact, log10_detours = log10_direct[at], np.full((len(at), H), -np.inf)
    direct = log10_direct[at]
    direct_rms, detours_rms = log10_rms(direct), log10_rms(log10_detours)
    return CellSurvival(
        at,
        direct,
        log10_exact,
        log10_detours,
        direct_rms,
        log10_rms(log10_exact),
        detours_rms,
        _share(direct_rms, detours_rms),
    )


def rnn_survival(
    states: rnn.States, weights: Weights, steps: Iterable[int] | None = None
) -> RnnSurvival:
    """The vanilla RNN's exact gradient ∂h_T/∂h_t, from one walk back over all steps.

    Args:
        states: of `rnn.forward`.
        weights: the same as in `rnn.forward`.
        steps: increasing, within 0 … T; every step by default.
    """
    at = _checked(steps, len(states.h) - 1)
    if _is_diagonal(weights.weight_hh):
        log10_exact = _units_alone(states, weights)[at]
    else:
        with _near_the_ends():
            log10_exact = RnnWalk(states, weights, at).run()
    return RnnSurvival(at, log10_exact, log10_rms(log10_exact))


def log10_rms(log10_norms: Array) -> Array:
    """log10 of ‖P‖_F/√H from the log10 of P's column norms (…, H)."""
    peak = log10_norms.max(axis=-1, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore", under="ignore"):
        mean = np.square(np.exp((log10_norms - peak) * LN10)).mean(axis=-1)
        return np.asarray(0.5 * np.log10(mean) + peak[..., 0])


def _near_the_ends() -> np.errstate:
    """A walk looks itself at what came near the ends of float64; a caller's traps would be late."""
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


def _is_diagonal(matrix: Array) -> bool:
    return bool(np.count_nonzero(matrix) == np.count_nonzero(np.diagonal(matrix)))


def _units_alone(states: rnn.States, weights: Weights) -> Array:
    """With a diagonal weight_hh no unit hears another: log10 of ∏ φ'(a_t)·w_jj, every step."""
    survived = np.zeros(states.h.shape)
    with np.errstate(divide="ignore"):
        log_weight = np.log(np.abs(np.diagonal(weights.weight_hh)))
    log_step = NONLINEARITIES[states.act].log_slope(states.a) + log_weight
    survived[:-1] = np.cumsum(log_step[::-1], axis=0)[::-1] / LN10
    return survived


def _checked(steps: Iterable[int] | None, T: int) -> Steps:
    at = np.arange(T + 1) if steps is None else np.asarray(list(steps), dtype=np.int64)
    if at.size and (at[0] < 0 or at[-1] > T or (np.diff(at) <= 0).any()):
        raise ValueError(f"steps must increase within 0 … {T}")
    return at


def _share(direct_rms: Array, detours_rms: Array) -> Array:
    """1/(1 + 10^(lR − lD)); nan where both are −inf."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp((detours_rms - direct_rms) * LN10)))
