"""Slow clients hold nobody up, and silent ones are hung up on."""

import asyncio

from tests.faults.slow import HUNG_UP_WITHIN_S, siege
from tests.load.serving import Server


def test_slow_clients_hold_nobody_up_and_silent_ones_are_hung_up_on(victim: Server) -> None:
    seen = asyncio.run(siege(victim, 30, 6, HUNG_UP_WITHIN_S + 6, before_s=0.5))
    assert seen.broken == []
    assert seen.meanwhile.small
    assert seen.still_open == 0
