"""Work in chunks bears what happens to it: `python -m tests.faults.streams`.

A map is watched while its workers are killed (kill -9), those of the service's own pool and those
of a Dask cluster; while the cluster's scheduler is killed, or stopped so that it does not answer;
and left, after which the work stops within a second. Whatever happened, the numbers are the same to
the last bit.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.request import urlopen

from tests.cluster import Here, cluster
from tests.events import Event, events
from tests.load.processes import process, send, workers
from tests.load.serving import Server, serving
from tests.load.tables import leave, table

MAP = "H=16&T=200&x_points=32&y_points=32&seeds=4"
LONG = "H=32&T=400&x_points=64&y_points=64&seeds=8"
STOPS_WITHIN_S = 1.0
TOLD_WITHIN_S = 10.0
READY_WITHIN_S = 120.0  # a cluster with its workers
LOOK_EVERY_S = 0.2
WORKED_S = 0.5  # a part of what a map costs
IDLE_SHARE = 0.25  # of a core: a Dask worker at rest talks to its scheduler


class Seen(NamedTuple):
    """What one who watched a map saw: its numbers in the end, notes and when each came (s)."""

    numbers: bytes
    notes: list[tuple[str, float]]
    seconds: float


def watched(server: Server, link: str, act: Callable[[], Any] = lambda: None) -> Seen:
    """Watch a map to its end; `act` is done as soon as a part of it is there."""
    done_at, notes, last = None, [], None
    with events(server.address, f"/stream/phase?{link}") as coming:
        for event in coming:
            if done_at is None and event.kind == "progress" and event.told["share"] > 0.2:
                act()
                done_at = monotonic()
            if event.kind == "progress" and event.told["note"] and done_at is not None:
                notes.append((event.told["note"], monotonic() - done_at))
            last = event
    assert last is not None and last.kind == "end", last
    with urlopen(f"{server.address}/api/phase?{link}") as answer:
        return Seen(answer.read(), notes, last.at_s)


def kill_a_worker(server: Server) -> Callable[[], None]:
    """Kill one of the service's own workers."""
    return lambda: send(signal.SIGKILL, workers(server.pid)[:1])


def kill_its_worker(here: Here) -> None:
    """Kill one of the cluster's workers."""
    os.kill(here.workers[0], signal.SIGKILL)


def busy_s(pids: list[int]) -> float:
    """Processor time of some processes so far."""
    return sum(found.cpu_seconds for pid in pids if (found := process(pid)))


def left(server: Server, pids: Callable[[], list[int]]) -> float:
    """Watch a long map, leave it, and say after how many seconds nobody works any more.

    The map would take minutes: who works on never comes to rest.
    """
    with events(server.address, f"/stream/phase?{LONG}") as coming:
        first: Event = next(event for event in coming if event.kind == "stage")
        assert first.number, first
        sleep(0.5)
    gone = quiet = monotonic()
    before = busy_s(pids())
    while monotonic() - max(gone, quiet) < 2 * STOPS_WITHIN_S:
        sleep(LOOK_EVERY_S)
        now = busy_s(pids())
        if now - before > IDLE_SHARE * LOOK_EVERY_S:
            quiet = monotonic()
        before = now
    return quiet - gone


@contextmanager
def on_a_cluster(number: int = 2) -> Iterator[tuple[Server, Here]]:
    """A server whose chunks are done by a cluster of its own."""
    with cluster(number) as here, serving(DASK_SCHEDULER=here.address, CACHE_MB="1") as server:
        until = monotonic() + READY_WITHIN_S
        for seed in count():
            if not (note := note_of(server, seed)):
                break
            assert monotonic() < until, note
            sleep(0.2)
        yield server, here


def note_of(server: Server, seed: int) -> str:
    """What a visitor is told now of who works; of each seed once, for then it is known."""
    small = f"H=2&T=5&x_points=2&y_points=2&seeds=1&seed={seed}"
    with events(server.address, f"/stream/phase?{small}") as coming:
        return next(str(event.told["note"]) for event in coming if event.kind == "progress")


def main() -> None:
    rows, broken = [], []

    def note(name: str, seen: Seen, right: bytes, *, told: bool = False) -> None:
        words, at = seen.notes[0] if seen.notes else ("", 0.0)
        rows.append((name, f"{seen.seconds:.1f}", f"{at:.1f}" if words else ""))
        if seen.numbers != right:
            broken.append(f"{name}: other numbers")
        if told and not (words and at <= TOLD_WITHIN_S):
            broken.append(f"{name}: nobody was told within {TOLD_WITHIN_S:g} s")

    with serving() as server:
        right = watched(server, MAP).numbers
    with serving(CACHE_MB="1") as server:
        note("a worker of the pool killed", watched(server, MAP, kill_a_worker(server)), right)
        quiet_s = left(server, lambda: [one.pid for one in workers(server.pid)])
        rows.append(("left: own workers at rest after", f"{quiet_s:.1f}", ""))
        if quiet_s > STOPS_WITHIN_S:
            broken.append(f"own workers went on for {quiet_s:.1f} s")
    with on_a_cluster() as (server, here):
        before_s = busy_s(here.workers)
        note("on the cluster", watched(server, MAP), right)
        if (worked_s := busy_s(here.workers) - before_s) < WORKED_S:
            broken.append(f"the cluster worked for {worked_s:.1f} s alone")
        quiet_s = left(server, lambda: here.workers)
        rows.append(("left: the cluster's workers at rest after", f"{quiet_s:.1f}", ""))
        if quiet_s > STOPS_WITHIN_S:
            broken.append(f"the cluster went on for {quiet_s:.1f} s")
    for name, act in (
        ("a worker of the cluster killed", kill_its_worker),
        ("the scheduler killed", lambda here: here.kill()),
        ("the scheduler silent", lambda here: here.kill(signal.SIGSTOP)),
    ):
        with on_a_cluster() as (server, here):
            seen = watched(server, MAP, lambda act=act, here=here: act(here))
            note(name, seen, right, told="scheduler" in name)
            if seen.notes and "scheduler" not in name:
                broken.append(f"{name}: the cluster was left")
    with serving(DASK_SCHEDULER="tcp://127.0.0.1:9") as server:
        note("there never was a cluster", watched(server, MAP), right, told=True)
    print(table(("what happened", "seconds to the end", "told after"), rows))
    leave(broken)


if __name__ == "__main__":
    main()
