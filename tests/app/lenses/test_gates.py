"""The gates lens: its numbers are the run's own, to the last digit however saturated a gate is."""

import math
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.drawing.figure import Box, Curves, Map, Panel
from app.drawing.pen import Pen
from app.knobs import Experiment
from app.lenses import gates
from app.lenses.gates.computed import Gates, saturation, symbols
from app.lenses.gates.figures import SIZES
from app.links import Asked, read
from app.view import Focus, View
from lstm_engine import CELLS, bptt, linear_loss
from lstm_engine.gates import log_sigmoid_slope, log_tanh_slope
from tests.app.samples import SAMPLES, bodies, drawn

EXTREMES = {
    "shut": "T=60&H=3&b_f=-20&b_i=-20",
    "wide open": "T=60&H=3&b_f=20&b_i=20&b_o=20",
    "exploding": "T=60&H=4&gain=10&init=normal&rnn_gain=10&act=relu",
    "chaotic": "T=300&H=32&gain=10&b_f=5&init=normal",
    "silence": "T=40&H=3&signal=zeros&gain=0",
    "loud": "T=30&H=3&D=64&amplitude=100",
    "deafening": "T=5&H=1&D=64&amplitude=100&init=pytorch&signal=constant",
    "deafening, wide open": "T=5&H=1&D=64&amplitude=100&init=pytorch&signal=constant&seed=8",
    "long": "T=20000&H=8&D=1",
    "a growing cell": "T=400&H=4&cell=lstm-1997&signal=constant&amplitude=10",
}
QUERIES = SAMPLES | EXTREMES
VIEWS = (View(), View(unit=1, step=3, order="survival", floor="-300"), View(unit=200, step=20000))


def found(query: str = "", **knobs: object) -> Gates:
    asked = read(query.encode(), with_view=False) if query else Asked(Experiment(**knobs))
    return gates.compute(asked.experiment, Focus())


def close(ours: object, theirs: object) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_form_can_be_told(query: str) -> None:
    """JSON without nan, NPZ without objects, a table, words, both layouts."""
    asked = read(query.encode(), with_view=True)
    told = bodies("gates", ("json", "npz", "plot"), asked)
    assert all(told.values())
    assert b"NaN" not in told["json"] and b"Infinity" not in told["json"]
    one = gates.compute(asked.experiment, asked.focus)
    lines = list(gates.table(one))
    assert len(lines) == 1 + one.c.size
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    for view in VIEWS:
        assert gates.numbers(one, view)["rows"]
        assert gates.figure(one, view).sheets.keys() == SIZES.keys()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_no_sentence_speaks_in_the_notation_of_programs(query: str) -> None:
    reading = gates.reading(found(query))
    for words in (reading.headline, *reading.warnings, *(fact.label for fact in reading.facts)):
        assert not any(sign in words for sign in ("e+", "e-0", "nan", "inf ", "  ", "--"))
    assert all(not math.isnan(fact.value) and fact.value < math.inf for fact in reading.facts)


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_what_is_told_of_the_gates_is_what_the_run_left_behind(query: str) -> None:
    one = found(query)
    weights, _, x = drawn(one.experiment)
    cell = CELLS[one.experiment.cell]
    states = cell.forward(weights, x)
    for letter, symbol in symbols(cell).items():
        whole = getattr(states, symbol)
        close(one.gates[letter].value, whole[one.steps - 1])
        close(one.gates[letter].mean, whole.mean(axis=0))
    close(one.c, states.c[one.steps])
    close(one.h, states.h[one.steps])
    close(one.largest, np.abs(one.c).max(axis=1))
    assert one.peak == np.abs(states.c).max()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_what_a_step_keeps_and_writes_makes_the_next_state(query: str) -> None:
    one = found(query)
    its, after = one.step, one.c if one.step.state == "c" else one.h
    close(its.keep * its.before + its.write * one.gates["g"].value, after)
    assert (its.keeps == "") == (one.trade is None) == (one.experiment.cell == "lstm-1997")


@pytest.mark.parametrize("a", [-800.0, -40.0, -3.0, 0.0, 1.0, 40.0, 300.0])
@pytest.mark.parametrize("tanh", [False, True])
def test_the_distance_from_an_end_and_the_slope_keep_their_digits(a: float, tanh: bool) -> None:
    """σ(40) is 1 in float64; it is short of 1 by 10^-17.4."""
    low, high, distance, slope = saturation(np.full((3, 1), a), tanh)
    with mpmath.workdps(1000):
        value = mpmath.tanh(a) if tanh else 1 / (1 + mpmath.exp(-mpmath.mpf(a)))
        short = 1 - abs(value) if tanh else min(value, 1 - value)
        steep = 1 - value**2 if tanh else value * (1 - value)
        assert distance[0] == pytest.approx(float(mpmath.log10(short)), rel=1e-13, abs=1e-15)
        assert slope[0] == pytest.approx(float(mpmath.log10(steep)), rel=1e-13, abs=1e-15)
        assert (low[0], high[0]) == (short < 0.1 and a < 0, short < 0.1 and a > 0)


def test_shares_count_the_steps_near_each_end() -> None:
    low, high, *_ = saturation(np.array([[-3.0, 2.0], [-2.3, 1.0], [0.0, 3.0], [9.0, 5.0]]), False)
    assert low.tolist() == [0.5, 0.0] and high.tolist() == [0.25, 0.5]


@given(arrays(np.float64, (5, 3), elements=st.floats(-60, 60)))
def test_no_unit_lies_above_the_line_of_a_gate_at_rest(a: np.ndarray) -> None:
    """Geometric means: ln(1 − f) is concave in ln f."""
    mean_log = -np.logaddexp(0.0, -a).mean(axis=0)
    *_, log10_slope = saturation(a, tanh=False)
    at_rest = (mean_log + np.log(-np.expm1(mean_log))) / math.log(10)
    assert (log10_slope <= at_rest + 1e-9).all()


def test_ten_times_the_memory_leaves_a_tenth_of_the_slope() -> None:
    one = found(T=50, H=3, b_f=9.0, signal="zeros", gain=0.0)
    assert one.trade is not None
    f = 1 / (1 + math.exp(-9.0))
    close(one.trade.half_life, math.log(0.5) / math.log(f))
    close(10**one.trade.log10_slope, f * (1 - f))
    price = one.trade.half_life * 10**one.trade.log10_slope
    np.testing.assert_allclose(price, math.log(2), rtol=2e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradients_are_those_of_the_last_state_read_along_one_direction(cell: str) -> None:
    one = found(cell=cell, T=30, H=5, D=3, seed=4)
    weights, _, x = drawn(one.experiment)
    states = CELLS[cell].forward(weights, x)
    back = bptt(CELLS[cell], states, weights, x, linear_loss("last", 30, 5, seed=4))
    for letter, gate in back.gates.items():
        with np.errstate(divide="ignore"):
            for ours, theirs in (("log10_after", gate.after), ("log10_before", gate.before)):
                expected = np.log10(np.sqrt(np.square(theirs).mean(axis=1)))
                close(getattr(one.gates[letter], ours), expected)


def test_a_backward_pass_cut_short_is_right_as_far_as_it_goes_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = found(T=40, H=4)
    monkeypatch.setattr(gates, "MOST_TAUGHT", 10 * 4)
    part = found(T=40, H=4)
    for letter, gate in part.gates.items():
        assert np.isnan(gate.log10_after[:30]).all()
        close(gate.log10_after[30:], whole.gates[letter].log10_after[30:])
        close(gate.log10_before[30:], whole.gates[letter].log10_before[30:])
    assert gates.reading(whole).warnings == ()
    (warning,) = gates.reading(part).warnings
    assert "the last 10 steps alone" in warning
    assert "∂L/∂f at step 31" in gates.reading(part).facts[-1].label
    for line in panels(part)["learnt"].lines:
        assert len(line.values) == len(line.at) == 10 and not np.isnan(line.values).any()


DEAFENING = "T=5&H=1&D=64&amplitude=100&init=pytorch&signal=constant"


@pytest.mark.parametrize("seed", [0, 1, 2, 5, 8])
def test_a_gradient_behind_a_flat_nonlinearity_is_there_on_both_sides(seed: int) -> None:
    """dg = dc⊙i and so on need no slope; before it the slope's logarithm is taken."""
    one = found(f"{DEAFENING}&seed={seed}")
    weights, _, x = drawn(one.experiment)
    states = CELLS["lstm"].forward(weights, x)
    back = bptt(CELLS["lstm"], states, weights, x, linear_loss("last", 5, 1, seed=seed))
    slopes = {"g": log_tanh_slope(states.a_g)}
    slopes |= {k: log_sigmoid_slope(getattr(states, f"a_{k}")) for k in "ifo"}
    for letter, gate in one.gates.items():
        assert not np.isnan(gate.log10_after).any()
        apart = slopes[letter][:, 0] / math.log(10)
        there = np.isfinite(gate.log10_after)
        close(gate.log10_before[there] - gate.log10_after[there], apart[there])
        assert (np.isfinite(gate.log10_before) == there).all()
    assert np.isfinite(back.log10_dc).all()
    assert not any("no digits left" in warning for warning in gates.reading(one).warnings)


def test_a_saturated_candidate_keeps_its_gradient() -> None:
    one = found("T=30&H=4&D=1&b_f=3&init=normal&amplitude=100&seed=2")
    assert one.gates["g"].log10_after[28] == pytest.approx(-4.691, abs=5e-4)


def test_a_minlstms_gradients_are_at_the_gates_that_act() -> None:
    """∂L/∂f' = u·(h_4 − g_5) with i' = 1 − f'; its slope leads through the quotient as well."""
    one = found("T=5&H=1&D=1&cell=minlstm")
    assert one.gates["f"].log10_after[-1] == pytest.approx(0.1016, abs=5e-5)
    assert one.gates["i"].log10_after[-1] == one.gates["f"].log10_after[-1]
    weights, _, x = drawn(one.experiment)
    states = CELLS["minlstm"].forward(weights, x)
    u = linear_loss("last", 5, 1)[-1, 0]
    expected = math.log10(abs(u * (states.h[4, 0] - states.g[4, 0])))
    assert one.gates["f"].log10_after[-1] == pytest.approx(expected, rel=1e-12)
    f, i = (1 / (1 + np.exp(-a)) for a in (states.a_f, states.a_i))
    share = f / (f + i)
    for letter, own in (("f", f), ("i", i)):
        slope = np.log10(share * (1 - share) * (1 - own))
        close(one.gates[letter].log10_slope, slope.mean(axis=0))
        gate = one.gates[letter]
        close(gate.log10_before - gate.log10_after, slope[:, 0])
    assert one.trade is not None
    close(one.trade.log10_slope, one.gates["f"].log10_slope)
    assert any(fact.label.startswith("∂L/∂f' at step 5") for fact in gates.reading(one).facts)


def test_a_half_life_that_no_axis_holds_is_not_drawn_and_that_is_said() -> None:
    one = found(f"{DEAFENING}&seed=8")
    assert one.trade is not None and one.trade.half_life[0] > 1e100
    assert any("1 unit has a half-life beyond" in w for w in gates.reading(one).warnings)
    assert not next(line for line in panels(one)["price"].lines if line.dots).values.size


def test_chaos_is_told_of() -> None:
    assert gates.reading(found("H=8")).warnings == ()
    (warning,) = gates.reading(found(EXTREMES["chaotic"])).warnings
    assert warning.startswith("The LSTM is chaotic")


def headline(**knobs: object) -> str:
    return gates.reading(found(**knobs)).headline


def test_the_sentence_says_what_the_gate_keeps_and_whether_it_can_learn() -> None:
    assert "forget gate keeps 72% of the cell, so half is gone" in headline()
    assert "after 2.1 steps" in headline() and "leaves it free to learn" in headline()
    assert "lets go of 6.7\u00a0×\u00a010⁻³ of the cell" in headline(b_f=5.0, signal="zeros")
    assert "after 103 steps" in headline(b_f=5.0, signal="zeros")
    assert "hardly unlearn" in headline(b_f=5.0) and "learns slowly" in headline(b_f=3.5)
    assert "hardly unlearn" in headline(b_f=-9.0)
    assert "update gate keeps 72% of the state" in headline(cell="gru")
    assert "normalised forget gate" in headline(cell="minlstm")
    assert "peepholes aside, half is gone" in headline(cell="peephole")
    assert headline(cell="lstm-1997").startswith("Nothing is forgotten")


def panels(one: Gates, view: View = VIEWS[0]) -> dict[str, Panel]:
    return {panel.name: panel for panel in gates.figure(one, view).panels}


MAPS = {
    "lstm": ["input gate i", "forget gate f", "output gate o"],
    "lstm-1997": ["input gate i", "output gate o"],
    "peephole": ["input gate i", "forget gate f", "output gate o"],
    "coupled": ["forget gate f", "input gate i = 1 − f", "output gate o"],
    "gru": ["reset gate r", "update gate z"],
    "minlstm": ["input gate i'", "forget gate f'"],
    "mingru": ["update gate f"],
}


@pytest.mark.parametrize("cell", CELLS)
def test_each_cell_is_drawn_with_the_gates_it_has(cell: str) -> None:
    one = found(cell=cell, T=12, H=3)
    maps = {name: panel for name, panel in panels(one).items() if isinstance(panel, Map)}
    candidate = f"candidate {one.gates['g'].symbol}"
    states = ["cell c", "visible state h"] if one.step.state == "c" else ["state h"]
    assert list(maps) == [*MAPS[cell], candidate, *states]
    assert ("price" in panels(one)) == (cell != "lstm-1997")
    for gate in one.gates.values():
        assert any(np.array_equal(panel.values, gate.value) for panel in maps.values())
    for letter in "if":
        if letter in one.gates:
            assert maps[f"{one.gates[letter].name} {one.gates[letter].symbol}"].scale == "gate"


def boxes(cell: str, width: str) -> Iterator[tuple[str, Box]]:
    figure = gates.figure(found(cell=cell, T=5, H=2), View())
    yield from figure.sheets[width].places.items()
    yield from figure.sheets[width].bars.items()


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_panels_and_bars_lie_on_the_sheet_and_not_on_each_other(cell: str, width: str) -> None:
    placed = dict(boxes(cell, width))
    for name, box in placed.items():
        assert 0 <= box.left < box.right <= SIZES[width][0], name
        assert 0 <= box.top < box.bottom <= SIZES[width][1], name
        for other, its in placed.items():
            apart = its.right < box.left or its.left > box.right
            apart |= its.bottom < box.top or its.top > box.bottom
            assert apart or name == other
    figure = gates.figure(found(cell=cell, T=5, H=2), View())
    if width != "preview":
        assert {panel.name for panel in figure.panels} == set(figure.sheets[width].places)
    assert {panel.scale for panel in figure.panels if isinstance(panel, Map)} == set(figure.scales)


@pytest.mark.parametrize("cell", CELLS)
def test_the_titles_fit_over_their_panels_even_on_a_phone(cell: str) -> None:
    figure = gates.figure(found(cell=cell, T=5, H=2), View())
    pen = Pen(1, 1, 1.0)
    for sheet in figure.sheets.values():
        for panel in figure.panels:
            if panel.name in sheet.places:
                box = sheet.places[panel.name]
                assert pen.width(panel.title, 14) <= box.right - box.left


def test_units_in_the_order_of_what_survives_put_the_best_keeper_on_top() -> None:
    one = found(T=30, H=6, chrono=50)
    assert one.trade is not None
    order = panels(one, View(order="survival"))["forget gate f"].y.order
    assert (np.diff(one.trade.log10_kept[order]) >= 0).all()
    assert panels(one)["forget gate f"].y.order.tolist() == list(range(6))


def test_the_dots_are_the_units_and_all_of_them_are_on_the_panel() -> None:
    for knobs in ({}, {"b_f": -20.0}, {"b_f": 20.0}, {"chrono": 1000}):
        one = found(T=20, H=6, **knobs)
        price = panels(one)["price"]
        assert isinstance(price, Curves) and one.trade is not None
        dots = next(line for line in price.lines if line.dots)
        close(dots.at, one.trade.half_life)
        close(dots.values, one.trade.log10_slope)
        assert dots.units.tolist() == list(range(6))
        assert (price.x.low <= dots.at).all() and (dots.at <= price.x.high).all()
        assert (price.y.low <= dots.values).all() and (dots.values <= price.y.high).all()


def test_the_table_is_of_the_pinned_unit_and_a_pinned_unit_changes_no_answer() -> None:
    one = found(T=20, H=4, chrono=50)
    rows = gates.numbers(one, View(unit=2))["rows"]
    alone = next(row for row in rows if row["letter"] == "f")
    assert float(alone["mean"]) == pytest.approx(one.gates["f"].mean[2], rel=5e-3)
    everyone = next(r for r in gates.numbers(one, View())["rows"] if r["letter"] == "f")
    assert float(everyone["mean"]) == pytest.approx(one.gates["f"].mean.mean(), rel=5e-3)
    assert alone["mean"] != everyone["mean"]
    assert gates.numbers(one, View(unit=77))["pinned"] is None


def test_the_step_worked_out_is_the_marked_one_or_the_told_one_next_to_it() -> None:
    one = found(T=3000, H=2, D=1)
    assert gates.numbers(one, View())["worked"]["t"] == 3000
    worked = gates.numbers(one, View(step=1001, unit=1))["worked"]
    assert worked["t"] == 1002 and worked["unit"] == 1
    row = one.steps.tolist().index(1002)
    told = float(worked["told"]["after"].replace("−", "-"))
    assert told == pytest.approx(one.c[row, 1], rel=1e-3)
