"""Connections of clients that are slow, silent, too many or too eager."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn

from app import wire
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.slow

LARGE = bytes(12 * 2**20)
BRIEF_S = 1.5  # a busy machine may let none of us run for a second


class Told:
    """An app that answers by the path, and knows who left."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.left = threading.Event()
        self.release = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/wait":
            self.began.set()
            await receive()
            while not self.release.is_set():
                try:
                    async with asyncio.timeout(0.05):
                        if (await receive())["type"] == "http.disconnect":
                            self.left.set()
                            return
                except TimeoutError:
                    pass
        body = LARGE if scope["path"] == "/large" else b"small"
        length = str(len(body)).encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
        )
        for at in range(0, len(body), 2**16):
            piece = body[at : at + 2**16]
            more = at + 2**16 < len(body)
            await send({"type": "http.response.body", "body": piece, "more_body": more})


@contextmanager
def served(most: int = 100) -> Iterator[tuple[Told, int]]:
    """A server for the app above, and its port."""
    app = Told()
    config = uvicorn.Config(
        app,
        port=0,
        http=wire.connection(most),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    try:
        yield app, server.servers[0].sockets[0].getsockname()[1]
    finally:
        app.release.set()
        server.should_exit = True
        thread.join()


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_WITHIN_S", BRIEF_S)
    monkeypatch.setattr(wire, "TAKES_WITHIN_S", BRIEF_S)


def connected(port: int, asks: str = "") -> socket.socket:
    """A connection with little room for what comes in, on which a path was asked for."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(PATIENCE_S)
    one.connect(("127.0.0.1", port))
    if asks:
        one.sendall(f"GET {asks} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return one


def rest(one: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    found = b""
    try:
        while part := one.recv(2**16):
            found += part
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("sends", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x"])
def test_who_does_not_send_a_whole_request_is_hung_up_on(sends: bytes) -> None:
    with served() as (_, port), connected(port) as one:
        one.sendall(sends)
        assert rest(one) == b""


def test_who_does_not_finish_a_second_request_is_hung_up_on() -> None:
    with served() as (_, port), connected(port, "/") as one:
        assert one.recv(1000).endswith(b"small")
        one.sendall(b"GET")
        assert rest(one) == b""


@pytest.mark.parametrize("sends", [b"", b"G"], ids=["nothing", "one more byte"])
def test_who_does_not_read_is_hung_up_on(sends: bytes) -> None:
    with served() as (_, port), connected(port, "/large") as one:
        one.sendall(sends)
        time.sleep(2 * BRIEF_S)
        assert len(rest(one)) < len(LARGE)


def read_until(one: socket.socket, bytes_: int) -> int:
    """Read so many bytes, or a little more; how many."""
    found = 0
    while found < bytes_:
        part = one.recv(2**16)
        assert part, f"hung up after {found} bytes"
        found += len(part)
    return found


def test_who_reads_slowly_gets_all_of_it() -> None:
    with served() as (_, port), connected(port, "/large") as one:
        found, start = 0, time.monotonic()
        while time.monotonic() - start < 3 * BRIEF_S and found < len(LARGE) // 2:
            found += read_until(one, 2 * wire.SENT_AHEAD)
            time.sleep(BRIEF_S / 4)
        read_until(one, len(LARGE) - found)


def test_that_a_client_leaves_is_heard_though_it_sent_more() -> None:
    with served() as (app, port):
        with connected(port, "/wait") as one:
            until(app.began.is_set)
            one.sendall(b"G")
        until(app.left.is_set)


def test_who_sends_on_and_on_while_an_answer_is_under_way_is_hung_up_on() -> None:
    with served() as (app, port), connected(port, "/wait") as one:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1000):
                one.sendall(b"x" * 2**14)
                time.sleep(0.001)
        until(app.left.is_set)


def test_two_requests_at_once_are_both_answered() -> None:
    with served() as (_, port), connected(port) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        found = b""
        while found.count(b"small") < 2:
            part = one.recv(1000)
            assert part
            found += part


# Too many ----------------------------------------------------------------------------------------


def test_among_idle_connections_those_that_never_asked_go_first() -> None:
    with served(most=3) as (_, port), ExitStack() as closing:
        silent, served_once = connected(port), connected(port, "/")
        assert served_once.recv(1000).endswith(b"small")
        newcomers = [connected(port, "/") for _ in range(2)]
        for one in (silent, served_once, *newcomers):
            closing.enter_context(one)
        assert all(one.recv(1000).endswith(b"small") for one in newcomers)
        assert rest(silent) == b""
        served_once.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert served_once.recv(1000).endswith(b"small")


def test_an_answer_that_is_not_yet_read_is_not_cut_off_for_a_newcomer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "TAKES_WITHIN_S", PATIENCE_S)
    with served(most=1) as (_, port), connected(port, "/large") as slow:
        found = slow.recv(1000)
        with connected(port) as newcomer:
            assert rest(newcomer).startswith(b"HTTP/1.1 503")
        read_until(slow, len(LARGE) - len(found))


def test_when_all_are_at_work_the_next_is_told_when_to_come_back() -> None:
    with served(most=1) as (app, port), connected(port, "/wait"):
        until(app.began.is_set)
        with connected(port) as newcomer:
            head, body = rest(newcomer).split(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503") and b"Retry-After: 5\r\n" in head
        assert json.loads(body)["status"] == 503
        assert int(re.search(rb"Content-Length: (\d+)", head)[1]) == len(body)  # type: ignore[index]
        app.release.set()
