"""The compare lens: the numbers of two experiments, and what it says of their difference."""

import math
import pickle
import re
from itertools import cycle

import numpy as np
import orjson
import pytest
from starlette.testclient import TestClient

from app.drawing import plot
from app.drawing.figure import Curves, Map, Panel
from app.drawing.pen import Pen
from app.drawing.shades import BELOW, shade_numbers
from app.drawing.shades import shades as shades_of
from app.forms import flat
from app.knobs import Experiment
from app.lenses import compare, highway
from app.lenses.compare.computed import SecondLeftFloat64, b_over_a, compute
from app.lenses.compare.figures import FURTHEST, A, B
from app.links import read
from app.view import Focus, View
from lstm_engine import CELLS
from lstm_engine.errors import LeftFloat64
from tests.app.samples import SAMPLES, bodies

OWN = {
    "nothing": "",
    "forget bias": "vs_b_f=5",
    "another cell": "vs_cell=gru&vs_seed=3",
    "fewer units": "vs_H=2&vs_gain=0",
    "another RNN": "vs_act=relu&vs_rnn_init=identity",
    "silence": "vs_signal=zeros&vs_chrono=50",
}


def found(query: str) -> compare.Comparison:
    asked = read(query.encode(), with_view=False)
    return compute(asked.experiment, asked.focus)


def with_own(query: str, own: str) -> str:
    return "&".join(part for part in (query, own) if part)


@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_both_experiments_have_the_numbers_they_have_alone(query: str, own: str) -> None:
    both = found(with_own(query, own))
    told = compare.answer(both)
    for letter, side in (("a", both.a), ("b", both.b)):
        alone = highway.answer(highway.compute(side.experiment, Focus()))
        np.testing.assert_array_equal(told["t"], alone.pop("t"))
        numbers, expected = (dict(flat(part)) for part in (told[letter], alone))
        assert numbers.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(numbers[name], values, err_msg=name)
    assert both.a.experiment == read(query.encode(), with_view=False).experiment


# Each sample with one of B's, in turn: pictures take their time.
PAIRED_OFF = list(zip(SAMPLES.values(), cycle(OWN.values()), strict=False))


@pytest.mark.parametrize(("query", "own"), PAIRED_OFF, ids=SAMPLES)
def test_every_form_can_be_told(query: str, own: str) -> None:
    """JSON without nan, NPZ without objects, a table, words, both layouts, pictures."""
    asked = read(with_own(query, own).encode(), with_view=True)
    forms = ("json", "csv", "npz", "plot", "preview", "wide", "narrow")
    told = bodies("compare", forms, asked)
    assert all(told.values())
    for view in (View(unit=1, step=1, order="survival", lag="log", floor="-300"), View()):
        figure = compare.figure(compute(asked.experiment, asked.focus), view)
        assert figure.sheets.keys() == compare.SHEETS.keys()


def test_what_is_the_same_in_both_is_computed_once() -> None:
    assert found("v=1").same_cell and found("v=1").same_rnn
    rnn_alone = found("vs_act=relu")
    assert rnn_alone.same_cell and not rnn_alone.same_rnn and rnn_alone.of_the_rnn
    heard = found("vs_signal=sine")
    assert not heard.same_cell and not heard.same_rnn
    cell_alone = found("vs_b_f=2")
    assert not cell_alone.same_cell and cell_alone.same_rnn
    both = found("vs_seed=2")
    assert not both.same_cell and not both.same_rnn and not both.of_the_rnn
    silent = found("signal=zeros&vs_amplitude=3")
    assert silent.differing and silent.same_cell and silent.same_rnn


def test_b_over_a_is_their_ratio_and_says_which_is_zero_where_there_is_none() -> None:
    a, b = (
        np.array([-3.0, -math.inf, -2.0, -math.inf]),
        np.array([-1.0, -5.0, -math.inf, -math.inf]),
    )
    over = b_over_a(a, b)
    np.testing.assert_array_equal(over, [2.0, math.inf, -math.inf, math.nan])
    assert [compare.ZERO_IN[n] for n in compare.zero_in(over)] == ["neither", "a", "b", "both"]


def test_true_zeros_of_dead_units_are_told_apart() -> None:
    """An identity RNN with relu: a unit is dead for good or lives, in A at gain 1, in B at 0."""
    one_dead = found("T=6&H=4&act=relu&rnn_init=identity&vs_rnn_gain=0")
    told = compare.answer(one_dead)
    a, b = (told[letter]["rnn"]["log10_exact"] for letter in ("a", "b"))
    zero = told["b_over_a"]["rnn"]["zero_in"]
    np.testing.assert_array_equal(zero, 1 * (a == -math.inf) + 2 * (b == -math.inf))
    assert {0, 2, 3} <= set(zero.ravel().tolist())
    assert not told["b_over_a"]["cell"]["zero_in"].any()
    over = told["b_over_a"]["rnn"]["log10_exact"]
    assert (np.isfinite(over) == (zero == 0)).all()


def panel_of(both: compare.Comparison, name: str) -> Panel:
    return next(panel for panel in compare.figure(both, View()).panels if panel.name == name)


def test_units_without_partners_have_no_ratio_but_the_curves_do() -> None:
    unlike, alike = found("T=9&H=4&vs_H=3"), found("T=9&H=4&vs_seed=5")
    told = compare.answer(unlike)
    assert not told["paired"] and told["b_over_a"].keys() == {"rms"}
    exact = told["b"]["norms"]["cell_exact"]["rms"] - told["a"]["norms"]["cell_exact"]["rms"]
    np.testing.assert_array_equal(told["b_over_a"]["rms"]["cell_exact"], exact)
    ratio, pixels = panel_of(unlike, "B over A"), panel_of(alike, "B over A")
    assert isinstance(ratio, Curves) and isinstance(pixels, Map)
    np.testing.assert_array_equal(ratio.lines[-1].values, exact)
    assert ratio.lines[-1].name == "Every path (exact), B over A"
    assert "over" not in compare.figure(unlike, View()).sheets["wide"].bars
    assert "over" in compare.figure(alike, View()).sheets["wide"].bars


@pytest.mark.parametrize("lag", ["linear", "log"])
def test_the_figure_draws_the_numbers_of_the_answer(lag: str) -> None:
    both = found("T=40&H=5&vs_b_f=4")
    told, figure = compare.answer(both), compare.figure(both, View(lag=lag, order="survival"))
    panels = {panel.name: panel for panel in figure.panels}
    for letter in ("A", "B"):
        numbers = told[letter.lower()]
        np.testing.assert_array_equal(panels[letter].values, numbers["cell"]["log10_exact"])
        lines = {line.name: line.values for line in panels["curves"].lines}
        np.testing.assert_array_equal(
            lines[f"{letter} exact"], numbers["norms"]["cell_exact"]["rms"]
        )
        np.testing.assert_array_equal(
            lines[f"{letter} direct"], numbers["norms"]["cell_direct"]["rms"]
        )
        shares = {line.name: line.values for line in panels["share"].lines}
        np.testing.assert_array_equal(shares[f"{letter} highway share"], numbers["highway_share"])
    over = told["b_over_a"]["cell"]["log10_exact"]
    np.testing.assert_array_equal(panels["B over A"].values, over)
    order = panels["A"].y.order
    assert all(panels[name].y.order is order for name in ("B", "B over A"))
    assert (np.diff(panels["A"].values[0][order]) >= 0).all()


def test_the_colours_of_the_difference_are_the_same_whatever_differs() -> None:
    scales = [
        compare.figure(found(query), View()).scales["over"]
        for query in ("vs_b_f=20", "vs_seed=1", "T=2000&H=2&vs_b_f=-20")
    ]
    assert scales[0] == scales[1] == scales[2]
    assert scales[0].ends() == (-FURTHEST, FURTHEST)


def lines_of(query: str) -> dict[str, str]:
    return {line.name: line.dash for line in panel_of(found(query), "curves").lines}


def test_curves_of_both_are_drawn_and_what_does_not_differ_once() -> None:
    both = {"A direct": "dash", "A exact": "solid", "B direct": "dash", "B exact": "solid"}
    assert lines_of("vs_b_f=5") == both
    assert lines_of("vs_seed=5") == both | {"A RNN": "dot", "B RNN": "dot"}
    once = {"A and B direct": "dash", "A and B exact": "solid"}
    assert lines_of("v=1") == once
    assert lines_of("vs_act=relu") == once | {"A RNN": "solid", "B RNN": "solid"}


def test_gold_is_b_in_curves_and_difference_alike() -> None:
    curves = panel_of(found("vs_b_f=5"), "curves")
    assert {line.colour for line in curves.lines if line.name.startswith("A")} == {A}
    assert {line.colour for line in curves.lines if line.name.startswith("B")} == {B}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("own", ["vs_init=pytorch", "vs_amplitude=0.123456789", "vs_cell=peephole"])
def test_the_titles_fit_over_the_maps_even_on_a_phone(cell: str, own: str) -> None:
    pen = Pen(1, 1, 1.0)
    for query in (f"T=3&H=2&cell={cell}&{own}", f"T=3&H=2&cell={cell}&{own}&vs_H=1&vs_seed=44444"):
        figure = compare.figure(found(query), View())
        for sheet in figure.sheets.values():
            for panel in figure.panels:
                if panel.name in sheet.places:
                    box = sheet.places[panel.name]
                    assert pen.width(panel.title, 14) <= box.right - box.left, panel.title


def test_a_map_is_titled_with_what_differs() -> None:
    figure = compare.figure(found("vs_b_f=5"), View())
    assert [panel.title for panel in figure.panels[:2]] == [
        "A: LSTM, exact, b_f = 1",
        "B: LSTM, exact, b_f = 5",
    ]
    figure = compare.figure(found("vs_act=relu"), View())
    assert figure.panels[1].title == "B: vanilla RNN, exact, act = relu"


def headline(query: str) -> str:
    return compare.reading(found(query)).headline


def test_the_sentence_says_which_keeps_more_by_how_much_and_on_which_road() -> None:
    both = found("vs_b_f=5")
    a, b = both.a.cell, both.b.cell
    grown = b.exact_rms[0] - a.exact_rms[0]
    sentence = headline("vs_b_f=5")
    assert sentence.startswith("With b_f = 5 in the place of 1, ")
    assert f"{compare.factor(grown)} times as much gradient arrives 100 steps back" in sentence
    assert (
        f"The carry alone keeps {compare.factor(b.direct_rms[0] - a.direct_rms[0])} times"
        in sentence
    )
    assert sentence.endswith("in both nearly all comes by detours.")
    back = headline("b_f=5&vs_b_f=1")
    assert f"{compare.factor(grown)} times less gradient arrives" in back
    assert "in A nearly all comes by detours, in B all comes along the carry" in headline(
        "vs_gain=0"
    )


def test_the_sentence_is_of_the_rnn_where_that_alone_differs() -> None:
    sentence = headline("vs_rnn_gain=0.5")
    assert "less gradient arrives 100 steps back in the vanilla RNN" in sentence
    assert sentence.endswith("The LSTM is the same in both.")


def test_nothing_arriving_is_said_and_not_worked_out() -> None:
    dead = "T=6&H=4&act=relu&rnn_gain=0"
    assert "none of the gradient arrives 6 steps back" in headline("T=6&H=4&vs_rnn_gain=0")
    assert "it dies out in B and keeps" in headline("T=6&H=4&vs_rnn_gain=0")
    assert "in the vanilla RNN in either" in headline(f"{dead}&vs_act=tanh")
    some = headline("T=6&H=4&rnn_gain=0&vs_rnn_gain=1")
    assert "some of the gradient arrives" in some and "dies out in A" in some


def test_where_nothing_differs_the_page_says_so() -> None:
    assert headline("v=1").startswith("Nothing differs yet: B is A")
    assert headline("vs_b_f=1").startswith("Nothing differs yet")
    assert "as much gradient arrives" in headline("signal=zeros&vs_amplitude=3")


def test_small_changes_are_told_in_percent_and_large_ones_as_factors() -> None:
    assert compare.more(math.log10(1.43)) == "43% more"
    assert compare.more(math.log10(0.98)) == "2% less"
    assert compare.more(math.log10(1.999)) == "100% more"
    assert compare.more(math.log10(2.54)) == "2.5 times as much"
    assert compare.more(math.log10(1 / 352943)) == "350,000 times less"
    assert compare.more(9.79) == f"{compare.factor(9.79)} times as much"
    assert compare.factor(9.79) == "6.2\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁹"


def test_the_road_follows_the_highway_share() -> None:
    roads = [compare.road(share) for share in (1.0, 0.95, 0.4, 0.05, math.nan)]
    assert roads[0] == "all comes along the carry"
    assert roads[1] == "nearly all comes along the carry"
    assert "both bring their part (highway share 40%)" in roads[2]
    assert roads[3] == "nearly all comes by detours"
    assert roads[4] == "nothing arrives on any road"


def facts(query: str) -> dict[str, float]:
    return {fact.label: fact.value for fact in compare.reading(found(query)).facts}


def test_facts_tell_a_and_b_and_their_ratio() -> None:
    told, both = facts("vs_b_f=5"), found("vs_b_f=5")
    exact = "every path (exact), rms over units"
    assert told[f"A, LSTM, {exact}"] == both.a.cell.exact_rms[0]
    assert told[f"B, LSTM, {exact}"] == both.b.cell.exact_rms[0]
    over = told[f"B over A, LSTM, {exact}"]
    assert over == pytest.approx(both.b.cell.exact_rms[0] - both.a.cell.exact_rms[0])
    assert "A and B, vanilla RNN, rms over units" in told
    assert not [label for label, value in told.items() if value == math.inf]


def test_a_ratio_to_zero_is_no_fact() -> None:
    told = facts("T=6&H=4&rnn_gain=0&vs_rnn_gain=1")
    assert told["A, vanilla RNN, rms over units"] == -math.inf
    assert "B over A, vanilla RNN, rms over units" not in told


def test_chaos_is_told_with_the_experiment_it_is_in() -> None:
    (warning,) = compare.reading(found("T=300&H=16&vs_rnn_gain=10")).warnings
    assert warning.startswith("In B the vanilla RNN is chaotic")
    assert compare.reading(found("vs_b_f=5")).warnings == ()


def test_the_table_by_distance_tells_the_curves() -> None:
    both = found("T=200&H=4&vs_seed=7")
    rows = compare.numbers(both, View())["by_distance"]
    assert [back for back, _ in rows] == [1, 10, 100, 200]
    exact_a, exact_b, over = rows[2][1][0]
    assert exact_a == compare.size(both.a.cell.exact_rms[100])
    assert exact_b == compare.size(both.b.cell.exact_rms[100])
    assert over == compare.size(both.b.cell.exact_rms[100] - both.a.cell.exact_rms[100])
    assert len(rows[0][1]) == len(compare.numbers(both, View())["curves"]) == 3
    assert compare.ratio(math.nan) == "both 0" and compare.ratio(math.inf) == "A is 0"
    assert compare.ratio(-math.inf) == "0"


def test_the_table_by_distance_of_a_long_sequence_names_steps_that_were_walked() -> None:
    both = found("T=20000&H=2&D=1&vs_b_f=3")
    rows = compare.numbers(both, View())["by_distance"]
    assert [back for back, _ in rows][:3] == [1, 10, 100] and rows[-1][0] == 20000
    assert all(20000 - back in both.a.cell.steps for back, _ in rows)


def test_units_are_pairs_only_where_both_draw_alike() -> None:
    for own, pairs in (("b_f=5", True), ("seed=1", False), ("init=pytorch", False), ("H=8", False)):
        assert compare.numbers(found(f"T=4&vs_{own}"), View())["pairs"] == pairs


def test_the_csv_holds_both_experiments_line_by_line() -> None:
    both = found("T=3&H=2&vs_H=1")
    header, *lines = compare.table(both)
    assert header == "experiment,t,unit,cell_log10_direct,cell_log10_exact,rnn_log10_exact"
    assert [line[0] for line in lines] == ["a"] * 8 + ["b"] * 4
    last_of_b = lines[-1].split(",")
    assert last_of_b[:3] == ["b", "3", "0"] and float(last_of_b[4]) == 0.0


GROWING = "T=400&H=4&act=relu&rnn_init=identity"


def test_a_state_of_b_that_leaves_float64_is_told_from_one_of_a() -> None:
    with pytest.raises(SecondLeftFloat64) as left:
        found(f"{GROWING}&signal=constant&vs_rnn_gain=10")
    assert left.value.cell == "rnn" and left.value.step > 300
    sent = pickle.loads(pickle.dumps(left.value))  # from a worker
    assert (type(sent), sent.step) == (SecondLeftFloat64, left.value.step)
    with pytest.raises(LeftFloat64) as first:
        found(f"{GROWING}&signal=constant&rnn_gain=10&vs_rnn_gain=1")
    assert not isinstance(first.value, SecondLeftFloat64)


def test_what_b_is_comes_with_the_answer() -> None:
    told = compare.answer(found("T=5&H=2&vs_cell=gru&vs_b_f=4"))
    assert told["second"] == {
        k: v for k, v in Experiment(T=5, H=2, cell="gru", b_f=4.0) if k != "v"
    }
    assert told["differs"] == ["cell", "b_f"]
    assert told["b"]["cell"]["name"] == "gru"


@pytest.mark.parametrize(
    "query",
    [f"{GROWING}&signal=constant", f"signal=text&text={'a' * 400}&H=4&act=relu&rnn_init=identity"],
)
def test_what_takes_b_beyond_float64_is_refused_under_bs_name(
    client: TestClient, query: str
) -> None:
    refused = client.get(f"/api/compare?{query}&vs_rnn_gain=10")
    assert refused.status_code == 422
    problem = refused.json()
    assert [(e["key"], e["value"]) for e in problem["errors"]] == [("vs_rnn_gain", "10")]
    assert "the second experiment" in problem["title"]
    assert "B's vanilla RNN's state beyond float64 at step" in problem["detail"]
    assert client.get(problem["nearest"]).status_code == 200


def test_a_second_experiment_that_costs_too_much_is_refused(client: TestClient) -> None:
    refused = client.get("/api/compare?T=5000&vs_H=256")
    assert refused.status_code == 422 and "The second experiment" in refused.json()["title"]
    assert client.get("/api/highway?T=5000&H=8&vs_H=256").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "T=20000&H=8&D=2&vs_b_f=4",
        "T=400&H=8&gain=4&b_f=5&init=normal&vs_gain=10",
        "T=300&H=6&b_f=-20&vs_cell=gru&vs_b_f=20",
        "T=50&H=4&act=relu&rnn_gain=0&vs_rnn_init=identity",
    ],
)
def test_far_beyond_float64_there_are_still_numbers_and_words(query: str) -> None:
    asked = read(query.encode(), with_view=True)
    told = bodies("compare", ("json", "plot"), asked)
    assert orjson.loads(told["json"])["b"]["highway_share"][-1] == 1.0
    words = orjson.loads(told["plot"])["parts"]
    for part in words.values():
        assert not re.search(r"\b(\d*e[+-]\d+|inf|nan|None)\b", part)


def test_a_place_without_a_ratio_is_hatched_and_black_is_the_same() -> None:
    both = found("T=6&H=4&act=relu&rnn_init=identity&vs_rnn_gain=0")
    figure, over = compare.figure(both, View()), panel_of(both, "B over A")
    shades = shade_numbers(over.drawn(), figure.scales["over"])
    np.testing.assert_array_equal(shades == BELOW, ~np.isfinite(over.drawn()))
    assert 0 < (shades == BELOW).sum() < shades.size
    hatched = plot.layout(figure, "wide")["images"]
    assert len(hatched) == 4  # three maps, and the dark end of what is kept
    black = shade_numbers(np.zeros((1, 1)), figure.scales["over"])
    assert shades_of(figure.scales["over"])[black[0, 0]].sum() < 60


def test_the_nearest_link_of_a_second_experiment_that_leaves_float64_works(
    client: TestClient,
) -> None:
    numbers = ",".join(str(n % 7) for n in range(400))
    query = f"signal=series&series={numbers}&vs_act=identity&vs_rnn_gain=10&vs_rnn_init=identity"
    refused = client.get(f"/api/compare?{query}&vs_signal=noise")
    assert refused.status_code == 422
    assert client.get(refused.json()["nearest"]).status_code == 200
