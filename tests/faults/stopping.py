"""SIGTERM loses no answer: `python -m tests.faults.stopping --clients 32`.

Clients keep asking, each on a connection that has been answered before, when the server is told to
stop. Every request that was sent before gets a whole answer: 200, or 503 with a Retry-After. Then
the server ends by itself with 0, within ten seconds. The same with one heavy experiment at work.
"""

import argparse
import asyncio
import os
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from tests.conftest import running_server
from tests.load.client import Connection
from tests.load.tables import leave, table
from tests.load.throughput import retry_after

LIGHT = "/api/highway?v=1&T=300&H=32&seed={seed}"
HEAVY = "/api/horizon?v=1&T=20000&H=100"
ENDS_WITHIN_S = 10.0


@dataclass
class End:
    """How it ended: the answers to what was asked before, the exit code, how long it took."""

    statuses: Counter[int] = field(default_factory=Counter)
    code: int | None = None
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


class Signal:
    """The moment at which the server was told to stop."""

    sent_at = float("inf")


async def ask_until_the_end(address: str, client: int, stop: Signal, end: End) -> None:
    """One client: another experiment each time, until its connection ends."""
    async with await Connection.to(address) as connection:
        await connection.ask("/healthz")
        for seed in range(client * 10**6, (client + 1) * 10**6):
            if monotonic() >= stop.sent_at:
                return
            await ask_once(connection, LIGHT.format(seed=seed), end)


async def ask_once(connection: Connection, target: str, end: End) -> None:
    """A request that is sent before the signal; the signal may come while it waits."""
    try:
        answer = await connection.ask(target)
    except OSError as error:
        end.broken.append(f"{target}: {error}")
        return
    end.statuses[answer.status] += 1
    if not (answer.status == 200 or (answer.status == 503 and retry_after(answer))):
        end.broken.append(f"{target}: {answer.status} {answer.body[:200]!r}")


async def ask_something_heavy(address: str, target: str, end: End) -> None:
    """One client with one experiment that takes seconds."""
    async with await Connection.to(address) as connection:
        await ask_once(connection, target, end)


async def stop_under_load(
    address: str, process: subprocess.Popen[bytes], clients: int, *, heavy: str | None
) -> End:
    """Let the clients ask for a second, stop the server, wait for its end."""
    end, stop = End(), Signal()
    asking = [
        asyncio.create_task(ask_until_the_end(address, client, stop, end))
        for client in range(clients)
    ]
    if heavy:
        asking.append(asyncio.create_task(ask_something_heavy(address, heavy, end)))
    await asyncio.sleep(1)
    stop.sent_at = monotonic()
    os.kill(process.pid, signal.SIGTERM)
    try:
        end.code = await asyncio.to_thread(process.wait, 12 * ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        end.broken.append("the server did not end by itself")
    end.seconds = monotonic() - stop.sent_at
    async with asyncio.timeout(60):  # the server has gone: nothing can be under way any more
        await asyncio.gather(*asking)
    return end


def judge(end: End, within_s: float = ENDS_WITHIN_S) -> None:
    """Add what must not have been."""
    if end.code != 0:
        end.broken.append(f"the server ended with {end.code}")
    if end.seconds > within_s:
        end.broken.append(f"the server took {end.seconds:.1f} s to end")


def stopped(clients: int, *, heavy: str | None, within_s: float = ENDS_WITHIN_S) -> End:
    """What becomes of the clients of a server of its own that is told to stop."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        with running_server(log, WORKERS="2", RATE_LIMIT_S="0") as (address, process):
            end = asyncio.run(stop_under_load(address, process, clients, heavy=heavy))
        judge(end, within_s)
        end.broken += [line for line in log.read_text().splitlines() if "Traceback" in line]
    return end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    rows, broken = [], list[str]()
    for heavy in [None, HEAVY] * chosen.rounds:
        end = stopped(chosen.clients, heavy=heavy)
        statuses = ", ".join(f"{count} × {status}" for status, count in end.statuses.items())
        rows.append(("heavy" if heavy else "light", statuses, end.code, f"{end.seconds:.1f}"))
        broken += end.broken
    print(table((f"{chosen.clients} clients", "answers", "exit code", "s"), rows))
    leave(broken)


if __name__ == "__main__":
    main()
