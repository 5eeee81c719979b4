"""Work in chunks as it comes: what a stream says, and to whom it says nothing."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.pool import Lost, TookTooLong
from app.work import Work, Works
from tests.events import Event, parsed

LESSON = "/stream/training?T=6&H=3&batch=2&updates=40"


def stream(client: TestClient, path: str, after: int | None = None) -> list[Event]:
    """All events of a stream that comes to its end."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(parsed(answer.content.splitlines(keepends=True), 0.0))


def stages(told: list[Event]) -> list[tuple[int | None, Any]]:
    return [(event.number, event.told) for event in told if event.kind == "stage"]


def test_every_snapshot_of_a_training_has_its_number_and_its_update(client: TestClient) -> None:
    told = stream(client, LESSON)
    numbers = [number for number, _ in stages(told)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 5
    moments = [answer["moment"] for _, answer in stages(told)]
    assert moments[0] == 0 and moments[-1] == 40 and moments == sorted(set(moments))
    assert told[-1].kind == "end" and told[-1].told == {"stage": numbers[-1]}


@pytest.mark.parametrize("missed", [1, 3])
def test_a_training_is_resumed_without_a_repeat(client: TestClient, missed: int) -> None:
    whole = stages(stream(client, LESSON))
    last = whole[-1][0] or 0
    assert stages(stream(client, LESSON, last - missed)) == whole[-missed:]
    assert stages(stream(client, LESSON, last)) == []


@pytest.mark.parametrize("known", ["-1", "x", "9" * 30, "1.5"])
def test_a_number_that_is_none_means_that_nothing_is_known(client: TestClient, known: str) -> None:
    answer = client.get(LESSON, headers={"Last-Event-ID": known})
    told = list(parsed(answer.content.splitlines(keepends=True), 0.0))
    assert stages(told) == stages(stream(client, LESSON))


def test_what_is_no_link_gets_a_problem_and_no_stream(client: TestClient) -> None:
    answer = client.get("/stream/training?T=0&batch=-1")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {error["key"] for error in answer.json()["errors"]} == {"T", "batch"}


def test_who_asks_for_the_head_begins_no_work(client: TestClient, app: Any) -> None:
    answer = client.head("/stream/training?T=7&H=3&batch=2&updates=40&seed=99")
    assert answer.status_code == 200 and not answer.content
    works = app.state.compute.works
    assert not works.under_way and not works.watching


@pytest.mark.parametrize(
    ("error", "title", "again"),
    [
        (Lost(), "The work was lost", True),
        (TookTooLong(), "This experiment takes too long", False),
        (ValueError("of ours"), "Our fault", False),
    ],
)
def test_what_ends_work_early_ends_its_stream_with_the_reason(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, title: str, again: bool
) -> None:
    async def broken(works: Works, work: Work) -> AsyncGenerator[Any, None]:
        with work.watched():
            yield work.known
            raise error

    monkeypatch.setattr(Works, "watch", broken)
    last = stream(client, f"{LESSON}&seed={len(title)}")[-1]
    assert last.kind == "problem" and last.told["title"] == title
    assert last.told["detail"] and ("again" in last.told) is again
    assert "of ours" not in str(last.told)


def test_a_silent_stream_shows_that_it_lives(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(works: Works, work: Work) -> AsyncGenerator[Any, None]:
        with work.watched():
            await asyncio.sleep(1.0)
            yield work.known

    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.1)
    monkeypatch.setattr(Works, "watch", slow)
    answer = client.get(f"{LESSON}&seed=77")
    pings = [line for line in answer.text.splitlines() if line.startswith(":") and "ping" in line]
    assert len(pings) >= 2
