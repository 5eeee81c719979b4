"""The running service: it starts ready, tells how it is, takes any request, and ends cleanly."""

import asyncio
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import running_server
from tests.load.processes import process as found
from tests.load.processes import tree
from tests.load.serving import gauges
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.server


def test_health_and_readiness_are_told(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_an_app_without_its_workers_is_not_ready() -> None:
    unstarted = TestClient(create_app(Settings(workers=1)))
    assert unstarted.get("/healthz").status_code == 200
    assert unstarted.get("/readyz").status_code == 503


def test_a_fault_of_ours_is_told_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings(workers=1))
    with TestClient(app, raise_server_exceptions=False) as client:

        def broken(*arguments: object) -> None:
            raise RuntimeError("secret /path")

        monkeypatch.setattr(app.state.compute, "answer", broken)
        answer = client.get("/api/highway?seed=41")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_head_sends_no_body_itself(app: FastAPI, client: TestClient) -> None:
    """Asked without a client or a server between, which would take the body off too."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "HEAD",
        "path": "/healthz",
        "raw_path": b"/healthz",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 200
    assert b"".join(message.get("body", b"") for message in sent) == b""


def test_nothing_loads_documentation_from_elsewhere(client: TestClient) -> None:
    for path in ("/docs", "/redoc"):
        assert client.get(path).status_code == 404


def test_a_real_server_answers_as_the_app_does(server: str, client: TestClient) -> None:
    with httpx2.Client(base_url=server, trust_env=False) as remote:
        for path in ("/api/highway?T=7&H=2", "/api/highway?T=0", "/healthz", "/nowhere"):
            far, near = remote.get(path), client.get(path)
            assert far.status_code == near.status_code
            assert far.headers["content-type"] == near.headers["content-type"]
            assert far.json() == near.json()
        assert "server" not in far.headers


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://elsewhere/healthz", 200),
        ("HTTPS://elsewhere:1/healthz?x", 200),
        ("http://elsewhere", 200),
        ("*", 404),
        ("healthz", 404),
        ("x:80", 404),
    ],
)
def test_any_way_to_write_an_address_is_answered(server: str, target: str, status: int) -> None:
    with connected(server) as one:
        one.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := one.recv(2**16):
            answer += part
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-content-type-options: nosniff" in answer


@pytest.mark.parametrize("length", [32_100, 40_000, 60_000])
def test_an_address_that_is_too_long_is_refused_by_a_real_server(server: str, length: int) -> None:
    """Up to 64 kB: what is longer the parser refuses before the app (400)."""
    place = urlsplit(server)
    request = b"GET /api/highway?text=" + b"x" * length + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(request)
            answer = connection.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert answer.startswith(b"HTTP/1.1 414"), answer[:200]


def test_a_server_ends_well_when_asked_to(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with running_server(log) as (address, process):
        with httpx2.Client(base_url=address, trust_env=False) as remote:
            assert remote.get("/api/highway?T=7&H=2").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    text = log.read_text()
    assert "Traceback" not in text and "ERROR" not in text, text


def test_who_presses_ctrl_c_twice_need_not_wait(tmp_path: Path) -> None:
    """What a polite end goes through in the end is left out."""
    log = tmp_path / "log.txt"
    with running_server(log) as (address, process), connected(address) as busy:
        busy.sendall(b"GET /api/horizon?T=20000&H=100 HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: asyncio.run(gauges(address)).busy, "nobody works")
        process.send_signal(signal.SIGINT)
        until(lambda: "Waiting for connections" in log.read_text(), "it goes on")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert "application shutdown" not in log.read_text()


def connected(server: str) -> socket.socket:
    place = urlsplit(server)
    return socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux tells it there")
def test_a_server_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with running_server(tmp_path / "log.txt") as (address, process):
        with connected(address) as busy:
            busy.sendall(b"GET /api/highway?T=20000&H=32 HTTP/1.1\r\nHost: x\r\n\r\n")
            below = [one.pid for one in tree(process.pid) if one.pid != process.pid]
            process.kill()
        assert len(below) >= 3
        until(lambda: not any(map(found, below)), "a process is left behind")
