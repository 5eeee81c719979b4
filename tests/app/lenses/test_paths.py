"""The paths lens: the engine's numbers, what it leaves out, what it says, draws and counts."""

import csv
import importlib
import json
import math

import numpy as np
import pytest

from app.drawing import picture, plot
from app.drawing.figure import Curves, Map, TimeAxis
from app.drawing.marks import Mark, marks_of
from app.drawing.pen import Pen
from app.forms import Telling, as_json
from app.knobs import Experiment
from app.lenses import paths
from app.lenses.paths.computed import MOST_ENDS, Paths, affordable_grid, every, steps_affordable
from app.lenses.paths.figures import NAMED, THE_STATE, TITLES
from app.links import Asked, read
from app.networks import networks
from app.view import Focus, View
from lstm_engine import (
    CELLS,
    Rnn,
    cell_blocks,
    cell_from_to,
    cell_survival,
    jacobian_between,
    rnn_from_to,
)
from tests.app.samples import SAMPLES

BEYOND = {
    "chaotic": "H=8&T=150&gain=10&rnn_gain=10&b_f=5&init=normal",
    "exploding": "H=4&T=120&act=identity&rnn_gain=9&cell=lstm-1997&gain=3",
    "dead relu": "H=3&T=40&act=relu&init=pytorch&b_o=-20",
    "faint": "H=4&T=30&gain=1e-200&chrono=1000&init=pytorch",
    "long": "H=8&T=20000",
    "long and nothing": "H=2&T=20000&gain=0&rnn_gain=0&chrono=500",
    "on a log axis": "H=3&T=1500&lag=log&order=survival&floor=-300&unit=2&step=7",
    "looked at": "H=3&T=60&s=20&t=50",
}
EVERY = SAMPLES | BEYOND


def found(focus: Focus | None = None, **knobs: object) -> Paths:
    return paths.compute(Experiment(**knobs), focus or Focus())


def told(query: str) -> tuple[Paths, dict]:
    asked = read(query.encode(), with_view=True)
    one = paths.compute(asked.experiment, asked.focus)
    return one, json.loads(as_json(Telling("paths", one, asked)))


def filled(rows: list, nothing: float = -math.inf) -> np.ndarray:
    values = np.array(rows, dtype=object)
    return np.where(np.equal(values, None), nothing, values).astype(np.float64)


@pytest.mark.parametrize("query", EVERY.values(), ids=EVERY)
def test_every_experiment_is_told_read_tabled_and_drawn(query: str) -> None:
    asked = read(query.encode(), with_view=True)
    one, answer = told(query)
    experiment = asked.experiment
    words = paths.reading(one)
    said = " ".join([words.headline, *(fact.label for fact in words.facts), *words.warnings])
    assert not any(sign in said for sign in ("e+", "e-", "nan", "inf ", "100%"))
    assert not any(math.isnan(fact.value) for fact in words.facts)
    figure = paths.figure(one, asked.view)
    for width, sheet in figure.sheets.items():
        assert picture.png(figure, width, 1.0)
        assert {panel.name for panel in figure.panels} >= sheet.places.keys()
    assert plot.page_figure(figure)["data"]
    lines = list(csv.DictReader(paths.table(one)))
    assert len(lines) == len(answer["t"]) * experiment.H
    assert float(lines[-1]["cell_log10_exact"]) == 0 and lines[-1]["cell_log10_detours"] == ""
    numbers = paths.numbers(one, asked.view)
    assert numbers["blocks"] and numbers["left_out"] == []


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_what_is_told_is_what_the_engine_finds(query: str) -> None:
    _, answer = told(query)
    experiment = read(query.encode(), with_view=False).experiment
    cell, rnn = CELLS[experiment.cell], Rnn(experiment.act)
    weights, rival, x = networks(experiment)
    states = cell.forward(weights, x)
    survival, blocks = cell_blocks(cell, states, weights, answer["t"])
    for name in ("direct", "exact", "detours"):
        rms = filled(answer["norms"][f"cell_{name}"]["rms"])
        np.testing.assert_allclose(rms, getattr(survival, f"{name}_rms"), atol=1e-10)
    np.testing.assert_allclose(answer["highway_share"], survival.share, atol=1e-12)
    for name, block in answer["blocks"].items():
        np.testing.assert_allclose(filled(block["log10"]), getattr(blocks, name), atol=1e-10)
    grid = answer["from_to"]["steps"]
    ours = cell_from_to(cell, states, weights, grid)
    theirs = rnn_from_to(rnn, rnn.forward(rival, x), rival, grid)
    expected = (ours.direct_rms, ours.exact_rms, theirs.exact_rms)
    for name, matrix in zip(("cell_direct", "cell_exact", "rnn_exact"), expected, strict=True):
        # What is later has no effect: a true zero, null, −inf once filled in.
        np.testing.assert_allclose(
            filled(answer["from_to"][name]),
            np.nan_to_num(matrix, nan=-np.inf, neginf=-np.inf),
            atol=1e-9,
        )
    entries = jacobian_between(cell, states, weights, answer["jacobian"]["s"], experiment.T)
    np.testing.assert_allclose(filled(answer["jacobian"]["log10"]), entries.log10, atol=1e-9)
    np.testing.assert_array_equal(answer["jacobian"]["sign"], entries.sign)


def test_the_numbers_meet_where_the_roads_do() -> None:
    """The map's corner, the curve's end, the Jacobian's norm and its parts are one number."""
    one = found(Focus(s=0))
    exact = float(one.survival.exact_rms[0])
    assert one.from_to.exact[0, -1] == pytest.approx(exact, abs=1e-12)
    own, others, direct = paths.jacobian_parts(one)
    assert 0.5 * np.log10(10 ** (2 * own) + 10 ** (2 * others)) == pytest.approx(exact, abs=1e-12)
    assert direct == pytest.approx(one.survival.direct_rms[0], abs=1e-12)
    assert one.from_to.direct[0, -1] == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize(
    ("asked", "shown", "warned"),
    [
        ({}, (40, 50), 0),
        ({"s": 7}, (7, 50), 0),
        ({"t": 30}, (20, 30), 0),
        ({"t": 4}, (0, 4), 0),
        ({"s": 3, "t": 30}, (3, 30), 0),
        ({"t": 51}, (40, 50), 1),
        ({"t": 0}, (0, 1), 1),
        ({"s": 30, "t": 30}, (29, 30), 1),
        ({"s": 20000, "t": 20000}, (49, 50), 2),
    ],
)
def test_two_steps_are_looked_at_and_where_they_cannot_be_it_is_said(
    asked: dict, shown: tuple[int, int], warned: int
) -> None:
    one = found(Focus(**asked), T=50, H=4)
    assert (one.s, one.t) == shown
    warnings = paths.reading(one).warnings
    assert len(warnings) == warned
    for warning in warnings:
        assert f" = {asked['t']:,}" in warning or f" = {asked['s']:,}" in warning


def test_the_step_that_is_looked_at_is_marked_in_the_maps_from_step_to_step() -> None:
    one = found(Focus(s=12, t=30), T=50, H=4)
    figure = paths.figure(one, View())
    assert figure.picked == {"s": 12, "t": 30}
    picking = [p for p in figure.panels if isinstance(p, Map) and p.picks == ("t", "s")]
    assert len(picking) == 3
    for panel in picking:
        assert isinstance(panel.x, TimeAxis) and isinstance(panel.y, TimeAxis)
        assert (panel.x.name, panel.y.name) == ("to step t", "from step s")
        assert list(marks_of(panel, figure)) == [Mark((30, 30), None), Mark(None, (12, 12))]
        # Entry [column, row]: the later step along x, the earlier one along y.
        assert np.isfinite(panel.values[-1, 0]) and np.isnan(panel.values[0, -1])


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_has_four_blocks_or_says_why_there_is_one(cell: str) -> None:
    one = found(T=12, H=3, cell=cell)
    names = set(paths.answer(one)["blocks"])
    assert names == (set(TITLES) if "o" in CELLS[cell].GATES else {"h_to_h"})
    figure = paths.figure(one, View())
    drawn = {panel.name: panel for panel in figure.panels}
    blocks = {NAMED[name] for name in names} if len(names) > 1 else {THE_STATE}
    assert blocks == {*NAMED.values(), THE_STATE} & drawn.keys()
    for width in ("wide", "narrow"):
        assert blocks == {*NAMED.values(), THE_STATE} & figure.sheets[width].places.keys()
    if len(names) == 1:
        assert "h is c in the " in drawn[THE_STATE].title
        assert paths.numbers(one, View())["one_state"]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.slow
def test_titles_fit_over_their_panels_even_on_a_phone(cell: str) -> None:
    figure = paths.figure(found(Focus(s=19990), cell=cell, T=20000, H=2), View())
    pen = Pen(1, 1, 1.0)
    for sheet in figure.sheets.values():
        for panel in (panel for panel in figure.panels if panel.name in sheet.places):
            box = sheet.places[panel.name]
            assert pen.width(panel.title, 14) <= box.right - box.left + 10, panel.title


def test_a_pinned_unit_has_curves_of_its_own() -> None:
    one = found(T=20, H=4)
    (curves,) = (p for p in paths.figure(one, View(unit=2)).panels if p.name == "curves")
    assert isinstance(curves, Curves)
    own = {line.name: line.values for line in curves.lines if not line.named}
    assert own.keys() == {"direct, unit 2", "exact, unit 2", "detours, unit 2"}
    np.testing.assert_array_equal(own["exact, unit 2"], one.survival.log10_exact[:, 2])
    (without,) = (p for p in paths.figure(one, View(unit=4)).panels if p.name == "curves")
    assert isinstance(without, Curves) and all(line.named for line in without.lines)


def headline(**knobs: object) -> str:
    return paths.reading(found(**knobs)).headline


def test_the_sentence_says_which_road_leads_and_how_far() -> None:
    assert headline().startswith("Up to 6 steps back most of the gradient rides the carry;")
    assert "detours bring most of it. Over 100 steps the carry alone keeps" in headline()
    all_the_way = headline(chrono=100, b_f=0.0, gain=0.05)
    assert all_the_way.startswith("The carry brings most of the gradient all the way.")
    assert "recurrent weights of zero leave no room for detours" in headline(gain=0.0)
    assert "nothing crosses recurrent weights in the minGRU" in headline(cell="mingru")
    assert "a single step from the start leaves no room" in headline(T=1)
    assert headline(b_f=-8.0).startswith("From the first step back the detours bring more")
    assert "times as much as was sent" in headline(b_f=5.0, gain=3.0, init="normal")


@pytest.mark.parametrize("knobs", [{}, {"T": 30, "b_f": 3.0}, {"cell": "gru"}])
def test_the_carry_leads_as_far_as_the_sentence_says_and_no_further(knobs: dict) -> None:
    one = found(**knobs)
    words = paths.reading(one).headline
    T = one.experiment.T
    back = int(words.split("Up to ")[1].split()[0])
    share = one.survival.share
    assert (share[T - back :] >= 0.5).all() and (share[: T - back] < 0.5).all()


def test_chaos_is_told() -> None:
    (cell,) = paths.reading(found(gain=10.0, b_f=5.0, T=300, init="normal")).warnings
    assert cell.startswith("The LSTM is chaotic")
    assert paths.reading(found()).warnings == ()


@pytest.mark.parametrize("two_states", [True, False])
@pytest.mark.parametrize("H", [1, 8, 32, 64, 128, 256])
@pytest.mark.parametrize("T", [1, 2, 100, 1000, 20000])
def test_maps_from_step_to_step_are_as_long_and_fine_as_is_affordable(
    T: int, H: int, two_states: bool
) -> None:
    ends, window = affordable_grid(T, H, two_states)
    grid = every(T, ends, window)
    assert grid[-1] == T and grid[0] == T - window >= 0
    assert 2 <= len(grid) <= MOST_ENDS + 1
    of_a_step, of_a_pair = (10, 5) if two_states else (4, 2)
    assert H**3 * (of_a_step * window + of_a_pair * len(grid) ** 2) < max(2.1e8 * H, 1e7)
    if H <= 32 and T <= 1000:
        assert window == T


def test_the_grid_is_even_but_for_its_first_stretch() -> None:
    assert every(100, 40, 100).tolist() == [0, *range(1, 101, 3)]
    assert every(5, 40, 5).tolist() == [0, 1, 2, 3, 4, 5]
    assert every(1000, 10, 100).tolist() == list(range(900, 1001, 10))


def test_wide_and_long_experiments_say_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = importlib.import_module("app.lenses.paths.computed")
    monkeypatch.setattr(budget, "WALK_FLOPS", 4e3 * 25)
    monkeypatch.setattr(budget, "MAPS_FLOPS", 1e2 * 100)
    monkeypatch.setattr(budget, "LEAST_ENDS", 4)
    monkeypatch.setattr(budget, "PAIRS_FLOPS", 1.0)
    one = found(Focus(s=0), T=60, H=10)
    assert steps_affordable(one.experiment) == 25
    assert (one.s, one.t) == (35, 60)
    assert one.blocks.h_steps.tolist() == list(range(35, 61))
    assert one.from_to.steps[0] > 0
    (said,) = paths.reading(one).warnings
    assert "the Jacobian is that from s = 35" in said
    blocks, maps = paths.numbers(one, View())["left_out"]
    assert "With 10 units the blocks that lead to h" in blocks and "last 25 steps alone" in blocks
    assert f"begin at step {one.from_to.steps[0]}" in maps
    answer = paths.answer(one)["blocks"]
    assert answer["c_to_c"]["t"][0] == 0 and answer["c_to_h"]["t"][0] == 35
    lines = list(csv.DictReader(paths.table(one)))
    assert lines[0]["c_to_h"] == "" and float(lines[35 * 10]["c_to_h"]) < 0
    rows = dict(paths.numbers(one, View())["blocks"])
    assert rows[60][2:] == ["–", "–"] and "–" not in rows[10]
    figure = paths.figure(one, View())
    (block,) = (panel for panel in figure.panels if panel.name == "cell to visible")
    assert isinstance(block, Map)
    assert np.isnan(block.values[:35]).all() and np.isfinite(block.values[35:60]).all()
    (ends,) = (panel.x for panel in figure.panels if panel.name == "exact from–to")
    assert ends.span()[0] == one.from_to.steps[0] - 0.5


def test_where_a_unit_comes_near_the_ends_of_float64_the_maps_are_walked_end_by_end() -> None:
    one, _ = told(BEYOND["faint"])
    cell = CELLS["lstm"]
    weights, _, x = networks(one.experiment)
    states = cell.forward(weights, x)
    grid = one.from_to.steps
    assert len(grid) > 5
    expected = cell_from_to(cell, states, weights, grid).exact_rms
    np.testing.assert_array_equal(one.from_to.exact, expected)
    assert np.isfinite(expected[np.triu_indices(len(grid))]).all()
    alone = cell_survival(cell, states, weights)
    assert expected[0, -1] == pytest.approx(float(alone.exact_rms[0]), abs=1e-12)


@pytest.mark.parametrize("T", [1, 7, 1000, 3000])
def test_blocks_are_told_by_distance_from_a_single_step_to_the_whole_way(T: int) -> None:
    one = found(T=T, H=2)
    rows = paths.numbers(one, View())["blocks"]
    backs = [back for back, _ in rows]
    assert backs[0] == 1 and backs[-1] == T and backs == sorted(set(backs))
    assert all("–" not in sizes for _, sizes in rows)
    first = 10 ** paths.log10_rms(one.blocks.c_to_c[-2])
    assert float(rows[0][1][0]) == pytest.approx(first, rel=1e-3)


def test_entries_are_told_with_their_signs_largest_first() -> None:
    one = found(Focus(s=0))
    rows = paths.numbers(one, View())["largest"]
    J = one.jacobian.sign * 10.0**one.jacobian.log10
    sizes = [abs(J[row["to"], row["from"]]) for row in rows]
    assert sizes == sorted(np.abs(J).ravel(), reverse=True)[:5]
    for row in rows:
        assert row["value"].startswith("−") == (J[row["to"], row["from"]] < 0)
    assert any(row["value"].startswith("−") for row in rows)


def test_a_view_changes_no_number_of_the_answer() -> None:
    experiment = Experiment(T=12, H=3)
    one = paths.compute(experiment, Focus())
    plain = as_json(Telling("paths", one, Asked(experiment)))
    assert as_json(Telling("paths", one, Asked(experiment, view=View(unit=1, lag="log")))) == plain
