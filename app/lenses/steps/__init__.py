"""The steps lens: the arithmetic of single steps, and checks that need no formula of a gradient."""

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.drawing.figure import Figure, ten_to
from app.knobs import Experiment
from app.lenses.highway import steps_told
from app.lenses.steps import figures as steps_figure
from app.lenses.steps.arithmetic import TIMES, bracketed, line, number
from app.lenses.steps.computed import (
    RIVAL,
    Found,
    Gate,
    Window,
    checked,
    looked_at,
    of_the_textbook,
    two_states,
)
from app.networks import networks
from app.nulls import csv_field
from app.reading import ALL, Fact, Reading, chaotic, fate, heading, kept, mantissa, steps_of, told
from app.view import Focus, View
from lstm_engine import CELLS, Cell, Check, Estimate, Rnn, chaos
from lstm_engine.survival import log10_rms

TITLE = "Steps"
QUESTION = "What happens in one step?"
KEYS = ("unit", "t", "draw", "worked")
SHEETS = steps_figure.SHEETS

CHECKED = 20  # steps that a check goes over: it runs forward again six times

NULLS = {
    ("checks.*.value", "nan"): "undefined: the method cannot tell, see its reason",
    ("checks.*", "nan"): "undefined: the method cannot tell, or the chain rule has 0",
}


def compute(experiment: Experiment, focus: Focus) -> Found:
    """A few steps in full, the run around them, and the checks.

    Raises:
        lstm_engine.LeftFloat64: a state is no float64 any more.
    """
    if focus.worked == "textbook":
        return of_the_textbook(experiment, focus)
    cell, rnn, T = CELLS[experiment.cell], Rnn(experiment.act), experiment.T
    weights, rnn_weights, x = networks(experiment)
    states = cell.forward(weights, x)
    last = min(max(T if focus.t is None else focus.t, 1), T)
    window, run = looked_at(cell, states, weights, x, last, steps_told(T))
    over = min(CHECKED, last), min(CHECKED, T)
    both = {
        "cell": (cell, states, weights),
        "rnn": (rnn, rnn.forward(rnn_weights, x), rnn_weights),
    }
    checks = {name: checked(*network, x, last, over, focus.draw) for name, network in both.items()}
    amplification = {
        network.TITLE: chaos.log10_amplification(here.h, network.forward(chaos.nudged(drawn), x).h)
        for network, here, drawn in both.values()
    }
    return Found(experiment, focus, window, run, checks, over, amplification)


def answer(found: Found) -> dict[str, Any]:
    """What ``/api/steps`` tells: all units at the steps of the window."""
    window = found.window
    gates_told = {
        api_name(window.cell, letter): {
            name: part
            for name, part in gate._asdict().items()
            if part is not None and name != "does"
        }
        for letter, gate in window.gates.items()
    }
    return {
        "worked": found.focus.worked,
        "t": np.arange(window.first, window.last + 1),
        "gates": gates_told,
        "values": {api_name(window.cell, name): v for name, v in window.values.items()},
        "gradient": {
            "t": np.arange(window.first - 1, window.last + 1),
            "log10_direct": window.log10_direct,
            "log10_exact": window.log10_exact,
        },
        "checks": {
            name: {what: check_told(check) for what, check in both.items()}
            for name, both in found.checks.items()
        },
        "checked_steps": {"states": found.checked[0], "weights": found.checked[1]},
    }


def api_name(cell: Cell, name: str) -> str:
    """A letter as programs write it: c[t−1] is c_before, f′ is f_normalised.

    The r of a cell with c and h is the slope of its output, `read_out`; a GRU's is its reset gate.
    """
    plain = name.replace("[t−1]", "_before").replace("[t]", "").replace("′", "_normalised")
    return "read_out" if plain == "r" and two_states(cell) else plain


def check_told(check: Check) -> dict[str, Any]:
    """A check without its Nones: what is not known is nan, null in JSON."""
    methods = {"central": check.central, "complex_step": check.complex_step}
    return {
        "analytic": check.analytic,
        "log10_analytic": check.log10_analytic,
        **{name: estimate_told(estimate) for name, estimate in methods.items()},
        "kinks": check.kinks,
    }


def estimate_told(estimate: Estimate) -> dict[str, Any]:
    """One method's value, its error, the error that its limits explain, why there is none."""
    numbers_told = ("value", "error", "expected")
    known = {name: getattr(estimate, name) for name in numbers_told}
    told_of = {name: math.nan if value is None else value for name, value in known.items()}
    return {**told_of, "reason": estimate.reason or ""}


def table(found: Found) -> Iterator[str]:
    """The lines of ``/api/steps.csv``: one unit at one step of the window each."""
    window = found.window
    columns = [*window.values.values(), window.log10_direct[1:], window.log10_exact[1:]]
    names = (api_name(window.cell, name) for name in window.values)
    yield ",".join(["t", "unit", *names, "log10_direct", "log10_exact"])
    for row in range(window.last - window.first + 1):
        for unit, values in enumerate(zip(*(c[row].tolist() for c in columns), strict=True)):
            written = map(csv_field, values)
            yield f"{window.first + row},{unit},{','.join(written)}"


def reading(found: Found) -> Reading:
    """What the last step of the window does, what the window keeps, what the checks say."""
    if found.focus.worked == "textbook":
        return reading_of_the_textbook(found)
    window, name = found.window, found.window.cell.TITLE
    direct, exact = (float(log10_rms(at)[0]) for at in (window.log10_direct, window.log10_exact))
    over = steps_of(window.last - window.first + 1)
    carried, written = (median(window, which) for which in ("carry", writes(window.cell)))
    headline = (
        f"At step {window.last:,} the {name} carries {part_of(carried)} its old state on and "
        f"writes {part_of(written)} its candidate (median unit). "
        f"Back through {over}, the carry alone {fate(direct)}; on every path the gradient "
        f"{fate(exact)}."
    )
    facts = (
        Fact(f"Carry at step {window.last}, median unit", carried, "of 1"),
        Fact(f"Written at step {window.last}, median unit", written, "of 1"),
        Fact(f"The carry alone (direct) over {over}, rms over units", direct, "log10"),
        Fact(f"Every path (exact) over {over}, rms over units", exact, "log10"),
        *facts_of_checks(found),
    )
    return Reading(headline, facts, warnings(found))


def share_told(value: float) -> str:
    """A factor as one says it: 72%, nothing, −3%."""
    return ("−" if value < 0 else "") + kept(math.log10(abs(value)) if value else -math.inf)


def part_of(value: float) -> str:
    """A factor of something: 72% of, 1.2 times."""
    grows = value and math.log10(abs(value)) >= ALL
    return f"{share_told(value)} {'times' if grows else 'of'}"


def median(window: Window, name: str) -> float:
    """The median unit's value at the window's last step."""
    if name.startswith("1−"):
        return 1.0 - median(window, name[2:])
    return float(np.median(window.values[name][-1]))


def writes(cell: Cell) -> str:
    """What of a cell decides how much of the candidate is written."""
    return {"gru": "1−z", "minlstm": "i′", "mingru": "1−f"}.get(cell.NAME, "i")


def facts_of_checks(found: Found) -> Iterator[Fact]:
    """How far the methods of each check lie from the chain rule."""
    titles = {"cell": heading(found.window.cell.TITLE), "rnn": "Vanilla RNN"}
    for name, both in found.checks.items():
        for what, check in both.items():
            for method in ("central", "complex_step"):
                error = getattr(check, method).error
                if error is not None:
                    name_of = "central difference" if method == "central" else "complex step"
                    label = f"{titles[name]}, gradient by the {what}: {name_of} off by"
                    yield Fact(label, error, "relative")


def reading_of_the_textbook(found: Found) -> Reading:
    """The worked example in a sentence."""
    c, kept_of = found.window.values["c[t]"][:, 0], 10 ** found.window.log10_direct[:, 0]
    rival = found.run.rival
    assert rival is not None
    alone = 10 ** float(rival[1])
    headline = (
        f"By hand, in three steps the cell holds {number(c[0])}, then {number(c[1])}, then "
        f"{number(c[2])}. Of a gradient at c₃ the carry brings {number(kept_of[1])} to c₁; a "
        f"recurrent weight of {RIVAL} alone would bring {number(alone)}."
    )
    facts = (
        *(Fact(f"c after step {t}", float(value), "") for t, value in enumerate(c, 1)),
        Fact("Carry from c₃ back to c₁, 0.8 ⋅ 0.5", float(kept_of[1]), "of 1"),
        Fact(f"A recurrent weight of {RIVAL} alone, two steps", alone, "of 1"),
    )
    return Reading(headline, facts)


def warnings(found: Found) -> tuple[str, ...]:
    """What was asked for and is not there."""
    T, asked, said = found.experiment.T, found.focus.t, []
    if asked is not None and asked > T:
        said.append(f"There is no step {asked:,}: the last one, {T:,}, is looked at.")
    if asked == 0:
        said.append("No step leads to step 0: step 1 is looked at.")
    if reached := int(found.run.survival.steps[0]):
        said.append(
            f"The curve of the gradient ends at step {reached:,}: the way back from there to "
            "step 0 would take too long."
        )
    said += chaotic(found.amplification, T)
    return tuple(said)


def numbers(found: Found, view: View) -> dict[str, Any]:
    """One unit's arithmetic, line by line, and the checks."""
    window, H = found.window, found.window.log10_direct.shape[1]
    unit = view.unit if view.unit is not None and view.unit < H else 0
    values = [
        {name: float(of[row, unit]) for name, of in window.values.items()}
        for row in range(window.last - window.first + 1)
    ]
    arithmetic, last, end = window.arithmetic, values[-1], window.last
    states = [f for f in arithmetic.forward if f.name in ("c[t]", "h[t]")]
    return {
        "worked": found.focus.worked,
        "title": heading(window.cell.TITLE),
        "one_unit": unit,
        "missing": view.unit if view.unit is not None and view.unit != unit else None,
        "first": window.first,
        "end": end,
        "length": found.run.T,
        "before": before(window, values[0]),
        "gates": [gate_told(name, gate, unit) for name, gate in window.gates.items()],
        "full": [
            [line(formula, last, end) for formula in formulas]
            for formulas in (arithmetic.forward, arithmetic.back, arithmetic.slopes)
        ],
        "forward": [
            (t, [line(formula, own, t) for formula in states])
            for t, own in enumerate(values, window.first)
        ],
        "backward": list(backward(window, values, unit)),
        "state": "c" if "o" in window.cell.GATES else "h",
        "units": [n for n in (unit - 1, unit + 1) if 0 <= n < H],
        "ends": [n for n in (end - 1, end + 1) if 1 <= n <= found.run.T],
        "checks": list(check_rows(found)),
        "checked": found.checked,
        "next_draw": (found.focus.draw + 1) % 2**32,
        "rival": RIVAL,
    }


def before(window: Window, first: dict[str, float]) -> dict[str, str]:
    """What the steps before the window have left behind: how many they are, c and h."""
    names = ("c", "h") if two_states(window.cell) else ("h",)
    left = {name: number(first[f"{name}[t−1]"]) for name in names if f"{name}[t−1]" in first}
    return {"steps": steps_of(window.first - 1), **left}


def gate_told(name: str, gate: Gate, unit: int) -> dict[str, Any]:
    """What one gate adds up at the window's last step."""
    parts = ("from_input", "from_h", "bias", "from_c", "sum", "value")
    told_of = {
        part: None if of is None else number(float(of[-1, unit]))
        for part, of in ((part, getattr(gate, part)) for part in parts)
    }
    return {"name": name, "does": gate.does, **told_of}


def backward(
    window: Window, values: list[dict[str, float]], unit: int
) -> Iterator[tuple[int, str, str, str]]:
    """From the window's end back: the step reached, the carries, their product, every path."""
    carries = [own["carry"] for own in values]
    for t in range(window.last - 1, window.first - 2, -1):
        row = t - (window.first - 1)
        crossed = carries[row:][::-1]
        sign = "−" if math.prod(map(np.sign, crossed)) < 0 else ""
        direct, exact = (
            told(Fact("", float(at[row, unit]), "log10"))
            for at in (window.log10_direct, window.log10_exact)
        )
        yield t, TIMES.join(bracketed(number(carry)) for carry in crossed), sign + direct, exact


def check_rows(found: Found) -> Iterator[dict[str, Any]]:
    """One row for each gradient that is checked."""
    titles = {"cell": heading(found.window.cell.TITLE), "rnn": "Vanilla RNN"}
    for name, both in found.checks.items():
        for what, check in both.items():
            yield {
                "network": titles[name],
                "what": what,
                "analytic": analytic_told(check),
                "methods": [method_told(check.central), method_told(check.complex_step)],
            }


def analytic_told(check: Check) -> str:
    """The chain rule's number, beyond the ends of float64 too."""
    beyond = check.analytic == 0.0 and check.log10_analytic > -math.inf
    if beyond or math.isinf(check.analytic):
        return ("−" if check.analytic < 0 else "") + mantissa(check.log10_analytic)
    return digits(check.analytic)


def method_told(estimate: Estimate) -> tuple[str, str]:
    """A method's number and how far it is off; where it cannot tell, why."""
    if estimate.value is None:
        return "cannot tell", powers_raised(estimate.reason or "")
    if estimate.error is None:
        return digits(estimate.value), "the chain rule has 0"
    if estimate.error == 0.0:
        return digits(estimate.value), "no difference"
    return digits(estimate.value), f"off by {mantissa(math.log10(estimate.error))}"


def digits(value: float) -> str:
    """A number to ten digits: as many as let one see where two begin to differ."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.10g}".replace("-", "−")
    of, power = f"{value:.9e}".split("e")
    return f"{of}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{ten_to(int(power))}".replace("-", "−")


def powers_raised(words: str) -> str:
    """2e-14 within a sentence as one writes it."""
    return re.sub(
        r"(\d+)e([+-]\d+)",
        lambda found: f"{found[1]}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{ten_to(int(found[2]))}",
        words,
    )


def figure(found: Found, view: View) -> Figure:
    """One unit over the whole run, the window marked, and the states of all units beside it."""
    return steps_figure.figure(found, view)
