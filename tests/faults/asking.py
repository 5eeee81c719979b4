"""Clients that write down all that must not happen to them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from tests.load.client import Answer, Connection, ConnectionLost
from tests.load.throughput import retry_after

HEALTH_EVERY_S = 0.05
HEALTH_LIMIT_S = 10.0
LONGEST_PAUSE_S = 0.2


@dataclass
class Diary:
    """What clients met: how often each status, the longest wait, and what must not be."""

    statuses: Counter[int] = field(default_factory=Counter)
    longest_s: float = 0.0
    broken: list[str] = field(default_factory=list)

    def note(self, target: str, answer: Answer) -> None:
        """Write down an answer."""
        self.statuses[answer.status] += 1
        self.longest_s = max(self.longest_s, answer.seconds)
        if answer.status == 503 and not retry_after(answer):
            self.broken.append(f"{target}: 503 without a Retry-After")


async def answers_of(address: str, targets: list[str]) -> dict[str, bytes]:
    """The right answers, from a server that nobody disturbs."""
    async with await Connection.to(address) as connection:
        found = {target: await connection.ask(target) for target in targets}
    assert all(answer.status == 200 for answer in found.values())
    return {target: answer.body for target, answer in found.items()}


async def keep_comparing(
    address: str, known: Mapping[str, bytes], until: float, limit_s: float, diary: Diary
) -> None:
    """One client, a connection for every ten requests: each answer is the known one, or 503."""
    targets = list(known)
    place = hash(asyncio.current_task()) % len(targets)
    while monotonic() < until:
        try:
            async with await Connection.to(address) as connection:
                for _ in range(10):
                    place = (place + 1) % len(targets)
                    await compare(connection, targets[place], known, limit_s, diary)
                    if monotonic() > until:
                        return
        except OSError as error:  # refused, reset, or lost in the midst of an answer
            diary.broken.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(LONGEST_PAUSE_S)


async def compare(
    connection: Connection, target: str, known: Mapping[str, bytes], limit_s: float, diary: Diary
) -> None:
    """Ask once; what is answered has to be what was answered before."""
    try:
        async with asyncio.timeout(limit_s):
            answer = await connection.ask(target)
    except TimeoutError:
        diary.broken.append(f"{target}: no answer within {limit_s:g} s")
        raise ConnectionLost("given up") from None
    diary.note(target, answer)
    if answer.status == 503:
        await asyncio.sleep(min(retry_after(answer), LONGEST_PAUSE_S))
    elif answer.status != 200:
        diary.broken.append(f"{target}: {answer.status} {answer.body[:200]!r}")
    elif answer.body != known[target]:
        diary.broken.append(f"{target}: {answer.size} bytes that are not the known ones")


@asynccontextmanager
async def healthy(address: str, diary: Diary) -> AsyncIterator[list[float]]:
    """Ask for /healthz all the time; how long each answer took (s)."""
    found: list[float] = []
    asking = asyncio.create_task(keep_well(address, found, diary))
    try:
        yield found
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def keep_well(address: str, found: list[float], diary: Diary) -> None:
    """Ask for /healthz, each time on a connection of its own as a load balancer would."""
    while True:
        try:
            async with asyncio.timeout(HEALTH_LIMIT_S), await Connection.to(address) as connection:
                answer = await connection.ask("/healthz")
            found.append(answer.seconds)
            if answer.status != 200:
                diary.broken.append(f"/healthz: {answer.status}")
        except (OSError, TimeoutError) as error:
            diary.broken.append(f"/healthz: {type(error).__name__} {error}")
        await asyncio.sleep(HEALTH_EVERY_S)
