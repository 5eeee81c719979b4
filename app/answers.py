"""Answers as bytes, ready to send. Runs in the workers."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

from app.forms import FORMS, TEXT_FORMS, WITHOUT_NUMBERS, Telling
from app.lenses import LENSES
from app.links import Asked
from app.networks import Learnt, as_taught, taught


class Timing(NamedTuple):
    """Where the time of an answer went, in milliseconds."""

    engine_ms: float
    figures_ms: float


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: the bytes as they are and, of text, compressed."""

    plain: bytes
    gzipped: bytes | None = None

    def __len__(self) -> int:
        return len(self.plain) + len(self.gzipped or b"")


class Answers(NamedTuple):
    """The body of each form that was asked for, and where the time went."""

    bodies: dict[str, Body]
    timing: Timing


def answers(
    lens: str,
    forms: Sequence[str],
    asked: Asked,
    here: str = "",
    gzipped: bool = False,
    found: Any = None,
    learnt: Learnt | None = None,
) -> Answers:
    """One computation of the engine, told in each of `forms` (keys of `FORMS`).

    `here` is the address of the server, for links that have to name it; text comes `gzipped` too.
    What was `found` before, by work in chunks, is told without any computation; what the networks
    have `learnt` is looked at in the place of what is drawn.

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    start = perf_counter()
    with taught(learnt):
        if found is None and not set(forms) <= WITHOUT_NUMBERS:
            found = LENSES[lens].compute(*as_taught(*asked[:2]))
        computed = perf_counter()
        telling = Telling(lens, found, asked, here)
        bodies = {form: Body(FORMS[form](telling)) for form in dict.fromkeys(forms)}
    if gzipped:
        bodies = {form: compressed(form, body) for form, body in bodies.items()}
    written = perf_counter()
    return Answers(bodies, Timing((computed - start) * 1e3, (written - computed) * 1e3))


def compressed(form: str, body: Body) -> Body:
    """A body with its compressed twin, where it is text."""
    if form not in TEXT_FORMS or body.gzipped is not None:
        return body
    # Level 1 is ten times quicker than the usual 6, and most of this is digits.
    return Body(body.plain, gzip.compress(body.plain, 1, mtime=0))
