"""What an optimiser makes of a gradient, for all parameters in one vector.

    sgd     θ ← θ − rate·g
    adam    m ← β₁m + (1−β₁)g      v ← β₂v + (1−β₂)g²
            θ ← θ − rate · m/(1−β₁ⁿ) / (√(v/(1−β₂ⁿ)) + ε)      β₁ = 0.9, β₂ = 0.999, ε = 1e-8

`docs/math.md`, section "Training". Source: Kingma & Ba 2015; torch.optim.Adam's defaults.
"""

from typing import NamedTuple

import numpy as np

from lstm_engine.gates import Array

OPTIMISERS = ("adam", "sgd")
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Moved(NamedTuple):
    """Parameters after an update, and what Adam remembers of all gradients so far."""

    theta: Array  # (P,)
    first: Array  # (P,), the running mean of g; 0 with sgd
    second: Array  # (P,), that of g²; 0 with sgd


def sgd(before: Moved, gradient: Array, n: int, rate: float) -> Moved:
    """Straight down the gradient.

    Args:
        before: the parameters.
        gradient: (P,).
        n: the number of the update; plays no part.
        rate: how far, as a multiple of the gradient.
    """
    return before._replace(theta=before.theta - rate * gradient)


def adam(before: Moved, gradient: Array, n: int, rate: float) -> Moved:
    """Every parameter at its own pace: about `rate` an update while its gradient keeps its sign.

    Args:
        before: parameters and moments, which begin with 0.
        gradient: (P,).
        n: the number of the update, 1, 2, …: the moments' bias is divided out.
        rate: how far.

    Source: Kingma & Ba 2015, algorithm 1.
    """
    first = BETA_1 * before.first + (1.0 - BETA_1) * gradient
    second = BETA_2 * before.second + (1.0 - BETA_2) * np.square(gradient)
    size = np.sqrt(second / (1.0 - BETA_2**n)) + EPSILON
    theta = before.theta - rate / (1.0 - BETA_1**n) * first / size
    return Moved(theta, first, second)


def norm(vector: Array) -> float:
    """The Euclidean norm, which squares can neither push out of float64 nor lose; nan, inf stay."""
    largest = float(np.abs(vector).max())
    if not 0.0 < largest < np.inf:
        return largest
    return largest * float(np.linalg.norm(vector / largest))


def clipped(gradient: Array, limit: float) -> tuple[Array, float, float]:
    """The gradient, shortened to `limit` where its norm is above it; its norms before and after.

    Args:
        gradient: (P,), finite.
        limit: the largest norm allowed; 0 for none.

    Source: Pascanu, Mikolov & Bengio 2013; `lstm_engine.clip_by_norm` does the same to `Weights`.
    """
    before = norm(gradient)
    if not limit or before <= limit:
        return gradient, before, before
    return gradient * (limit / before), before, limit
