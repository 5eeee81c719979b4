"""The axes of a map: any two knobs, over any part of their ranges."""

import pytest
from pydantic import ValidationError

from app.axes import SPANS, Axes
from app.keys import bounds


@pytest.mark.parametrize("knob", SPANS)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_an_axis_takes_the_whole_range_of_its_knob_and_no_more(knob: str, axis: str) -> None:
    low, high = bounds(knob)  # type: ignore[misc]
    low = 3 if knob == "chrono" else low
    other = {"y": "none"} if axis == "x" else {"x": "T" if knob != "T" else "H"}

    def axes(first: float, last: float) -> Axes:
        ends = {f"{axis}_from": float(first), f"{axis}_to": float(last)}
        return Axes(**{axis: knob, f"{axis}_scale": "linear"} | other | ends)  # type: ignore[arg-type]

    assert axes(low, high).span(axis)[:2] == (low, high)
    for first, last in ((low - 1, high), (low, high + 1), (high, low), (low, low)):
        with pytest.raises(ValidationError):
            axes(first, last)


@pytest.mark.parametrize("knob", SPANS)
def test_what_a_map_shows_by_itself_can_be(knob: str) -> None:
    assert Axes(x=knob, y="none").span("x") == SPANS[knob]
    assert Axes(x="T" if knob != "T" else "H", y=knob).span("y") == SPANS[knob]


def test_axes_that_cannot_be_are_refused_with_the_key_to_change() -> None:
    for wrong, key in (
        ({"x": "gain"}, "y"),
        ({"x_scale": "log"}, "x_from"),
        ({"x": "T", "x_from": 2.5}, "x_from"),
        ({"y_from": 3.0, "y_to": 2.0}, "y_to"),
        ({"y": "D", "y_to": 65.0}, "y_to"),
        ({"x_from": 1.0, "x_to": 1.0 + 2**-52}, "x_to"),
    ):
        with pytest.raises(ValidationError) as refused:
            Axes(**wrong)  # type: ignore[arg-type]
        assert [error["ctx"]["key"] for error in refused.value.errors()] == [key]
