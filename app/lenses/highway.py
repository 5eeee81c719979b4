"""The highway lens: how much gradient survives, on every path, on the carry alone, in the RNN."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figure import (
    DETOURS,
    DIRECT,
    EXACT,
    RNN,
    Box,
    ColourScale,
    Curves,
    Figure,
    Line,
    Map,
    Sheet,
    TimeAxis,
    Width,
)
from app.knobs import Experiment, View
from app.links import plain, write
from app.reading import Fact, Reading, count, fates, kept, number
from lstm_engine import horizon, lstm, rnn, signals, survival, weights

MOST_STEPS_TOLD = 1000
CHAOTIC_FROM = 5.0  # decades: rounding at 1e-16 then shows in the tenth digit or earlier


@dataclass(frozen=True)
class Highway:
    """The numbers of the highway lens (`docs/math.md`, four words)."""

    experiment: Experiment
    cell: survival.CellSurvival
    rnn: survival.RnnSurvival
    mean_log_f: NDArray[np.float64]  # (H,), natural logarithm, mean over time


def drawn(
    experiment: Experiment,
) -> tuple[weights.Weights, weights.Weights, NDArray[np.float64]]:
    """The gated cell's weights, the RNN's weights and the inputs, after every knob."""
    e = experiment
    cell = weights.draw_cell(
        e.init,
        e.D,
        e.H,
        seed=e.seed,
        biases=(e.b_i, e.b_f, e.b_g, e.b_o),
        chrono=e.chrono,
        gain=e.gain,
    )
    rival = weights.draw_rnn(e.init, e.D, e.H, seed=e.seed, rnn_init=e.rnn_init, gain=e.rnn_gain)
    inputs = signals.draw_inputs(
        e.signal, e.T, e.D, amplitude=e.amplitude, seed=e.seed, text=e.text, series=e.series
    )
    return cell, rival, inputs


def steps_told(T: int) -> NDArray[np.int64]:
    """The steps an answer tells: all of 0 … T, or 1001 of them, evenly, where T is above 1000."""
    if T <= MOST_STEPS_TOLD:
        return np.arange(T + 1)
    return (np.arange(MOST_STEPS_TOLD + 1) * T + MOST_STEPS_TOLD // 2) // MOST_STEPS_TOLD


def compute(experiment: Experiment) -> Highway:
    """The engine's part: every number of this lens.

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    cell_weights, rnn_weights, inputs = drawn(experiment)
    steps = steps_told(experiment.T)
    states = lstm.forward(cell_weights, inputs)
    rival = rnn.forward(rnn_weights, inputs, experiment.act)
    return Highway(
        experiment,
        survival.cell_survival(lstm, states, cell_weights, steps),
        survival.rnn_survival(rival, rnn_weights, steps),
        horizon.mean_log_f(states),
    )


def answer(highway: Highway) -> dict[str, Any]:
    """What ``/api/highway`` tells; arrays stay arrays, nothing is rounded."""
    cell, rival, query = highway.cell, highway.rnn, write(highway.experiment)
    return {
        "version": 1,
        "experiment": {key: value for key, value in highway.experiment if key != "v"},
        "link": "/" + ("?" + query if query else ""),
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
        "reading": reading(highway),
    }


def table(highway: Highway) -> Iterator[str]:
    """The lines of ``/api/highway.csv``: one unit at one step each; an empty field is zero."""
    yield "t,unit,cell_log10_direct,cell_log10_exact,rnn_log10_exact"
    cell, rival = highway.cell, highway.rnn
    for row, t in enumerate(cell.steps.tolist()):
        columns = zip(
            cell.log10_direct[row].tolist(),
            cell.log10_exact[row].tolist(),
            rival.log10_exact[row].tolist(),
            strict=True,
        )
        for unit, values in enumerate(columns):
            fields = ("" if value == -math.inf else repr(value) for value in values)
            yield f"{t},{unit},{','.join(fields)}"


def reading(highway: Highway) -> Reading:
    """What the figure shows, in words and numbers, all at step 0 unless they say otherwise."""
    experiment, cell, rival = highway.experiment, highway.cell, highway.rnn
    T, share = experiment.T, float(cell.share[0])
    exact, direct, rnn_exact = (
        float(curve[0]) for curve in (cell.exact_rms, cell.direct_rms, rival.exact_rms)
    )
    half_life = float(np.median(horizon.half_life(highway.mean_log_f)))
    open_forget_gate = float(np.exp(np.median(highway.mean_log_f)))
    needed = horizon.needed_bias(T)
    steps = "step" if T == 1 else "steps"
    sentences = [
        f"Sent back {T:,} {steps} in time, the gradient {fates(exact, rnn_exact)}.",
        on_which_road(exact, direct, share),
    ]
    facts = (
        Fact("LSTM, every path (exact), rms over units", number(exact), "log10"),
        Fact("LSTM, the carry alone (direct), rms over units", number(direct), "log10"),
        Fact("LSTM, detours, rms over units", number(float(cell.detours_rms[0])), "log10"),
        Fact("Vanilla RNN, rms over units", number(rnn_exact), "log10"),
        Fact("Highway share", number(share), "of 1"),
        Fact("Forget gate, median unit, geometric mean over time", open_forget_gate, "of 1"),
        Fact("Half-life on the direct path, median unit", number(half_life), "steps"),
        Fact(f"Forget bias that keeps half over {T:,} {steps}, direct path", needed, "b_f"),
    )
    return Reading(" ".join(sentences), facts, warnings(highway))


def on_which_road(exact: float, direct: float, share: float) -> str:
    """The sentence on the carry and the detours: who brought what arrived."""
    if math.isnan(share):
        return "Nothing arrives on any road."
    carry = f"The carry alone, the product of forget gates, keeps {kept(direct)}"
    if share >= 0.9:
        return f"{carry}: nearly all that arrives came along the highway."
    if share >= 0.1:
        return f"{carry}: highway and detours both bring their part (highway share {share:.0%})."
    apart = abs(exact - direct)
    if exact > max(direct, 0.0) and exact > 0.3:
        return f"{carry}, while the detours through the recurrent weights make it explode."
    if apart < 1:
        return f"{carry}; what arrives came by detours through the recurrent weights."
    return (
        f"{carry}, {count(apart)} powers of ten less than what arrives: "
        "nearly all of it came by detours through the recurrent weights."
    )


def warnings(highway: Highway) -> tuple[str, ...]:
    """What to beware of when reading these numbers."""
    found = []
    growth = {
        "LSTM": highway.cell.exact_rms.max(),
        "vanilla RNN": highway.rnn.exact_rms.max(),
    }
    for name, decades in growth.items():
        if decades >= CHAOTIC_FROM:
            found.append(
                f"The {name} is chaotic here: a difference in the sixteenth digit grows "
                f"{kept(float(decades))} times, so the same link may give "
                "other digits on another machine."
            )
    return tuple(found)


def figure(highway: Highway, view: View) -> Figure:
    """Three maps on one scale, the curves and the share on the same time axis."""
    experiment, cell, rival = highway.experiment, highway.cell, highway.rnn
    unit = view.unit if view.unit is not None and view.unit < experiment.H else None
    order = rows(view, cell.log10_exact)
    maps = (
        Map("exact", "LSTM, every path (exact)", cell.log10_exact, order),
        Map("direct", "LSTM, the carry alone (direct)", cell.log10_direct, order),
        Map("rnn", "Vanilla RNN, every path", rival.log10_exact, rows(view, rival.log10_exact)),
    )
    lines = [
        Line("RNN", rival.exact_rms, RNN),
        Line("direct", cell.direct_rms, DIRECT, "dash"),
        Line("exact", cell.exact_rms, EXACT),
        # Last, so that its dots lie on the exact curve where the two are one.
        Line("detours", cell.detours_rms, DETOURS, "dot"),
    ]
    if unit is not None:
        lines += [
            Line(f"RNN, unit {unit}", rival.log10_exact[:, unit], RNN, "solid", 1, False),
            Line(f"direct, unit {unit}", cell.log10_direct[:, unit], DIRECT, "dash", 1, False),
            Line(f"exact, unit {unit}", cell.log10_exact[:, unit], EXACT, "solid", 1, False),
        ]
    share = Line("highway share", cell.share, EXACT, named=False)
    return Figure(
        TimeAxis(cell.steps, experiment.T, view.lag, read(experiment)),
        ColourScale(float(view.floor)),
        (
            *maps,
            Curves("curves", "Gradient kept, rms over units", tuple(lines), "log10"),
            Curves("share", "Highway share: what the carry brought", (share,), "share"),
        ),
        SHEETS,
        unit,
        view.step,
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
        return tuple(plain(value) for value in experiment.series)
    return ()


SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        704,
        {
            "exact": Box(56, 34, 538, 264),
            "rnn": Box(610, 34, 1092, 264),
            "direct": Box(56, 306, 538, 536),
            "share": Box(56, 578, 538, 648),
            "curves": Box(610, 306, 1092, 648),
        },
        Box(1110, 34, 1126, 648),
        frozenset({"share", "curves"}),
    ),
    "narrow": Sheet(
        360,
        1240,
        {
            "exact": Box(46, 88, 350, 268),
            "direct": Box(46, 304, 350, 484),
            "rnn": Box(46, 520, 350, 700),
            "curves": Box(46, 764, 350, 1050),
            "share": Box(46, 1098, 350, 1178),
        },
        Box(30, 20, 336, 34),
        frozenset({"rnn", "share"}),
    ),
    "preview": Sheet(
        1200,
        630,
        {
            "exact": Box(56, 142, 538, 334),
            "rnn": Box(610, 142, 1092, 334),
            "direct": Box(56, 374, 538, 582),
            "curves": Box(610, 374, 1092, 582),
        },
        Box(1110, 142, 1126, 582),
        frozenset({"direct", "curves"}),
    ),
}
