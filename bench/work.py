"""What a phase map costs as a stream beside its engine alone: `python -m bench.work`.

The engine's time is that of the same chunks in as many processes as there are cores, side by side,
without a server; they take turns with the server's, so that both see the same machine. Printed,
never asserted.
"""

import argparse
import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from statistics import median
from time import perf_counter, sleep
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.pop("OPENBLAS_CORETYPE", None)

from app.lenses import phase
from app.links import read
from app.machine import cores
from app.stages import Call
from app.worker import keep_freed_memory
from tests.cluster import cluster
from tests.events import whole
from tests.load.processes import memory_mb
from tests.load.serving import serving

MAP = "H=16&T=100&seeds=8&x_points={n}&y_points={n}"
ALLOWED, ALLOWED_ON_DASK, FIRST_WITHIN_S, TRAINED_WITHIN_S = 1.1, 1.3, 1.0, 30


class Timed:
    """An engine of one that knows how long its calls took."""

    width = 1

    def __init__(self) -> None:
        self.took_s = 0.0

    async def do(self, call: Call, expected_s: float) -> Any:
        function, arguments = call
        began = perf_counter()
        found = function(*arguments)
        self.took_s += perf_counter() - began
        return found


def engine_s(query: str) -> float:
    """How long the chunks of a map take one process, which keeps freed memory as a worker does."""
    keep_freed_memory()
    experiment, focus, _ = read(query.encode(), with_view=False)
    engine = Timed()

    async def all_of_it() -> None:
        async for _ in phase.run(experiment, focus, engine):
            pass

    asyncio.run(all_of_it())
    return engine.took_s


def side_by_side_s(query: str, number: int) -> float:
    """The same in `number` processes at once, each with all of the map: the mean of a process."""
    with multiprocessing.get_context("spawn").Pool(number) as pool:
        pool.map(engine_s, [MAP.format(n=4)] * number)
        return sum(pool.map(engine_s, [query] * number, 1)) / number


def streamed_s(address: str, query: str) -> tuple[float, float]:
    """Until the first whole picture, until the end."""
    came = whole(address, f"/stream/phase?{query}")
    assert came[-1].kind == "end", came[-1]
    return next(event.at_s for event in came if event.kind == "stage"), came[-1].at_s


def ratios(address: str, n: int, rounds: int, seeds: Iterator[int]) -> tuple[float, float, float]:
    """A map of n × n points beside its engine: the medians of ratio, first picture, seconds."""
    found = []
    for seed in (next(seeds) for _ in range(rounds)):
        query = f"{MAP.format(n=n)}&seed={seed}"
        first, took = streamed_s(address, query)
        alone = side_by_side_s(query, cores()) / cores()
        found.append((took / alone, first, took))
    return tuple(median(column) for column in zip(*found, strict=True))  # type: ignore[return-value]


def linear(address: str, seeds: Iterator[int], server: int) -> None:
    """Maps of four sizes: time by run, and the memory of the service meanwhile."""
    for n in (16, 32, 48, 64):
        found = [streamed_s(address, f"{MAP.format(n=n)}&seed={next(seeds)}")[1] for _ in "123"]
        runs, took = n * n * 8, min(found)
        each = f"{took / runs * 1e6:4.0f} µs each"
        print(f"  {runs:6,} runs: {took:6.2f} s, {each}; {memory_mb(server):4.0f} MB")


def training(address: str) -> None:
    """The default training, watched to its end."""
    came = whole(address, "/stream/training")
    assert came[-1].kind == "end", came[-1]
    last = [event for event in came if event.kind == "stage"][-1]
    print(
        f"The default training: {came[-1].at_s:.1f} s (allowed {TRAINED_WITHIN_S} on two cores), "
        f"{last.number} snapshots\n  {last.told['headline']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, seeds = 3 if quick else 5, iter(range(0, 100_000, 100))
    print(f"A phase map, 32 × 32 × 8 at H=16, T=100, on {cores()} cores:")
    with serving() as server:
        streamed_s(server.address, MAP.format(n=8))
        ratio, first, took = ratios(server.address, 32, rounds, seeds)
        print(
            f"  own processes: {took:5.2f} s, {ratio:.2f} × engine ÷ cores (allowed {ALLOWED}); "
            f"first picture after {first:.2f} s (allowed {FIRST_WITHIN_S})"
        )
        if not quick:
            linear(server.address, seeds, server.pid)
        training(server.address)
    with cluster(2) as here, serving(DASK_SCHEDULER=here.address) as server:
        sleep(5)
        streamed_s(server.address, MAP.format(n=8))
        ratio, first, took = ratios(server.address, 32, rounds, seeds)
        print(
            f"  Dask, 2 workers: {took:5.2f} s, {ratio:.2f} × engine ÷ cores "
            f"(allowed {ALLOWED_ON_DASK}); first picture after {first:.2f} s"
        )


if __name__ == "__main__":
    main()
