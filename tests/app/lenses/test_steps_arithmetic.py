"""Formulas: each one gives the engine's number, in letters, in numbers and aloud."""

import re

import numpy as np
import pytest

from app.knobs import Experiment
from app.lenses.steps import computed as stepping
from app.lenses.steps.arithmetic import (
    ARITHMETIC,
    KEPT,
    OLD_AND_NEW,
    READ_OUT,
    Formula,
    line,
    names_in,
    number,
)
from app.networks import networks
from lstm_engine import CELLS


def worked_out(formula: Formula, values: dict[str, float]) -> float:
    """A formula as Python works it out."""
    written = formula.of.replace("⋅", "*").replace("−", "-").replace("²", "**2")
    names = {name.replace("−", "-"): n for n, name in enumerate(values)}
    for name in sorted(names, key=len, reverse=True):
        pattern = rf"(?<![A-Za-z\"]){re.escape(name)}(?![A-Za-z_′\[])"
        written = re.sub(pattern, f'own["{names[name]}"]', written)
    own = {str(n): value for n, value in enumerate(values.values())}
    return float(eval(written, {"tanh": np.tanh, "own": own}))


@pytest.mark.parametrize("name", CELLS)
def test_every_formula_gives_the_engines_number(name: str) -> None:
    """Of every unit, at steps where no gate is saturated."""
    experiment = Experiment(cell=name, T=9, H=4, D=3, init="normal", b_f=0.5, seed=3)
    cell, (weights, _, x) = CELLS[name], networks(experiment)
    states = cell.forward(weights, x)
    values = stepping.values_of(cell, states, weights, 4, 9)
    formulas = [f for part in vars(ARITHMETIC[name]).values() for f in part]
    assert {"h[t]", "carry"} <= {formula.name for formula in formulas}
    for formula in formulas:
        for row in range(6):
            for unit in range(4):
                own = {key: float(of[row, unit]) for key, of in values.items()}
                assert worked_out(formula, own) == pytest.approx(own[formula.name], rel=1e-9), (
                    formula
                )


@pytest.mark.parametrize("name", CELLS)
def test_every_letter_of_a_formula_has_a_value_and_every_slope_a_formula(name: str) -> None:
    experiment = Experiment(cell=name, T=3, H=2, D=2)
    cell, (weights, _, x) = CELLS[name], networks(experiment)
    values = stepping.values_of(cell, cell.forward(weights, x), weights, 1, 3)
    formulas = [f for part in vars(ARITHMETIC[name]).values() for f in part]
    used = {letter for f in formulas for letter in (f.name, *names_in(f.of))}
    assert used <= values.keys()
    assert {letter for letter in values if letter.startswith("k_")} <= used


VALUES = {"c[t]": -0.2, "c[t−1]": 0.3, "f": 0.7, "i": 0.4, "g": -1.23456e-5, "o": 0.5, "r": 0.481}


def texts(tokens: object) -> str:
    return "".join(t.text + (f"<{t.below}>" if t.below else "") for t in tokens)  # type: ignore[attr-defined]


def test_a_line_has_letters_with_their_steps_and_numbers_in_their_places() -> None:
    found = line(OLD_AND_NEW, VALUES, 98)
    plain = {
        tokens: texts(tokens).replace("\N{NARROW NO-BREAK SPACE}", "") for tokens in found[1:3]
    }
    assert plain[found.symbols] == "c<98> = f⋅c<97> + i⋅g"
    assert plain[found.numbers] == "0.7⋅0.3 + 0.4⋅(−1.2\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁻⁵)"
    assert found.value == "−0.2"


def test_a_negative_number_has_brackets_within_a_formula_but_not_twice() -> None:
    values = VALUES | {"r": 0.48, "carry": 0.7, "g": -0.5, "k_g": 0.3}
    shown = texts(line(READ_OUT, values, 5).numbers)
    assert shown.endswith("(1 − tanh(−0.2)²)")
    squared = texts(line(Formula("k_g", "1 − g²", ""), values, 5).numbers)
    assert squared == "1 − (−0.5)²"
    first = texts(line(Formula("k_g", "g⋅f", ""), values, 5).numbers)
    assert first.startswith("−0.5")


def test_one_letter_is_not_said_twice_and_a_carry_of_one_is_one() -> None:
    same = line(KEPT, {"carry": 0.7, "f": 0.7}, 3)
    assert (texts(same.symbols), same.numbers, same.value) == ("carry = f", (), "0.7")
    one = line(KEPT._replace(of="1"), {"carry": 1.0}, 3)
    assert (texts(one.symbols), one.numbers, one.value) == ("carry = 1", (), "")


def test_a_line_can_be_said() -> None:
    aloud = line(OLD_AND_NEW, VALUES, 98).aloud
    assert aloud == (
        "c 98 equals f times c 97 plus i times g equals 0.7 times 0.3 plus 0.4 times "
        "(minus 1.2 times 10 to the -5) equals minus 0.2"
    )
    assert "tanh of (c 5) squared" in line(READ_OUT, VALUES | {"r": 0.48}, 5).aloud


def test_numbers_have_four_digits() -> None:
    assert [number(v) for v in (0.123456, -0.5, 0.0, 1.0)] == ["0.1235", "−0.5", "0", "1"]
