"""The run that makes a phase map known: chunk after chunk, stage after stage."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from app.knobs import Experiment
from app.lenses.phase.batches import values
from app.lenses.phase.computed import Kept, Phase, known, nothing
from app.lenses.phase.grid import Array, Numbers, grid_of, quantities
from app.stages import CHUNK_S, LEAST_CHUNK_S, Call, Engine, Progress, Run
from app.view import Focus

EVERY_STAGE = False
PACES = (0.2, 20.0)  # how far off the expected times of rows may be


def expected_s(experiment: Experiment, focus: Focus) -> float:
    """About how long all of it takes one core, seconds."""
    grid = grid_of(experiment, focus)
    return float(grid.row_s.sum() * grid.axes.seeds)


def chunk(*arguments: Any) -> tuple[Array, float]:
    """What `app.lenses.phase.batches.values` finds, and how long that took: who waits for it cannot
    tell, for it may have waited itself."""
    began = perf_counter()
    return values(*arguments), perf_counter() - began


async def run(
    experiment: Experiment, focus: Focus, engine: Engine, kept: Kept | None = None
) -> Run:
    """Make it known, chunk after chunk, as many under way as the engine is wide.

    Args:
        experiment: what the map is of.
        focus: its axes.
        engine: who does the chunks.
        kept: what a former run knew; nothing of it is worked out again.
    """
    work = Work(known(experiment, focus, kept))
    under_way: dict[asyncio.Task[tuple[Array, float]], Numbers] = {}

    def hand_out() -> None:
        while len(under_way) < engine.width and len(rows := work.next(engine.width)):
            under_way[asyncio.create_task(engine.do(*work.call(rows)))] = rows

    try:
        hand_out()
        while under_way:
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                work.learn(under_way.pop(task), *task.result())
                hand_out()
                yield work.progress()
        if not work.told:
            yield work.progress()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


class Work:
    """What of a map has been handed out, what is known, how fast it goes."""

    def __init__(self, before: Phase) -> None:
        self.grid, self.before = before.grid, before
        self.values, self.known = before.kept.values.copy(), before.kept.known.copy()
        self.every_s = self.grid.expected_s(np.arange(len(self.known)))
        self.all_s = float(self.every_s.sum())
        self.stage, self.pace, self.told = 0, 1.0, False
        self.found = replace(before, kept=nothing(self.grid))
        self.waiting = self.unknown()
        self.here = next(self.waiting, None)
        self.settle()

    def unknown(self) -> Iterator[Numbers]:
        """What is missing of each stage."""
        for rows in self.grid.stages:
            missing = rows[~self.known[rows]]
            if len(missing):
                yield missing

    def next(self, width: int) -> Numbers:
        """The next chunk: of one stage, no longer than a chunk shall be; empty after the last."""
        while self.here is not None and not len(self.here):
            self.here = next(self.waiting, None)
        if self.here is None:
            return np.zeros(0, dtype=np.int64)
        costs = np.cumsum(self.every_s[self.here]) * self.pace
        most = min(CHUNK_S, max(LEAST_CHUNK_S, costs[-1] / width))
        # What is left over is shared out rather than left for a tiny chunk of its own.
        most = costs[-1] / max(1, round(costs[-1] / most))
        count = max(1, int(np.searchsorted(costs, most * 1.001, "right")))
        chunk, self.here = self.here[:count], self.here[count:]
        return chunk

    def call(self, rows: Numbers) -> tuple[Call, float]:
        """The call of a chunk, and how long it may be expected to take."""
        grid = self.grid
        arguments = (
            grid.experiment,
            quantities(grid.axes),
            grid.axes.back,
            grid.settings(rows),
            np.flatnonzero(np.isin(rows, grid.looked)).tolist(),
        )
        return (chunk, arguments), float(self.every_s[rows].sum()) * self.pace

    def learn(self, rows: Numbers, found: Array, took_s: float) -> None:
        """What a chunk brought, and that it took so long."""
        self.values[rows], self.known[rows] = found, True
        measured = took_s / float(self.every_s[rows].sum())
        self.pace = float(np.clip(np.sqrt(self.pace * measured), *PACES))
        self.settle()

    def settle(self) -> None:
        """See which stages are complete."""
        stages, before = self.grid.stages, self.stage
        while self.stage < len(stages) and self.known[stages[self.stage]].all():
            self.stage += 1
        if self.stage == before:
            return
        rows = np.concatenate(stages[: self.stage])
        found = nothing(self.grid)
        found.values[rows], found.known[rows] = self.values[rows], True
        self.found = replace(self.before, kept=found)

    def progress(self) -> Progress:
        """How far it has come."""
        self.told = True
        share = float(self.every_s[self.known].sum()) / self.all_s
        kept = Kept(self.values.copy(), self.known.copy())
        return Progress(1.0 if self.known.all() else share, self.stage, self.found, kept)
