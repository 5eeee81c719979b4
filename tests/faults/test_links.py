"""Any link whatever, at a server: answered in time, and as it says."""

import asyncio

from tests.faults.fuzzed import Link, fuzzed
from tests.faults.judged import fault_of
from tests.faults.links import ask_all
from tests.load.client import Answer
from tests.load.serving import serving


def test_any_link_is_answered_as_it_says() -> None:
    links = list(fuzzed(150, 7))
    with serving(WORK_LIMIT_S="2") as server:
        seen = asyncio.run(ask_all(server.address, iter(links)))
    assert seen.broken == []
    assert seen.statuses.total() == len(links)
    assert {status for _, status in seen.statuses} >= {200, 308, 422}


def test_the_judge_sees_a_silent_default() -> None:
    link = Link("of knobs", "/api/highway", b"T=9&H=2&tau=1")
    assert fault_of(link, Answer(200, {}, b"{}", 2, 0.1)) == "200 for a wrong link"
    assert fault_of(link, Answer(500, {}, b"", 0, 0.1)) == "500 for a wrong link"


def test_the_judge_sees_another_experiment() -> None:
    link = Link("of knobs", "/api/highway", b"T=9&H=2")
    body = b'{"experiment": {"T": 100}, "link": "/"}'
    assert "another experiment" in str(fault_of(link, Answer(200, {}, body, len(body), 0.1)))
