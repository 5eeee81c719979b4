"""Every null of an answer says what it stands for, and opposites are told apart."""

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.forms import Telling, as_csv, as_json, as_npz, flat
from app.lenses import IN_CHUNKS, LENSES
from app.links import read
from app.nulls import USUAL, csv_field, leaves, nulls

QUERIES = {
    "usual": "T=12&H=3",
    "silence": "T=12&H=3&signal=zeros&gain=0&act=relu&b_f=-20",
    "no forget gate": "T=12&H=3&cell=lstm-1997",
    "normalized": "T=12&H=3&cell=minlstm",
    "input gate shut": "T=12&H=3&cell=minlstm&b_i=-20",
    "wide open": "T=5&H=1&D=64&b_f=20&init=pytorch&signal=constant&amplitude=100",
    "one step": "T=1&H=1&cell=gru",
    "many directions": "T=15&H=10&D=3&init=normal&gain=0",
    "kinks": "T=12&H=4&act=relu&rnn_init=identity&signal=impulse",
    "second without recurrence": "T=12&H=3&vs_gain=0&vs_act=relu&vs_signal=zeros",
    "first without recurrence": "T=12&H=3&gain=0&vs_gain=1",
}
AT_ONCE = [lens for lens in LENSES if lens not in IN_CHUNKS]
WITH_NULLS = [lens for lens in AT_ONCE if hasattr(LENSES[lens], "NULLS")]


def telling(lens: str, query: str) -> Telling:
    asked = read(query.encode(), with_view=False)
    return Telling(lens, LENSES[lens].compute(*asked[:2]), asked)


def kind_of(number: float) -> str:
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"


def meanings(shape: tuple[int, ...], said: Any) -> np.ndarray:
    """What is said of each entry; one word is said of all."""
    if isinstance(said, str):
        return np.full(shape, said, dtype=object)
    return np.array(said, dtype=object).reshape(shape)


@pytest.mark.parametrize("lens", [lens for lens in AT_ONCE if lens not in WITH_NULLS])
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_where_no_null_is_explained_all_are_zeros(lens: str, query: str) -> None:
    told = telling(lens, query)
    assert "nulls" not in told.answer
    for path, value in leaves(told.answer):
        if path != "highway_share" and np.asarray(value).dtype.kind == "f":
            assert not np.isnan(value).any() and not np.isposinf(value).any(), path


@pytest.mark.parametrize("lens", WITH_NULLS)
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_null_is_explained_and_no_two_kinds_alike(lens: str, query: str) -> None:
    told = telling(lens, query)
    answer = json.loads(as_json(told))
    explained = answer.pop("nulls")
    found = dict(leaves(answer))
    words: dict[str, dict[str, set[str]]] = {}
    exact = dict(leaves(told.answer))
    for path, value in found.items():
        written = np.array(value, dtype=object)
        null = np.equal(written, None)
        assert bool(null.any()) == (path in explained), path
        if not null.any():
            continue
        numbers = np.asarray(exact[path], dtype=np.float64)
        assert ((~np.isfinite(numbers)) == null).all(), path
        said = meanings(null.shape, explained[path])
        for number, meaning in zip(numbers[null], said[null], strict=True):
            words.setdefault(path, {}).setdefault(kind_of(float(number)), set()).add(meaning)
            assert meaning.partition(":")[0] in {*USUAL.values(), "minus infinity"}
        if not isinstance(explained[path], str):
            assert not said[~null].any()
    for path, by_kind in words.items():
        every = [meaning for meanings in by_kind.values() for meaning in meanings]
        assert len(every) == len(set(every)) == len(by_kind), path


@pytest.mark.parametrize("lens", AT_ONCE)
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_tables_have_empty_fields_and_files_have_the_numbers(lens: str, query: str) -> None:
    told = telling(lens, query)
    rows = list(csv.reader(io.StringIO(as_csv(told).decode())))
    fields = {field for row in rows[1:] for field in row}
    assert not fields & {"nan", "None", "NaN"}
    # A half-life or a bias without end; logarithms have none.
    assert lens == "horizon" or not fields & {"inf", "-inf"}
    numbers = np.load(io.BytesIO(as_npz(told)))
    for name, value in flat(told.answer):
        if np.asarray(value).dtype.kind == "f":
            np.testing.assert_array_equal(numbers[name], value)


def horizon_of(client: TestClient, query: str) -> dict[str, Any]:
    answer = client.get(f"/api/horizon?{query}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def test_a_bias_that_is_not_needed_is_not_one_that_cannot_be(client: TestClient) -> None:
    none_needed = horizon_of(client, "T=20&H=3&cell=lstm-1997")
    none_enough = horizon_of(client, "T=20&H=3&cell=minlstm")
    for told in (none_needed, none_enough):
        assert told["keep_half"]["b_f_by_unit"] == [None] * 3
        assert told["keep_half"]["b_f_alone"] is None
    for field in ("b_f_by_unit", "b_f_alone"):
        path = f"keep_half.{field}"
        assert none_needed["nulls"][path].startswith("minus infinity: none is needed")
        assert none_enough["nulls"][path] == "infinite: no b_f is enough"
    half_life = none_needed["nulls"]["direct_by_unit.half_life"]
    assert half_life == "infinite: nothing is lost"
    assert "direct_by_unit.half_life" not in none_enough["nulls"]


@pytest.mark.parametrize(
    ("quantity", "knobs", "meaning"),
    [
        ("horizon", "cell=lstm-1997", "infinite"),
        ("rnn", "act=relu&signal=zeros", "minus infinity: a logarithm's zero"),
    ],
)
def test_a_map_without_an_end_is_not_one_of_zeros(quantity: str, knobs: str, meaning: str) -> None:
    small = "T=8&H=2&D=2&x=gain&y=none&x_points=3&seeds=2"
    told = telling("phase", f"{small}&quantity={quantity}&{knobs}")
    answer = json.loads(as_json(told))
    assert not [value for row in answer["values"] for runs in row for value in runs if value]
    assert answer["nulls"]["values"] == answer["nulls"]["median"] == meaning
    fields = {row[3] for row in csv.reader(io.StringIO(as_csv(told).decode()))} - {"value"}
    assert fields == {"inf" if quantity == "horizon" else ""}


def test_a_ratio_to_zero_is_not_zero(client: TestClient) -> None:
    more = client.get("/api/compare?T=6&H=3&gain=0&vs_gain=1").json()
    less = client.get("/api/compare?T=6&H=3&vs_gain=0").json()
    path = "b_over_a.rms.cell_detours"
    both = "undefined: A and B are both zero"  # at step T, where nothing has crossed weight_hh
    assert more["nulls"][path] == ["infinite: A is zero, B is not"] * 6 + [both]
    assert less["nulls"][path] == ["zero: B is"] * 6 + [both]


def test_directions_too_small_to_be_known_are_empty_in_the_table(client: TestClient) -> None:
    query = "T=15&H=10&D=3&init=normal&gain=0"
    lines = client.get(f"/api/spectrum.csv?{query}").text.splitlines()
    told = client.get(f"/api/spectrum?{query}").json()
    unknown = sum(told["rnn"]["unknown"])
    assert unknown > 0 and sum(line.endswith(",") for line in lines) == unknown
    said = told["nulls"]["rnn.log10_directions"]
    assert said == "undefined: too small beside the largest to be known"


def test_an_answer_without_nulls_says_so() -> None:
    assert nulls({"a": np.zeros(3), "b": [1, 2], "c": "nan", "d": None}, {}) == {}


def test_mixed_nulls_are_told_entry_by_entry() -> None:
    mixed = np.array([[1.0, -math.inf], [math.nan, math.inf]])
    own = {("of.x*", "nan"): "undefined: nobody looked"}
    said = nulls({"of": {"x1": mixed, "y": [{"z": math.inf}, {"z": 0.0}]}}, own)
    assert said == {
        "of.x1": [["", "zero"], ["undefined: nobody looked", "infinite"]],
        "of.y.0.z": "infinite",
    }


@pytest.mark.parametrize(
    ("number", "field"), [(0.1, "0.1"), (-math.inf, ""), (math.nan, ""), (math.inf, "inf")]
)
def test_a_field_is_empty_or_a_number(number: float, field: str) -> None:
    assert csv_field(number) == field
