"""What the link marks: steps and units on the axes that show them, and nowhere else."""

import numpy as np

from app.drawing.figure import Curves, Map, TimeAxis, Units
from app.drawing.marks import Mark, marks_of
from tests.app.drawing.gallery import (
    CURVES,
    EIGENVALUES,
    ORDER,
    PANELS,
    STEPS,
    H,
    T,
    gallery,
)


def marked(name: str, **more: object) -> list[Mark]:
    panel = next(panel for panel in PANELS if panel.name == name)
    return list(marks_of(panel, gallery(**more)))


def test_nothing_is_marked_unless_the_link_says_so() -> None:
    assert all(marked(panel.name) == [] for panel in PANELS)


def test_the_marked_step_is_a_line_on_every_axis_that_a_click_fills_it_from() -> None:
    for panel in PANELS:
        named = not isinstance(panel, Map) or "step" in panel.picks
        expected = [Mark((10, 10), None)] if isinstance(panel.x, TimeAxis) and named else []
        assert marked(panel.name, marked_step=10) == expected


def test_on_a_log_axis_the_marked_step_is_its_lag() -> None:
    panel = Map("m", "", np.zeros((T + 1, H)), TimeAxis(STEPS, T, "log"), Units(np.arange(H)))
    assert list(marks_of(panel, gallery(marked_step=10))) == [Mark((T - 10, T - 10), None)]


def test_a_step_or_a_unit_that_is_not_there_is_not_marked() -> None:
    for panel in PANELS:
        assert marked(panel.name, marked_step=T + 1) == []
        assert marked(panel.name, pinned_unit=H) == []


def test_the_pinned_unit_is_its_row_or_its_column_in_the_order_drawn() -> None:
    row = ORDER.tolist().index(4)
    assert marked("unit map", pinned_unit=4) == [Mark(None, (row - 0.5, row + 0.5))]
    assert marked("gate map", pinned_unit=4) == [Mark(None, (3.5, 4.5))]
    assert marked("weight map", pinned_unit=4) == [Mark(None, (row - 0.5, row + 0.5))]
    assert marked("lives", pinned_unit=4) == [Mark((row - 0.5, row + 0.5), None)]


def test_the_pinned_units_dots_are_ringed() -> None:
    ((x, y),) = marked("plane", pinned_unit=2)
    assert x == (EIGENVALUES[2].real,) * 2 and y == (EIGENVALUES[2].imag,) * 2


def test_a_dot_that_is_nowhere_is_not_ringed() -> None:
    dots = CURVES[1].lines[1]
    panel = Curves(
        "plane",
        "",
        (
            type(dots)(
                "gone", np.full(H, np.nan), "#ffffff", at=dots.at, dots=True, units=dots.units
            ),
        ),
        CURVES[1].x,
        CURVES[1].y,
    )
    assert list(marks_of(panel, gallery(pinned_unit=2))) == []


def test_other_steps_that_the_link_picks_are_lines_on_the_axes_they_are_picked_from() -> None:
    assert marked("pair map", picked={"t": 20, "s": 5}) == [
        Mark((20, 20), None),
        Mark(None, (5, 5)),
    ]
    assert marked("pair map", picked={"s": 5}) == [Mark(None, (5, 5))]
    assert marked("pair map", picked={"t": T + 1}) == []
    assert marked("unit map", picked={"t": 20, "s": 5}) == []


def test_a_step_before_the_first_of_an_axis_is_not_marked() -> None:
    late = TimeAxis(STEPS[10:], T, first=10)
    panel = Map("m", "", np.zeros((T - 9, H)), late, Units(np.arange(H)))
    assert list(marks_of(panel, gallery(marked_step=9))) == []
    assert list(marks_of(panel, gallery(marked_step=10))) == [Mark((10, 10), None)]
