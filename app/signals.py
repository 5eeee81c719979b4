"""The signals that ask the service to end, and the end of one that has served nobody yet."""

import os
import signal
from collections.abc import Callable
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C; a service manager


def on_ending(handler: Callable[[int, FrameType | None], object]) -> None:
    """Have these signals call `handler`."""
    for number in ENDING:
        signal.signal(number, handler)


def exit_at_once(number: int, frame: FrameType | None) -> None:
    """Leave the process with status 0.

    Not by an exception: one that a signal raises amid an import may end up in a callback that
    swallows it (the import system has such), and the process would go on as if never asked.
    """
    os._exit(0)
