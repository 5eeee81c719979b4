"""What every request passes on its way in, and every answer on its way out."""

import logging
import re
from collections.abc import Iterator
from contextvars import ContextVar
from http import HTTPStatus
from time import perf_counter
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import LARGEST_BODY, Problem
from app.problems import refusal
from app.settings import Settings
from app.watch import Watch

LONGEST_ADDRESS = 32_000
MOST_OF_HEADERS = 32_000  # beside the address
READS_A_BODY = "/api/series"
SENT_AT_ONCE = 2**17  # as much of an answer waits with the connection until it is read
CLIENT_LEFT = 499  # nginx's number for it; nobody is there to read it

# The hash is that of the empty style sheet that Plotly adds to the page and fills by script.
CONTENT_POLICY = (
    "default-src 'self'; "
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'self'; object-src 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
}
# Only what is made for it may stand in somebody's frame, and only numbers and pictures elsewhere.
FRAMEABLE = "/embed/"
FRAME_POLICY = CONTENT_POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
FOR_EVERYONE = ("/api/", "/picture/", "/preview", "/export/")
STAY_SECURE = "max-age=31536000"

RawHeaders = list[tuple[bytes, bytes]]

WHOLE_ADDRESS = re.compile("https?://[^/]*", re.IGNORECASE)
REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
request_id: ContextVar[str] = ContextVar("request_id", default="-")

log = logging.getLogger("app.door")


class Door:
    """Refuses addresses and headers that are too long and bodies of any length; answers HEAD as GET
    would be, without the body; gives each request a name, counts and logs it; adds the security
    headers; hands large answers out in pieces, as the client takes them."""

    def __init__(self, app: ASGIApp, chosen: Settings, watch: Watch) -> None:
        self.app, self.watch = app, watch
        headers = dict(SECURITY_HEADERS)
        if chosen.public_url.startswith("https:"):
            headers["Strict-Transport-Security"] = STAY_SECURE
        self.headers = {start: dressed(start, headers) for start in (FRAMEABLE, *FOR_EVERYONE, "/")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = perf_counter()
        without_host(scope)
        name = named(scope)
        request_id.set(name)
        method, status = scope["method"], 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                path = scope["path"]
                start = next((start for start in self.headers if path.startswith(start)), "/")
                own = [*self.headers[start], (b"x-request-id", name.encode())]
                await send({**message, "headers": [*message["headers"], *own]})
                return
            if method == "HEAD":
                message = {**message, "body": b""}
            for piece in pieces(message):
                await send(piece)

        if method == "HEAD":
            scope.update(method="GET", head=True)
        try:
            if problem := oversized(scope):
                await refusal(Request(scope), problem)(scope, receive, guarded)
            else:
                await self.app(scope, receive, guarded)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.note(method, route, status or CLIENT_LEFT, perf_counter() - began)

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and log a request; its address without the query, which may hold one's own text."""
        self.watch.requests.labels(route, str(status)).inc()
        self.watch.latency.labels(route).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            ms = round(seconds * 1e3, 1)
            told = {"method": method, "route": route, "status": status, "ms": ms}
            log.info("%(method)s %(route)s %(status)d %(ms).1f ms", told, extra=told)


def without_host(scope: Scope) -> None:
    """Take scheme and host off an address that is written whole, as RFC 9112 allows."""
    if whole := WHOLE_ADDRESS.match(scope["path"]):
        scope["path"] = scope["path"][whole.end() :] or "/"
        scope["raw_path"] = scope["path"].encode()


def named(scope: Scope) -> str:
    """The request's name: the one a proxy gave it, if it may stand in a log, or a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


def dressed(path: str, security: dict[str, str]) -> RawHeaders:
    """The headers that every answer at a path has."""
    headers = dict(security)
    if path.startswith(FRAMEABLE):
        headers["Content-Security-Policy"] = FRAME_POLICY
        del headers["X-Frame-Options"]
    if path.startswith((FRAMEABLE, *FOR_EVERYONE)):
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def pieces(message: Message) -> Iterator[Message]:
    """A part of a body in pieces, each made when the client has taken the one before."""
    body = memoryview(message.get("body", b""))
    more = message.get("more_body", False)
    for at in range(0, len(body) or 1, SENT_AT_ONCE):
        last = at + SENT_AT_ONCE >= len(body)
        piece = bytes(body[at : at + SENT_AT_ONCE])
        yield {"type": message["type"], "body": piece, "more_body": more or not last}


def oversized(scope: Scope) -> Problem | None:
    """What is too long about a request: its address, its headers, or its body, of which none is
    read."""
    length = len(scope["raw_path"]) + len(scope["query_string"])
    if length > LONGEST_ADDRESS:
        detail = (
            f"This address has {length:,} characters; {LONGEST_ADDRESS:,} are the limit. 1,000 "
            "numbers fit, with up to 17 digits each and nothing but a comma between them: paste "
            f"them into the page's field or send them to {READS_A_BODY}, which write them so, or "
            "take fewer of them."
        )
        return Problem(HTTPStatus.REQUEST_URI_TOO_LONG, "Address too long", detail)
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if size > MOST_OF_HEADERS:
        detail = f"The headers have {size} characters; {MOST_OF_HEADERS} are the limit."
        return Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too long", detail)
    return oversized_body(scope)


def oversized_body(scope: Scope) -> Problem | None:
    """What is wrong with a body: but for one address nothing reads any."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if scope["method"] == "POST" and scope["path"] == READS_A_BODY:
        if "transfer-encoding" not in headers and int(length) <= LARGEST_BODY:
            return None
        detail = f"A text has at most {LARGEST_BODY:,} bytes, and Content-Length says how many."
    elif length == "0" and "transfer-encoding" not in headers:
        return None
    else:
        detail = f"Nothing but POST {READS_A_BODY} reads a body; send none."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Body too large", detail)
