"""A worker that hangs is replaced, and its request is answered."""

import asyncio

from tests.faults.hung import hang
from tests.load.serving import serving


def test_a_stopped_worker_is_replaced_and_its_request_answered() -> None:
    with serving(TIME_LIMIT_S="3") as server:
        assert asyncio.run(hang(server, 1, time_limit_s=3, more_s=60)).broken == []
