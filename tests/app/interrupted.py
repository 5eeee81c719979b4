"""A server that is sent a signal at a certain stage of its start.

    python -m tests.app.interrupted STAGE SIGNAL [group]

A stage is a function of the app or of a library, before which the signal is sent; or a module, amid
whose import it is sent, in a callback that swallows exceptions.
"""

import importlib
import os
import signal
import sys
import weakref
from collections.abc import Callable
from typing import Any

from app.__main__ import main


class Fleeting:
    """Something that goes at once."""


class AmidImport:
    """A finder of modules that sends the signal when `module` is looked for."""

    def __init__(self, module: str, send: Callable[..., object]) -> None:
        self.module, self.send = module, send

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == self.module:
            # Python swallows what a weak reference's callback raises.
            fleeting = Fleeting()
            watched = weakref.ref(fleeting, self.send)
            del fleeting
            assert watched() is None


def before(function: str, send: Callable[..., object]) -> None:
    """Have the signal sent whenever ``module:name`` or ``module:class.name`` is called."""
    module, _, path = function.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    for one in classes:
        owner = getattr(owner, one)
    original = getattr(owner, name)

    def patched(*arguments: Any, **more: Any) -> Any:
        send()
        return original(*arguments, **more)

    setattr(owner, name, patched)


def run(stage: str, number: signal.Signals, *, group: bool) -> None:
    """Serve, and send the signal at that stage: to this process, or to all of its group."""

    def send(*_: object) -> None:
        print(f"sent at {stage}", file=sys.stderr, flush=True)
        (os.killpg if group else os.kill)(0 if group else os.getpid(), number)

    if ":" in stage:
        before(stage, send)
    else:
        sys.meta_path.insert(0, AmidImport(stage, send))
    main()


if __name__ == "__main__":
    stage, name, *more = sys.argv[1:]
    del sys.argv[1:]  # which the app reads too
    run(stage, signal.Signals[name], group=bool(more))
