"""Refusals as answers: a page where a page was asked for, a problem document elsewhere."""

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_from_bytes, unquote

import orjson
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from app.addresses import meant_address, split_query
from app.errors import Problem
from app.lenses import LENSES
from app.links import address, meant, path_of, write
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
        "known": {
            "type": "array",
            "description": "the addresses there are, where there is nothing at this one",
            "items": {"type": "string"},
        },
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

WHERE = f"Pages are / and /{', /'.join(list(LENSES)[1:])}; programs ask at /api/ with such a name."
# Where the link may be right.
SOUND = {HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
AS_IT_IS = "%!$&'()*+,;=:@/?[]"

log = logging.getLogger("app.problems")


def problem_answer(request: Request, problem: Exception) -> Response:
    """A refusal that knows what is wrong and what would work."""
    assert isinstance(problem, Problem)
    return refusal(request, problem)


def http_answer(request: Request, error: Exception) -> Response:
    """The framework's own refusals: 404, where no other address is plainly meant, and 405."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_FOUND and request.method == "GET" and (to := elsewhere(request)):
        return RedirectResponse(to, HTTPStatus.PERMANENT_REDIRECT)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address answers GET and HEAD only.",
    }
    allow = "GET, HEAD, POST" if request.url.path == "/api/series" else "GET, HEAD"
    headers = {"Allow": allow} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
    detail = details.get(status, status.description)
    return refusal(request, Problem(status, status.phrase, detail, headers=headers))


def elsewhere(request: Request) -> str | None:
    """The address that is meant by one that there is not, with its query as it is."""
    path, more = split_query(request.scope["raw_path"])
    to = meant_address(unquote(path.decode("latin-1")), request.app.state.addresses)
    if to is None:
        return None
    query = b"&".join(part for part in (more, request.scope["query_string"]) if part)
    return address(to, quote_from_bytes(query, safe=AS_IT_IS))


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
            state={"pages": pages(settings_of(request, problem))},
        )
        return Response(page, problem.status, headers, "text/html")
    if problem.status == HTTPStatus.NOT_FOUND and not path.startswith("/static/"):
        document["detail"] += f" {WHERE}"
        document["known"] = addresses_like(path, request.app.state.addresses)
    return Response(orjson.dumps(document), problem.status, headers, "application/problem+json")


def settings_of(request: Request, problem: Problem) -> str:
    """The query that the links of an error page carry on: what was asked for, as far as it can be
    read."""
    if problem.nearest is not None or problem.status not in SOUND:
        return problem.nearest or ""
    try:
        return write(*meant(request.scope["query_string"], with_view=True, repair=True).asked)
    except Problem:
        return ""


def pages(query: str) -> dict[str, str]:
    """The addresses of all pages with one query."""
    lenses = {name: address(path_of(name), query) for name in LENSES}
    return lenses | {"api": address("/api", query)}


def addresses_like(path: str, known: set[str]) -> list[str]:
    """The addresses for the same sort of client: a program's, or else pages."""
    if path.startswith("/api"):
        return sorted(one for one in known if one.startswith("/api"))
    return ["/", *(path_of(name) for name in list(LENSES)[1:]), "/api", "/openapi.json"]
