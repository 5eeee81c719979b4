"""`/api/series`: text, or a file, read as a series for a link, by the reader that pages use too."""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request, Response

from app.api import address_of, compute_of
from app.description import answers_of
from app.door import LONGEST_ADDRESS
from app.errors import ClientLeft, Problem, WrongKey, shown
from app.links import plain
from app.refusals import later
from app.series import SeriesError, features, typed
from app.tables import Reading, Unclear, decoded, only_reading

READ_WITHIN_S = 10.0
MOST_BODIES = 16  # that are read at the same time; each may lie in memory
ROOM_FOR_OTHER_KEYS = 2_000
SECONDS, SECONDS_A_BYTE = 0.002, 2e-6  # of this process, measured
PARAMETERS = [
    {
        "name": "text",
        "in": "query",
        "required": False,
        "description": "the text to read, where there is no body",
        "schema": {"type": "string"},
    },
    {
        "name": "column",
        "in": "query",
        "required": False,
        "description": "a column to take, by its name or its number; may be repeated",
        "schema": {"type": "array", "items": {"type": "string"}},
    },
]
BODY = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}

router = APIRouter()
reading_now = 0


class UnclearText(Problem):
    """A refusal of a text that has several readings, with all of them to choose from."""

    def __init__(self, detail: str, errors: list[WrongKey], choices: list[dict[str, Any]]) -> None:
        super().__init__(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "These numbers can be read in more ways",
            detail,
            errors,
        )
        self.choices = choices

    def document(self, path: str) -> dict[str, Any]:
        """The problem document, with the choices."""
        return super().document(path) | {"choices": self.choices}


async def series_from(request: Request) -> Response:
    """Read a series from the body or from `text`; 422 says which number cannot be read."""
    compute = compute_of(request)
    data = await body_of(request) if request.method == "POST" else b""
    text = decoded(data) if data else request.query_params.get("text", "")
    cost_s = SECONDS + SECONDS_A_BYTE * len(text)
    await compute.allowance.charge(address_of(request), cost_s)
    columns = request.query_params.getlist("column")
    answer = await asyncio.to_thread(answer_to, text, columns)
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(answer), headers=headers, media_type="application/json")


async def body_of(request: Request) -> bytes:
    """The body, of which `app.door` has looked at the length.

    Raises:
        Problem: 408 where it does not come, 503 where too many others are being read.
    """
    global reading_now
    if reading_now >= MOST_BODIES:
        raise later("Too busy", "Many other texts are being read")
    reading_now += 1
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            parts = []
            while (message := await request.receive())["type"] == "http.request":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    return b"".join(parts)
            raise ClientLeft
    except TimeoutError:
        detail = f"The body did not come within {READ_WITHIN_S:g} seconds."
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "Too slow", detail) from None
    finally:
        reading_now -= 1


def answer_to(text: str, columns: list[str]) -> dict[str, Any]:
    """What a text says, as the answer has it.

    Raises:
        Problem: 422, it cannot be read, or in several ways.
    """
    try:
        return described(only_reading(text, columns))
    except Unclear as unclear:
        choices = [described(one) for one in unclear.readings]
        raise UnclearText(sentence(unclear), wrong(text, unclear), choices) from None
    except SeriesError as error:
        title = "These numbers cannot be read"
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, title, sentence(error), wrong(text, error)
        ) from None


def described(reading: Reading) -> dict[str, Any]:
    """A reading: its series as links write it, as one types it, its size, its columns.

    Raises:
        SeriesError: no link has room for it.
    """
    series = reading.series
    link = plain(series)
    length = len(quote(link, safe=",;"))
    if length > (most := LONGEST_ADDRESS - ROOM_FOR_OTHER_KEYS):
        raise SeriesError(
            f"takes {length:,} characters of a link, of which {most:,} are free: take fewer steps, "
            "columns or digits"
        )
    return {
        "series": link,
        "text": typed(link),
        "steps": len(series),
        "features": features(series),
        "how": reading.how,
        "columns": [column._asdict() for column in reading.columns],
    }


def sentence(error: SeriesError) -> str:
    """A message that follows the name of what is wrong, as a sentence."""
    text = str(error)
    start = "" if text.startswith(("number", "line", "step")) else "The text "
    return f"{start or text[:1].upper()}{text if start else text[1:]}."


def wrong(text: str, error: SeriesError) -> list[WrongKey]:
    """What is wrong, as problem documents list it."""
    return [WrongKey("text", shown(error.value or text), str(error))]


for method, summary in (
    ("GET", "Read a short text as a series"),
    ("POST", "Read a text or a file as a series"),
):
    router.add_api_route(
        "/api/series",
        series_from,
        methods=[method],
        summary=summary,
        response_class=Response,
        responses={
            code: told
            for code, told in answers_of("application/json").items()
            if code not in (304, 405)
        }
        | ({408: {"description": "The body did not come in time"}} if method == "POST" else {}),
        openapi_extra={"parameters": PARAMETERS[method == "POST" :]}
        | ({"requestBody": BODY} if method == "POST" else {}),
        name=f"{method} /api/series",
    )
