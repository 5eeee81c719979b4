"""One app with its workers for the whole run, and one real server for the browser."""

import os

# Before NumPy is imported. Matrices here are small: what a second thread does of a product of two
# is to wait for it, at full speed, on a processor that another test could have.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import re
import signal
import socket
import subprocess
import sys
import time
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
PATIENT = 300  # seconds: limits of a service that shares the machine with all these tests
LISTENS = re.compile(r"running on (http://127\.0\.0\.1:[1-9]\d*)")

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


# --- Which tests are which, and who runs them -----------------------------------------------------

ASKS_A_SERVER = {"server", "victim", "visit"}  # fixtures
DISTURBS = ("tests/faults", "tests/load")  # programs that take all of the machine or break parts


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a real server, and have several processes begin with what takes longest."""
    for item in items:
        if item.nodeid.startswith(DISTURBS) or ASKS_A_SERVER & set(item.fixturenames):
            item.add_marker(pytest.mark.server)
    if "PYTEST_XDIST_WORKER" in os.environ:
        weights: dict[str, int] = {}
        for item in items:
            weights[unit(item.nodeid)] = max(weights.get(unit(item.nodeid), 0), weight(item))
        items.sort(key=lambda item: -weights[unit(item.nodeid)])


def unit(nodeid: str) -> str:
    """What one process runs, one test after the other: a file, or all that would disturb each
    other."""
    return "disturbing" if nodeid.startswith(DISTURBS) else nodeid.partition("::")[0]


def weight(item: pytest.Item) -> int:
    """The more, the sooner: small ones fill the gaps in the end."""
    if item.nodeid.startswith(DISTURBS):
        return 4
    if item.nodeid.startswith("tests/browser"):
        return 3
    return 2 * bool(item.get_closest_marker("slow")) or bool(item.get_closest_marker("server"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out tests by `unit`, in their order."""
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return ByUnit(config, log)


# --- One app, one server --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def app() -> FastAPI:
    return create_app(
        Settings(workers=2, rate_limit_s=0, time_limit_s=PATIENT, queue_wait_s=PATIENT)
    )


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
    log, limit = tmp_path_factory.mktemp("server") / "log.txt", str(PATIENT)
    with running_server(log, TIME_LIMIT_S=limit, QUEUE_WAIT_S=limit) as (address, process):
        yield address
        assert process.poll() is None, "the server ended before the tests did"


@contextmanager
def running_server(log: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a server, and its process; it gets SIGTERM in the end and has to go.

    Tests ask much from one address: there is no limit to that unless `environment` sets one.
    """
    usual = {"HOST": "127.0.0.1", "PORT": "0", "WORKERS": "2", "RATE_LIMIT_S": "0"}
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
        yield address_of(process, log), process
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


def address_of(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where a server listens, once it does: on a port that the system chose, so that nobody else
    can have taken it meanwhile. It listens as soon as it is ready."""
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until and process.poll() is None:
        if found := LISTENS.search(log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.02)
    pytest.fail(f"the server did not get ready:\n{log.read_text(errors='replace')}")
