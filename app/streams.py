"""Work in chunks as it comes: server-sent events.

Every stage is an event with its number; who lost the connection says the last one that came
(``Last-Event-ID``) and is told what came after it. Between them comes how far the work is.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app import refusals
from app.api import address_of, asked_for, compute_of
from app.compute import Compute
from app.errors import Problem
from app.lenses import IN_CHUNKS, LENSES
from app.links import Asked
from app.pool import Lost, TookTooLong
from app.work import Known, Work

TOLD_EVERY_S = 0.1  # how far it is, at most
DRAWN_EVERY_S = 0.4  # a picture that the next one replaces
AGAIN_AFTER_MS = 1000  # a client that lost its connection

router = APIRouter(include_in_schema=False)
log = logging.getLogger("app.streams")


class Watching(NamedTuple):
    """One client that is let in: what it watches, up to which stage it knows it already, where it
    is."""

    compute: Compute
    lens: str
    asked: Asked
    after: int
    address: str
    nobody: bool = False  # it wants to know no more than whether it would be let in


def admitted(lens: str) -> Callable[[Request], AsyncIterator[Watching]]:
    """Who may watch a lens at work, for as long as it does."""

    async def admission(request: Request) -> AsyncIterator[Watching]:
        (asked, _), compute = asked_for(request, lens, with_view=True), compute_of(request)
        if not compute.open:
            raise refusals.stopping()
        known = request.headers.get("last-event-id", "")
        after = int(known) if known.isdecimal() and len(known) < 10 else 0
        address = address_of(request)
        with compute.works.entered(address):
            yield Watching(compute, lens, asked, after, address, "head" in request.scope)

    return admission


def lens_stream(lens: str) -> Callable[..., AsyncIterator[ServerSentEvent]]:
    """The address of a lens at work."""

    async def stream(
        watching: Annotated[Watching, Depends(admitted(lens))],
    ) -> AsyncIterator[ServerSentEvent]:
        if watching.nobody:
            return
        async with aclosing(events(watching)) as told:
            async for event in told:
                yield event

    return stream


async def events(watching: Watching) -> AsyncGenerator[ServerSentEvent, None]:
    """Stages as they come, between them how far it is; in the end that it is the end, or why."""
    compute, lens, asked, sent, address, _ = watching
    known = compute.works.known(lens, asked)
    yield ServerSentEvent(retry=AGAIN_AFTER_MS, comment="here it comes")
    try:
        if known.whole:
            async for event in stages(watching, known, sent):
                yield event
        else:
            work = compute.works.of(lens, asked, address)
            told_at = drawn_at = 0.0
            every_s = 0.0 if LENSES[lens].EVERY_STAGE else DRAWN_EVERY_S
            async with aclosing(compute.works.watch(work)) as changes:
                async for known in changes:
                    if known.newest > sent and (work.over or monotonic() - drawn_at > every_s):
                        async for event in stages(watching, known, sent):
                            yield event
                        sent, drawn_at = known.newest, monotonic()
                    if work.over or monotonic() - told_at > TOLD_EVERY_S:
                        told_at = monotonic()
                        yield ServerSentEvent(event="progress", data=progress(work, known))
        yield ServerSentEvent(event="end", data={"stage": known.newest})
    except Exception as error:
        yield ServerSentEvent(event="problem", data=problem(error, asked, lens, compute))


async def stages(watching: Watching, known: Known, after: int) -> AsyncIterator[ServerSentEvent]:
    """The stages that the client has not seen yet."""
    for number, found in known.stages:
        if number > after:
            body = await watching.compute.stage(watching.lens, watching.asked, number, found)
            yield ServerSentEvent(event="stage", id=str(number), raw_data=body.plain.decode())


def progress(work: Work, known: Known) -> dict[str, Any]:
    """How far it is, how many seconds are left, if it does not come to an end early, and what one
    should know beside."""
    return {
        "share": round(known.share, 4),
        "left_s": work.left_s(),
        "at_most": work.may_end_early,
        "note": work.hands.note,
    }


def problem(error: Exception, asked: Asked, lens: str, compute: Compute) -> dict[str, Any]:
    """Why it ends here, as a problem document; `again` where it may be tried again."""
    if isinstance(error, TookTooLong):
        error = refusals.took_too_long(asked, compute.chosen.time_limit_s, 0.0)
    elif isinstance(error, Lost):
        error = refusals.lost()
    elif not isinstance(error, Problem):
        log.error("unforeseen %s in %s", type(error).__name__, lens, exc_info=error)
        detail = "Something broke on our side; it is logged."
        error = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Our fault", detail)
    document = error.document(f"/{lens}")
    return document | ({"again": error.retry_after_s} if error.retry_after_s else {})


for lens in sorted(IN_CHUNKS):
    router.add_api_route(
        f"/stream/{lens}",
        lens_stream(lens),
        methods=["GET"],
        response_class=EventSourceResponse,
        name=f"/stream/{lens}",
    )
