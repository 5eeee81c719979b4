"""Waiting for what has to happen, however busy the machine is."""

import time
from collections.abc import Callable

# So long only where it never happens: a busy machine takes ten times as long as a quiet one.
PATIENCE_S = 120.0


def until(holds: Callable[[], object], failing: str = "in vain") -> None:
    """Wait until `holds`.

    Raises:
        AssertionError: it never does; `failing` says what is wrong then.
    """
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, failing
        time.sleep(0.01)
