"""A Dask cluster does chunks: the same bits, and a loss of anything is told within seconds."""

import asyncio
import importlib.util
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import dask
import pytest

from app import cluster as its
from app.cluster import Cluster, ClusterLost
from app.stages import Alone, Call
from tests.app import chunks, work
from tests.cluster import Here, cluster
from tests.load.processes import process, tree

pytestmark = pytest.mark.server

NOTICED_WITHIN_S = 30.0  # 5 on a quiet machine; the work itself would take a minute


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    """A cluster that tests leave as it was; nothing of it is left in the end."""
    with cluster(workers=2) as here:
        yield here
        assert here.scheduler is not None
        leaders = [process.pid for process in (here.scheduler, *here.nannies)]
        family = [one.pid for leader in leaders for one in tree(leader)]
    assert len(family) >= 5  # the scheduler, two workers and their nannies
    assert not [pid for pid in family if process(pid)]


@pytest.fixture(scope="module")
def apart() -> Iterator[Here]:
    with cluster(workers=1) as here:
        yield here


@pytest.fixture
def doomed(apart: Here) -> Here:
    """A cluster with a worker, which a test may take apart."""
    if not apart.workers:
        apart.start_workers(1)
    return apart


def with_cluster(address: str, act: Callable[[Cluster], Awaitable[None]]) -> None:
    """Have something done with a cluster that is there."""

    async def run() -> None:
        found = Cluster(address)
        await found.start()
        try:
            await until(lambda: found.there)
            await act(found)
        finally:
            await found.stop()

    asyncio.run(run())


async def until(fact: Callable[[], object], limit_s: float = 120.0) -> float:
    """Wait for something to become true; how long that took."""
    start = time.monotonic()
    while not fact():
        assert time.monotonic() - start < limit_s
        await asyncio.sleep(0.02)
    return time.monotonic() - start


def begun(mark: Path) -> bool:
    return mark.exists() and bool(mark.read_text())


async def tasks_of(found: Cluster) -> int:
    """How many chunks the scheduler knows of."""
    known = await found.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
    return int(known)


# At work -----------------------------------------------------------------------------------------


def test_a_cluster_brings_the_same_bits(here: Here) -> None:
    async def act(found: Cluster) -> None:
        calls: list[Call] = [(chunks.chain, (seed, 300)) for seed in range(8)]
        brought = await asyncio.gather(*(found.do(call, 0.1) for call in calls))
        for call, there in zip(calls, brought, strict=True):
            assert there.tobytes() == (await Alone().do(call, 0.1)).tobytes()
            there[0] = 0.0  # it is one's own
        pids = await asyncio.gather(*(found.do((work.pid, (0.2,)), 0.2) for _ in range(4)))
        assert {*pids} == {*here.workers}
        assert found.threads == 2 and found.width == 3

    with_cluster(here.address, act)


def test_the_fault_of_a_call_is_told_as_it_is(here: Here) -> None:
    async def act(found: Cluster) -> None:
        with pytest.raises(ValueError, match="no such thing") as refused:
            await found.do((work.refuse, ("no such thing",)), 0.0)
        assert "in refuse" in "".join(refused.value.__notes__)
        with pytest.raises(TypeError):
            await found.do((work.unsendable, ()), 0.0)
        with pytest.raises(TypeError):
            await found.do((work.unreadable, ()), 0.0)
        with pytest.raises(ClusterLost, match="memory"):
            await found.do((chunks.run_out, ()), 0.0)
        assert await found.do((work.pid, ()), 0.0) in here.workers

    with_cluster(here.address, act)


def test_large_answers_come_whole(here: Here) -> None:
    async def act(found: Cluster) -> None:
        assert await found.do((work.large, (30,)), 0.0) == bytes(30 * 2**20)

    with_cluster(here.address, act)


def test_workers_keep_the_memory_of_arrays_for_the_next_ones(here: Here) -> None:
    async def act(found: Cluster) -> None:
        await found.do((chunks.faults, (2, 4)), 0.0)
        pages = 4 * 2**20 // resource.getpagesize()
        assert await found.do((chunks.faults, (50, 4)), 0.0) < 10 * pages  # not fifty times

    with_cluster(here.address, act)


# Work that is not wanted -------------------------------------------------------------------------


def test_work_that_nobody_waits_for_any_more_is_not_begun(here: Here, tmp_path: Path) -> None:
    async def act(found: Cluster) -> None:
        first = [
            asyncio.create_task(found.do((chunks.where, (str(tmp_path / f"first{n}"), 1.0)), 1.0))
            for n in range(2)
        ]
        await until(lambda: begun(tmp_path / "first0") and begun(tmp_path / "first1"))
        others = [
            asyncio.create_task(found.do((chunks.where, (str(tmp_path / f"other{n}"), 0.0)), 0.1))
            for n in range(20)
        ]
        await asyncio.sleep(0.2)
        for other in others:
            other.cancel()
        told = await asyncio.gather(*others, return_exceptions=True)
        assert [type(one) for one in told] == [asyncio.CancelledError] * 20
        assert {*await asyncio.gather(*first)} == {*here.workers}
        assert await found.do((work.pid, ()), 0.0) in here.workers
        assert not [*tmp_path.glob("other*")]
        assert found.since == {}

    with_cluster(here.address, act)


def test_work_dropped_at_the_very_moment_it_is_sent_is_forgotten(here: Here) -> None:
    async def act(found: Cluster) -> None:
        for _ in range(50):
            waiter = asyncio.create_task(found.do((work.pid, (0.2,)), 0.2))
            await asyncio.sleep(0.001)
            waiter.cancel()
        await until(lambda: not found.asides)
        async with asyncio.timeout(120):
            while await tasks_of(found):
                await asyncio.sleep(0.02)

    with_cluster(here.address, act)


# Losses ------------------------------------------------------------------------------------------


def test_a_worker_killed_at_work_is_replaced_and_its_work_done_again(
    here: Here, tmp_path: Path
) -> None:
    async def act(found: Cluster) -> None:
        mark = tmp_path / "mark"
        waiter = asyncio.create_task(found.do((chunks.where, (str(mark), 1.0)), 1.0))
        await until(lambda: begun(mark))
        victim = int(mark.read_text())
        os.kill(victim, signal.SIGKILL)
        assert await waiter != victim
        await until(lambda: found.threads == 2)

    with_cluster(here.address, act)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_dies_or_hangs_is_missed_and_found_again(
    doomed: Here, number: signal.Signals
) -> None:
    async def act(found: Cluster) -> None:
        waiters = [asyncio.create_task(found.do((work.pid, (60.0,)), 60.0)) for _ in range(3)]
        await asyncio.sleep(0.3)
        doomed.kill(number)
        start = time.monotonic()
        told = await asyncio.gather(*waiters, return_exceptions=True)
        assert time.monotonic() - start < NOTICED_WITHIN_S
        assert [str(one) for one in told] == [its.SILENT] * 3
        assert not found.there
        with pytest.raises(ClusterLost, match="does not answer"):
            await found.do((work.pid, ()), 0.0)
        await asyncio.to_thread(doomed.start, 1)
        await until(lambda: found.there)
        assert await found.do((work.pid, ()), 0.0) in doomed.workers

    with_cluster(doomed.address, act)


def test_a_cluster_without_workers_is_missed(doomed: Here) -> None:
    async def act(found: Cluster) -> None:
        waiter = asyncio.create_task(found.do((work.pid, (60.0,)), 60.0))
        await asyncio.sleep(0.3)
        os.killpg(doomed.nannies[0].pid, signal.SIGKILL)
        start = time.monotonic()
        with pytest.raises(ClusterLost, match="no workers"):
            await waiter
        assert time.monotonic() - start < NOTICED_WITHIN_S
        assert not found.there

    with_cluster(doomed.address, act)


@pytest.mark.slow
def test_work_that_kills_every_worker_is_lost(here: Here) -> None:
    async def act(found: Cluster) -> None:
        with pytest.raises(ClusterLost):
            await found.do((work.die_always, ()), 0.0)
        await until(lambda: found.threads == 2)

    with_cluster(here.address, act)


def test_work_that_is_never_finished_is_given_up(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(its, "PATIENCE_S", 1.2)

    async def act(found: Cluster) -> None:
        await asyncio.gather(*(found.do((work.pid, (0.25,)), 0.0) for _ in range(2)))
        # Who only waits for those who came before is not late.
        await asyncio.gather(*(found.do((work.pid, (0.25,)), 0.0) for _ in range(14)))
        with pytest.raises(ClusterLost, match="not finish"):
            await found.do((work.pid, (1.6,)), 0.0)
        assert found.there

    with_cluster(here.address, act)


def test_a_worker_of_another_version_is_refused(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(found: Cluster) -> None:
        monkeypatch.setattr(its, "version", lambda: "another")
        with pytest.raises(ClusterLost, match="another version"):
            await found.do((work.pid, ()), 0.0)
        assert not found.there

    with_cluster(here.address, act)


def test_a_cluster_with_workers_of_another_version_is_not_there(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act() -> None:
        found = Cluster(here.address)
        await found.start()
        await until(lambda: found.why == its.STRANGE)
        assert not found.there
        await found.stop()

    monkeypatch.setattr(its, "version", lambda: "another")
    asyncio.run(act())


def test_a_worker_that_may_sum_in_several_threads_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = pickle.dumps((work.pid, ()))
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert pickle.loads(its.perform(call, its.version())) == ("unfit", its.THREADED)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert pickle.loads(its.perform(call, its.version())) == ("done", os.getpid())
    assert pickle.loads(its.perform(call, "another")) == ("unfit", its.STRANGE)


# Beginning and end -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_cluster_may_come_later(tmp_path: Path) -> None:
    async def act(later: Here) -> None:
        found = Cluster(later.address)
        await found.start()  # does not wait for a scheduler that nobody has started
        assert not found.there and found.width == 1
        with pytest.raises(ClusterLost, match="not been reached"):
            await found.do((work.pid, ()), 0.0)
        await asyncio.to_thread(later.start, 0)
        await until(lambda: found.why == its.EMPTY)
        await asyncio.to_thread(later.start_workers, 1)
        await until(lambda: found.there)
        assert await found.do((work.pid, ()), 0.0) in later.workers
        waiter = asyncio.create_task(found.do((work.pid, (60.0,)), 60.0))
        await asyncio.sleep(0.1)
        await found.stop()
        with pytest.raises(ClusterLost, match="closed"):
            await waiter

    later = Here(tmp_path)
    try:
        asyncio.run(act(later))
    finally:
        later.stop()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_cluster_may_talk_in_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster", "-days", "2")
    where = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", *made, *where], check=True, capture_output=True, timeout=30)
    known = {
        "distributed.comm.tls.ca_file": str(certificate),
        "distributed.comm.require_encryption": "True",
    }
    for who in ("scheduler", "worker", "client"):
        known[f"distributed.comm.tls.{who}.cert"] = str(certificate)
        known[f"distributed.comm.tls.{who}.key"] = str(key)
    environment = {f"DASK_{name.upper().replace('.', '__')}": path for name, path in known.items()}
    here = Here(tmp_path, environment, "tls")

    async def act(found: Cluster) -> None:
        assert await found.do((work.pid, ()), 0.0) in here.workers

    async def stranger() -> None:
        found = Cluster(here.address)
        await found.start()
        await until(lambda: found.why == its.SILENT)
        await found.stop()

    try:
        here.start(1)
        with dask.config.set(known):
            with_cluster(here.address, act)
        asyncio.run(stranger())
    finally:
        here.stop()


def test_a_cluster_that_never_came_can_be_left() -> None:
    async def act() -> None:
        found = Cluster("tcp://127.0.0.1:1")
        await found.stop()
        await found.start()
        await asyncio.sleep(0.1)
        await found.stop()
        assert not found.there

    asyncio.run(act())


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"DASK_SCHEDULER=.*requirements/cluster\.txt"):
        Cluster("tcp://scheduler:8786")


def test_the_app_needs_nothing_of_dask_s_without_a_cluster() -> None:
    code = "import sys, app.main; sys.exit(bool({'dask', 'distributed'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
