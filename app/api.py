"""What programs may ask: numbers as JSON, CSV and NPZ, weights as safetensors, pictures as PNG."""

import asyncio
import gzip
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response

from app.answers import Timing
from app.budget import dear
from app.code import code
from app.code import filename as code_file
from app.compute import Compute, Finished, admit
from app.export import sent_from
from app.headers import accepts, etag, has_already, server_timing
from app.keys import bounds, choices, default, kind
from app.knobs import Experiment
from app.lenses import LENSES
from app.links import Asked, plain, read, write
from app.view import Focus, View

MEDIA = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "npz": "application/x-npz",
    "plot": "application/json",
    "wide-sketch": "application/json",
    "narrow-sketch": "application/json",
    "wide": "image/png",
    "narrow": "image/png",
    "preview": "image/png",
    "svg": "image/svg+xml",
    "wide-svg": "image/svg+xml",
    "narrow-svg": "image/svg+xml",
    "html": "text/html; charset=utf-8",
    "code": "text/x-python; charset=utf-8",
    "safetensors": "application/octet-stream",
}
SKETCHES = {"wide-sketch", "narrow-sketch"}
TEXT_FORMS = {"json", "csv", "plot", "svg", "wide-svg", "narrow-svg", "html", "code", *SKETCHES}
FILE_FORMS = {"csv", "npz", "safetensors", "html", "code"}
MOST_OF_A_NAME = 80  # letters for the knobs in a file's name
KEPT_FOR_AN_HOUR = "public, max-age=3600"

router = APIRouter()
Endpoint = Callable[[Request], Awaitable[Response]]


def compute_of(request: Request) -> Compute:
    """The workers of the app that this request came to."""
    compute: Compute = request.app.state.compute
    return compute


def lens_endpoint(lens: str, form: str, *, with_view: bool) -> Endpoint:
    """An address that tells a lens's answer in one form."""

    async def endpoint(request: Request) -> Response:
        asked = read(request.scope["query_string"], with_view=with_view)
        admit(asked, lens)
        named = f"{lens} {form} {write(*asked)}{here(request) if form == 'html' else ''}"
        # A page that moves asks for its plot as soon as it rests.
        also = ("plot",) if form in SKETCHES and dear(asked.experiment) else ()
        file = file_name(request, asked)
        return await told(
            request, form, file, named, lambda: compute_of(request).answer(lens, form, asked, also)
        )

    return endpoint


async def weights(request: Request) -> Response:
    """Weights and inputs after every knob, as safetensors (float64)."""
    asked = read(request.scope["query_string"], with_view=False)
    admit(asked)
    named, file = f"weights {write(asked.experiment)}", file_name(request, asked)
    work = compute_of(request).tensors
    return await told(request, "safetensors", file, named, lambda: work(asked))


def code_endpoint(framework: str) -> Endpoint:
    """An address with a script that finds an experiment's numbers by autograd."""

    async def endpoint(request: Request) -> Response:
        asked = read(request.scope["query_string"], with_view=False)
        admit(asked)

        async def work() -> Finished:
            text = await asyncio.to_thread(code, framework, asked.experiment, here(request))
            return Finished(text.encode(), Timing(0.0, 0.0), 0.0)

        named = f"{framework} {here(request)} {write(asked.experiment)}"
        return await told(request, "code", code_file(framework), named, work)

    return endpoint


def here(request: Request) -> str:
    """The address that this server was asked at."""
    return str(request.base_url).rstrip("/")


def file_name(request: Request, asked: Asked) -> str:
    """What a download is called: after its address and the knobs that were turned."""
    name, _, ending = request.url.path.rsplit("/", 1)[-1].partition(".")
    turned = write(asked.experiment, asked.focus).removeprefix("v=1").replace("&", "-")
    told = re.sub(r"%..|[^\w=.,-]", "_", turned, flags=re.ASCII)[:MOST_OF_A_NAME].rstrip("-.,=")
    return f"{name}{told}.{ending or 'json'}"


async def told(
    request: Request, form: str, file: str, named: str, work: Callable[[], Awaitable[Finished]]
) -> Response:
    """A computed answer with its headers; 304 without any work where the client has it already.

    Args:
        request: what was asked.
        form: a key of `MEDIA`.
        file: what a browser calls it that keeps it.
        named: what tells this answer from all others of this build.
        work: makes it.
    """
    headers = {"ETag": etag(named), "Cache-Control": KEPT_FOR_AN_HOUR, "Vary": "Accept-Encoding"}
    if has_already(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    finished = await work()
    headers["Server-Timing"] = server_timing(finished)
    kept = "attachment" if form in FILE_FORMS else "inline"
    headers["Content-Disposition"] = f'{kept}; filename="{file}"'
    body = finished.body
    if form == "html":
        body = sent_from(body, here(request))
    if form in TEXT_FORMS and accepts(request, "gzip"):
        # zlib lets go of the interpreter's lock, so a thread is enough; level 1 is ten times
        # quicker than the usual 6 and these are digits.
        body = await asyncio.to_thread(gzip.compress, body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=MEDIA[form])


def parameters(*models: type[Experiment] | type[Focus] | type[View]) -> list[dict[str, Any]]:
    """The keys of an address, as its OpenAPI description lists them."""
    return [
        {
            "name": key,
            "in": "query",
            "required": False,
            "description": field.description,
            "schema": schema(key) | ({} if field.default in (None, ()) else default_of(key)),
        }
        for model in models
        for key, field in model.model_fields.items()
    ]


def default_of(key: str) -> dict[str, Any]:
    """The default in a key's schema: a number as a number, a list as the query writes it."""
    value = default(key)
    return {"default": plain(value) if isinstance(value, tuple) else value}


def schema(key: str) -> dict[str, Any]:
    """The JSON schema of one key's value as it stands in a query string."""
    span = bounds(key)
    match kind(key):
        case "choice":
            return {"type": "string", "enum": list(choices(key))}
        case "integer" | "real" as sort:
            assert span is not None
            return {
                "type": "integer" if sort == "integer" else "number",
                "minimum": span[0],
                "maximum": span[1],
            }
        case "text":
            assert span is not None
            return {"type": "string", "minLength": span[0], "maxLength": span[1]}
        case _:
            return {"type": "string"}


def answers_of(form: str) -> dict[int | str, dict[str, Any]]:
    """The documented answers of an address that computes."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        200: {
            "description": "The answer",
            "content": {MEDIA[form].split(";")[0]: {}},
        },
        304: {"description": "The client has this answer already"},
        405: {"description": "Only GET and HEAD are answered", "content": problem},
        413: {"description": "Nothing here reads a body", "content": problem},
        414: {"description": "The address is longer than 16,000 characters", "content": problem},
        422: {"description": "No such experiment, or one too costly", "content": problem},
        503: {"description": "Busy or broken for a moment; see Retry-After", "content": problem},
    }


def add(path: str, endpoint: Endpoint, form: str, summary: str, *, with_view: bool = False) -> None:
    """One address of the API, described by the knobs it takes."""
    models = (Experiment, Focus, View) if with_view else (Experiment, Focus)
    router.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        summary=summary,
        response_class=Response,
        responses=answers_of(form),
        openapi_extra={"parameters": parameters(*models)},
        name=path,
    )


for lens in LENSES:
    for path, form, summary, with_view in (
        (f"/api/{lens}", "json", f"The {lens} lens's numbers", False),
        (f"/api/{lens}.csv", "csv", "The same as a table", False),
        (f"/api/{lens}.npz", "npz", "The same for NumPy", False),
        (f"/picture/{lens}-wide.png", "wide", f"The {lens} page's picture", True),
        (f"/picture/{lens}-narrow.png", "narrow", f"The {lens} page's picture for phones", True),
        (f"/picture/{lens}.svg", "svg", f"The {lens} page's picture, with its sentence", True),
        (f"/picture/{lens}-wide.svg", "wide-svg", f"The {lens} page's picture, sharp", True),
        (f"/picture/{lens}-narrow.svg", "narrow-svg", "The same for phones", True),
        (f"/preview/{lens}.png", "preview", f"The picture of a pasted {lens} link", True),
        (f"/export/{lens}.html", "html", f"The {lens} page as one file without a network", True),
        (f"/plot/{lens}", "plot", f"What the {lens} page draws", True),
    ):
        endpoint = lens_endpoint(lens, form, with_view=with_view)
        add(path, endpoint, form, summary, with_view=with_view)
add("/api/weights.safetensors", weights, "safetensors", "Weights and inputs, after every knob")
for framework, title in (("torch", "PyTorch"), ("jax", "JAX")):
    summary = f"A {title} script that prints the highway's numbers"
    add(f"/api/code/highway_{framework}.py", code_endpoint(framework), "code", summary)
preview = lens_endpoint("highway", "preview", with_view=True)
add("/preview.png", preview, "preview", "The picture of a pasted link", with_view=True)
