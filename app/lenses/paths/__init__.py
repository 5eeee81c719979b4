"""The paths lens: on which road the gradient travels, from state to state and from step to step."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.lenses.highway import at_rows, log10_share
from app.lenses.paths.computed import Floats, Paths, Rows, compute
from app.lenses.paths.figures import ONE_STATE, SHEETS, TITLES, figure
from app.nulls import csv_field
from app.reading import (
    ALL,
    Fact,
    Reading,
    cancel,
    carry,
    chaotic,
    fate,
    heading,
    kept,
    steps_of,
    told,
)
from app.view import View
from lstm_engine import CELLS
from lstm_engine.survival import log10_rms

__all__ = [
    "KEYS",
    "QUESTION",
    "SHEETS",
    "TITLE",
    "answer",
    "compute",
    "figure",
    "numbers",
    "reading",
    "table",
]

TITLE = "Paths"
QUESTION = "On which road does the gradient travel?"
KEYS = ("s", "t", "unit", "step", "order", "lag", "floor")

LARGEST_TOLD = 5  # entries of the Jacobian
MOST_BACK = 5  # rows of the blocks' table
NULLS = {("from_to.*", "nan"): "undefined: what is later than t cannot have caused it"}


def answer(found: Paths) -> dict[str, Any]:
    """What ``/api/paths`` tells; arrays stay arrays, nothing is rounded."""
    survival, maps, jacobian = at_rows(found.survival, found.told), found.from_to, found.jacobian
    return {
        "t": survival.steps,
        "cell": {"name": found.experiment.cell},
        "norms": {
            "cell_direct": {"rms": survival.direct_rms},
            "cell_exact": {"rms": survival.exact_rms},
            "cell_detours": {"rms": survival.detours_rms},
        },
        "highway_share": survival.share,
        "blocks": {
            name: {"t": steps, "log10": log10, "rms": log10_rms(log10)}
            for name, steps, log10 in blocks_told(found)
        },
        "from_to": {
            "steps": maps.steps,
            "cell_direct": maps.direct,
            "cell_exact": maps.exact,
            "rnn_exact": maps.rnn,
        },
        "jacobian": {
            "s": found.s,
            "t": found.t,
            "sign": jacobian.sign.astype(np.int64),
            "log10": jacobian.log10,
            "log10_direct": jacobian.log10_direct,
        },
    }


def blocks_told(found: Paths) -> Iterator[tuple[str, Rows, Floats]]:
    """Each block that the cell has: its name, its steps, log10 of its columns' norms there."""
    blocks = found.blocks
    steps_told = blocks.steps[found.told]
    for name in TITLES:
        log10, steps = getattr(blocks, name), blocks.h_steps if name[-1] == "h" else blocks.steps
        if log10 is not None:
            rows = np.isin(steps, steps_told)
            yield name, steps[rows], log10[rows]


def title_of(found: Paths, name: str) -> str:
    """A block's name in words."""
    return ONE_STATE if found.blocks.c_to_c is None else TITLES[name]


def table(found: Paths) -> Iterator[str]:
    """The lines of ``/api/paths.csv``: one unit at one step each; an empty field is zero.

    Empty too are blocks at steps that were not walked back to.
    """
    survival = at_rows(found.survival, found.told)
    columns = {
        f"cell_log10_{name}": getattr(survival, f"log10_{name}")
        for name in ("direct", "exact", "detours")
    }
    for name, _, log10 in blocks_told(found):
        unknown = np.full((len(survival.steps) - len(log10), log10.shape[1]), np.nan)
        columns[name] = np.concatenate((unknown, log10))
    yield ",".join(["t", "unit", *columns])
    whole = np.stack(list(columns.values()), axis=-1).tolist()
    for t, units in zip(survival.steps.tolist(), whole, strict=True):
        for unit, values in enumerate(units):
            written = map(csv_field, values)
            yield f"{t},{unit},{','.join(written)}"


def reading(found: Paths) -> Reading:
    """Where carry and detours change places, and what each brings; the numbers at step 0."""
    return Reading(headline(found), tuple(facts(found)), tuple(warnings(found)))


def headline(found: Paths) -> str:
    """Which road leads, how far back, and what both bring over the whole way."""
    cell, T, survival = CELLS[found.experiment.cell], found.experiment.T, found.survival
    direct, detours = float(survival.direct_rms[0]), float(survival.detours_rms[0])
    over = f"over {steps_of(T)}"
    if (survival.detours_rms == -math.inf).all():
        why = f"nothing crosses recurrent weights in the {cell.TITLE}"
        if cell.RECURRENT:
            # Through h a detour takes two steps; where h is the cell itself, one.
            near = T == 1 and "o" in cell.GATES
            why = (
                "a single step from the start leaves" if near else "recurrent weights of zero leave"
            )
            why += " no room for detours"
        alone = heading(carry(cell, " alone"))
        return f"The carry is the only road: {why}. {alone} {keeps(direct)} {over}."
    sizes = f"the carry alone {keeps(direct)}, the detours bring {brought(detours)}"
    exact, share = float(survival.exact_rms[0]), float(survival.share[0])
    if cancel(exact, direct, share):
        sizes += f"; the two cancel, and together the gradient {fate(exact)}"
    sizes += "."
    return f"{who_leads(found)} {heading(over)} {sizes}"


def keeps(log10: float) -> str:
    """What a road keeps, as a verb."""
    return fate(log10).removesuffix(" of its size")


def brought(log10: float) -> str:
    """What a road brings, of a gradient of 1."""
    return kept(log10) if log10 < ALL else f"{kept(log10)} times as much as was sent"


def who_leads(found: Paths) -> str:
    """How far back the carry brings more than the detours."""
    there = ~np.isnan(found.survival.share)
    leads = found.survival.share[there] >= 0.5  # nothing leads where nothing arrives
    lags = (found.experiment.T - found.survival.steps[there])[::-1]
    overtaken = np.flatnonzero(~leads[::-1])
    if not overtaken.size:
        return "The carry brings most of the gradient all the way."
    back = int(lags[overtaken[0] - 1])
    about = "about " if lags[overtaken[0]] > back + 1 else ""
    if leads[::-1][overtaken[0] :].any():
        return (
            f"Up to {about}{steps_of(back)} back most of the gradient rides the carry; "
            "further back carry and detours take turns."
        )
    if back == 0:
        return "From the first step back the detours bring more than the carry."
    return (
        f"Up to {about}{steps_of(back)} back most of the gradient rides the carry; "
        "further back detours bring most of it."
    )


def facts(found: Paths) -> Iterator[Fact]:
    """The roads at step 0, the blocks there, the Jacobian from s to t."""
    survival, title = found.survival, heading(CELLS[found.experiment.cell].TITLE)
    direct, detours = float(survival.direct_rms[0]), float(survival.detours_rms[0])
    yield Fact(
        f"{title}, every path (exact), rms over units", float(survival.exact_rms[0]), "log10"
    )
    yield Fact(f"{title}, the carry alone (direct), rms over units", direct, "log10")
    yield Fact(f"{title}, detours, rms over units", detours, "log10")
    yield Fact("Highway share", log10_share(direct, detours), "log10")
    for name, steps, log10 in blocks_told(found):
        at = f", at step {steps[0]:,}" if steps[0] else ""
        yield Fact(
            f"{title_of(found, name)}, rms over units{at}", float(log10_rms(log10[0])), "log10"
        )
    own, others, _ = jacobian_parts(found)
    yield Fact(f"Jacobian from step {found.s:,} to {found.t:,}, diagonal, rms", own, "log10")
    yield Fact(f"Jacobian from step {found.s:,} to {found.t:,}, off it, rms", others, "log10")


def jacobian_parts(found: Paths) -> tuple[float, float, float]:
    """log10 of ‖·‖_F/√H of the Jacobian's diagonal, of the rest, and of the carry's part."""
    jacobian, own = found.jacobian, np.eye(found.experiment.H, dtype=bool)
    columns = (np.where(which, jacobian.log10, -np.inf) for which in (own, ~own))
    diagonal, others = (float(log10_rms(log10_columns(part))) for part in columns)
    return diagonal, others, float(log10_rms(jacobian.log10_direct))


def log10_columns(log10: Floats) -> Floats:
    """Norms of a matrix's columns, all as log10."""
    return np.asarray(log10_rms(log10.T) + 0.5 * math.log10(len(log10)))


def warnings(found: Paths) -> Iterator[str]:
    """Which steps could not be looked at as the link says, and chaos."""
    experiment, s, t = found.experiment, found.s, found.t
    asked = found.focus
    if asked.t not in (None, t):
        why = "the sequence ends before that" if asked.t else "nothing comes before step 0"
        yield f"The link looks at t = {asked.t:,}, but {why}: t = {t:,} is shown."
    if asked.s is not None and asked.s >= t:
        why = f"which is not before t = {t:,}"
        yield f"The link looks from s = {asked.s:,}, {why}: s = {s:,} is shown."
    elif asked.s not in (None, s):
        yield (
            f"From s = {asked.s:,} to t = {t:,} is too long a way for {units_of(experiment.H)}: "
            f"the Jacobian is that from s = {s:,}."
        )
    yield from chaotic(found.amplification, experiment.T)


def left_out(found: Paths) -> Iterator[str]:
    """What of a wide, long experiment is not worked out."""
    T, units = found.experiment.T, units_of(found.experiment.H)
    since, first = int(found.blocks.h_steps[0]), int(found.from_to.steps[0])
    if since:
        yield (
            f"With {units} the blocks that lead to h are worked out for the last "
            f"{steps_of(T - since)} alone; before that their maps are hatched."
        )
    if first:
        yield f"With {units} the maps from step to step begin at step {first:,}."


def units_of(H: int) -> str:
    """A number of units in words."""
    return f"{H:,} {'unit' if H == 1 else 'units'}"


def numbers(found: Paths, view: View) -> dict[str, Any]:
    """Tables beside the figure: the blocks by distance, the Jacobian's largest entries."""
    own, others, direct = jacobian_parts(found)
    apart = int(np.diff(found.from_to.steps).max())
    return {
        "title": CELLS[found.experiment.cell].TITLE,
        "one_state": found.blocks.c_to_c is None,
        "T": found.experiment.T,
        "s": found.s,
        "t": found.t,
        "blocks": list(by_distance(found)),
        "block_names": [title_of(found, name) for name, *_ in blocks_told(found)],
        "own": as_told(own),
        "others": as_told(others),
        "carry": as_told(direct),
        "largest": list(largest_entries(found)),
        "looks": list(looks(found)),
        "apart": apart,
        "left_out": list(left_out(found)),
    }


def as_told(log10: float) -> str:
    """10 to this power, as the facts tell it."""
    return told(Fact("", log10, "log10"))


def by_distance(found: Paths) -> Iterator[tuple[int, list[str]]]:
    """The blocks' rms by steps back: 1, 10, 100 … and the whole way; a dash where unknown."""
    T, steps = found.experiment.T, found.blocks.steps
    for back in [10**n for n in range(MOST_BACK) if 10**n < T] + [T]:
        nearest = int(steps[np.abs(T - back - steps).argmin()])
        yield T - nearest, [at_step(found, name, nearest) for name, *_ in blocks_told(found)]


def at_step(found: Paths, name: str, step: int) -> str:
    """A block's rms at a step, as it is told."""
    log10, steps = getattr(found.blocks, name), found.blocks.steps
    if name[-1] == "h":
        steps = found.blocks.h_steps
    at = np.flatnonzero(steps == step)
    return as_told(float(log10_rms(log10[at[0]]))) if at.size else "–"


def largest_entries(found: Paths) -> Iterator[dict[str, Any]]:
    """The Jacobian's largest entries, with their signs; of equal ones the first."""
    jacobian, H = found.jacobian, found.experiment.H
    order = np.argsort(-jacobian.log10, axis=None, kind="stable")[:LARGEST_TOLD]
    for place in order.tolist():
        to, of = divmod(place, H)
        if (sign := jacobian.sign[to, of]) != 0:
            size = as_told(float(jacobian.log10[to, of]))
            yield {"from": of, "to": to, "value": ("−" if sign < 0 else "") + size}


def looks(found: Paths) -> Iterator[tuple[str, int, int]]:
    """Pairs of steps worth a look: their words, s, t."""
    T = found.experiment.T
    for back in (1, 10, 100):
        if back < found.t:
            yield steps_of(back), found.t - back, found.t
    yield "from the start", 0, found.t
    if T > 1:
        yield "to the middle", max(T // 2 - 10, 0), T // 2
