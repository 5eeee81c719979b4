"""How far the direct path reaches: half-life, time constant, horizon, and the bias it takes.

All of it speaks of the carry alone, `∏ carry`, never of the exact gradient. A unit is summed up by
`mean_log_carry`, the mean over time of ln |carry|; where the carry is a forget gate f, its exponent
is f's geometric mean. `docs/math.md`, section "Horizon".
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_engine.cell import Cell
from lstm_engine.gates import LN2, LN10, Array
from lstm_engine.weights import Weights

# What still counts as arriving: two plain thresholds, three smallest normal numbers of formats.
THRESHOLDS = {
    "1e-3": 1e-3,
    "1e-6": 1e-6,
    "float32": 2.0**-126,
    "bfloat16": 2.0**-126,
    "float16": 2.0**-14,
}

MOVED_BY_B_F = ("a_f", "a_z")  # what cells call the pre-activation that b_f is added to
HALVINGS = 64  # of a bracket around a shift: what is left is rounding


def mean_log_carry(cell: Cell, states: Any, weights: Weights) -> Array:
    """The mean over time of ln |carry|, finite for any gate, even where it rounds to 0 or 1.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        states: of `cell.forward`, T ≥ 1 steps.
        weights: the same as in `cell.forward`.

    Returns:
        (…, H), natural logarithm a step. 0 where nothing is forgotten, positive where a peephole
        makes the carry grow, −inf where nothing is carried at all.
    """
    return np.asarray(cell.log10_carry(states, weights).mean(axis=-2) * LN10)


def half_life(mean_log_carry: Array) -> Array:
    """Steps until the direct path keeps half: `ln ½ / mean ln f`; inf where f is 1."""
    return _steps(LN2, mean_log_carry)


def time_constant(mean_log_carry: Array) -> Array:
    """Steps until the direct path keeps 1/e: `−1 / mean ln f`; inf where f is 1."""
    return _steps(1.0, mean_log_carry)


def horizon(mean_log_carry: Array, threshold: float = 1e-3) -> Array:
    """The largest lag, in whole steps, whose direct survival is at least `threshold` (≤ 1)."""
    steps = _steps(-float(np.log(threshold)), mean_log_carry)
    # f = 0.9 keeps exactly 0.81 over 2 steps, but ln 0.81 / ln 0.9 rounds to 1.9999999999999998.
    return np.floor(steps * (1.0 + 1e-13))


def needed_bias(T: float, keep: float = 0.5) -> float:
    """The forget bias with which the direct path keeps `keep` over T steps: `logit(keep^(1/T))`."""
    log_f = float(np.log(keep)) / T
    return log_f - float(np.log(-np.expm1(log_f)))


def needed_shift(cell: Cell, states: Any, weights: Weights, T: float, keep: float = 0.5) -> Array:
    """The smallest change of b_f with which each unit's direct path keeps `keep` over T steps.

        mean over time of ln carry(a_f + δ) = ln(keep) / T

    The carry is the cell's own formula of its pre-activations, which stay as they are but for δ:
    that the gates, once changed, would also see another h is left out. So are a peephole's own
    terms in the carry, which with their signs have no unique answer: there δ is that of ∏f.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        states: of `cell.forward`; its pre-activations over time are what counts.
        weights: the same as in `cell.forward`.
        T: over how many steps; any number above 0, not bound to how many there are.
        keep: what shall be left after them, between 0 and 1.

    Returns:
        (…, H), to 1e-12, relative where it is beyond 1. inf where no b_f suffices (a minLSTM keeps
        at most 1/(1+i) a step), −inf where any does (the LSTM of 1997 has no forget gate). Costs
        about 70 evaluations of the carry.

    Raises:
        ValueError: unless T > 0 and 0 < keep < 1.
    """
    if not (T > 0 and 0 < keep < 1):
        raise ValueError(f"T is {T} and keep is {keep}: allowed are T > 0 and 0 < keep < 1")
    wanted = float(np.log(keep)) / T
    gate = next((name for name in MOVED_BY_B_F if hasattr(states, name)), None)
    if gate is None:
        return np.full_like(states.c[..., 0, :], -np.inf)
    if weights.peephole is not None:
        weights = weights._replace(peephole=np.zeros_like(weights.peephole))
    a = getattr(states, gate)

    def kept(shift: Array) -> Array:
        moved = replace(states, **{gate: a + shift[..., None, :]})
        return mean_log_carry(cell, moved, weights)

    return _least(kept, wanted, like=a[..., 0, :])


def _least(rising: Callable[[Array], Array], wanted: float, like: Array) -> Array:
    """The smallest argument with which each entry reaches `wanted`; inf where none does."""
    low, high = -np.ones_like(like), np.ones_like(like)
    while (enough := rising(low) >= wanted).any():
        low[enough] *= 2.0
    while ((found := rising(high)) < np.minimum(wanted, rising(2.0 * high))).any():
        high[found < wanted] *= 2.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        enough = rising(middle) >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(found < wanted, np.inf, high)


def _steps(lost: float, mean_log_carry: Array) -> Array:
    """How many steps lose `lost` in ln; inf where nothing is lost per step."""
    rate = -np.asarray(mean_log_carry, dtype=np.float64)
    with np.errstate(over="ignore"):  # a rate of 1e-320 gives inf, which is the answer
        return np.divide(lost, rate, out=np.full_like(rate, np.inf), where=rate > 0)
