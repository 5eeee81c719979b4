"""A series in a link: steps and features, and which number is wrong."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.links import plain
from app.series import SeriesError, features, largest_of, series_of

FINITE = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("1,2,3", (1.0, 2.0, 3.0)),
        ("1;2;3", (1.0, 2.0, 3.0)),
        ("1,2;3,4", ((1.0, 2.0), (3.0, 4.0))),
        ("1.5E+03,2E+03", (1500.0, 2000.0)),
        ("+1,-0", (1.0, 0.0)),
        ("-2.000000000000000000e+00,1.7976931348623157e+308", (-2.0, 1.7976931348623157e308)),
    ],
)
def test_commas_part_features_and_semicolons_steps(text: str, series: object) -> None:
    assert series_of(text) == series


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,,3", "number 2 is missing"),
        ("1,2,", "number 3 is missing"),
        ("1,2;3,", "number 4 is missing"),
        ("1,NA,3", "number 2, “NA”, is a missing value"),
        ("1,2,nan", "number 3, “nan”, is a missing value"),
        ("1,2,inf", "number 3, “inf”, cannot be read"),
        ("1,1e999", "number 2, “1e999”, is beyond float64"),
        ("1,1'234", "number 2, “1'234”, cannot be read"),
        ("1,1 234", "number 2, “1 234”, cannot be read"),
        ("2,6;2;2,2", "step 2 has 1 number, but step 1 has 2"),
        ("1,2;3,4;5,6,7", "step 3 has 3 numbers, but step 1 has 2"),
        ("7", "has 1 step; 2 to 1000 are allowed"),
        ("1,2,3,4;", "step 2 has 1 number, but step 1 has 4"),
        (",".join("1" * 1001), "has 1001 steps; 2 to 1000"),
        (";".join([",".join("1" * 65)] * 2), "has 65 features; 1 to 64"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place_and_its_text(text: str, message: str) -> None:
    with pytest.raises(SeriesError, match=re.escape(message)) as refused:
        series_of(text)
    assert str(refused.value).startswith(message)


@given(
    st.integers(1, 4).flatmap(
        lambda D: st.lists(st.lists(FINITE, min_size=D, max_size=D), min_size=2, max_size=9)
    )
)
def test_what_is_written_reads_back(rows: list[list[float]]) -> None:
    series = series_of(rows)
    assert series_of(plain(series)) == series
    assert np.array_equal(np.reshape(series, np.shape(rows)), rows)
    assert features(series) == len(rows[0])
    assert largest_of(series) == np.abs(rows).max()


@pytest.mark.parametrize("value", [None, 3, [[1, 2], 3], [1, math.nan], [1, "x"], [[], []], [1]])
def test_what_is_no_series_is_refused(value: object) -> None:
    with pytest.raises(SeriesError):
        series_of(value)
