"""The pages a person opens, and the files they are made of."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.api import asked_for, lens_endpoint, told
from app.assets import ENCODINGS, assets, version
from app.budget import dear
from app.drawing.figure import Width
from app.errors import Problem, shown
from app.headers import accepts
from app.lenses import LENSES
from app.links import Asked, address, path_of, write
from app.repairs import Repair

FOR_EVER = "public, max-age=31536000, immutable"
# What a page asks for as soon as it is there.
NEXT = ("plot", "wide-svg", "narrow-svg")
MOST_REPAIRS_SHOWN = 5
IN_A_FRAGMENT = "=?/:@!$'()*,;"  # readable as they are, and no separators of its parts
WIDTHS: tuple[Width, ...] = ("wide", "narrow")

router = APIRouter(include_in_schema=False)

Page = Callable[[Request], Awaitable[Response]]


def lens_page(lens: str, path: str, form: str, also: Sequence[str] = ()) -> Page:
    """A page at its one canonical address; any other way to write the link leads there."""

    async def endpoint(request: Request) -> Response:
        asked, repairs = asked_for(request, lens, with_view=True, repair=True)
        query = write(*asked)
        if request.scope["query_string"] != query.encode():
            # In a frame what stands there is the theme; the page around it has its own readers.
            note = "" if path.startswith("/embed/") else note_of(repairs)
            return RedirectResponse(address(path, query) + note, HTTPStatus.PERMANENT_REDIRECT)
        return await page(request, lens, form, asked, also)

    return endpoint


def lens_turned_to(lens: str, width: Width) -> Page:
    """The same page with its picture in it, for a script that puts it in another one's place."""

    async def endpoint(request: Request) -> Response:
        asked, _ = asked_for(request, lens, with_view=True, repair=True)
        also = ("plot",) if dear(asked.experiment) else ()
        return await page(request, lens, f"{width}-page", asked, also)

    return endpoint


def note_of(repairs: Sequence[Repair]) -> str:
    """What a damaged link was read as, as a fragment of the address it is redirected to.

    The page shows it and takes it off the address: so it is shown once, and neither the link nor
    what caches hold depends on it.
    """
    if not repairs:
        return ""
    pairs = (
        f"read={quote(shown(was), safe=IN_A_FRAGMENT)}&as={quote(shown(read), safe=IN_A_FRAGMENT)}"
        for was, read in repairs[:MOST_REPAIRS_SHOWN]
    )
    more = len(repairs) - MOST_REPAIRS_SHOWN
    return "#" + "&".join(pairs) + (f"&more={more}" if more > 0 else "")


async def page(
    request: Request, lens: str, form: str, asked: Asked, also: Sequence[str]
) -> Response:
    """A page, always asked for anew: 304 where the client has it already."""
    return await told(request, lens, form, asked, {"Cache-Control": "no-cache"}, also)


for lens in LENSES:
    router.add_api_route(path_of(lens), lens_page(lens, path_of(lens), "page", NEXT))
    router.add_api_route(f"/embed/{lens}", lens_page(lens, f"/embed/{lens}", "frame", NEXT))
    for width in WIDTHS:
        router.add_api_route(f"/page/{lens}-{width}", lens_turned_to(lens, width))
        sketch = lens_endpoint(lens, f"{width}-sketch", with_view=True)
        router.add_api_route(f"/sketch/{lens}-{width}", sketch)
router.add_api_route("/api", lens_page("highway", "/api", "api-page"))


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
