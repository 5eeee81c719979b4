"""How much work one address may ask for: so many seconds of a worker in a minute."""

import ipaddress
import math
import re
import time
from http import HTTPStatus

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from app.errors import Problem
from app.refusals import seconds

MILLISECONDS = 1000
WITH_PORT = re.compile(r"\[([^]]+)\](?::\d+)?|([\d.]+):\d+")


class Allowance:
    """Counts, in this process alone, what each address asked for; a network of 64 bits is one."""

    def __init__(self, seconds_a_minute: float) -> None:
        self.item = None
        if seconds_a_minute:
            self.item = RateLimitItemPerMinute(math.ceil(seconds_a_minute * MILLISECONDS))
        self.limiter = FixedWindowRateLimiter(MemoryStorage())

    async def charge(self, address: str, expected_s: float) -> None:
        """Count work that an address asks for.

        Raises:
            Problem: 429, it is more than what is left of this minute.
        """
        if self.item is None:
            return
        payer = network(address)
        # What costs more than a whole minute's share is not refused for ever.
        cost = min(self.item.amount, math.ceil(expected_s * MILLISECONDS))
        if await self.limiter.test(self.item, payer, cost=cost):
            await self.limiter.hit(self.item, payer, cost=cost)
            return
        reset, left = await self.limiter.get_window_stats(self.item, payer)
        raise self.refused(math.ceil(max(1.0, reset - time.time())), left)

    def refused(self, after: int, left: int) -> Problem:
        """The answer to one who asks too much, with its headers (draft-ietf-httpapi-ratelimit)."""
        assert self.item is not None
        most = self.item.amount
        return Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too much at once",
            "You, or others on your network, have used the computing time that one network may "
            f"have in a minute; try again in {seconds(after)}.",
            retry_after_s=after,
            headers={
                "RateLimit-Policy": f'"work-ms";q={most};w=60',
                "RateLimit": f'"work-ms";r={left};t={after}',
            },
        )


def network(address: str) -> str:
    """Who is meant by an address: in IPv6 a household has 2⁶⁴ of them. A port is left out."""
    if with_port := WITH_PORT.fullmatch(address):
        address = with_port[1] or with_port[2]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
