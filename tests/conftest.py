"""One app with its workers for the whole run, and one real server for the browser."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from starlette.testclient import TestClient

from app.lenses import IN_CHUNKS
from app.main import create_app
from app.settings import Settings

TOP = Path(__file__).resolve().parent.parent
START_LIMIT_S = 180
WAITS_FOR_THE_END = re.compile(rf"/(api|picture|preview|export)/({'|'.join(IN_CHUNKS)})\b")
SMALL = {"batch": 2, "updates": 3, "seeds": 2, "x_points": 4, "y_points": 3}
STOP_LIMIT_S = 60

# The same examples on every run; without a deadline, since a test that waits for a worker shares
# the machine with others. The app is shared by design: it has no state that a request changes.
hypothesis_settings.register_profile(
    "gradient-highways",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("gradient-highways")


@pytest.fixture(scope="session")
def app() -> FastAPI:
    return create_app(Settings(workers=2, rate_limit_s=0))


class Client(TestClient):
    """Asks the app itself. What takes longer, it asks for small, unless a test says how large."""

    def request(self, method: str, url: Any, **more: Any) -> Any:
        return super().request(method, small(url), **more)

    def stream(self, method: str, url: Any, **more: Any) -> Any:
        return super().stream(method, small(url), **more)


def small(url: str) -> str:
    """The address with little work, where it waits for the end of work."""
    path, _, query = url.partition("?")
    least = {key: value for key, value in SMALL.items() if f"{key}=" not in query}
    if not WAITS_FOR_THE_END.match(path) or not least:
        return url
    return f"{url}{'&' if query else '?'}{urlencode(least)}"


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    """Redirects are shown, not followed, and a fault of ours is raised."""
    with Client(app, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server, as ``python -m app`` starts it, ready to work."""
    with running_server(tmp_path_factory.mktemp("server") / "log.txt") as (address, process):
        yield address
        assert process.poll() is None, "the server ended before the tests did"


@contextmanager
def running_server(log: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server on a free port, and its process; it gets SIGTERM in the end and has to go.

    Tests ask much from one address: there is no limit to that unless `environment` sets one.
    """
    address = f"http://127.0.0.1:{(port := free_port())}"
    usual = {"HOST": "127.0.0.1", "PORT": str(port), "WORKERS": "2", "RATE_LIMIT_S": "0"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=TOP,
            env=os.environ | usual | environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(address, process, log)
        yield address, process
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_LIMIT_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for /readyz to answer 200."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with direct.open(f"{address}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    pytest.fail(f"the server did not get ready:\n{log.read_text(errors='replace')}")
