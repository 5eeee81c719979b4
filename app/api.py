"""What programs may ask: numbers as JSON, CSV and NPZ, weights as safetensors, pictures as PNG."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from app.budget import Budget, dear
from app.code import FRAMEWORKS
from app.code import filename as code_file
from app.compute import Caller, Compute, Finished
from app.description import answers_of, parameters
from app.errors import ClientLeft
from app.forms import AS_FAR_AS_KNOWN
from app.headers import accepts, etag, has_already, server_timing
from app.knobs import Experiment
from app.lenses import IN_CHUNKS, LENSES
from app.links import Asked, Meant, meant, of_weights, write
from app.refusals import admit
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
    "torch": "text/x-python; charset=utf-8",
    "jax": "text/x-python; charset=utf-8",
    "safetensors": "application/octet-stream",
    **dict.fromkeys(("page", "frame", "wide-page", "narrow-page", "api-page"), "text/html"),
}
SKETCHES = {"wide-sketch", "narrow-sketch"}
# What links are pasted and shown as; programs ask for all else, and are shown their mistakes.
REPAIRED = SKETCHES | {"preview", "wide", "narrow", "svg", "wide-svg", "narrow-svg"}
FILE_FORMS = {"csv", "npz", "safetensors", "html", *FRAMEWORKS}
OF_WEIGHTS_ALONE = {"safetensors", *FRAMEWORKS}  # wherever one looks
MOST_OF_A_NAME = 80  # letters for the knobs in a file's name
LONGEST_BY_HEART = 300  # letters of a query; longer ones would fill the memory
KEPT_FOR_AN_HOUR = "public, max-age=3600"

router = APIRouter()
Endpoint = Callable[[Request], Awaitable[Response]]


def compute_of(request: Request) -> Compute:
    """The workers of the app that this request came to."""
    compute: Compute = request.app.state.compute
    return compute


def asked_for(request: Request, lens: str, *, with_view: bool, repair: bool = False) -> Meant:
    """What a request asks for, if this server can afford it.

    Raises:
        Problem: 422, the link is wrong or costs too much.
    """
    query = request.scope["query_string"]
    learn = understood if len(query) > LONGEST_BY_HEART else known_by_heart
    return learn(query, lens, with_view, repair, compute_of(request).budget)


def understood(query: bytes, lens: str, with_view: bool, repair: bool, budget: Budget) -> Meant:
    """What a query asks for, if the budget allows it."""
    result = meant(query, with_view=with_view, repair=repair, budget=budget)
    admit(result.asked, budget, lens)
    return result


known_by_heart = lru_cache(512)(understood)


def lens_endpoint(lens: str, form: str, *, with_view: bool) -> Endpoint:
    """An address that tells a lens's answer in one form."""
    may_go_on = lens in IN_CHUNKS and form in AS_FAR_AS_KNOWN

    async def endpoint(request: Request) -> Response:
        asked, _ = asked_for(request, lens, with_view=with_view, repair=form in REPAIRED)
        if form in OF_WEIGHTS_ALONE:
            asked = of_weights(asked)
        # A page that moves asks for its plot as soon as it rests.
        also = ("plot",) if form in SKETCHES and dear(asked.experiment) else ()
        kept = "attachment" if form in FILE_FORMS else "inline"
        headers = {
            "Cache-Control": "no-cache" if may_go_on else KEPT_FOR_AN_HOUR,
            "Content-Disposition": f'{kept}; filename="{file_name(request, form, asked)}"',
        }
        return await told(request, lens, form, asked, headers, also)

    return endpoint


def here(request: Request) -> str:
    """The address that the world asks this server at."""
    return compute_of(request).chosen.public_url or str(request.base_url).rstrip("/")


def address_of(request: Request) -> str:
    """The client's address: the one that connects or, behind one's own proxy, what that says.

    Of a list the last is meant, for that one the proxy added itself; anything before may be made
    up by whoever asks.
    """
    header = compute_of(request).chosen.address_header
    if header and (given := request.headers.getlist(header)):
        return given[-1].rpartition(",")[2].strip()
    return request.client.host if request.client else ""


def file_name(request: Request, form: str, asked: Asked) -> str:
    """What a download is called: after its address and the knobs that were turned."""
    name, _, ending = request.url.path.rsplit("/", 1)[-1].partition(".")
    if form in FRAMEWORKS:  # the script says itself what it is called
        return code_file(form)
    turned = write(asked.experiment, asked.focus).removeprefix("v=1").replace("&", "-")
    told = re.sub(r"%..|[^\w=.,-]", "_", turned, flags=re.ASCII)[:MOST_OF_A_NAME].rstrip("-.,=")
    return f"{name}{told}.{ending or 'json'}"


async def told(
    request: Request,
    lens: str,
    form: str,
    asked: Asked,
    headers: dict[str, str],
    also: Sequence[str] = (),
) -> Response:
    """A computed answer; 304 without any work where the client has it already.

    Args:
        request: what was asked.
        lens: whose answer.
        form: a key of `app.forms.FORMS`.
        asked: what the link says, admitted.
        headers: how it may be kept, what a browser calls it.
        also: forms that will be asked for next.
    """
    compute = compute_of(request)
    caller = Caller(address_of(request), here(request), accepts(request, "gzip"))
    place = compute.place(lens, form, asked, caller)
    headers |= {"ETag": etag(" ".join(place)), "Vary": "Accept-Encoding"}
    if has_already(request, headers["ETag"]):
        headers.pop("Content-Disposition", None)
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    finished = compute.finished(place)
    if finished is None:
        finished = await while_there(request, compute.answer(place, asked, caller, also))
    body = await compute.encoded(place, finished.body, caller)
    headers["Server-Timing"] = server_timing(finished)
    sent = body.plain
    if caller.gzip and body.gzipped is not None:
        sent, headers["Content-Encoding"] = body.gzipped, "gzip"
    return Held(compute.sending(place, len(sent)), sent, headers=headers, media_type=MEDIA[form])


class Held(Response):
    """An answer that is held for its client until all of it is taken."""

    def __init__(self, held: AbstractContextManager[None], *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self.held:
            await super().__call__(scope, receive, send)


async def while_there(request: Request, work: Coroutine[Any, Any, Finished]) -> Finished:
    """What `work` brings, given up where the client goes away.

    Raises:
        ClientLeft: nobody is there to answer.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(departure(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def departure(request: Request) -> None:
    """Wait until the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def add(path: str, endpoint: Endpoint, form: str, summary: str, *, with_view: bool = False) -> None:
    """One address of the API, described by the knobs it takes."""
    models = (Experiment, Focus, View) if with_view else (Experiment, Focus)
    router.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        summary=summary,
        response_class=Response,
        responses=answers_of(MEDIA[form]),
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
for path, form, summary in (
    ("/api/weights.safetensors", "safetensors", "Weights and inputs, after every knob"),
    ("/api/code/highway_torch.py", "torch", "A PyTorch script that prints the highway's numbers"),
    ("/api/code/highway_jax.py", "jax", "A JAX script that prints the highway's numbers"),
):
    add(path, lens_endpoint("highway", form, with_view=False), form, summary)
preview = lens_endpoint("highway", "preview", with_view=True)
add("/preview.png", preview, "preview", "The picture of a pasted link", with_view=True)
