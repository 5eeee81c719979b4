"""Lines cut at a box and into dashes, against the same lines walked in tiny steps."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.figure import Box
from app.drawing.strokes import clipped, dashes

BOX = Box(10, 20, 110, 70)
places = st.tuples(st.floats(-100, 250), st.floats(-100, 250))


def length(stretches: list[np.ndarray]) -> float:
    return float(sum(np.hypot(*np.diff(points, axis=0).T).sum() for points in stretches))


def inside(points: np.ndarray, slack: float = 1e-9) -> np.ndarray:
    low, high = np.array([BOX.left, BOX.top]) - slack, np.array([BOX.right, BOX.bottom]) + slack
    within: np.ndarray = ((points >= low) & (points <= high)).all(axis=1)
    return within


@given(st.lists(places, min_size=2, max_size=12))
def test_what_is_drawn_is_what_lies_within_the_box(corners: list[tuple[float, float]]) -> None:
    points = np.array(corners)
    found = clipped(points, BOX)
    assert all(inside(stretch).all() for stretch in found)
    shares = (np.arange(2000) + 0.5) / 2000
    expected = 0.0
    for start, end in pairwise(points):
        walked = start + shares[:, None] * (end - start)
        expected += inside(walked, 0.0).mean() * float(np.hypot(*(end - start)))
    assert length(found) == pytest.approx(expected, rel=2e-3, abs=1.0)


def test_a_line_within_the_box_is_left_as_it_is() -> None:
    points = np.array([(10.0, 20.0), (50.0, 70.0), (50.0, 30.0), (110.0, 30.0)])
    (found,) = clipped(points, BOX)
    np.testing.assert_array_equal(found, points)


def test_a_line_is_cut_where_it_leaves_and_where_it_comes_back() -> None:
    one, other = clipped(np.array([(20.0, 30.0), (60.0, 110.0), (100.0, 30.0)]), BOX)
    np.testing.assert_allclose(one, [(20, 30), (40, 70)])
    np.testing.assert_allclose(other, [(80, 70), (100, 30)])


@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_a_gap_breaks_a_line(gap: float) -> None:
    points = np.array([(20.0, 30.0), (30.0, 30.0), (40.0, gap), (50.0, 30.0), (60.0, 30.0)])
    assert [stretch[:, 0].tolist() for stretch in clipped(points, BOX)] == [[20, 30], [50, 60]]


@pytest.mark.parametrize("points", [[], [(20.0, 30.0)], [(0.0, 0.0), (5.0, 5.0)]])
def test_nothing_is_drawn_of_a_line_without_length_within_the_box(points: list[float]) -> None:
    assert clipped(np.array(points, dtype=float).reshape(-1, 2), BOX) == []


@given(st.lists(places, min_size=2, max_size=8), st.floats(1, 30), st.floats(1, 30))
def test_dashes_and_gaps_alternate_along_the_line(
    corners: list[tuple[float, float]], on: float, off: float
) -> None:
    points = np.array(corners)
    whole = length([points])
    found = dashes(points, on, off)
    lengths = [length([dash]) for dash in found]
    assert all(one == pytest.approx(on, abs=1e-6) for one in lengths[:-1])
    assert sum(lengths) <= whole + 1e-6
    assert len(found) == int(np.ceil(whole / (on + off)))
    if found:
        np.testing.assert_allclose(found[0][0], points[0])


def test_a_dash_follows_the_corner_in_it() -> None:
    first, second = dashes(np.array([(0.0, 0.0), (3.0, 0.0), (3.0, 9.0)]), 5, 4)
    assert first.tolist() == [[0, 0], [3, 0], [3, 2]]
    assert second.tolist() == [[3, 6], [3, 9]]


def test_a_solid_line_is_one_dash() -> None:
    points = np.array([(0.0, 0.0), (3.0, 0.0)])
    (whole,) = dashes(points, 1, 0)
    assert whole is points
