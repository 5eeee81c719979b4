"""What a vanilla RNN's weights alone promise about its gradient, and the norm that they bound.

    ‖∂h_T/∂h_t‖₂ ≤ (γσ₁)^(T−t)      γ = max |φ'|,  σ₁ = ‖W_hh‖₂

Every step's Jacobian is diag(φ'(a_t)) W_hh, and the norm of a product is at most the product of the
norms. `docs/math.md`, section "Bounds". Source: Pascanu, Mikolov & Bengio 2013.
"""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from lstm_engine.cell import Cell
from lstm_engine.cells.rnn import Rnn
from lstm_engine.directions import log10_directions
from lstm_engine.gates import Array
from lstm_engine.validation import array, layer, listed, matrix, rnn_named
from lstm_engine.weights import Weights

STEEPEST = {"tanh": 1.0, "relu": 1.0, "identity": 1.0, "logistic": 0.25}  # γ = max |φ'|
Verdict = Literal["vanishes", "inconclusive", "may explode"]
AT_ONE = 1e-12  # an orthogonal W_hh has σ₁ = 1 but for rounding


def spectral_radius(weight_hh: Array) -> float:
    """ρ, the largest modulus of an eigenvalue of W_hh (H, H). Costs about `10 H³` flops."""
    weight_hh = matrix("weight_hh", weight_hh, square=True)
    return float(np.abs(np.linalg.eigvals(weight_hh)).max())


def largest_singular_value(weight_hh: Array) -> float:
    """σ₁ = ‖W_hh‖₂ of W_hh (H, H). Costs about `3 H³` flops."""
    return float(np.linalg.norm(matrix("weight_hh", weight_hh), 2))


def pascanu_bound(rnn: Rnn, weights: Weights, lags: Iterable[float]) -> Array:
    """The bound on ‖∂h_T/∂h_t‖₂ at each lag T − t: `lag·log10(γσ₁)`.

    Args:
        rnn: the RNN, with its nonlinearity.
        weights: its weights, of one experiment.
        lags: 0 or more.

    Returns:
        One number a lag, log10, no unit; −inf where W_hh is zero, but 0 at lag 0.
    """
    rnn_named(rnn)
    weights, at = layer(rnn, weights, axes=0), array("lags", listed("lags", lags))
    if at.ndim != 1 or (at < 0).any():
        raise ValueError("lags must be numbers of at least 0")
    rate = STEEPEST[rnn.act] * largest_singular_value(weights.weight_hh)
    if rate == 0.0:
        return np.where(at > 0, -np.inf, 0.0)
    return np.asarray(at * np.log10(rate))


def verdict(rnn: Rnn, weights: Weights) -> Verdict:
    """What W_hh and φ alone allow one to say of long times, before any input is seen.

    "vanishes"
        γσ₁ < 1. Every step shrinks every direction: the gradient vanishes at least as fast as the
        bound, whatever the input. The one verdict that is a proof.
    "inconclusive"
        γσ₁ ≥ 1, γρ ≤ 1. The bound does not shrink, so it proves nothing. The steepest network, all
        slopes γ at every step, does not explode in the long run, since `‖(γW)^k‖^(1/k) → γρ`, and
        flatter slopes usually make the gradient vanish. They need not: slopes that change from step
        to step can keep turning it to where one step grows it.
    "may explode"
        γρ > 1. The steepest network explodes, and both of the paper's necessary conditions hold:
        γσ₁ > 1, and γρ > 1 for a linear one. Neither suffices: units that saturate have slopes
        below γ, and the gradient may vanish all the same.

    Sizes within 1e-12 of 1 count as 1, so that orthogonal weights are not decided by rounding.

    Args:
        rnn: the RNN, with its nonlinearity.
        weights: its weights, of one experiment.

    Source: Pascanu, Mikolov & Bengio 2013, section 2.1.
    """
    rnn_named(rnn)
    weights = layer(rnn, weights, axes=0)
    steepest = STEEPEST[rnn.act]
    if steepest * largest_singular_value(weights.weight_hh) < 1.0 - AT_ONE:
        return "vanishes"
    if steepest * spectral_radius(weights.weight_hh) <= 1.0 + AT_ONE:
        return "inconclusive"
    return "may explode"


def log10_spectral_norms(cell: Cell, states: Any, weights: Weights, steps: Iterable[int]) -> Array:
    """log10 of ‖∂c_T/∂c_t‖₂ along every path, the most that any direction keeps; of an RNN, of h.

    The first column of `lstm_engine.directions.log10_directions`, right at any size.

    Args:
        cell: the cell's module, or an `Rnn`.
        states: of `cell.forward`, one experiment's.
        weights: the same as in `cell.forward`.
        steps: increasing, within 0 … T, at most `MOST_STEPS` of `lstm_engine.directions`.

    Returns:
        (N,), log10, no unit; −inf is a true zero. Costs `4 H³` flops a step, and about `3 H³` for
        each of `steps`.

    Raises:
        ValueError: where there are too many steps, or they do not increase within 0 … T.
    """
    return log10_directions(cell, states, weights, steps)[:, 0]
