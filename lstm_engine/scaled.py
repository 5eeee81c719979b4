"""Matrices whose rows each carry an exponent of their own, so that no unit can underflow.

A product of thousands of step Jacobians holds units at 1 and at 10^-36391 at once. A step back
makes new units out of old ones, `E'[:, k] = Σ_j E[:, j]·J[j, k]`, and within a unit only what is
near its largest entry counts: so one exponent a unit is enough for any J, diagonal and triangular
ones included. Everything here is transposed, a unit a row. `docs/math.md`, "Traps".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine.gates import Array

NOTHING = -(2**61)  # the exponent of a row of zeros, below every other; sums of three fit in int64
LOG10_2 = float(np.log10(2.0))

Exponents = NDArray[np.int64]


class Scaled(NamedTuple):
    """The matrix `diag(2^exponent) · mantissa`; a row belongs to a unit."""

    mantissa: Array  # (n, m)
    exponent: Exponents  # (n,)


def level(mantissa: Array, exponent: Exponents) -> Scaled:
    """Move each row's size into its exponent; exact, since only powers of two move."""
    size = np.frexp(np.abs(mantissa).max(axis=1))[1]
    exponent = np.where(mantissa.any(axis=1), exponent + size, NOTHING)
    return Scaled(_shift(mantissa, -size[:, None]), exponent)


def diagonal(log2: Array, sign: Array) -> Scaled:
    """diag(sign·2^log2), whatever the size of log2; −inf is a true zero."""
    finite = np.isfinite(log2)
    exponent = np.floor(np.where(finite, log2, 0.0))
    mantissa = np.where(finite, sign * np.exp2(np.where(finite, log2 - exponent, 0.0)), 0.0)
    return Scaled(np.diag(mantissa), np.where(finite, exponent, NOTHING).astype(np.int64))


def add(a: Scaled, b: Scaled) -> Scaled:
    """a + b; what is 2^-1000 of its row's other summand is rightly lost."""
    exponent = np.maximum(a.exponent, b.exponent)
    shifted = (_shift(s.mantissa, (s.exponent - exponent)[:, None]) for s in (a, b))
    return level(sum(shifted, start=np.zeros(())), exponent)


def units_times(a: Scaled, factors: Array) -> Scaled:
    """Each unit times its own factor: a @ diag(factors), if a unit were a column."""
    mantissa, exponent = np.frexp(factors)
    return level(a.mantissa * mantissa[:, None], a.exponent + exponent)


def units_times_power(a: Scaled, log2: Array, sign: Array | float = 1.0) -> Scaled:
    """Each unit times its own sign·2^log2, far outside float64 or not; -inf is a true zero."""
    exponent = np.floor(np.where(np.isfinite(log2), log2, 0.0))
    factors = sign * np.exp2(log2 - exponent)
    return level(a.mantissa * factors[:, None], a.exponent + exponent.astype(np.int64))


def times(a: Scaled, matrix: Array) -> Scaled:
    """a @ matrix, if a unit were a column; each new unit takes its largest summand's exponent."""
    size = np.where(matrix == 0.0, NOTHING, np.frexp(matrix)[1].astype(np.int64))
    exponent = (a.exponent[:, None] + size).max(axis=0)
    return level(_shift(matrix, a.exponent[:, None] - exponent).T @ a.mantissa, exponent)


def log10_norms(a: Scaled) -> Array:
    """log10 of the Euclidean norm of each unit's row; -inf for zeros."""
    flat = level(*a)
    with np.errstate(divide="ignore"):
        half = 0.5 * np.log10(np.square(flat.mantissa).sum(axis=1))
    return np.asarray(half + flat.exponent * LOG10_2)


def _shift(matrix: Array, exponent: NDArray[np.integer]) -> Array:
    """matrix·2^exponent; beyond ±4000 the answer is 0 anyway."""
    return np.asarray(np.ldexp(matrix, np.clip(exponent, -4000, 4000).astype(np.int32)))
