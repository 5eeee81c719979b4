"""Numerics made strict: any division by zero, overflow or invalid operation fails a test."""

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def strict_numerics() -> Iterator[None]:
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield
