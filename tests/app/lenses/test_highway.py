"""The highway lens: which steps it tells, what it says, when it warns."""

import math

import numpy as np
import pytest

from app.drawing.pen import Pen
from app.knobs import Experiment
from app.lenses import highway
from app.view import Focus, View
from lstm_engine import CELLS, Cell, cell_survival, lstm


def test_every_step_is_told_up_to_a_thousand_and_1001_of_them_above() -> None:
    assert highway.steps_told(1000).tolist() == list(range(1001))
    told = highway.steps_told(20000)
    assert len(told) == 1001
    assert told[0] == 0 and told[-1] == 20000
    assert told[7] == (7 * 20000 + 500) // 1000


def test_a_log_axis_shows_each_of_the_last_steps_however_long_the_sequence() -> None:
    lagged = highway.steps_lagged(20000)
    assert (np.diff(lagged) > 0).all()
    assert lagged[0] == 0
    assert set(range(19901, 20001)) <= set(lagged.tolist())


@pytest.mark.parametrize("lag", ["linear", "log"])
def test_what_is_drawn_of_a_long_sequence_is_what_the_engine_says_of_those_steps(lag: str) -> None:
    experiment = Experiment(T=1500, H=3, D=2)
    found = highway.compute(experiment, Focus())
    figure = highway.figure(found, View(lag=lag))
    cell, _, inputs = highway.networks(experiment)
    whole = cell_survival(lstm, lstm.forward(cell, inputs), cell)
    steps = figure.time.steps
    np.testing.assert_allclose(figure.panels[0].values, whole.log10_exact[steps], atol=1e-9)
    told = highway.answer(found)
    np.testing.assert_array_equal(told["t"], highway.steps_told(1500))
    np.testing.assert_allclose(told["cell"]["log10_exact"], whole.log10_exact[told["t"]], atol=1e-9)


def test_the_share_as_a_logarithm_is_the_share_and_goes_on_where_float64_ends() -> None:
    assert highway.log10_share(-3.0, -3.0) == pytest.approx(math.log10(0.5))
    assert highway.log10_share(-2.0, -1.0) == pytest.approx(math.log10(1 / 11))
    assert highway.log10_share(-2000.0, -100.0) == pytest.approx(-1900.0)
    assert highway.log10_share(-5.0, -math.inf) == 0.0
    assert highway.log10_share(-math.inf, -5.0) == -math.inf
    assert math.isnan(highway.log10_share(-math.inf, -math.inf))


def warned(**knobs: object) -> tuple[str, ...]:
    return highway.warnings(highway.compute(Experiment(**knobs), Focus()))


def test_chaos_is_told_of_chaotic_networks_alone() -> None:
    assert warned() == ()
    assert warned(act="identity", rnn_gain=2.0) == ()
    assert warned(act="relu", rnn_init="identity", rnn_gain=2.0) == ()
    (rnn,) = warned(rnn_gain=10.0, T=300)
    assert rnn.startswith("The vanilla RNN is chaotic")
    (cell,) = warned(gain=10.0, b_f=5.0, T=400, init="normal")
    assert cell.startswith("The LSTM is chaotic")
    (gru,) = warned(gain=10.0, T=300, init="normal", cell="gru")
    assert gru.startswith("The GRU is chaotic")


def headline(**knobs: object) -> str:
    return highway.reading(highway.compute(Experiment(**knobs), Focus())).headline


def test_the_sentence_names_the_road_that_the_gradient_took() -> None:
    assert "nearly all of it came by detours" in headline()
    assert "all that arrives came along the highway" in headline(gain=0.0)
    assert "nearly all that arrives came along" in headline(chrono=100, b_f=0.0, gain=0.05)
    assert "make it explode" in headline(b_f=5.0, gain=3.0, init="normal")
    assert "make it grow" in headline(cell="lstm-1997")
    assert "highway and detours both bring their part" in headline(T=5)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_headline_maps_and_facts_name_the_cell_and_no_other(cell: Cell) -> None:
    found = highway.compute(Experiment(cell=cell.NAME, T=12, H=3), Focus())
    reading = highway.reading(found)
    assert f"in the {cell.TITLE}" in reading.headline
    titles = [panel.title for panel in highway.figure(found, View()).panels[:2]]
    labels = [fact.label for fact in reading.facts[:3]]
    for words in titles + labels:
        assert words.split(",")[0].lower() == cell.TITLE.lower()


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_titles_of_the_maps_fit_over_them_even_on_a_phone(cell: Cell) -> None:
    figure = highway.figure(highway.compute(Experiment(cell=cell.NAME, T=3, H=2), Focus()), View())
    pen = Pen(1, 1, 1.0)
    for sheet in figure.sheets.values():
        for panel in figure.panels[:3]:
            box = sheet.places[panel.name]
            assert pen.width(panel.title, 14) <= box.right - box.left


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_cell_where_nothing_recurs_has_one_road(cell: Cell) -> None:
    found = highway.compute(Experiment(cell=cell.NAME), Focus())
    (share,) = [f.value for f in highway.reading(found).facts if f.label == "Highway share"]
    one_road = "is all there is, so direct is exact" in highway.reading(found).headline
    assert one_road == (share == 0.0) == (not cell.RECURRENT)
    if one_road:
        np.testing.assert_array_equal(found.cell.log10_exact, found.cell.log10_direct)


def facts_of(**knobs: object) -> dict[str, float]:
    return {
        fact.label: fact.value
        for fact in highway.reading(highway.compute(Experiment(**knobs), Focus())).facts
    }


def test_a_carry_without_a_forget_gate_keeps_all_and_has_neither_half_life_nor_bias() -> None:
    facts = facts_of(cell="lstm-1997")
    assert facts["Carry, median unit, geometric mean over time"] == 1.0
    assert not [label for label in facts if "alf" in label]
    assert "The carry alone keeps all" in headline(cell="lstm-1997")


def test_the_carry_is_made_of_the_cells_own_gates() -> None:
    assert "The carry alone, the product of forget gates, keeps" in headline()
    assert "The carry alone, the product of update gates, keeps" in headline(cell="gru")
    assert "forget gates with their peepholes, keeps" in headline(cell="peephole")
    normalised = "the carry, the product of forget gates normalised by input gates, is all"
    assert normalised in headline(cell="minlstm")
    assert "Carry, median unit, geometric mean over time" in facts_of(cell="minlstm")
    assert "Update gate, median unit, geometric mean over time" in facts_of(cell="gru")
    assert "Carry, median unit, geometric mean over time" in facts_of(cell="peephole")


def test_a_carry_above_one_grows() -> None:
    knobs = {"cell": "peephole", "b_f": 20.0, "seed": 2, "H": 4, "gain": 0.1}
    assert highway.compute(Experiment(**knobs), Focus()).cell.direct_rms[0] > 0.1
    assert "forget gates with their peepholes, grows 1.32-fold: " in headline(**knobs)


@pytest.mark.parametrize("T", [1, 60])
@pytest.mark.parametrize("cell", CELLS)
def test_the_bias_that_keeps_half_does_so_in_the_cell_it_is_told_of(cell: str, T: int) -> None:
    """Over silence, without weights; where another gate has a say, or none, no bias is told."""
    told = [value for label, value in facts_of(cell=cell, T=T).items() if "keeps half" in label]
    assert bool(told) == (cell not in ("lstm-1997", "minlstm"))
    for bias in told:
        silent = Experiment(cell=cell, T=T, H=2, b_f=bias, signal="zeros")
        assert highway.compute(silent, Focus()).cell.direct_rms[0] == pytest.approx(math.log10(0.5))


def test_no_sentence_speaks_in_the_notation_of_programs() -> None:
    for knobs in (
        {"T": 1},
        {"b_f": 15.0},
        {"gain": 4.0, "b_f": 5.0, "T": 400},
        {"T": 20000, "H": 2},
        *({"cell": cell, "b_f": 6.0} for cell in CELLS),
    ):
        assert not any(sign in headline(**knobs) for sign in ("e+", "e-", "nan", "inf ", "100%"))
