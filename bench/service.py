"""What a default `/api/highway` costs on a real server: `python -m bench.service`.

Every request asks for another seed, so no kept answer helps. Printed, never asserted.
"""

import argparse
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep

TOP = Path(__file__).resolve().parent.parent
STARTS_WITHIN_S = 120
ALLOWED_FACTOR, ALLOWED_MS = 1.5, 5.0


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server of its own, as `python -m app` starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    usual = {"HOST": "127.0.0.1", "PORT": str(port), "RATE_LIMIT_S": "0"}
    environment = os.environ | usual
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=TOP,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            if not ready(f"http://127.0.0.1:{port}", process):
                log.seek(0)
                raise RuntimeError(f"the server did not start ({process.poll()}):\n{log.read()}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def ready(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server came up; waits for it as long as it lives, within reason."""
    until = monotonic() + STARTS_WITHIN_S
    while process.poll() is None and monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=10):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            sleep(0.1)
    return False


class Client:
    """One connection that stays open; asks for default experiments, each with another seed."""

    def __init__(self, address: str, seeds: Iterator[int]) -> None:
        self.connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        self.seeds = seeds

    def ask(self) -> dict[str, float]:
        """The parts of the answer's Server-Timing, in milliseconds."""
        path = f"/api/highway?v=1&seed={next(self.seeds)}"
        self.connection.request("GET", path, headers={"Accept-Encoding": "identity"})
        response = self.connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"{path} was answered with {response.status}")
        parts = re.findall(r"(\w+);dur=([0-9.]+)", response.headers["Server-Timing"])
        return {name: float(ms) for name, ms in parts}


def tell_cost(client: Client, requests: int) -> None:
    """One request at a time: the engine's time beside all of it, before compression."""
    for _ in range(10):
        client.ask()
    timings = [client.ask() for _ in range(requests)]
    engine, figures, total = (
        median(timing[part] for timing in timings) for part in ("engine", "figures", "total")
    )
    ratio = median(timing["total"] / timing["engine"] for timing in timings)
    rest = median(timing["total"] - timing["engine"] for timing in timings)
    allowed = ALLOWED_FACTOR * engine + ALLOWED_MS
    within = [
        timing["total"] <= ALLOWED_FACTOR * timing["engine"] + ALLOWED_MS for timing in timings
    ]
    print(f"default /api/highway, {requests} requests, medians, before compression:")
    print(f"  engine {engine:.2f} ms, figures {figures:.2f} ms, total {total:.2f} ms")
    print(f"  total = {ratio:.2f} × engine = 1 × engine + {rest:.2f} ms")
    print(
        f"  {ALLOWED_FACTOR} × engine + {ALLOWED_MS:g} ms = {allowed:.2f} ms: "
        f"{'held' if total <= allowed else 'NOT HELD'} "
        f"(by {sum(within)} of {requests} requests)"
    )


def requests_per_second(address: str, clients: int, seconds: float, seeds: Iterator[int]) -> float:
    """Distinct default experiments answered each second to so many clients at once."""
    until = perf_counter() + seconds
    answered = [0] * clients

    def keep_asking(place: int) -> None:
        client = Client(address, seeds)
        while perf_counter() < until:
            client.ask()
            answered[place] += 1

    threads = [threading.Thread(target=keep_asking, args=(place,)) for place in range(clients)]
    start = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered) / (perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer requests")
    quick = parser.parse_args().quick
    seeds = count(1)
    with serving() as address:
        tell_cost(Client(address, seeds), 50 if quick else 200)
        print("distinct default experiments a second (the client shares the processors):")
        for clients in (1, 2, 4):
            rate = requests_per_second(address, clients, 1 if quick else 4, seeds)
            print(f"  {clients} at once: {rate:.0f}", flush=True)


if __name__ == "__main__":
    main()
