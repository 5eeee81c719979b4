"""The pages a person opens, and the files they are made of."""

import gzip
from collections.abc import Awaitable, Callable, Container
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from pydantic import BaseModel

from app.api import compute_of, here, lens_endpoint
from app.assets import ENCODINGS, PLOTLY, assets, version
from app.budget import dear
from app.compute import FIRST, Finished
from app.drawing.figure import Width
from app.errors import Problem
from app.export import frame
from app.headers import accepts, etag, has_already, server_timing
from app.keys import FIELDS, allowed, bounds, choices, control, default, kind
from app.knobs import GATE_OF, Control, Experiment, without_effect
from app.lenses import LENSES
from app.links import Asked, address, path_of, plain, read, write
from app.presets import PRESETS
from app.state import state
from app.templating import linker, templates
from app.view import Focus, View
from lstm_engine import CELLS

Shown = tuple[str, Control, str]

HOW_A_PAGE_IS_KEPT = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
PAGE_PATHS = {"/api", *(path_of(lens) for lens in LENSES), *(f"/embed/{lens}" for lens in LENSES)}

WIDTHS: tuple[Width, ...] = ("wide", "narrow")

router = APIRouter(include_in_schema=False)


def static(name: str) -> str:
    """The versioned address of a file."""
    return f"/static/{version(name)}/{name}"


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
    LENSES=LENSES,
    path_of=path_of,
    frame=frame,
)


def groups(model: type[BaseModel], keys: Container[str] = FIELDS) -> dict[str, list[Shown]]:
    """The controls of a model by group, the gate biases first: key, control, meaning."""
    found: dict[str, list[Shown]] = {"Gate biases": []} if model is Experiment else {}
    for key, field in model.model_fields.items():
        if (shown := control(key)) and key in keys:
            found.setdefault(shown.group, []).append((key, shown, field.description or ""))
    return found


def canonical(request: Request, path: str) -> Asked | Response:
    """What a page's link asks for, or the way to its canonical form."""
    asked = read(request.scope["query_string"], with_view=True)
    query = write(*asked)
    if request.scope["query_string"] != query.encode():
        return RedirectResponse(address(path, query), HTTPStatus.PERMANENT_REDIRECT)
    return asked


Page = Callable[[Request], Awaitable[Response]]


def lens_page(lens: str, path: str, template: str) -> Page:
    """A page that shows an experiment through one lens."""

    async def endpoint(request: Request) -> Response:
        asked = canonical(request, path)
        if isinstance(asked, Response):
            return asked
        words = await compute_of(request).answer(lens, "words", asked, also=FIRST)
        return page(
            request,
            template,
            known(request, lens, asked, words),
            {"Server-Timing": server_timing(words)},
        )

    return endpoint


def lens_turned_to(lens: str, width: Width) -> Page:
    """The same page with its picture in it, for a script that puts it in another one's place."""

    async def endpoint(request: Request) -> Response:
        asked = read(request.scope["query_string"], with_view=True)
        compute, picture = compute_of(request), f"{width}-svg"
        also = (picture, "plot") if dear(asked.experiment) else (picture,)
        words = await compute.answer(lens, "words", asked, also)
        drawing = Markup((await compute.answer(lens, picture, asked)).body.decode())
        context = known(request, lens, asked, words) | {"path": path_of(lens), "drawing": drawing}
        return page(request, f"{lens}.html", context, timed(words))

    return endpoint


def timed(words: Finished) -> dict[str, str]:
    """The header that tells where the time went."""
    return {"Server-Timing": server_timing(words)}


def known(request: Request, lens: str, asked: Asked, words: Finished) -> dict[str, Any]:
    """What a lens's template is told."""
    module, spoken = LENSES[lens], orjson.loads(words.body)
    keys = module.KEYS
    return {
        "lens": lens,
        "module": module,
        "state": state(lens, asked),
        "headline": spoken["headline"],
        "parts": {name: Markup(html) for name, html in spoken["parts"].items()},
        "groups": groups(Experiment),
        "own_groups": groups(Focus, keys) | groups(View, keys),
        "travelling": [
            key
            for model in (Focus, View)
            for key in model.model_fields
            if control(key) and key not in keys
        ],
        "presets": PRESETS,
        "hidden": asked.view.hide,
        "here": here(request),
        "link": linker(lens, asked),
    }


for lens in LENSES:
    for path, template in ((path_of(lens), f"{lens}.html"), (f"/embed/{lens}", "embed.html")):
        router.add_api_route(path, lens_page(lens, path, template))
    for width in WIDTHS:
        router.add_api_route(f"/page/{lens}-{width}", lens_turned_to(lens, width))
        sketch = lens_endpoint(lens, f"{width}-sketch", with_view=True)
        router.add_api_route(f"/sketch/{lens}-{width}", sketch)


@router.get("/api")
async def api_page(request: Request) -> Response:
    """What a program can ask."""
    asked = canonical(request, "/api")
    if isinstance(asked, Response):
        return asked
    context = {
        "state": state("highway", asked),
        "fields": FIELDS,
        "experiment_keys": Experiment.model_fields,
        "focus_keys": Focus.model_fields,
        "view_keys": View.model_fields,
        "cells": CELLS,
        "link": linker("highway", asked),
        "bias_keys": {gate: key for key, gate in GATE_OF.items()},
        "here": here(request),
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
    context = {"path": request.url.path} | context
    body = templates.get_template(template).render(context).encode()
    if status != HTTPStatus.OK:
        kept = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if accepts(request, "gzip"):
        body = gzip.compress(body, 5, mtime=0)
        kept["Content-Encoding"] = "gzip"
    return Response(body, status, kept | (headers or {}), "text/html")
