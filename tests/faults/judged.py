"""What a link's answer should be, from the reader of links itself."""

import re
from urllib.parse import parse_qsl

import orjson
from markupsafe import escape

from app.errors import Problem
from app.keys import FIELDS
from app.links import Asked, address, meant, path_of, write
from app.view import View
from tests.app.samples import PAGES, PICTURES, SKETCHES, SVGS, WITHOUT_VIEW, lens_of
from tests.faults.fuzzed import EMBEDS, Link
from tests.load.client import Answer
from tests.load.throughput import retry_after

REPAIRED = {*PAGES, *EMBEDS, *PICTURES, *SVGS, *SKETCHES}
SHOWN = [*PAGES, *EMBEDS]  # a person sees these: they are redirected and explain themselves in HTML
LONGEST_ADDRESS = 32_000
# What no reader of links can know: it costs too much, takes too long, or grows beyond float64.
FOUND_LATER = re.compile(rb"too large|too much work|too long|takes longer|float64", re.IGNORECASE)


def fault_of(link: Link, answer: Answer) -> str | None:
    """What is wrong with an answer; None where nothing is."""
    match answer.status:
        case 503:
            return None if retry_after(answer) else "503 without a Retry-After"
        case 400:
            raw = any(not 0x20 < byte < 0x7F for byte in link.query)
            return None if raw else "400 for an address that HTTP allows"
    if len(link.target) - 1 > LONGEST_ADDRESS:
        return None if answer.status == 414 else f"{answer.status} for an address too long"
    try:
        with_view, repair = link.path not in WITHOUT_VIEW, link.path in REPAIRED
        asked, _ = meant(link.query, with_view=with_view, repair=repair)
    except Problem as problem:
        if answer.status != 422:
            return f"{answer.status} for a wrong link"
        return unnamed(link, answer, {error.key for error in problem.errors})
    return unlike(link, answer, asked)


def unnamed(link: Link, answer: Answer, keys: set[str]) -> str | None:
    """What the refusal of a wrong link does not name."""
    if link.path in SHOWN:
        page = answer.body.decode()
        missing = [key for key in keys if str(escape(key)) not in page]
        return f"the page does not name {missing}" if missing else None
    named = {error["key"] for error in orjson.loads(answer.body)["errors"]}
    if answer.headers["content-type"] != "application/problem+json":
        return "refused without a problem document"
    if b" keys too many" in answer.body:
        return None  # the first are named
    beyond_repair = set() if link.path in REPAIRED else unknown(link)
    if missing := (keys | beyond_repair) - named:
        return f"the refusal does not name {missing}"
    return f"the refusal names {named - keys} too" if named - keys else None


def unknown(link: Link) -> set[str]:
    """The short keys of a link that there are none of, found by Python's own reader."""
    try:
        pairs = parse_qsl(link.query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        return set()  # not UTF-8: named by another hand
    ignored = View.model_fields if link.path in WITHOUT_VIEW else ()
    return {key for key, _ in pairs if key not in FIELDS and key not in ignored and len(key) < 100}


def unlike(link: Link, answer: Answer, asked: Asked) -> str | None:
    """What the answer to a right link does not say as it should."""
    canonical = write(*asked)
    match answer.status:
        case 422:
            known = FOUND_LATER.search(answer.body)
            return None if known else f"a right link was refused: {answer.body[:300]!r}"
        case 308:
            right = link.path in SHOWN and canonical.encode() != link.query
            to = answer.headers["location"]
            there = to.partition("#read=")[0] == address(link.path, canonical)
            return None if right and there else f"sent to {to}"
        case 200 if link.path in SHOWN:
            return None if canonical.encode() == link.query else "shown without a redirect"
        case 200:
            return other(link, answer, asked)
    return f"answered {answer.status}"


def other(link: Link, answer: Answer, asked: Asked) -> str | None:
    """Where numbers are told as JSON: whether they are those of another experiment."""
    lens = lens_of(link.path)
    if link.path != f"/api/{lens}":
        return None if answer.body else "answered with nothing"
    told = orjson.loads(answer.body)
    experiment = orjson.loads(asked.experiment.model_dump_json(exclude={"v"}))
    if told["experiment"] != experiment:
        return f"another experiment: {told['experiment']}"
    expected = address(path_of(lens), write(asked.experiment, asked.focus))
    return None if told["link"] == expected else f"another link: {told['link']}"
