"""Two busy cores are used well: `python -m tests.load.throughput --seconds 60`.

Sixty-four connections that stay open ask for experiments that nobody asked for before. Every answer
is 200, or 429 or 503 with a Retry-After, which the clients honour (a second at the longest). Told
beside it: answers a second next to the ideal (cores ÷ the engine's time on the idle server), how
long an answer takes, how long /healthz takes meanwhile (a process of its own asks every 20 ms), and
whether memory stands still. The cache of answers is kept small, so that it is full before the
measurement starts. Client and server share the machine's cores; `--pin 1` holds the client on one.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count, cycle
from statistics import mean, median
from time import monotonic

from tests.load.client import Answer, Connection
from tests.load.processes import memory_mb
from tests.load.serving import Server, serving
from tests.load.tables import goal, leave, percentile, table

HIGHWAY = ["/api/highway?v=1&T=500&H=64"]
MIX = [
    "/api/highway?v=1&T=500&H=64",
    "/api/highway.csv?v=1&T=60&H=16",
    "/plot/gates?v=1&T=200",
    "/api/horizon?v=1&T=300",
    "/picture/paths-wide.png?v=1&T=100",
    "/?v=1&T=90",
]
LONGEST_PAUSE_S = 1.0
CACHE_MB = "16"
HEALTH_EVERY_S = 0.02


@dataclass
class Seen:
    """What the clients saw; broken is what should not have been."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def take(self, target: str, answer: Answer) -> None:
        """Count an answer."""
        self.statuses[answer.status] += 1
        if answer.status == 200:
            self.seconds.append(answer.seconds)
            if not answer.size:
                self.broken.append(f"{target} was answered with nothing")
        elif answer.status not in (429, 503) or not retry_after(answer):
            self.broken.append(f"{target} was answered {answer.status} {answer.headers}")


def retry_after(answer: Answer) -> int:
    """How long an answer asks to wait, in seconds; 0 where it does not say."""
    told = answer.headers.get("retry-after", "")
    return int(told) if told.isascii() and told.isdigit() else 0


def targets(links: Sequence[str]) -> Iterator[str]:
    """The links one after the other, each time with another seed."""
    return (f"{link}&seed={seed}" for link, seed in zip(cycle(links), count(1), strict=False))


async def keep_asking(
    address: str, asked: Iterator[str], until: float, seen: Seen, *headers: str
) -> None:
    """One client: the next experiment as soon as the last one is answered."""
    async with await Connection.to(address) as connection:
        while monotonic() < until:
            target = next(asked)
            answer = await connection.ask(target, *headers, keep=False)
            seen.take(target, answer)
            if pause := retry_after(answer):
                await asyncio.sleep(min(pause, LONGEST_PAUSE_S))


async def load(
    address: str, asked: Iterator[str], clients: int, seconds: float, *headers: str
) -> Seen:
    """What so many clients see in so many seconds."""
    seen, until = Seen(), monotonic() + seconds
    everyone = (keep_asking(address, asked, until, seen, *headers) for _ in range(clients))
    await asyncio.gather(*everyone)
    return seen


async def engine_ms(address: str, links: Sequence[str], rounds: int) -> float:
    """The engine's time for one answer on the idle server: the mean over links of its median."""
    async with await Connection.to(address) as connection:
        return mean([await median_ms(connection, link, rounds) for link in links])


async def median_ms(connection: Connection, link: str, rounds: int) -> float:
    """The median of the engine's time as the answers' Server-Timing tells it."""
    found = []
    for seed in range(rounds):
        answer = await connection.ask(f"{link}&seed={10**9 + seed}", keep=False)
        told = re.search(r"engine;dur=([0-9.]+)", answer.headers["server-timing"])
        assert told, answer.headers
        found.append(float(told[1]))
    return median(found)


def health_seconds(address: str, seconds: float) -> list[float]:
    """How long /healthz takes, again and again; runs in a process of its own."""

    async def ask_on() -> list[float]:
        found, until = [], monotonic() + seconds
        async with await Connection.to(address) as connection:
            while monotonic() < until:
                answer = await connection.ask("/healthz")
                assert answer.status == 200, answer
                found.append(answer.seconds)
                await asyncio.sleep(max(0.0, HEALTH_EVERY_S - answer.seconds))
        return found

    return asyncio.run(ask_on())


async def memory(server: int, seconds: float) -> list[float]:
    """The server's memory once a second (MB)."""
    found, until = [], monotonic() + seconds
    while monotonic() < until:
        found.append(await asyncio.to_thread(memory_mb, server))
        await asyncio.sleep(1)
    return found


async def measure(server: Server, chosen: argparse.Namespace) -> list[str]:
    """Print what was seen; what must hold and did not."""
    links = MIX if chosen.mix else HIGHWAY
    headers = ("Accept-Encoding: gzip",) if chosen.gzip else ()
    asked = targets(links)
    await load(server.address, asked, 2, 2, *headers)
    alone_ms = await engine_ms(server.address, links, 15)
    await load(server.address, asked, chosen.clients, chosen.warm_up, *headers)
    loop, context = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        seen, health, megabytes = await asyncio.gather(
            load(server.address, asked, chosen.clients, chosen.seconds, *headers),
            loop.run_in_executor(pool, health_seconds, server.address, chosen.seconds),
            memory(server.pid, chosen.seconds),
        )
    tell(seen, health, megabytes, alone_ms, chosen)
    return seen.broken


def tell(
    seen: Seen,
    health: list[float],
    megabytes: list[float],
    alone_ms: float,
    chosen: argparse.Namespace,
) -> None:
    """Print the figures and what became of the goals."""
    cores = min(os.cpu_count() or 1, 2)
    rate, ideal = seen.statuses[200] / chosen.seconds, cores * 1e3 / alone_ms
    span = max(1, min(10, len(megabytes) // 3))
    before, after = mean(megabytes[:span]), mean(megabytes[-span:])
    print(f"{chosen.clients} connections, {chosen.seconds:g} s, statuses {dict(seen.statuses)}")
    print(f"  {rate:.1f} answers/s; ideal {ideal:.1f}: {cores} cores ÷ {alone_ms:.1f} ms of engine")
    rows = [
        (name, *(f"{percentile(taken, share) * 1e3:.1f}" for share in (0.5, 0.9, 0.99, 1)))
        for name, taken in (("answers", seen.seconds), ("/healthz", health))
    ]
    print(table(("ms", "p50", "p90", "p99", "most"), rows))
    print(f"  memory: {before:.1f} MB in the first {span} s, {after:.1f} MB in the last")
    print(goal(f"ratio {rate / ideal:.2f}, at least 0.70", rate / ideal >= 0.7))
    slow = percentile(health, 0.99) * 1e3
    print(goal(f"/healthz p99 {slow:.1f} ms, below 50 ms", slow < 50))
    grown = after / before - 1
    print(goal(f"memory {grown:+.1%}, at most 5% more", grown <= 0.05))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--warm-up", type=float, default=10)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--mix", action="store_true", help="pages, pictures and tables too")
    parser.add_argument("--gzip", action="store_true", help="the clients take gzip")
    parser.add_argument("--pin", type=int, help="hold the client on this core")
    chosen = parser.parse_args()
    with serving(CACHE_MB=CACHE_MB) as server:
        if chosen.pin is not None:
            os.sched_setaffinity(0, {chosen.pin})
        held = f"is held on core {chosen.pin}" if chosen.pin is not None else "runs on any core"
        print(f"the client {held}; server and workers run on any of {os.cpu_count()}")
        leave(asyncio.run(measure(server, chosen)))


if __name__ == "__main__":
    main()
