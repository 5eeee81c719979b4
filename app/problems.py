"""Refusals as answers: a page where a page was asked for, a problem document elsewhere."""

import logging
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from app.errors import Problem
from app.lenses import LENSES
from app.links import address, path_of
from app.rendering import rendered

PAGE_PATHS = {"/api", *(path_of(lens) for lens in LENSES), *(f"/embed/{lens}" for lens in LENSES)}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong and the way out (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "nearest": {"type": "string", "description": "the nearest link that works"},
        "choices": {
            "type": "array",
            "description": "the readings of a text that has several",
            "items": {"type": "object"},
        },
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

log = logging.getLogger("app.problems")


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
    allow = "GET, HEAD, POST" if request.url.path == "/api/series" else "GET, HEAD"
    headers = {"Allow": allow} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
    detail = details.get(status, status.description)
    return refusal(request, Problem(status, status.phrase, detail, headers=headers))


def unforeseen_answer(request: Request, error: Exception) -> Response:
    """A fault of ours: logged here, told without a trace."""
    log.error("unforeseen %s at %s", type(error).__name__, request.url.path, exc_info=error)
    detail = "Something broke on our side; it is logged."
    return refusal(request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Our fault", detail))


def refusal(request: Request, problem: Problem) -> Response:
    """The page that explains, where a page was asked for; a problem document elsewhere."""
    request.app.state.compute.watch.refused.labels(problem.title).inc()
    path = request.url.path
    document = problem.document(path)
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"} | problem.headers
    wants_page = path in PAGE_PATHS or (
        problem.status == HTTPStatus.NOT_FOUND and "text/html" in request.headers.get("accept", "")
    )
    if wants_page:
        again_after_s = problem.retry_after_s
        template = "no_frame.html" if path.startswith("/embed/") else "wrong_link.html"
        page = rendered(
            template,
            path=path,
            problem=document,
            address=address(path, request.url.query),
            again_after_s=again_after_s,
        )
        return Response(page, problem.status, headers, "text/html")
    return Response(orjson.dumps(document), problem.status, headers, "application/problem+json")
