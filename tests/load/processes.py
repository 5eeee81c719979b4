"""The processes of a running server, as Linux tells of them under /proc."""

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """One process: who started it, its state (a letter), and the processor time it took."""

    pid: int
    parent: int
    state: str
    cpu_seconds: float


def running() -> Iterator[Process]:
    """Every process there is; one that ends meanwhile is left out."""
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (found := process(int(folder.name))):
            yield found


def process(pid: int) -> Process | None:
    """One process, or None where it is gone or only waits to be buried."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is a name in brackets and may hold anything.
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    ticks = int(fields[11]) + int(fields[12])
    return Process(pid, int(fields[1]), fields[0], ticks / TICKS_A_SECOND)


def tree(server: int) -> list[Process]:
    """The server and all that it started, directly or not."""
    there = {one.pid: one for one in running()}
    found = [there[server]] if server in there else []
    for ancestor in found:  # grows while it is read
        found += [one for one in there.values() if one.parent == ancestor.pid]
    return found


def workers(server: int) -> list[Process]:
    """The processes that compute: those whose parent is multiprocessing's fork server."""
    family = tree(server)
    fork_servers = {
        one.pid for one in family if one.parent == server and "forkserver" in command(one.pid)
    }
    return [one for one in family if one.parent in fork_servers]


def command(pid: int) -> str:
    """What a process was started with."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def send(number: signal.Signals, victims: Iterable[Process]) -> None:
    """Send a signal to those that are still there."""
    for one in victims:
        try:
            os.kill(one.pid, number)
        except ProcessLookupError:
            continue


def memory_mb(server: int) -> float:
    """Memory of a server with all its processes; what several of them share counts once (PSS)."""
    return sum(proportional_kb(one.pid) for one in tree(server)) / 1024


def proportional_kb(pid: int) -> int:
    """A process's proportional set size in kB."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
