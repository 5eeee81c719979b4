"""The learn lens: short formulas beside what is exact, and what it says of them."""

import math

import numpy as np
import orjson
import pytest
from starlette.testclient import TestClient

from app.drawing.figure import Curves
from app.drawing.pen import Pen
from app.forms import FORMS
from app.knobs import Experiment
from app.lenses import highway, learn
from app.links import read
from app.reading import Fact, told
from app.view import Focus, View
from lstm_engine import CELLS, pascanu_bound
from lstm_engine.cells.rnn import Rnn
from tests.app.lenses.test_highway import facts_of as facts_of_the_highway
from tests.app.markup import parsed
from tests.app.samples import SAMPLES, asked, bodies, filled

pytestmark = pytest.mark.slow

EXTREMES = {
    "dead relu": "rnn_init=identity&act=relu&T=60&H=4",
    "exploding": "b_f=5&gain=3&act=identity&rnn_gain=1.5&T=60&H=8",
    "chaotic": "gain=10&b_f=5&rnn_gain=10&T=120&H=16&init=normal",
    "logistic": "act=logistic&T=60&H=4",
    "long": "T=20000&H=2&D=1",
    "closed": "b_f=-20&T=300&H=2",
}
ALL = SAMPLES | EXTREMES


def found(query: str = "", **knobs: object) -> learn.Derivation:
    experiment = read(query.encode(), with_view=False).experiment
    return learn.compute(experiment.model_copy(update=knobs), Focus())


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_every_form_of_the_answer_is_there_for_every_experiment(query: str) -> None:
    told = bodies("learn", tuple(FORMS), read(query.encode(), with_view=True))
    assert all(told[form] for form in FORMS)
    headline = orjson.loads(told["plot"])["headline"]
    assert "typical" in headline
    assert not any(sign in headline for sign in ("e+", "e-", "nan", "inf ", "100%"))


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_what_is_called_exact_is_what_the_highway_lens_tells(query: str) -> None:
    experiment = read(query.encode(), with_view=False).experiment
    ours = learn.answer(learn.compute(experiment, Focus()))
    theirs = highway.answer(highway.compute(experiment, Focus()))
    np.testing.assert_array_equal(ours["t"], theirs["t"])
    for place, name in (
        (ours["rnn"]["exact"], "rnn_exact"),
        (ours["cell"]["direct"], "cell_direct"),
        (ours["cell"]["exact"], "cell_exact"),
        (ours["cell"]["detours"], "cell_detours"),
    ):
        np.testing.assert_array_equal(place["rms"], theirs["norms"][name]["rms"])
    np.testing.assert_array_equal(ours["highway_share"], theirs["highway_share"])


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_the_bound_lies_above_the_best_direction_and_that_above_the_mean(query: str) -> None:
    derivation = found(query)
    T, H = derivation.highway.experiment.T, derivation.highway.experiment.H
    bound = learn.predicted(derivation.rates.bound, T - derivation.norm_steps)
    assert (derivation.norms <= bound + 1e-9).all()
    rnn = derivation.highway.rnn
    both, ours, theirs = np.intersect1d(derivation.norm_steps, rnn.steps, return_indices=True)
    assert both[-1] == T
    norms, means = derivation.norms[ours], rnn.exact_rms[theirs]
    assert (means <= norms + 1e-7).all()
    assert (norms <= means + math.log10(H) / 2 + 1e-7).all()


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_the_carrys_prediction_is_the_geometric_mean_over_units_of_the_direct_path(
    query: str,
) -> None:
    derivation = found(query)
    cell = learn.answer(derivation)["cell"]
    mean = derivation.highway.cell.log10_direct[0].mean()
    assert cell["log10_predicted"][0] == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert mean <= cell["direct"]["rms"][0] + 1e-9


@pytest.mark.parametrize("gain", [0.9, 1.0, 1.1])
def test_of_an_orthogonal_linear_network_every_formula_tells_the_truth(gain: float) -> None:
    rnn = learn.answer(found(act="identity", rnn_gain=gain))["rnn"]
    for name in ("log10_bound", "log10_radius", "log10_typical"):
        np.testing.assert_allclose(rnn[name][0], 100 * math.log10(gain), atol=1e-9)
        np.testing.assert_allclose(rnn[name], rnn["exact"]["rms"], atol=1e-9)


def test_the_bound_is_the_engines_with_a_quarter_for_the_logistic_network() -> None:
    derivation = found(act="logistic", init="normal")
    weights = learn.networks(derivation.highway.experiment).rnn
    rate = math.log10(0.25 * np.linalg.norm(weights.weight_hh, 2))
    assert derivation.rates.bound == pytest.approx(rate)
    told = learn.answer(derivation)["rnn"]["log10_bound"]
    np.testing.assert_allclose(told, pascanu_bound(Rnn("logistic"), weights, range(100, -1, -1)))


@pytest.mark.parametrize("seed", range(5))
def test_the_typical_step_comes_near_where_the_bound_says_nothing(seed: int) -> None:
    """Within a power of ten for orthogonal weights, within a third of all powers for others."""
    for init, near in (("keras", 1.0), ("pytorch", math.inf), ("normal", math.inf)):
        derivation = found(init=init, seed=seed)
        exact = derivation.highway.rnn.exact_rms[0]
        assert abs(100 * derivation.rates.typical - exact) < min(near, abs(exact) / 3)
        assert 100 * derivation.rates.bound - exact > 0.99 * abs(exact)


def test_weights_of_zero_leave_nothing_at_any_lag_and_all_at_none() -> None:
    rnn = learn.answer(found(rnn_gain=0.0, T=5))["rnn"]
    for curve in (rnn["log10_bound"], rnn["log10_typical"], rnn["exact"]["rms"]):
        assert curve.tolist() == [-math.inf] * 5 + [0.0]
    assert rnn["verdict"] == "vanishes"


@pytest.mark.parametrize(
    ("T", "H", "back"), [(100, 32, 100), (1000, 128, 1000), (1000, 256, 149), (20000, 8, 5000)]
)
def test_the_best_direction_is_followed_no_further_than_is_cheap(T: int, H: int, back: int) -> None:
    steps = learn.norm_steps(Experiment(T=T, H=H))
    assert (np.diff(steps) > 0).all()
    assert steps[0] == T - back and steps[-1] == T
    assert 4 * H**3 * back <= 1e10 and len(steps) < 20


def headline(query: str = "", **knobs: object) -> str:
    return learn.reading(found(query, **knobs)).headline


def test_the_sentence_holds_predictions_against_what_arrives() -> None:
    assert headline().endswith("4.3\u00a0×\u00a010⁻⁹ arrives: detours bring the rest.")
    assert headline(gain=0.0, b_f=5.0).endswith("that predicts 49%, and 49% arrives.")
    assert headline(b_f=5.0, gain=3.0).endswith("41%, but it grows 170-fold on detours.")
    assert "units that keep more than the typical one bring it" in headline(
        "T=12&H=3&D=2&init=pytorch&seed=7&b_f=-2&b_i=0.5&b_g=-1&b_o=3&chrono=40"
    )
    assert "a typical update gate keeps" in headline(cell="gru", H=4)
    assert "a typical carry keeps all: that predicts all" in headline(cell="lstm-1997", H=4)
    grows = headline(act="identity", rnn_gain=1.1, H=4)
    assert "grows the gradient 1.1-fold: over 100 steps that predicts 13,781-fold growth" in grows
    assert "that predicts nothing, and nothing arrives" in headline(rnn_gain=0.0, H=4)


def test_detours_that_cancel_are_no_rest_that_they_bring() -> None:
    assert learn.which_is(-9.0, -5.0, 0.1) == ", but only 1.0\u00a0×\u00a010⁻⁹ arrives"


def test_what_the_weights_promise_is_a_proof_only_where_it_is_one() -> None:
    assert "proves that this gradient vanishes" in learn.promise(found(rnn_gain=0.8))
    assert "powers of ten below the bound" in learn.promise(found(rnn_gain=0.8))
    assert "the bound proves nothing" in learn.promise(found())
    assert "may explode, and need not" in learn.promise(found(rnn_gain=1.5))


def test_chaos_is_told_here_too() -> None:
    (warning, *_) = learn.reading(found(rnn_gain=10.0, T=300)).warnings
    assert warning.startswith("The vanilla RNN is chaotic")


def test_facts_that_two_lenses_share_have_the_same_numbers() -> None:
    ours = {fact.label: fact.value for fact in learn.reading(found()).facts}
    theirs = facts_of_the_highway()
    for name in ("every path (exact)", "the carry alone (direct)"):
        label = f"LSTM, {name}, rms over units"
        assert ours[label] == theirs[label]


def test_the_table_holds_the_answers_curves_line_by_line() -> None:
    derivation = found("T=7&H=3")
    told = learn.answer(derivation)
    head, *lines = learn.table(derivation)
    assert head.split(",") == [
        *("t", "rnn_bound", "rnn_radius", "rnn_typical", "rnn_exact"),
        *("cell_predicted", "cell_direct", "cell_exact"),
    ]
    rows = np.array([[float(field) for field in line.split(",")] for line in lines])
    np.testing.assert_array_equal(rows[:, 0], told["t"])
    np.testing.assert_array_equal(rows[:, 4], told["rnn"]["exact"]["rms"])
    np.testing.assert_array_equal(rows[:, 5], told["cell"]["log10_predicted"])
    assert list(learn.table(found("T=2&H=3&rnn_gain=0")))[1].startswith("0,,,,,")


@pytest.mark.parametrize("lag", ["linear", "log"])
def test_the_figure_holds_the_answers_numbers(lag: str) -> None:
    derivation = found("T=1200&H=3")
    told, figure = learn.answer(derivation), learn.figure(derivation, View(lag=lag))
    rnn, cell = (panel for panel in figure.panels if isinstance(panel, Curves))
    assert figure.time is not None
    _, there, drawn = np.intersect1d(told["t"], figure.time.steps, return_indices=True)
    for panel, name, values in (
        (rnn, "bound", told["rnn"]["log10_bound"]),
        (rnn, "spectral radius", told["rnn"]["log10_radius"]),
        (rnn, "typical step", told["rnn"]["log10_typical"]),
        (rnn, "exact", told["rnn"]["exact"]["rms"]),
        (cell, "typical forget gate", told["cell"]["log10_predicted"]),
        (cell, "direct", told["cell"]["direct"]["rms"]),
        (cell, "exact", told["cell"]["exact"]["rms"]),
    ):
        (line,) = [line for line in panel.lines if line.name == name]
        np.testing.assert_allclose(line.values[drawn], values[there], atol=1e-9)
    (dots,) = [line for line in rnn.lines if line.dots]
    np.testing.assert_array_equal(dots.values, told["rnn"]["spectral_norm"]["log10"])
    at = [figure.time.position(t) for t in told["rnn"]["spectral_norm"]["t"].tolist()]
    np.testing.assert_array_equal(dots.at, at)


@pytest.mark.parametrize("cell", CELLS)
def test_titles_and_legends_fit_even_on_a_phone(cell: str) -> None:
    figure = learn.figure(found(cell=cell, T=3, H=2), View())
    pen = Pen(1, 1, 1.0)
    for sheet in figure.sheets.values():
        for panel in figure.panels:
            assert isinstance(panel, Curves)
            box = sheet.places[panel.name]
            assert pen.width(panel.title, 14) <= box.right - box.left
            assert all(pen.width(line.name, 12) < 130 for line in panel.lines)


@pytest.mark.parametrize("query", ["", "T=40&H=4&cell=gru&init=normal&act=relu", "T=6000&H=1&D=1"])
def test_the_pages_tables_are_the_apis_numbers(client: TestClient, query: str) -> None:
    told_there = asked(client, f"/api/learn?{query}")
    page = parsed(client.get(f"/learn?{query}", follow_redirects=True).text)
    (table,) = page.having("table", **{"class": "derived"})
    rows = {
        row.one("th").text: [c.text for c in row.all("td")]
        for row in table.all("tr")
        if row.all("td")
    }
    rnn, cell, T = told_there["rnn"], told_there["cell"], told_there["t"][-1]
    for start, curve in (
        ("Bound", rnn["log10_bound"]),
        ("Radius", rnn["log10_radius"]),
        ("Typical step", rnn["log10_typical"]),
        ("Exact, rms", rnn["exact"]["rms"]),
        ("Typical", cell["log10_predicted"]),
        ("The carry alone", cell["direct"]["rms"]),
        ("Every path", cell["exact"]["rms"]),
    ):
        cells = [cells for label, cells in rows.items() if label.startswith(start)][-1]
        value = float(filled([curve[0]])[0])
        assert cells == [written(value / T), written(value)]
    back = T - rnn["spectral_norm"]["t"][0]
    (cells,) = [cells for label, cells in rows.items() if "direction that keeps most" in label]
    assert cells[1] == written(float(filled(rnn["spectral_norm"]["log10"][:1])[0]))
    assert (f"the last {back:,} steps alone" in page.text) == (back < T)


def written(log10: float) -> str:
    """A survival as a page shows it, its exponents on the line."""
    signs = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "−0123456789")
    return told(Fact("", log10, "log10")).translate(signs)
