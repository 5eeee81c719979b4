"""Gates and nonlinearities: value and slope side by side, both to the last digit.

A slope written in the output (`s·(1−s)`, `1−h²`) loses every digit once the output rounds to 0 or
1. Here each slope is written in the pre-activation `a`, through `e = exp(−|a|)`, which cannot
overflow and keeps its relative precision down to 1e-308; its logarithm never ends.
`docs/math.md`, section "Log10 from birth".
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_engine.validation import elementwise

Array = NDArray[np.float64]

LN2 = float(np.log(2.0))
LN10 = float(np.log(10.0))


@elementwise
def sigmoid(a: Array) -> Array:
    """The logistic gate, `1/(1+exp(−a))`, exact to rounding for every a, complex ones included."""
    e = np.exp(np.where(a.real >= 0, -a, a))
    return np.where(a.real >= 0, 1.0, e) / (1.0 + e)


@elementwise
def sigmoid_slope(a: Array) -> Array:
    """dσ/da = `e/(1+e)²`: at a=20 still 16 digits, where σ(1−σ) has lost eight."""
    e = np.exp(-np.abs(a))
    return e / np.square(1.0 + e)


@elementwise
def log_sigmoid_slope(a: Array) -> Array:
    """ln of dσ/da, finite for every a: `−|a| − 2 ln(1+e)`."""
    return -np.abs(a) - 2.0 * np.log1p(np.exp(-np.abs(a)))


@elementwise
def softplus(a: Array) -> Array:
    """`ln(1+exp(a))`, so that `ln σ(a) = −softplus(−a)` never rounds to 0; complex a too."""
    return np.where(a.real > 0, a, 0.0) + np.log1p(np.exp(np.where(a.real > 0, -a, a)))


@elementwise
def log10_sigmoid(a: Array) -> Array:
    """log10 σ(a): what a gate with pre-activation a keeps, from 0 down to −|a|/ln 10."""
    return softplus(-a) / -LN10


@elementwise
def tanh(a: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(a)


@elementwise
def tanh_slope(a: Array) -> Array:
    """dtanh/da = 1/cosh² = `4E/(1+E)²`, `E = exp(−2|a|)`: nonzero up to |a| = 354."""
    squared = np.exp(-2.0 * np.abs(a))
    return 4.0 * squared / np.square(1.0 + squared)


@elementwise
def log_tanh_slope(a: Array) -> Array:
    """ln of dtanh/da, finite for every a: `2(ln 2 − |a| − ln(1+exp(−2|a|)))`."""
    return 2.0 * (LN2 - np.abs(a) - np.log1p(np.exp(-2.0 * np.abs(a))))


@elementwise
def relu(a: Array) -> Array:
    """`max(a, 0)`; of a complex number by its real part."""
    return np.where(a.real > 0, a, 0.0)


@elementwise
def relu_slope(a: Array) -> Array:
    """1 where a > 0, else 0 (at a = 0 too, as frameworks have it)."""
    return (a > 0).astype(np.float64)


@elementwise
def log_relu_slope(a: Array) -> Array:
    """0 for a live unit, −inf for a dead one: a true zero."""
    return np.where(a > 0, 0.0, -np.inf)


@elementwise
def identity(a: Array) -> Array:
    """a itself: the linear network."""
    return a.copy()


@elementwise
def identity_slope(a: Array) -> Array:
    """1 everywhere."""
    return np.ones_like(a)


@elementwise
def log_identity_slope(a: Array) -> Array:
    """0 everywhere."""
    return np.zeros_like(a)


class Nonlinearity(NamedTuple):
    """What a vanilla RNN needs to know of its nonlinearity."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    log_slope: Callable[[Array], Array]
    kinks: tuple[float, ...] = ()  # where it has no derivative, only one to each side


NONLINEARITIES: dict[str, Nonlinearity] = {
    "tanh": Nonlinearity(tanh, tanh_slope, log_tanh_slope),
    "relu": Nonlinearity(relu, relu_slope, log_relu_slope, (0.0,)),
    "identity": Nonlinearity(identity, identity_slope, log_identity_slope),
    "logistic": Nonlinearity(sigmoid, sigmoid_slope, log_sigmoid_slope),
}
