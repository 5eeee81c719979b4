"""The gates lens: how open every gate is, how far from saturation, and what it would learn."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from app.drawing.figure import Figure
from app.knobs import GATE_OF, Experiment
from app.lenses.gates import figures as gates_figure
from app.lenses.gates.computed import (
    NORMALISED,
    STEEPEST,
    Array,
    Gate,
    Gates,
    Steps,
    gate_of,
    last_steps,
    step_of,
    trade_of,
)
from app.lenses.highway import steps_told
from app.networks import networks
from app.reading import (
    Fact,
    Reading,
    chaotic,
    heading,
    kept,
    mantissa,
    middle,
    number,
    steps_of,
    told,
)
from app.view import Focus, View
from lstm_engine import CELLS, bptt, chaos, linear_loss
from lstm_engine.gates import LN10

TITLE = "Gates"
QUESTION = "Why does it keep or forget?"
KEYS = ("unit", "step", "order", "floor")
SHEETS = gates_figure.SHEETS
ALMOST_ALL = math.log10(0.99)
MOST_TAUGHT = 2**19  # values of a gate that the backward pass looks at: its steps times H
SET_TO = (("−5", -5.0), ("0", 0.0), ("5", 5.0))

NULLS = {
    (
        "gates.*.log10_gradient.*",
        "nan",
    ): "undefined: before the steps that the backward pass covers",
    ("gates.g.*", "nan"): "undefined: a candidate without ends",
    ("trade_off.half_life", "inf"): "infinite: nothing is lost",
}


def compute(experiment: Experiment, focus: Focus) -> Gates:
    """The engine's part: every number of this lens.

    Raises:
        lstm_engine.errors.LeftFloat64: a state is no float64 any more.
    """
    cell = CELLS[experiment.cell]
    weights, _, inputs = networks(experiment)
    twin = cell.forward(chaos.nudged(weights), inputs).h  # all else of it is let go first
    states = cell.forward(weights, inputs)
    steps = steps_told(experiment.T)[1:]
    taught = min(experiment.T, MOST_TAUGHT // experiment.H)
    loss = linear_loss("last", taught, experiment.H, seed=experiment.seed)
    back = bptt(cell, last_steps(states, taught), weights, inputs[-taught:], loss)
    gates = {}
    for letter, gate in back.gates.items():
        sides = (log10_rms(n, steps, experiment) for n in (gate.log10_after, gate.log10_before))
        gates[letter] = gate_of(cell, states, letter, steps, *sides)
    return Gates(
        experiment,
        steps,
        gates,
        step_of(cell, states, steps),
        trade_of(cell, states),
        states.c[steps],
        states.h[steps],
        np.sqrt(np.square(states.c[steps]).mean(axis=1)),
        np.abs(states.c[steps]).max(axis=1),
        float(np.abs(states.c).max()),
        taught,
        chaos.log10_amplification(states.h, twin),
    )


def log10_rms(log10_norms: Array, steps: Steps, experiment: Experiment) -> Array:
    """Norms over units of the last steps as rms at the steps that are told; nan where not known."""
    row = steps - 1 - (experiment.T - len(log10_norms))
    at = np.where(row >= 0, log10_norms[np.maximum(row, 0)], np.nan)
    return np.asarray(at - 0.5 * math.log10(experiment.H))


def answer(found: Gates) -> dict[str, Any]:
    """What ``/api/gates`` tells; arrays stay arrays, nothing is rounded."""
    own = ("symbol", "name", "value", "mean", "low", "high", "log10_distance", "log10_slope")
    told_of = {
        letter: {name: getattr(gate, name) for name in own}
        | {"log10_gradient": {"after": gate.log10_after, "before": gate.log10_before}}
        for letter, gate in found.gates.items()
    }
    trade = {} if found.trade is None else asdict(found.trade)
    return {
        "t": found.steps,
        "gates": told_of,
        "c": found.c,
        "h": found.h,
        "size": {"rms": found.rms, "largest": found.largest, "peak": found.peak},
        "trade_off": trade,
        "steps_taught": found.taught,
    }


def table(found: Gates) -> Iterator[str]:
    """The lines of ``/api/gates.csv``: one unit at one step each."""
    columns = {gate.symbol.rstrip("'"): gate.value for gate in found.gates.values()}
    columns |= {"c": found.c, "h": found.h}
    yield ",".join(["t", "unit", *columns])
    for row, t in enumerate(found.steps.tolist()):
        of_a_step = zip(*(values[row].tolist() for values in columns.values()), strict=True)
        for unit, values in enumerate(of_a_step):
            yield f"{t},{unit},{','.join(map(repr, values))}"


def reading(found: Gates) -> Reading:
    """What the figure shows, in words and numbers."""
    words = f"{how_it_keeps(found)} {how_it_learns(found)}"
    return Reading(words, tuple(facts(found)), tuple(warnings(found)))


def how_it_keeps(found: Gates) -> str:
    """What a step keeps of the state, and how soon half is gone."""
    if found.trade is None:
        return (
            "Nothing is forgotten: there is no forget gate, so the cell adds up all that it is "
            f"given, and |c| reaches {number(found.peak)} within {steps_of(found.experiment.T)}."
        )
    cell = CELLS[found.experiment.cell]
    gate = ("normalised " if cell.NAME == NORMALISED else "") + found.gates["f"].name
    state = "cell" if found.step.state == "c" else "state"
    log10, half_life = middle(found.trade.log10_kept), middle(found.trade.half_life)
    does = f"keeps {kept(log10)} of the {state}"
    if ALMOST_ALL < log10 < 0:
        does = f"lets go of {kept(math.log10(-math.expm1(log10 * LN10)))} of the {state}"
    said = f"At each step the median unit’s {gate} {does}"
    if not 1.0 <= half_life < math.inf:
        return f"{said}."
    aside = ", peepholes aside," if cell.PEEPHOLES else ""
    steps = "1 step" if number(half_life) == "1" else f"{number(half_life)} steps"
    return f"{said}, so{aside} half is gone from the direct path after {steps}."


def how_it_learns(found: Gates) -> str:
    """What is left of the slope of the gate that keeps, or else of the one that writes."""
    if found.trade is None:
        log10, whose = middle(found.gates["i"].log10_slope), "The slope of its input gate"
    else:
        log10, whose = middle(found.trade.log10_slope), "The gate’s slope"
    size = f"{number(10**log10) if log10 > -3 else mantissa(log10)} of at most {STEEPEST}"
    if log10 >= -1:
        return f"{whose}, {size}, leaves it free to learn."
    if log10 >= -2:
        return f"{whose} has fallen to {size}: it learns slowly."
    return f"{whose} has fallen to {size}: what it does now it will hardly unlearn."


def facts(found: Gates) -> Iterator[Fact]:
    """Each gate's mean, distance and slope; the half-life, the cell's size; what f would learn."""
    sigmoids = {letter: gate for letter, gate in found.gates.items() if letter != "g"}
    for gate in sigmoids.values():
        name = f"{heading(gate.name)} {gate.symbol}"
        yield Fact(f"{name}, mean over time and units", float(gate.mean.mean()), "of 1")
        distance = middle(gate.log10_distance)
        yield Fact(f"{name}, how far from shut or open, median", distance, "log10")
        slope = middle(gate.log10_slope)
        yield Fact(f"{name}, slope (at most {STEEPEST}), median unit", slope, "log10")
    if found.trade is not None and (half_life := middle(found.trade.half_life)) < math.inf:
        yield Fact("Half-life of what the gate keeps, median unit", half_life, "steps")
    yield Fact(f"Largest |{found.step.state}|, any unit and step", found.peak, "")
    gate = sigmoids["f" if "f" in sigmoids else "i"]
    # At step 1 a forget gate multiplies c_0 = 0, which teaches it nothing whatever comes later.
    early = int(np.argmax(found.steps > max(1, found.experiment.T - found.taught)))
    for at in sorted({len(found.steps) - 1, early}, reverse=True):
        name = f"∂L/∂{gate.symbol} at step {found.steps[at]:,}, rms over units"
        if not math.isnan(gate.log10_after[at]):
            yield Fact(name, float(gate.log10_after[at]), "log10")


def warnings(found: Gates) -> Iterator[str]:
    """What to beware of when reading these numbers."""
    T, title = found.experiment.T, CELLS[found.experiment.cell].TITLE
    yield from chaotic({title: found.log10_amplification}, T)
    if found.taught < T:
        yield (
            f"What the gates would learn is told of the last {steps_of(found.taught)} alone: the "
            "rest would cost more memory than a page may take."
        )
    if found.trade is not None and (hidden := int((~found.trade.drawable()).sum())):
        yield (
            f"{of_units(hidden)} a half-life beyond 10³⁰ steps or below 10⁻³⁰; the figure leaves "
            "that out."
        )


def of_units(count: int) -> str:
    """So many units, with their verb."""
    return "1 unit has" if count == 1 else f"{count} units have"


def numbers(found: Gates, view: View) -> dict[str, Any]:
    """The table of gates, of all units or the pinned one, and one step worked out."""
    unit = None if view.unit is None or view.unit >= found.experiment.H else view.unit
    return {
        "pinned": unit,
        "rows": [table_row(letter, gate, unit) for letter, gate in found.gates.items()],
        "bent": not np.isnan(found.gates["g"].low).all(),
        "worked": worked(found, 0 if unit is None else unit, view.step),
    }


def table_row(letter: str, gate: Gate, unit: int | None) -> dict[str, Any]:
    """A gate's row of the table, and the biases that shut and open it."""
    of = slice(None) if unit is None else slice(unit, unit + 1)
    log10 = {
        "distance": middle(gate.log10_distance[of]),
        "slope": middle(gate.log10_slope[of]),
        "after": float(gate.log10_after[-1]),
        "before": float(gate.log10_before[-1]),
    }
    return {
        "letter": letter,
        "name": heading(gate.name),
        "symbol": gate.symbol,
        "mean": told(Fact("", float(f"{gate.mean[of].mean():.3g}"), "")),
        "low": percent(float(gate.low[of].mean())),
        "high": percent(float(gate.high[of].mean())),
        **{name: told(Fact("", value, "log10")) for name, value in log10.items()},
        "key": next(key for key, moved in GATE_OF.items() if moved == letter),
        "biases": () if letter == "g" else SET_TO,
    }


def percent(share: float) -> str:
    """A share as one says it."""
    return "–" if math.isnan(share) else f"{100 * share:.3g}%"


def worked(found: Gates, unit: int, step: int | None) -> dict[str, Any]:
    """One unit's step with its numbers, at the told step that is nearest to the marked one."""
    row = -1 if step is None else int(np.abs(found.steps - step).argmin())
    at, its = (row, unit), found.step
    plain = {
        "keep": its.keep[at],
        "before": its.before[at],
        "write": its.write[at],
        "candidate": found.gates["g"].value[at],
        "after": (found.c if its.state == "c" else found.h)[at],
    }
    return {
        "unit": unit,
        "t": int(found.steps[row]),
        "last": found.experiment.T,
        "state": its.state,
        "keeps": its.keeps,
        "writes": its.writes,
        "candidate": found.gates["g"].symbol,
        "told": {name: told(Fact("", float(value), "")) for name, value in plain.items()},
    }


def figure(found: Gates, view: View) -> Figure:
    """Maps of the gates over maps of the states, over what comes of them."""
    return gates_figure.figure(found, view)
