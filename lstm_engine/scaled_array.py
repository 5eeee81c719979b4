"""Arrays whose every entry carries an exponent of its own: no product of theirs can underflow.

An entry is `mantissa · 2^exponent` with 1/4 ≤ |mantissa| < 1, or a zero. Factors that leave float64
by themselves, such as the derivative of a sigmoid at a = 800, enter by their logarithm. (For
matrices with one exponent a row: `lstm_engine/scaled.py`.) `docs/math.md`, "The full backward
pass".
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstm_engine.gates import (
    LN2,
    Array,
    log_sigmoid_slope,
    log_tanh_slope,
    sigmoid,
    sigmoid_slope,
    softplus,
    tanh_slope,
)
from lstm_engine.scaled import LOG10_2, NOTHING, Exponents

SMALLEST_PLAIN = 1e-290  # a smaller factor has lost digits: its logarithm has them
BAND = 900  # powers of two that one product in float64 spans without any underflow


class ScaledArray(NamedTuple):
    """`mantissa · 2^exponent`, entry by entry; a zero has mantissa 0."""

    mantissa: Array
    exponent: Exponents

    def at(self, index: Any) -> "ScaledArray":
        """The entries that NumPy's `[index]` takes."""
        return ScaledArray(self.mantissa[index], self.exponent[index])

    def moved(self, source: int, to: int) -> "ScaledArray":
        """One axis in another place, as by `np.moveaxis`."""
        return ScaledArray(
            np.moveaxis(self.mantissa, source, to), np.moveaxis(self.exponent, source, to)
        )

    def value(self) -> Array:
        """As float64 has it: 0 or ±inf beyond its ends."""
        return np.asarray(np.ldexp(self.mantissa, self.exponent))

    def log10_norms(self) -> Array:
        """log10 of the Euclidean norm along the last axis, however small; −inf for a zero."""
        top = self.exponent.max(axis=-1, keepdims=True, initial=NOTHING)
        norms = np.linalg.norm(np.ldexp(self.mantissa, self.exponent - top), axis=-1)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log10(norms) + top[..., 0] * LOG10_2)


def log10_norms(values: Array) -> Array:
    """log10 of the Euclidean norm along the last axis; squares below 1e-308 cost nothing."""
    largest = np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
    unit = values / np.where(largest > 0, largest, 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(np.linalg.norm(unit, axis=-1)) + np.log10(largest[..., 0]))


def scaled(values: Array, ln_size: Array | None = None) -> ScaledArray:
    """Plain numbers; those below 1e-290 by `ln_size`, the natural logarithm of their size.

    A value that has underflowed to 0 has no sign left and is taken as positive.
    """
    plain = _level(values, np.zeros(np.shape(values), dtype=np.int64))
    if ln_size is None or not (small := np.abs(values) < SMALLEST_PLAIN).any():
        return plain
    log2 = ln_size[small] / LN2
    exponent = np.floor(np.where(np.isfinite(log2), log2, 0.0))
    size = np.where(np.isfinite(log2), np.exp2(log2 - exponent), 0.0)
    beyond = _level(np.where(values[small] < 0, -size, size), exponent.astype(np.int64))
    for part, its in zip(plain, beyond, strict=True):
        part[small] = its
    return plain


def scaled_by(mantissa: Array, exponent: Exponents) -> ScaledArray:
    """`mantissa·2^exponent`; the exponent may be one for several entries."""
    level = scaled(mantissa)
    return ScaledArray(level.mantissa, level.exponent + exponent)


def scaled_sigmoid(a: Array) -> ScaledArray:
    """σ(a) for every a."""
    return scaled(sigmoid(a), -softplus(-a))


def scaled_sigmoid_slope(a: Array) -> ScaledArray:
    """dσ/da for every a."""
    return scaled(sigmoid_slope(a), log_sigmoid_slope(a))


def scaled_tanh_slope(a: Array) -> ScaledArray:
    """dtanh/da for every a."""
    return scaled(tanh_slope(a), log_tanh_slope(a))


def times(a: ScaledArray, b: ScaledArray) -> ScaledArray:
    """The product, entry by entry."""
    return _level(a.mantissa * b.mantissa, a.exponent + b.exponent)


def plus(a: ScaledArray, b: ScaledArray) -> ScaledArray:
    """The sum; what is 2^-1074 of its other summand is rightly lost."""
    top = np.maximum(a.exponent, b.exponent)
    sum_ = np.ldexp(a.mantissa, a.exponent - top) + np.ldexp(b.mantissa, b.exponent - top)
    return _level(sum_, top)


def times_matrix(
    a: ScaledArray, matrix: Array, product: Callable[[Array, Array], Array] = np.matmul
) -> ScaledArray:
    """a @ matrix over a's last axis, in bands of 900 powers of two, so that none underflows.

    Entries that are far below the largest go through in a product of their own: where the matrix
    keeps units apart (zero, diagonal, triangular) each result has its digits.
    """
    total, left = None, a
    while True:
        top = left.exponent.max(axis=-1, keepdims=True, initial=NOTHING)
        near = left.exponent > top - BAND
        band = np.ldexp(np.where(near, left.mantissa, 0.0), left.exponent - top)
        through = _level(product(band, matrix), top)
        total = through if total is None else plus(total, through)
        left = ScaledArray(
            np.where(near, 0.0, left.mantissa), np.where(near, NOTHING, left.exponent)
        )
        if not left.mantissa.any():
            return total


def joined(arrays: Sequence[ScaledArray]) -> ScaledArray:
    """Arrays one after the other along the last axis."""
    return ScaledArray(
        np.concatenate([array.mantissa for array in arrays], axis=-1),
        np.concatenate([array.exponent for array in arrays], axis=-1),
    )


def summed_products(a: ScaledArray, plain: Array) -> Array:
    """`Σ_t a_t plain_tᵀ`, (…, n, m), of a (…, T, n) and plain (…, T, m): ±inf or 0 beyond float64.

    Each row of the sum has one power of two, so that inf − inf cannot be.
    """
    counts = plain.any(axis=-1, keepdims=True)
    top = np.where(counts, a.exponent, NOTHING).max(axis=-2, keepdims=True)
    shifted = np.ldexp(a.mantissa, np.where(counts, a.exponent - top, NOTHING))
    return np.asarray(np.ldexp(shifted.swapaxes(-1, -2) @ plain, top.swapaxes(-1, -2)))


def _level(mantissa: Array, exponent: Exponents) -> ScaledArray:
    """Move each entry's size into its exponent; exact, since only powers of two move."""
    mantissa, size = np.frexp(mantissa)
    return ScaledArray(mantissa, np.where(mantissa == 0.0, NOTHING, exponent + size))
