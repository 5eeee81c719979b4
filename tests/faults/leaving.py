"""Work that nobody waits for is dropped: `python -m tests.faults.leaving --clients 1000`.

Clients ask for something heavy and hang up after 1 to 50 ms. Two seconds after the last one has
gone no worker is busy, no job waits, the workers take no processor time, and a small request is
answered at once.
"""

import argparse
import asyncio
import random
from typing import NamedTuple

from tests.load.client import Connection, ask
from tests.load.processes import workers
from tests.load.serving import Gauges, Server, gauges, serving
from tests.load.tables import leave, table

HEAVY = "/api/highway?v=1&T=20000&seed={seed}&H=64"
SMALL = "/api/highway?v=1&T=10&H=4&seed={seed}"
AT_ONCE = 200  # connections that are open at the same moment
QUIET_WITHIN_S = 2.0
ANSWER_LIMIT_S = 1.0
IDLE_SHARE = 0.05  # of a core, for all workers together


class Aftermath(NamedTuple):
    """What is left two seconds after all clients have gone."""

    gauges: Gauges
    cpu_share: float
    answer_s: float
    broken: list[str]


async def ask_and_leave(
    address: str, target: str, after_s: float, places: asyncio.Semaphore
) -> None:
    """Ask, and hang up without waiting for the answer."""
    async with places, await Connection.to(address) as connection:
        connection.send(target)
        await asyncio.sleep(after_s)


async def crowd(address: str, clients: int) -> None:
    """So many clients, each with an experiment of its own."""
    chance, places = random.Random(0), asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(
        *(
            ask_and_leave(address, HEAVY.format(seed=seed), chance.uniform(0.001, 0.05), places)
            for seed in range(clients)
        )
    )


async def crowd_at_work(address: str, clients: int) -> None:
    """A crowd, and one client more, who hangs up last and not before a worker was seen at work: on
    a busy machine all others may have gone before their requests were read."""
    async with await Connection.to(address) as last:
        await crowd(address, clients)
        last.send(HEAVY.format(seed=clients))
        while not (await gauges(address)).busy:
            assert last.waiter is not None and not last.waiter.done(), "answered, and nobody worked"
            await asyncio.sleep(0.01)


def cpu_seconds(server: int) -> dict[int, float]:
    """Processor time of each worker so far."""
    return {worker.pid: worker.cpu_seconds for worker in workers(server)}


async def aftermath(server: Server, clients: int, slack: float = 1.0) -> Aftermath:
    """Let the crowd come and go; what is left of it. Limits are `slack` times as long: a machine
    that does other work besides takes longer."""
    await crowd_at_work(server.address, clients)
    await asyncio.sleep(QUIET_WITHIN_S * slack)
    left = await gauges(server.address)
    before = cpu_seconds(server.pid)
    await asyncio.sleep(1)
    after = cpu_seconds(server.pid)
    share = sum(after[pid] - before.get(pid, 0.0) for pid in after)
    answer = await ask(server.address, SMALL.format(seed=clients))
    broken = [f"{name} is {value:g}" for name, value in left._asdict().items() if value]
    if share > IDLE_SHARE:
        broken.append(f"the workers took {share:.2f} s of processor time in a second")
    if answer.status != 200 or answer.seconds > ANSWER_LIMIT_S * slack:
        broken.append(f"a small request: {answer.status} after {answer.seconds:.2f} s")
    return Aftermath(left, share, answer.seconds, broken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    chosen = parser.parse_args()
    with serving() as server:
        left = asyncio.run(aftermath(server, chosen.clients))
    rows = [
        ("workers busy", f"{left.gauges.busy:g}"),
        ("jobs waiting", f"{left.gauges.waiting:g}"),
        ("processor time of the workers, s/s", f"{left.cpu_share:.2f}"),
        ("a small answer, ms", f"{left.answer_s * 1e3:.1f}"),
    ]
    print(table((f"{QUIET_WITHIN_S:g} s after {chosen.clients} clients", ""), rows))
    leave(left.broken)


if __name__ == "__main__":
    main()
