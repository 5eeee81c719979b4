"""Kept answers cost next to nothing: `python -m tests.load.cached --seconds 10`.

Sixty-four connections ask for the same few links over and over, with gzip accepted and without; the
goal is 2,000 answers a second. `wrk` asks where it is installed, for it costs the least processor
time of its own; elsewhere the client of these tests does, and its figures are lower.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from tests.load.client import ask
from tests.load.serving import serving
from tests.load.tables import goal, leave, table
from tests.load.throughput import load

CONNECTIONS = 64
GOAL_A_SECOND = 2000
KINDS = {
    "numbers": ["/api/highway", "/api/highway?v=1&b_f=3", "/api/horizon?v=1&T=200", "/api/gates"],
    "plots": ["/plot/highway", "/plot/paths", "/plot/gates?v=1&b_f=3"],
    "pictures": ["/preview.png", "/picture/highway-wide.png", "/picture/paths.svg"],
    "pages": ["/"],
}
SCRIPT = """
local links = {%(links)s}
local place = 0
function request()
  place = place %% #links + 1
  return wrk.format("GET", links[place])
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"answers": %%d, "seconds": %%f, "broken": %%d, "p99_ms": %%f}',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(99) / 1e3))
end
"""


class Rate(NamedTuple):
    """Answers a second, how many were broken, and the time that one in a hundred exceeds."""

    a_second: float
    broken: int
    p99_ms: float


def by_wrk(address: str, links: Sequence[str], seconds: float, *headers: str) -> Rate:
    """What wrk sees; it counts an answer above 399 and a lost connection as broken."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "links.lua"
        script.write_text(SCRIPT % {"links": ", ".join(f'"{link}"' for link in links)})
        options = [word for header in headers for word in ("-H", header)]
        told = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", script, *options, address],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    seen = json.loads(told[told.rindex("{") :])
    return Rate(seen["answers"] / seen["seconds"], seen["broken"], seen["p99_ms"])


def by_our_own(address: str, links: Sequence[str], seconds: float, *headers: str) -> Rate:
    """What the client of these tests sees."""
    seen = asyncio.run(load(address, cycle(links), CONNECTIONS, seconds, *headers))
    taken = sorted(seen.seconds)
    p99_ms = taken[int(0.99 * len(taken))] * 1e3 if taken else float("nan")
    return Rate(len(taken) / seconds, sum(seen.statuses.values()) - len(taken), p99_ms)


async def unsteady(address: str, links: Sequence[str], *headers: str) -> list[str]:
    """Links whose kept answer is not byte for byte the first one."""
    broken = []
    for link in links:
        first, *others = [await ask(address, link, *headers) for _ in range(3)]
        broken += [link for other in others if (other.status, other.body) != (200, first.body)]
    return broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    chosen = parser.parse_args()
    asking = by_wrk if shutil.which("wrk") else by_our_own
    print("by wrk" if asking is by_wrk else "by our own client: wrk is not installed")
    broken, rows, slowest = [], [], float("inf")
    with serving() as server:
        for kind, links in KINDS.items():
            for headers in ((), ("Accept-Encoding: gzip",)):
                name = f"{kind}, {'gzip' if headers else 'plain'}"
                broken += asyncio.run(unsteady(server.address, links, *headers))
                rate = asking(server.address, links, chosen.seconds, *headers)
                rows.append((name, f"{rate.a_second:.0f}", f"{rate.p99_ms:.1f}", rate.broken))
                broken += [f"{name}: {rate.broken} answers were broken"] if rate.broken else []
                slowest = min(slowest, rate.a_second)
    print(table((f"{CONNECTIONS} connections", "answers/s", "p99 ms", "broken"), rows))
    print(goal(f"the slowest {slowest:.0f}/s, at least {GOAL_A_SECOND}", slowest >= GOAL_A_SECOND))
    leave(broken)


if __name__ == "__main__":
    main()
