"""A killed worker costs nobody an answer: `python -m tests.faults.killing --seconds 30`.

Sixteen clients ask for experiments whose right answers are known, while every second a worker is
killed at random (kill -9). No answer is wrong (byte for byte), none is missing, no connection is
refused, and /healthz answers all the time. Nothing is cached.
"""

import argparse
import asyncio
import random
import signal
from collections.abc import Mapping
from time import monotonic

from tests.faults.asking import Diary, answers_of, healthy, keep_comparing
from tests.load.processes import send, workers
from tests.load.serving import Server, serving
from tests.load.tables import leave, percentile, table

TARGETS = [f"/api/highway?v=1&T=400&H=16&seed={seed}" for seed in range(1, 9)]
ANSWER_LIMIT_S = 60.0


async def kill_one_by_one(server: int, every_s: float, until: float) -> int:
    """Kill a worker every so often; how many died."""
    chance, killed = random.Random(0), 0
    while monotonic() < until:
        await asyncio.sleep(every_s)
        if there := workers(server):
            send(signal.SIGKILL, [chance.choice(there)])
            killed += 1
    return killed


async def under_fire(
    server: Server, known: Mapping[str, bytes], clients: int, seconds: float, every_s: float = 1.0
) -> tuple[Diary, list[float], int]:
    """What the clients met, how long /healthz took (s), and how many workers were killed."""
    diary, until = Diary(), monotonic() + seconds
    async with healthy(server.address, diary) as health:
        *_, killed = await asyncio.gather(
            *(
                keep_comparing(server.address, known, until, ANSWER_LIMIT_S, diary)
                for _ in range(clients)
            ),
            kill_one_by_one(server.pid, every_s, until),
        )
    if not killed:
        diary.broken.append("no worker was found to kill")
    return diary, health, killed


async def measure(server: Server, clients: int, seconds: float) -> list[str]:
    """Print what was met; what must not have been."""
    known = await answers_of(server.address, TARGETS)
    diary, health, killed = await under_fire(server, known, clients, seconds)
    print(f"{clients} clients, {seconds:g} s, {killed} workers killed")
    print(table(("status", "answers"), sorted(diary.statuses.items())))
    print(f"  the longest answer took {diary.longest_s:.2f} s")
    print(f"  /healthz: {len(health)} answers, p99 {percentile(health, 0.99) * 1e3:.1f} ms")
    return diary.broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--clients", type=int, default=16)
    chosen = parser.parse_args()
    with serving(CACHE_MB="0") as server:
        leave(asyncio.run(measure(server, chosen.clients, chosen.seconds)))


if __name__ == "__main__":
    main()
