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
from lstm_engine.validation import array, number, positive, run_of
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
NEAR = 1e-13  # two guesses of a shift this near are one
MOST_ROUNDS = 60  # of the search for it; it takes three to six
LEAST_LOSS = 1e-300  # of a gate in ln a step, below which it counts as this


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
    states, weights = run_of(cell, states, weights)
    _one_step_at_least(states)
    return np.asarray(cell.log10_carry(states, weights).mean(axis=-2) * LN10)


def half_life(mean_log_carry: Array) -> Array:
    """Steps until the direct path keeps half: `ln ½ / mean ln f`; inf where f is 1."""
    return _steps(LN2, mean_log_carry)


def time_constant(mean_log_carry: Array) -> Array:
    """Steps until the direct path keeps 1/e: `−1 / mean ln f`; inf where f is 1."""
    return _steps(1.0, mean_log_carry)


def horizon(mean_log_carry: Array, threshold: float = 1e-3) -> Array:
    """The largest lag, in whole steps, whose direct survival is at least `threshold` (≤ 1)."""
    threshold = positive("threshold", threshold)
    if threshold > 1:
        raise ValueError(f"threshold is {threshold}: allowed are numbers above 0, up to 1")
    steps = _steps(-float(np.log(threshold)), mean_log_carry)
    # f = 0.9 keeps exactly 0.81 over 2 steps, but ln 0.81 / ln 0.9 rounds to 1.9999999999999998.
    return np.floor(steps * (1.0 + 1e-13))


def needed_bias(T: float, keep: float = 0.5) -> float:
    """The forget bias with which the direct path keeps `keep` over T steps: `logit(keep^(1/T))`."""
    T, keep = _over_and_keep(T, keep)
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
        about twenty evaluations of the carry.

    Raises:
        ValueError: unless T > 0 and 0 < keep < 1.
    """
    states, weights = run_of(cell, states, weights)
    T, keep = _over_and_keep(T, keep)
    _one_step_at_least(states)
    wanted = float(np.log(keep)) / T
    gate = next((name for name in MOVED_BY_B_F if hasattr(states, name)), None)
    if gate is None:
        return np.full_like(states.c[..., 0, :], -np.inf)
    if weights.peephole is not None:
        weights = weights._replace(peephole=np.zeros_like(weights.peephole))
    a = getattr(states, gate)

    def kept(shift: Array) -> Array:
        moved = replace(states, **{gate: a + shift[..., None, :]})
        return np.asarray(cell.log10_carry(moved, weights).mean(axis=-2) * LN10)

    return _least(kept, wanted, like=a[..., 0, :])


def _least(rising: Callable[[Array], Array], wanted: float, like: Array) -> Array:
    """The smallest argument with which each entry reaches `wanted` < 0; inf where none does.

    Ridders' method on ln(wanted/rising), which is nearly straight where a gate saturates.
    """

    log_wanted = np.log(-wanted)

    def ahead(at: Array) -> Array:
        return np.asarray(log_wanted - np.log(np.maximum(-rising(at), LEAST_LOSS)))

    low, high = -np.ones_like(like), np.ones_like(like)
    while ((below := ahead(low)) >= 0).any():
        low[below >= 0] *= 2.0
    above = ahead(high)
    while ((further := ahead(2.0 * high)) > above)[above < 0].any():
        high, above = np.where(above < 0, 2.0 * high, high), np.where(above < 0, further, above)
    best, possible = high, above >= 0
    for _ in range(MOST_ROUNDS):
        middle, before = 0.5 * (low + high), best
        value = ahead(middle)
        bent = np.sqrt(np.where(possible, value**2 - below * above, 1.0))
        best = middle - (middle - low) * value / np.maximum(bent, LEAST_LOSS)
        for at, its in ((middle, value), (best, ahead(best))):
            low, below = np.where((its < 0) & (at > low), (at, its), (low, below))
            high, above = np.where((its >= 0) & (at < high), (at, its), (high, above))
        if np.allclose(best, before, rtol=NEAR, atol=NEAR):
            break
    return np.where(possible, best, np.inf)


def _over_and_keep(T: float, keep: float) -> tuple[float, float]:
    allowed = "T > 0 and 0 < keep < 1"
    T, keep = number("T", T, allowed), number("keep", keep, allowed)
    if not (T > 0 and 0 < keep < 1):
        raise ValueError(f"T is {T} and keep is {keep}: allowed are {allowed}")
    return T, keep


def _one_step_at_least(states: Any) -> None:
    if states.h.shape[-2] < 2:
        raise ValueError(f"states.h is {states.h.shape}: there must be at least one step")


def _steps(lost: float, mean_log_carry: Array) -> Array:
    """How many steps lose `lost` in ln; inf where nothing is lost per step."""
    rate = -array("mean_log_carry", mean_log_carry, finite=False)
    with np.errstate(over="ignore"):  # a rate of 1e-320 gives inf, which is the answer
        return np.divide(lost, rate, out=np.full_like(rate, np.inf), where=rate > 0)
