"""What the workers of a cluster are given to do in tests, in a module that is quickly imported."""

import os
import resource
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


def faults(times: int, megabytes: int) -> int:
    """How many pages of memory this process had to get, for so many arrays one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.ones(megabytes * 2**17)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
