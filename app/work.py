"""Work in chunks: under way once for each link, for as long as anybody watches it.

What was found is kept for a while, so that who comes back goes on where the work was left.
"""

import asyncio
import pickle
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from cachetools import LRUCache, TTLCache

from app import refusals
from app.allowance import network
from app.budget import MEGABYTE
from app.cluster import Cluster, ClusterLost
from app.lenses import LENSES
from app.lenses.training.taught import learnt
from app.links import Asked, write
from app.networks import Learnt
from app.pool import Lost, Pool
from app.settings import Settings
from app.stages import Call, Progress
from app.view import Focus

Key = tuple[str, str]  # a lens, and the link without its view
MOST_OF_THE_MEMORY = 0.5  # one that takes more would push out all others
COPIES = 3  # of a map


class Known(NamedTuple):
    """What work has found so far: the newest stage, or every one where its lens tells them all."""

    stages: tuple[tuple[int, Any], ...] = ()
    share: float = 0.0
    kept: Any = None
    whole: bool = False

    def and_now(self, progress: Progress, every: bool) -> "Known":
        """The same after another chunk."""
        stages = self.stages
        if progress.stage > (stages[-1][0] if stages else 0):
            stages = (*(stages if every else ()), (progress.stage, progress.found))
        return Known(stages, progress.share, progress.kept)

    @property
    def newest(self) -> int:
        """The number of the newest stage; 0 where there is none."""
        return self.stages[-1][0] if self.stages else 0

    @property
    def found(self) -> Any:
        """What the newest stage found."""
        return self.stages[-1][1] if self.stages else None


class Hands:
    """Who does the chunks: the cluster while it is there, else the service's own workers."""

    def __init__(self, pool: Pool, cluster: Cluster | None) -> None:
        self.pool, self.cluster = pool, cluster

    @property
    def width(self) -> int:
        """One chunk more than there are workers."""
        there = self.cluster is not None and self.cluster.there
        return self.cluster.width if there and self.cluster else self.pool.number + 1

    @property
    def note(self) -> str:
        """What a visitor should know of who works."""
        if self.cluster is None or self.cluster.there:
            return ""
        return "The cluster is away: this server does the work by itself, more slowly."

    async def do(self, call: Call, expected_s: float) -> Any:
        """What a call brings, from whoever can do it."""
        if self.cluster is not None and self.cluster.there:
            try:
                return await self.cluster.do(call, expected_s)
            except ClusterLost:
                pass
        kind = (call[0].__module__, "chunk")
        return await self.pool.enlist(kind, call, expected_s, patient=True).wait()


@dataclass(eq=False)
class Work:
    """One run of a lens in chunks. Whoever watches learns of every change; when the last one goes
    it ends."""

    lens: str
    asked: Asked
    hands: Hands
    known: Known
    most_bytes: int  # that it may come to hold
    who: str  # of which network it was begun
    watchers: int = 0
    changes: int = 0
    over: bool = False
    error: Exception | None = None
    began: float = field(default_factory=monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.before = self.known
        self.task = asyncio.create_task(self.go())

    async def go(self) -> None:
        """Do it to the end."""
        lens, (experiment, focus, _) = LENSES[self.lens], self.asked
        try:
            run = lens.run(experiment, focus, self.hands, self.known.kept)
            async with aclosing(run):
                async for progress in run:
                    self.known = self.known.and_now(progress, lens.EVERY_STAGE)
                    self.tell()
            self.known = self.known._replace(share=1.0, whole=True)
        except Exception as error:
            self.error = error
        finally:
            self.over = True
            self.tell()

    def tell(self) -> None:
        """Wake all who watch."""
        self.changes += 1
        self.changed.set()
        self.changed = asyncio.Event()

    async def beyond(self, change: int) -> None:
        """Wait until more has changed than so much."""
        while self.changes <= change:
            await self.changed.wait()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Be one of those who watch."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1
            if not self.watchers:
                self.task.cancel()

    @property
    def may_end_early(self) -> bool:
        """Whether nobody knows how much it is: there are chains, and each ends when it will."""
        return hasattr(LENSES[self.lens], "ahead")

    def left_s(self) -> float | None:
        """How long it is going to take from now on; None as long as nobody can tell."""
        lens, before, now = LENSES[self.lens], self.before, self.known
        if self.may_end_early:
            workers = max(1, self.hands.width - 1)
            times = lens.ahead(self.asked.focus, before.kept, now.kept, workers)
        else:
            came = now.share - before.share
            times = (1 - now.share) / came if came > 0 else None
        return None if times is None else (monotonic() - self.began) * times


class Works:
    """All work in chunks, and what is kept of it."""

    def __init__(self, chosen: Settings, pool: Pool) -> None:
        self.chosen = chosen
        self.cluster = Cluster(chosen.dask_scheduler) if chosen.dask_scheduler else None
        self.hands = Hands(pool, self.cluster)
        self.under_way: dict[Key, Work] = {}
        most = chosen.cache_mb * MEGABYTE
        self.kept: LRUCache[Key, tuple[Known, int]] = LRUCache(most, getsizeof=lambda one: one[1])
        self.watching: Counter[str] = Counter()
        self.lost: TTLCache[Key, bool] = TTLCache(1000, refusals.AFTER_A_LOSS_S)

    async def start(self) -> None:
        """Look for the cluster."""
        if self.cluster is not None:
            await self.cluster.start()

    async def stop(self) -> None:
        """Leave the cluster; all work has been given up."""
        if self.cluster is not None:
            await self.cluster.stop()

    def give_up(self, error: Exception) -> None:
        """Tell all who watch that they have to ask another server."""
        for work in list(self.under_way.values()):
            work.error = error
            work.task.cancel()

    @contextmanager
    def entered(self, address: str) -> Iterator[None]:
        """Be one of the clients that are let in.

        Raises:
            Problem: 503, there are too many, or too many from this address.
        """
        who = network(address)
        if self.watching.total() >= self.chosen.streams:
            raise refusals.too_many_watch(self.chosen.streams, "")
        if self.watching[who] >= self.chosen.streams_per_address:
            raise refusals.too_many_watch(self.chosen.streams_per_address, " from your network")
        self.watching[who] += 1
        try:
            yield
        finally:
            self.watching[who] -= 1
            self.watching += Counter()  # forgets those who have left

    def known(self, lens: str, asked: Asked) -> Known:
        """What is known of the answer, of which the work may be under way."""
        key = key_of(lens, asked)
        if work := self.under_way.get(key):
            return work.known
        return self.kept.get(key, (Known(), 0))[0]

    def of(self, lens: str, asked: Asked, address: str = "") -> Work:
        """The work that brings an answer, begun or gone on with where nobody is at it.

        Raises:
            Problem: 503, workers have just died at it, or what is under way may take the memory
                that it would.
        """
        key, who = key_of(lens, asked), network(address)
        if key in self.lost:
            raise refusals.lost()
        if (work := self.under_way.get(key)) and not work.task.cancelling():
            return work
        known, takes = self.known(lens, asked), most_bytes(lens, asked)
        others = [one for one in self.under_way.values() if one is not work]
        self.require_room(takes, others, 1.0, "")
        theirs = [one for one in others if one.who == who]
        self.require_room(takes, theirs, MOST_OF_THE_MEMORY, " from your network")
        work = Work(lens, asked, self.hands, known, takes, who)
        self.under_way[key] = work
        self.make_room()
        work.task.add_done_callback(lambda _: self.end(key, work))
        return work

    def require_room(self, takes: int, others: list[Work], part: float, of_whom: str) -> None:
        """Refuse work that might hold more, with others, than a part of the memory there is for
        it. The first is always let in."""
        if others and promised(others) + takes > part * self.kept.maxsize:
            raise refusals.no_room(of_whom)

    def make_room(self) -> None:
        """Forget what was asked for longest ago, as far as work under way may need its memory."""
        held = promised(self.under_way.values())
        while self.kept and self.kept.currsize + held > self.kept.maxsize:
            self.kept.popitem()

    def end(self, key: Key, work: Work) -> None:
        """Keep what work has found, whether it came to its end or not."""
        if not work.over:  # it was cancelled before it began
            work.over = True
            work.tell()
        if self.under_way.get(key) is work:
            del self.under_way[key]
        if isinstance(work.error, Lost):
            self.lost[key] = True
        before = self.kept.get(key, (Known(), 0))[0]
        if work.known.share <= before.share and not work.known.whole:
            return
        size = len(pickle.dumps(work.known, protocol=5))
        if size <= self.kept.maxsize * MOST_OF_THE_MEMORY:
            self.kept[key] = work.known, size
            self.make_room()

    async def whole(self, lens: str, asked: Asked, address: str) -> Any:
        """What work finds in the end."""
        if (known := self.known(lens, asked)).whole:
            return known.found
        return (await self.done(lens, asked, address)).known.found

    async def done(self, lens: str, asked: Asked, address: str) -> Work:
        """Work that has come to its end."""
        with self.entered(address):
            work = self.of(lens, asked, address)
            async for _ in self.watch(work):
                pass
        return work

    async def learnt(self, asked: Asked, address: str) -> Learnt | None:
        """What the networks of a link have learnt; None where it looks at them as they are drawn.

        A training that is known already may have passed there; else one goes as far as that.
        """
        update = asked.focus.trained
        if update is None:
            return None
        for updates in (asked.focus.updates, max(update, 1)):
            lesson = Asked(asked.experiment, asked.focus.lesson(trained=None, updates=updates))
            if found := learnt(*lesson[:2], self.known("training", lesson).kept, update):
                return found
        work = await self.done("training", lesson, address)
        return learnt(*lesson[:2], work.known.kept, update)

    async def watch(self, work: Work) -> AsyncGenerator[Known, None]:
        """What is known at first and after every change, up to the end.

        Raises:
            Exception: whatever ended the work early.
        """
        with work.watched():
            while True:
                # Looked at before it is told, for meanwhile more may come.
                change, over = work.changes, work.over
                yield work.known
                if over:
                    break
                await work.beyond(change)
        if work.error is not None:
            raise work.error


def promised(works: Iterable[Work]) -> int:
    """The bytes that work under way may come to."""
    return sum(work.most_bytes for work in works)


def most_bytes(lens: str, asked: Asked) -> int:
    """What work may come to hold. A training says so; a map has all its room from the beginning,
    three times: as it is worked on, as it is told, and as it is kept."""
    work, (experiment, focus, _) = LENSES[lens], asked
    if hasattr(work, "holds"):
        return int(work.holds(experiment, focus))
    return COPIES * len(pickle.dumps(work.known(experiment, focus).kept, protocol=5))


def key_of(lens: str, asked: Asked) -> Key:
    """What tells one work from all others: what other lenses look at is all the same to it."""
    experiment, focus, _ = asked
    keys = type(focus).model_fields.keys() & set(LENSES[lens].KEYS)
    own = Focus().model_copy(update={key: getattr(focus, key) for key in keys})
    return lens, write(experiment, own)
