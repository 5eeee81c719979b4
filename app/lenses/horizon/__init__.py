"""The horizon lens: how far back it can learn, on the direct path and in truth; what it takes."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from app.drawing.figure import Figure
from app.knobs import Experiment
from app.lenses.highway import steps_told
from app.lenses.horizon import figures as horizon_figure
from app.lenses.horizon.computed import SAID, THRESHOLDS, Fit, Reach, applied, fit, furthest, needed
from app.links import plain
from app.networks import networks
from app.reading import Fact, Reading, chaotic, middle, number, steps_of, told
from app.view import Focus, View
from lstm_engine import CELLS, Rnn, cell_survival, chaos, horizon, rnn_survival
from lstm_engine.gates import LN2

TITLE = "Horizon"
QUESTION = "How far back can it learn?"
KEYS = ("over", "lag", "unit")
SHEETS = horizon_figure.SHEETS
CURVES = {"direct": "Carry alone (direct)", "exact": "Every path (exact)", "rnn": "Vanilla RNN"}

NULLS = {
    ("direct_by_unit.*", "inf"): "infinite: nothing is lost",
    ("keep_half.b_f_by_unit", "-inf"): "minus infinity: none is needed, nothing is ever lost",
    ("keep_half.b_f_by_unit", "inf"): "infinite: no b_f is enough",
    ("keep_half.b_f_alone", "-inf"): "minus infinity: none is needed, nothing is ever lost",
    ("keep_half.b_f_alone", "inf"): "infinite: no b_f is enough",
    (
        "keep_half.b_f_with_b_i_its_negative",
        "nan",
    ): "undefined: what is kept does not depend on the input gate",
    ("fit.*.r_squared", "nan"): "undefined: the curve is level, or has fewer than two lags",
    ("fit.*", "nan"): "undefined: fewer than two lags with a gradient above zero",
}


def compute(experiment: Experiment, focus: Focus) -> Reach:
    """The engine's part: every number of this lens.

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    cell, rnn = CELLS[experiment.cell], Rnn(experiment.act)
    weights, rnn_weights, inputs = networks(experiment)
    twin = cell.forward(chaos.nudged(weights), inputs).h  # all else of it is let go first
    rnn_twin = rnn.forward(chaos.nudged(rnn_weights), inputs).h
    states, rnn_states = cell.forward(weights, inputs), rnn.forward(rnn_weights, inputs)
    ours = cell_survival(cell, states, weights)
    theirs = rnn_survival(rnn, rnn_states, rnn_weights)
    curves = {"direct": ours.direct_rms, "exact": ours.exact_rms, "rnn": theirs.exact_rms}
    mean = horizon.mean_log_carry(cell, states, weights)
    return Reach(
        experiment,
        mean,
        horizon.half_life(mean),
        horizon.time_constant(mean),
        {name: horizon.horizon(mean, least) for name, least in THRESHOLDS.items()},
        ours,
        theirs,
        {
            curve: {name: furthest(log10, least) for name, least in THRESHOLDS.items()}
            for curve, log10 in curves.items()
        },
        {curve: fit(log10) for curve, log10 in curves.items()},
        needed(cell, states, weights, experiment, focus.over or experiment.T),
        {
            cell.TITLE: chaos.log10_amplification(states.h, twin),
            rnn.TITLE: chaos.log10_amplification(rnn_states.h, rnn_twin),
        },
    )


def answer(found: Reach) -> dict[str, Any]:
    """What ``/api/horizon`` tells; arrays stay arrays, nothing is rounded."""
    t = steps_told(found.experiment.T)
    return {
        "t": t,
        "log10_kept": {
            "direct": found.cell.direct_rms[t],
            "exact": found.cell.exact_rms[t],
            "rnn": found.rnn.exact_rms[t],
        },
        "direct_by_unit": {
            "mean_log_carry": found.mean_log_carry,
            "half_life": found.half_life,
            "time_constant": found.time_constant,
            "horizon": found.horizons,
        },
        "furthest_lag": found.furthest,
        "fit": {curve: asdict(line) for curve, line in found.fits.items()},
        "keep_half": {
            "over": found.needed.over,
            "b_f_alone": found.needed.alone,
            "b_f_with_b_i_its_negative": found.needed.with_b_i,
            "b_f_by_unit": found.needed.b_f,
        },
    }


def table(found: Reach) -> Iterator[str]:
    """The lines of ``/api/horizon.csv``: one unit each, its direct path; inf is without end."""
    columns = {
        "mean_log_carry": found.mean_log_carry,
        "half_life": found.half_life,
        **{f"horizon_{name}": lags for name, lags in found.horizons.items()},
        "b_f_to_keep_half": found.needed.b_f,
    }
    yield ",".join(["unit", *columns])
    for unit, values in enumerate(zip(*(v.tolist() for v in columns.values()), strict=True)):
        yield f"{unit},{','.join(map(repr, values))}"


def reading(found: Reach) -> Reading:
    """What the figure shows, in words and numbers."""
    words = f"{on_the_direct_path(found)} {in_truth(found)}"
    return Reading(words, tuple(facts(found)), tuple(warnings(found)))


def on_the_direct_path(found: Reach) -> str:
    """The median unit's half-life and horizon, and the bias that it takes to keep half."""
    half_life, b_f = middle(found.half_life), middle(found.needed.b_f)
    if "f" not in CELLS[found.experiment.cell].GATES:
        return "There is no forget gate, so on the direct path nothing is ever lost."
    if half_life == math.inf:
        keeps = "loses nothing"
    else:
        lag = number(middle(found.horizons["1e-3"]))
        keeps = f"keeps half for {in_steps(half_life)} and a thousandth for {lag}"
    over, gate = found.needed.over, CELLS[found.experiment.cell].GATES["f"].partition(" gate")[0]
    if b_f == -math.inf:
        takes = f"any b_f would do to keep half for {over:,}"
    elif b_f == math.inf:
        takes = f"no {gate} bias alone would keep half for {over:,}"
    elif half_life >= over:
        takes = f"b_f = {fine(b_f)} would do to keep half for {over:,}"
    else:
        takes = f"b_f = {fine(b_f)} would keep half for {over:,}"
    return f"On the direct path the median unit {keeps}; {takes}."


def in_truth(found: Reach) -> str:
    """How far the exact gradients of both networks get."""
    T, title = found.experiment.T, CELLS[found.experiment.cell].TITLE
    ours, theirs = (found.furthest[curve]["1e-3"] for curve in ("exact", "rnn"))
    reached = f"over all {steps_of(T)}" if ours == T else f"for {steps_of(ours)}"
    if ours == theirs:
        rival = "and so does the vanilla RNN"
    else:
        rival = f"the vanilla RNN {f'over all {T:,}' if theirs == T else f'for {theirs:,}'}"
    return f"In truth, on every path, the {title} keeps a thousandth {reached}, {rival}."


def in_steps(value: float) -> str:
    """A number of steps, whole or not, in words."""
    return f"{number(value)} {'step' if number(value) == '1' else 'steps'}"


def fine(bias: float, digits: int = 2) -> str:
    """A bias in words."""
    return f"{bias:.{digits}f}".replace("-", "−")


def facts(found: Reach) -> Iterator[Fact]:
    """The median unit on the direct path, what the curves reach, what it takes, how straight."""
    T, need = found.experiment.T, found.needed
    if (half_life := middle(found.half_life)) < math.inf:
        yield Fact("Direct path, half-life, median unit", half_life, "steps")
        yield Fact("Direct path, time constant, median unit", middle(found.time_constant), "steps")
        for name, lags in found.horizons.items():
            yield Fact(f"Direct path, horizon at {SAID[name]}, median unit", middle(lags), "steps")
    for curve in ("exact", "rnn"):
        lag = found.furthest[curve]["1e-3"]
        unit = "steps: all of T" if lag == T else "steps"
        yield Fact(f"{CURVES[curve]}, largest lag that keeps 10⁻³", lag, unit)
    keeping = float((found.half_life >= need.over).mean())
    yield Fact(f"Units whose direct path keeps half over {steps_of(need.over)}", keeping, "of 1")
    if math.isfinite(need.alone):
        yield Fact("Bias that this takes, of a gate that sees nothing else", need.alone, "b_f")
    if math.isfinite(middle(need.b_f)):
        yield Fact("Bias that this takes here, median unit", middle(need.b_f), "b_f")
    for curve, line in found.fits.items():
        if line.lags >= 2:
            yield Fact(f"{CURVES[curve]}, kept a step by the straight line", line.a_step, "log10")
            yield Fact(f"{CURVES[curve]}, furthest from its line", line.worst, "powers of ten")


def warnings(found: Reach) -> Iterator[str]:
    """What to beware of when reading these numbers."""
    T, need = found.experiment.T, found.needed
    yield from chaotic(found.amplification, T)
    if need.over > T:
        yield (
            f"What it takes over {steps_of(need.over)} is told as if the gates went on as in these "
            f"{steps_of(T)}."
        )
    if hidden := int((~horizon_figure.drawable(found.half_life)).sum()):
        has = "1 unit loses" if hidden == 1 else f"{hidden} units lose"
        if hidden < found.experiment.H:
            yield f"On the direct path {has} nothing, or all at once: no dot in the figure."


def numbers(found: Reach, view: View) -> dict[str, Any]:
    """How far each threshold is reached, what keeping half takes, how straight the curves are."""
    cell, T = CELLS[found.experiment.cell], found.experiment.T
    return {
        "T": T,
        "thresholds": [threshold_row(found, name) for name in THRESHOLDS],
        "all_the_way": any(T in lags.values() for lags in found.furthest.values()),
        "over": found.needed.over,
        "gate": "f" in cell.GATES,
        "peepholes": cell.PEEPHOLES,
        "recurrent": cell.RECURRENT,
        "beside": math.isfinite(found.needed.with_b_i),
        "ways": list(ways(found)),
        "spread": spread(found),
        "fits": [fit_row(curve, line) for curve, line in found.fits.items()],
    }


def threshold_row(found: Reach, name: str) -> dict[str, str]:
    """How far one threshold is reached: a unit's direct path by its mean, three curves in truth."""
    lags, T = found.horizons[name], found.experiment.T
    least = told(Fact("", math.log10(THRESHOLDS[name]), "log10"))
    return {
        "name": SAID[name] if name.startswith("1e") else f"{least}, the least normal {SAID[name]}",
        "median": lag_told(middle(lags)),
        "from": lag_told(float(lags.min())),
        "to": lag_told(float(lags.max())),
        **{
            curve: f"all {T:,}" if reached[name] == T else f"{reached[name]:,}"
            for curve, reached in found.furthest.items()
        },
    }


def lag_told(lag: float) -> str:
    """A horizon as the table has it."""
    return "no end" if lag == math.inf else told(Fact("", lag, ""))


def ways(found: Reach) -> Iterator[dict[str, Any]]:
    """Biases that keep half, each with what a link to it changes."""
    need = found.needed
    for of, b_f in (("alone", need.alone), ("beside", need.with_b_i), ("here", middle(need.b_f))):
        if math.isfinite(b_f):
            value, cut = applied(b_f)
            changes: dict[str, float | None] = {"b_f": value}
            changes |= {} if of == "here" else {"chrono": None}
            changes |= {"b_i": -value} if of == "beside" else {}
            told_of = {"bias": fine(b_f, 3), "opposite": fine(-b_f, 3), "to": fine(value, 3)}
            yield {"of": of, **told_of, "cut": cut, "changes": changes}


def spread(found: Reach) -> dict[str, Any]:
    """The middle half of the units' needed biases, and how many have none."""
    b_f = np.sort(found.needed.b_f)
    last = len(b_f) - 1
    return {
        "from": fine(b_f[round(0.25 * last)]),
        "to": fine(b_f[round(0.75 * last)]),
        "now": plain(found.experiment.b_f).replace("-", "−"),
        "never": int(np.isposinf(b_f).sum()),
        "H": len(b_f),
        "keeping": int((found.half_life >= found.needed.over).sum()),
    }


def fit_row(curve: str, line: Fit) -> dict[str, str]:
    """A straight line in numbers: what it keeps a step, its half-life, how well it fits."""
    half_life = -LN2 / math.log(10) / line.a_step if line.a_step < 0 else math.inf
    return {
        "name": CURVES[curve],
        "kept": told(Fact("", line.a_step, "log10")),
        "half_life": lag_told(half_life) if line.lags > 1 else "none",
        "r_squared": "–" if math.isnan(line.r_squared) else f"{line.r_squared:.4f}",
        "worst": told(Fact("", line.worst, "")),
        "lags": f"{line.lags:,}",
    }


def figure(found: Reach, view: View) -> Figure:
    """The curves with their straight lines, the units' horizons, the biases that keep half."""
    return horizon_figure.figure(found, view)
