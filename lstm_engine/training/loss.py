"""What a batch loses, and the loss's gradient at the outputs.

    mean square      L = mean (y − target)²                   over the batch and the outputs
    cross entropy    L = −mean ln softmax(y)[target]          over the batch and the steps read

`docs/math.md`, section "Training".
"""

import numpy as np

from lstm_engine.gates import Array
from lstm_engine.tasks import Examples


def mean_square(y: Array, examples: Examples) -> tuple[float, Array]:
    """Of numbers: the loss, and its gradient at the outputs.

    Args:
        y: (1, O, B), outputs at the last step.
        examples: targets (B, O).

    Returns:
        The loss, and ∂L/∂y, shaped as y.
    """
    off = y - examples.target.T
    return float(np.mean(np.square(off))), off * (2.0 / off.size)


def cross_entropy(y: Array, examples: Examples) -> tuple[float, Array]:
    """Of labels: the loss in nats, and its gradient at the outputs, `softmax(y) − one-hot`.

    Args:
        y: (steps read, O, B), outputs.
        examples: targets (B, steps read), each one of 0 … O−1.

    Returns:
        The loss, and ∂L/∂y, shaped as y.
    """
    asked = np.asarray(examples.target.T[:, None], dtype=np.int64)
    y = y - y.max(axis=1, keepdims=True)  # then no exponential overflows and one of them is 1
    p = np.exp(y)
    total = p.sum(axis=1, keepdims=True)
    loss = np.log(total) - np.take_along_axis(y, asked, axis=1)
    p /= total
    np.put_along_axis(p, asked, np.take_along_axis(p, asked, axis=1) - 1.0, axis=1)
    return float(loss.mean()), p / asked.size
