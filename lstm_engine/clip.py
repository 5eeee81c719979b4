"""Clipping of a parameter gradient, by its global norm or entry by entry.

`docs/math.md`, section "The full backward pass".
"""

import numpy as np

from lstm_engine.gates import Array
from lstm_engine.validation import gradient_and_limit
from lstm_engine.weights import Weights


def clip_coefficient(gradient: Weights, limit: float) -> Array:
    """What clipping by the global norm multiplies every entry by: `min(1, limit/‖dW‖)`.

    ‖dW‖ is the Euclidean norm of all parameters' entries together.

    Args:
        gradient: of the parameters, `Gradients.weights`.
        limit: the largest norm allowed, above 0.

    Returns:
        (…), one number an experiment, no unit.

    Raises:
        OverflowError: where an entry is not finite.

    Source: Pascanu, Mikolov & Bengio 2013; `torch.nn.utils.clip_grad_norm_`, which divides by
    ‖dW‖ + 1e-6.
    """
    gradient, limit = gradient_and_limit(gradient, limit)
    lead = gradient.bias_ih.shape[:-1]
    entries = np.concatenate([d.reshape(*lead, -1) for d in gradient if d is not None], axis=-1)
    if not np.isfinite(entries).all():
        raise OverflowError("the gradient leaves float64: it has no norm to be clipped by")
    largest = np.abs(entries).max(axis=-1)
    largest = np.where(largest > 0, largest, limit)
    with np.errstate(under="ignore"):
        norm = np.linalg.norm(entries / largest[..., None], axis=-1)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        return np.asarray(np.minimum(1.0, limit / largest / norm))


def clip_by_norm(gradient: Weights, limit: float) -> Weights:
    """The gradient, shortened as a whole so that its global norm is at most `limit`.

    Every entry is multiplied by `clip_coefficient`, so what the early steps add stays as small
    beside what the late ones add as it was: clipping tames an explosion, it cannot bring back what
    has vanished.

    Args:
        gradient: of the parameters, `Gradients.weights`.
        limit: the largest norm allowed, above 0.

    Raises:
        OverflowError: where an entry is not finite.

    Source: `torch.nn.utils.clip_grad_norm_`.
    """
    gradient, limit = gradient_and_limit(gradient, limit)
    by = clip_coefficient(gradient, limit)
    with np.errstate(under="ignore"):
        return Weights._make(
            None if d is None else d * by.reshape(by.shape + (1,) * (d.ndim - by.ndim))
            for d in gradient
        )


def clip_by_value(gradient: Weights, limit: float) -> Weights:
    """The gradient with every entry cut to −limit … limit, which turns its direction.

    Args:
        gradient: of the parameters, `Gradients.weights`.
        limit: the largest size allowed, above 0.

    Source: `torch.nn.utils.clip_grad_value_`.
    """
    gradient, limit = gradient_and_limit(gradient, limit)
    return Weights._make(None if d is None else d.clip(-limit, limit) for d in gradient)
