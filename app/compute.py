"""What is asked for, answered: kept answers, work under way that others wait for already, and work
that is admitted to the workers."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple

from cachetools import LRUCache, TTLCache

from app import refusals
from app.allowance import Allowance
from app.answers import Answers, Body, Timing, answers, compressed
from app.budget import MEGABYTE, Budget, seconds
from app.forms import (
    AS_FAR_AS_KNOWN,
    NAMING_THE_SERVER,
    TEXT_FORMS,
    WITHOUT_NUMBERS,
    WITHOUT_WEIGHTS,
)
from app.lenses import IN_CHUNKS, LENSES, OF_NO_EXPERIMENT
from app.links import Asked, write
from app.networks import Learnt
from app.pool import Full, Job, Lost, Pool, TookTooLong
from app.settings import Settings
from app.watch import Watch
from app.work import Works
from lstm_engine.errors import LeftFloat64

LARGE = MEGABYTE  # from here on it matters who holds an answer
MOST_OF_THE_CACHE = 0.1  # one that takes more would push out too many others


class Place(NamedTuple):
    """Where an answer is kept: what tells it from all others; of work in chunks also as of which
    stage it is told, if not in the end."""

    lens: str
    link: str
    form: str
    here: str
    stage: str = ""


class Caller(NamedTuple):
    """Who asks, for a fair share of the work; at which address of ours; whether gzip is taken."""

    address: str = ""
    here: str = ""
    gzip: bool = False


class Finished(NamedTuple):
    """One answer: its body, where the time went, and all of it with waiting (milliseconds).

    An answer that was kept cost nothing: its times are zero.
    """

    body: Body
    timing: Timing
    total_ms: float


class Before(NamedTuple):
    """What `app.answers.answers` is given: what was found, what the networks have learnt."""

    found: Any
    learnt: Learnt | None


class Compute:
    """The workers and the finished answers. `start` before use, `stop` after."""

    def __init__(self, chosen: Settings, watch: Watch | None = None) -> None:
        self.chosen = chosen
        self.watch = watch or Watch()
        self.budget = Budget(chosen.flops_limit, chosen.worker_memory_mb, chosen.work_limit_s)
        self.allowance = Allowance(chosen.rate_limit_s)
        self.kept: LRUCache[Place, Body] = LRUCache(chosen.cache_mb * MEGABYTE, getsizeof=len)
        self.under_way: dict[Place, Job] = {}
        self.lost: TTLCache[tuple[str, ...], bool] = TTLCache(1000, refusals.AFTER_A_LOSS_S)
        # Nobody waits longer, come what may: the queue, two tries, and a little.
        self.patience_s = chosen.queue_wait_s + 2 * chosen.time_limit_s + 10.0
        self.open = False
        self.held = 0  # bytes of large answers that clients have not taken yet
        self.pool = Pool(
            chosen.workers,
            memory_bytes=chosen.worker_memory_mb * MEGABYTE,
            time_limit_s=chosen.time_limit_s,
            most_waiting=chosen.queue_length,
            most_wait_s=chosen.queue_wait_s,
            ended=lambda outcome: self.watch.jobs.labels(outcome).inc(),
            replaced=lambda reason: self.watch.restarts.labels(reason).inc(),
        )
        self.works = Works(chosen, self.pool)
        self.watch.streams.set_function(self.works.watching.total)
        self.watch.queue_length.set_function(lambda: len(self.pool.waiting))
        self.watch.workers_busy.set_function(lambda: self.pool.busy)
        self.watch.wait_s.set_function(self.pool.wait_s)
        self.watch.kept_bytes.set_function(lambda: self.kept.currsize)
        self.watch.held_bytes.set_function(lambda: self.held)

    async def start(self) -> None:
        """Start the workers; they have drawn before, so that the first visitor need not wait."""
        await self.pool.start("app.warm")
        await self.works.start()
        self.open = True

    def close(self) -> None:
        """Begin nothing new, and go on with nothing that takes long."""
        self.open = False
        self.works.give_up(refusals.stopping())

    def give_up(self) -> None:
        """Tell all who still wait that they have to ask another server."""
        self.pool.give_up(refusals.stopping())

    async def stop(self) -> None:
        """End the workers."""
        self.close()
        await self.works.stop()
        self.pool.stop()

    def place(self, lens: str, form: str, asked: Asked, caller: Caller) -> Place:
        """Where an answer is kept."""
        here = caller.here if form in NAMING_THE_SERVER else ""
        stage = ""
        if lens in IN_CHUNKS and form in AS_FAR_AS_KNOWN:
            stage = str(self.works.known(lens, asked).newest)
        return Place(lens, write(*asked), form, here, stage)

    def finished(self, place: Place) -> Finished | None:
        """A kept answer."""
        body = self.kept.get(place)
        self.watch.kept.labels("no" if body is None else "yes").inc()
        return None if body is None else Finished(body, Timing(0.0, 0.0), 0.0)

    async def answer(
        self, place: Place, asked: Asked, caller: Caller, also: Sequence[str] = ()
    ) -> Finished:
        """The answer of a place; `also` names forms worth keeping from the same computation.

        Equal questions at the same time are one job. Who gives up waiting takes no one else's
        answer away; a job that nobody waits for any more is dropped.

        Raises:
            Problem: the experiment takes too long or its states leave float64; too much is
                waiting, or was asked for from this address; two workers died at it.
        """
        start = perf_counter()
        try:
            before = await self.before(place, asked, caller)
            job = self.flight(place) or await self.begin(place, asked, caller, also, before)
            done: Answers = await asyncio.wait_for(job.wait(), self.patience_s)
        except LeftFloat64 as error:
            raise refusals.left_float64(error, asked) from None
        except TookTooLong:
            took_s = self.pool.pace.seconds((place.lens, place.form), expected(place.lens, asked))
            raise refusals.took_too_long(asked, self.chosen.time_limit_s, took_s) from None
        except Full as full:
            raise refusals.busy(full.wait_s) from None
        except Lost:
            self.lost[place[:2]] = True
            raise refusals.lost() from None
        except TimeoutError:
            raise refusals.busy(self.pool.wait_s()) from None
        return Finished(done.bodies[place.form], done.timing, (perf_counter() - start) * 1e3)

    async def before(self, place: Place, asked: Asked, caller: Caller) -> Before:
        """What has to be there before an answer can be told: what work in chunks finds."""
        if place.form in WITHOUT_WEIGHTS or place.lens in OF_NO_EXPERIMENT:
            return Before(None, None)
        if not self.open:
            raise refusals.stopping()
        if place.lens in IN_CHUNKS and place.form not in WITHOUT_NUMBERS:
            return Before(await self.found(place, asked, caller), None)
        return Before(None, await self.works.learnt(asked, caller.address))

    async def found(self, place: Place, asked: Asked, caller: Caller) -> Any:
        """What work in chunks has found: all of it, or as much as is known where that will do."""
        if place.form not in AS_FAR_AS_KNOWN:
            return await self.works.whole(place.lens, asked, caller.address)
        found = self.works.known(place.lens, asked).found
        return found or LENSES[place.lens].known(asked.experiment, asked.focus)

    async def stage(self, lens: str, asked: Asked, number: int, found: Any) -> Body:
        """What a page draws of one stage of work in chunks."""
        place = Place(lens, write(*asked), "plot", "", str(number))
        if (body := self.kept.get(place)) is not None:
            return body
        if (job := self.flight(place)) is None:
            call = (answers, (lens, ("plot",), asked, "", False, found))
            job = self.pool.enlist((lens, "stage"), call, 0.0)
            self.under(job, {"plot": place})
        done: Answers = await job.wait()
        return done.bodies["plot"]

    def flight(self, place: Place) -> Job | None:
        """Work under way that brings this answer, if it is still wanted."""
        job = self.under_way.get(place)
        return None if job is None or job.answer.cancelled() else job

    async def begin(
        self, place: Place, asked: Asked, caller: Caller, also: Sequence[str], before: Before
    ) -> Job:
        """Work that nobody does yet, charged to the caller and put into the queue."""
        if not self.open:
            raise refusals.stopping()
        if place[:2] in self.lost:
            raise refusals.lost()
        self.pool.require_room()
        kind, expected_s = (place.lens, place.form), expected(place.lens, asked)
        await self.allowance.charge(caller.address, self.pool.pace.seconds(kind, expected_s))
        # Somebody else may have begun it meanwhile.
        if job := self.flight(place):
            return job
        # What is told of work as far as it is known is told of this moment alone.
        forms = (place.form, *(() if place.lens in IN_CHUNKS else also))
        call = (answers, (place.lens, forms, asked, caller.here, caller.gzip, *before))
        job = self.pool.submit(kind, call, expected_s)
        places = {form: self.place(place.lens, form, asked, caller) for form in forms[1:]}
        places[place.form] = place
        self.under(job, places)
        return job

    def under(self, job: Job, places: dict[str, Place]) -> None:
        """Have whoever asks for the same wait for this job."""
        mine = {one for one in places.values() if self.flight(one) is None}
        self.under_way |= dict.fromkeys(mine, job)
        job.answer.add_done_callback(lambda _: self.end(job, places))

    def end(self, job: Job, places: dict[str, Place]) -> None:
        """Keep what a job brought, whoever waited for it."""
        for place in places.values():
            if self.under_way.get(place) is job:
                del self.under_way[place]
        if job.answer.cancelled() or job.answer.exception():
            return
        done: Answers = job.answer.result()
        self.watch.engine_s.inc(done.timing.engine_ms / 1e3)
        self.watch.figures_s.inc(done.timing.figures_ms / 1e3)
        for form, body in done.bodies.items():
            self.keep(places[form], body)

    def keep(self, place: Place, body: Body) -> None:
        """Keep an answer for a while."""
        if len(body) <= self.kept.maxsize * MOST_OF_THE_CACHE:
            self.kept[place] = body

    @contextmanager
    def sending(self, place: Place, size: int) -> Iterator[None]:
        """Hold an answer until its client has taken it; there is an end to what slow ones hold.

        Raises:
            Problem: 503, large answers that nobody else shares fill the memory for them.
        """
        if size < LARGE or place in self.kept:
            yield
            return
        if self.held and self.held + size > self.chosen.sending_mb * MEGABYTE:
            raise refusals.crowded()
        self.held += size
        try:
            yield
        finally:
            self.held -= size

    async def encoded(self, place: Place, body: Body, caller: Caller) -> Body:
        """A body with a compressed twin if the caller takes that; it may have been made for one who
        does not."""
        if not caller.gzip or body.gzipped is not None or place.form not in TEXT_FORMS:
            return body
        # zlib lets go of the interpreter's lock, so a thread is enough.
        body = await asyncio.to_thread(compressed, place.form, body)
        self.keep(place, body)
        return body


def expected(lens: str, asked: Asked) -> float:
    """The seconds of a worker that a lens should take, beyond what the smallest experiment does.

    Work in chunks has been done when its answer is told.
    """
    if lens in IN_CHUNKS:
        return 0.0
    second = asked.focus.second(asked.experiment)
    return seconds(asked.experiment) + (seconds(second) if lens == "compare" else 0.0)
