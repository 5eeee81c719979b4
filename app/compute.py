"""Where the work runs: admission by cost, worker processes, finished answers kept for a while.

A step loop in NumPy holds the interpreter's lock, so threads would not help: each experiment is
computed in a worker process, and what comes back is bytes, ready to send.
"""

import asyncio
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from http import HTTPStatus
from time import perf_counter
from typing import NamedTuple

from cachetools import LRUCache

from app import answers
from app.answers import Answers, Timing
from app.budget import FLOPS_LIMIT, affordable, affordable_steps, flops
from app.errors import Problem, WrongKey
from app.keys import default
from app.knobs import Experiment
from app.lenses import LENSES
from app.lenses.compare.computed import SecondLeftFloat64
from app.links import Asked, plain, write
from app.reading import mantissa
from lstm_engine.errors import LeftFloat64

CACHE_BYTES = 64 * 2**20
FIRST = ("words", "plot", "wide-svg", "narrow-svg")


Place = tuple[str, str, str]  # lens, canonical link, form


class Finished(NamedTuple):
    """One answer: its bytes, where the time went, and all of it with waiting (milliseconds).

    An answer that was kept cost nothing: its times are zero.
    """

    body: bytes
    timing: Timing
    total_ms: float


def admit(asked: Asked, lens: str = "highway") -> None:
    """Refuse what costs too much, before any work.

    Raises:
        Problem: 422 with the cost, the limit and what to lower.
    """
    second = [asked.focus.second(asked.experiment)] if "vs_cell" in LENSES[lens].KEYS else []
    for experiment, prefix in zip((asked.experiment, *second), ("", "vs_"), strict=False):
        if (cost := flops(experiment)) > FLOPS_LIMIT:
            raise too_large(asked, experiment, cost, prefix)


def too_large(asked: Asked, experiment: Experiment, cost: float, prefix: str) -> Problem:
    """The answer to an experiment that costs too much; the second one's keys have a prefix."""
    message = (
        f"with {prefix}H={experiment.H} costs {mantissa(math.log10(cost))} floating point "
        f"operations (6H³T), and the limit is {mantissa(math.log10(FLOPS_LIMIT))}: "
        f"lower T to {affordable_steps(experiment)} or lower {prefix}H"
    )
    first = asked.experiment.model_copy(update={"T": affordable(experiment).T})
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The second experiment is too large" if prefix else "This experiment is too large",
        f"T={experiment.T} {message}.",
        [WrongKey("T", str(experiment.T), message)],
        write(affordable(first), asked.focus, asked.view),
    )


def left_float64(error: LeftFloat64, asked: Asked) -> Problem:
    """The answer to an experiment whose states grow beyond float64: the step, the knob to lower."""
    first, focus, view = asked
    of_b = isinstance(error, SecondLeftFloat64)
    experiment = focus.second(first) if of_b else first
    key = "rnn_gain" if error.cell == "rnn" else "amplitude"
    named, value = f"vs_{key}" if of_b else key, plain(getattr(experiment, key))
    network = "vanilla RNN" if error.cell == "rnn" else "gated cell"
    whose = f"B's {network}'s" if of_b else f"the {network}'s"
    message = f"takes {whose} state beyond float64 at step {error.step}: lower it, or T"
    # One's own text or numbers keep their length; then the knob goes back to its default.
    if "T" not in first.unused():
        first = first.model_copy(update={"T": max(1, error.step - 1)})
    elif of_b:
        focus = focus.model_copy(update={named: default(key)})
    else:
        first = first.model_copy(update={key: default(key)})
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"The states of {'the second' if of_b else 'this'} experiment leave float64",
        f"{named}={value} {message}.",
        [WrongKey(named, value, message)],
        write(first, focus, view),
    )


class Compute:
    """The workers and the finished answers. `start` before use, `stop` after."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.kept: LRUCache[Place, bytes] = LRUCache(CACHE_BYTES, getsizeof=len)
        self.pool: ProcessPoolExecutor | None = None

    async def start(self) -> None:
        """Start the workers and let each draw once, so that the first visitor need not wait."""
        self.pool = new_pool(self.workers)
        first = (
            self.run(answers.answers, "highway", FIRST, Asked(Experiment()))
            for _ in range(self.workers)
        )
        await asyncio.gather(*first)

    def stop(self) -> None:
        """End the workers. Whoever still waited for them has been told by now or has gone."""
        if self.pool:
            for worker in list((self.pool._processes or {}).values()):
                worker.kill()
            self.pool.shutdown(wait=True, cancel_futures=True)

    async def answer(
        self, lens: str, form: str, asked: Asked, also: Sequence[str] = ()
    ) -> Finished:
        """One form of a lens's answer; `also` names forms worth keeping from the same computation.

        Raises:
            Problem: the experiment costs too much or its states leave float64.
        """
        admit(asked, lens)
        place = (lens, write(*asked), form)
        if place in self.kept:
            return Finished(self.kept[place], Timing(0.0, 0.0), 0.0)
        return await self.finish(place, asked, answers.answers, lens, (form, *also), asked)

    async def tensors(self, asked: Asked) -> Finished:
        """The experiment's weights and inputs as safetensors."""
        admit(asked)
        place = ("weights", write(asked.experiment), "safetensors")
        if place in self.kept:
            return Finished(self.kept[place], Timing(0.0, 0.0), 0.0)
        return await self.finish(place, asked, answers.tensors, asked.experiment)

    async def finish(
        self, place: Place, asked: Asked, work: Callable[..., Answers], *arguments: object
    ) -> Finished:
        """Work done by a worker, its answers kept beside `place`; the one of `place`."""
        start = perf_counter()
        try:
            bodies, timing = await self.run(work, *arguments)
        except LeftFloat64 as error:
            raise left_float64(error, asked) from error
        lens, link, form = place
        for name, body in bodies.items():
            if len(body) < CACHE_BYTES / 4:
                self.kept[lens, link, name] = body
        return Finished(bodies[form], timing, (perf_counter() - start) * 1e3)

    async def run(self, work: Callable[..., Answers], *arguments: object) -> Answers:
        """Work done by a worker; where a worker died, by a new pool, once.

        Raises:
            Problem: 503, the work took the second pool down too.
        """
        for _ in range(2):
            pool = self.pool
            assert pool is not None, "start() comes first"
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
            except BrokenProcessPool:
                # Every request of the broken pool comes here; the first one replaces the pool.
                if self.pool is pool:
                    self.pool = new_pool(self.workers)
                    pool.shutdown(wait=False)
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The work was lost",
            "The process that worked on this experiment died twice; try again in a moment.",
            retry_after_s=5,
        )


def new_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that start from a server with everything imported, one BLAS thread each."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["app.answers"])
    return ProcessPoolExecutor(workers, context, initializer=leave_signals_to_the_parent)


def leave_signals_to_the_parent() -> None:
    """Ctrl-C reaches the whole process group; the server decides when the workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
