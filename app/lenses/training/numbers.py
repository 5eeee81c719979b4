"""The table of two networks that learn, at the shown update."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.lenses.gates.computed import prime, symbols
from app.lenses.training.computed import NETWORKS, Training, lately
from app.lenses.training.words import Carried, Told, clipped_share, updates_of
from app.reading import Fact, heading, kept, told
from app.view import View
from lstm_engine import CELLS


def numbers(found: Training, view: View) -> dict[str, Any]:
    """The table of both networks at the shown update, and the way to other updates."""
    at, moments = found.shown(view.update), found.moments()
    cell = heading(CELLS[found.experiment.cell].TITLE)
    if at < 0:
        said = "Both networks are drawn; numbers come with the first stage."
        return {
            "after": "Training begins", "cell": cell, "rows": (), "said": said, "others": (),
            "shown": None,
        }  # fmt: skip
    last = len(moments) - 1
    near = {"the first": 0, "the one before": at - 1, "the one after": at + 1, "the last": last}
    return {
        "after": f"After {updates_of(moments[at])}" if moments[at] else "Before the first update",
        "cell": cell,
        "rows": tuple(rows(found, at)),
        "said": how_they_stand(found, at),
        "others": [(word, moments[n]) for word, n in near.items() if 0 <= n <= last],
        "shown": moments[at],
    }


def how_they_stand(found: Training, at: int) -> str:
    """What guessing loses, and who has stopped earlier."""
    said = f"Guessing loses {number_told(found.setting.guessing)}."
    for network in NETWORKS:
        who = Told(found, network, at)
        if who.over and who.sight.update < found.moments()[at]:
            said += f" The {who.title} stays as its update {who.sight.update:,} left it."
    return said


def rows(found: Training, at: int) -> Iterator[dict[str, str]]:
    """The lines of the table: what it is, the gated cell's, the vanilla RNN's."""
    courses = (found.cell, found.rnn)
    sights = [course.at(at) for course in courses]
    yield row("Updates", *(f"{sight.update:,}" for sight in sights))
    yield row("Loss, last ten updates", *(number_told(lately(c, at)) for c in courses))
    yield row(held_out(found.setting.task), *(number_told(sight.loss) for sight in sights))
    for name, of in (("before", "norm"), ("after", "clipped")):
        told_of = (number_told(mean_of_last(course.up_to(at + 1).curve(of))) for course in courses)
        yield row(f"Gradient norm {name} clipping, last ten updates", *told_of)
    shares = (clipped_share(course, at) for course in courses)
    yield row("Updates clipped so far", *("–" if math.isnan(s) else f"{s:.0%}" for s in shares))
    yield from gate_rows(found, at)
    carried = Carried.of(sights[0])
    rms, best = ("–", "–") if carried is None else map(kept, carried)
    yield row("Carry alone (direct) keeps, rms over units", rms, "no carry")
    yield row("Carry alone, its best unit", best, "no carry")
    exact = (kept(float(s.maps.exact_rms[0])) if s.maps else "–" for s in sights)
    yield row("Every path (exact) keeps, rms over units", *exact)


def held_out(task: str) -> str:
    """What the loss is of that is no update's: a text has few windows, all are trained on."""
    if task == "text":
        return "Loss on other draws of the same text"
    return "Loss on fresh draws, never trained on"


def gate_rows(found: Training, at: int) -> Iterator[dict[str, str]]:
    """Each gate's mean at the last update; a candidate's and an RNN's state, by their sizes."""
    cell, own = CELLS[found.experiment.cell], found.cell.up_to(at + 1)
    for letter, symbol in symbols(cell).items():
        name = heading(cell.GATES[letter].partition(",")[0])
        said = f"|{symbol}|" if letter == "g" else symbol + prime(cell, letter)
        mean = number_told(mean_of_last(own.gate(letter)))
        rival = "–"
        if letter == "g":
            name, said = f"{name}, RNN’s state", f"{said}, |h|"
            rival = number_told(mean_of_last(found.rnn.up_to(at + 1).gate("g")))
        yield row(f"{name}, mean of {said}", mean, rival)


def row(name: str, cell: str, rnn: str) -> dict[str, str]:
    """A line of the table."""
    return {"name": name, "cell": cell, "rnn": rnn}


def mean_of_last(curve: Any) -> float:
    """The mean over the last ten updates; nan where there is none."""
    return float(np.mean(curve[-10:])) if len(curve) else math.nan


def number_told(value: float) -> str:
    """A number of the table."""
    return "–" if math.isnan(value) else told(Fact("", value, ""))
