"""Any link whatever is answered in time, as it says: `python -m tests.faults.links --links 20000`.

Half of the links are built of knobs; half are hostile: raw and quoted bytes, huge numbers, too long
addresses, and the corners that cost most. The reader of links itself judges each answer: a
right link tells the experiment that it names or the way to its canonical form, a wrong one is
refused with every wrong key named. There is no 500, and no answer later than the deadline and the
longest wait in the queue.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.fuzzed import Link, fuzzed
from tests.faults.judged import fault_of
from tests.load.client import Answer, Connection
from tests.load.serving import serving
from tests.load.tables import leave, table

TIME_LIMIT_S, QUEUE_WAIT_S = 5, 30  # all connections may ask for what costs most
ANSWER_LIMIT_S = TIME_LIMIT_S + QUEUE_WAIT_S + 2.0
CONNECTIONS = 8


@dataclass
class Seen:
    """How the links were answered."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    slowest: list[tuple[float, int, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def take(self, link: Link, answer: Answer) -> None:
        """Judge one answer."""
        self.statuses[link.kind, answer.status] += 1
        self.slowest = sorted([*self.slowest, (answer.seconds, answer.status, str(link))])[-10:]
        if fault := fault_of(link, answer):
            self.broken.append(f"{fault}: {link}")


async def ask_on(address: str, links: Iterator[Link], seen: Seen) -> None:
    """One connection after the other, each as long as the server keeps it."""
    asked = next(links, None)
    while asked is not None:
        async with await Connection.to(address) as connection:
            while asked is not None and await answered(connection, asked, seen):
                asked = next(links, None)
            asked = next(links, None)


async def answered(connection: Connection, link: Link, seen: Seen) -> bool:
    """Ask for one link; whether the connection can be used again."""
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            answer = await connection.ask(link.target)
    except (OSError, TimeoutError) as error:
        seen.broken.append(f"{type(error).__name__} {error}: {link}")
        return False
    seen.take(link, answer)
    ended = answer.status in (400, 500) or answer.headers.get("connection") == "close"
    return not ended


async def ask_all(address: str, links: Iterator[Link], connections: int = CONNECTIONS) -> Seen:
    """Ask for every link, from several connections."""
    seen = Seen()
    await asyncio.gather(*(ask_on(address, links, seen) for _ in range(connections)))
    return seen


def tell(seen: Seen) -> None:
    """Print how many of each sort were answered how, and what took longest."""
    kinds = sorted({kind for kind, _ in seen.statuses})
    statuses = sorted({status for _, status in seen.statuses})
    rows = [(status, *(seen.statuses[kind, status] for kind in kinds)) for status in statuses]
    print(table(("status", *kinds), rows))
    print("the slowest:")
    for seconds, status, link in reversed(seen.slowest):
        print(f"  {seconds:.2f} s  {status}  {link}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1, help="draws the links")
    chosen = parser.parse_args()
    links = list(fuzzed(chosen.links, chosen.seed))
    print(f"{len(links)} links, {len({link.target for link in links})} different", flush=True)
    with serving(
        WORK_LIMIT_S="2", TIME_LIMIT_S=str(TIME_LIMIT_S), QUEUE_WAIT_S=str(QUEUE_WAIT_S)
    ) as server:
        seen = asyncio.run(ask_all(server.address, iter(links)))
    tell(seen)
    leave(seen.broken)


if __name__ == "__main__":
    main()
