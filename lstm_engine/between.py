"""The Jacobian from one step to another, entry by entry: sign and log10 of its size.

`docs/math.md`, section "From step to step".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_engine import scaled
from lstm_engine.cell import Cell
from lstm_engine.from_to import until
from lstm_engine.gates import Array
from lstm_engine.scaled import LOG10_2
from lstm_engine.survival import alone_in_a_batch, direct_path, near_the_ends
from lstm_engine.validation import integer, run_of
from lstm_engine.walk import CellWalk
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
    sign, log10 = np.zeros((H, H)), np.full((H, H), -np.inf)
    sign_of_direct = np.ones(H)
    if cell.PEEPHOLES and s < t:
        carry = cell.slopes(states, weights, s + 1, t).carry[0]
        sign_of_direct = np.where(carry < 0, -1.0, 1.0).prod(axis=0)
    whole = scaled.diagonal(log10_direct[0, s] / LOG10_2, sign_of_direct)
    if weights.weight_hh.any() and s < t:
        walk = CellWalk(cell, states, weights, log10_carry, log10_direct, np.array([s]))
        with near_the_ends():
            walk.run(to=s)
        detours = scaled.level(walk.stand[0, :H], walk.exponents[0, :H])
        sign, log10 = _entries(detours)
        whole = scaled.add(whole, detours)
    # Off the diagonal all is detours; they are told on their own, lest a large carry hide them.
    own = np.eye(H, dtype=bool)
    sign[own], log10[own] = (part[own] for part in _entries(whole))
    return Entries(sign, log10, log10_direct[0, s])


def _entries(of_units: scaled.Scaled) -> tuple[Array, Array]:
    """Sign and log10 of every entry; a unit of s, which was a row, becomes a column."""
    with np.errstate(divide="ignore"):
        log10 = np.log10(np.abs(of_units.mantissa)) + of_units.exponent[:, None] * LOG10_2
    return np.sign(of_units.mantissa).T, log10.T
