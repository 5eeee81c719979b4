"""What is asked for, answered: from what is kept, from work under way, or by the workers."""

import asyncio
import gzip
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.answers import Body, Timing
from app.budget import MEGABYTE
from app.compute import Caller, Compute, Finished, Place
from app.errors import Problem
from app.knobs import Experiment
from app.links import Asked
from app.pool import Job
from app.settings import Settings
from app.view import View
from tests.app import work

SMALL = Experiment(T=5, H=2, D=1)
SLOW = Experiment(T=20000, H=8)  # some tenths of a second
HERE = Caller("192.0.2.1", "http://here")


async def asked(
    compute: Compute, experiment: Experiment, form: str = "json", caller: Caller = HERE, **more: Any
) -> Finished:
    """An answer as the API finds it: kept, or worked for."""
    question = Asked(experiment, view=more.pop("view", View()))
    place = compute.place("highway", form, question, caller)
    return compute.finished(place) or await compute.answer(place, question, caller, **more)


def with_workers(number: int, act: Callable[[Compute], Awaitable[Any]], **settings: Any) -> Any:
    """What `act` returns, given workers of its own."""

    async def story() -> Any:
        usual = {"rate_limit_s": 0, "time_limit_s": 300, "queue_wait_s": 300}
        chosen = Settings(workers=number, **usual | settings)
        compute = Compute(chosen)
        await compute.pool.start("app.answers")
        compute.open = True
        try:
            return await asyncio.wait_for(act(compute), 300)
        finally:
            await compute.stop()

    return asyncio.run(story())


async def until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def number(compute: Compute, name: str, **labels: str) -> float:
    """A number of /metrics."""
    return compute.watch.registry.get_sample_value(f"gradient_highways_{name}", labels) or 0.0


def begun(compute: Compute) -> list[Job]:
    """The jobs from now on."""
    found: list[Job] = []
    submit = compute.pool.submit

    def remembering(*arguments: Any) -> Job:
        found.append(submit(*arguments))
        return found[-1]

    compute.pool.submit = remembering  # type: ignore[method-assign]
    return found


# What is kept ------------------------------------------------------------------------------------


def test_the_same_question_is_answered_with_the_same_bytes_without_work() -> None:
    async def act(compute: Compute) -> None:
        jobs = begun(compute)
        for form in ("json", "safetensors"):
            first = await asked(compute, SMALL, form)
            again = await asked(compute, SMALL.model_copy(), form)
            assert again.body is first.body
            assert (again.timing, again.total_ms) == (Timing(0.0, 0.0), 0.0)
        assert len(jobs) == 2
        assert number(compute, "kept_answers_total", found="yes") == 2

    with_workers(1, act)


def test_other_experiments_views_forms_and_addresses_of_ours_are_not_confused() -> None:
    async def act(compute: Compute) -> None:
        def plain(one: Finished) -> bytes:
            return one.body.plain

        bodies = [
            plain(await asked(compute, experiment, form, view=view))
            for form in ("json", "csv", "plot")
            for experiment in (SMALL, SMALL.model_copy(update={"seed": 1}))
            for view in (View(), View(lag="log"))
        ]
        # A view changes what is drawn, no number.
        assert len(set(bodies)) == 2 + 2 + 4
        pages = {
            plain(await asked(compute, SMALL, "page", Caller("", here)))
            for here in ("http://one", "http://other")
        }
        assert len(pages) == 2

    with_workers(1, act)


def test_what_a_page_will_ask_for_next_comes_from_the_same_work() -> None:
    async def act(compute: Compute) -> None:
        jobs = begun(compute)
        await asked(compute, SMALL, "page", also=("wide-svg", "plot"))
        for form in ("wide-svg", "plot"):
            assert (await asked(compute, SMALL, form, Caller("", "http://elsewhere"))).body
        assert len(jobs) == 1

    with_workers(1, act)


def test_kept_answers_stay_within_their_share_of_memory() -> None:
    async def act(compute: Compute) -> None:
        for seed in range(12):
            await asked(compute, SMALL.model_copy(update={"T": 60, "H": 8, "seed": seed}))
        kept = sum(map(len, compute.kept.values()))
        assert 0 < kept <= MEGABYTE
        assert number(compute, "kept_bytes") == kept
        # One that would push out most others is told and not kept.
        before = dict(compute.kept)
        assert len((await asked(compute, Experiment(T=1000, H=16))).body) > MEGABYTE / 10
        assert dict(compute.kept) == before

    with_workers(1, act, cache_mb=1)


def test_without_memory_for_it_nothing_is_kept() -> None:
    async def act(compute: Compute) -> None:
        assert (await asked(compute, SMALL)).timing.engine_ms > 0
        assert (await asked(compute, SMALL)).timing.engine_ms > 0

    with_workers(1, act, cache_mb=0)


def test_text_is_compressed_for_those_who_take_it_and_only_once() -> None:
    async def act(compute: Compute) -> None:
        taking = HERE._replace(gzip=True)
        plain = await asked(compute, SMALL)
        assert plain.body.gzipped is None
        place = compute.place("highway", "json", Asked(SMALL), HERE)
        assert await compute.encoded(place, plain.body, HERE) is plain.body
        body = await compute.encoded(place, plain.body, taking)
        assert body.gzipped is not None and gzip.decompress(body.gzipped) == body.plain
        assert compute.kept[place] is body
        assert await compute.encoded(place, body, taking) is body
        at_once = await asked(compute, SMALL.model_copy(update={"seed": 1}), caller=taking)
        assert at_once.body.gzipped is not None
        picture = await asked(compute, SMALL, "preview", caller=taking)
        assert picture.body.gzipped is None

    with_workers(1, act)


def test_what_slow_clients_hold_of_large_answers_has_an_end() -> None:
    compute = Compute(Settings(workers=1, sending_mb=10))
    places = [compute.place("highway", form, Asked(SMALL), HERE) for form in ("csv", "json", "npz")]
    compute.keep(places[2], Body(b"shared"))
    with ExitStack() as slow:
        slow.enter_context(compute.sending(places[0], 50 * MEGABYTE))  # alone it may be any size
        with pytest.raises(Problem) as refused, compute.sending(places[1], 2 * MEGABYTE):
            pass
        assert refused.value.status == 503 and refused.value.headers["Retry-After"]
        with compute.sending(places[1], 1000), compute.sending(places[2], 50 * MEGABYTE):
            assert number(compute, "held_bytes") == 50 * MEGABYTE
    with compute.sending(places[1], 2 * MEGABYTE):
        assert compute.held == 2 * MEGABYTE
    assert compute.held == 0


# Work under way ----------------------------------------------------------------------------------


def test_equal_questions_at_the_same_time_are_one_job() -> None:
    async def act(compute: Compute) -> None:
        jobs = begun(compute)
        found = await asyncio.gather(*(asked(compute, SLOW) for _ in range(20)))
        assert len(jobs) == 1 and len({id(one.body) for one in found}) == 1
        assert compute.under_way == {}

    with_workers(2, act)


def test_who_asks_for_what_is_on_its_way_beside_another_answer_waits_for_that() -> None:
    async def act(compute: Compute) -> None:
        jobs = begun(compute)
        await asyncio.gather(
            asked(compute, SLOW, "page", also=("plot",)),
            asked(compute, SLOW, "plot", Caller("", "http://elsewhere")),
        )
        assert len(jobs) == 1

    with_workers(2, act)


def test_one_who_leaves_takes_no_one_elses_answer_away() -> None:
    async def act(compute: Compute) -> None:
        leaves, stays = (asyncio.create_task(asked(compute, SLOW)) for _ in range(2))
        await until(lambda: compute.pool.busy)
        leaves.cancel()
        assert (await stays).body

    with_workers(1, act)


def test_when_the_last_one_leaves_the_work_is_dropped_and_can_be_asked_for_again() -> None:
    async def act(compute: Compute) -> None:
        waiters = [asyncio.create_task(asked(compute, SLOW)) for _ in range(3)]
        await until(lambda: compute.pool.busy == 1)
        for waiter in waiters:
            waiter.cancel()
        await until(lambda: number(compute, "jobs_total", outcome="stopped"))
        await until(lambda: compute.pool.busy == 0)
        assert compute.under_way == {} and number(compute, "workers_busy") == 0
        assert (await asked(compute, SLOW)).body

    with_workers(1, act)


def test_who_asks_at_the_moment_in_which_work_is_dropped_gets_an_answer() -> None:
    async def act(compute: Compute) -> None:
        waiter = asyncio.create_task(asked(compute, SLOW))
        await until(lambda: compute.pool.busy)
        (job,) = compute.pool.jobs
        waiter.cancel()
        job.answer.cancel()  # and nobody has been told yet
        found = await asyncio.gather(*(asked(compute, SLOW) for _ in range(3)))
        assert len({id(one.body) for one in found}) == 1  # they, too, are one job
        assert compute.under_way == {}

    with_workers(1, act)


# Refusals ----------------------------------------------------------------------------------------


def refusal(compute: Compute, experiment: Experiment, **more: Any) -> Awaitable[Problem]:
    async def act() -> Problem:
        with pytest.raises(Problem) as refused:
            await asked(compute, experiment, **more)
        return refused.value

    return act()


def test_what_leaves_float64_takes_too_long_or_dies_is_refused_and_others_are_answered() -> None:
    async def act(compute: Compute) -> None:
        left = await refusal(compute, Experiment(T=1000, H=4, act="relu", rnn_gain=10.0))
        assert left.status == 422 and "float64" in left.title
        late = await refusal(compute, Experiment(T=20000, H=100))
        assert late.status == 422 and "too long" in late.title
        assert (await asked(compute, SMALL)).body
        outcomes = {
            name: number(compute, "jobs_total", outcome=name) for name in ("failed", "late")
        }
        assert outcomes == {"failed": 1, "late": 1}

    with_workers(1, act, time_limit_s=1.5)


def test_work_that_kills_two_workers_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(compute: Compute) -> None:
        monkeypatch.setattr("app.compute.answers", work.die_with)
        lost = await refusal(compute, SMALL)
        assert lost.status == 503 and lost.headers["Retry-After"] == "60"
        # It is not let at other workers for a while, in no form.
        assert (await refusal(compute, SMALL, form="csv")).title == lost.title
        assert number(compute, "worker_restarts_total", reason="died") == 2
        monkeypatch.undo()
        assert (await asked(compute, Experiment(T=6, H=2))).body

    with_workers(1, act)


def test_a_full_queue_says_when_to_come_back_and_is_open_again_then() -> None:
    async def act(compute: Compute) -> None:
        waiters = [
            asyncio.create_task(asked(compute, SLOW.model_copy(update={"seed": seed})))
            for seed in range(3)
        ]
        await until(lambda: len(compute.pool.jobs) == 3)
        full = await refusal(compute, SMALL)
        assert full.status == 503 and int(full.headers["Retry-After"]) >= 1
        assert full.headers["Retry-After"] in full.detail or "a second" in full.detail
        await asyncio.gather(*waiters)
        assert (await asked(compute, SMALL)).body

    with_workers(1, act, queue_length=2)


def test_a_server_that_stops_begins_nothing_and_tells_who_waits() -> None:
    async def act(compute: Compute) -> None:
        assert (await asked(compute, SMALL)).body
        waiter = asyncio.create_task(refusal(compute, SLOW))
        await until(lambda: compute.pool.jobs)
        compute.close()
        stopping = await refusal(compute, Experiment(T=6, H=2))
        assert stopping.status == 503 and stopping.headers["Retry-After"]
        assert (await asked(compute, SMALL)).body  # what is kept costs nothing
        compute.give_up()
        assert (await waiter).title == stopping.title

    with_workers(1, act)


# A fair share ------------------------------------------------------------------------------------


def test_an_address_has_its_share_of_work_and_others_have_theirs() -> None:
    async def act(compute: Compute) -> None:
        def seeded(seed: int) -> Experiment:
            return SMALL.model_copy(update={"seed": seed})

        answered, refused = 0, None
        while refused is None:
            try:
                await asked(compute, seeded(answered))
                answered += 1
            except Problem as problem:
                refused = problem
        assert 0 < answered < 40
        assert refused.status == 429
        after = int(refused.headers["Retry-After"])
        assert 1 <= after <= 60
        assert refused.headers["RateLimit-Policy"] == '"work-ms";q=100;w=60'
        assert refused.headers["RateLimit"].startswith('"work-ms";r=')
        assert refused.headers["RateLimit"].endswith(f";t={after}")
        assert (await asked(compute, seeded(0))).body  # what is kept costs nothing
        assert (await asked(compute, seeded(999), caller=Caller("192.0.2.2"))).body

    with_workers(1, act, rate_limit_s=0.1)


def test_a_network_of_64_bits_is_one_address() -> None:
    async def act(compute: Compute) -> None:
        charge = compute.allowance.charge
        await charge("2001:db8::1", 0.09)
        with pytest.raises(Problem):
            await charge("2001:db8::2", 0.09)
        await charge("2001:db8:0:1::1", 0.09)
        await charge("::ffff:192.0.2.7", 0.09)
        for other in ("192.0.2.7", "192.0.2.7:1234", "[2001:db8::3]:80", "[2001:db8::3]"):
            with pytest.raises(Problem):
                await charge(other, 0.09)
        await charge("no address", 0.09)

    asyncio.run(act(Compute(Settings(workers=1, rate_limit_s=0.1))))


def test_one_answer_that_costs_more_than_the_share_of_a_minute_is_answered() -> None:
    async def act(compute: Compute) -> None:
        await compute.allowance.charge("192.0.2.7", 1000.0)
        with pytest.raises(Problem):
            await compute.allowance.charge("192.0.2.7", 0.001)

    asyncio.run(act(Compute(Settings(workers=1, rate_limit_s=0.1))))


# The app -----------------------------------------------------------------------------------------


def test_a_killed_worker_of_the_app_is_not_noticed_by_its_clients(
    client: TestClient, app: FastAPI
) -> None:
    for worker in app.state.compute.pool.workers.values():
        os.kill(worker.process.pid, signal.SIGKILL)
    assert client.get("/api/highway?T=7&H=2&seed=31").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_the_first_picture_and_plot_of_a_page_need_no_further_work(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/?v=1&T=9&H=2&seed=33").status_code == 200
    monkeypatch.setattr(app.state.compute, "answer", None)
    pictures = [f"/picture/highway-{width}.svg" for width in ("wide", "narrow")]
    for path in (*pictures, "/plot/highway"):
        assert client.get(f"{path}?v=1&T=9&H=2&seed=33").status_code == 200


@pytest.mark.parametrize(("T", "kept"), [(1001, True), (9, False)])
def test_the_plot_of_what_takes_long_is_kept_with_its_sketch(
    client: TestClient, app: FastAPI, T: int, kept: bool
) -> None:
    query = f"v=1&T={T}&H=2&seed=35"
    assert client.get(f"/sketch/highway-wide?{query}").status_code == 200
    assert (Place("highway", query, "plot", "") in app.state.compute.kept) is kept


def test_what_the_client_has_already_needs_no_work(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = client.get("/api/highway?T=9&H=2&seed=34").headers["etag"]
    app.state.compute.kept.clear()
    monkeypatch.setattr(app.state.compute, "answer", None)
    answer = client.get("/api/highway?seed=34&T=9&H=2", headers={"If-None-Match": mark})
    assert answer.status_code == 304
