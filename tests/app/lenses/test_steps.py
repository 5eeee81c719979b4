"""The steps lens: one unit's arithmetic, the checks beside it, the textbook's example."""

import csv
import json
import math

import numpy as np
import pytest

from app.drawing import picture, plot
from app.drawing.figure import Curves
from app.forms import Telling, as_json, as_npz
from app.knobs import Experiment
from app.lenses import steps
from app.lenses.steps import computed as stepping
from app.lenses.steps.computed import Found
from app.links import Asked, read
from app.networks import networks
from app.reading import Fact, told
from app.view import Focus, View
from lstm_engine import CELLS, Rnn, cell_survival, check_states, check_weights, linear_loss
from lstm_engine.check import Check, Estimate
from lstm_engine.from_to import until
from tests.app.samples import SAMPLES


def found(focus: Focus | None = None, **knobs: object) -> Found:
    return steps.compute(Experiment(**knobs), focus or Focus())


def drawn(one: Found, panel: str, view: View | None = None) -> Curves:
    figure = steps.figure(one, view or View())
    return next(p for p in figure.panels if p.name == panel)


@pytest.mark.parametrize("worked", ["experiment", "textbook"])
@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_every_experiment_is_told_drawn_and_read(query: str, worked: str) -> None:
    experiment = read(query.encode(), with_view=True).experiment
    asked = Asked(experiment, Focus(worked=worked), View(unit=2))
    one = steps.compute(*asked[:2])
    told_of = json.loads(as_json(Telling("steps", one, asked)))
    assert as_npz(Telling("steps", one, asked))
    shown = steps.numbers(one, asked.view)
    assert len(shown["forward"]) == len(told_of["t"]) == len(shown["backward"])
    figure = steps.figure(one, asked.view)
    for width in figure.sheets:
        assert picture.png(figure, width, 1.0)
    assert plot.page_figure(figure)["data"]
    rows = list(csv.DictReader(steps.table(one)))
    H = 1 if worked == "textbook" else experiment.H
    assert len(rows) == len(told_of["t"]) * H
    np.testing.assert_allclose(
        [float(row["carry"]) for row in rows], np.ravel(told_of["values"]["carry"])
    )


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("t", [None, 3, 17])
def test_the_window_holds_the_engines_numbers(name: str, t: int | None) -> None:
    experiment = Experiment(cell=name, T=30, H=4, D=3)
    one = steps.compute(experiment, Focus(t=t))
    answer = steps.answer(one)
    cell, (weights, _, x) = CELLS[name], networks(experiment)
    states, last = cell.forward(weights, x), t or 30
    first = max(1, last - 5)
    assert answer["t"].tolist() == list(range(first, last + 1))
    values = answer["values"]
    np.testing.assert_array_equal(values["c"], states.c[first : last + 1])
    np.testing.assert_array_equal(values["h_before"], states.h[first - 1 : last])
    slopes = cell.slopes(states, weights, first, last)
    np.testing.assert_array_equal(values["carry"], slopes.carry)
    survival = cell_survival(cell, until(states, last), weights, range(first - 1, last + 1))
    gradient = answer["gradient"]
    np.testing.assert_allclose(gradient["log10_direct"], survival.log10_direct, atol=1e-12)
    np.testing.assert_allclose(gradient["log10_exact"], survival.log10_exact, atol=1e-12)
    assert gradient["t"].tolist() == list(range(first - 1, last + 1))


# What the equations of a step are made of, by the names that programs read.
NAMES = {
    "lstm": "i f g o carry read_out k_i k_f k_g k_o",
    "lstm-1997": "i g o carry read_out k_i k_g k_o",
    "peephole": "i f g o p_i p_f p_o carry read_out k_i k_f k_g k_o",
    "coupled": "f g o i carry read_out k_f k_g k_o",
    "gru": "r z n u s carry read_out k_r k_z k_n",
    "minlstm": "i f g i_normalised f_normalised k carry read_out k_i k_f k_g",
    "mingru": "f g carry read_out k_f k_g",
}


@pytest.mark.parametrize("name", CELLS)
def test_every_value_has_the_name_that_it_has_in_the_equations(name: str) -> None:
    experiment = Experiment(cell=name, T=10, H=4, D=3)
    one = steps.compute(experiment, Focus())
    answer = steps.answer(one)
    values = answer["values"]
    assert set(values) == {"h", "h_before", "c", "c_before", *NAMES[name].split()}
    assert steps.table(one).__next__().split(",")[2:-2] == list(values)
    assert set(answer["gates"]) <= set(values)
    cell, (weights, _, x) = CELLS[name], networks(experiment)
    states = cell.forward(weights, x)
    if name in ("gru", "minlstm", "mingru"):  # h is c
        assert (values["read_out"] == 1.0).all()
    else:
        slope = states.o[4:] * (1 - np.tanh(states.c[5:]) ** 2)
        if name == "peephole":
            slope += values["k_o"] * values["p_o"]
        np.testing.assert_allclose(values["read_out"], slope, rtol=1e-12)
    for letter in set("ifgorzn") & set(values):
        own = {"i": "a_i", "f": "a_f"}.get(letter) if name == "minlstm" else None
        expected = 1 / (1 + np.exp(-getattr(states, own))) if own else getattr(states, letter)
        np.testing.assert_allclose(values[letter], expected[4:], rtol=1e-14)
    if name == "gru":
        np.testing.assert_allclose(values["k_n"], values["s"] * values["r"], rtol=1e-14)
        np.testing.assert_array_equal(answer["gates"]["r"]["value"], values["r"])


@pytest.mark.parametrize("signal", ["impulse", "zeros"])
def test_at_a_kink_the_complex_step_says_that_it_cannot_tell(signal: str) -> None:
    one = found(rnn_init="identity", act="relu", signal=signal)
    for check in steps.answer(one)["checks"]["rnn"].values():
        assert math.isnan(check["complex_step"]["value"])
        assert check["complex_step"]["reason"] == "a relu stands at 0, where it has no derivative"
        assert check["kinks"] > 100
    rows = [row for row in steps.numbers(one, View())["checks"] if row["network"] == "Vanilla RNN"]
    assert [row["methods"][1][0] for row in rows] == ["cannot tell", "cannot tell"]
    assert {check["kinks"] for check in steps.answer(one)["checks"]["cell"].values()} == {0}


@pytest.mark.parametrize("name", CELLS)
def test_what_a_gate_hears_adds_up_to_its_sum(name: str) -> None:
    knobs = {"b_i": 0.3, "b_g": -0.2, "b_o": 0.4, "init": "pytorch"}
    experiment = Experiment(cell=name, T=12, H=3, D=2, **knobs)
    cell, (weights, _, x) = CELLS[name], networks(experiment)
    states = cell.forward(weights, x)
    one = steps.compute(experiment, Focus())
    assert list(one.window.gates) == [
        {"gru": {"i": "r", "f": "z", "g": "n"}}.get(name, {}).get(g, g) for g in cell.GATES
    ]
    for letter, gate in one.window.gates.items():
        sums = getattr(states, f"a_{letter}", None)
        if sums is not None:
            np.testing.assert_allclose(gate.sum, sums[6:], rtol=1e-12, atol=1e-14)
        function = {"σ": lambda a: 1 / (1 + np.exp(-a)), "tanh": np.tanh, "": lambda a: a}
        np.testing.assert_allclose(function[gate.does](gate.sum), gate.value, rtol=1e-12)
        parts = [gate.from_input, gate.from_h, gate.bias, gate.from_c]
        np.testing.assert_allclose(sum(p for p in parts if p is not None), gate.sum)
        assert (gate.from_h is None) == (not cell.RECURRENT)
        assert (gate.from_c is None) == (not cell.PEEPHOLES or letter == "g")


def test_the_textbooks_example_is_worked_out() -> None:
    one = found(Focus(worked="textbook"), b_f=7.0, T=50)
    answer = steps.answer(one)
    np.testing.assert_allclose(np.ravel(answer["values"]["c"]), [0.1, 0.65, 1.12], rtol=1e-14)
    direct = 10 ** np.ravel(answer["gradient"]["log10_direct"])
    np.testing.assert_allclose(direct, [0.36, 0.40, 0.8, 1.0], rtol=1e-14)
    assert one.run.rival is not None
    np.testing.assert_allclose(10**one.run.rival, [0.125, 0.25, 0.5, 1.0])
    headline = steps.reading(one).headline
    for words in ("0.1, then 0.65, then 1.12", "brings 0.4 to c₁", "would bring 0.25"):
        assert words in headline
    shown = steps.numbers(one, View())
    lines = [line for _, (line,) in shown["forward"]]
    assert [line.value for line in lines] == ["0.1", "0.65", "1.12"]
    second = "".join(token.text for token in lines[1].numbers)
    assert second.replace("\N{NARROW NO-BREAK SPACE}", "") == "0.5⋅0.1 + 0.3⋅2"
    t, carries, kept, _ = shown["backward"][1]
    assert (t, carries.replace("\N{NARROW NO-BREAK SPACE}", ""), kept) == (1, "0.8⋅0.5", "0.4")
    assert shown["checks"] == [] and shown["gates"] == []


def test_lines_hold_the_pinned_units_numbers_and_the_answer_those_of_all() -> None:
    experiment = Experiment(T=20, H=5)
    one = steps.compute(experiment, Focus(t=11))
    answers = {
        as_json(Telling("steps", one, Asked(experiment, Focus(t=11), View(unit=unit))))
        for unit in (None, 3, 200)
    }
    assert len(answers) == 1
    values = steps.answer(one)["values"]
    for unit in (0, 3):
        shown = steps.numbers(one, View(unit=unit))
        assert shown["one_unit"] == unit and shown["missing"] is None
        for row, (t, lines) in enumerate(shown["forward"]):
            assert t == 6 + row
            for line, of in zip(lines, ("c", "h"), strict=True):
                assert line.value == told(Fact("", float(values[of][row, unit]), ""))
    beyond = steps.numbers(one, View(unit=200))
    assert beyond["one_unit"] == 0 and beyond["missing"] == 200
    assert beyond["forward"] == steps.numbers(one, View())["forward"]


@pytest.mark.parametrize("name", ["lstm", "peephole", "gru"])
def test_backward_the_carries_multiply_to_the_direct_path(name: str) -> None:
    one = found(
        cell=name, T=40, H=3, b_f=-9.0 if name == "peephole" else 1.0, seed=5, init="normal"
    )
    for unit in range(3):
        rows = steps.numbers(one, View(unit=unit))["backward"]
        assert [t for t, *_ in rows] == [39, 38, 37, 36, 35, 34]
        carry = one.window.values["carry"][:, unit]
        for t, carries, direct, exact in rows:
            product = math.prod(carry[t - 34 :])
            assert len(carries.split("⋅")) == 40 - t
            assert direct == told(Fact("", product, ""))
            log10 = float(one.window.log10_exact[t - 34, unit])
            assert exact == told(Fact("", log10, "log10"))
    if name == "peephole":
        assert (one.window.values["carry"] < 0).any()


@pytest.mark.parametrize(("t", "last", "words"), [(99, 30, "no step 99"), (0, 1, "to step 0")])
def test_a_step_that_is_not_there_is_replaced_and_said(t: int, last: int, words: str) -> None:
    one = found(Focus(t=t), T=30, H=2)
    assert one.window.last == last
    (warning,) = steps.reading(one).warnings
    assert words in warning
    assert steps.reading(found(Focus(t=30), T=30, H=2)).warnings == ()


def test_the_checks_are_the_engines_over_the_steps_that_are_said() -> None:
    experiment = Experiment(T=50, H=4, D=3)
    one = steps.compute(experiment, Focus(t=40, draw=7))
    weights, rnn_weights, x = networks(experiment)
    for name, network, its in (
        ("cell", CELLS["lstm"], weights),
        ("rnn", Rnn("tanh"), rnn_weights),
    ):
        states = network.forward(its, x)
        by_state = check_states(network, until(states, 40), its, x[:40], 20, seed=7)
        loss = linear_loss("last", 20, 4, seed=7)
        by_weights = check_weights(network, until(states, 20), its, x[:20], loss, seed=7)
        assert one.checks[name] == {"states": by_state, "weights": by_weights}
    assert one.checked == (20, 20)
    other = steps.compute(experiment, Focus(t=40, draw=8))
    assert other.checks["cell"]["states"].analytic != one.checks["cell"]["states"].analytic
    assert found(T=1, H=1).checked == (1, 1)


def test_a_method_that_cannot_tell_says_why_in_words() -> None:
    one = found(b_f=-8.0, T=30, H=6)
    row = steps.numbers(one, View())["checks"][0]
    assert row["network"] == "LSTM" and row["what"] == "states"
    value, reason = row["methods"][0]
    assert value == "cannot tell" and "rounding alone makes" in reason
    assert "e-" not in reason and "× 10⁻" in reason.replace("\N{NO-BREAK SPACE}", " ")
    told_of = steps.answer(one)["checks"]["cell"]["states"]["central"]
    assert math.isnan(told_of["value"]) and told_of["reason"]
    labels = [fact.label for fact in steps.reading(one).facts]
    assert "LSTM, gradient by the states: central difference off by" not in labels
    assert "LSTM, gradient by the states: complex step off by" in labels


def test_numbers_of_a_check_are_written_to_ten_digits_at_any_size() -> None:
    assert steps.digits(0.0019114082599) == "0.00191140826"
    assert steps.digits(-1.25e-7).replace("\N{NO-BREAK SPACE}", " ") == "−1.250000000 × 10⁻⁷"
    assert steps.digits(0.0) == "0"
    nothing = Estimate(None, None, None, "")
    below = Check(0.0, -400.25, nothing, nothing)
    above = Check(-math.inf, 400.25, nothing, nothing)
    assert steps.analytic_told(below).endswith("10⁻⁴⁰¹")
    assert steps.analytic_told(above).startswith("−") and steps.analytic_told(above).endswith(
        "10⁴⁰⁰"
    )
    assert steps.analytic_told(Check(0.0, -math.inf, nothing, nothing)) == "0"
    assert steps.method_told(Estimate(1.5, 0.0, 0.0, None)) == ("1.5", "no difference")
    assert steps.method_told(Estimate(1.5, None, 0.0, None)) == ("1.5", "the chain rule has 0")


def test_a_long_way_back_is_cut_short_and_what_is_told_of_it_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = Experiment(T=30, H=16, b_f=3.0)
    weights, _, x = networks(experiment)
    states = CELLS["lstm"].forward(weights, x)
    whole = cell_survival(CELLS["lstm"], states, weights)
    assert stepping.FLOPS / (6 * 128**3) > 1000
    monkeypatch.setattr(stepping, "FLOPS", 6 * 16**3 * 12.0)
    one = steps.compute(experiment, Focus())
    back = one.run.survival
    assert back.steps.tolist() == list(range(19, 31))
    np.testing.assert_allclose(back.log10_exact, whole.log10_exact[19:], atol=1e-9)
    np.testing.assert_allclose(back.log10_direct, whole.log10_direct[19:], atol=1e-9)
    (warning,) = steps.reading(one).warnings
    assert "ends at step 19" in warning


def test_shut_gates_carry_nothing_and_are_read_without_a_fault() -> None:
    one = found(amplitude=100.0, b_f=-20.0, T=12, H=2, init="normal", signal="constant")
    one.window.values["carry"][:] = 0.0
    assert "carries nothing of its old state" in steps.reading(one).headline
    assert steps.share_told(-0.03) == "−3%"


def test_headlines_say_what_is_kept_and_what_is_written_of_each_cell() -> None:
    for cell in CELLS.values():
        one = found(cell=cell.NAME, T=15, H=9)
        values = {name: of[-1] for name, of in one.window.values.items()}
        if cell.NAME == "minlstm":
            written = values["i′"]
        elif cell.NAME in ("gru", "mingru"):
            written = 1 - values["z" if cell.NAME == "gru" else "f"]
        else:
            written = values["i"]
        facts = {fact.label: fact.value for fact in steps.reading(one).facts}
        assert facts["Written at step 15, median unit"] == pytest.approx(np.median(written))
        assert facts["Carry at step 15, median unit"] == np.median(values["carry"])
        assert f"the {cell.TITLE} carries" in steps.reading(one).headline


def test_the_figure_marks_the_window_and_follows_the_unit() -> None:
    one = found(Focus(t=60), T=90, H=6)
    for name in ("gates", "state", "gradient"):
        panel = drawn(one, name, View(unit=4))
        ends = {line.name: line for line in panel.lines if line.name in ("before", "end")}
        assert set(ends["before"].at.tolist()) == {54.0} and set(ends["end"].at.tolist()) == {60.0}
        assert "Unit 4" in panel.title
    weights, _, x = networks(one.experiment)
    states = CELLS["lstm"].forward(weights, x)
    gates = {line.name: line.values for line in drawn(one, "gates", View(unit=4)).lines}
    np.testing.assert_array_equal(gates["f"][1:], states.f[:, 4])
    assert math.isnan(gates["f"][0])
    kept = {line.name: line.values for line in drawn(one, "gradient", View(unit=4)).lines}
    assert kept["carry alone"][60] == 0.0 and np.isnan(kept["carry alone"][61:]).all()
    np.testing.assert_allclose(
        kept["carry alone"][:61],
        cell_survival(CELLS["lstm"], until(states, 60), weights).log10_direct[:, 4],
    )


def test_axes_have_room_for_every_value_below_the_names_of_the_lines() -> None:
    for knobs in ({"cell": "mingru", "amplitude": 30.0}, {"cell": "lstm-1997", "b_g": 9.0}, {}):
        one = found(T=40, H=3, **knobs)
        for name in ("gates", "state"):
            panel = drawn(one, name)
            values = [v for line in panel.lines[:-2] for v in line.values if math.isfinite(v)]
            assert panel.y.low <= min(values)
            assert panel.y.place(max(values)) < 0.93


@pytest.mark.parametrize("cell", CELLS)
def test_the_titles_fit_over_their_panels(cell: str) -> None:
    for focus in (Focus(), Focus(worked="textbook")):
        figure = steps.figure(found(focus, cell=cell, T=2000, H=1), View())
        pen = picture.Pen(1, 1, 1.0)
        for sheet in figure.sheets.values():
            for panel in figure.panels:
                if panel.name in sheet.places:
                    box = sheet.places[panel.name]
                    assert pen.width(panel.title, 14) <= box.right - box.left


def test_a_chaotic_run_is_told_so() -> None:
    wild = steps.compute(Experiment(T=300, H=16, init="normal", gain=10.0), Focus())
    assert any("LSTM is chaotic" in words for words in steps.reading(wild).warnings)
    calm = steps.compute(Experiment(T=300, H=16), Focus())
    assert not any("chaotic" in words for words in steps.reading(calm).warnings)
