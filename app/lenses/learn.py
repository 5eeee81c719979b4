"""The learn lens: what the derivation's short formulas predict, beside what is exact."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.drawing.figure import (
    DIRECT,
    EXACT,
    FAINT_INK,
    INK,
    RNN,
    Box,
    Corner,
    Curves,
    Figure,
    Line,
    Sheet,
    TimeAxis,
    Width,
    powers,
)
from app.knobs import Experiment
from app.lenses import highway
from app.lenses.highway import Highway, at_rows
from app.networks import networks
from app.nulls import csv_field
from app.reading import ALL, Fact, Reading, heading, keeper, kept, powers_of_ten, steps_of
from app.view import Focus, View
from lstm_engine import (
    CELLS,
    Rnn,
    largest_singular_value,
    log10_spectral_norms,
    spectral_radius,
    verdict,
)
from lstm_engine.bounds import STEEPEST, Verdict
from lstm_engine.gates import LN10
from lstm_engine.survival import log10_rms

TITLE = "Learn"
QUESTION = "Why do gradients vanish, and what does the highway change?"
KEYS = ("lag",)
NORMS, NORMS_NEAR = 12, 6  # at even lags; at even ratios before the first of those
MOST_STEPS_BACK, MOST_FLOPS = 5000, 1e10  # of spectral norms; a step back takes 4H³
NEAR = 0.5  # decades that a prediction may miss and still be called right

Floats = NDArray[np.float64]


class Rates(NamedTuple):
    """What each short formula makes of one step back, as log10: a lag multiplies it."""

    bound: float  # γσ₁
    radius: float  # γρ
    typical: float  # the slopes' rms times the singular values' rms
    carry: float  # f̄, the geometric mean of |carry| over time and units


@dataclass(frozen=True)
class Derivation:
    """The derivation's formulas filled with one experiment (`docs/math.md`, "Bounds", "Horizon").

    What they are held against is exact: curves of the highway lens, spectral norms of the RNN.
    """

    highway: Highway
    steepest: float  # γ
    largest: float  # σ₁ of the RNN's weight_hh
    radius: float  # ρ of it
    singular_rms: float  # of all its singular values, ‖W_hh‖_F/√H
    slope_rms: float  # over time and units
    verdict: Verdict
    rates: Rates
    norm_steps: NDArray[np.int64]  # (M,)
    norms: Floats  # (M,), log10


def compute(experiment: Experiment, focus: Focus) -> Derivation:
    """The engine's part: every number of this lens.

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    found = highway.compute(experiment, focus)
    _, weights, inputs = networks(experiment)
    rnn, weight_hh = Rnn(experiment.act), weights.weight_hh
    states = rnn.forward(weights, inputs)
    steepest, slope = STEEPEST[rnn.act], float(log10_rms(rnn.log_slope(states).ravel() / LN10))
    largest, radius = largest_singular_value(weight_hh), spectral_radius(weight_hh)
    singular_rms = float(np.linalg.norm(weight_hh)) / math.sqrt(experiment.H)
    rates = Rates(
        log10(steepest * largest),
        log10(steepest * radius),
        slope + log10(singular_rms),
        float(found.mean_log_carry.mean()) / LN10,
    )
    steps = norm_steps(experiment)
    return Derivation(
        found,
        steepest,
        largest,
        radius,
        singular_rms,
        10.0**slope,
        verdict(rnn, weights),
        rates,
        steps,
        log10_spectral_norms(rnn, states, weights, steps),
    )


def log10(value: float) -> float:
    """−inf for 0."""
    return math.log10(value) if value else -math.inf


def norm_steps(experiment: Experiment) -> NDArray[np.int64]:
    """Where spectral norms are taken: evenly, more densely at the end, no further than is cheap."""
    back = min(experiment.T, MOST_STEPS_BACK, int(MOST_FLOPS // (4 * experiment.H**3)))
    even = np.linspace(0, back, NORMS + 1).round()
    near = np.geomspace(1, max(1, back / NORMS), NORMS_NEAR).round()
    return experiment.T - np.union1d(even, near)[::-1].astype(np.int64)


def predicted(rate: float, lags: NDArray[np.int64]) -> Floats:
    """log10 of what a factor a step makes of each lag; of none, 1."""
    return np.array([lag * rate if lag else 0.0 for lag in lags.tolist()])


def answer(found: Derivation) -> dict[str, Any]:
    """What ``/api/learn`` tells; logarithms to base 10, arrays stay arrays."""
    highway, rates = found.highway, found.rates
    ours, rival = at_rows(highway.cell, highway.told), at_rows(highway.rnn, highway.told)
    lags = highway.experiment.T - ours.steps
    return {
        "t": ours.steps,
        "rnn": {
            "steepest_slope": found.steepest,
            "rms_slope": found.slope_rms,
            "largest_singular_value": found.largest,
            "rms_singular_value": found.singular_rms,
            "spectral_radius": found.radius,
            "verdict": found.verdict,
            "log10_bound": predicted(rates.bound, lags),
            "log10_radius": predicted(rates.radius, lags),
            "log10_typical": predicted(rates.typical, lags),
            "exact": {"rms": rival.exact_rms},
            "spectral_norm": {"t": found.norm_steps, "log10": found.norms},
        },
        "cell": {
            "name": highway.experiment.cell,
            "mean_carry": 10.0**rates.carry,
            "log10_predicted": predicted(rates.carry, lags),
            "direct": {"rms": ours.direct_rms},
            "exact": {"rms": ours.exact_rms},
            "detours": {"rms": ours.detours_rms},
        },
        "highway_share": ours.share,
    }


def table(found: Derivation) -> Iterator[str]:
    """The lines of ``/api/learn.csv``: a step each, log10; an empty field is zero."""
    told = answer(found)
    rnn, cell = told["rnn"], told["cell"]
    columns = {
        "rnn_bound": rnn["log10_bound"],
        "rnn_radius": rnn["log10_radius"],
        "rnn_typical": rnn["log10_typical"],
        "rnn_exact": rnn["exact"]["rms"],
        "cell_predicted": cell["log10_predicted"],
        "cell_direct": cell["direct"]["rms"],
        "cell_exact": cell["exact"]["rms"],
    }
    yield ",".join(["t", *columns])
    rows = zip(told["t"].tolist(), *(column.tolist() for column in columns.values()), strict=True)
    for t, *values in rows:
        written = map(csv_field, values)
        yield f"{t},{','.join(written)}"


def reading(found: Derivation) -> Reading:
    """Prediction against truth over all T steps, in words and numbers."""
    T, cell = found.highway.experiment.T, CELLS[found.highway.experiment.cell]
    ours, rival, rates = found.highway.cell, found.highway.rnn, found.rates
    exact, direct, rnn_exact = (
        float(curve[0]) for curve in (ours.exact_rms, ours.direct_rms, rival.exact_rms)
    )
    headline = (
        f"In the vanilla RNN a typical step {does(rates.typical)}: over {steps_of(T)} that "
        f"predicts {size(T * rates.typical)}, {joined(rnn_exact, T * rates.typical)} "
        f"{arrives(rnn_exact)}. In the {cell.TITLE} a "
        f"typical {keeper(cell)} {does(rates.carry)}: that predicts {size(T * rates.carry)}"
        f"{which_is(exact, T * rates.carry, float(ours.share[0]))}."
    )
    title = heading(cell.TITLE)
    facts = (
        Fact("Vanilla RNN, largest singular value σ₁ of its recurrent weights", found.largest, ""),
        Fact("Vanilla RNN, spectral radius ρ of its recurrent weights", found.radius, ""),
        Fact("Vanilla RNN, slope of its units, rms over time and units", found.slope_rms, "of 1"),
        Fact(
            f"Vanilla RNN, bound (γσ₁)ᵀ with steepest slope γ = {found.steepest:g}",
            T * rates.bound,
            "log10",
        ),
        Fact("Vanilla RNN, typical step, T times", T * rates.typical, "log10"),
        Fact("Vanilla RNN, exact, rms over units", rnn_exact, "log10"),
        Fact(
            f"{heading(keeper(cell))} f̄, geometric mean over time and units",
            10.0**rates.carry,
            "of 1",
        ),
        Fact("f̄, T times", T * rates.carry, "log10"),
        Fact(f"{title}, the carry alone (direct), rms over units", direct, "log10"),
        Fact(f"{title}, every path (exact), rms over units", exact, "log10"),
    )
    return Reading(headline, facts, highway.warnings(found.highway))


def does(log10: float) -> str:
    """What a factor a step does: keeps 73%, grows 1.2-fold."""
    return f"keeps {kept(log10)}" if log10 < ALL else f"grows the gradient {kept(log10)}-fold"


def size(log10: float) -> str:
    """A survival as a thing that is predicted."""
    return kept(log10) if log10 < ALL else f"{kept(log10)}-fold growth"


def arrives(log10: float, *, only: bool = False) -> str:
    """What came of it: a share that arrives, or what the gradient has grown to."""
    less = "only " if only and log10 > -math.inf else ""
    return f"{less}{kept(log10)} arrives" if log10 < ALL else f"it grows {less}{kept(log10)}-fold"


def joined(exact: float, predicted: float) -> str:
    """Whether a prediction comes true."""
    return "and" if exact == predicted or abs(exact - predicted) < NEAR else "but"


def which_is(exact: float, predicted: float, share: float) -> str:
    """How the carry's prediction stands to what arrives on every path, and why."""
    if exact == predicted or abs(exact - predicted) < NEAR:
        return f", and {arrives(exact)}"
    if exact < predicted:
        return f", but {arrives(exact, only=True)}"
    if share < 0.5:
        by_detours = ": detours bring the rest" if exact < ALL else " on detours"
        return f", but {arrives(exact)}{by_detours}"
    return f", but {arrives(exact)}: units that keep more than the typical one bring it"


def numbers(found: Derivation, view: View) -> dict[str, Any]:
    """The derivation's two tables: each formula a step and over all steps."""
    T, rates = found.highway.experiment.T, found.rates
    cell, last_norm = CELLS[found.highway.experiment.cell], T - int(found.norm_steps[0])
    ours, rival = found.highway.cell, found.highway.rnn
    return {
        "T": T,
        "title": heading(cell.TITLE),
        "keeper": keeper(cell),
        "steepest": found.steepest,
        "slope": found.slope_rms,
        "singular": found.singular_rms,
        "rows": {
            "bound": row(T * rates.bound, T),
            "radius": row(T * rates.radius, T),
            "typical": row(T * rates.typical, T),
            "rnn": row(float(rival.exact_rms[0]), T),
            "norm": row(float(found.norms[0]), last_norm),
            "carry": row(T * rates.carry, T),
            "direct": row(float(ours.direct_rms[0]), T),
            "exact": row(float(ours.exact_rms[0]), T),
        },
        "last_norm": last_norm,
        "promise": promise(found),
    }


def row(log10: float, lag: int) -> tuple[Fact, Fact]:
    """A survival over some steps: its equal factor a step, and itself."""
    return Fact("a step", log10 / lag, "log10"), Fact(steps_of(lag), log10, "log10")


def promise(found: Derivation) -> str:
    """What the RNN's weights alone allow one to say, and what came of it."""
    T, exact = found.highway.experiment.T, float(found.highway.rnn.exact_rms[0])
    off = T * found.rates.bound - exact
    came = f"{heading(arrives(exact))}"
    if found.verdict == "vanishes":
        less = f", {powers_of_ten(off)} below the bound" if 0.05 < off < math.inf else ""
        return f"γσ₁ is below 1, which proves that this gradient vanishes. {came}{less}."
    if found.verdict == "inconclusive":
        return f"γσ₁ is not below 1, so the bound proves nothing. {came}."
    return f"γρ is above 1: the gradient may explode, and need not. {came}."


def figure(found: Derivation, view: View) -> Figure:
    """Predictions and truth on one scale: the vanilla RNN beside the cell."""
    highway, rates = found.highway, found.rates
    experiment, cell = highway.experiment, CELLS[highway.experiment.cell]
    drawn = highway.told if view.lag == "linear" else highway.lagged
    ours, rival = at_rows(highway.cell, drawn), at_rows(highway.rnn, drawn)
    time = TimeAxis(ours.steps, experiment.T, view.lag)
    lags = experiment.T - ours.steps
    at = np.array([time.position(step) for step in found.norm_steps.tolist()])
    of_rnn = (
        Line("bound", predicted(rates.bound, lags), INK, "dash", 1.5),
        Line("spectral radius", predicted(rates.radius, lags), FAINT_INK, "dot", 3.0),
        Line("typical step", predicted(rates.typical, lags), RNN, "dash", 1.5),
        Line("exact", rival.exact_rms, RNN),
        Line("best direction", found.norms, INK, width=5.0, at=at, dots=True),
    )
    of_cell = (
        Line(f"typical {keeper(cell)}", predicted(rates.carry, lags), INK, "dot", 3.0),
        Line("direct", ours.direct_rms, DIRECT, "dash"),
        Line("exact", ours.exact_rms, EXACT),
    )
    axis = powers((*of_rnn, *of_cell), float(view.floor))
    corner: Corner = "bottom right" if -axis.low >= axis.high else "top right"
    title = heading(cell.TITLE)
    panels = (
        Curves("RNN", "Vanilla RNN: predicted and exact", of_rnn, time, axis, corner),
        Curves("cell", f"{title}: predicted and exact", of_cell, time, axis, corner),
    )
    return Figure(panels, SHEETS, {}, time, None, view.step)


SHEETS: dict[Width, Sheet] = {
    "wide": Sheet(
        1200,
        520,
        {"RNN": Box(64, 34, 594, 466), "cell": Box(654, 34, 1184, 466)},
        {},
        frozenset({"RNN", "cell"}),
    ),
    "narrow": Sheet(
        360,
        780,
        {"RNN": Box(50, 34, 342, 340), "cell": Box(50, 424, 342, 730)},
        {},
        frozenset({"RNN", "cell"}),
    ),
    "preview": Sheet(
        1200,
        630,
        {"RNN": Box(64, 164, 594, 576), "cell": Box(654, 164, 1184, 576)},
        {},
        frozenset({"RNN", "cell"}),
    ),
}
