"""The app: routes, security headers, limits, and what a wrong request is told."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import api, pages
from app.compute import Compute
from app.errors import Problem
from app.settings import Settings, settings

LONGEST_ADDRESS = 16_000

# The hash is that of the empty style sheet that Plotly adds to the page and fills by script.
CONTENT_POLICY = (
    "default-src 'self'; "
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'self'; object-src 'none'; frame-ancestors 'none'"
)
# Only what is made for it may stand in somebody's frame.
FRAMEABLE = "/embed/"
FRAME_POLICY = CONTENT_POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "What went wrong and the way out (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "nearest": {"type": "string", "description": "the nearest link that works"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["key", "value", "message"],
                "properties": {name: {"type": "string"} for name in ("key", "value", "message")},
            },
        },
    },
}

log = logging.getLogger("uvicorn.error")


class Door:
    """What every request passes: addresses too long and bodies are refused, HEAD is answered as GET
    would be but without the body, and every answer carries the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        head = scope["method"] == "HEAD"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                if scope["path"].startswith(FRAMEABLE):
                    headers["Content-Security-Policy"] = FRAME_POLICY
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if problem := oversized(scope):
            return await refusal(Request(scope), problem)(scope, receive, guarded)
        return await self.app({**scope, "method": "GET"} if head else scope, receive, guarded)


def oversized(scope: Scope) -> Problem | None:
    """What is too long about a request: its address, or its body, of which none is read."""
    length = len(scope["raw_path"]) + len(scope["query_string"])
    if length > LONGEST_ADDRESS:
        detail = f"This address has {length} characters; {LONGEST_ADDRESS} are the limit."
        return Problem(HTTPStatus.REQUEST_URI_TOO_LONG, "Address too long", detail)
    headers = Headers(scope=scope)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        detail = "Nothing here reads a body; send none."
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Body too large", detail)
    return None


def create_app(chosen: Settings | None = None) -> FastAPI:
    """The app with its own workers, which live from its start to its end."""
    chosen = chosen or settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        compute = Compute(chosen.workers)
        await compute.start()
        app.state.compute = compute
        yield
        del app.state.compute
        compute.stop()

    app = FastAPI(
        title="Gradient Highways",
        summary="How much gradient survives on its way back through time",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.include_router(api.router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", healthz, summary="The process answers")
    app.add_api_route("/readyz", readyz, summary="The workers answer")
    app.add_exception_handler(Problem, problem_answer)
    app.add_exception_handler(HTTPException, http_answer)
    app.add_exception_handler(Exception, unforeseen_answer)
    app.add_middleware(Door)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    return app


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with the schema of the problem documents that routes refer to."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        found.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        app.openapi_schema = found
    return app.openapi_schema


async def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "ok"}


async def readyz(request: Request) -> Response:
    """Answers 200 while there are workers; they have drawn before the port opens."""
    ready = getattr(request.app.state, "compute", None) is not None
    body = orjson.dumps({"status": "ready" if ready else "stopped"})
    return Response(body, 200 if ready else 503, media_type="application/json")


def problem_answer(request: Request, problem: Exception) -> Response:
    """A refusal that knows what is wrong and what would work."""
    assert isinstance(problem, Problem)
    return refusal(request, problem)


def http_answer(request: Request, error: Exception) -> Response:
    """The framework's own refusals: 404, 405."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address answers GET and HEAD only.",
    }
    problem = Problem(status, status.phrase, details.get(status, status.description))
    response = refusal(request, problem)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "GET, HEAD"
    return response


def unforeseen_answer(request: Request, error: Exception) -> Response:
    """A fault of ours: logged here, told without a trace."""
    log.error("unforeseen %s at %s", type(error).__name__, request.url.path, exc_info=error)
    detail = "Something broke on our side; it is logged."
    response = refusal(request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Our fault", detail))
    response.headers.update(SECURITY_HEADERS)  # this answer does not pass the door
    return response


def refusal(request: Request, problem: Problem) -> Response:
    """The page that explains, where a page was asked for; a problem document elsewhere."""
    path = request.url.path
    document = problem.document(path)
    headers = {"Cache-Control": "no-store"}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    wants_page = path in pages.PAGE_PATHS or (
        problem.status == HTTPStatus.NOT_FOUND and "text/html" in request.headers.get("accept", "")
    )
    if wants_page:
        context = {"problem": document}
        return pages.page(request, "wrong_link.html", context, headers, problem.status)
    return Response(orjson.dumps(document), problem.status, headers, "application/problem+json")
