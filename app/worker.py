"""One worker: a process that does one call at a time, and the pipes to it and from it.

A step loop in NumPy holds the interpreter's lock, so threads would not help. A call that is not
wanted any more is interrupted by a signal, between two steps of its loop.
"""

import contextlib
import ctypes
import fcntl
import multiprocessing
import os
import pickle
import resource
import signal
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from traceback import format_exc
from types import FrameType
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
PIPE_BYTES = 2**20  # what Linux lets anybody have
READY = b"ready"
LESS_URGENT = 10  # the door goes first: its share of a core is small, and everyone waits for it

# glibc's numbers for what mallopt sets.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
KEPT_BYTES = 64 * 2**20

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Interrupted(BaseException):
    """Within a worker: this call is not wanted any more. No `except Exception` may swallow it."""


def work(calls: Connection, replies: Connection, memory_bytes: int) -> None:
    """The life of a worker: calls come through one pipe, replies go through another, until the
    server is gone."""
    busy = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal busy
        if busy:
            busy = False  # once is enough
            raise Interrupted

    signal.signal(signal.SIGUSR1, interrupt)
    step_back(memory_bytes)
    keep_freed_memory()
    with contextlib.suppress(BrokenPipeError):  # the next call tells that the server is gone
        replies.send_bytes(READY)
    while True:
        try:
            function, arguments = calls.recv()
        except EOFError:
            return
        try:
            try:
                busy = True
                reply = ("done", function(*arguments))
            except MemoryError:
                return  # what is left of the heap is nothing to go on with
            except Exception as error:
                error.add_note(format_exc())
                reply = ("failed", error)
            finally:
                busy = False
        except Interrupted:
            reply = ("stopped", None)
        try:
            replies.send_bytes(pickled(reply))
        except OSError:
            return  # the server is gone


def pickled(reply: tuple[str, Any]) -> bytes:
    """A reply on its way; one that cannot travel is told of."""
    try:
        return pickle.dumps(reply)
    except Exception as error:
        return pickle.dumps(("failed", TypeError(f"the reply cannot be sent: {error}")))


def step_back(memory_bytes: int) -> None:
    """Let the door go first, be the first to go where memory ends, and take so much at most."""
    os.nice(LESS_URGENT)
    with contextlib.suppress(OSError):  # Linux alone has these
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("500")
        with open("/proc/self/status") as status:
            taken_kb = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
        most = taken_kb * 1024 + memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


@cache
def keep_freed_memory() -> None:
    """Let arrays that are freed stay with this process, for the next ones. Dask's nannies set
    the opposite, and to get every array's pages anew takes longer than to compute with them."""
    with contextlib.suppress(AttributeError, OSError):  # glibc alone has it
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 2)


def widen(pipe: Connection) -> None:
    """Let a large reply go into a pipe in one or two pieces, not in thirty: each one waits for the
    server to take the one before."""
    with contextlib.suppress(AttributeError, OSError):  # Linux alone can
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


@contextlib.contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that this thread starts meanwhile are never reached by SIGINT and SIGTERM: Ctrl-C
    and a service manager send them to the whole group, and the server decides who ends when.

    They inherit the mask from their first moment, before any handler could be set.
    """
    resource_tracker.ensure_running()  # to start it would undo the mask (Python 3.11)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """One process, a pipe to it and one from it."""

    def __init__(self, memory_bytes: int) -> None:
        calls, self.calls = CONTEXT.Pipe(duplex=False)
        self.replies, replies = CONTEXT.Pipe(duplex=False)
        widen(replies)
        self.process = CONTEXT.Process(
            target=work, args=(calls, replies, memory_bytes), daemon=True
        )
        with deaf_children():
            self.process.start()
        calls.close()
        replies.close()
        self.replies.recv_bytes()  # READY: from now on it can be interrupted

    def call(self, call: Call) -> tuple[str, Any]:
        """Have one call done; waits for it.

        Raises:
            EOFError, OSError: the worker died.
        """
        self.calls.send(call)
        told = self.replies.recv_bytes()
        try:
            reply: tuple[str, Any] = pickle.loads(told)
        except Exception as error:  # an exception that cannot be made again from what it held
            return ("failed", error)
        return reply

    @property
    def gone(self) -> bool:
        """Whether it died at rest: then, and only then, its pipe has something to tell."""
        return self.replies.poll()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal. (`Process.kill` believes it dead once the fork server is.)"""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, number)

    def end(self) -> None:
        """Kill it; whoever waits for its pipe is told so."""
        self.send(signal.SIGKILL)
        self.process.join()
