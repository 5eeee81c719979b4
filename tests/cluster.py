"""A Dask cluster on this machine for one test or benchmark: a scheduler and workers, each a process
started by the command line that docs/cluster.md tells."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import TOP, free_port
from tests.load.processes import command, tree

START_LIMIT_S = 180
NOWHERE_ELSE = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
REGISTERED = "distributed.worker - INFO -         Registered to"
ENVIRONMENT = {
    "PYTHONPATH": str(TOP),
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


@dataclass
class Here:
    """The cluster: its address, and what it runs. Anything of it may be killed and started anew."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    scheme: str = "tcp"
    port: int = field(default_factory=free_port)
    scheduler: subprocess.Popen[bytes] | None = None
    nannies: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[int]:
        """The processes that compute."""
        return [
            one.pid
            for nanny in self.nannies
            for one in tree(nanny.pid)
            if "spawn_main" in command(one.pid)
        ]

    def start(self, workers: int) -> None:
        """Start a scheduler and so many workers, in the place of all that was there."""
        self.stop()
        where = ("--port", str(self.port), "--protocol", self.scheme)
        self.scheduler = self.run("scheduler", *where)
        self.start_workers(workers)

    def start_workers(self, number: int) -> None:
        """Start so many workers, and wait until the scheduler knows them.

        A worker ends when it loses its scheduler: then others have to be started.
        """
        before = self.times(REGISTERED)
        for _ in range(number):
            options = ("--nthreads", "1", "--nworkers", "1", "--preload", "app.cluster")
            where = ("--local-directory", str(self.folder), "--memory-limit", "1GiB")
            self.nannies.append(self.run("worker", self.address, *options, *where))
        self.wait_for(REGISTERED, before + number)

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """Start one process of Dask's."""
        with self.log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words, *NOWHERE_ELSE],
                cwd=self.folder,
                env=os.environ | ENVIRONMENT | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def times(self, line: str) -> int:
        """How often the log has a line."""
        return self.log.read_text(errors="replace").count(line) if self.log.exists() else 0

    def wait_for(self, line: str, times: int) -> None:
        """Wait until the log has a line so many times."""
        until = time.monotonic() + START_LIMIT_S
        while self.times(line) < times:
            if time.monotonic() > until:
                raise TimeoutError(f"no cluster:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.05)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the scheduler."""
        assert self.scheduler is not None
        self.scheduler.send_signal(number)

    def stop(self) -> None:
        """End all of it at once."""
        for process in (*self.nannies, *((self.scheduler,) if self.scheduler else ())):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # each leads a group of its own
            process.wait()
        self.scheduler, self.nannies = None, []


@contextmanager
def cluster(workers: int = 2, **environment: str) -> Iterator[Here]:
    """A scheduler and so many workers, ready; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        here = Here(Path(folder), environment)
        try:
            here.start(workers)
            yield here
        finally:
            here.stop()
