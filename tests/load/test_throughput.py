"""Many clients at once: each is answered, or told when to come again."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.load.client import Answer
from tests.load.serving import Server, serving
from tests.load.throughput import MIX, Seen, load, targets


@pytest.fixture(scope="module")
def crowded() -> Iterator[Server]:
    """A server at which four jobs may wait."""
    with serving(QUEUE_LENGTH="4", CACHE_MB="16") as server:
        yield server


def test_a_crowd_is_answered_or_told_when_to_come_again(crowded: Server) -> None:
    asked = targets(["/api/highway?v=1&T=200&H=16"])
    seen = asyncio.run(load(crowded.address, asked, 24, 1))
    assert not seen.broken
    assert seen.statuses[200] > 0
    assert seen.statuses[503] > 0


def test_a_mixed_crowd_is_answered_too(crowded: Server) -> None:
    seen = asyncio.run(load(crowded.address, targets(MIX), 4, 1, "Accept-Encoding: gzip"))
    assert not seen.broken
    assert seen.statuses[200] > 0


def test_an_answer_that_does_not_say_when_to_come_again_counts_as_broken() -> None:
    seen = Seen()
    seen.take("/", Answer(503, {}, b"", 0, 0.1))
    seen.take("/", Answer(500, {"retry-after": "1"}, b"", 0, 0.1))
    seen.take("/", Answer(503, {"retry-after": "1"}, b"", 0, 0.1))
    assert len(seen.broken) == 2
