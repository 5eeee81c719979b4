"""The pages a person opens, and the files they are made of."""

import gzip
import re
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from app.api import compute_of
from app.assets import ENCODINGS, PLOTLY, TOP, assets, version
from app.drawing.figure import PLAIN, RAISED
from app.errors import Problem
from app.headers import accepts, etag, has_already, server_timing
from app.knobs import (
    FIELDS,
    GATE_OF,
    Control,
    Experiment,
    View,
    allowed,
    bounds,
    choices,
    control,
    default,
    kind,
    without_effect,
)
from app.lenses import LENSES
from app.links import plain, read, write
from app.state import PRESETS, address, state
from lstm_engine import CELLS

HOW_A_PAGE_IS_KEPT = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
PAGE_PATHS = ("/", "/api")

router = APIRouter(include_in_schema=False)
templates = Environment(
    loader=FileSystemLoader(TOP / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def static(name: str) -> str:
    """The versioned address of a file."""
    return f"/static/{version(name)}/{name}"


def raised(text: str) -> Markup:
    """Text with its exponents as the page sets them: superscript glyphs come from fonts that
    do not match each other."""
    pieces = re.split(f"([{RAISED}]+)", text)
    return Markup("").join(
        Markup("<sup>{}</sup>").format(piece.translate(PLAIN).replace("-", "−")) if n % 2 else piece
        for n, piece in enumerate(pieces)
    )


templates.filters["raised"] = raised
templates.globals.update(
    static=static,
    PLOTLY=PLOTLY,
    kind=kind,
    bounds=bounds,
    choices=choices,
    control=control,
    allowed=allowed,
    without_effect=without_effect,
    plain=plain,
    default=default,
)


def groups(model: type[Experiment] | type[View]) -> dict[str, list[tuple[str, Control, str]]]:
    """The controls of a model by group, the gate biases first: key, control, meaning."""
    found: dict[str, list[tuple[str, Control, str]]] = {}
    if model is Experiment:
        found["Gate biases"] = []
    for key, field in model.model_fields.items():
        if shown := control(key):
            found.setdefault(shown.group, []).append((key, shown, field.description or ""))
    return found


@router.get("/")
async def highway(request: Request) -> Response:
    """The highway lens."""
    experiment, view = read(request.scope["query_string"], with_view=True)
    query = write(experiment, view)
    if request.scope["query_string"] != query.encode():
        return RedirectResponse(address("/", query), HTTPStatus.PERMANENT_REDIRECT)
    finished = await compute_of(request).answer(
        "highway", "reading", experiment, view, also=("wide", "plot")
    )
    headers = {"Server-Timing": server_timing(finished)}
    return page(
        request,
        "highway.html",
        {
            "state": state(experiment, view),
            "reading": orjson.loads(finished.body),
            "groups": groups(Experiment),
            "view_groups": groups(View),
            "presets": PRESETS,
            "hidden": view.hide,
            "sheets": LENSES["highway"].SHEETS,
            "here": str(request.base_url).rstrip("/"),
        },
        headers,
    )


@router.get("/api")
async def api_page(request: Request) -> Response:
    """What a program can ask."""
    experiment, view = read(request.scope["query_string"], with_view=True)
    query = write(experiment, view)
    if request.scope["query_string"] != query.encode():
        return RedirectResponse(address("/api", query), HTTPStatus.PERMANENT_REDIRECT)
    context = {
        "state": state(experiment, view),
        "fields": FIELDS,
        "view_keys": View.model_fields,
        "lenses": LENSES,
        "cells": CELLS,
        "with_cell": {
            name: address("/", write(experiment.model_copy(update={"cell": name}), view))
            for name in CELLS
        },
        "bias_keys": {gate: key for key, gate in GATE_OF.items()},
        "here": str(request.base_url).rstrip("/"),
    }
    return page(request, "api.html", context)


@router.get("/static/{version_}/{name:path}")
async def file(request: Request, version_: str, name: str) -> Response:
    """A file under its versioned address, in the best encoding the client takes."""
    found = assets().get(name)
    if found is None or version_ != version(name):
        raise Problem(HTTPStatus.NOT_FOUND, "Not found", "There is no such file in this version.")
    encoding = next(
        (one for one in ENCODINGS if one in found.bodies and accepts(request, one)), "identity"
    )
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    return Response(found.bodies[encoding], headers=headers, media_type=found.media_type)


def page(
    request: Request,
    template: str,
    context: dict[str, Any],
    headers: dict[str, str] | None = None,
    status: int = HTTPStatus.OK,
) -> Response:
    """A page from its template; 304 where the client has it already."""
    mark = etag(f"{request.url}")
    kept: dict[str, str] = {
        "Cache-Control": HOW_A_PAGE_IS_KEPT,
        "Vary": "Accept-Encoding",
        "ETag": mark,
    }
    if status == HTTPStatus.OK and has_already(request, mark):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)
    body = templates.get_template(template).render(request=request, **context).encode()
    if status != HTTPStatus.OK:
        kept = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if accepts(request, "gzip"):
        body = gzip.compress(body, 5, mtime=0)
        kept["Content-Encoding"] = "gzip"
    return Response(body, status, kept | (headers or {}), "text/html")
