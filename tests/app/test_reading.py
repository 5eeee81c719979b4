"""The reading: what a figure shows, in words that agree with its numbers."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.lenses.highway import compute, reading
from app.links import read
from app.reading import Fact, fate, fates, heading, kept, mantissa, powers_of_ten, told, unit_told
from app.view import Focus


@pytest.mark.parametrize(
    ("log10", "words"),
    [
        (0.0, "all"),
        (-1e-6, "almost all"),
        (-0.003, "more than 99%"),
        (-0.30103, "50%"),
        (-2.0, "1%"),
        (-3.0, "1.0\u00a0×\u00a010⁻³"),
        (-8.585, "2.6\u00a0×\u00a010⁻⁹"),
        (-30000.3, "5.0\u00a0×\u00a010⁻³⁰⁰⁰¹"),
        (1.0, "10"),
        (2.354, "226"),
        (3.5, "3,162"),
        (40.0, "1.0\u00a0×\u00a010⁴⁰"),
        (-math.inf, "nothing"),
    ],
)
def test_a_survival_is_said_as_one_says_it(log10: float, words: str) -> None:
    assert kept(log10) == words


RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@given(st.floats(-300, 300) | st.floats(-3, 5))
@example(2.9999)
@example(3.5)
def test_what_is_said_is_the_number_to_two_digits(log10: float) -> None:
    text = kept(log10).replace(",", "")
    if "all" in text or "more" in text:
        said = 0.0
    elif text.endswith("%"):
        said = math.log10(float(text[:-1]) / 100)
    elif "×" in text:
        digits, power = re.fullmatch(r"(.+)\u00a0×\u00a010(.+)", text).groups()  # type: ignore[union-attr]
        said = math.log10(float(digits)) + int(power.translate(RAISED))
        assert 1 <= float(digits) < 10
    else:
        said = math.log10(float(text))
    assert said == pytest.approx(log10, abs=0.022)


def test_ten_times_is_carried_into_the_power() -> None:
    assert mantissa(-2.0001) == "1.0\u00a0×\u00a010⁻²"
    assert mantissa(4.9999) == "1.0\u00a0×\u00a010⁵"


def test_a_fate_is_a_verb() -> None:
    assert fate(-math.inf) == "dies out"
    assert fate(-1.0).startswith("keeps") and fate(1.0).startswith("grows")
    assert fates("GRU", -1.0, -2.0) == "keeps 10% of its size in the GRU and 1% in the vanilla RNN"
    assert fates("LSTM", 1.0, -math.inf).count("in the") == 2


def test_a_name_is_capitalised_at_the_start_of_a_line_unless_it_is_written_otherwise() -> None:
    assert [heading(name) for name in ("coupled LSTM", "minLSTM", "GRU")] == [
        "Coupled LSTM",
        "minLSTM",
        "GRU",
    ]


def test_powers_of_ten_are_counted() -> None:
    assert powers_of_ten(1.0) == "a power of ten"
    assert powers_of_ten(3.14) == "3.1 powers of ten"
    assert powers_of_ten(12345.6) == "12,346 powers of ten"


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0, "log10", "1"),
        (-1.0, "log10", "0.1"),
        (-8.585, "log10", "2.6\u00a0×\u00a010⁻⁹"),
        (-math.inf, "log10", "0"),
        (0.5, "of 1", "0.5"),
        (math.nan, "log10", "none"),
        (12345.6, "steps", "12,346"),
        (2.5e7, "steps", "2.5\u00a0×\u00a010⁷"),
        (-1.5, "b_f", "−1.5"),
    ],
)
def test_a_fact_is_told_as_the_number_it_stands_for(value: float, unit: str, words: str) -> None:
    fact = Fact("a number", value, unit)
    assert told(fact) == words
    assert unit_told(fact) == ("" if unit == "log10" else unit)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("T=100&gain=0", "all that arrives came along the highway"),
        ("T=100", "came by detours"),
        ("T=5", "both bring their part"),
        ("T=1&H=2&D=1", "Sent back 1 step in time"),
        ("T=2000&H=2&D=1", "Sent back 2,000 steps in time"),
        ("T=100&gain=0&rnn_gain=0", "dies out in the vanilla RNN"),
        ("T=100&b_f=5&gain=3", "explode"),
    ],
)
def test_the_headline_says_which_road_the_gradient_took(query: str, words: str) -> None:
    experiment, *_ = read(query.encode(), with_view=False)
    assert words in reading(compute(experiment, Focus())).headline


def test_the_facts_are_the_numbers_at_step_0() -> None:
    experiment, *_ = read(b"T=60&H=6&b_f=3", with_view=False)
    found = compute(experiment, Focus())
    values = [fact.value for fact in reading(found).facts]
    for number_ in (
        found.cell.exact_rms[0],
        found.cell.direct_rms[0],
        found.cell.detours_rms[0],
        found.rnn.exact_rms[0],
    ):
        assert float(number_) in values
    (share,) = [fact.value for fact in reading(found).facts if fact.label == "Highway share"]
    assert 10**share == pytest.approx(found.cell.share[0], rel=1e-12)
    (needed,) = [f.value for f in reading(found).facts if f.unit == "b_f"]
    # σ(b)^60 = ½
    assert 60 * math.log(1 / (1 + math.exp(-needed))) == pytest.approx(math.log(0.5), rel=1e-9)


def test_chaos_is_told_in_numbers_and_calm_is_not() -> None:
    wild, *_ = read(b"T=300&H=16&init=normal&gain=10", with_view=False)
    calm, *_ = read(b"T=300&H=16", with_view=False)
    assert any("LSTM is chaotic" in words for words in reading(compute(wild, Focus())).warnings)
    assert reading(compute(calm, Focus())).warnings == ()
