"""The app: routes, security headers, limits, and what a wrong request is told."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import api, pages
from app.compute import Compute
from app.errors import Problem
from app.settings import Settings, settings

LONGEST_ADDRESS = 16_000
MOST_BODY_BYTES = 1024  # nothing here reads a body

# The hash is that of the empty style sheet that Plotly adds to the page and fills by script.
CONTENT_POLICY = (
    "default-src 'self'; "
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'self'; object-src 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

log = logging.getLogger("uvicorn.error")


class Door:
    """What every request passes: addresses too long are refused, HEAD is answered as GET would be
    but without the body, and every answer carries the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        head = scope["method"] == "HEAD"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        length = len(scope["raw_path"]) + len(scope["query_string"])
        if length > LONGEST_ADDRESS:
            return await too_long(scope, length)(scope, receive, guarded)
        return await self.app({**scope, "method": "GET"} if head else scope, receive, guarded)


def too_long(scope: Scope, length: int) -> Response:
    """The refusal of an address of `length` characters."""
    detail = f"This address has {length} characters; {LONGEST_ADDRESS} are the limit."
    problem = Problem(HTTPStatus.REQUEST_URI_TOO_LONG, "Address too long", detail)
    return refusal(Request(scope), problem)


def create_app(chosen: Settings | None = None) -> FastAPI:
    """The app with its own workers, which live from its start to its end."""
    chosen = chosen or settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        compute = Compute(chosen.workers)
        await compute.start()
        app.state.compute = compute
        yield
        compute.stop()

    app = FastAPI(
        title="Gradient Highways",
        summary="How much gradient survives on its way back through time",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        max_body_size=MOST_BODY_BYTES,
    )
    app.include_router(api.router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", healthz, summary="The process answers")
    app.add_api_route("/readyz", readyz, summary="The workers answer")
    app.add_exception_handler(Problem, problem_answer)
    app.add_exception_handler(HTTPException, http_answer)
    app.add_exception_handler(Exception, unforeseen_answer)
    app.add_middleware(Door)
    return app


async def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "ok"}


async def readyz(request: Request) -> Response:
    """Answers 200 once the workers have each drawn a figure, 503 before."""
    ready = hasattr(request.app.state, "compute")
    body = orjson.dumps({"status": "ready" if ready else "starting"})
    return Response(body, 200 if ready else 503, media_type="application/json")


def problem_answer(request: Request, problem: Exception) -> Response:
    """A refusal that knows what is wrong and what would work."""
    assert isinstance(problem, Problem)
    return refusal(request, problem)


def http_answer(request: Request, error: Exception) -> Response:
    """The framework's own refusals: 404, 405, 413."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address answers GET and HEAD only.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Nothing here reads a body; send none.",
    }
    problem = Problem(status, status.phrase, details.get(status, status.description))
    response = refusal(request, problem)
    response.headers.update(error.headers or {})
    return response


def unforeseen_answer(request: Request, error: Exception) -> Response:
    """A fault of ours: logged here, told without a trace."""
    log.error("unforeseen %s at %s", type(error).__name__, request.url.path, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return refusal(
        request, Problem(status, "Our fault", "Something broke on our side; it is logged.")
    )


def refusal(request: Request, problem: Problem) -> Response:
    """The page that explains, where a page was asked for; a problem document elsewhere."""
    path = request.url.path
    document = problem.document(path)
    wants_page = path in pages.PAGE_PATHS or (
        problem.status == HTTPStatus.NOT_FOUND and "text/html" in request.headers.get("accept", "")
    )
    if wants_page:
        return pages.page(request, "wrong_link.html", {"problem": document}, status=problem.status)
    headers = {"Cache-Control": "no-store"}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    return Response(orjson.dumps(document), problem.status, headers, "application/problem+json")
