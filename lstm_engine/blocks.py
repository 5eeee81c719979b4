"""The four roads between full states: what c_T and h_T each owe to c_t and to h_t.

The Jacobian of the full state, ∂(c_T, h_T)/∂(c_t, h_t), has four blocks, named "from to":

    c_to_c   ∂c_T/∂c_t with h_t held        h_to_c   ∂c_T/∂h_t with c_t held
    c_to_h   ∂h_T/∂c_t with h_t held        h_to_h   ∂h_T/∂h_t with c_t held

The exact derivative of `lstm_engine.survival` joins the first two, since in a run h_t follows c_t:
`E_t = c_to_c + h_to_c diag(r_t)`. Two walks back find all four: one from c_T, one from h_T, whose
direct path begins with the read-out r_T. Where h is c itself there is one block.
`docs/math.md`, section "Blocks".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lstm_engine.cell import Cell
from lstm_engine.cell_walk import CellWalk
from lstm_engine.gates import Array
from lstm_engine.survival import (
    CellSurvival,
    Steps,
    alone_in_a_batch,
    cell_survival,
    checked,
    direct_path,
    highway_share,
    log10_rms,
    near_the_ends,
)
from lstm_engine.validation import integer, run_of
from lstm_engine.weights import Weights


@dataclass(frozen=True, slots=True)
class CellBlocks:
    """Norms of the blocks' columns at the steps of each walk; log10, no unit; −inf is a zero.

    Where h is c itself only `h_to_h` is there, ∂h_T/∂h_t.
    """

    steps: Steps  # (N,), of the blocks that lead to c_T
    c_to_c: Array | None  # (N, H)
    h_to_c: Array | None
    h_steps: Steps  # (M,), of those that lead to h_T
    c_to_h: Array | None  # (M, H)
    h_to_h: Array


class _Walked(NamedTuple):
    """One end state's columns at the steps asked for, (N, H): all paths, by c and by h alone."""

    direct: Array
    exact: Array
    detours: Array
    from_c: Array
    from_h: Array


def cell_blocks(
    cell: Cell,
    states: Any,
    weights: Weights,
    steps: Iterable[int] | None = None,
    h_since: int = 0,
) -> tuple[CellSurvival, CellBlocks]:
    """The four blocks of one experiment, and the survival that the first walk finds by the way.

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        steps: increasing, within 0 … T; every step by default.
        h_since: the blocks that lead to h_T are told of those of `steps` from this one on.

    Returns:
        What `cell_survival` gives for `steps`, and the blocks. Costs two walks, T and T − h_since
        steps of one (H, 2H)@(2H, H) product each; where h is c itself one walk.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    at = checked(steps, states.h.shape[-2] - 1)
    integer("h_since", h_since, 0)
    if "o" not in cell.GATES:
        survival = cell_survival(cell, states, weights, at)
        return survival, CellBlocks(at, None, None, at, None, survival.log10_exact)
    to_c = _walked(cell, states, weights, at, from_h=False)
    late = at[at >= h_since]
    to_h = _walked(cell, states, weights, late, from_h=True)
    direct, exact, detours = log10_rms(np.stack((to_c.direct, to_c.exact, to_c.detours)))
    maps, share = (to_c.direct, to_c.exact, to_c.detours), highway_share(direct, detours)
    survival = CellSurvival(at, *maps, direct, exact, detours, share)
    return survival, CellBlocks(at, to_c.from_c, to_c.from_h, late, to_h.from_c, to_h.from_h)


def _walked(cell: Cell, states: Any, weights: Weights, at: Steps, from_h: bool) -> _Walked:
    """Back from c_T, or from h_T: its direct path is the read-out's, and h_T itself is there."""
    states, weights = alone_in_a_batch(states, weights)
    T, H = states.h.shape[1] - 1, states.h.shape[2]
    log10_carry = cell.log10_carry(states, weights)
    log10_direct = direct_path(log10_carry)
    if from_h:
        log10_direct += cell.log10_read_out(states, weights, T)[:, None]
    asked = np.union1d(at, np.minimum(at + 1, T))
    direct, of_h = log10_direct[0, asked], np.full((len(asked), H), -np.inf)
    exact, detours = direct.copy(), of_h.copy()
    if weights.weight_hh.any() and asked.size:
        walk = CellWalk(cell, states, weights, log10_carry, asked, hidden=True, from_h=from_h)
        with near_the_ends():
            walk.run(to=int(asked[0]))
        before = np.flatnonzero(asked < T)
        assert walk.hidden is not None
        for found, whole in zip(
            (exact, detours, of_h), (walk.exact, walk.detours, walk.hidden), strict=True
        ):
            found[before] = whole[0, before]
    if from_h:
        of_h[asked == T] = 0.0
    # By c alone, h_t held: all paths from the step after it, and its carry.
    later = exact[np.searchsorted(asked, np.minimum(at + 1, T))]
    of_c = later + log10_carry[0, np.minimum(at, T - 1)]
    of_c[at == T] = -np.inf if from_h else 0.0
    told = np.searchsorted(asked, at)
    return _Walked(direct[told], exact[told], detours[told], of_c, of_h[told])
