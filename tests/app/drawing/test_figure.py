"""The description of a figure: one colour scale, one time axis, both widths."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.figure import (
    TOP,
    ColourScale,
    Curves,
    Line,
    Map,
    TimeAxis,
    rung,
    ten_to,
    ticks_between,
)
from app.knobs import View, choices
from app.lenses import LENSES
from app.lenses.highway import compute, figure, steps_told
from app.links import read

# What each value looks like, for ever: a figure of last year must look like one of today.
PROMISED = [
    (-12, "#0b0f1a"),
    (-9, "#16213d"),
    (-6, "#3b2a63"),
    (-4, "#7a2f72"),
    (-2, "#c9503f"),
    (-1, "#ee8a2b"),
    (0, "#ffe08a"),
    (0.5, "#fffbe8"),
    (1.2, "#a8f0e6"),
    (3, "#12b5c9"),
]


def drawn(query: str, **view: object):  # type: ignore[no-untyped-def]
    experiment, _ = read(query.encode(), with_view=False)
    return figure(compute(experiment), View(**view))


def test_the_scale_is_the_promised_one() -> None:
    assert ColourScale(-12.0).stops() == PROMISED


@pytest.mark.parametrize("floor", [-30.0, -300.0])
def test_a_deeper_floor_stretches_only_what_is_lost(floor: float) -> None:
    stops = ColourScale(floor).stops()
    assert [colour for _, colour in stops] == [colour for _, colour in PROMISED]
    assert stops[0][0] == floor
    assert [at for at, _ in stops if at >= 0] == [at for at, _ in PROMISED if at >= 0]
    assert stops == sorted(stops, key=lambda stop: stop[0])


@pytest.mark.parametrize("floor", [float(name) for name in choices("floor")])
@pytest.mark.parametrize("length", [100, 300, 2000])
def test_the_scale_is_marked_in_powers_of_ten(floor: float, length: float) -> None:
    scale = ColourScale(floor)
    ticks = scale.ticks(length)
    assert {0.0, floor} <= {at for at, _ in ticks}
    assert length < 2000 or floor < -100 or (TOP, "10³") in ticks
    assert [at for at, _ in ticks] == sorted(at for at, _ in ticks)
    for at, label in ticks:
        if label.startswith("10"):
            assert label == ten_to(at)
        assert floor - scale.beyond() <= at <= TOP + scale.beyond()


@pytest.mark.parametrize(
    ("power", "text"),
    [(0, "10⁰"), (-12, "10⁻¹²"), (3, "10³"), (-7.5, "10⁻⁷·⁵"), (-300.0, "10⁻³⁰⁰")],
)
def test_powers_of_ten_are_written_with_raised_digits(power: float, text: str) -> None:
    assert ten_to(power) == text


# Time --------------------------------------------------------------------------------------------


@given(st.integers(1, 20000))
def test_cells_of_the_time_axis_tile_it_from_end_to_end(T: int) -> None:
    time = TimeAxis(steps_told(T), T)
    edges = time.edges()
    assert len(edges) == len(time.steps) + 1
    assert (np.diff(edges) > 0).all()
    assert ((edges[:-1] < time.steps) & (time.steps < edges[1:])).all()
    assert time.positions().tolist() == time.steps.tolist()
    left, right = time.span()
    assert (left, right) == (-0.5, T + 0.5)


@given(st.integers(1, 20000))
def test_a_log_axis_counts_the_lag_back_from_the_end(T: int) -> None:
    time = TimeAxis(steps_told(T), T, "log")
    lag, edges = time.positions(), time.edges()
    assert (edges > 0).all() and (np.diff(edges) < 0).all()
    assert lag[:-1].tolist() == (T - time.steps[:-1]).tolist()
    assert 0 < lag[-1] < 1
    left, right = time.span()
    assert left == T + 0.5 and 0 < right < 1
    assert ((edges[:-1] >= lag) & (lag >= edges[1:])).all()


@pytest.mark.parametrize(
    ("T", "lags"),
    [
        (1, [1]),
        (7, [1, 2, 5]),
        (100, [1, 2, 5, 10, 20, 50, 100]),
        (20000, [1, 10, 100, 1000, 10000]),
    ],
)
def test_lags_are_marked_at_round_numbers(T: int, lags: list[int]) -> None:
    ticks = TimeAxis(steps_told(T), T, "log").ticks(500)
    assert ticks == [(lag, f"{lag:,}") for lag in lags]


@pytest.mark.parametrize("T", [1, 5, 100, 2500, 20000])
def test_steps_are_marked_at_whole_numbers(T: int) -> None:
    ticks = TimeAxis(steps_told(T), T).ticks(500)
    assert ticks[0] == (0, "0")
    assert len(ticks) > 1
    for at, label in ticks:
        assert 0 <= at <= T
        assert label == f"{int(at):,}"


def test_what_was_read_is_marked_where_there_is_room() -> None:
    time = TimeAxis(np.arange(4), 3, "linear", ("a", " ", "\n"))
    assert [at for at, _ in time.ticks(500)] == [1, 2, 3]
    assert all(label.strip() for _, label in time.ticks(500))
    assert "a" not in [label for _, label in time.ticks(5)]


def test_each_time_axis_says_what_it_counts() -> None:
    assert TimeAxis(np.arange(101), 100).title() == "step t"
    assert "back from t = 100" in TimeAxis(np.arange(101), 100, "log").title()


# Numbers of axes ---------------------------------------------------------------------------------


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5), st.integers(1, 12))
def test_ticks_are_round_few_and_within(low: float, width: float, most: int) -> None:
    high = low + width
    ticks = ticks_between(low, high, most)
    assert len(ticks) <= most + 1
    slack = 1e-8 * (width + abs(low))
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    if len(ticks) > 2:
        steps = np.diff(ticks)
        assert np.allclose(steps, steps[0])
        assert round(steps[0] / 10 ** math.floor(math.log10(steps[0] * 1.0001)), 6) in (1, 2, 5)


@given(st.floats(0, 8e5))
def test_an_axis_ends_at_the_next_rung_of_a_fixed_ladder(value: float) -> None:
    assert rung(value) >= value
    assert rung(rung(value)) == rung(value)


@pytest.mark.parametrize("floor", [-12.0, -30.0])
def test_curves_hold_still_within_the_scale_and_make_room_beyond_it(floor: float) -> None:
    def curves(*values: float) -> Curves:
        line = Line("exact", np.array(values), "#ffffff")
        return Curves("curves", "", (line,), "log10")

    within = curves(-3.0, 0.0).span(floor)
    assert within == curves(-1.0, 2.0, -math.inf, math.nan).span(floor)
    assert within[0] <= floor and within[1] >= TOP
    beyond = curves(-5000.0, 700.0).span(floor)
    assert beyond[0] <= -5000 and beyond[1] >= 700
    assert curves(-math.inf).span(floor) == within


def test_a_share_runs_from_nothing_to_all() -> None:
    line = Line("share", np.array([0.2, 0.3]), "#ffffff")
    assert Curves("share", "", (line,), "share").span(-12) == (0, 1)


# The highway's figure ----------------------------------------------------------------------------


def test_the_maps_hold_the_numbers_untouched() -> None:
    experiment, _ = read(b"T=12&H=3&D=2", with_view=False)
    numbers = compute(experiment)
    maps = {p.name: p for p in figure(numbers, View()).panels if isinstance(p, Map)}
    np.testing.assert_array_equal(maps["exact"].log10, numbers.cell.log10_exact)
    np.testing.assert_array_equal(maps["direct"].log10, numbers.cell.log10_direct)
    np.testing.assert_array_equal(maps["RNN"].log10, numbers.rnn.log10_exact)


def test_units_stand_in_the_order_of_their_index_from_the_bottom() -> None:
    for panel in drawn("T=12&H=5").panels:
        if isinstance(panel, Map):
            assert panel.units.tolist() == [0, 1, 2, 3, 4]


def test_units_stand_in_the_order_of_what_survives() -> None:
    panels = [p for p in drawn("T=40&H=7", order="survival").panels if isinstance(p, Map)]
    orders = {}
    for panel in panels:
        assert sorted(panel.units.tolist()) == list(range(7))
        orders[panel.name] = panel.units.tolist()
        if panel.name != "direct":
            assert (np.diff(panel.log10[0][panel.units]) >= 0).all()
    # A row of the carry's map is the same unit as the row of the exact map beside it.
    assert orders["direct"] == orders["exact"] != orders["RNN"]


def test_a_pinned_unit_brings_its_own_curves() -> None:
    plain = next(p for p in drawn("T=12&H=3").panels if p.name == "curves")
    pinned = next(p for p in drawn("T=12&H=3", unit=2).panels if p.name == "curves")
    names = {line.name for line in pinned.lines} - {line.name for line in plain.lines}
    assert names == {"exact, unit 2", "direct, unit 2", "RNN, unit 2"}


def test_a_unit_that_is_not_there_is_not_pinned() -> None:
    figure = drawn("T=12&H=3", unit=3)
    assert figure.pinned_unit is None
    assert drawn("T=12&H=3", unit=0).pinned_unit == 0


def test_one_knows_what_was_read_at_each_step() -> None:
    assert drawn("H=2&signal=text&text=%C3%A9%20%F0%9F%98%80").time.read == ("é", " ", "😀")
    assert drawn("H=2&signal=series&series=3,1.5,-4e-7").time.read == ("3", "1.5", "-4e-7")
    assert drawn("T=3&H=2").time.read == ()


def test_every_panel_has_its_place_on_each_sheet_without_overlap() -> None:
    for lens in LENSES.values():
        for name, sheet in lens.SHEETS.items():
            boxes = [*sheet.places.values(), sheet.scale]
            for box in boxes:
                assert 0 <= box.left < box.right <= sheet.width, name
                assert 0 <= box.top < box.bottom <= sheet.height, name
            for n, one in enumerate(boxes):
                for other in boxes[n + 1 :]:
                    apart = (
                        one.right <= other.left
                        or other.right <= one.left
                        or one.bottom <= other.top
                        or other.bottom <= one.top
                    )
                    assert apart, name
            assert sheet.labelled <= set(sheet.places)
