"""What the workers of a cluster are given to do in tests, in a module that is quickly imported."""

import os
import time
from pathlib import Path

import numpy as np


def chain(seed: int, steps: int) -> np.ndarray:
    """What rounds at every step, in BLAS and in the elementary functions."""
    draw = np.random.Generator(np.random.MT19937(seed))
    matrix, h = draw.standard_normal((2, 96, 96))
    for _ in range(steps):
        h = np.tanh(matrix @ h / 8) + np.exp(-h * h)
    return h


def where(mark: str, seconds: float) -> int:
    """Who does this; the mark tells it meanwhile."""
    Path(mark).write_text(str(os.getpid()))
    time.sleep(seconds)
    return os.getpid()


def run_out() -> None:
    raise MemoryError
