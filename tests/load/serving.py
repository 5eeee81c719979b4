"""A server for one program: started, watched and stopped by it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.conftest import running_server
from tests.load.client import ask


class Server(NamedTuple):
    """A running server: its address and the process that started all others."""

    address: str
    pid: int


@contextmanager
def serving(**environment: str) -> Iterator[Server]:
    """A server with two workers; nobody's work is limited unless `environment` says so.

    It gets SIGTERM in the end and has to go by itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        chosen = {"WORKERS": "2", "RATE_LIMIT_S": "0"} | environment
        with running_server(Path(folder) / "log.txt", **chosen) as (address, process):
            yield Server(address, process.pid)


class Gauges(NamedTuple):
    """How much work there is at this moment."""

    busy: float
    waiting: float


async def gauges(address: str) -> Gauges:
    """How many workers are busy and how many jobs wait, as /metrics tells."""
    text = (await ask(address, "/metrics")).body.decode()
    return Gauges(
        metric(text, "gradient_highways_workers_busy"),
        metric(text, "gradient_highways_queue_length"),
    )


def metric(text: str, name: str) -> float:
    """The sum of a metric over all its labels.

    Raises:
        ValueError: there is no such metric.
    """
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    found = [float(value) for head, _, value in lines if head.partition("{")[0] == name]
    if not found:
        raise ValueError(f"/metrics does not tell {name}")
    return sum(found)
