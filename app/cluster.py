"""Chunks done by other machines: the workers of a Dask cluster, which run this very program.

The cluster may come late, go, and come back. Who waits for a chunk is told of a loss within
seconds; the same chunk may then be done by anybody else.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import pickle
import platform
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from functools import cache, partial
from time import monotonic
from traceback import format_exc
from typing import Any
from uuid import uuid4

from app.assets import build
from app.stages import Call
from app.worker import keep_freed_memory, pickled

BEAT_S = 1.0  # the scheduler is asked so often whether it is there
ANSWERS_WITHIN_S = 2.0
EXAMINES_WITHIN_S = 1.5  # these three together are the longest until a loss is noticed
WITHOUT_WORKERS_S = 2.0  # one that died may come back
LOOK_AGAIN_AFTER_S = 2.0
LEAVES_WITHIN_S = 3.0
PATIENCE_S, PATIENCE = 30.0, 20.0  # a chunk may take so long and so many times what it should


UNREACHED = "The cluster has not been reached yet."
STOPPED = "The connection to the cluster was closed."
SILENT = "The scheduler of the cluster does not answer."
EMPTY = "The cluster has no workers."
LOST = "The cluster lost a part of the work"
LATE = "The cluster does not finish a part of the work."
STRANGE = "A worker of the cluster runs another version of this program."
THREADED = "A worker of the cluster lacks OPENBLAS_NUM_THREADS=1: start it with a nanny."
FULL = "A worker of the cluster ran out of memory."

log = logging.getLogger("app.cluster")


class ClusterLost(Exception):
    """The cluster cannot do it; `sentence` says why. The work itself may be sound."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


# What workers do ----------------------------------------------------------------------------------


@cache
def version() -> str:
    """What must be the same at both ends, that calls mean the same."""
    return f"{build()} {platform.python_version()} {platform.machine()}"


def unfit(wanted: str) -> str:
    """Why this process must not work for a program of the version `wanted`; empty if it may."""
    if version() != wanted:
        return STRANGE
    # More threads add up in another order, so the last digits would differ.
    return "" if os.environ.get("OPENBLAS_NUM_THREADS") == "1" else THREADED


def perform(call: bytes, wanted: str) -> bytes:
    """One call, and how it ended: done, failed (its own fault), full (of memory) or unfit (this
    worker is)."""
    if reason := unfit(wanted):
        return pickle.dumps(("unfit", reason))
    keep_freed_memory()
    try:
        function, arguments = pickle.loads(call)
        return pickled(("done", function(*arguments)))
    except MemoryError:
        return pickle.dumps(("full", FULL))
    except Exception as error:
        error.add_note(format_exc())
        return pickled(("failed", error))


def dask_setup(worker: object) -> None:
    """As a worker's `--preload`: import and count now what the first chunk would wait for."""
    import app.lenses  # noqa: F401

    keep_freed_memory()
    version()


# What the service does ----------------------------------------------------------------------------


class Cluster:
    """The way to one cluster, by its scheduler's address. `start` before use, `stop` after.

    Raises:
        SystemExit: what is needed for that is not installed.
    """

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise SystemExit(
                f"DASK_SCHEDULER={address}: a cluster needs more packages; "
                "install them with pip install -r requirements/cluster.txt."
            )
        self.address = address
        self.client: Any = None  # of distributed, which is imported only where it is used
        self.threads = 0  # of all workers, as long as they may be used
        self.why = UNREACHED  # it is not there, if it is not
        # Who waits, in order, and from when on it counts.
        self.since: dict[asyncio.Task[bytes], float] = {}
        self.asides: set[asyncio.Task[None]] = set()
        self.keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for the cluster; it is looked for as long as it takes."""
        self.keeper = asyncio.create_task(self.keep())

    async def stop(self) -> None:
        """Leave the cluster; chunks that are under way are dropped."""
        self.lose(STOPPED)
        leaving = {*self.asides, *({self.keeper} if self.keeper else ())}
        for task in leaving:
            task.cancel()
        if leaving:
            await asyncio.wait(leaving, timeout=LEAVES_WITHIN_S)

    @property
    def there(self) -> bool:
        """Whether it can be used now."""
        return self.threads > 0 and self.client.status == "running"

    @property
    def width(self) -> int:
        """A chunk for each thread, and another one for half of them while answers travel."""
        return max(1, self.threads + (self.threads + 1) // 2)

    # A chunk --------------------------------------------------------------------------------------

    async def do(self, call: Call, expected_s: float) -> Any:
        """What a call brings, done by some worker, and by another where that one dies.

        Raises:
            ClusterLost: the cluster cannot do it.
            Exception: what the call itself raised.
        """
        if not self.there:
            raise ClusterLost(self.why)
        client, chunk = self.client, self.submit(pickle.dumps(call), call[0].__name__)
        reply = asyncio.create_task(reply_of(chunk))
        self.since[reply] = monotonic()
        try:
            await self.wait(reply, PATIENCE_S + PATIENCE * expected_s)
            return outcome(reply.result())
        except Unfit as error:
            self.lose(error.sentence)
            raise
        finally:
            del self.since[reply]
            if reply.cancelled() or reply.cancel():
                self.aside(drop(client, chunk))

    def submit(self, call: bytes, name: str) -> Any:
        """Send a call to the scheduler."""
        try:
            return self.client.submit(
                perform, call, version(), key=f"{name}-{uuid4().hex}", pure=False, fifo_timeout=0
            )
        except Exception as error:
            raise ClusterLost(SILENT) from error

    async def wait(self, reply: asyncio.Task[bytes], patience_s: float) -> None:
        """Wait for a reply as long as it makes sense.

        Raises:
            ClusterLost: there is none.
        """
        while not reply.done():
            left_s = self.since[reply] + patience_s - monotonic()
            if left_s <= 0:
                log.warning("a chunk is not finished after %.0f s", patience_s)
                raise ClusterLost(LATE)
            await asyncio.wait((reply,), timeout=left_s)
        if reply.cancelled():
            raise ClusterLost(self.why)
        if error := reply.exception():
            if isinstance(error, CancelledError):  # so Dask tells that the connection broke
                self.lose(SILENT)
                raise ClusterLost(SILENT) from error
            raise ClusterLost(f"{LOST}: {error}") from error
        # First come, first served: it is the turn of those who came later.
        waiting = list(self.since)
        for later in waiting[waiting.index(reply) + 1 :]:
            self.since[later] = monotonic()

    def aside(self, what: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(what)
        self.asides.add(task)
        task.add_done_callback(self.asides.discard)

    # The connection -------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Be connected whenever that is possible."""
        distributed = await asyncio.to_thread(importlib.import_module, "distributed")
        await asyncio.to_thread(version)
        # What it has to say is said here, once, in a sentence.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        connect = partial(
            distributed.Client,
            self.address,
            asynchronous=True,
            set_as_default=False,
            timeout=ANSWERS_WITHIN_S,
        )
        while True:
            try:
                async with contextlib.AsyncExitStack() as stack:
                    self.client = connect()
                    stack.push_async_exit(self.client)  # also where it does not come about
                    await self.client
                    await self.watch()
            except Exception:
                self.lose(SILENT)
            await asyncio.sleep(LOOK_AGAIN_AFTER_S)

    async def watch(self) -> None:
        """Look after the workers for as long as the scheduler answers.

        Raises:
            Exception: it does not.
        """
        examined: dict[str, str] = {}
        seen = monotonic()
        while True:
            try:
                threads = await self.listed()
            except Exception:
                self.lose(SILENT)  # now, for to close the connection may take its time
                raise
            examined = {worker: told for worker, told in examined.items() if worker in threads}
            examined |= await self.examine(sorted(threads.keys() - examined.keys()))
            if examined:
                seen = monotonic()
            if reasons := [told for told in examined.values() if told]:
                self.lose(reasons[0])
            elif monotonic() - seen > WITHOUT_WORKERS_S:
                self.lose(EMPTY)
            else:
                self.have(sum(threads[worker] for worker in examined))
            await asyncio.sleep(BEAT_S)

    async def listed(self) -> dict[str, int]:
        """How many threads each worker has, by its address, as the scheduler says."""
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            threads: dict[str, int] = await self.client.scheduler.ncores_running()
        if self.client.status != "running":
            raise ConnectionError
        return threads

    async def examine(self, workers: list[str]) -> dict[str, str]:
        """Why workers must not be used, each of those that can say so at once; empty if it may."""
        if not workers:
            return {}
        try:
            async with asyncio.timeout(EXAMINES_WITHIN_S):
                told: dict[str, Any] = await self.client.run(
                    unfit, version(), workers=workers, on_error="return"
                )
        except TimeoutError:
            return {}  # they are asked again
        # One that has no such function is another program; other errors are of the connection.
        strange = (ImportError, AttributeError)
        return {
            worker: STRANGE if isinstance(answer, strange) else answer
            for worker, answer in told.items()
            if isinstance(answer, (str, *strange))
        }

    def have(self, threads: int) -> None:
        """There are so many threads to work."""
        if threads and not self.threads:
            log.info("the cluster at %s is there, with %d threads", self.address, threads)
        self.threads = threads

    def lose(self, sentence: str) -> None:
        """Tell all who wait that the cluster is lost."""
        if sentence != STOPPED and (self.why != sentence or self.threads):
            log.warning("the cluster at %s is lost: %s", self.address, sentence)
        self.threads, self.why = 0, sentence
        for reply in self.since:
            reply.cancel()


class Unfit(ClusterLost):
    """The worker must not do it, nor any that is like it."""


async def reply_of(chunk: Any) -> bytes:
    """What a worker sent."""
    sent: bytes = await chunk.result()
    return sent


def outcome(reply: bytes) -> Any:
    """What a call brought."""
    how, what = pickle.loads(reply)
    if how in ("unfit", "full"):
        raise (Unfit if how == "unfit" else ClusterLost)(what)
    if how == "failed":
        raise what
    return what


async def drop(client: Any, chunk: Any) -> None:
    """Have a chunk not done that nobody waits for."""
    with contextlib.suppress(Exception):
        await client.cancel([chunk], force=True)
