"""A server that is asked to end while it starts: it ends at once, well, and leaves nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import TOP
from tests.load.processes import PROC, process
from tests.waiting import PATIENCE_S, until

CAUGHT = "SigCgt:"

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not (PROC / "self/stat").exists(), reason="Linux tells it there"),
]


@contextmanager
def started(log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server with one worker on any port, in a session of its own."""
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | {"HOST": "127.0.0.1", "PORT": "0", "WORKERS": "1"},
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield server
    finally:
        for pid in in_session(server.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.wait()


def in_session(leader: int) -> list[int]:
    """The processes of a session that are still alive."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == leader and process(int(folder.name)):
                found.append(int(folder.name))
    return found


def handles(server: subprocess.Popen[bytes], *numbers: signal.Signals) -> bool:
    """Whether a process has handlers of its own for these signals."""
    status = (PROC / str(server.pid) / "status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(CAUGHT))
    caught = int(line.removeprefix(CAUGHT), 16)
    return all(caught >> (number - 1) & 1 for number in numbers)


def ends_well(server: subprocess.Popen[bytes], log: Path) -> None:
    """It ends with 0, no error in its log, and none of its processes outlives it for long."""
    assert server.wait(PATIENCE_S) == 0, log.read_text()
    text = log.read_text()
    assert "Traceback" not in text and "ERROR" not in text, text
    until(lambda: not in_session(server.pid), "a process is left behind")
    text = log.read_text()
    assert "Traceback" not in text and "Error" not in text, text


STAGES = {
    "amid an import": "pydantic",
    "the app is made": "app.main:create_app",
    "the loop begins": "uvicorn:Server.serve",
    "the web server has its own handlers": "uvicorn.config:Config.load",
    "the app begins": "app.main:build",
    "before there is a worker": "app.pool:Pool.start",
    "a thread waits for its worker": "multiprocessing.connection:_ConnectionBase.recv_bytes",
    "before it listens": "uvloop:Loop.create_server",
    "it listens": "uvicorn:Server.main_loop",
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_at_any_stage_of_the_start_ends_it(tmp_path: Path, stage: str) -> None:
    log = tmp_path / "log.txt"
    with started(log, "-m", "tests.app.interrupted", STAGES[stage], "SIGINT") as server:
        ends_well(server, log)
    assert f"sent at {STAGES[stage]}" in log.read_text()


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_to_all_of_its_processes_is_a_good_end_too(tmp_path: Path, number: str) -> None:
    """As a terminal's Ctrl-C is, and what a service manager sends."""
    log, stage = tmp_path / "log.txt", STAGES["a thread waits for its worker"]
    with started(log, "-m", "tests.app.interrupted", stage, number, "group") as server:
        ends_well(server, log)
    assert f"sent at {stage}" in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("at", ["", "Waiting for application startup"])
def test_a_server_asked_to_end_while_it_starts_ends_well(
    tmp_path: Path, number: signal.Signals, at: str
) -> None:
    log = tmp_path / "log.txt"
    with started(log, "-m", "app") as server:
        until(lambda: handles(server, signal.SIGINT, signal.SIGTERM), "no handler")
        until(lambda: at in log.read_text(), at)
        server.send_signal(number)
        ends_well(server, log)
