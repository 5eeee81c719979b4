"""Server-sent events as a program reads them."""

import http.client
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple


class Event(NamedTuple):
    """One event: what kind, its number if it has one, what it tells, when it came (s)."""

    kind: str
    number: int | None
    told: Any
    at_s: float


class Refused(Exception):
    """No stream: the status, the headers and the problem."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.problem = json.loads(response.read() or b"null")
        super().__init__(self.status, self.problem)


@contextmanager
def events(address: str, path: str, after: int | None = None) -> Iterator[Iterator[Event]]:
    """The events at a path of a server, up to the last one; whoever leaves early hangs up.

    Raises:
        Refused: the server answers with something else.
    """
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
    response = None
    try:
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        began = monotonic()
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        if response.headers.get_content_type() != "text/event-stream":
            raise Refused(response)
        yield parsed(response, began)
    finally:
        if response is not None:
            response.close()  # it holds the socket too
        connection.close()


def parsed(response: Iterable[bytes], began: float) -> Iterator[Event]:
    """Event after event, comments left out, up to the one that ends the stream."""
    fields: dict[str, str] = {}
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
            continue
        if "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            yield Event(fields["event"], number, json.loads(fields["data"]), monotonic() - began)
            if fields["event"] in ("end", "problem"):
                return
        fields = {}


def whole(address: str, path: str, after: int | None = None) -> list[Event]:
    """All events of a stream that comes to its end."""
    with events(address, path, after) as coming:
        return list(coming)
