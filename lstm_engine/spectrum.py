"""What the steps' Jacobians do to directions: singular values, eigenvalues, Lyapunov exponents.

A step acts on the full state, (c, h), or h alone where h is c: a matrix J of n = 2H or H rows. With
r⊙K + V in one entry a small V would drown in the rounding of r⊙K, and a small carry in that of K.
So J is multiplied up as thin factors, in which whole rows are large or small:

    J = [[I, 0], [diag(r), I]] · [[diag(s), K], [0, V]] · [[diag(carry/s), 0], [0, I]]

`docs/math.md`, section "Spectra".
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine import graded, high_precision
from lstm_engine.cell import Cell, Slopes
from lstm_engine.gates import LN2, Array
from lstm_engine.one_step import jacobian, recurrence
from lstm_engine.validation import integer, run_of
from lstm_engine.weights import Weights

BLOCK = 32  # steps whose matrices are made together
MANY = 512  # steps whose slopes are taken together
MILD = 2.0**-10  # carry/s below this gets a factor of its own; above it costs three digits
ROUNDING = float(np.finfo(np.float64).eps)
KNOWN = 1e-8  # the estimate of an exponent's error, in ln a step, up to which it is known


def log10_singular_values(
    cell: Cell, states: Any, weights: Weights, first: int = 1, last: int | None = None
) -> Array:
    """log10 of the singular values of the steps' product `J_last ⋯ J_first`, largest first.

    Each is right to its own last digits, though thousands of decades may lie between them; −inf is
    a rank that is lost exactly (a dead relu, recurrent weights of zero).

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        first: the first step, 1 … T.
        last: the last step, first … T; T by default.

    Returns:
        (2H,), or (H,) where h is c; log10, no unit. With n = 2H or H it costs at most `20 n³` flops
        a step (two or three QR decompositions) and about `100 n³` at the end.

    Raises:
        ValueError: where the steps are not within 1 … T.

    Source: see `lstm_engine.graded`.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    last = states.h.shape[-2] - 1 if last is None else last
    _check(states, first, last)
    n = len(jacobian(cell, states, weights, first))
    steps = _steps(cell, states, weights, first, last)
    values = graded.log10_singular_values(graded.product(n, chain.from_iterable(steps)))
    found = np.full(n, -np.inf)
    found[: len(values)] = values
    return found


def step_eigenvalues(cell: Cell, states: Any, weights: Weights, t: int) -> NDArray[np.complex128]:
    """The eigenvalues of step t's full-state Jacobian, largest modulus first.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        t: 1 … T.

    Returns:
        (2H,) complex numbers, or (H,) where h is c. They say what a step does if it is repeated,
        not what a run of different steps does. Costs about `10 n³` flops.

    Raises:
        ValueError: where t is not within 1 … T.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    _check(states, t, t)
    found = np.linalg.eigvals(jacobian(cell, states, weights, t)).astype(np.complex128)
    return np.asarray(found[np.argsort(-np.abs(found), kind="stable")])


class Lyapunov(NamedTuple):
    """Lyapunov exponents, how they settle, and how many of them are more than rounding."""

    exponents: Array  # (m,), largest first, ln a step; −inf where a rank is lost exactly
    settling: Array  # (steps counted, m), what each would be if the run ended after that step
    known: int  # the first so many are right; those after them are rounding


def lyapunov_exponents(
    cell: Cell,
    states: Any,
    weights: Weights,
    leading: int | None = None,
    first: int = 1,
    last: int | None = None,
    *,
    counted: int | None = None,
) -> tuple[Array, Array]:
    """The exponents and how they settle: `lyapunov`, without how many of them are known."""
    found = lyapunov(cell, states, weights, leading, first, last, counted=counted)
    return found.exponents, found.settling


def lyapunov(
    cell: Cell,
    states: Any,
    weights: Weights,
    leading: int | None = None,
    first: int = 1,
    last: int | None = None,
    *,
    counted: int | None = None,
) -> Lyapunov:
    """How fast directions of the full state grow: the mean of ln |R_ii| over the steps.

        J_t Q_{t−1} = Q_t R_t          λ_i = 1/n · Σ_t ln |R_t,ii|, over the n steps from `counted`

    The state is c *and* h: with h alone, c held fixed, a long memory is not seen (−2.2 in the place
    of −0.005). For up to H directions no J is made: they go through weight_hh itself.

    In saturated networks R_ii may be less than the rounding of J. Then the exponents are worked out
    again with as many digits as it takes (`lstm_engine.high_precision`), where that is cheap;
    elsewhere only the first `known` are right, to about 1e-6.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        leading: how many of the largest, 1 … n; all n = 2H (or H) by default. The frame Q_0 of all
            is the identity, a smaller one is drawn at random, always the same.
        first: the step that the frame sets out with, 1 … T.
        last: the last step, first … T; T by default.
        counted: the step from which growth is counted, first … last; `first` by default. Before it
            the frame only turns towards the directions that grow most.

    Returns:
        The exponents, how they settle, and how many are known. A step costs about `2 H m` flops for
        each row of weight_hh, and `20 n²m` where m is above H.

    Raises:
        ValueError: where `leading` is not within 1 … n, or the steps are not within 1 … T.

    Source: Benettin et al. 1980; of LSTMs and GRUs: Vogt et al. 2022.
    """
    states, weights = run_of(cell, states, weights, axes=0)
    last = states.h.shape[-2] - 1 if last is None else last
    _check(states, first, last)
    counted = first if counted is None else counted
    if not first <= counted <= last:
        raise ValueError(f"counted is {counted}: allowed are {first} … {last}")
    n = len(jacobian(cell, states, weights, first))
    frame = _frame(n, leading)
    few = leading is not None and leading <= states.h.shape[-1]
    run = cell, states, weights, first, last
    growth, known = _growth(_with_one_more(frame), _through(*run) if few else _steps(*run))
    m, skipped = frame.shape[1], counted - first
    growth, known = growth[:, :m], min(known, m)
    if known < m and (precise := _precisely(*run, frame)) is not None:
        growth, known = precise, m
    means = np.cumsum(growth[skipped:], axis=0)
    means /= np.arange(1, len(means) + 1)[:, None]
    order = np.argsort(-means[-1], kind="stable")
    unknown = np.flatnonzero(order >= known)  # of the sorted: their rounding may be on top
    return Lyapunov(means[-1, order], means[:, order], int(unknown[0]) if unknown.size else m)


def _growth(Q: Array, steps: Iterator[Sequence["Array | _Through"]]) -> tuple[Array, int]:
    """ln |R_ii| of every step, and how many columns are more than rounding.

    Rounding leaves in each direction about eps‖J‖/R_ii of those that come after it, and what is
    there grows as the next of them does beside it.
    """
    m = Q.shape[1]
    left, rows = np.arange(m), []
    error, total = np.zeros(m), np.zeros(m)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for step in steps:
            row = np.full(m, -np.inf)
            grown = np.zeros(m)
            for matrix in step:
                columns = matrix @ Q
                alive = columns.any(axis=0)
                Q, R = graded.triangular(columns[:, alive])
                left = left[alive]
                size = np.abs(np.diagonal(R))
                grown[left] += np.log(size)
                following = np.append(size[1:], 0.0) / size
                fresh = ROUNDING * _size(matrix) / size
                error[left] = np.fmin(1.0, fresh + error[left] * following)
            row[left] = grown[left]
            total[left] += error[left]
            rows.append(row)
    known = np.cumprod(total / len(rows) < KNOWN)
    return np.array(rows), int(known.sum())


def _size(matrix: "Array | _Through") -> float:
    return matrix.size if isinstance(matrix, _Through) else float(np.linalg.norm(matrix))


def _with_one_more(frame: Array) -> Array:
    """The frame and one direction more, where there is one: what the last may be mixed with."""
    n, m = frame.shape
    if m == n:
        return frame
    drawn = np.random.RandomState(1).standard_normal((n, 1))
    another = np.linalg.qr(np.concatenate((frame, drawn), axis=1))[0][:, m:]
    return np.concatenate((frame, another), axis=1)


def _precisely(
    cell: Cell, states: Any, weights: Weights, first: int, last: int, frame: Array
) -> Array | None:
    slopes = cell.slopes(states, weights, first, last)
    read_out = [None] * len(slopes.carry) if slopes.past_cell is None else slopes.read_out[1:]
    past_cell = read_out if slopes.past_cell is None else slopes.past_cell
    parts = zip(slopes.carry, slopes.into_cell, read_out, past_cell, strict=True)
    steps = [high_precision.Step(*part) for part in parts]
    return high_precision.growth(steps, weights.weight_hh, frame)


def largest_lyapunov(cell: Cell, states: Any, weights: Weights, first: int = 1) -> Array:
    """The largest Lyapunov exponent of many runs at once: how fast one direction grows.

        λ = (ln ‖J_T ⋯ J_first v‖ − ln ‖v‖) / (T − first + 1)

    The direction v is the one that `lyapunov_exponents` sets out with, and so is λ, the first of
    its `leading=1`: with a single direction the R_t are numbers, and their logarithms add up to
    this.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's or a batch's.
        weights: the same as in `cell.forward`.
        first: the first step, 1 … T.

    Returns:
        (…), in ln a step; −inf where the direction is lost exactly. A row of a batch holds the same
        bits that it would have alone.

    Raises:
        ValueError: where `first` is not within 1 … T.

    Source: `docs/math.md`, section "Spectra"; Benettin et al. 1980.
    """
    states, weights = run_of(cell, states, weights)
    *lead, T_and_1, H = states.h.shape
    _check(states, first, T_and_1 - 1)
    one_state = cell.slopes(states, weights, first, first).past_cell is None
    v = np.broadcast_to(_frame(H if one_state else 2 * H, 1)[:, 0], (*lead, H * (2 - one_state)))
    log2 = np.zeros(lead, dtype=np.int64)  # what v has been divided by; only powers of two are
    many = max(1, MANY // int(np.prod(lead)))
    for start in range(first, T_and_1, many):
        slopes = cell.slopes(states, weights, start, min(start + many, T_and_1) - 1)
        for k in range(slopes.carry.shape[-2]):
            v = _moved(slopes, k, weights.weight_hh, v)
            size = np.frexp(np.abs(v).max(axis=-1))[1]
            v = np.ldexp(v, -size[..., None])
            log2 += size
    with np.errstate(divide="ignore"):
        growth = np.log(np.sqrt(np.vecdot(v, v))) + log2 * LN2
    return np.asarray(growth / (T_and_1 - first))


def _moved(slopes: Slopes, k: int, weight_hh: Array, v: Array) -> Array:
    """Row k's Jacobian times v (…, n), through weight_hh itself: no Jacobian is made."""
    into_cell = slopes.into_cell[..., k, :, :]
    *lead, gates, H = into_cell.shape
    blocks = weight_hh.shape[-2] // H
    heard = np.matvec(weight_hh, v[..., -H:]).reshape(*lead, blocks, H)
    c = slopes.carry[..., k, :] * v[..., :H] + (into_cell * heard[..., :gates, :]).sum(axis=-2)
    if slopes.past_cell is None:
        return np.asarray(c)
    h = slopes.read_out[..., k + 1, :] * c + slopes.past_cell[..., k, :] * heard[..., -1, :]
    return np.concatenate((c, h), axis=-1)


def _frame(n: int, leading: int | None) -> Array:
    if leading is None:
        return np.eye(n)
    leading = integer("leading", leading, 1, n)
    return np.linalg.qr(np.random.RandomState(0).standard_normal((n, leading)))[0]


class _Through(NamedTuple):
    """A step's Jacobian that is never made: what it multiplies goes through weight_hh."""

    carry: Array  # (H, 1)
    into_cell: Array  # (G, H, 1)
    shown: tuple[Array, Array] | None  # read_out and past_cell, (H, 1); None where h is c itself
    weight_hh: Array
    size: float  # at least its Frobenius norm

    def __matmul__(self, Q: Array) -> Array:
        H = len(self.carry)
        heard = (self.weight_hh @ Q[-H:]).reshape(len(self.weight_hh) // H, H, Q.shape[1])
        c = self.carry * Q[:H] + (self.into_cell * heard[: len(self.into_cell)]).sum(axis=0)
        if self.shown is None:
            return np.asarray(c)
        read_out, past_cell = self.shown
        return np.concatenate((c, read_out * c + past_cell * heard[-1]))


def _through(
    cell: Cell, states: Any, weights: Weights, first: int, last: int
) -> Iterator[Sequence[_Through]]:
    """The steps' Jacobians, for frames of few directions."""
    heard = np.linalg.norm(weights.weight_hh, axis=1).reshape(-1, states.h.shape[-1])
    for start in range(first, last + 1, MANY):
        slopes = cell.slopes(states, weights, start, min(start + MANY - 1, last))
        sizes = _sizes(slopes, heard)
        for k, carry in enumerate(slopes.carry[..., None]):
            shown = None
            if slopes.past_cell is not None:
                shown = slopes.read_out[k + 1, :, None], slopes.past_cell[k, :, None]
            into_cell = slopes.into_cell[k, ..., None]
            yield [_Through(carry, into_cell, shown, weights.weight_hh, float(sizes[k]))]


def _sizes(slopes: Slopes, heard: Array) -> Array:
    """Bounds on the Frobenius norms of the steps' Jacobians; `heard` are weight_hh's rows'."""
    gates = slopes.into_cell.shape[-2]
    c = np.abs(slopes.carry) + (np.abs(slopes.into_cell) * heard[:gates]).sum(axis=-2)
    h = 0.0 * c
    if slopes.past_cell is not None:
        h = np.abs(slopes.read_out[1:]) * c + np.abs(slopes.past_cell) * heard[-1]
    return np.asarray(np.sqrt((c**2 + h**2).sum(axis=-1)))


def _steps(
    cell: Cell, states: Any, weights: Weights, first: int, last: int
) -> Iterator[Sequence[Array]]:
    """The factors of each step's Jacobian, the one that acts first in front."""
    for start in range(first, last + 1, BLOCK):
        slopes = cell.slopes(states, weights, start, min(start + BLOCK - 1, last))
        K, V = recurrence(slopes, weights)
        for k, carry in enumerate(slopes.carry):
            if slopes.past_cell is None:
                yield [np.diag(carry) + K[k]]
            else:
                yield _of_two_states(carry, K[k], V[k], slopes.read_out[k + 1])


def _of_two_states(carry: Array, K: Array, V: Array, r: Array) -> list[Array]:
    one, zero = np.eye(len(carry)), np.zeros_like(K)
    size = np.maximum(np.abs(carry), np.abs(K).max(axis=1))
    kept = np.divide(carry, size, out=np.zeros_like(carry), where=size > 0)
    read = np.block([[one, zero], [np.diag(r), one]])
    if np.abs(kept).min() > MILD:
        return [np.block([[np.diag(carry), K], [zero, V]]), read]
    keep = np.diag(np.concatenate((kept, np.ones_like(kept))))
    return [keep, np.block([[np.diag(size), K], [zero, V]]), read]


def _check(states: Any, first: int, last: int) -> None:
    T = states.h.shape[-2] - 1
    if not 1 <= integer("first", first) <= integer("last", last) <= T:
        raise ValueError(f"the steps {first} … {last} do not lie within 1 … {T}")
