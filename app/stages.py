"""What takes longer than an answer may: work in chunks, whose answer comes in stages.

A lens with such work has, beside the names that every lens has:

    run          (experiment, focus, engine, kept) → `Run`: hands out chunks, and never asks who
                 does them
    known        what its other functions tell of before anything is found
    whole        whether what was found is all there is to find
    expected_s   about how long all of it takes one core; where chains may come to an end early,
                 `ahead` says how much of it is left
    dearest      an experiment that takes as much memory as its largest chunk; a training is like
                 none, and has `worker_bytes` and `holds`
    EVERY_STAGE  whether every stage is kept, as the frames of a film are, or the newest alone, as a
                 picture that gets sharper. Frames have a MOMENT, the key by which a link names one,
                 and `moment` says which one a stage ends with.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple, Protocol

Call = tuple[Callable[..., Any], tuple[Any, ...]]

CHUNK_S = 0.25  # a chunk is to take about so long: beside it, what it costs to hand it out is small
LEAST_CHUNK_S = 0.1


class Engine(Protocol):
    """Who does chunks: a pool of processes, or a cluster."""

    @property
    def width(self) -> int:
        """How many chunks to have under way, so that nobody is ever idle."""

    async def do(self, call: Call, expected_s: float) -> Any:
        """What a call brings: the same bits whoever does it, however often it has to be tried."""


class Progress(NamedTuple):
    """How far work has come, told after every chunk."""

    share: float  # of all of the work, 0 … 1
    stage: int  # how many stages are complete: the number of the newest answer
    found: Any  # as of that stage and no further, what the lens's other functions tell
    kept: Any  # all that is known, from which `run` can go on


Run = AsyncGenerator[Progress, None]


class Alone:
    """An engine of one: every call is done here and now."""

    width = 1

    async def do(self, call: Call, expected_s: float) -> Any:
        """What the call brings."""
        function, arguments = call
        return function(*arguments)


def finished(run: Run) -> Any:
    """What work brings in the end, done in this process."""

    async def last() -> Any:
        found = None
        async for progress in run:
            found = progress.found
        return found

    return asyncio.run(last())
