"""uvicorn, made to bear clients that are slow, silent or too many, and to end well."""

import asyncio
from socket import SO_SNDBUF, SOL_SOCKET, socket
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.compute import Compute
from app.errors import LARGEST_BODY
from app.settings import Settings
from app.signals import exit_at_once, on_ending

REQUEST_WITHIN_S = 10.0  # from opening a connection, or the first byte, to the whole header
TAKES_WITHIN_S = 30.0  # so long a client may read nothing of what is sent
SENT_AHEAD = 2**18  # bytes on their way to one client: at 100 ms of delay 2 MB a second
LARGEST_HEADER = 2**16 + 2**14  # the longest address and as much beside it, and a little
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


def serve(app: object, chosen: Settings, compute: Compute) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    config = uvicorn.Config(
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
    )
    server = Server(config, compute)
    # Once it has ended, uvicorn puts this handler back and raises what it was sent once more.
    on_ending(server.handle_exit)
    try:
        server.run()
    finally:
        # Whoever presses Ctrl-C twice is in a hurry, and the app has not ended its workers then.
        compute.pool.kill()


class Server(uvicorn.Server):
    """Ends politely: nothing new is begun, what runs may finish, who still waits is told."""

    def __init__(self, config: uvicorn.Config, compute: Compute) -> None:
        super().__init__(config)
        self.compute = compute

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by a signal. While the server starts, nobody waits for anything; and to start
        takes seconds, on a busy machine many."""
        if not self.started:
            exit_at_once(sig, frame)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Called once a signal has come."""
        self.compute.close()
        asyncio.get_running_loop().call_later(FINISH_WITHIN_S, self.give_up)
        await super().shutdown(sockets)

    def give_up(self) -> None:
        """Tell who still waits for work, and leave those who do not take what they are sent."""
        self.compute.give_up()
        for one in list(self.server_state.connections):
            if isinstance(one, H11Protocol) and one.flow.write_paused:
                one.transport.abort()


def connection(most: int) -> type[H11Protocol]:
    """HTTP/1.1 on one connection, of which there may be `most` at once."""

    class Connection(H11Protocol):
        asking: asyncio.TimerHandle | None = None  # until the header has to be whole
        taking: asyncio.TimerHandle | None = None  # until something has to be read
        quiet_since = 0.0
        early = 0  # bytes that came while an answer was under way

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            if len(self.connections) >= most and not self.make_room():
                transport.write(FULL % (len(TOO_MANY), TOO_MANY))
                transport.close()
                return
            # Otherwise the system would take megabytes for each slow reader, and for long one would
            # not see that it reads.
            transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, SENT_AHEAD)
            super().connection_made(transport)
            self.await_request()

        def make_room(self) -> bool:
            """Hang up on one that is idle: on one that never asked, or else the longest silent."""
            idle = [one for one in self.connections if isinstance(one, Connection) and one.idle]
            if not idle:
                return False
            min(idle, key=lambda one: (one.cycle is not None, one.quiet_since)).drop()
            return True

        @property
        def idle(self) -> bool:
            """Whether no answer is under way, not even the end of one."""
            answered = self.cycle is None or self.cycle.response_complete
            return answered and self.transport.get_write_buffer_size() == 0

        def data_received(self, data: bytes) -> None:
            if self.transport is None:
                return  # it was refused
            self.quiet_since = self.loop.time()
            under_way = self.cycle is not None and not self.cycle.response_complete
            self.early = self.early + len(data) if under_way else 0
            with_body = under_way and self.scope["method"] == "POST"
            if self.early > LARGEST_HEADER + with_body * LARGEST_BODY:
                self.drop()
                return
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                stop(self.asking)
                self.asking = None
                # Otherwise one would not hear that the client hangs up.
                self.flow.resume_reading()
            elif self.asking is None:
                self.await_request()

        def await_request(self) -> None:
            """From now on the header has to come."""
            self.quiet_since = self.loop.time()
            self.asking = self.loop.call_later(REQUEST_WITHIN_S, self.drop)

        def on_response_complete(self) -> None:
            self.quiet_since = self.loop.time()
            super().on_response_complete()
            if self.taking is None and self.transport.get_write_buffer_size():
                self.await_reader()

        def pause_writing(self) -> None:
            super().pause_writing()
            if self.taking is None:
                self.await_reader()

        def await_reader(self) -> None:
            """From now on something has to be read."""
            self.taking = self.loop.call_later(TAKES_WITHIN_S, self.drop_unread)

        def drop_unread(self) -> None:
            self.taking = None
            if self.transport.get_write_buffer_size():
                self.drop()

        def resume_writing(self) -> None:
            super().resume_writing()
            stop(self.taking)
            self.taking = None

        def connection_lost(self, exc: Exception | None) -> None:
            if self.transport is None:
                return
            stop(self.asking)
            stop(self.taking)
            super().connection_lost(exc)

        def drop(self) -> None:
            """Hang up at once; what is still to be sent nobody takes."""
            self.connections.discard(self)
            self.transport.abort()

    return Connection


def stop(timer: asyncio.TimerHandle | None) -> None:
    """End a timer that runs."""
    if timer is not None:
        timer.cancel()
