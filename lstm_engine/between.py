"""The Jacobian from one step to another, entry by entry: sign and log10 of its size.

`docs/math.md`, section "From step to step".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_engine import scaled
from lstm_engine.cell import Cell
from lstm_engine.cell_walk import CellWalk, signs
from lstm_engine.from_to import until
from lstm_engine.gates import Array
from lstm_engine.scaled import LOG10_2
from lstm_engine.survival import alone_in_a_batch, direct_path, near_the_ends
from lstm_engine.validation import integer, run_of
from lstm_engine.weights import Weights


@dataclass(frozen=True, slots=True)
class Entries:
    """A matrix as sign · 10^log10; a zero is sign 0 and log10 −inf."""

    sign: Array  # (H, H), −1, 0 or 1; entry [i, j]: of unit i at t by unit j at s
    log10: Array  # (H, H)
    log10_direct: Array  # (H,), what the carry alone adds to the diagonal


def jacobian_between(cell: Cell, states: Any, weights: Weights, s: int, t: int) -> Entries:
    """∂c_t/∂c_s along every path: the matrix E_s of the run that ends with step t.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        s: the earlier step, 0 … t.
        t: the later step, s … T.

    Returns:
        (H, H). No size underflows; an entry below 1e-15 of its column's largest is rounding. Costs
        t − s steps of one (H, 2H)@(2H, H) product.

    Raises:
        ValueError: where not 0 ≤ s ≤ t ≤ T.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    T, H = states.h.shape[0] - 1, states.h.shape[1]
    if not 0 <= integer("s", s, 0, T) <= integer("t", t, 0, T):
        raise ValueError(f"the steps {s} and {t} do not increase within 0 … {T}")
    states, weights = alone_in_a_batch(until(states, t), weights)
    log10_carry = cell.log10_carry(states, weights)
    log10_direct = direct_path(log10_carry)
    if s == t or not weights.weight_hh.any():
        sign = np.ones(H)
        if cell.PEEPHOLES and s < t:
            sign = signs(cell.slopes(states, weights, s + 1, t).carry[0]).prod(axis=0)
        found = _entries(scaled.diagonal(log10_direct[0, s] / LOG10_2, sign))
        return Entries(*found, log10_direct[0, s])
    walk = CellWalk(cell, states, weights, log10_carry, np.array([s]))
    with near_the_ends():
        walk.run(to=s)
    exact, detours = (
        scaled.level(walk.stand[0, part], walk.exponents[0, part]) for part in (walk.E, walk.R)
    )
    sign, log10 = _entries(exact)
    # Off the diagonal both are the same; the one with the smaller exponent has lost less of it.
    finer = (detours.exponent < exact.exponent) & ~np.eye(H, dtype=bool)
    sign, log10 = (
        np.where(finer, of_R, of_E)
        for of_E, of_R in zip((sign, log10), _entries(detours), strict=True)
    )
    return Entries(sign, log10, log10_direct[0, s])


def _entries(of_units: scaled.Scaled) -> tuple[Array, Array]:
    """Sign and log10 of every entry; a unit of s, which was a row, becomes a column."""
    with np.errstate(divide="ignore"):
        log10 = np.log10(np.abs(of_units.mantissa)) + of_units.exponent[:, None] * LOG10_2
    return np.sign(of_units.mantissa).T, log10.T
