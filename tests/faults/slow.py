"""Slow and silent clients cost others nothing: `python -m tests.faults.slow --seconds 30`.

There are clients that connect and say nothing, that send half a header, that send a header byte by
byte, and that read a large answer a kilobyte a second or not at all. Meanwhile the others are
answered (how much later is told), the server's memory does not grow by more than 64 MB, and who has
not sent a whole header after a while is hung up on.
"""

import argparse
import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median
from time import monotonic
from typing import NamedTuple

from tests.load.client import Connection, ask
from tests.load.processes import memory_mb
from tests.load.serving import Server, serving
from tests.load.tables import leave, percentile, table

LARGE = "/api/highway.csv?v=1&T=1000&seed={seed}&H=128"
SMALL = "/api/highway?v=1&T=50&H=8&seed={seed}"
HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half"
TINY_BUFFER = 4096
# The server waits ten seconds for a header, and may be busy when they are over.
HUNG_UP_WITHIN_S = 12.0
MOST_GROWTH_MB = 64.0
MOST_HELD_MB = 128  # SENDING_MB, and what two workers take to make such answers
TICK_S = 0.5


class Client(NamedTuple):
    """A slow client: its socket, and what it does at every tick."""

    socket: socket.socket
    tick: Callable[[socket.socket], object]


class Crowd(NamedTuple):
    """The slow clients by what they are slow at."""

    silent: list[Client]
    reading: list[Client]


def send_a_byte(one: socket.socket) -> None:
    """One more byte of a header that never ends."""
    one.send(b"x")


def read_a_little(one: socket.socket) -> None:
    """Half a kilobyte of the answer."""
    one.recv(512)


def do_nothing(one: socket.socket) -> None:
    """Neither send nor read."""


def large(seed: int) -> bytes:
    """A request for some 8 MB."""
    return f"GET {LARGE.format(seed=10 + seed)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def connected(address: str, said: bytes, tick: Callable[[socket.socket], object]) -> Client:
    """A client with next to no room for an answer, which has said so much."""
    host, _, port = address.removeprefix("http://").partition(":")
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TINY_BUFFER)
    one.connect((host, int(port)))
    one.setblocking(False)
    one.send(said)
    return Client(one, tick)


def crowd(address: str, silent: int, readers: int, *, distinct: bool) -> Crowd:
    """Clients that do not finish their header, and clients that do not read."""
    ways = [(b"", do_nothing), (HALF, do_nothing), (HALF, send_a_byte)]
    habits = [read_a_little, do_nothing]
    return Crowd(
        [connected(address, *ways[place % len(ways)]) for place in range(silent)],
        [
            connected(address, large(place if distinct else 0), habits[place % len(habits)])
            for place in range(readers)
        ],
    )


def hung_up_on(one: socket.socket) -> bool:
    """Whether the server has closed this connection."""
    try:
        while one.recv(65536):
            continue
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


async def dawdle(clients: list[Client], until: float) -> None:
    """Let each slow client do its little, again and again."""
    while monotonic() < until:
        for client in clients:
            try:
                client.tick(client.socket)
            except OSError:  # nothing to read yet, or the server has hung up
                continue
        await asyncio.sleep(TICK_S)


class Times(NamedTuple):
    """How long normal requests took (s)."""

    small: list[float]
    health: list[float]


async def normal(
    address: str, seeds: Iterator[int], seconds: float, broken: list[str], *, crowded: bool = False
) -> Times:
    """A client that asks and reads as it should; where it is `crowded` it may be sent away."""
    times, until = Times([], []), monotonic() + seconds
    async with await Connection.to(address) as connection:
        while monotonic() < until:
            for target, into in (
                (SMALL.format(seed=next(seeds)), times.small),
                ("/healthz", times.health),
            ):
                answer = await connection.ask(target)
                into.append(answer.seconds)
                sent_away = crowded and answer.status == 503 and "retry-after" in answer.headers
                if answer.status != 200 and not sent_away:
                    broken.append(f"{target}: {answer.status}")
            await asyncio.sleep(0.02)
    return times


async def most_memory(server: int, until: float) -> float:
    """The most memory that the server took (MB), looked at twice a second."""
    most = 0.0
    while monotonic() < until:
        most = max(most, await asyncio.to_thread(memory_mb, server))
        await asyncio.sleep(TICK_S)
    return most


class Siege(NamedTuple):
    """What was seen while the slow ones were there."""

    before: Times
    meanwhile: Times
    growth_mb: float
    still_open: int
    broken: list[str]


async def siege(
    server: Server,
    silent: int,
    readers: int,
    seconds: float,
    *,
    before_s: float = 5.0,
    distinct: bool = False,
) -> Siege:
    """Normal requests before and beside slow ones; who of the silent ones is still connected."""
    broken: list[str] = []
    seeds = iter(range(10**6))
    # The memory that such work takes in each worker is taken before the slow ones come.
    await asyncio.gather(*(ask(server.address, LARGE.format(seed=seed)) for seed in range(4)))
    before = await normal(server.address, seeds, before_s, broken)
    at_first = memory_mb(server.pid)
    until = monotonic() + seconds
    with ExitStack() as closing:
        slow = crowd(server.address, silent, readers, distinct=distinct)
        for client in (*slow.silent, *slow.reading):
            closing.enter_context(client.socket)
        meanwhile, most, _ = await asyncio.gather(
            normal(server.address, seeds, seconds, broken, crowded=distinct),
            most_memory(server.pid, until),
            dawdle([*slow.silent, *slow.reading], until),
        )
        still_open = sum(not hung_up_on(client.socket) for client in slow.silent)
    growth_mb = most - at_first
    if growth_mb > MOST_GROWTH_MB + (MOST_HELD_MB if distinct else 0):
        broken.append(f"memory grew by {growth_mb:.0f} MB")
    if still_open and seconds >= HUNG_UP_WITHIN_S:
        broken.append(f"{still_open} of {silent} clients without a header are still connected")
    return Siege(before, meanwhile, growth_mb, still_open, broken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--silent", type=int, default=200)
    parser.add_argument("--readers", type=int, default=40)
    parser.add_argument("--distinct", action="store_true", help="each reader asks for another one")
    chosen = parser.parse_args()
    asked = (chosen.silent, chosen.readers, chosen.seconds)
    with serving() as server:
        seen = asyncio.run(siege(server, *asked, distinct=chosen.distinct))
    rows = []
    for name, old, new in zip(Times._fields, seen.before, seen.meanwhile, strict=True):
        figures = [1e3 * value for value in (median(old), median(new), percentile(new, 0.99))]
        rows.append((name, *(f"{ms:.1f}" for ms in figures), f"{figures[1] / figures[0]:.2f}"))
    print(f"{chosen.silent} clients without a whole header, {chosen.readers} slow readers")
    print(table(("ms", "before", "meanwhile", "p99", "ratio"), rows))
    print(f"  memory grew by {seen.growth_mb:.1f} MB at most")
    print(
        f"  {seen.still_open} of {chosen.silent} without a header were still connected in the end"
    )
    leave(seen.broken)


if __name__ == "__main__":
    main()
