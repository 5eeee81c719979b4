"""Where the work runs: what is admitted, what happens when a worker dies, what is kept."""

import asyncio
import os
import pickle
import signal
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.answers import Answers, Timing
from app.budget import FLOPS_LIMIT, affordable, flops
from app.compute import CACHE_BYTES, Compute, admit, left_float64, new_pool
from app.errors import Problem
from app.knobs import Experiment
from app.links import Asked, read
from app.view import View
from lstm_engine import CELLS, LeftFloat64

SMALL = Experiment(T=5, H=2, D=1)


# Admission ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("H", "T"), [(1, 1), (32, 100), (256, 20000)])
def test_the_cost_is_six_times_units_cubed_times_steps(H: int, T: int) -> None:
    assert flops(Experiment(H=H, T=T)) == 6 * H**3 * T


@pytest.mark.parametrize("H", [1, 32, 118, 119, 128, 200, 256])
def test_experiments_are_admitted_up_to_the_limit(H: int) -> None:
    most = min(20000, int(FLOPS_LIMIT // (6 * H**3)))
    admit(Asked(Experiment(H=H, T=most)))
    if most < 20000:
        with pytest.raises(Problem) as refused:
            admit(Asked(Experiment(H=H, T=most + 1), view=View(lag="log")))
        nearest, _, view = read((refused.value.nearest or "").encode(), with_view=True)
        assert (H, most) == (nearest.H, nearest.T)
        assert view == View(lag="log")
        assert refused.value.status == 422


def test_ones_own_text_is_affordable_at_any_size() -> None:
    admit(Asked(Experiment(H=256, signal="text", text="x" * 1000).in_force()))


def test_the_refusal_names_cost_limit_and_what_to_lower() -> None:
    with pytest.raises(Problem) as refused:
        admit(Asked(Experiment(H=256, T=20000)))
    assert "2.0\u00a0×\u00a010¹²" in refused.value.detail
    assert "2.0\u00a0×\u00a010¹¹" in refused.value.detail
    assert "lower T to 1986 or lower H" in refused.value.detail
    assert [error.key for error in refused.value.errors] == ["T"]


def test_a_state_that_leaves_float64_keeps_cell_and_step_on_its_way_between_processes() -> None:
    again = pickle.loads(pickle.dumps(LeftFloat64("rnn", 7)))
    assert (again.cell, again.step) == ("rnn", 7)


def test_the_knob_to_lower_belongs_to_the_network_that_left() -> None:
    problem = left_float64(LeftFloat64("rnn", 7), Asked(Experiment(T=50, rnn_gain=9.5)))
    assert [(error.key, error.value) for error in problem.errors] == [("rnn_gain", "9.5")]
    assert problem.nearest == "v=1&T=6&rnn_gain=9.5"
    for cell in CELLS:
        knobs = Experiment(T=50, cell=cell, amplitude=100.0)
        problem = left_float64(LeftFloat64(cell, 7), Asked(knobs, view=View(unit=1)))
        assert [(error.key, error.value) for error in problem.errors] == [("amplitude", "100")]
        assert problem.nearest.endswith("&amplitude=100&unit=1") and "T=6" in problem.nearest


def test_ones_own_text_keeps_its_length_where_a_state_leaves_float64() -> None:
    own = Experiment(signal="text", text="abc", rnn_gain=9.5).in_force()
    problem = left_float64(LeftFloat64("rnn", 2), Asked(own))
    assert problem.nearest == "v=1&signal=text&text=abc"


def test_only_what_is_too_large_is_shortened() -> None:
    assert affordable(SMALL) is SMALL
    assert affordable(Experiment(H=256, T=20000)).T == 1986


# Workers -----------------------------------------------------------------------------------------


def with_workers(number: int, act: Callable[[Compute], Awaitable[Any]]) -> Any:
    """What `act` returns, given workers of its own."""

    async def story() -> Any:
        compute = Compute(number)
        await compute.start()
        try:
            return await act(compute)
        finally:
            compute.stop()

    return asyncio.run(story())


def told(text: str) -> Answers:
    return Answers({"text": text.encode()}, Timing(0.0, 0.0))


def pid(_: str) -> Answers:
    time.sleep(0.1)  # long enough for the other worker to take the next one
    return told(str(os.getpid()))


def surroundings() -> Answers:
    threads = os.environ.get("OPENBLAS_NUM_THREADS")
    return told(f"{threads} {signal.getsignal(signal.SIGINT) == signal.SIG_IGN}")


def die_once(mark: str) -> Answers:
    """Kills its own process, unless one did so before and left the mark."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return told("alive")


def die_always() -> Answers:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still here")


def pids(compute: Compute) -> set[int]:
    assert compute.pool is not None
    return set(compute.pool._processes)


def test_workers_are_processes_of_their_own_with_one_thread_each() -> None:
    async def act(compute: Compute) -> set[str]:
        answers = await asyncio.gather(*(compute.run(pid, str(n)) for n in range(4)))
        around = await compute.run(surroundings)
        assert around.bodies["text"] == b"1 True"
        return {answer.bodies["text"].decode() for answer in answers}

    found = with_workers(2, act)
    assert len(found) == 2
    assert str(os.getpid()) not in found


def test_workers_killed_at_rest_are_replaced_and_the_next_request_answered() -> None:
    async def act(compute: Compute) -> None:
        before = pids(compute)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        finished = await compute.answer("highway", "json", Asked(SMALL))
        assert finished.body.startswith(b'{"version":1')
        assert not before & pids(compute)

    with_workers(2, act)


def test_a_worker_killed_at_work_is_replaced_and_its_request_answered(tmp_path: Path) -> None:
    async def act(compute: Compute) -> None:
        before = pids(compute)
        answers = await compute.run(die_once, str(tmp_path / "mark"))
        assert answers.bodies["text"] == b"alive"
        assert not before & pids(compute)

    with_workers(1, act)


def test_all_requests_that_lost_their_worker_are_answered_by_one_new_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[ProcessPoolExecutor] = []

    def counting(workers: int) -> ProcessPoolExecutor:
        pools.append(new_pool(workers))
        return pools[-1]

    monkeypatch.setattr("app.compute.new_pool", counting)

    async def act(compute: Compute) -> None:
        requests = [compute.run(pid, str(n)) for n in range(6)]
        requests.append(compute.run(die_once, str(tmp_path / "mark")))
        answers = await asyncio.gather(*requests)
        assert len(answers) == 7
        assert len(pools) == 2  # the first one, and one for all seven

    with_workers(2, act)


def test_work_that_kills_every_worker_is_refused_for_now_and_others_are_answered() -> None:
    async def act(compute: Compute) -> None:
        with pytest.raises(Problem) as refused:
            await compute.run(die_always)
        assert refused.value.status == 503
        assert refused.value.retry_after_s
        assert (await compute.answer("highway", "json", Asked(SMALL))).body

    with_workers(1, act)


def test_a_killed_worker_of_the_app_is_not_noticed_by_its_clients(
    client: TestClient, app: FastAPI
) -> None:
    for worker in pids(app.state.compute):
        os.kill(worker, signal.SIGKILL)
    assert client.get("/api/highway?T=7&H=2&seed=31").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/?v=1&T=7&seed=32", "/api/highway?T=7&seed=32", "/preview.png"])
def test_lost_work_is_a_503_that_says_when_to_come_back(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    class Broken:
        def submit(self, *arguments: object) -> None:
            raise BrokenProcessPool

        def shutdown(self, *, wait: bool) -> None:
            pass

    monkeypatch.setattr(app.state.compute, "pool", Broken())
    monkeypatch.setattr("app.compute.new_pool", lambda workers: Broken())
    app.state.compute.kept.clear()
    answer = client.get(path)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "no-store"


# What is kept ------------------------------------------------------------------------------------


def counted(compute: Compute) -> list[object]:
    """The calls for work from now on, one entry each."""
    calls: list[object] = []
    run = compute.run

    async def counting(work: Callable[..., Answers], *arguments: object) -> Answers:
        calls.append(arguments)
        return await run(work, *arguments)

    compute.run = counting  # type: ignore[method-assign]
    return calls


def test_the_same_question_is_answered_with_the_same_bytes_without_work() -> None:
    async def act(compute: Compute) -> None:
        calls = counted(compute)
        first = await compute.answer("highway", "json", Asked(SMALL))
        again = await compute.answer("highway", "json", Asked(SMALL.model_copy()))
        assert again.body is first.body
        assert (again.timing, again.total_ms) == (Timing(0.0, 0.0), 0.0)
        assert len(calls) == 1
        tensors = await compute.tensors(Asked(SMALL))
        assert (await compute.tensors(Asked(SMALL))).body is tensors.body
        assert len(calls) == 2

    with_workers(1, act)


def test_other_experiments_views_and_forms_are_not_confused() -> None:
    async def act(compute: Compute) -> None:
        bodies = [
            (await compute.answer("highway", form, Asked(experiment, view=view))).body
            for form in ("json", "csv", "plot")
            for experiment in (SMALL, SMALL.model_copy(update={"seed": 1}))
            for view in (View(), View(lag="log"))
        ]
        # A view changes what is drawn, no number.
        assert len(set(bodies)) == 2 + 2 + 4

    with_workers(1, act)


def test_what_a_page_will_ask_for_next_comes_from_the_same_work() -> None:
    async def act(compute: Compute) -> None:
        calls = counted(compute)
        await compute.answer("highway", "words", Asked(SMALL), also=("wide", "plot"))
        assert (await compute.answer("highway", "wide", Asked(SMALL))).body
        assert (await compute.answer("highway", "plot", Asked(SMALL))).body
        assert len(calls) == 1

    with_workers(1, act)


def test_the_first_picture_and_plot_of_a_page_need_no_further_work(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/?v=1&T=9&H=2&seed=33").status_code == 200

    def no_more(*arguments: object) -> None:
        raise AssertionError("worked again")

    monkeypatch.setattr(app.state.compute, "run", no_more)
    pictures = [f"/picture/highway-{width}.svg" for width in ("wide", "narrow")]
    for path in (*pictures, "/plot/highway"):
        assert client.get(f"{path}?v=1&T=9&H=2&seed=33").status_code == 200


@pytest.mark.parametrize(("T", "kept"), [(1001, True), (9, False)])
def test_the_plot_of_what_takes_long_is_kept_with_its_sketch(
    client: TestClient, app: FastAPI, T: int, kept: bool
) -> None:
    query = f"v=1&T={T}&H=2&seed=35"
    assert client.get(f"/sketch/highway-wide?{query}").status_code == 200
    assert (("highway", query, "plot") in app.state.compute.kept) is kept


def test_what_the_client_has_already_needs_no_work(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = client.get("/api/highway?T=9&H=2&seed=34").headers["etag"]
    app.state.compute.kept.clear()
    monkeypatch.setattr(app.state.compute, "run", None)
    answer = client.get("/api/highway?seed=34&T=9&H=2", headers={"If-None-Match": mark})
    assert answer.status_code == 304


def test_kept_answers_stay_within_their_share_of_memory() -> None:
    def lots(megabytes: int) -> Answers:
        return Answers({"json": bytes(megabytes * 2**20)}, Timing(0.0, 0.0))

    async def act(compute: Compute) -> None:
        async def run(work: Callable[..., Answers], *arguments: object) -> Answers:
            return work(*arguments)

        compute.run = run  # type: ignore[method-assign]
        for n in range(10):
            await compute.finish(("highway", str(n), "json"), Asked(SMALL), lots, 15)
        kept = sum(map(len, compute.kept.values()))
        assert 0 < kept <= CACHE_BYTES
        # One that would push out most others is told and not kept.
        before = dict(compute.kept)
        finished = await compute.finish(("highway", "x", "json"), Asked(SMALL), lots, 40)
        assert len(finished.body) == 40 * 2**20
        assert dict(compute.kept) == before

    asyncio.run(act(Compute(1)))
