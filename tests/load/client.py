"""A small HTTP client for load: one connection that stays open, answers with a Content-Length.

Clients and server share the processors, so it does no more than it must: it reads every byte of an
answer and keeps them only where somebody wants to look at them.
"""

import asyncio
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Self

END_OF_HEAD = b"\r\n\r\n"


class Answer(NamedTuple):
    """An answer: the names of its headers in lower case, and the time from asking to its last byte.

    `body` is empty where it was not kept; `size` counts it all the same.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    size: int
    seconds: float


class ConnectionLost(ConnectionError):
    """The connection ended before the whole answer was there."""


class Connection(asyncio.Protocol):
    """One connection to a server; `ask` again and again, one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[Answer] | None = None
        self.lost = False
        self.forget()

    @classmethod
    async def to(cls, address: str) -> Self:
        """A connection to ``http://host:port``."""
        host, _, port = address.removeprefix("http://").partition(":")
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, int(port))
        return connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hang_up()
        await asyncio.sleep(0)  # the loop closes the socket in its next round

    async def ask(self, target: str | bytes, *headers: str, keep: bool = True) -> Answer:
        """The answer to GET `target`; its body is counted, but not kept, unless `keep`.

        Raises:
            ConnectionLost: the server closed the connection before the end of its answer.
        """
        self.send(target, *headers, keep=keep)
        assert self.waiter is not None
        return await self.waiter

    def send(self, target: str | bytes, *headers: str, keep: bool = True) -> None:
        """Ask without waiting; the answer will be told to `waiter`."""
        self.forget()
        self.keep, self.start = keep, perf_counter()
        self.waiter = asyncio.get_running_loop().create_future()
        if self.lost or self.transport is None:
            self.waiter.set_exception(ConnectionLost("the server had closed the connection"))
            return
        path = target.encode() if isinstance(target, str) else target
        lines = "".join(f"{line}\r\n" for line in ("Host: 127.0.0.1", *headers))
        self.transport.write(b"GET " + path + b" HTTP/1.1\r\n" + lines.encode() + b"\r\n")

    def hang_up(self) -> None:
        """Close the connection at once, whatever is under way."""
        if self.waiter is not None:
            self.waiter.cancel()
        if self.transport is not None:
            self.transport.abort()

    def forget(self) -> None:
        """Make room for the next answer."""
        self.head = bytearray()
        self.parts: list[bytes] = []
        self.status, self.headers = 0, dict[str, str]()
        self.size, self.missing = 0, -1  # −1: the head has not ended yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.missing < 0:
            self.head += data
            if (end := self.head.find(END_OF_HEAD)) < 0:
                return
            data = bytes(self.head[end + len(END_OF_HEAD) :])
            self.read_head(bytes(self.head[:end]))
        self.size += len(data)
        self.missing -= len(data)
        if self.keep and data:
            self.parts.append(data)
        if self.missing == 0 and self.waiter is not None and not self.waiter.done():
            seconds = perf_counter() - self.start
            body = b"".join(self.parts)
            self.waiter.set_result(Answer(self.status, self.headers, body, self.size, seconds))

    def read_head(self, head: bytes) -> None:
        """The status, the headers, and how many bytes are to come."""
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ", 2)[1])
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        without_body = self.status in (204, 304)
        self.missing = 0 if without_body else int(self.headers.get("content-length", -1))
        if self.missing < 0:
            self.missing = 2**62  # it ends with the connection

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self.waiter is None or self.waiter.done():
            return
        if self.missing > 2**61:
            seconds = perf_counter() - self.start
            body = b"".join(self.parts)
            self.waiter.set_result(Answer(self.status, self.headers, body, self.size, seconds))
            return
        self.waiter.set_exception(
            ConnectionLost(f"the connection ended after {self.size} bytes of the body")
            if self.status
            else ConnectionLost("the connection ended without an answer")
        )


async def ask(address: str, target: str | bytes, *headers: str) -> Answer:
    """The answer to one request on a connection of its own."""
    async with await Connection.to(address) as connection:
        return await connection.ask(target, *headers)
