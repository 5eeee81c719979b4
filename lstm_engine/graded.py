"""A long product of matrices as Q·diag(2^e)·X, so that its small singular values keep their digits.

Over hundreds of steps the singular values of a product lie thousands of decades apart, and in one
matrix of float64 all but the largest few drown in the rounding of the others. Here they stay apart:
Q's columns are orthonormal, X's rows are of moderate size and far from parallel, and all that is
large or small is in the integers e. A factor is taken in by one QR decomposition,

    J·Q = Q'R        R·diag(2^e)·X = diag(2^e')·X'

with columns sorted by how large they are together with their 2^e, and rows sorted by size, so that
each row of J keeps its own digits. Where X's rows nevertheless become nearly parallel, as they do
if one matrix comes again and again, pairs of them are rotated until all are at right angles
(one-sided Jacobi). That is the singular value decomposition, and so the product's end as well.
`docs/math.md`, section "Spectra". Sources: Higham, *QR factorization with complete pivoting and
accurate computation of the SVD*, 2000; Demmel & Veselić, *Jacobi's method is more accurate than
QR*, 1992.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine import scaled
from lstm_engine.gates import Array
from lstm_engine.scaled import Scaled

LOOKED_AT = 8  # after how many factors X's rows are looked at
PARALLEL = 1e4  # the condition number from which they are set at right angles
SWEEPS = 40  # of Jacobi's method; it takes about ten
ROUNDING = float(np.finfo(np.float64).eps)

Indices = NDArray[np.int64]


class Graded(NamedTuple):
    """The matrix `Q·diag(2^exponent)·mantissa`, of rank m."""

    Q: Array  # (n, m), orthonormal columns
    X: Scaled  # m rows of n


def product(n: int, factors: Iterable[Array]) -> Graded:
    """The product of (n, n) matrices, the one that acts first in front.

    In each of them rows may have any size; a singular value that hangs on what is small within a
    row loses digits. So does one that hangs on a pattern of exact zeros, as triangular matrices
    have, while the rows' sizes change from factor to factor: Q mixes the columns, and rounding
    stands in the zeros' places. Diagonal matrices keep theirs.
    """
    whole = Graded(np.eye(n), Scaled(np.eye(n), np.zeros(n, dtype=np.int64)))
    for number, matrix in enumerate(factors, start=1):
        whole = _times(matrix, whole)
        if number % LOOKED_AT == 0 and _nearly_parallel(whole.X.mantissa):
            whole = at_right_angles(whole)
    return whole


def log10_singular_values(whole: Graded) -> Array:
    """log10 of the m singular values that are not zero, largest first: see `at_right_angles`."""
    return scaled.log10_norms(at_right_angles(whole).X)


def at_right_angles(whole: Graded) -> Graded:
    """The same matrix with X's rows at right angles, largest first.

    Costs about `10 m²n` flops a sweep, and about ten sweeps.

    Raises:
        ArithmeticError: where rows are not yet at right angles after `SWEEPS`.
    """
    rounds = _rounds(len(whole.X.exponent))
    for _ in range(SWEEPS):
        whole = _sorted(whole)
        largest = max((_rotate(*whole, *pairs) for pairs in rounds), default=0.0)
        if largest <= len(whole.Q) * ROUNDING:
            return _sorted(whole)
    raise ArithmeticError(f"rows are {largest:.0e} from right angles after {SWEEPS} sweeps")


def triangular(matrix: Array) -> tuple[Array, Array]:
    """The QR decomposition, rows sorted by size, so that each keeps its own digits."""
    rows = np.argsort(-np.abs(matrix).max(axis=1, initial=0.0), kind="stable")
    sorted_Q, R = np.linalg.qr(matrix[rows])
    Q = np.empty_like(sorted_Q)
    Q[rows] = sorted_Q
    return Q, R


def _times(matrix: Array, whole: Graded) -> Graded:
    """`matrix·whole`; a row or a column of zeros lowers the rank, exactly."""
    if not whole.Q.size:
        return whole
    columns = matrix @ whole.Q
    size = scaled.log10_norms(Scaled(columns.T, whole.X.exponent))
    order = np.argsort(-size, kind="stable")
    Q, R = triangular(columns[:, order])
    X = scaled.times(_rows(whole.X, order), R.T)
    alive = np.flatnonzero(X.mantissa.any(axis=1))
    return Graded(Q[:, alive], _rows(X, alive))


def _nearly_parallel(rows: Array) -> bool:
    size = np.sqrt(np.vecdot(rows, rows))[:, None]
    return bool(rows.size and np.linalg.cond(rows / size) > PARALLEL)


def _rows(X: Scaled, which: Indices) -> Scaled:
    return Scaled(X.mantissa[which], X.exponent[which])


def _sorted(whole: Graded) -> Graded:
    X = scaled.level(*whole.X)
    order = np.argsort(-scaled.log10_norms(X), kind="stable")
    return Graded(whole.Q[:, order], _rows(X, order))


def _rounds(m: int) -> list[tuple[Indices, Indices]]:
    """Every pair of m rows once, in rounds of pairs that have no row in common."""
    n = m + m % 2
    ring, rounds = np.arange(1, n), []
    for _ in range(n - 1):
        line = np.concatenate(([0], ring))
        pairs = np.sort(np.stack((line[: n // 2], line[: n // 2 - 1 : -1])), axis=0)
        rounds.append(tuple(pairs[:, pairs[1] < m]))
        ring = np.roll(ring, 1)
    return rounds


def _rotate(Q: Array, X: Scaled, one: Indices, other: Indices) -> float:
    """Turn pairs of X's rows to right angles, and Q's columns with them, all in place.

    With a the larger row, b the smaller, δ = |b|/|a| (which may underflow to 0) and g their cosine,

        w = 2g / (1 − δ² + √((1 − δ²)² + 4δ²g²))
        a' ∝ a/|a| + δ²w·b/|b|        b' ∝ b/|b| − w·a/|a|

    Returns:
        The largest |g|.
    """
    V, e = X
    size = np.sqrt(np.vecdot(V, V))
    size[size == 0.0] = 1.0  # a row of zeros is at right angles to all others as it is
    log2 = np.log2(size) + e
    a, b = np.where(log2[one] < log2[other], (other, one), (one, other))
    u, v = V[a] / size[a, None], V[b] / size[b, None]
    g = np.vecdot(u, v)
    delta = np.ldexp(size[b] / size[a], np.maximum(e[b] - e[a], -2000).astype(np.int32))
    squared = np.square(delta)
    below = 1.0 - squared + np.hypot(1.0 - squared, 2.0 * delta * g)
    w = np.divide(2.0 * g, below, out=np.zeros_like(g), where=below > 0)
    cosine = 1.0 / np.sqrt(1.0 + squared * np.square(w))
    V[a] = (cosine * size[a])[:, None] * (u + (squared * w)[:, None] * v)
    V[b] = (cosine * size[b])[:, None] * (v - w[:, None] * u)
    tangent = delta * w
    Q[:, a], Q[:, b] = (
        cosine * (Q[:, a] + tangent * Q[:, b]),
        cosine * (Q[:, b] - tangent * Q[:, a]),
    )
    return float(np.abs(g).max(initial=0.0))
