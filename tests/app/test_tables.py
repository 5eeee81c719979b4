"""Numbers pasted from elsewhere are the same numbers, or they are refused: never other ones."""

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.links import plain
from app.series import Series, SeriesError, series_of, typed
from app.tables import Unclear, decoded, only_reading

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TABLES = st.integers(1, 4).flatmap(
    lambda D: st.lists(
        st.lists(FINITE | st.integers(-9, 2000).map(float), min_size=D, max_size=D),
        min_size=2,
        max_size=6,
    )
)


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("1, 2, 3", (1, 2, 3)),
        ("2,6;2;2,2", (2.6, 2, 2.2)),
        ("0,5\n0,7", (0.5, 0.7)),
        ("0,5\r\n0,7\r\n", (0.5, 0.7)),
        ("1,05\n2,5", (1.05, 2.5)),
        ("1,5\t2,5", (1.5, 2.5)),
        ("1\t2,5\n3\t4", ((1, 2.5), (3, 4))),
        ("1.5E+03,2E+03", (1500, 2000)),
        ("−1.5\n+2", (-1.5, 2)),
        ("1e5\n1E-03", (1e5, 1e-3)),
        ("temp\n0,5\n0,7", (0.5, 0.7)),
        ("1.5,2.5\n3.5,4.5", ((1.5, 2.5), (3.5, 4.5))),
        ("a,b\n1,2\n3,4", ((1, 2), (3, 4))),
        ("a;b\n1,5;2\n3;4", ((1.5, 2), (3, 4))),
        ("1, 2; 3, 4", ((1, 2), (3, 4))),
        ("1\n2\n\n3\n", (1, 2, 3)),
        ("1,\n2,\n3", (1, 2, 3)),
        ("1;\n2;\n3;", (1, 2, 3)),
        ("\ufeffsep=;\r\n1,5;2\r\n2,5;3\r\n", ((1.5, 2), (2.5, 3))),
        ('"x"\n"1,5"\n"2,5"', (1.5, 2.5)),
        ('a,b\n"1,5","2,5"\n"3","4,5"', ((1.5, 2.5), (3, 4.5))),
        ("# numpy\n1.5e+00 2.5e+00\n3.0e+00 4.0e+00", ((1.5, 2.5), (3, 4))),
        ('"","x"\n"1",0.5\n"2",0.7', (0.5, 0.7)),  # R: write.csv
        ("    x  y\n1 0.5 3\n2 0.7 4", ((0.5, 3), (0.7, 4))),  # R: print
        ("[1] 0.5 0.7\n[3] 0.8", (0.5, 0.7, 0.8)),
        (",x\n0,0.5\n1,0.7", (0.5, 0.7)),  # pandas: to_csv
        ("date;v\n2024-01-01;0,5\n2024-01-02;0,7", (0.5, 0.7)),
        ("01.02.2024;0,5\n02.02.2024;0,7", (0.5, 0.7)),
        ("[1.0, 2, 3e5]", (1, 2, 3e5)),
        ("[[1,2],[3,4]]", ((1, 2), (3, 4))),
        ("[1. 2.\n 3.]", (1, 2, 3)),
        ("1,100.5\n2,7.5", ((1, 100.5), (2, 7.5))),
        ("1\u00a0\n\u200b2", (1, 2)),
    ],
)
def test_what_has_one_meaning_is_read(text: str, series: Series) -> None:
    assert only_reading(text).series == series


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,,3", "number 2 is missing"),
        ("t;v\n1;\n2;3", "number 2 (line 2) is missing"),
        ("1\nNA\n2", "number 2 (line 2), “NA”, is a missing value"),
        ("1, nan, 2", "number 2, “nan”, is a missing value"),
        ("1;2\n3", "line 2 has 1 cell, but line 1 has 2"),
        ("a,b\n1,2\n3", "line 3 has 1 cell, but the header has 2"),
        ("1'234\n2", "number 1 (line 1), “1'234”, has a thousands separator: write 1234"),
        ("1.234,5\n2", "number 1 (line 1), “1.234,5”, has a thousands separator: write 1234.5"),
        ("2;1.234,5", "number 2, “1.234,5”, has a thousands separator: write 1234.5"),
        ("1\u00a0234,5\n2", "number 1 (line 1), “1\u00a0234,5”, has a thousands separator"),
        ("1.5;2,5", "number 1, “1.5”, has a decimal point, others have a decimal comma"),
        ("1\ninf", "number 2 (line 2), “inf”, cannot be read"),
        ("1\n1e999", "number 2 (line 2), “1e999”, is beyond float64"),
        ("2o\n1\n2", "number 1 (line 1), “2o”, cannot be read"),
        ("1\n2o", "number 2 (line 2), “2o”, cannot be read"),
        ("[1, null]", "number 2, “null”, is a missing value"),
        ("[[1], [2, 3]]", "step 2 has 2 numbers, but step 1 has 1"),
        ("\n".join("1" * 1001), "has 1001 steps"),
        (" \n ", "is empty"),
        ("5", "has 1 step"),
        ("[1]", "has 1 step"),
        ("#\n#", "is empty"),
        ("sep=;", "number 1"),
    ],
)
def test_what_has_no_meaning_is_refused_by_position_and_text(text: str, message: str) -> None:
    with pytest.raises(SeriesError) as refused:
        only_reading(text)
    assert not isinstance(refused.value, Unclear)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message", "readings"),
    [
        ("1,2;3,4", "1.2, 3.4 (2 numbers)", [(1.2, 3.4), ((1, 2), (3, 4))]),
        ("0,5,0,7", "0.5, 0.7 (2 numbers)", [(0, 5, 0, 7), (0.5, 0.7)]),
        ("0,5, 0,7", "0, 5, 0, … (4 numbers)", [(0, 5, 0, 7), (0.5, 0.7)]),
        ("0,5 0,7", "0.5, 0.7 (2 numbers)", [(0.5, 0.7), (0, 5, 0, 7)]),
        ("1,2\n3,4", "1, 2; 3, 4 (2 steps of 2 features)", [((1, 2), (3, 4)), (1.2, 3.4)]),
        ("1,234.5", "number 1, “1,234.5”, can be", [(1, 234.5)]),
        ("7\n1,234.5", "number 2 (line 2), “1,234.5”, has a thousands", None),
        ("1,234\n5,678", "number 1, “1,234”, can be 1.234 or 1234", None),
        ("1,234;2,345", "number 1, “1,234”, can be 1.234 or 1234", None),
        ("1,234,567\n2,345,678", "number 1, “1,234,567”, can be one number, or several", None),
        ("1 234", "number 1, “1 234”, can be one number, or several", [(1, 234)]),
        ("1,100.5\n2,101.5", "number 1, “1,100.5”, can be one number, or several", None),
        ("1 234\n5 678", "number 1, “1 234”, can be one number, or several", None),
    ],
)
def test_where_several_meanings_are_possible_all_are_named_and_none_is_taken(
    text: str, message: str, readings: list[Series] | None
) -> None:
    with pytest.raises(SeriesError) as unclear:
        only_reading(text)
    assert message in str(unclear.value)
    if readings is not None:
        assert isinstance(unclear.value, Unclear)
        assert [one.series for one in unclear.value.readings] == readings


CSV = "t,temp,place,v\n1,0.5,a,7\n2,0.7,b,8\n"


@pytest.mark.parametrize(
    ("columns", "series"),
    [
        ([], ((1, 0.5, 7), (2, 0.7, 8))),
        (["temp"], (0.5, 0.7)),
        (["2"], (0.5, 0.7)),
        (["#2"], (0.5, 0.7)),
        (["4", "temp"], ((0.5, 7), (0.7, 8))),
    ],
)
def test_columns_are_chosen_by_name_or_number(columns: list[str], series: Series) -> None:
    reading = only_reading(CSV, columns)
    assert reading.series == series
    assert [column.name for column in reading.columns] == ["t", "temp", "place", "v"]
    assert [column.numeric for column in reading.columns] == [True, True, False, True]


@pytest.mark.parametrize("column", ["5", "0", "hum", "#x"])
def test_a_column_that_is_not_there_is_refused_with_those_that_are(column: str) -> None:
    with pytest.raises(SeriesError, match=r"has no column .* 1 to 4 .*“temp”"):
        only_reading(CSV, [column])


def test_a_column_of_words_is_refused_where_it_is_wanted() -> None:
    with pytest.raises(SeriesError, match=r"number 1 \(line 2\), “a”, cannot be read"):
        only_reading(CSV, ["place"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_files_are_text_in_any_usual_encoding(encoding: str) -> None:
    assert only_reading(decoded("t\r\n0,5\r\n−0,7".encode(encoding))).series == (0.5, -0.7)
    assert decoded("Größe".encode("cp1252")) == "Größe"


# What programs write -----------------------------------------------------------------------------


def same(text: str, rows: list[list[float]]) -> None:
    """A text is read as these numbers, or it is refused."""
    try:
        series = only_reading(text).series
    except SeriesError:
        return
    flat = np.ravel(series)
    want = np.ravel(rows)
    assert flat.shape == want.shape and (flat == want).all(), text


@given(TABLES)
def test_savetxt_reads_back(rows: list[list[float]]) -> None:
    out = io.StringIO()
    np.savetxt(out, rows)
    reading = only_reading(out.getvalue())
    assert np.array_equal(np.reshape(reading.series, np.shape(rows)), rows)


@given(st.lists(FINITE, min_size=2, max_size=9))
def test_seventeen_digits_a_line_read_back(values: list[float]) -> None:
    assert only_reading("\n".join(f"{value:.17g}" for value in values)).series == tuple(values)


@given(
    TABLES,
    st.sampled_from(",;\t"),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["g", "r"]),
)
def test_csv_reads_back_or_is_refused(
    rows: list[list[float]], mark: str, comma: bool, header: bool, form: str
) -> None:
    """With any separator, decimal points or commas, with a header or without."""
    assume(not (comma and mark == ","))
    cells = [[f"{x:.17g}" if form == "g" else plain_digits(x) for x in row] for row in rows]
    # A column of zeros beside another one is the way in which decimal commas are written.
    assume(mark != "," or len(rows[0]) != 2 or header or any(row[0] != "0" for row in cells))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark)
    if header:
        writer.writerow([f"feature {n}" for n in range(len(rows[0]))])
    writer.writerows([[c.replace(".", ",") if comma else c for c in row] for row in cells])
    same(out.getvalue(), rows)


def plain_digits(value: float) -> str:
    return str(int(value)) if abs(value) < 1e15 and value == math.floor(value) else repr(value)


@given(TABLES)
def test_what_a_field_shows_reads_back(rows: list[list[float]]) -> None:
    series = series_of(rows)
    assert only_reading(typed(plain(series))).series == series


@given(TABLES)
def test_json_reads_back(rows: list[list[float]]) -> None:
    reading = only_reading(json.dumps(rows))
    assert np.array_equal(np.reshape(reading.series, np.shape(rows)), rows)


@given(st.text("0123456789,.;- \n\te\"'NA[]#", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        series = only_reading(text).series
    except SeriesError as error:
        assert str(error)
    else:
        assert np.isfinite(np.array(series, dtype=float)).all()
