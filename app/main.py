"""The app: its parts put together, its probes, its description."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from app import api, pages, problems, series_api, streams
from app.assets import build
from app.compute import Compute
from app.description import DESCRIPTION
from app.door import CLIENT_LEFT, Door
from app.errors import ClientLeft, Problem
from app.settings import Settings, settings
from app.watch import Watch


def create_app(chosen: Settings | None = None) -> FastAPI:
    """The app with its own workers, which live from its start to its end."""
    chosen, watch = chosen or settings(), Watch()
    compute = Compute(chosen, watch)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        build()  # reads and compresses all files, which the first visitor would wait for
        await compute.start()
        try:
            yield
        finally:
            await compute.stop()

    app = FastAPI(
        title="Gradient Highways",
        summary="How much gradient survives on its way back through time",
        description=DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.compute = compute
    app.include_router(api.router)
    app.include_router(series_api.router)
    app.include_router(streams.router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", healthz, summary="The process answers")
    app.add_api_route("/readyz", readyz, summary="The workers answer", responses=NOT_READY)
    app.add_api_route("/metrics", metrics, include_in_schema=False)
    app.add_exception_handler(Problem, problems.problem_answer)
    app.add_exception_handler(HTTPException, problems.http_answer)
    app.add_exception_handler(ClientLeft, nobody_there)
    app.add_exception_handler(Exception, problems.unforeseen_answer)
    by_name = [r for part in (api, streams, pages) for r in part.router.routes] + app.routes
    directory = Directory(by_name)
    app.state.addresses = {*directory.by_path, str(app.openapi_url)}
    app.router.routes.insert(0, directory)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    # Around everything, the answer to a fault of ours too.
    inside = app.build_middleware_stack
    app.build_middleware_stack = lambda: Door(inside(), chosen, watch)  # type: ignore[method-assign]
    return app


class Directory(BaseRoute):
    """All addresses without a variable part, found by name: to try a hundred patterns in turn takes
    longer than to send an answer that is kept."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self.by_path = {
            route.path: route
            for route in routes
            if isinstance(route, APIRoute) and not route.param_convertors
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the address is one of these."""
        route = self.by_path.get(scope.get("path", ""))
        return (Match.NONE, {}) if route is None else route.matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the address's own route answer."""
        await self.by_path[scope["path"]].handle(scope, receive, send)


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with the schema of the problem documents that routes refer to."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
        )
        found.setdefault("components", {}).setdefault("schemas", {})["Problem"] = problems.SCHEMA
        app.openapi_schema = found
    return app.openapi_schema


NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "There are no workers, yet or any more"}
}


async def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "ok"}


async def readyz(request: Request) -> Response:
    """Answers 200 while there are workers to begin anything new."""
    compute: Compute = request.app.state.compute
    ready = compute.open and compute.pool.there
    body = orjson.dumps({"status": "ready" if ready else "stopped"})
    return Response(body, 200 if ready else 503, media_type="application/json")


async def metrics(request: Request) -> Response:
    """What happened, counted, as Prometheus reads it."""
    compute: Compute = request.app.state.compute
    return Response(compute.watch.text(), media_type=CONTENT_TYPE_LATEST)


def nobody_there(request: Request, error: Exception) -> Response:
    """For the log: the client hung up before its answer was there."""
    return Response(status_code=CLIENT_LEFT)
