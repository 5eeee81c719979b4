"""A worker that hangs holds nobody up: `python -m tests.faults.hung`.

A worker is stopped (SIGSTOP) while it works. Its request is answered all the same, by another
worker or with 503 or with the deadline's 422, after the time limit and a little more; the stopped
process goes, another takes its place, and the server goes on.
"""

import argparse
import asyncio
import signal
from time import monotonic
from typing import NamedTuple

from tests.load.client import Answer, Connection, ask
from tests.load.processes import Process, send, workers
from tests.load.serving import Server, serving
from tests.load.tables import leave, table
from tests.load.throughput import retry_after

TIME_LIMIT_S = 2
REPLACED_WITHIN_S = 30.0
WORKS_S = 0.05  # of a processor
HEAVY = "/api/horizon?v=1&T=20000&H=64&seed={seed}"
SMALL = "/api/highway?v=1&T=10&H=4&seed={seed}"


class Held(NamedTuple):
    """What became of a request whose worker hung."""

    status: int
    seconds: float
    broken: list[str]


async def busiest(server: int, span_s: float = 0.1) -> Process:
    """The worker that works: it takes processor time from one moment to the next."""
    before = {worker.pid: worker.cpu_seconds for worker in workers(server)}
    while True:
        await asyncio.sleep(span_s)
        for one in workers(server):
            if one.cpu_seconds - before.get(one.pid, one.cpu_seconds) >= WORKS_S:
                return one


async def hang(
    server: Server, seed: int, time_limit_s: int = TIME_LIMIT_S, more_s: float = 3.0
) -> Held:
    """Stop the worker of a heavy request; what becomes of the request and of the server."""
    patience_s = 2 * time_limit_s + more_s  # the first try, the second one, and a little more
    async with await Connection.to(server.address) as connection:
        connection.send(HEAVY.format(seed=seed))
        assert connection.waiter is not None
        try:
            async with asyncio.timeout(patience_s):
                victim = await busiest(server.pid)
                send(signal.SIGSTOP, [victim])
                answer = await connection.waiter
        except TimeoutError:
            return Held(0, patience_s, [f"no answer within {patience_s:g} s"])
    broken = wrong(answer)
    if not await replaced(server.pid, victim.pid):
        broken.append("the stopped worker was not replaced")
    for number in range(4):  # more than there are workers
        small = await ask(server.address, SMALL.format(seed=100 * seed + number))
        if small.status != 200:
            broken.append(f"a small request afterwards: {small.status}")
    return Held(answer.status, answer.seconds, broken)


def wrong(answer: Answer) -> list[str]:
    """What is wrong with the answer to a request whose worker hung."""
    if answer.status == 503 and not retry_after(answer):
        return ["503 without a Retry-After"]
    return [] if answer.status in (200, 422, 503) else [f"{answer.status} {answer.body[:200]!r}"]


async def replaced(server: int, gone: int) -> bool:
    """Whether another worker takes the place of one that has gone, within a while."""
    until = monotonic() + REPLACED_WITHIN_S
    while monotonic() < until:
        there = {worker.pid for worker in workers(server)}
        if gone not in there and len(there) >= 2:
            return True
        await asyncio.sleep(0.05)
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    chosen = parser.parse_args()
    with serving(TIME_LIMIT_S=str(TIME_LIMIT_S)) as server:
        found = [asyncio.run(hang(server, seed)) for seed in range(1, chosen.times + 1)]
    rows = [(place, held.status, f"{held.seconds:.2f}") for place, held in enumerate(found, 1)]
    print(table((f"time limit {TIME_LIMIT_S} s", "status", "s"), rows))
    leave([one for held in found for one in held.broken])


if __name__ == "__main__":
    main()
