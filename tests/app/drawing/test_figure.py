"""The description of a figure: one colour scale, one time axis, both widths."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.figure import (
    TOP,
    Box,
    Curves,
    Figure,
    Line,
    Map,
    TimeAxis,
    Units,
    Values,
    alike,
    kept,
    powers,
    rung,
    share,
    signed,
    ten_to,
    ticks_between,
)
from app.keys import choices
from app.lenses import LENSES
from app.lenses.highway import compute, figure, steps_told
from app.links import read
from app.view import Focus, View

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


def drawn(query: str, **view: object) -> Figure:
    experiment = read(query.encode(), with_view=False).experiment
    return figure(compute(experiment, Focus()), View(**view))


def maps_of(figure: Figure) -> dict[str, Map]:
    return {panel.name: panel for panel in figure.panels if isinstance(panel, Map)}


def test_the_night_road_is_the_promised_one() -> None:
    assert list(kept(-12.0).stops) == PROMISED


@pytest.mark.parametrize("floor", [-30.0, -300.0])
def test_a_deeper_floor_stretches_only_what_is_lost(floor: float) -> None:
    stops = kept(floor).stops
    assert [colour for _, colour in stops] == [colour for _, colour in PROMISED]
    assert stops[0][0] == floor
    assert [at for at, _ in stops if at >= 0] == [at for at, _ in PROMISED if at >= 0]
    assert list(stops) == sorted(stops, key=lambda stop: stop[0])


@pytest.mark.parametrize("floor", [float(name) for name in choices("floor")])
@pytest.mark.parametrize("length", [100, 300, 2000])
def test_the_night_road_is_marked_in_powers_of_ten(floor: float, length: float) -> None:
    scale = kept(floor)
    ticks = scale.ticks(length)
    assert {0.0, floor} <= {at for at, _ in ticks}
    assert length < 2000 or floor < -100 or (TOP, "10³") in ticks
    assert [at for at, _ in ticks] == sorted(at for at, _ in ticks)
    low, high = scale.bar()
    for at, label in ticks:
        if label.startswith("10"):
            assert label == ten_to(at)
        assert low <= at <= high


@pytest.mark.parametrize("scale", [kept(-12.0), share(), signed(2.0, ((0.0, "0"), (2.0, "2")))])
def test_only_a_scale_with_something_beyond_it_has_caps(scale) -> None:  # type: ignore[no-untyped-def]
    (low, high), (bottom, top) = scale.ends(), scale.bar()
    assert (bottom < low) == scale.hatched
    assert (top > high) == bool(scale.above)
    assert scale.dark_cap() == pytest.approx((low - bottom) / (top - bottom))
    words = {label for _, label in scale.ticks(2000)} & {"below", "above"}
    assert words == ({"below", "above"} if scale.hatched else set())


def test_a_share_is_dark_where_closed_and_glows_where_open() -> None:
    stops = share("closed", "open").stops
    assert stops[0] == (0.0, PROMISED[0][1]) and stops[-1] == (1.0, "#ffe08a")
    assert share("closed", "open").ticks(200) == [(0.0, "closed"), (0.5, "0.5"), (1.0, "open")]


def test_signs_have_hues_of_their_own_and_zero_is_black() -> None:
    stops = dict(signed(3.0, ((-3.0, "−3"), (0.0, "0"), (3.0, "3"))).stops)
    assert min(stops) == -3 and max(stops) == 3
    assert max(int(stops[0.0][n : n + 2], 16) for n in (1, 3, 5)) < 20
    for at in (1.5, 3.0):
        red, blue = (int(stops[at][n : n + 2], 16) for n in (1, 5))
        assert red > blue, "positive is warm"
        red, blue = (int(stops[-at][n : n + 2], 16) for n in (1, 5))
        assert blue > red, "negative is cold"


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
    assert TimeAxis(np.arange(101), 100, name="from step s").title() == "from step s"
    assert "back from t = 100" in TimeAxis(np.arange(101), 100, "log").title()


@given(st.integers(1, 20000), st.sampled_from(["linear", "log"]))
def test_positions_lie_between_the_ends_from_left_to_right(T: int, scale: str) -> None:
    time = TimeAxis(steps_told(T), T, scale)  # type: ignore[arg-type]
    places = time.place(time.positions())
    assert (np.diff(places) > 0).all() and places.min() >= 0 and places.max() <= 1
    assert time.place(np.array(time.span())).tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_an_axis_may_begin_late(scale: str) -> None:
    time = TimeAxis(np.arange(40, 101), 100, scale, first=40)  # type: ignore[arg-type]
    places = time.place(time.positions())
    assert places[0] == pytest.approx(0, abs=0.01) and (np.diff(places) > 0).all()
    at = [position for position, _ in time.ticks(500)]
    assert min(at) >= (40 if scale == "linear" else 1)
    assert max(at) <= (100 if scale == "linear" else 60)


def test_axes_are_alike_where_they_count_the_same() -> None:
    time, units = TimeAxis(np.arange(9), 8), Units(np.arange(4))
    assert alike(time, TimeAxis(np.arange(9), 8)) and alike(units, Units(np.arange(4)))
    for other in (
        TimeAxis(np.arange(8), 8),
        TimeAxis(np.arange(9), 9),
        TimeAxis(np.arange(9), 8, "log"),
        TimeAxis(np.arange(9), 8, name="from step s"),
        TimeAxis(np.arange(9), 8, read=("a",)),
        units,
    ):
        assert not alike(time, other)
    assert not alike(units, Units(np.arange(4)[::-1]))
    assert not alike(Values(0.0, 1.0), Values(0.0, 2.0))


# Units -------------------------------------------------------------------------------------------


@given(st.integers(1, 256))
def test_rows_of_units_tile_their_axis_and_are_named_after_the_units_in_them(H: int) -> None:
    units = Units(np.arange(H)[::-1])
    edges, places = units.edges(), units.place(units.positions())
    assert len(edges) == H + 1 and (edges[0], edges[-1]) == units.span()
    assert places.tolist() == pytest.approx([(row + 0.5) / H for row in range(H)])
    for row, label in units.ticks(200):
        assert label == str(units.order[int(row)])


def test_a_map_is_drawn_in_the_orders_of_its_axes() -> None:
    values = np.arange(12.0).reshape(3, 4)
    across, up = Units(np.array([2, 0, 1])), Units(np.array([3, 1, 2, 0]))
    shown = Map("m", "", values, across, up).drawn()
    for row, unit in enumerate(up.order):
        assert shown[row].tolist() == [values[n, unit] for n in across.order]


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
def test_powers_hold_still_within_the_scale_and_make_room_beyond_it(floor: float) -> None:
    def ends(*values: float) -> tuple[float, float]:
        return powers([Line("exact", np.array(values), "#ffffff")], floor).span()

    within = ends(-3.0, 0.0)
    assert within == ends(-1.0, 2.0, -math.inf, math.nan)
    assert within[0] <= floor and within[1] >= TOP
    beyond = ends(-5000.0, 700.0)
    assert beyond[0] <= -5000 and beyond[1] >= 700
    assert ends(-math.inf) == within


def test_each_quantity_is_marked_as_it_is_told() -> None:
    assert Values(0.0, 1.0, "share").ticks(200) == [(0.0, "0"), (0.5, "0.5"), (1.0, "1")]
    assert dict(Values(-12.0, 3.0, "log10").ticks(200))[-5.0] == "10⁻⁵"
    assert dict(Values(-12.0, 3.0, "log10").ticks(200))[0.0] == "1"
    assert dict(Values(-1.0, 1.0).ticks(200))[-0.5] == "−0.5"
    assert Values(1.0, 1000.0, scale="log").ticks(200)[-1] == (1000.0, "1,000")
    assert dict(Values(1e-8, 1.0, scale="log").ticks(200))[1e-8] == "10⁻⁸"


def test_a_log_axis_spaces_numbers_by_their_logarithms_and_has_no_place_for_zero() -> None:
    axis = Values(1.0, 100.0, scale="log")
    assert axis.place(np.array([1.0, 10.0, 100.0])).tolist() == pytest.approx([0, 0.5, 1])
    assert np.isnan(axis.place(np.array([0.0, -1.0, np.nan, np.inf]))).all()


def test_a_curve_stands_at_the_places_of_its_axis_or_at_its_own() -> None:
    time, line = TimeAxis(np.array([0, 5, 9]), 9, "log"), Line("a", np.zeros(3), "#ffffff")
    axis = Values(0.0, 1.0)
    assert Curves("c", "", (line,), time, axis).places(line).tolist() == [9, 4, 0.5]
    own = Line("a", np.zeros(2), "#ffffff", at=np.array([0.25, 0.5]))
    assert Curves("c", "", (own,), axis, axis).places(own).tolist() == [0.25, 0.5]
    with pytest.raises(ValueError, match="`at`"):
        Curves("c", "", (line,), axis, axis).places(line)


# The highway's figure ----------------------------------------------------------------------------


def test_the_maps_hold_the_numbers_untouched() -> None:
    numbers = compute(read(b"T=12&H=3&D=2", with_view=False).experiment, Focus())
    maps = maps_of(figure(numbers, View()))
    np.testing.assert_array_equal(maps["exact"].values, numbers.cell.log10_exact)
    np.testing.assert_array_equal(maps["direct"].values, numbers.cell.log10_direct)
    np.testing.assert_array_equal(maps["RNN"].values, numbers.rnn.log10_exact)


def order_of(panel: Map) -> list[int]:
    assert isinstance(panel.y, Units)
    found: list[int] = panel.y.order.tolist()
    return found


def test_units_stand_in_the_order_of_their_index_from_the_bottom() -> None:
    for panel in maps_of(drawn("T=12&H=5")).values():
        assert order_of(panel) == [0, 1, 2, 3, 4]


def test_units_stand_in_the_order_of_what_survives() -> None:
    maps = maps_of(drawn("T=40&H=7", order="survival"))
    orders = {name: order_of(panel) for name, panel in maps.items()}
    for name, order in orders.items():
        assert sorted(order) == list(range(7))
        if name != "direct":
            assert (np.diff(maps[name].values[0][order]) >= 0).all()
    # A row of the carry's map is the same unit as the row of the exact map beside it.
    assert orders["direct"] == orders["exact"] != orders["RNN"]


def test_a_pinned_unit_brings_its_own_curves() -> None:
    def names(**view: object) -> set[str]:
        panels = drawn("T=12&H=3", **view).panels
        return {line.name for p in panels if isinstance(p, Curves) for line in p.lines}

    assert names(unit=2) - names() == {"exact, unit 2", "direct, unit 2", "RNN, unit 2"}


def test_a_unit_that_is_not_there_is_not_pinned() -> None:
    figure = drawn("T=12&H=3", unit=3)
    assert figure.pinned_unit is None
    assert drawn("T=12&H=3", unit=0).pinned_unit == 0


def test_one_knows_what_was_read_at_each_step() -> None:
    def words(query: str) -> tuple[str, ...]:
        time = drawn(query).time
        assert time is not None
        return time.read

    assert words("H=2&signal=text&text=%C3%A9%20%F0%9F%98%80") == ("é", " ", "😀")
    assert words("H=2&signal=series&series=3,1.5,-4e-7") == ("3", "1.5", "-4e-7")
    assert words("T=3&H=2") == ()


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.slow
def test_every_panel_has_its_place_without_overlap_and_every_scale_its_bar(
    lens: str, cell: str
) -> None:
    asked = read(f"T=12&H=4&D=2&cell={cell}".encode(), with_view=False)
    module = LENSES[lens]
    found = module.figure(module.compute(asked.experiment, asked.focus), asked.view)
    names = {panel.name for panel in found.panels}
    assert len(names) == len(found.panels)
    somewhere = set().union(*(sheet.places for sheet in found.sheets.values()))
    assert names <= somewhere
    assert {p.scale for p in found.panels if isinstance(p, Map)} <= set(found.scales)
    for width, sheet in found.sheets.items():
        assert set(sheet.bars) <= set(found.scales), width
        places = [box for name, box in sheet.places.items() if name in names]
        boxes: list[Box] = [*places, *sheet.bars.values()]
        for box in boxes:
            assert 0 <= box.left < box.right <= sheet.width, width
            assert 0 <= box.top < box.bottom <= sheet.height, width
        for one, other in combinations(boxes, 2):
            beside = one.right <= other.left or other.right <= one.left
            assert beside or one.bottom <= other.top or other.bottom <= one.top, width
