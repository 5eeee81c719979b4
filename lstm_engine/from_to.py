"""From every step to every other: how much gradient survives from any end t back to any step s.

A loss may sit at every step, not only at the last. Column t of a map is what `cell_survival` finds
in the run cut off after step t; s = t is 0, the identity, and what is later than t cannot have
caused it: nan. `docs/math.md`, section "From step to step".
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from lstm_engine.cell import Cell
from lstm_engine.cells.rnn import Rnn
from lstm_engine.gates import Array
from lstm_engine.survival import Steps, cell_survival, checked, rnn_survival
from lstm_engine.validation import integer, keep_checksum, listed, rnn_named, run_of
from lstm_engine.weights import Weights


@dataclass(frozen=True, slots=True)
class CellFromTo:
    """How much of the gradient at c_t is found at c_s: root mean squares over units, log10."""

    steps: Steps  # (N,), both the rows' s and the columns' t
    direct_rms: Array  # (…, N, N), entry [s, t]; nan where s > t
    exact_rms: Array  # (…, N, N)
    detours_rms: Array  # (…, N, N)


@dataclass(frozen=True, slots=True)
class RnnFromTo:
    """How much of the gradient at h_t is found at h_s: root mean squares over units, log10."""

    steps: Steps  # (N,)
    exact_rms: Array  # (…, N, N), entry [s, t]; nan where s > t


def cell_from_to(cell: Cell, states: Any, weights: Weights, steps: Iterable[int]) -> CellFromTo:
    """Direct, exact and detours from every step of a grid back to every earlier one.

        [s, t]   ‖∏ carry‖, ‖∂c_t/∂c_s‖ and their difference's, as Frobenius norm / √H

    Args:
        cell: the cell's module (`lstm_engine.CELLS`).
        states: of `cell.forward`.
        weights: the same as in `cell.forward`.
        steps: increasing, within 0 … T.

    Returns:
        log10, no unit; −inf is a true zero. Costs one walk back from each step of the grid,
        `steps_walked(steps)` steps of one (H, 2H)@(2H, H) product each.

    Raises:
        ValueError: where the steps do not increase within 0 … T.
    """
    states, weights = run_of(cell, states, weights, axes=1, own_weights=True)
    at = checked(steps, states.h.shape[-2] - 1)
    direct, exact, detours = (_empty(states, at) for _ in range(3))
    for n, t in enumerate(at):
        found = cell_survival(cell, until(states, t), weights, at[: n + 1])
        direct[..., : n + 1, n] = found.direct_rms
        exact[..., : n + 1, n] = found.exact_rms
        detours[..., : n + 1, n] = found.detours_rms
    return CellFromTo(at, direct, exact, detours)


def rnn_from_to(rnn: Rnn, states: Any, weights: Weights, steps: Iterable[int]) -> RnnFromTo:
    """The vanilla RNN's exact gradient ∂h_t/∂h_s from every step of a grid back to every earlier.

    Args:
        rnn: the RNN, with its nonlinearity.
        states: of `rnn.forward`.
        weights: the same as in `rnn.forward`.
        steps: increasing, within 0 … T.

    Returns:
        log10, no unit; −inf is a true zero. Costs `steps_walked(steps)` steps of one (H, H)@(H, H)
        product each.

    Raises:
        ValueError: where the steps do not increase within 0 … T.
    """
    rnn_named(rnn)
    states, weights = run_of(rnn, states, weights, axes=1, own_weights=True)
    at = checked(steps, states.h.shape[-2] - 1)
    exact = _empty(states, at)
    for n, t in enumerate(at):
        found = rnn_survival(rnn, until(states, t), weights, at[: n + 1])
        exact[..., : n + 1, n] = found.exact_rms
    return RnnFromTo(at, exact)


def steps_walked(steps: Iterable[int]) -> int:
    """How many steps back such a map takes, `Σ t`: about NT/2 for a grid of N steps in 0 … T."""
    return sum(integer("steps", t, 0) for t in listed("steps", steps))


def until(states: Any, t: int) -> Any:
    """The states of the same run cut off after step t, 0 … T; views, not copies."""
    rows = {field.name: t + (field.name in ("h", "c")) for field in fields(states)}
    cut = {name: getattr(states, name)[..., :n, :] for name, n in rows.items()}
    return keep_checksum(states, replace(states, **cut))


def _empty(states: Any, at: Steps) -> Array:
    return np.full((*states.h.shape[:-2], len(at), len(at)), np.nan)
