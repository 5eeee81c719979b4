"""Whoever hangs up leaves no work behind."""

import asyncio

from tests.faults.leaving import aftermath
from tests.load.serving import Server


def test_clients_that_hang_up_leave_no_work_behind(victim: Server) -> None:
    assert asyncio.run(aftermath(victim, 60, slack=5)).broken == []
