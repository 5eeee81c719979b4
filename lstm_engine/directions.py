"""How much of the gradient each direction keeps on its way back: singular values, step by step.

    ∂c_T/∂c_t = U diag(σ_1 ≥ σ_2 ≥ … ≥ σ_H) Vᵀ          σ_1 = ‖∂c_T/∂c_t‖₂

One walk back carries `E_t = ∂c_T/∂c_t` and `dh_t`, what goes on through h_t,

    dh_{t−1} = E_t K_t + dh_t V_t          E_{t−1} = E_t⊙carry_t + dh_{t−1}⊙r_{t−1}

a block of steps under one power of two; where a unit comes near the ends of float64 the block is
walked with an exponent for every unit (`lstm_engine.scaled`). In one matrix of float64 the small
singular values drown in the rounding of the large ones, so those below `RESOLVED` of the largest
are not told. `lstm_engine.spectrum` has all of them, at thirty times the cost. `docs/math.md`,
sections "Bounds" and "Spectra".
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lstm_engine import scaled
from lstm_engine.cell import Cell, Slopes
from lstm_engine.gates import Array
from lstm_engine.one_step import recurrence
from lstm_engine.scaled import LOG10_2, Exponents, Scaled
from lstm_engine.survival import checked, direct_path, units_alone
from lstm_engine.validation import run_of
from lstm_engine.weights import Weights

MOST_STEPS = 100
RESOLVED = 1e-10  # of the largest singular value; there rounding costs up to 1e-6 decades
BLOCK = 32  # steps whose matrices are made together
SQUARES = (1e-280, 1e280)  # squared norms within these have lost nothing to the ends of float64


def log10_directions(cell: Cell, states: Any, weights: Weights, steps: Iterable[int]) -> Array:
    """log10 of the singular values of ∂c_T/∂c_t, every path, largest first; of an RNN, of h.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        steps: increasing, within 0 … T, at most `MOST_STEPS`: they cost more than all else.

    Returns:
        (N, H), log10, no unit; −inf is a true zero, nan what is smaller than `RESOLVED` of the
        largest and so not known. The largest is always known, and where no unit hears another all
        of them are, for next to nothing. Costs `4 H³` flops a step, and about
        `3 H³` for each of `steps`.

    Raises:
        ValueError: where there are too many steps, or they do not increase within 0 … T.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    T, H = states.h.shape[-2] - 1, states.h.shape[-1]
    at = checked(steps, T)
    if len(at) > MOST_STEPS:
        raise ValueError(f"{len(at)} steps were asked for: allowed are {MOST_STEPS}")
    log10_steps = units_alone(cell, states, weights)
    if log10_steps is not None:
        return np.asarray(np.sort(direct_path(log10_steps[None])[0, at])[:, ::-1])
    rows = {int(t): n for n, t in enumerate(at)}
    values = np.zeros((len(at), H))
    stand = Scaled(np.eye(2 * H, H), np.zeros(2 * H, dtype=np.int64))
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        for last in range(T, min(rows, default=T), -BLOCK):
            first = max(1, last - BLOCK + 1)
            slopes = cell.slopes(states, weights, first, last)
            asked = [t for t in range(first - 1, last) if t in rows]
            block = slopes, *recurrence(slopes, weights), stand, [t + 1 - first for t in asked]
            stand, found = _plainly(*block) or _carefully(*block)
            values[[rows[t] for t in asked]] = found
    return values


def _plainly(
    slopes: Slopes, K: Array, V: Array, stand: Scaled, asked: list[int]
) -> tuple[Scaled, Array] | None:
    """A block in plain float64; None where a unit came near its ends.

    `stand` holds E above dh, a unit a row; `asked` counts from the step before the block.
    """
    n, H = slopes.carry.shape
    steps = K if slopes.past_cell is None else np.concatenate((K, V), axis=1)
    exponent = int(stand.exponent.max())
    now = np.ldexp(stand.mantissa, np.maximum(stand.exponent - exponent, -2000)[:, None])
    E, dh = now[:H], now[H:]
    walked = np.empty((n, H, H))
    for k in range(n - 1, -1, -1):
        np.matmul(steps[k].T, now[: steps.shape[1]], out=dh)
        np.multiply(E, slopes.carry[k][:, None], out=E)
        E += dh * slopes.read_out[k][:, None]
        walked[k] = E
    squares = np.vecdot(walked, walked)
    if not (squares.min() > SQUARES[0] and squares.max() < SQUARES[1]):
        return None
    flat = walked[asked]
    return scaled.level(now, np.full(2 * H, exponent)), _singular(flat, exponent, _rank(flat))


def _carefully(
    slopes: Slopes, K: Array, V: Array, stand: Scaled, asked: list[int]
) -> tuple[Scaled, Array]:
    """The same with an exponent for every unit, lest one that comes back from far below be lost."""
    n, H = slopes.carry.shape
    E, dh = (Scaled(stand.mantissa[h], stand.exponent[h]) for h in (slice(H), slice(H, None)))
    found = {}
    for k in range(n - 1, -1, -1):
        carried = scaled.units_times(E, slopes.carry[k])
        dh = scaled.add(scaled.times(E, K[k]), scaled.times(dh, V[k]))
        E = scaled.add(carried, scaled.units_times(dh, slopes.read_out[k]))
        if k in asked:
            found[k] = _of_scaled(E)
    rows, exponents = (np.concatenate(halves) for halves in zip(E, dh, strict=True))
    return Scaled(rows, exponents), np.array([found[k] for k in asked]).reshape(-1, H)


def _of_scaled(E: Scaled) -> Array:
    alone = E.mantissa != 0.0
    if max(alone.sum(axis=0).max(), alone.sum(axis=1).max()) <= 1:  # as if it were diagonal
        return np.asarray(np.sort(scaled.log10_norms(E))[::-1])
    exponent = int(E.exponent.max())
    flat = np.ldexp(E.mantissa, np.maximum(E.exponent - exponent, -2000)[:, None])
    return np.asarray(_singular(flat[None], exponent, _rank(E.mantissa[None]))[0])


def _rank(matrices: Array) -> Exponents:
    """The most that the rank of each can be, (n,): lines of zeros cost one each."""
    rows, columns = (matrices.any(axis=axis).sum(axis=1) for axis in (2, 1))
    return np.asarray(np.minimum(rows, columns))


def _singular(flat: Array, exponent: int, rank: Exponents) -> Array:
    """log10 of the singular values of matrices times 2^exponent, those not known left out."""
    values = np.linalg.svd(flat, compute_uv=False)
    values[values < RESOLVED * values[:, :1]] = np.nan
    values[np.arange(values.shape[1]) >= rank[:, None]] = 0.0
    return np.asarray(np.log10(values) + exponent * LOG10_2)
