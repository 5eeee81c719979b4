"""Worker processes: each by itself, replaced when it dies, interrupted when not wanted."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.pace import Pace
from app.pool import Full, Job, Lost, Pool, TookTooLong
from app.worker import Call, Worker
from tests.app import work

pytestmark = pytest.mark.slow

BRIEF_S = 1.0
PATIENCE_S = 300  # on a busy machine; a fault alone takes so long
KIND = ("test", "plain")


class Counted(Pool):
    """A pool that remembers what it was told to count."""

    def __init__(self, number: int, **more: Any) -> None:
        self.outcomes: list[str] = []
        self.reasons: list[str] = []
        usual = {
            "memory_bytes": 200 * 2**20,
            "time_limit_s": 120.0,
            "most_waiting": 50,
            "most_wait_s": 60.0,
        }
        super().__init__(
            number,
            ended=self.outcomes.append,
            replaced=self.reasons.append,
            **usual | more,  # type: ignore[arg-type]
        )

    def begin(self, call: Callable[..., Any], *arguments: Any, expected_s: float = 0.01) -> Job:
        return self.submit(KIND, (call, arguments), expected_s)

    async def run(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await self.begin(call, *arguments).wait()

    @property
    def pids(self) -> list[int]:
        return [worker.process.pid or 0 for worker in self.workers.values()]


def with_pool(number: int, act: Callable[[Counted], Awaitable[Any]], **more: Any) -> Any:
    """What `act` returns, given a pool of its own."""

    async def story() -> Any:
        pool = Counted(number, **more)
        await pool.start("tests.app.work")
        try:
            return await asyncio.wait_for(act(pool), PATIENCE_S)
        finally:
            pool.stop()

    return asyncio.run(story())


@pytest.fixture(autouse=True)
def lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that a busy machine does not let run is not one that hangs."""
    monkeypatch.setattr("app.pool.LETS_GO_WITHIN_S", 60.0)
    monkeypatch.setattr("app.pool.ASKED_TO_STOP", 600)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


# Work --------------------------------------------------------------------------------------------


def test_workers_are_processes_of_their_own_and_work_at_the_same_time() -> None:
    async def act(pool: Counted) -> None:
        found = await asyncio.gather(*(pool.run(work.pid, 0.3) for _ in range(4)))
        assert set(found) == set(pool.pids) and len(set(found)) == 2
        assert os.getpid() not in found
        assert pool.outcomes == ["done"] * 4 and pool.jobs == {} and pool.busy == 0

    with_pool(2, act)


def test_a_worker_has_one_thread_heeds_no_signal_of_the_group_and_lets_the_door_go_first() -> None:
    async def act(pool: Counted) -> None:
        threads, pid, nice = await pool.run(work.surroundings)
        assert threads == "1"
        assert [pid] == pool.pids and pool.reasons == []
        assert nice > os.nice(0)

    with_pool(1, act)


def test_an_error_of_the_work_is_the_answer_and_tells_where_it_was() -> None:
    async def act(pool: Counted) -> None:
        with pytest.raises(ValueError, match="no such thing") as refused:
            await pool.run(work.refuse, "no such thing")
        assert "in refuse" in "".join(refused.value.__notes__)
        assert await pool.run(work.pid) in pool.pids
        assert pool.outcomes == ["failed", "done"] and pool.reasons == []

    with_pool(1, act)


@pytest.mark.parametrize("call", [work.unsendable, work.unreadable])
def test_what_cannot_travel_is_told_of(call: Callable[..., Any]) -> None:
    async def act(pool: Counted) -> None:
        with pytest.raises(TypeError):
            await pool.run(call)
        assert await pool.run(work.pid) in pool.pids
        assert pool.reasons == []

    with_pool(1, act)


def test_large_answers_come_whole() -> None:
    async def act(pool: Counted) -> None:
        assert await pool.run(work.large, 30) == bytes(30 * 2**20)

    with_pool(1, act)


# Workers that die or hang ------------------------------------------------------------------------


def test_a_worker_killed_at_rest_is_replaced() -> None:
    async def act(pool: Counted) -> None:
        (before,) = pool.pids
        os.kill(before, signal.SIGKILL)
        await until(lambda: pool.workers[0].gone)
        assert await pool.run(work.pid) != before
        assert pool.reasons == ["died"]

    with_pool(1, act)


def test_a_worker_killed_at_work_is_replaced_and_its_work_done_again(tmp_path: Path) -> None:
    async def act(pool: Counted) -> None:
        other = pool.begin(work.pid, 0.5)
        await asyncio.sleep(0.1)
        untouched = set(pool.pids)
        assert await pool.run(work.die_once, str(tmp_path / "mark")) == "alive"
        assert await other.wait() in untouched  # whatever becomes of one, no other is disturbed
        assert len(untouched & set(pool.pids)) == 1
        assert pool.reasons == ["died"] and sorted(pool.outcomes) == ["done", "done"]

    with_pool(2, act)


def test_work_that_kills_two_workers_is_lost_and_the_next_is_done() -> None:
    async def act(pool: Counted) -> None:
        with pytest.raises(Lost):
            await pool.run(work.die_always)
        assert await pool.run(work.pid) in pool.pids
        assert pool.outcomes == ["lost", "done"] and pool.reasons == ["died", "died"]

    with_pool(1, act)


def test_work_that_takes_more_memory_than_a_worker_may_is_lost_and_the_next_is_done() -> None:
    async def act(pool: Counted) -> None:
        assert await pool.run(work.take, 50) == 50 * 2**20
        with pytest.raises(Lost):
            await pool.run(work.take, 1000)
        assert await pool.run(work.take, 50) == 50 * 2**20

    with_pool(1, act)


def test_workers_can_be_had_after_the_process_that_they_come_from_was_killed() -> None:
    async def act(pool: Counted) -> None:
        parent = await pool.run(work.parent)
        os.kill(parent, signal.SIGKILL)
        before = await pool.run(work.pid)
        os.kill(before, signal.SIGKILL)
        assert await pool.run(work.pid) != before

    with_pool(1, act)


def test_a_job_can_be_stopped_after_the_process_that_workers_come_from_was_killed() -> None:
    async def act(pool: Counted) -> None:
        os.kill(await pool.run(work.parent), signal.SIGKILL)
        (before,) = pool.pids
        with pytest.raises(TookTooLong):
            await pool.run(work.walk, 30_000)
        assert await pool.run(work.pid) == before

    with_pool(1, act, time_limit_s=BRIEF_S)


def test_a_place_outlives_any_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(pool: Counted) -> None:
        attend = pool.attend

        async def fail(place: int, job: Job) -> str:
            monkeypatch.setattr(pool, "attend", attend)
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(pool, "attend", fail)
        with pytest.raises(Lost):
            await pool.run(work.pid)
        assert await pool.run(work.pid) in pool.pids
        assert pool.busy == 0 and pool.there

    with_pool(1, act)


def test_a_worker_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pool.HIRE_AGAIN_AFTER_S", 0.05)
    hire = Worker

    def fail(*_: object) -> None:
        monkeypatch.setattr("app.pool.Worker", hire)
        raise OSError(24, "Too many open files")

    async def act(pool: Counted) -> None:
        os.kill(pool.pids[0], signal.SIGKILL)
        await until(lambda: pool.workers[0].gone)
        monkeypatch.setattr("app.pool.Worker", fail)
        assert await pool.run(work.pid) in pool.pids

    with_pool(1, act)


def test_a_pool_can_be_stopped_while_a_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(place: int) -> None:
        await asyncio.sleep(30)

    async def act(pool: Counted) -> None:
        monkeypatch.setattr(pool, "hire", slowly)
        os.kill(pool.pids[0], signal.SIGKILL)
        await until(lambda: pool.workers[0].gone)
        waiter = asyncio.create_task(pool.run(work.pid))
        await until(lambda: 0 not in pool.workers)
        pool.stop()
        waiter.cancel()

    with_pool(1, act)


def test_a_worker_that_hangs_is_killed_and_its_work_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pool.LETS_GO_WITHIN_S", 1.0)
    monkeypatch.setattr("app.pool.ASKED_TO_STOP", 10)

    async def act(pool: Counted) -> None:
        (before,) = pool.pids
        assert await pool.run(work.stop_once, str(tmp_path / "mark")) == "alive"
        assert pool.pids != [before] and pool.reasons == ["hung"]

    with_pool(1, act, time_limit_s=5 * BRIEF_S)


# Work that is not wanted -------------------------------------------------------------------------


@pytest.mark.parametrize("loop", [work.walk, work.swallow])
def test_work_that_takes_too_long_is_stopped_within_its_loop(loop: Callable[..., Any]) -> None:
    async def act(pool: Counted) -> None:
        before = pool.pids
        with pytest.raises(TookTooLong):
            await pool.run(loop, 300_000)  # longer than one waits for it here
        assert await pool.run(work.pid) == before[0]  # the same worker goes on
        assert pool.outcomes == ["late", "done"] and pool.reasons == []

    with_pool(1, act, time_limit_s=BRIEF_S)


def test_work_that_nobody_waits_for_any_more_is_stopped(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def act(pool: Counted) -> None:
        waiter = asyncio.create_task(pool.run(work.walk, 30_000, str(mark)))
        await until(mark.exists)
        waiter.cancel()
        await until(lambda: pool.outcomes == ["stopped"])
        there = mark.read_text()
        assert pool.jobs == {} and await pool.run(work.pid) in pool.pids
        await asyncio.sleep(0.1)
        assert mark.read_text() == there
        assert pool.reasons == []

    with_pool(1, act)


def test_work_dropped_at_the_very_moment_it_begins_takes_no_worker_along() -> None:
    async def act(pool: Counted) -> None:
        for n in range(100):
            waiter = asyncio.create_task(pool.run(work.walk, 30_000))
            while pool.busy == 0:
                await asyncio.sleep(0)
            waiter.cancel()
            await until(lambda done=n + 1: len(pool.outcomes) == done)
        assert pool.outcomes == ["stopped"] * 100 and pool.reasons == []

    with_pool(1, act)


def test_work_that_one_of_two_waits_for_goes_on() -> None:
    async def act(pool: Counted) -> None:
        job = pool.begin(work.walk, 200)
        gone, there = (asyncio.create_task(job.wait()) for _ in range(2))
        await until(lambda: pool.busy == 1)
        gone.cancel()
        assert await there == 200

    with_pool(1, act)


def test_work_given_up_before_it_began_is_never_begun(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def act(pool: Counted) -> None:
        first = asyncio.create_task(pool.run(work.walk, 1000))
        second = asyncio.create_task(pool.run(work.walk, 10, str(mark)))
        await until(lambda: pool.busy == 1)
        second.cancel()
        assert await first == 1000
        await until(lambda: sorted(pool.outcomes) == ["done", "stopped"])
        assert not mark.exists()

    with_pool(1, act)


def test_all_who_wait_can_be_told_something_else() -> None:
    async def act(pool: Counted) -> None:
        waiting = [asyncio.create_task(pool.run(work.walk, 30_000)) for _ in range(3)]
        await until(lambda: pool.busy == 1)
        pool.give_up(KeyError("over"))
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in found] == [KeyError] * 3
        await until(lambda: pool.outcomes == ["stopped"] * 3)

    with_pool(1, act)


def test_a_pool_that_is_stopped_at_work_leaves_no_error_unheard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act(pool: Counted) -> None:
        waiter = asyncio.create_task(pool.run(work.walk, 300_000))
        await until(lambda: pool.busy == 1)
        pool.stop()
        waiter.cancel()

    with_pool(1, act)
    gc.collect()
    assert caplog.text == ""


# The queue ---------------------------------------------------------------------------------------


def idle(number: int = 1, **more: Any) -> Counted:
    """A pool that never starts: what is put into it stays."""
    return Counted(number, **more)


def a_job(pool: Counted, expected_s: float = 0.01) -> Job:
    call: Call = (work.pid, ())
    return pool.submit(KIND, call, expected_s)


def test_the_queue_has_an_end() -> None:
    async def act() -> None:
        pool = idle(2, most_waiting=3)
        for _ in range(5):
            a_job(pool)
        with pytest.raises(Full) as refused:
            a_job(pool)
        assert refused.value.wait_s == pytest.approx(5 * pool.pace.seconds(KIND, 0.01) / 2)

    asyncio.run(act())


def test_who_would_wait_too_long_is_refused_and_told_how_long() -> None:
    async def act() -> None:
        pool = idle(most_wait_s=10.0)
        a_job(pool, 7.0)
        a_job(pool, 4.0)
        with pytest.raises(Full) as refused:
            a_job(pool)
        assert refused.value.wait_s == pytest.approx(11.0, abs=0.1)

    asyncio.run(act())


def test_a_free_worker_takes_anything_however_long() -> None:
    async def act() -> None:
        pool = idle(most_wait_s=10.0, most_waiting=0)
        a_job(pool, 1000.0)

    asyncio.run(act())


def test_who_gave_up_waiting_makes_room() -> None:
    async def act() -> None:
        pool = idle(most_waiting=0)
        job = a_job(pool)
        with pytest.raises(Full):
            a_job(pool)
        job.answer.cancel()
        await asyncio.sleep(0)
        a_job(pool)

    asyncio.run(act())


def test_how_long_work_takes_is_learnt_from_small_jobs_and_from_large_ones() -> None:
    async def act(pool: Counted) -> None:
        for _ in range(30):
            await pool.begin(work.pid, 0.05, expected_s=0.001).wait()
        assert 0.04 < pool.pace.seconds(KIND, 0.0) < 1.0
        # What every answer takes says nothing of what each step takes.
        assert pool.pace.seconds(KIND, 10.0) - pool.pace.seconds(KIND, 0.0) == 10.0
        for _ in range(12):
            await pool.begin(work.pid, 0.5, expected_s=0.25).wait()
        assert 1.3 < pool.pace.seconds(KIND, 1.0) - pool.pace.seconds(KIND, 0.0) < 4.0
        assert pool.pace.seconds(("other", "plain"), 1.0) < 1.1

    with_pool(1, act)


def test_nothing_that_was_learnt_makes_more_than_five_of_one() -> None:
    pace = Pace()
    for _ in range(100):
        pace.learn(KIND, 1.0, 1000.0)
        pace.learn(KIND, 0.0, 1000.0)
    assert pace.seconds(KIND, 1.0) <= 7.0


def test_a_queue_whose_waiters_leave_is_empty() -> None:
    async def act() -> None:
        pool = idle(most_waiting=0)
        for _ in range(1000):
            a_job(pool).answer.cancel()
            await asyncio.sleep(0)
        assert pool.jobs == {} and pool.outcomes == ["stopped"] * 1000

    asyncio.run(act())
