"""The spectrum lens: the engine's numbers, what is left out, what it says and draws."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from app.drawing import picture, plot
from app.drawing.figure import Curves, Line
from app.forms import FORMS, Telling, as_json
from app.knobs import Experiment
from app.lenses import spectrum
from app.lenses.spectrum.computed import (
    Spectrum,
    first_step,
    second_half,
    steps_settled,
    steps_told,
)
from app.lenses.spectrum.figures import FRAME
from app.links import Asked, read
from app.networks import networks
from app.view import Focus, View
from lstm_engine import (
    CELLS,
    Rnn,
    high_precision,
    jacobian,
    log10_directions,
    log10_spectral_norms,
    lyapunov_exponents,
    pascanu_bound,
)
from tests.app.samples import SAMPLES, bodies


def found(focus: Focus | None = None, **knobs: object) -> Spectrum:
    return spectrum.compute(Experiment(**knobs), focus or Focus())


def drawn(one: Spectrum, panel: str, **view: str) -> Curves:
    return next(p for p in spectrum.figure(one, View(**view)).panels if p.name == panel)


def lines_of(panel: Curves) -> dict[str, Line]:
    return {line.name: line for line in panel.lines}


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_every_experiment_is_told_drawn_and_read_alike(query: str) -> None:
    asked = read(query.encode(), with_view=True)
    one = spectrum.compute(asked.experiment, asked.focus)
    told = json.loads(as_json(Telling("spectrum", one, asked)))
    assert spectrum.numbers(one, asked.view)["exponents"]
    figure = spectrum.figure(one, asked.view)
    norms = lines_of(figure.panels[0])
    for name, network in ((next(reversed(norms)), "cell"), ("RNN", "rnn")):
        values = [math.nan if v is None else v for v in told[network]["log10_norm"]]
        np.testing.assert_array_equal(np.nan_to_num(norms[name].values, neginf=np.nan), values)
        nulls = [row.count(None) for row in told[network]["log10_directions"]]
        zeros = np.isneginf(getattr(one, "cell" if network == "cell" else "rnn").log10_kept)
        np.testing.assert_array_equal(nulls, np.array(told[network]["unknown"]) + zeros.sum(axis=1))
    for width in figure.sheets:
        assert picture.png(figure, width, 1.0)
    assert plot.page_figure(figure)["data"]
    rows = list(csv.DictReader(spectrum.table(one)))
    assert len(rows) == len(told["t"]) * told["experiment"]["H"]
    assert [row["t"] for row in rows][-1] == str(told["experiment"]["T"])


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
def test_the_numbers_are_the_engines(cell: str) -> None:
    experiment = Experiment(cell=cell, T=60, H=6, D=3, b_f=2.0)
    told = spectrum.answer(spectrum.compute(experiment, Focus(t=17)))
    weights, rnn_weights, x = networks(experiment)
    for name, network, its in (
        ("cell", CELLS[cell], weights),
        ("rnn", Rnn("tanh"), rnn_weights),
    ):
        states = network.forward(its, x)
        norms = log10_spectral_norms(network, states, its, told["t"])
        np.testing.assert_array_equal(told[name]["log10_norm"], norms)
        every = log10_directions(network, states, its, told["t"])
        np.testing.assert_array_equal(told[name]["log10_directions"], every)
        values = np.linalg.eigvals(jacobian(network, states, its, 17))
        own = told[name]["eigenvalues"]
        np.testing.assert_allclose(
            np.sort_complex(own["real"] + 1j * own["imag"]), np.sort_complex(values), atol=1e-12
        )
        exponents, settling = lyapunov_exponents(network, states, its, 4)
        np.testing.assert_array_equal(told[name]["lyapunov"], exponents)
        np.testing.assert_array_equal(
            told[name]["lyapunov_settling"], settling[told["settled"] - 1]
        )
    assert told["eigenvalues_of_step"] == 17
    bound = pascanu_bound(Rnn("tanh"), rnn_weights, 60 - told["t"])
    np.testing.assert_array_equal(told["rnn"]["log10_bound"], bound)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("act", ["tanh", "logistic", "relu"])
def test_no_norm_of_the_rnn_is_above_its_bound(act: str, seed: int) -> None:
    one = found(act=act, seed=seed, H=9, T=40, rnn_gain=1.3, init="normal")
    assert (one.rnn.log10_kept[:, 0] <= one.log10_bound + 1e-9).all()


def test_each_verdict_is_said_in_words_and_its_example_link_leads_to_it() -> None:
    """The page's links set rnn_gain alone: 0.8, 1 and 2."""
    for gain, verdict, words in (
        (0.8, "vanishes", "prove that its gradient vanishes: no step can keep more than 80% of it"),
        (1.0, "inconclusive", "prove neither that its gradient vanishes nor that it explodes"),
        (2.0, "may explode", "allow its gradient to explode; whether"),
    ):
        for H, seed in ((1, 0), (2, 5), (32, 0)):
            one = found(rnn_gain=gain, H=H, seed=seed, T=10)
            assert one.verdict == verdict
            assert words in spectrum.reading(one).headline


def test_pytorchs_rnn_is_inconclusive_and_the_numbers_say_why() -> None:
    one = found(init="pytorch", b_f=0.0, H=64, D=16)
    assert one.verdict == "inconclusive"
    weights = {sign: value for sign, _, value in spectrum.numbers(one, View())["weights"]}
    assert float(weights["γσ₁"]) > 1.0 > float(weights["γρ"])
    bound, norm = one.log10_bound[0], one.rnn.log10_kept[0, 0]
    assert bound > 0 and norm < -20


def test_a_step_that_is_looked_at_changes_the_eigenvalues_and_nothing_else() -> None:
    late, early = spectrum.answer(found(H=4)), spectrum.answer(found(Focus(t=3), H=4))
    for network in ("cell", "rnn"):
        assert (late[network]["eigenvalues"]["real"] != early[network]["eigenvalues"]["real"]).any()
        np.testing.assert_array_equal(late[network]["log10_norm"], early[network]["log10_norm"])
        np.testing.assert_array_equal(late[network]["lyapunov"], early[network]["lyapunov"])
    assert (late["eigenvalues_of_step"], early["eigenvalues_of_step"]) == (100, 3)


@pytest.mark.parametrize(("t", "step", "words"), [(500, 100, "no step 500"), (0, 1, "to step 0")])
def test_a_step_that_is_not_there_is_replaced_and_said(t: int, step: int, words: str) -> None:
    one = found(Focus(t=t), H=3)
    assert one.step == step
    assert drawn(one, "eigenvalues").title == f"Eigenvalues of step {step}"
    (warning,) = spectrum.reading(one).warnings
    assert words in warning
    assert spectrum.reading(found(Focus(t=100), H=3)).warnings == ()


def test_chaos_is_told() -> None:
    (warning,) = spectrum.reading(found(rnn_gain=10.0, T=300, H=16)).warnings
    assert warning.startswith("The vanilla RNN is chaotic")


def test_what_is_too_dear_is_left_out_and_said() -> None:
    assert first_step(1000, 32) == first_step(1000, 128) == 0
    assert 0 < 1000 - first_step(1000, 256) < 400
    assert first_step(20000, 8) == 18000
    one = found(T=2100, H=2)
    assert one.lag == 2000
    reading = spectrum.reading(one)
    assert "the last 2,000 of 2,100 steps" in reading.headline
    assert any("Only the last 2,000 of 2,100 steps" in warning for warning in reading.warnings)
    assert spectrum.answer(one)["t"][0] == spectrum.answer(one)["settled"][0] - 1 == 100
    assert drawn(one, "norms").x.length == 2100
    assert drawn(one, "norms").legend == "bottom right"
    assert drawn(found(T=4100, H=2), "norms").legend == "bottom left"


@pytest.mark.parametrize(("T", "H"), [(1, 1), (99, 8), (100, 8), (1000, 32), (1000, 256)])
def test_steps_increase_from_the_first_to_the_last_and_are_no_more_than_the_engine_takes(
    T: int, H: int
) -> None:
    steps, settled = steps_told(T, H), steps_settled(T, H)
    assert steps[0] == first_step(T, H) and steps[-1] == T == settled[-1]
    assert (np.diff(steps) > 0).all() and (np.diff(settled) > 0).all()
    assert len(steps) <= 100 and len(settled) <= 200
    assert T == 1 or steps[-2] == T - 1, "the last steps are told for a log scale of the lag"


def test_a_line_ends_where_its_direction_is_no_longer_known_and_that_is_said() -> None:
    one = found(T=200)
    last = lines_of(drawn(one, "cell"))["direction 32"].values
    assert np.isnan(last[0]) and last[-1] == 0.0
    assert any("10⁻¹⁰" in sentence for sentence in spectrum.left_out(one))
    assert any(row.startswith("0,32,") and ",," in row for row in spectrum.table(one))
    short = found(T=4, H=4)
    assert not np.isnan(short.cell.log10_kept).any()
    assert not any("10⁻¹⁰" in sentence for sentence in spectrum.left_out(short))


def test_the_lines_of_a_fan_are_the_directions_1_2_4_8_and_the_last() -> None:
    one = found(H=20, T=12)
    lines = lines_of(drawn(one, "RNN"))
    assert [int(name.split()[1]) for name in reversed(lines)] == [1, 2, 4, 8, 16, 20]
    for name, line in lines.items():
        np.testing.assert_array_equal(line.values, one.rnn.log10_kept[:, int(name.split()[1]) - 1])


def test_eigenvalues_outside_the_drawing_lie_on_its_border_and_are_counted() -> None:
    one = found(act="identity", rnn_gain=4.0, H=6, T=5)
    panel = drawn(one, "eigenvalues")
    lines = lines_of(panel)
    beyond = lines["RNN, beyond"]
    assert len(beyond.values) == 6 and len(lines["RNN"].values) == 0
    reach = np.maximum(np.abs(beyond.values), np.abs(beyond.at))
    np.testing.assert_allclose(reach, FRAME)
    direction = beyond.at + 1j * beyond.values
    np.testing.assert_allclose(
        direction / np.abs(direction), one.rnn.eigenvalues / np.abs(one.rnn.eigenvalues)
    )
    told = {name: rest for name, *rest in spectrum.numbers(one, View())["eigenvalues"]}
    assert told["Vanilla RNN"] == ["4", 6, 6, 6]
    assert told["LSTM"][1:] == [12, 0, 0]


def test_the_plane_is_as_wide_as_it_is_high() -> None:
    one = found(T=3, H=2)
    panel = drawn(one, "eigenvalues")
    assert panel.x.span() == panel.y.span() == (-FRAME, FRAME)
    for sheet in spectrum.SHEETS.values():
        box = sheet.places["eigenvalues"]
        assert box.right - box.left == box.bottom - box.top


def test_both_fans_have_one_scale_and_a_bound_that_runs_away_does_not_stretch_the_norms() -> None:
    one = found(rnn_gain=3.0)
    assert one.log10_bound[0] > 40
    scale = drawn(one, "cell").y
    assert scale == drawn(one, "RNN").y
    fans = [line.values for name in ("cell", "RNN") for line in drawn(one, name).lines]
    values = np.concatenate(fans)
    assert scale.low <= np.nanmin(values) < -12 and scale.high >= np.nanmax(values) > 3
    assert drawn(one, "norms").y.high < 20


# Exponents of short runs --------------------------------------------------------------------------


@pytest.mark.parametrize(("T", "exponent"), [(20, 0.045), (100, 0.031), (400, 0.014)])
def test_exponents_of_short_runs_are_told_as_not_settled(T: int, exponent: float) -> None:
    """They fall towards zero as the run gets longer: the values were found outside this project."""
    one = found(T=T, b_f=5)
    assert one.cell.exponents[0] == pytest.approx(exponent, abs=5e-4)
    assert not one.cell.settled[0]
    ((_, pace), *_) = spectrum.rates(one.cell)
    assert pace.startswith("not settled: ") and pace.endswith(" in the second half")
    labels = [fact.label for fact in spectrum.reading(one).facts]
    assert "LSTM, largest Lyapunov exponent, not settled" in labels
    told = spectrum.answer(one)
    assert not told["cell"]["lyapunov_settled"][0] and told["lyapunov_first"] == 1


def test_over_a_long_run_it_comes_down_by_an_order_of_magnitude() -> None:
    late = found(Focus(first=1001), T=2000, b_f=5)
    assert abs(late.cell.exponents[0]) < 0.001
    assert found(T=2000, b_f=5).cell.exponents[0] < 0.005


def test_the_second_half_is_that_of_the_engine() -> None:
    one, late = found(T=100, H=6, b_f=5), found(Focus(first=51), T=100, H=6, b_f=5)
    order = np.argsort(-one.cell.second_half)
    np.testing.assert_allclose(one.cell.second_half[order], late.cell.exponents, rtol=1e-9)
    assert late.first == 51 and late.cell.counted == 50
    assert spectrum.answer(late)["settled"][0] == 51


def test_an_exponent_has_settled_where_both_halves_agree_or_nothing_is_left() -> None:
    one = found(T=2, H=2).cell
    for whole, half, counted, settled in (
        (-0.5, -0.54, 100, True),
        (-0.5, -0.56, 100, False),
        (0.0001, -0.0004, 200, True),  # a tenth of an e-fold over all of them
        (0.0001, -0.0005, 200, False),
        (-math.inf, -math.inf, 3, True),
        (math.nan, math.nan, 100, False),
    ):
        its = replace(
            one, exponents=np.array([whole]), second_half=np.array([half]), counted=counted
        )
        assert its.settled.tolist() == [settled], (whole, half)
    np.testing.assert_array_equal(second_half(np.array([[1.0], [2.0], [3.0]])), [4.0])
    assert np.isnan(second_half(np.array([[1.0]]))).all()


def test_growth_beside_a_negative_exponent_is_explained() -> None:
    one = found(T=60, H=6, D=2, b_f=3, init="normal")
    reading = spectrum.reading(one)
    assert "grows 2.57-fold in the LSTM" in reading.headline
    assert one.cell.exponents[0] == pytest.approx(-0.036, abs=5e-4)
    (sentence,) = reading.warnings
    assert "grows 2.57-fold" in sentence and "is negative" in sentence and "−0.036" in sentence
    assert not one.cell.settled.any()
    assert spectrum.reading(found()).warnings == ()  # both shrink


def test_a_step_to_count_from_beyond_the_end_is_replaced_and_said() -> None:
    one = found(Focus(first=500), T=100, H=3)
    assert one.first == 100 and one.cell.counted == 1
    assert any("no step 500" in sentence for sentence in spectrum.reading(one).warnings)


def test_exponents_that_are_rounding_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = found(H=4, amplitude=50.0, seed=1)
    np.testing.assert_allclose(right.cell.exponents[2:], [-11.6915, -17.2620], atol=5e-5)
    monkeypatch.setattr(high_precision, "MOST_PRODUCTS", 0.0)
    one = found(H=4, amplitude=50.0, seed=1)
    assert np.isnan(one.cell.exponents[2:]).all()
    assert spectrum.answer(one)["cell"]["lyapunov_known"] < 4
    told = json.loads(as_json(Telling("spectrum", one, Asked(one.experiment, Focus(), View()))))
    assert told["cell"]["lyapunov"][2:] == [None, None]
    assert spectrum.rate(math.nan)[1].startswith("not known")
    assert plot.page_figure(spectrum.figure(one, View()))["data"]


def test_paces_are_what_the_exponents_mean() -> None:
    assert spectrum.rate(-math.log(2) / 10) == ("−0.06931", "halves every 10 steps")
    assert spectrum.rate(math.log(2) / 2.5) == ("0.2773", "doubles every 2.5 steps")
    assert spectrum.rate(0.0) == ("0", "stays")
    assert spectrum.rate(-math.inf) == ("−∞", "is lost exactly")


def test_how_many_directions_stay_near_the_best_is_counted_among_those_that_are() -> None:
    one = found(H=20)
    below = one.cell.log10_kept[0, 0] - one.cell.log10_kept[0]
    assert (below <= 2).sum() < (below <= 3).sum() < (below <= 4).sum() < 20
    facts = {fact.label: fact for fact in spectrum.reading(one).facts}
    near = facts["LSTM, directions within a thousandth of the best"]
    assert (near.value, near.unit) == ((below <= 3).sum(), "of 20")
    dead = found(T=6, H=3, act="relu", rnn_gain=0.0)
    facts = {fact.label: fact.value for fact in spectrum.reading(dead).facts}
    assert facts["Vanilla RNN, directions within a thousandth of the best"] == 0
    assert facts["Vanilla RNN, best direction (spectral norm)"] == -math.inf
    assert "nothing goes back a single step" in spectrum.reading(dead).headline


@pytest.mark.parametrize("view", [{"lag": "log"}, {"floor": "-300"}, {"step": 3}])
def test_a_view_changes_no_answer(view: dict[str, str]) -> None:
    experiment = Experiment(T=9, H=3)
    one = spectrum.compute(experiment, Focus())
    plain, viewed = (
        as_json(Telling("spectrum", one, Asked(experiment, Focus(), own)))
        for own in (View(), View(**view))
    )
    assert plain == viewed


@pytest.mark.parametrize("cell", CELLS)
def test_the_titles_fit_over_their_panels(cell: str) -> None:
    figure = spectrum.figure(found(cell=cell, T=3, H=2), View())
    pen = picture.Pen(1, 1, 1.0)
    for sheet in figure.sheets.values():
        for panel in figure.panels:
            if panel.name in sheet.places:
                box = sheet.places[panel.name]
                assert pen.width(panel.title, 14) <= box.right - box.left


def test_weights_whose_product_with_a_slope_is_no_float64_any_more_are_told_of() -> None:
    query = "T=13&H=3&rnn_gain=5e-324&rnn_init=identity&act=logistic"
    asked = read(query.encode(), with_view=True)
    assert "can keep more than" in bodies("spectrum", tuple(FORMS), asked)["plot"].decode()
