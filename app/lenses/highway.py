"""The highway lens: how much gradient survives, on every path, on the carry alone, in the RNN."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    DETOURS,
    DIRECT,
    EXACT,
    RNN,
    Box,
    Corner,
    Curves,
    Figure,
    Line,
    Map,
    Sheet,
    TimeAxis,
    Units,
    Values,
    Width,
    powers,
)
from app.drawing.figure import kept as night_road
from app.knobs import Experiment
from app.links import plain
from app.networks import networks
from app.nulls import csv_field
from app.reading import (
    ALL,
    Fact,
    Reading,
    cancel,
    carry,
    chaotic,
    fate,
    fates,
    heading,
    keeper,
    kept,
    kept_by_its_gate,
    powers_of_ten,
    steps_of,
)
from app.view import Focus, View
from lstm_engine import (
    CELLS,
    Cell,
    CellSurvival,
    Rnn,
    RnnSurvival,
    cell_survival,
    chaos,
    horizon,
    rnn_survival,
)

TITLE = "Highway"
QUESTION = "How much gradient survives on its way back through time?"
KEYS = ("trained", "unit", "step", "order", "lag", "floor")
MOST_STEPS_TOLD = 1000
EXPLODED = 2.0  # log10: a hundredfold

Rows = NDArray[np.int64]
Survival = TypeVar("Survival", CellSurvival, RnnSurvival)


@dataclass(frozen=True)
class Highway:
    """The numbers of the highway lens (`docs/math.md`, "Four words").

    `cell` and `rnn` hold the steps that are told, and those that a log axis needs beside them:
    `told` and `lagged` are the rows of each.
    """

    experiment: Experiment
    cell: CellSurvival
    rnn: RnnSurvival
    told: Rows
    lagged: Rows
    mean_log_carry: NDArray[np.float64]  # (H,), natural logarithm, mean over time
    amplification: dict[str, float]  # log10, by network: see `lstm_engine.chaos`


def compute(experiment: Experiment, focus: Focus) -> Highway:
    """The engine's part: every number of this lens.

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    cell, rnn = CELLS[experiment.cell], Rnn(experiment.act)
    weights, rnn_weights, inputs = networks(experiment)
    told, lagged = steps_told(experiment.T), steps_lagged(experiment.T)
    steps = np.union1d(told, lagged)
    states, rnn_states = cell.forward(weights, inputs), rnn.forward(rnn_weights, inputs)
    twin = cell.forward(chaos.nudged(weights), inputs).h
    rnn_twin = rnn.forward(chaos.nudged(rnn_weights), inputs).h
    return Highway(
        experiment,
        cell_survival(cell, states, weights, steps),
        rnn_survival(rnn, rnn_states, rnn_weights, steps),
        np.searchsorted(steps, told),
        np.searchsorted(steps, lagged),
        horizon.mean_log_carry(cell, states, weights),
        {
            cell.TITLE: chaos.log10_amplification(states.h, twin),
            rnn.TITLE: chaos.log10_amplification(rnn_states.h, rnn_twin),
        },
    )


def steps_told(T: int) -> Rows:
    """The steps an answer tells: all of 0 … T, or 1001 of them, evenly, where T is above 1000."""
    if T <= MOST_STEPS_TOLD:
        return np.arange(T + 1)
    return (np.arange(MOST_STEPS_TOLD + 1) * T + MOST_STEPS_TOLD // 2) // MOST_STEPS_TOLD


def steps_lagged(T: int) -> Rows:
    """The steps a log axis shows: all, or where T is above 1000 the last ones densely."""
    if T <= MOST_STEPS_TOLD:
        return np.arange(T + 1)
    lags = np.geomspace(1, T, MOST_STEPS_TOLD).round().astype(np.int64)
    return T - np.union1d(0, lags)[::-1]


def at_rows(found: Survival, rows: Rows) -> Survival:
    """A survival at some of its steps."""
    return type(found)(*(getattr(found, field.name)[rows] for field in fields(found)))


def answer(highway: Highway) -> dict[str, Any]:
    """What ``/api/highway`` tells; arrays stay arrays, nothing is rounded."""
    cell, rival = at_rows(highway.cell, highway.told), at_rows(highway.rnn, highway.told)
    return {
        "t": cell.steps,
        "cell": {
            "name": highway.experiment.cell,
            "log10_direct": cell.log10_direct,
            "log10_exact": cell.log10_exact,
        },
        "rnn": {"log10_exact": rival.log10_exact},
        "norms": {
            "cell_direct": {"rms": cell.direct_rms},
            "cell_exact": {"rms": cell.exact_rms},
            "cell_detours": {"rms": cell.detours_rms},
            "rnn_exact": {"rms": rival.exact_rms},
        },
        "highway_share": cell.share,
    }


def table(highway: Highway) -> Iterator[str]:
    """The lines of ``/api/highway.csv``: one unit at one step each; an empty field is zero."""
    yield "t,unit,cell_log10_direct,cell_log10_exact,rnn_log10_exact"
    cell, rival = at_rows(highway.cell, highway.told), at_rows(highway.rnn, highway.told)
    for row, t in enumerate(cell.steps.tolist()):
        columns = zip(
            cell.log10_direct[row].tolist(),
            cell.log10_exact[row].tolist(),
            rival.log10_exact[row].tolist(),
            strict=True,
        )
        for unit, values in enumerate(columns):
            written = map(csv_field, values)
            yield f"{t},{unit},{','.join(written)}"


def reading(highway: Highway) -> Reading:
    """What the figure shows, in words and numbers, all at step 0 unless they say otherwise."""
    cell, T = CELLS[highway.experiment.cell], highway.experiment.T
    ours, rival = highway.cell, highway.rnn
    exact, direct, detours, rnn_exact = (
        float(curve[0])
        for curve in (ours.exact_rms, ours.direct_rms, ours.detours_rms, rival.exact_rms)
    )
    headline = (
        f"Sent back {steps_of(T)} in time, the gradient {fates(cell.TITLE, exact, rnn_exact)}. "
        f"{on_which_road(cell, exact, direct, float(ours.share[0]))}"
    )
    title = heading(cell.TITLE)
    facts = (
        Fact(f"{title}, every path (exact), rms over units", exact, "log10"),
        Fact(f"{title}, the carry alone (direct), rms over units", direct, "log10"),
        Fact(f"{title}, detours, rms over units", detours, "log10"),
        Fact("Vanilla RNN, rms over units", rnn_exact, "log10"),
        Fact("Highway share", log10_share(direct, detours), "log10"),
        *facts_of_the_carry(cell, highway.mean_log_carry, T),
    )
    return Reading(headline, facts, warnings(highway))


def facts_of_the_carry(cell: Cell, mean_log_carry: NDArray[np.float64], T: int) -> Iterator[Fact]:
    """What the carry keeps a step, for how long, and the bias that keeps half: where they apply."""
    a_step = float(np.exp(np.median(mean_log_carry)))
    yield Fact(f"{heading(keeper(cell))}, median unit, geometric mean over time", a_step, "of 1")
    half_life = float(np.median(horizon.half_life(mean_log_carry)))
    # A carry that loses nothing, or less than float64 sees, has no half-life to tell.
    if half_life < math.inf:
        yield Fact("Half-life on the direct path, median unit", half_life, "steps")
    if kept_by_its_gate(cell):
        bias = horizon.needed_bias(T)
        gate = heading(cell.GATES["f"].partition(" gate")[0])
        yield Fact(f"{gate} bias that keeps half over {steps_of(T)}, direct path", bias, "b_f")


def log10_share(direct: float, detours: float) -> float:
    """The highway share, 1/(1 + 10^(lR − lD)), as a logarithm: it may be too small for float64."""
    if direct == -math.inf:
        return math.nan if detours == -math.inf else -math.inf
    return -float(np.logaddexp(0.0, (detours - direct) * math.log(10))) / math.log(10)


def on_which_road(cell: Cell, exact: float, direct: float, share: float) -> str:
    """The sentence on the carry and the detours: who brought what arrived."""
    if math.isnan(share):
        return "Nothing arrives on any road."
    if not cell.RECURRENT:
        return (
            f"Nothing crosses recurrent weights in the {cell.TITLE}: "
            f"{carry(cell)} is all there is, so direct is exact."
        )
    does = f"keeps {kept(direct)}" if direct < ALL else f"grows {kept(direct)}-fold"
    keeps = f"{heading(carry(cell, ' alone'))} {does}"
    if share == 1:
        return f"{keeps}: all that arrives came along the highway."
    if share >= 0.9:
        return f"{keeps}: nearly all that arrives came along the highway."
    if cancel(exact, direct, share):
        return (
            f"{keeps}, and the detours as much with the other sign: they cancel (highway share "
            f"{share:.0%}), so the gradient {fate(exact)}."
        )
    if share >= 0.1:
        return f"{keeps}: highway and detours both bring their part (highway share {share:.0%})."
    if direct == -math.inf:
        return f"{keeps}: all that arrives came by detours through the recurrent weights."
    if exact >= ALL and exact > direct:
        becomes = "explode" if exact >= EXPLODED else "grow"
        return f"{keeps}, while the detours through the recurrent weights make it {becomes}."
    if abs(exact - direct) < 0.5:
        return f"{keeps}; what arrives came by detours through the recurrent weights."
    return (
        f"{keeps}, {powers_of_ten(abs(exact - direct))} less than what arrives: "
        "nearly all of it came by detours through the recurrent weights."
    )


def warnings(highway: Highway) -> tuple[str, ...]:
    """What to beware of when reading these numbers."""
    return tuple(chaotic(highway.amplification, highway.experiment.T))


def numbers(highway: Highway, view: View) -> dict[str, Any]:
    """The facts say it all."""
    return {}


def figure(highway: Highway, view: View) -> Figure:
    """Three maps on one scale, the curves and the share on the same time axis."""
    experiment = highway.experiment
    drawn = highway.told if view.lag == "linear" else highway.lagged
    cell, rival = at_rows(highway.cell, drawn), at_rows(highway.rnn, drawn)
    unit = view.unit if view.unit is not None and view.unit < experiment.H else None
    title, floor = heading(CELLS[experiment.cell].TITLE), float(view.floor)
    time = TimeAxis(cell.steps, experiment.T, view.lag, read(experiment))
    ours, theirs = Units(rows(view, cell.log10_exact)), Units(rows(view, rival.log10_exact))
    maps = (
        Map("exact", f"{title}, every path (exact)", cell.log10_exact, time, ours),
        Map("direct", f"{title}, carry alone (direct)", cell.log10_direct, time, ours),
        Map("RNN", "Vanilla RNN, every path", rival.log10_exact, time, theirs),
    )
    lines = lines_of(cell, rival, unit)
    size = powers(lines, floor)
    # All curves end at 1, on the right: the lower corner there is free unless they come from below.
    corner: Corner = "bottom right" if -size.low >= size.high else "top right"
    brought = Line("highway share, all units", cell.share, EXACT, named=False)
    road = Values(0.0, 1.0, "share")
    curves = (
        Curves("curves", "Gradient kept, rms over units", lines, time, size, corner),
        Curves("share", "Highway share: what the carry brought", (brought,), time, road),
    )
    return Figure((*maps, *curves), SHEETS, {"kept": night_road(floor)}, time, unit, view.step)


def lines_of(cell: CellSurvival, rival: RnnSurvival, unit: int | None) -> tuple[Line, ...]:
    """The curves of all units together, and thinner those of the pinned one."""
    lines = (
        Line("RNN", rival.exact_rms, RNN),
        Line("direct", cell.direct_rms, DIRECT, "dash"),
        Line("exact", cell.exact_rms, EXACT),
        # Last, so that its dots lie on the exact curve where the two are one.
        Line("detours", cell.detours_rms, DETOURS, "dot", 3.0),
    )
    if unit is None:
        return lines
    return (
        *lines,
        Line(f"RNN, unit {unit}", rival.log10_exact[:, unit], RNN, "solid", 1, False),
        Line(f"direct, unit {unit}", cell.log10_direct[:, unit], DIRECT, "dash", 1, False),
        Line(f"exact, unit {unit}", cell.log10_exact[:, unit], EXACT, "solid", 1, False),
    )


def rows(view: View, log10_exact: NDArray[np.float64]) -> NDArray[np.int64]:
    """The unit in each row, the lowest first: unit 0 at the bottom, or the least survivor."""
    if view.order == "index":
        return np.arange(log10_exact.shape[1])
    return np.argsort(log10_exact[0], kind="stable")


def read(experiment: Experiment) -> tuple[str, ...]:
    """What the networks read at each step, where that has a name."""
    if experiment.signal == "text":
        return tuple(experiment.text)
    if experiment.signal == "series":
        return tuple(map(label, experiment.series))
    return ()


def label(step: float | tuple[float, ...]) -> str:
    """The numbers of one step as an axis has room for: four digits each, at most three of them."""
    if isinstance(step, tuple):
        return ", ".join(map(label, step[:3])) + (", …" if len(step) > 3 else "")
    return whole if len(whole := plain(step)) <= 7 else plain(float(f"{step:.4g}"))


SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        704,
        {
            "exact": Box(56, 34, 538, 264),
            "RNN": Box(610, 34, 1092, 264),
            "direct": Box(56, 306, 538, 536),
            "share": Box(56, 578, 538, 648),
            "curves": Box(610, 306, 1092, 648),
        },
        {"kept": Box(1110, 34, 1126, 648)},
        frozenset({"share", "curves"}),
    ),
    "narrow": Sheet(
        360,
        1240,
        {
            "exact": Box(46, 88, 342, 268),
            "direct": Box(46, 304, 342, 484),
            "RNN": Box(46, 520, 342, 700),
            "curves": Box(46, 764, 342, 1050),
            "share": Box(46, 1098, 342, 1178),
        },
        {"kept": Box(30, 20, 336, 34)},
        frozenset({"RNN", "share"}),
    ),
    "preview": Sheet(
        1200,
        630,
        {
            "exact": Box(56, 142, 538, 334),
            "RNN": Box(610, 142, 1092, 334),
            "direct": Box(56, 374, 538, 582),
            "curves": Box(610, 374, 1092, 582),
        },
        {"kept": Box(1110, 142, 1126, 582)},
        frozenset({"direct", "curves"}),
    ),
}
