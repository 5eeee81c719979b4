"""The spectrum lens: what the steps do to directions, and what the RNN's weights alone promise."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.drawing.figure import Figure
from app.knobs import Experiment
from app.lenses.spectrum import figures as spectrum_figure
from app.lenses.spectrum.computed import Directions, Spectrum, directions, steps_settled, steps_told
from app.lenses.spectrum.figures import framed
from app.networks import networks
from app.nulls import csv_field
from app.reading import ALL, Fact, Reading, chaotic, fate, fates, heading, kept, steps_of, told
from app.view import Focus, View
from lstm_engine import (
    CELLS,
    Rnn,
    largest_singular_value,
    pascanu_bound,
    spectral_radius,
    verdict,
)
from lstm_engine.bounds import STEEPEST

TITLE = "Spectrum"
QUESTION = "Which directions survive?"
KEYS = ("t", "first", "floor", "lag", "step")
SHEETS = spectrum_figure.SHEETS
ZERO = 1e-6  # an exponent that is none: a factor of e in a million steps
NEAR = 3.0  # decades: a thousandth of the best direction

NULLS = {
    ("*.log10_directions", "nan"): "undefined: too small beside the largest to be known",
    ("*.lyapunov*", "-inf"): "minus infinity: a direction is lost exactly",
    ("*.lyapunov*", "nan"): "undefined: rounding in a saturated network, not known",
}


def compute(experiment: Experiment, focus: Focus) -> Spectrum:
    """Both networks' singular values, eigenvalues and exponents, and the bound from weights alone.

    Raises:
        lstm_engine.LeftFloat64: a state is no float64 any more.
    """
    cell, rnn, T = CELLS[experiment.cell], Rnn(experiment.act), experiment.T
    weights, rnn_weights, inputs = networks(experiment)
    steps, settled = steps_told(T, experiment.H), steps_settled(T, experiment.H, focus.first)
    # Where a link says from where to count, directions turn from the very first step on.
    exponents_at = int(steps[0]) + 1 if focus.first is None else 1, settled
    step = min(max(T if focus.t is None else focus.t, 1), T)
    return Spectrum(
        experiment,
        focus.t,
        focus.first,
        step,
        steps,
        settled,
        int(settled[0]),
        directions(cell, weights, inputs, steps, exponents_at, step),
        directions(rnn, rnn_weights, inputs, steps, exponents_at, step),
        pascanu_bound(rnn, rnn_weights, T - steps),
        STEEPEST[rnn.act],
        largest_singular_value(rnn_weights.weight_hh),
        spectral_radius(rnn_weights.weight_hh),
        verdict(rnn, rnn_weights),
    )


def answer(spectrum: Spectrum) -> dict[str, Any]:
    """What ``/api/spectrum`` tells; `unknown` counts, for each step, the directions that are null
    because they are too small beside the best one to be known, and not because they are zero.

    Of the Lyapunov exponents the first `lyapunov_known` are known; a null among those is −∞."""
    bound = {
        "log10_bound": spectrum.log10_bound,
        "steepest_slope": spectrum.steepest,
        "largest_singular_value": spectrum.largest,
        "spectral_radius": spectrum.radius,
        "verdict": spectrum.verdict,
    }
    return {
        "t": spectrum.steps,
        "eigenvalues_of_step": spectrum.step,
        "settled": spectrum.settled,
        "lyapunov_first": spectrum.first,
        "cell": {"name": spectrum.experiment.cell, **network(spectrum.cell)},
        "rnn": {**network(spectrum.rnn), **bound},
    }


def network(found: Directions) -> dict[str, Any]:
    """One network's part of the answer."""
    return {
        "log10_norm": found.log10_kept[:, 0],
        "log10_directions": found.log10_kept,
        "unknown": np.isnan(found.log10_kept).sum(axis=1),
        "eigenvalues": {"real": found.eigenvalues.real, "imag": found.eigenvalues.imag},
        "lyapunov": found.exponents,
        "lyapunov_settling": found.settling,
        "lyapunov_known": int((~np.isnan(found.exponents)).sum()),
        "lyapunov_second_half": found.second_half,
        "lyapunov_settled": found.settled,
    }


def table(spectrum: Spectrum) -> Iterator[str]:
    """The lines of ``/api/spectrum.csv``: empty is zero, or too small to be known."""
    yield "t,direction,cell_log10,rnn_log10"
    for row, t in enumerate(spectrum.steps.tolist()):
        pairs = zip(
            spectrum.cell.log10_kept[row].tolist(),
            spectrum.rnn.log10_kept[row].tolist(),
            strict=True,
        )
        for rank, values in enumerate(pairs, 1):
            written = map(csv_field, values)
            yield f"{t},{rank},{','.join(written)}"


def reading(spectrum: Spectrum) -> Reading:
    """What the figure shows: how much the best directions keep, and what the bound is worth."""
    cell, rnn, T = spectrum.cell, spectrum.rnn, spectrum.experiment.T
    ours, theirs = float(cell.log10_kept[0, 0]), float(rnn.log10_kept[0, 0])
    back = (
        steps_of(spectrum.lag) if spectrum.lag == T else f"the last {spectrum.lag:,} of {T:,} steps"
    )
    headline = (
        f"Sent back {back} in time, the best direction {fates(cell.title, ours, theirs)}. "
        f"{promise(spectrum)}"
    )
    name, H = heading(cell.title), spectrum.experiment.H
    facts = (
        Fact(f"{name}, best direction (spectral norm)", ours, "log10"),
        Fact(f"{name}, direct path, best unit (spectral norm)", cell.log10_direct, "log10"),
        Fact("Vanilla RNN, best direction (spectral norm)", theirs, "log10"),
        Fact("Vanilla RNN, bound on its best direction", float(spectrum.log10_bound[0]), "log10"),
        Fact(f"{name}, directions within a thousandth of the best", near(cell), f"of {H}"),
        Fact("Vanilla RNN, directions within a thousandth of the best", near(rnn), f"of {H}"),
        *(
            Fact(
                f"{heading(n.title)}, largest Lyapunov exponent{unsettled(n)}",
                float(n.exponents[0]),
                "ln a step",
            )
            for n in (cell, rnn)
            if math.isfinite(n.exponents[0])
        ),
        *(
            Fact(
                f"{heading(n.title)}, largest |eigenvalue| of step {spectrum.step}", largest(n), ""
            )
            for n in (cell, rnn)
        ),
    )
    return Reading(headline, facts, warnings(spectrum))


def unsettled(found: Directions) -> str:
    """What a fact adds to the name of an exponent that has not settled."""
    return "" if found.settled[0] else ", not settled"


def near(found: Directions) -> float:
    """How many directions keep at least a thousandth of what the best one keeps."""
    kept_of = found.log10_kept[0]
    if kept_of[0] == -math.inf:
        return 0.0
    return float((kept_of >= kept_of[0] - NEAR).sum())


def largest(found: Directions) -> float:
    """The spectral radius of one step."""
    return float(np.abs(found.eigenvalues[0]))


def promise(spectrum: Spectrum) -> str:
    """The verdict on the RNN's weights as a sentence."""
    if spectrum.largest == 0.0:
        return "The RNN's recurrent weights are all zero, so nothing goes back a single step."
    if spectrum.verdict == "vanishes":
        # Added as logarithms, for the product may be too small for float64.
        log10 = math.log10(spectrum.steepest) + math.log10(spectrum.largest)
        most = kept(log10) if log10 < math.log10(0.99) else f"{100 * 10**log10:.6g}%"
        return (
            "The RNN's weights alone prove that its gradient vanishes: no step can keep more than "
            f"{most} of it."
        )
    if spectrum.verdict == "inconclusive":
        return (
            "The RNN's weights alone prove neither that its gradient vanishes nor that it explodes."
        )
    return (
        "The RNN's weights allow its gradient to explode; whether it does, the slopes on its way "
        "decide."
    )


def warnings(spectrum: Spectrum) -> tuple[str, ...]:
    """What was asked for and is not there, what was left out."""
    T, asked, found = spectrum.experiment.T, spectrum.asked, []
    if asked is not None and asked > T:
        found.append(
            f"There is no step {asked:,}: the eigenvalues are those of the last step, {T:,}."
        )
    if asked == 0:
        found.append("No step leads to step 0: the eigenvalues are those of step 1.")
    if spectrum.lag < T:
        found.append(
            f"Only the last {spectrum.lag:,} of {T:,} steps are looked at, back to step "
            f"{T - spectrum.lag:,}: all of them would take too long."
        )
    if spectrum.first_asked not in (None, spectrum.first):
        found.append(
            f"There is no step {spectrum.first_asked:,}: exponents are counted from the last step, "
            f"{T:,}."
        )
    networks = (spectrum.cell, spectrum.rnn)
    found += filter(None, (against_the_norm(spectrum, n) for n in networks))
    found += chaotic({n.title: n.log10_amplification for n in networks}, T)
    return tuple(found)


def against_the_norm(spectrum: Spectrum, found: Directions) -> str:
    """Why the best direction may grow while the largest exponent is negative, or the reverse."""
    norm, exponent = float(found.log10_kept[0, 0]), float(found.exponents[0])
    if not (math.isfinite(norm) and math.isfinite(exponent)):
        return ""
    grows, shrinks = norm >= ALL, norm <= -ALL
    if not ((grows and exponent < -ZERO) or (shrinks and exponent > ZERO)):
        return ""
    return (
        f"Over {steps_of(spectrum.lag)} the best direction of the {found.title}’s gradient "
        f"{fate(norm)}, and yet its largest Lyapunov exponent, {number(exponent)}, is "
        f"{'negative' if grows else 'positive'}. The first is the most that any direction keeps "
        "on the way back; the second is the mean growth of one difference between two states, "
        "which is not the best one. Only over many more steps must the two agree."
    )


def numbers(spectrum: Spectrum, view: View) -> dict[str, Any]:
    """The tables beside the figure."""
    cell, rnn = spectrum.cell, spectrum.rnn
    sigma, rho = spectrum.steepest * spectrum.largest, spectrum.steepest * spectrum.radius
    T = spectrum.experiment.T
    return {
        "cell": heading(cell.title),
        "act": spectrum.experiment.act,
        "verdict": spectrum.verdict,
        "weights": [
            (sign, words, number(value))
            for sign, words, value in (
                ("γ", f"the steepest slope of {spectrum.experiment.act}", spectrum.steepest),
                (
                    "σ₁",
                    "the most that the recurrent weights stretch any direction",
                    spectrum.largest,
                ),
                ("γσ₁", "the most that one step can keep", sigma),
                ("ρ", "the largest eigenvalue of the recurrent weights, by size", spectrum.radius),
                ("γρ", "what a step keeps in the long run, if all slopes are steepest", rho),
            )
        ],
        "lag": steps_of(spectrum.lag),
        "bound": told(Fact("", float(spectrum.log10_bound[0]), "log10")),
        "norm": told(Fact("", float(rnn.log10_kept[0, 0]), "log10")),
        "exponents": [
            (rank, *ours, *theirs)
            for rank, (ours, theirs) in enumerate(zip(rates(cell), rates(rnn), strict=True), 1)
        ],
        "counted": steps_of(cell.counted),
        "counted_from": spectrum.first,
        "steps": T,
        "first_asked": spectrum.first_asked,
        "unsettled": not (cell.settled.all() and rnn.settled.all()),
        "step": spectrum.step,
        "eigenvalues": [(heading(n.title), *in_the_plane(n)) for n in (cell, rnn)],
        "other_steps": sorted({1, max(1, T // 4), max(1, T // 2), max(1, 3 * T // 4), T}),
        "left_out": left_out(spectrum),
    }


def number(value: float) -> str:
    """A plain number as the page writes it."""
    return "−∞" if value == -math.inf else told(Fact("", value, ""))


def rates(found: Directions) -> Iterator[tuple[str, str]]:
    """The exponents, and what each means."""
    parts = (found.exponents, found.second_half, found.settled)
    for exponent, half, settled in zip(*(part.tolist() for part in parts), strict=True):
        if settled or math.isnan(exponent):
            yield rate(exponent)
        elif math.isnan(half):
            yield number(exponent), "of a single step"
        else:
            yield number(exponent), f"not settled: {number(half)} in the second half"


def rate(exponent: float) -> tuple[str, str]:
    """An exponent, and what it means for a difference between two states."""
    if math.isnan(exponent):
        return "–", "not known: smaller than the rounding of the larger ones"
    if exponent == -math.inf:
        return "−∞", "is lost exactly"
    if abs(exponent) < ZERO:
        return number(exponent), "stays"
    becomes = "halves" if exponent < 0 else "doubles"
    return number(exponent), f"{becomes} every {math.log(2) / abs(exponent):,.3g} steps"


def in_the_plane(found: Directions) -> tuple[str, int, int, int]:
    """The largest modulus, how many there are, outside the circle, outside the drawing."""
    values = found.eigenvalues
    outside = int((np.abs(values) > 1 + 1e-9).sum())
    return number(largest(found)), len(values), outside, int((~framed(values)).sum())


def left_out(spectrum: Spectrum) -> list[str]:
    """What the budget or float64 left out, in sentences."""
    found, n = [], len(spectrum.cell.eigenvalues)
    if len(spectrum.steps) <= spectrum.lag:
        count = f"{len(spectrum.steps)} of {spectrum.lag + 1:,}"
        found.append(
            f"Norms and directions are worked out at {count} steps, dense towards the end."
        )
    if len(spectrum.cell.exponents) < n:
        m, name = len(spectrum.cell.exponents), heading(spectrum.cell.title)
        found.append(f"Of the {name}'s {n} Lyapunov exponents the largest {m} are told.")
    if any(np.isnan(network.log10_kept).any() for network in (spectrum.cell, spectrum.rnn)):
        found.append(
            "A direction's line ends where it keeps less than 10⁻¹⁰ of what the best one keeps: "
            "there, float64 cannot tell it from the rounding of the best."
        )
    return found


def figure(spectrum: Spectrum, view: View) -> Figure:
    """Norms with their bound, directions of both networks, one step's eigenvalues, exponents."""
    return spectrum_figure.figure(spectrum, view)
