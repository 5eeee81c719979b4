"""What workers are given to do in tests: functions of a module that they can import."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from app.answers import answers
from app.knobs import Experiment
from app.links import Asked


def pid(seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return os.getpid()


def surroundings() -> tuple[str | None, int, int]:
    """As a worker has them that both signals of the group have reached."""
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    return os.environ.get("OPENBLAS_NUM_THREADS"), os.getpid(), os.nice(0)


def die_once(mark: str) -> str:
    """Kills its own process, unless one did so before and left the mark."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die_always() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop_once(mark: str) -> str:
    """Stands still, as a process does that hangs, unless one did so before."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return "alive"


def walk(steps: int, mark: str = "") -> int:
    """A step loop: a second takes about a thousand steps."""
    for step in range(steps):
        time.sleep(0.001)
        if mark:
            Path(mark).write_text(str(step))
    return steps


def swallow(steps: int) -> int:
    """A step loop that lets no ordinary exception out."""
    for _ in range(steps):
        try:  # noqa: SIM105
            time.sleep(0.001)
        except Exception:
            pass
    return steps


def take(megabytes: int) -> int:
    return int(np.ones(megabytes * 2**17).nbytes)


def refuse(message: str) -> None:
    raise ValueError(message)


def large(megabytes: int) -> bytes:
    return bytes(megabytes * 2**20)


def die_with(*_: object) -> None:
    die_always()


def peak_bytes(lens: str, T: int, H: int) -> int:
    """The memory that this process takes more, at most, while it answers."""
    forms = ("json", "plot", "csv", "npz")
    answers(lens, forms, Asked(Experiment(T=5, H=2, D=1)))  # what is loaded once is nobody's
    before = resident("VmRSS")
    answers(lens, forms, Asked(Experiment(T=T, H=H)))
    return resident("VmHWM") - before


def resident(line: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(one.split()[1]) * 1024 for one in status if one.startswith(line))


def parent() -> int:
    return os.getppid()


def unsendable() -> object:
    return lambda: None


class Unreadable(Exception):
    """Cannot be made again from what it holds."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one)


def unreadable() -> None:
    raise Unreadable("one", "other")
