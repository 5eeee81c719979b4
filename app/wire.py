"""uvicorn, made to bear clients that are slow, silent or too many, and to end well."""

import asyncio
import logging
import socket

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.compute import Compute
from app.settings import Settings

REQUEST_WITHIN_S = 10.0  # from opening a connection, or the first byte, to the whole header
TAKES_WITHIN_S = 30.0  # so long a client may read nothing of what is sent
LARGEST_HEADER = 2**16
# Whoever stops a server waits ten seconds as a rule.
FINISH_WITHIN_S = 6.5
CLOSE_WITHIN_S = 8

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: application/problem+json\r\nCache-Control: no-store\r\nContent-Length: %d\r\n"
    b"\r\n%s"
)
TOO_MANY = (
    b'{"type":"about:blank","title":"Too many connections","status":503,'
    b'"detail":"As many clients as this server takes are connected; try again in 5 seconds."}'
)

log = logging.getLogger("app.wire")


def serve(app: object, chosen: Settings, compute: Compute) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            host=chosen.host,
            port=chosen.port,
            http=connection(chosen.connections),
            timeout_graceful_shutdown=CLOSE_WITHIN_S,
            server_header=False,
            access_log=False,  # the door's is better
            log_config=None,
            proxy_headers=False,  # see ADDRESS_HEADER and PUBLIC_URL
            h11_max_incomplete_event_size=LARGEST_HEADER,
            ws="none",
        ),
        compute,
    ).run()


class Server(uvicorn.Server):
    """Ends politely: nothing new is begun, what runs may finish, who still waits is told."""

    def __init__(self, config: uvicorn.Config, compute: Compute) -> None:
        super().__init__(config)
        self.compute = compute

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called once a signal has come."""
        self.compute.close()
        asyncio.get_running_loop().call_later(FINISH_WITHIN_S, self.compute.give_up)
        await super().shutdown(sockets)


def connection(most: int) -> type[H11Protocol]:
    """HTTP/1.1 on one connection, of which there may be `most` at once."""

    class Connection(H11Protocol):
        limit: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            if len(self.connections) >= most and not self.make_room():
                transport.write(FULL % (len(TOO_MANY), TOO_MANY))
                transport.close()
                return
            super().connection_made(transport)
            self.set_limit(REQUEST_WITHIN_S)

        def make_room(self) -> bool:
            """Close a connection on which nothing is under way, the longest silent one first."""
            idle = [one for one in self.connections if isinstance(one, Connection) and one.idle]
            if not idle:
                return False
            min(idle, key=lambda one: one.limit.when() if one.limit else 0.0).drop()
            return True

        @property
        def idle(self) -> bool:
            """Whether no answer is under way."""
            return self.cycle is None or self.cycle.response_complete

        def data_received(self, data: bytes) -> None:
            if self.transport is None:
                return  # it was refused
            super().data_received(data)
            if not self.idle:
                self.clear_limit()
            elif self.limit is None:
                self.set_limit(REQUEST_WITHIN_S)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.idle:
                self.clear_limit()

        def connection_lost(self, exc: Exception | None) -> None:
            if self.transport is None:
                return
            self.clear_limit()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self.set_limit(TAKES_WITHIN_S)

        def resume_writing(self) -> None:
            super().resume_writing()
            self.clear_limit()

        def set_limit(self, seconds: float) -> None:
            self.clear_limit()
            self.limit = self.loop.call_later(seconds, self.drop)

        def clear_limit(self) -> None:
            if self.limit is not None:
                self.limit.cancel()
                self.limit = None

        def drop(self) -> None:
            """Hang up at once; what is still to be sent nobody takes."""
            self.connections.discard(self)
            self.transport.abort()

    return Connection
