"""Whether rounding matters: how much a tiny change of the weights grows in the states.

Two orders of summation differ in the sixteenth digit. In most experiments that stays there; in a
chaotic one it grows exponentially, and so do the differences of every derivative taken along the
states. The gradient that arrives cannot tell: a linear network explodes without any chaos, and one
saturated step at the end hides the growth before it. So two forward passes are compared.
"""

import numpy as np

from lstm_engine.gates import Array
from lstm_engine.validation import array, integer, number, tensors
from lstm_engine.weights import Weights

BEYOND_PROPORTION = 1.5  # decades above log10 T from which growth cannot be in proportion to T
NUDGE = 1e-10  # far above rounding, far below anything a state saturates at


def nudged(weights: Weights) -> Weights:
    """The same weights, all matrices larger by one part in 10¹⁰."""
    weights = tensors(weights)
    larger = 1.0 + NUDGE
    return weights._replace(
        weight_ih=weights.weight_ih * larger, weight_hh=weights.weight_hh * larger
    )


def log10_amplification(h: Array, h_nudged: Array) -> float:
    """How much larger the relative change of the states is than that of the weights.

        max_t ‖h'_t − h_t‖ / (NUDGE · max_t ‖h_t‖)

    Args:
        h: (T+1, H), the states.
        h_nudged: the same, run with `nudged` weights.

    Returns:
        log10, no unit; −inf where nothing changed. Without chaos a change grows at most about in
        proportion to T; what lies far above log10 T has grown exponentially (`is_chaotic`).
    """
    h, h_nudged = array("h", h), array("h_nudged", h_nudged)
    if h.shape != h_nudged.shape or not h.size:
        raise ValueError(f"h is {h.shape} and h_nudged {h_nudged.shape}: they must be alike")
    scale = np.abs(h).max()
    change = np.abs(h_nudged / scale - h / scale).max() if scale > 0 else 0.0
    return float(np.log10(change / NUDGE)) if change > 0 else -np.inf


def is_chaotic(log10_amplification: float, T: int) -> bool:
    """Whether a change grew far more over T steps than it could without chaos."""
    log10_amplification = number(
        "log10_amplification", log10_amplification, "numbers", finite=False
    )
    T = integer("T", T, 1)
    return bool(log10_amplification >= np.log10(T) + BEYOND_PROPORTION)
