"""A worker that dies takes no answer with it."""

import asyncio

from tests.faults.asking import answers_of
from tests.faults.killing import TARGETS, under_fire
from tests.load.serving import Server


def test_killed_workers_cost_no_answer_and_change_none(victim: Server) -> None:
    known = asyncio.run(answers_of(victim.address, TARGETS))
    diary, health, killed = asyncio.run(under_fire(victim, known, 6, 6, every_s=0.5))
    assert not diary.broken
    assert killed >= 3  # some ten on a quiet machine
    assert diary.statuses[200] > 0
    assert health
