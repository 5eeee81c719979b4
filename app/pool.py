"""The workers at their places, and the jobs that wait for them.

Whatever becomes of one worker, no other is disturbed. One that died is replaced and its job done
again, once. A job that nobody waits for any more, or that takes too long, is interrupted; a worker
that does not let itself be interrupted is killed.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from app.pace import Kind, Pace
from app.worker import CONTEXT, Call, Worker

TRIES = 2
LETS_GO_WITHIN_S = 1.0  # a single NumPy call of the largest experiment takes 50 ms
ASKED_TO_STOP = 10  # times within that
HIRE_AGAIN_AFTER_S = 1.0

log = logging.getLogger("app.pool")


class Lost(Exception):
    """The worker died at it, and so did the next one."""


class TookTooLong(Exception):
    """The time limit of one job was over."""


class Full(Exception):
    """Too much is waiting. `wait_s` is when, as far as one can tell, that will be done."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


@dataclass(eq=False)
class Job:
    """One call on its way: what kind of work it is (of what, in which form), how much longer than
    the least of its kind it should take, who waits for it. One that is `patient` lets all others
    go first: it is a chunk of work that takes long anyway."""

    kind: Kind
    call: Call
    expected_s: float
    answer: asyncio.Future[Any]
    patient: bool = False
    waiting: int = 0
    began: float | None = field(default=None)

    async def wait(self) -> Any:
        """The answer. When the last one who waits for it goes, the job is given up."""
        self.waiting += 1
        try:
            return await asyncio.shield(self.answer)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self.answer.cancel()


class Pool:
    """A number of workers and a queue with an end. `start` before use, `stop` after.

    `ended` is told how each job ended (done, failed, stopped, late, lost), `replaced` why a worker
    was (died, hung).
    """

    def __init__(
        self,
        number: int,
        *,
        memory_bytes: int,
        time_limit_s: float,
        most_waiting: int,
        most_wait_s: float,
        ended: Callable[[str], None] = lambda outcome: None,
        replaced: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.number, self.memory_bytes = number, memory_bytes
        self.time_limit_s = time_limit_s
        self.most_waiting, self.most_wait_s = most_waiting, most_wait_s
        self.ended, self.replaced = ended, replaced
        self.jobs: dict[Job, None] = {}  # all that wait or run, in their order
        self.news = asyncio.Event()  # there is another one
        self.workers: dict[int, Worker] = {}  # by their place
        self.pace = Pace()
        self.threads = ThreadPoolExecutor(number + 1, "worker")
        self.places: list[asyncio.Task[None]] = []
        self.busy = 0  # workers at work

    async def start(self, preload: str) -> None:
        """Start the workers, as copies of one process that has imported the module `preload`."""
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = "1"
        CONTEXT.set_forkserver_preload([preload])
        for place in range(self.number):
            await self.hire(place)
        self.places = [asyncio.create_task(self.serve(place)) for place in range(self.number)]

    def give_up(self, error: Exception) -> None:
        """Answer all who wait with `error`."""
        for job in list(self.jobs):
            if not job.answer.done():
                job.answer.set_exception(error)

    def stop(self) -> None:
        """End the workers. Whoever still waited for them has been told by now or has gone."""
        for place in self.places:
            place.cancel()
        self.kill()
        self.threads.shutdown(wait=True, cancel_futures=True)

    def kill(self) -> None:
        """End the workers at once."""
        for worker in self.workers.values():
            worker.send(signal.SIGKILL)

    @property
    def there(self) -> bool:
        """Whether anybody can work."""
        return any(not place.done() for place in self.places) and bool(self.workers)

    def submit(self, kind: Kind, call: Call, expected_s: float) -> Job:
        """Put a call into the queue.

        Raises:
            Full: too many jobs wait, or for too long.
        """
        self.require_room()
        return self.enlist(kind, call, expected_s)

    def enlist(self, kind: Kind, call: Call, expected_s: float, patient: bool = False) -> Job:
        """Put a part of long work into the queue, for which there is always room: whoever watches
        it was admitted."""
        answer = asyncio.get_running_loop().create_future()
        job = Job(kind, call, expected_s, answer, patient)
        self.jobs[job] = None
        job.answer.add_done_callback(lambda _: self.leave(job))
        self.news.set()
        return job

    def leave(self, job: Job) -> None:
        """Forget a job that has an answer, or that nobody waits for."""
        del self.jobs[job]
        if job.began is None:
            self.ended("stopped")

    def require_room(self) -> None:
        """Refuse what cannot be begun soon.

        Raises:
            Full: too many jobs wait, or for too long.
        """
        urgent = sum(not job.patient for job in self.jobs)
        if urgent < self.number:
            return
        wait_s = self.wait_s()
        if urgent >= self.number + self.most_waiting or wait_s > self.most_wait_s:
            raise Full(wait_s)

    @property
    def waiting(self) -> list[Job]:
        """The jobs that no worker has begun."""
        return [job for job in self.jobs if job.began is None]

    def wait_s(self) -> float:
        """How long, as far as one can tell, until all is done that does not let others go first."""
        now = monotonic()
        left = 0.0
        for job in self.jobs:
            if job.patient and job.began is None:
                continue
            of_it = self.pace.seconds(job.kind, job.expected_s)
            left += of_it if job.began is None else max(0.0, of_it - (now - job.began))
        return left / self.number

    async def hire(self, place: int) -> None:
        """A new worker at a place, however often that has to be tried."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                worker = await loop.run_in_executor(self.threads, Worker, self.memory_bytes)
            except (OSError, EOFError):
                log.exception("no worker could be started; the next try comes in a second")
                await asyncio.sleep(HIRE_AGAIN_AFTER_S)
            else:
                self.workers[place] = worker
                return

    async def replace(self, place: int, reason: str) -> None:
        """Another worker at a place, where the one that was there died or hung."""
        log.warning("a worker %s and is replaced", reason)
        self.replaced(reason)
        before = self.workers.pop(place)
        await asyncio.get_running_loop().run_in_executor(self.threads, before.end)
        await self.hire(place)

    async def take(self) -> Job:
        """The job that has waited longest, of those that cannot wait if there are any."""
        while True:
            if waiting := self.waiting:
                return next((job for job in waiting if not job.patient), waiting[0])
            self.news.clear()
            await self.news.wait()

    async def serve(self, place: int) -> None:
        """One place at work: job after job, whatever happens to its workers."""
        while True:
            job = await self.take()
            job.began = monotonic()
            self.busy += 1
            outcome = "lost"
            try:
                outcome = await self.attend(place, job)
            except Exception:
                log.exception("a job was lost")
                if not job.answer.done():
                    job.answer.set_exception(Lost())
            finally:
                self.busy -= 1
            self.ended(outcome)
            if outcome in ("done", "late"):
                self.pace.learn(job.kind, job.expected_s, monotonic() - job.began)

    async def attend(self, place: int, job: Job) -> str:
        """See one job through to an answer; how it ended."""
        for _ in range(TRIES):
            if place not in self.workers:
                await self.hire(place)
            elif self.workers[place].gone:
                await self.replace(place, "died")
            job.began = monotonic()
            reply = await self.reply(place, job)
            if job.answer.done():
                return "stopped"
            if reply is None:
                continue
            outcome, answer = reply
            if outcome == "done":
                job.answer.set_result(answer)
            elif outcome == "failed":
                job.answer.set_exception(answer)
            else:
                job.answer.set_exception(TookTooLong())
                return "late"
            return outcome
        job.answer.set_exception(Lost())
        return "lost"

    async def reply(self, place: int, job: Job) -> tuple[str, Any] | None:
        """What a worker answers to a job, "stopped" where it had to be; None where it died or
        hung, and another one has its place."""
        worker = self.workers[place]
        reply = asyncio.get_running_loop().run_in_executor(self.threads, worker.call, job.call)
        # Where the pool is stopped meanwhile, nobody is left to hear that the worker died of it.
        reply.add_done_callback(lambda reply: reply.cancelled() or reply.exception())
        await asyncio.wait(
            (reply, job.answer), timeout=self.time_limit_s, return_when=asyncio.FIRST_COMPLETED
        )
        for _ in range(ASKED_TO_STOP):
            if reply.done():
                break
            # More than once, for it may not have begun yet.
            worker.send(signal.SIGUSR1)
            await asyncio.wait((reply,), timeout=LETS_GO_WITHIN_S / ASKED_TO_STOP)
        reason = "died" if reply.done() else "hung"
        if reason == "hung":
            await self.replace(place, reason)
        try:
            return await reply
        except (EOFError, OSError):
            if reason == "died":
                await self.replace(place, reason)
            return None
