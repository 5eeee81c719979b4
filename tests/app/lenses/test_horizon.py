"""The horizon lens: what is read off curves and gates is what curves and gates do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.figure import Curves, Line
from app.drawing.pen import Pen
from app.drawing.picture import head
from app.knobs import Experiment
from app.lenses import gates, highway, horizon
from app.lenses.horizon.computed import THRESHOLDS, Reach, applied, fit, furthest
from app.lenses.horizon.figures import SIZES
from app.links import Asked, read
from app.view import Focus, View
from lstm_engine import CELLS
from tests.app.lenses.test_gates import EXTREMES
from tests.app.samples import SAMPLES, bodies, by_the_engine

OVERS = {f"over {n}": f"T=20&H=3&over={n}" for n in (1, 7, 100000)}
QUERIES = SAMPLES | EXTREMES | OVERS
VIEWS = (View(), View(unit=1, lag="log", floor="-300"), View(unit=200, step=20000))


def found(query: str = "", over: int | None = None, **knobs: object) -> Reach:
    asked = Asked(Experiment(**knobs), Focus(over=over))
    if query:
        asked = read(query.encode(), with_view=False)
    return horizon.compute(asked.experiment, asked.focus)


def close(ours: object, theirs: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_form_can_be_told(query: str) -> None:
    """JSON without nan, NPZ without objects, a table, words, both layouts."""
    asked = read(query.encode(), with_view=True)
    told = bodies("horizon", ("json", "npz", "plot"), asked)
    assert all(told.values())
    assert b"NaN" not in told["json"] and b"Infinity" not in told["json"]
    one = horizon.compute(asked.experiment, asked.focus)
    lines = list(horizon.table(one))
    assert len(lines) == 1 + asked.experiment.H
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    for view in VIEWS:
        assert horizon.numbers(one, view)["fits"]
        assert horizon.figure(one, view).sheets.keys() == SIZES.keys()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_no_sentence_speaks_in_the_notation_of_programs(query: str) -> None:
    reading = horizon.reading(found(query))
    for words in (reading.headline, *reading.warnings, *(fact.label for fact in reading.facts)):
        assert not any(sign in words for sign in ("e+", "e-0", "nan", "inf ", "  ", "--"))
    assert all(not math.isnan(fact.value) and fact.value < math.inf for fact in reading.facts)


@pytest.mark.parametrize("lens", [gates, horizon], ids=["gates", "horizon"])
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_the_sentence_has_room_over_the_picture_of_a_link(query: str, lens: object) -> None:
    asked = read(query.encode(), with_view=False)
    one = lens.compute(asked.experiment, asked.focus)
    sheet = lens.figure(one, View()).sheets["preview"]
    titles_begin = min(box.top for box in sheet.places.values()) - 22
    lines = head(Pen(1, 1, 1.0), sheet, "Gradient Highways", lens.reading(one).headline)
    for _, y, text, size, _ in lines:
        assert y + size / 2 <= titles_begin, text


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_curves_are_those_of_the_highway(query: str) -> None:
    told = horizon.answer(found(query))
    engine = by_the_engine(query)
    for ours, theirs in (("direct", "cell_direct"), ("exact", "cell_exact"), ("rnn", "rnn_exact")):
        close(told["log10_kept"][ours], engine[f"norms_{theirs}_rms"], rtol=1e-9)


@pytest.mark.parametrize("threshold", THRESHOLDS.values(), ids=THRESHOLDS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_furthest_lag_keeps_so_much_and_no_further_one_does(
    cell: str, threshold: float
) -> None:
    one = found(cell=cell, T=150, H=6, D=3)
    name = next(name for name, least in THRESHOLDS.items() if least == threshold)
    curves = {
        "direct": one.cell.direct_rms,
        "exact": one.cell.exact_rms,
        "rnn": one.rnn.exact_rms,
    }
    for curve, log10 in curves.items():
        lag = one.furthest[curve][name]
        assert 10 ** log10[150 - lag] >= threshold
        assert (10 ** log10[: 150 - lag] < threshold).all()


def test_a_curve_that_comes_back_counts_as_far_as_it_comes_back() -> None:
    assert furthest(np.array([-5.0, -2.0, -4.0, -1.0, 0.0]), 1e-3) == 3
    assert furthest(np.array([-3.0, -9.0, 0.0]), 1e-3) == 2
    assert furthest(np.array([-math.inf, -math.inf, 0.0]), 1e-38) == 0


def test_a_units_horizon_is_that_of_its_own_direct_path() -> None:
    """Over a run that is long enough the mean carry's horizon is where the product really ends."""
    one = found(T=400, H=5, D=2, b_f=4.0, signal="constant")
    for name, threshold in THRESHOLDS.items():
        for unit, lag in enumerate(one.horizons[name].astype(int)):
            if lag < 400:
                really = 400 - np.argmax(one.cell.log10_direct[:, unit] >= math.log10(threshold))
                assert abs(lag - really) <= 0.05 * really + 1


@given(st.floats(-3, 3), st.floats(-2, 1), st.integers(2, 60))
def test_a_straight_line_is_found_again(at_end: float, a_step: float, n: int) -> None:
    line = fit(at_end + a_step * np.arange(n)[::-1])
    close([line.at_end, line.a_step], [at_end, a_step], rtol=1e-9)
    assert line.worst < 1e-9 and line.lags == n
    assert math.isnan(line.r_squared) or abs(a_step) < 1e-9 or line.r_squared > 1 - 1e-9


def test_the_fit_is_numpys_and_passes_over_what_is_zero() -> None:
    rng = np.random.default_rng(3)
    curve = np.concatenate([[-math.inf, -math.inf], rng.normal(size=40)])
    line = fit(curve)
    lag = np.arange(40)[::-1]
    a_step, at_end = np.polyfit(lag, curve[2:], 1)
    close([line.at_end, line.a_step], [at_end, a_step], rtol=1e-9)
    close(line.r_squared, np.corrcoef(lag, curve[2:])[0, 1] ** 2, rtol=1e-9)
    close(line.worst, np.abs(curve[2:] - at_end - a_step * lag).max(), rtol=1e-9)
    assert line.lags == 40


def test_one_lag_has_no_line_and_a_level_curve_no_r_squared() -> None:
    assert math.isnan(fit(np.array([-math.inf, 0.0])).a_step)
    level = fit(np.zeros(9))
    assert (level.a_step, level.worst) == (0.0, 0.0) and math.isnan(level.r_squared)
    dead = found("T=9&H=3&rnn_gain=0")
    assert dead.fits["rnn"].lags == 1
    row = horizon.numbers(dead, View())["fits"][2]
    assert (row["kept"], row["half_life"], row["r_squared"]) == ("none", "none", "–")


@pytest.mark.parametrize("cell", [name for name in CELLS if "f" in CELLS[name].GATES])
@pytest.mark.parametrize("over", [1, 40, 3000])
def test_a_bias_alone_once_applied_keeps_half(cell: str, over: int) -> None:
    """Over silence, without weights that hear: the link's own experiment is run."""
    one = found(cell=cell, over=over, T=40, H=2, signal="zeros", gain=0.0, b_f=-3.0)
    ways = {way["of"]: way["changes"] for way in horizon.ways(one)}
    of = "beside" if cell == "minlstm" else "alone"
    assert ways[of].pop("chrono") is None
    after = found(cell=cell, T=over, H=2, signal="zeros", gain=0.0, **{"b_f": 0.0} | ways[of])
    kept = after.cell.direct_rms[0]
    assert kept == pytest.approx(math.log10(0.5), abs=1e-3)


@pytest.mark.parametrize("over", [1, 2])
def test_a_minlstm_next_to_an_input_gate_that_stays_has_a_bias_for_short_times_alone(
    over: int,
) -> None:
    one = found(cell="minlstm", over=over, T=4, H=2, b_i=-0.5, signal="zeros")
    assert math.isfinite(one.needed.alone)
    after = found(cell="minlstm", T=over, H=2, b_i=-0.5, signal="zeros", b_f=one.needed.alone)
    close(after.cell.direct_rms[0], math.log10(0.5))
    assert found(cell="minlstm", over=50, T=4, H=2, b_i=-0.5).needed.alone == math.inf


@pytest.mark.parametrize("cell", ["lstm", "coupled", "gru", "mingru"])
def test_the_bias_needed_here_brings_half_the_units_to_a_half_life_of_so_many_steps(
    cell: str,
) -> None:
    """What gates hear of h is cut off, so that only the bias changes them."""
    one = found(cell=cell, over=80, T=60, H=9, gain=0.0, amplitude=2.0)
    b_f = float(np.median(one.needed.b_f))
    after = found(cell=cell, over=80, T=60, H=9, gain=0.0, amplitude=2.0, b_f=b_f)
    assert float(np.median(after.half_life)) == pytest.approx(80, rel=1e-6)
    assert horizon.spread(after)["keeping"] in (4, 5)
    close(after.needed.b_f, one.needed.b_f, rtol=1e-9)


def test_a_bias_beyond_its_range_is_cut_and_that_is_said() -> None:
    assert applied(4.9682153) == (4.968, False)
    assert applied(23.7) == (20.0, True)
    assert applied(-20.0001) == (-20.0, True)
    loud = found("T=30&H=3&D=64&amplitude=100&over=100000")
    here = next(way for way in horizon.ways(loud) if way["of"] == "here")
    assert here["cut"] and here["changes"] == {"b_f": 20.0}


def test_nothing_is_needed_where_nothing_is_forgotten() -> None:
    one = found(cell="lstm-1997", T=20, H=3)
    assert not list(horizon.ways(one))
    assert horizon.reading(one).headline.startswith("There is no forget gate")
    figure = horizon.figure(one, View())
    assert [panel.name for panel in figure.panels] == ["kept"]
    assert figure.sheets["wide"].places.keys() == {"kept"}
    assert not any("alf" in f.label and "life" in f.label for f in horizon.reading(one).facts)


def headline(**knobs: object) -> str:
    return horizon.reading(found(**knobs)).headline


def test_the_sentence_says_how_far_and_what_it_takes() -> None:
    assert "keeps half for 2.1 steps and a thousandth for 21; b_f = 5.02" in headline()
    assert "would keep half for 100. In truth" in headline()
    assert "the LSTM keeps a thousandth for 33 steps, the vanilla RNN for 23." in headline()
    assert "no forget bias alone" in headline(cell="minlstm")
    assert "over all 3 steps, and so does the vanilla RNN" in headline(T=3, H=4)
    assert "would do to keep half for 7" in headline(b_f=5.0, over=7)
    assert "no update bias" not in headline(cell="gru")


def test_what_the_gates_would_go_on_doing_is_said_to_be_a_guess() -> None:
    assert horizon.reading(found(T=50, H=4)).warnings == ()
    (warning,) = horizon.reading(found(T=50, H=4, over=51)).warnings
    assert "over 51 steps" in warning and "as in these 50 steps" in warning


def test_units_without_a_dot_are_counted() -> None:
    one = found(cell="peephole", b_f=20.0, T=40, H=8)
    endless = int(np.isinf(one.half_life).sum())
    assert 0 < endless < 8
    (warning,) = horizon.reading(one).warnings
    assert f"{endless} unit" in warning
    assert horizon.threshold_row(one, "1e-3")["to"] == "no end"


def panel(one: Reach, name: str, view: View = VIEWS[0]) -> Curves:
    panels = {panel.name: panel for panel in horizon.figure(one, view).panels}
    assert isinstance(panels[name], Curves)
    return panels[name]


def line_of(curves: Curves, name: str) -> Line:
    return next(line for line in curves.lines if line.name == name)


def test_the_dots_are_the_units_horizons_before_they_are_cut_to_whole_steps() -> None:
    one = found(T=30, H=7, chrono=200)
    units = panel(one, "units")
    for name, said in (("1e-3", "10⁻³"), ("1e-6", "10⁻⁶"), ("float32", "float32")):
        dots = line_of(units, f"{said} is left")
        np.testing.assert_array_equal(np.floor(dots.values), one.horizons[name][dots.units])
    close(line_of(units, "½ is left").values, np.sort(one.half_life))
    for line in units.lines:
        assert (line.values >= units.y.low).all() and (line.values <= units.y.high).all()


@pytest.mark.parametrize("lag", ["linear", "log"])
@pytest.mark.parametrize("T", [40, 1500])
def test_the_lines_through_the_curves_are_the_fits(lag: str, T: int) -> None:
    one = found(T=T, H=3, D=2)
    view = View(lag=lag, unit=2)
    kept, steps = panel(one, "kept", view), horizon.figure(one, view).time.steps
    expected = highway.steps_told(T) if lag == "linear" else highway.steps_lagged(T)
    np.testing.assert_array_equal(steps, expected)
    for name, curve in (("exact", "exact"), ("direct", "direct"), ("RNN", "rnn")):
        straight = line_of(kept, f"{name}, straight line").values
        off = np.abs(straight - line_of(kept, name).values)
        assert off.max() <= one.fits[curve].worst + 1e-9
        close(straight[-1], one.fits[curve].at_end)
    close(line_of(kept, "exact, unit 2").values, one.cell.log10_exact[steps, 2])


def test_thresholds_stand_on_no_step_so_that_none_has_them_told() -> None:
    for view in (View(), View(lag="log")):
        one = found(T=30, H=3)
        kept = panel(one, "kept", view)
        levels = [line for line in kept.lines if line.at is not None]
        assert [line.values[0] for line in levels] == [-3.0, pytest.approx(-4.2144, abs=1e-4), -6.0]
        assert not set(levels[0].at) & set(kept.x.positions())


def test_the_biases_drawn_are_those_told_and_all_of_them_are_on_the_panel() -> None:
    for knobs in ({}, {"b_f": -20.0}, {"chrono": 300}, {"cell": "minlstm", "b_i": -9.0}):
        one = found(T=30, H=6, **knobs)
        biases = panel(one, "biases")
        dots = line_of(biases, "these units")
        close(dots.values, one.needed.b_f)
        assert (dots.at == 30).all()
        for line in biases.lines:
            inside = (line.values >= biases.y.low) & (line.values <= biases.y.high)
            assert inside.all() or (line.name == "a bias alone" and inside.any())


@pytest.mark.parametrize("cell", CELLS)
def test_the_titles_fit_over_their_panels_even_on_a_phone(cell: str) -> None:
    figure = horizon.figure(found(cell=cell, T=5, H=2), View())
    pen = Pen(1, 1, 1.0)
    for width, sheet in figure.sheets.items():
        assert (sheet.width, sheet.height) == SIZES[width]
        assert {panel.name for panel in figure.panels} == set(sheet.places)
        for one in figure.panels:
            box = sheet.places[one.name]
            assert pen.width(one.title, 14) <= box.right - box.left
