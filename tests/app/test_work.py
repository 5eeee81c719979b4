"""Work in chunks on the server: one for each link, as long as anybody watches, kept afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from app import refusals
from app.budget import MEGABYTE
from app.errors import Problem
from app.lenses import phase, training
from app.links import Asked, read
from app.pool import Lost
from app.settings import Settings
from app.stages import Alone, Call, Progress, finished
from app.work import Known, Works, key_of, promised

LINK = b"T=60&H=6&D=2&seeds=4&x_points=29&y_points=29"
ROWS = 29 * 29 * 4


class Own:
    """A pool that does each chunk here, when it is let."""

    number = 2

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.let = asyncio.Event()
        self.let.set()

    def enlist(self, kind: Any, call: Call, expected_s: float, patient: bool) -> Any:
        assert patient
        self.calls.append(call)
        return self.Chunk(self, call)

    class Chunk:
        def __init__(self, pool: Any, call: Call) -> None:
            self.pool, self.call = pool, call

        async def wait(self) -> Any:
            await self.pool.let.wait()
            await asyncio.sleep(0)
            return self.call[0](*self.call[1])


def asked(more: bytes = b"") -> Asked:
    return read(LINK + more, with_view=True)


def with_works(act: Callable[[Works, Own], Awaitable[Any]], **settings: Any) -> Any:
    async def story() -> Any:
        pool = Own()
        works = Works(Settings(workers=2, **settings), pool)  # type: ignore[arg-type]
        return await asyncio.wait_for(act(works, pool), 60)

    return asyncio.run(story())


async def first(works: Works, link: Asked) -> Known:
    """What is known once the first stage is there; nobody watches afterwards."""
    work = works.of("phase", link)
    watching = works.watch(work)
    async for known in watching:
        if known.newest:
            break
    await watching.aclose()
    await asyncio.gather(work.task, return_exceptions=True)
    return work.known


def test_what_is_found_in_chunks_is_what_is_found_at_once() -> None:
    async def act(works: Works, pool: Own) -> Any:
        return await works.whole("phase", asked(), "here")

    found = with_works(act)
    alone = finished(phase.run(*asked()[:2], Alone()))
    assert np.array_equal(found.kept.values, alone.kept.values, equal_nan=True)


def test_all_who_watch_a_link_watch_the_same_work_whatever_else_the_link_says() -> None:
    async def act(works: Works, pool: Own) -> None:
        both = works.whole("phase", asked(), "a"), works.whole("phase", asked(b"&floor=-30"), "b")
        one, other = await asyncio.gather(*both)
        assert one is other
        rows = sum(len(call[1][3]) for call in pool.calls)
        assert rows == ROWS

    with_works(act)
    assert key_of("phase", asked()) == key_of("phase", asked(b"&vs_seed=4&unit=1&task=copy"))
    assert key_of("phase", asked()) != key_of("phase", asked(b"&quantity=exact"))


def test_work_that_nobody_watches_ends_and_is_gone_on_with_from_there() -> None:
    alone = finished(phase.run(*asked()[:2], Alone()))

    async def act(works: Works, pool: Own) -> None:
        known = await first(works, asked())
        assert 0 < known.share < 1 and not works.under_way
        before = len(pool.calls)
        await asyncio.sleep(0.05)
        assert len(pool.calls) == before
        there = int(known.kept.known.sum())
        again = Own()
        works.hands.pool = again  # type: ignore[assignment]
        found = await works.whole("phase", asked(), "here")
        assert sum(len(call[1][3]) for call in again.calls) == ROWS - there
        assert np.array_equal(found.kept.values, alone.kept.values, equal_nan=True)
        # All of it is known now, and nothing is done again.
        works.hands.pool = None  # type: ignore[assignment]
        assert await works.whole("phase", asked(), "here") is found

    with_works(act)


def test_who_stays_keeps_the_work_of_who_goes() -> None:
    async def act(works: Works, pool: Own) -> None:
        work = works.of("phase", asked())
        staying = asyncio.create_task(works.whole("phase", asked(), "stays"))
        await first_of(works, work)
        assert not work.task.cancelled()
        assert (await staying).kept.known.all()

    async def first_of(works: Works, work: Any) -> None:
        watching = works.watch(work)
        async for known in watching:
            if known.newest:
                break
        await watching.aclose()

    with_works(act)


def test_a_server_that_stops_tells_all_who_watch() -> None:
    async def act(works: Works, pool: Own) -> None:
        pool.let.clear()
        watching = asyncio.create_task(works.whole("phase", asked(), "here"))
        await asyncio.sleep(0.05)
        works.give_up(refusals.stopping())
        with pytest.raises(Problem) as told:
            await watching
        assert told.value.status == 503

    with_works(act)


def test_there_is_an_end_to_how_many_watch_in_all_and_from_one_network() -> None:
    async def act(works: Works, pool: Own) -> None:
        with works.entered("10.0.0.1"), works.entered("10.0.0.2"):
            with works.entered("10.0.0.1"):
                with pytest.raises(Problem, match="as many as may be") as told, works.entered("x"):
                    pass
                assert told.value.retry_after_s
            with works.entered("x"):
                pass
        one, other = works.entered("::1"), works.entered("::2")
        with one, other, pytest.raises(Problem, match="from your network"), works.entered("::3"):
            pass
        assert not works.watching

    with_works(act, streams=3, streams_per_address=2)


def test_what_fails_fails_for_all_and_is_not_kept() -> None:
    async def act(works: Works, pool: Own) -> None:
        def broken(*arguments: Any) -> Any:
            raise ValueError("broken")

        class Broken(Own):
            def enlist(self, kind: Any, call: Call, expected_s: float, patient: bool) -> Any:
                return super().enlist(kind, (broken, ()), expected_s, patient)

        works.hands.pool = Broken()  # type: ignore[assignment]
        with pytest.raises(ValueError, match="broken"):
            await works.whole("phase", asked(), "here")
        await asyncio.sleep(0.01)
        assert not works.known("phase", asked()).whole and not works.under_way
        works.hands.pool = pool
        assert await works.whole("phase", asked(), "here")

    with_works(act)


def test_what_kills_workers_is_let_at_no_others_for_a_while() -> None:
    async def act(works: Works, pool: Own) -> None:
        class Deadly(Own):
            def enlist(self, kind: Any, call: Call, expected_s: float, patient: bool) -> Any:
                self.calls.append(call)
                raise Lost

        works.hands.pool = deadly = Deadly()  # type: ignore[assignment]
        with pytest.raises(Lost):
            await works.whole("phase", asked(), "here")
        await asyncio.sleep(0.01)
        died = len(deadly.calls)
        with pytest.raises(Problem, match="died"):
            works.of("phase", asked())
        assert len(deadly.calls) == died
        works.hands.pool = pool
        assert await works.whole("phase", asked(b"&seed=1"), "here")

    with_works(act)


# Memory ------------------------------------------------------------------------------------------

LESSON = read(b"T=4&H=2&updates=30&batch=2", with_view=True)
LARGE = read(b"H=256&batch=32", with_view=True)


def others_like(asked: Asked, count: int) -> list[Asked]:
    """The same with seeds of their own."""
    experiment, focus, view = asked
    return [Asked(experiment.model_copy(update={"seed": n}), focus, view) for n in range(count)]


def test_what_is_under_way_takes_no_more_than_it_may_all_together() -> None:
    async def act(works: Works, pool: Own) -> None:
        pool.let.clear()
        first, second, third = others_like(LARGE, 3)
        held = [works.of("training", first, "10.0.0.1")]
        with pytest.raises(Problem, match="under way from your network need all the memory"):
            works.of("training", second, "10.0.0.1")
        held.append(works.of("training", second, "10.0.0.2"))
        assert promised(held) <= 48 * MEGABYTE
        with pytest.raises(Problem, match="under way need all the memory") as told:
            works.of("training", third, "10.0.0.3")
        assert told.value.status == 503 and told.value.retry_after_s
        assert works.of("training", first, "10.0.0.3") is held[0]
        # The same work may be begun again before it has been seen to stop.
        held[0].task.cancel()
        again = works.of("training", first, "10.0.0.1")
        assert again is not held[0]
        for work in (*held, again):
            work.task.cancel()
        await asyncio.gather(*(work.task for work in (*held, again)), return_exceptions=True)
        await asyncio.sleep(0)
        assert not works.under_way

    with_works(act)


def test_however_little_memory_there_is_one_work_is_let_in() -> None:
    async def act(works: Works, pool: Own) -> Any:
        return await works.whole("training", LESSON, "here")

    assert training.whole(with_works(act, cache_mb=0))


def test_what_is_kept_gives_way_to_what_is_under_way() -> None:
    async def act(works: Works, pool: Own) -> None:
        old, new = (key_of("training", one) for one in others_like(LESSON, 2))
        works.kept[old] = works.kept[new] = Known(), 20 * MEGABYTE
        pool.let.clear()
        one = works.of("training", LARGE, "10.0.0.1")
        assert old not in works.kept and new in works.kept
        other = works.of("training", others_like(LARGE, 2)[1], "10.0.0.2")
        assert not works.kept
        for work in (one, other):
            work.task.cancel()
        await asyncio.gather(one.task, other.task, return_exceptions=True)

    with_works(act)


def test_a_training_that_is_let_in_is_kept_whatever_was_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = training.holds(*LARGE[:2])

    async def run(*arguments: Any) -> Any:
        yield Progress(1.0, 1, "found", np.zeros(most // 8 - 1000))

    monkeypatch.setattr(training, "run", run)

    async def act(works: Works, pool: Own) -> None:
        for one in others_like(LARGE, 4):
            await works.whole("training", one, "here")
            await asyncio.sleep(0)
            assert works.known("training", one).whole
            assert works.kept.currsize <= works.kept.maxsize

    with_works(act)


# Time --------------------------------------------------------------------------------------------


def passed(monkeypatch: pytest.MonkeyPatch, work: Any, seconds: float) -> None:
    """From now on it is always so long since the work began."""
    monkeypatch.setattr("app.work.monotonic", lambda: work.began + seconds)


def test_the_time_left_of_a_map_is_that_of_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(works: Works, pool: Own) -> None:
        pool.let.clear()
        work = works.of("phase", asked())
        assert work.left_s() is None
        passed(monkeypatch, work, 10)
        work.known = Known(share=0.25)
        assert work.left_s() == pytest.approx(30)
        work.task.cancel()

    with_works(act)


def test_the_time_left_of_a_training_is_that_of_its_longer_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(works: Works, pool: Own) -> None:
        pool.let.clear()
        work = works.of("training", LESSON)
        assert work.left_s() is None
        passed(monkeypatch, work, 10)
        ten, twenty = (
            training.computed.chunk(*LESSON[:2], "cell", None, n).learner for n in (10, 20)
        )
        slow, fast = (training.chains.Chain(one, update_s=0.1) for one in (ten, twenty))
        work.known = Known(share=0.5, kept={"cell": slow, "rnn": fast})
        assert work.left_s() == pytest.approx(20)
        # Who has solved the task early takes no more time.
        ended = training.chains.Chain(ten, course=training.Course((), "solved"))
        work.known = Known(share=0.5, kept={"cell": ended, "rnn": fast})
        assert work.left_s() == pytest.approx(5)
        work.task.cancel()

    with_works(act)
