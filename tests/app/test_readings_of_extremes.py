"""What pages say of extreme experiments: no sentence may contradict the numbers beside it."""

import math
import re
from itertools import product
from typing import Any

import pytest

from app.knobs import Experiment
from app.lenses import LENSES, compare, highway, learn, paths, spectrum, steps, training
from app.lenses.training.words import Told
from app.links import read
from app.reading import ALL, Reading, cancel
from app.view import Focus
from lstm_engine import CELLS, LeftFloat64

EXTREMES: dict[str, dict[str, Any]] = {
    "open": {"b_f": 20.0, "b_i": 20.0},
    "closed": {"b_f": -20.0},
    "strong": {"gain": 10.0, "rnn_gain": 10.0, "init": "normal"},
    "mild": {"gain": 3.0, "init": "normal", "b_f": 5.0},
    "cut": {"gain": 0.0, "rnn_gain": 0.0},
    "loud": {"amplitude": 100.0, "init": "normal"},
    "silent": {"signal": "zeros", "init": "pytorch", "b_f": 0.0},
    "dead": {"act": "relu", "rnn_init": "identity", "amplitude": 100.0},
}
RUNS = [
    pytest.param(Experiment(cell=cell, T=T, H=H, D=2, seed=seed, **knobs), id=f"{cell}-{name}-{H}")
    for (cell, (name, knobs)), (T, H, seed) in product(
        product(CELLS, EXTREMES.items()), ((60, 1, 1), (40, 3, 2))
    )
]
NO_NUMBER = re.compile(r"\b(nan|inf)\b|−∞ |-inf|None|more than more than|only it|only nothing")


def of(lens: Any, experiment: Experiment, focus: Focus | None = None) -> tuple[Any, Reading]:
    try:
        found = lens.compute(experiment, focus or Focus())
    except LeftFloat64:
        pytest.skip("the page refuses it")
    reading = lens.reading(found)
    for sentence in (reading.headline, *reading.warnings):
        assert not NO_NUMBER.search(sentence), sentence
        assert not re.search(r"\d of its \d|keeps [\d,.]+-fold|  ", sentence), sentence
    return found, reading


@pytest.mark.parametrize("experiment", RUNS)
def test_the_highway_says_who_brings_what_as_the_numbers_have_it(experiment: Experiment) -> None:
    found, reading = of(highway, experiment)
    says, cell = reading.headline, found.cell
    exact, direct, share = (float(of_[0]) for of_ in (cell.exact_rms, cell.direct_rms, cell.share))
    detours, rnn = float(cell.detours_rms[0]), float(found.rnn.exact_rms[0])
    assert ("Nothing arrives" in says) == (exact == -math.inf == direct)
    assert ("grow" in says.partition(". ")[0]) == (exact >= ALL or rnn >= ALL)
    if "both bring their part" in says:
        assert 0.1 <= share < 0.9 and exact >= direct - 0.5 and exact >= detours - 1.5
    assert ("cancel" in says) == cancel(exact, direct, share)
    if "came along the highway" in says:
        assert share >= 0.9 and abs(exact - direct) < 0.1
    if "came by detours" in says:
        assert share < 0.1 and abs(exact - detours) < 0.1
    if "make it" in says:
        assert exact >= ALL and detours > direct


@pytest.mark.parametrize("experiment", RUNS[::2])
def test_paths_and_the_article_do_too(experiment: Experiment) -> None:
    found, reading = of(paths, experiment)
    survival = found.survival
    exact, direct, share = (
        float(of_[0]) for of_ in (survival.exact_rms, survival.direct_rms, survival.share)
    )
    if "only road" not in reading.headline:
        assert ("the two cancel" in reading.headline) == cancel(exact, direct, share)
    if "all the way" in reading.headline:
        assert not (survival.share < 0.5).any()
    of(learn, experiment)


@pytest.mark.parametrize("experiment", RUNS[1::4])
def test_every_other_lens_has_no_number_that_is_none(experiment: Experiment) -> None:
    for lens in ("horizon", "gates", "steps", "spectrum"):
        of(LENSES[lens], experiment)
    of(compare, experiment, Focus(vs_b_f=-5.0))
    of(compare, experiment, Focus(vs_gain=0.0, vs_rnn_gain=0.0))


def test_where_highway_and_detours_cancel_it_is_said() -> None:
    asked = read(b"v=1&T=60&H=1&D=3&init=normal&seed=1", with_view=True)
    found, reading = of(highway, asked.experiment)
    assert found.cell.exact_rms[0] < found.cell.direct_rms[0] - 0.5
    assert "they cancel" in reading.headline and "both bring" not in reading.headline
    assert "the two cancel" in of(paths, asked.experiment)[1].headline
    _, compared = of(compare, asked.experiment, Focus(vs_b_f=5.0))
    assert "carry and detours cancel" in compared.headline


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (0.5, "loses 50% of what guessing does"),
        (0.9, "still guesses"),
        (1.1, "still guesses"),
        (3.0, "loses 3 times as much as guessing does"),
        (1.7e129, "has diverged: it loses 1.7 × 10¹²⁹ times as much as guessing does"),
    ],
)
def test_a_loss_is_called_what_it_is(times: float, said: str) -> None:
    told = object.__new__(Told)
    told.over, told.end, told.of_guessing = False, "", times
    assert told.does.replace("\N{NO-BREAK SPACE}", " ") == said


def test_a_loss_far_above_guessing_does_not_guess() -> None:
    query = b"v=1&T=10&H=4&act=relu&optimiser=sgd&rate=10&clip=0&batch=8&updates=50"
    asked = read(query, with_view=True)
    found = training.compute(asked.experiment, asked.focus)
    rnn = found.rnn.curve("loss")
    assert rnn[-1] > 1e6 or found.rnn.end
    says = training.reading(found).headline
    assert "the vanilla RNN has diverged" in says or "the vanilla RNN diverged" in says


def test_a_bound_just_below_all_is_told_as_a_number() -> None:
    query = b"v=1&rnn_init=identity&rnn_gain=0.999&T=5&H=3"
    asked = read(query, with_view=True)
    _, reading = of(spectrum, asked.experiment)
    assert "no step can keep more than 99.9% of it" in reading.headline


def test_a_carry_above_one_carries_so_many_times() -> None:
    assert steps.part_of(1.2) == "1.2 times"
    assert steps.part_of(0.72) == "72% of" and steps.part_of(0.0) == "nothing of"
    assert steps.part_of(-1.5) == "−1.5 times"
