"""Links: what is written reads back, in one form only; what cannot be read says why."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app import api, links
from app.errors import Problem
from app.keys import FIELDS, allowed, bounds, choices, default, kind
from app.knobs import Experiment
from app.links import Asked, plain, read, write
from app.view import Focus, View
from tests.app.experiments import (
    CHOICES,
    INTEGERS,
    NO_WHOLE_NUMBER,
    NOT_A_NUMBER,
    NUMBERS,
    asks,
)


def canonical(query: str) -> str:
    return write(*read(query.encode(), with_view=True))


def refusal(query: str | bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        read(query.encode() if isinstance(query, str) else query, with_view=True)
    return refused.value


# What reads back ---------------------------------------------------------------------------------


@given(asks())
@example(Asked(Experiment(text=" ", series=(1.0, 2.0))))
@example(Asked(Experiment(signal="text", text="a+b&c=d%20#é 😀\x00\r\n?")))
@example(Asked(Experiment(signal="series", series=(1e308, -5e-324, 1e16, 0.1, 0.0))))
@example(Asked(Experiment(b_f=0.0), Focus(s=0, t=0, vs_b_f=0.0), View(unit=0, step=0)))
def test_what_is_written_reads_back_equal_and_is_written_the_same(asked: Asked) -> None:
    query = write(*asked)
    again = read(query.encode(), with_view=True)
    assert again == asked._replace(experiment=asked.experiment.in_force())
    assert write(*again) == query


@given(asks())
def test_a_canonical_link_is_short_plain_and_in_order(asked: Asked) -> None:
    experiment, query = asked.experiment, write(*asked)
    assert re.fullmatch(r"[A-Za-z0-9_.,;~%=&-]*", query)
    if not query:
        return
    pairs = [part.split("=") for part in query.split("&")]
    keys = [key for key, _ in pairs]
    assert pairs[0] == ["v", "1"]
    assert keys == [key for key in FIELDS if key in keys]
    assert not set(keys) & set(experiment.unused())
    for key, value in pairs[1:]:
        assert value != quote(plain(default(key)), safe=",")
        if key in NUMBERS:
            assert "%" not in value and not value.endswith(".0") and value != "-0"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_in_the_shortest_form_that_reads_back(number: float) -> None:
    text = plain(number + 0.0)
    assert float(text) == number
    assert len(text) <= len(repr(number))
    assert not re.search(r"\.0$|\.0e|\+|e-?0|^-0$", text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.5, "-0.5"),
        (0.1, "0.1"),
        (1e-5, "1e-5"),
        (1.5e-7, "1.5e-7"),
        (1e16, "1e16"),
        (123456789.0, "123456789"),
        (5e-324, "5e-324"),
        (7, "7"),
        ((1.0, 2.5, 1e-9), "1,2.5,1e-9"),
        (None, ""),
        ("a word", "a word"),
    ],
)
def test_values_are_written_as_one_types_them(number: Any, text: str) -> None:
    assert plain(number) == text


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("", ""),
        ("v=1", ""),
        ("T=100", ""),
        ("v=1&T=100&b_f=1.0&series=1,1,2,3,5,8,13,21,34,55,89,144", ""),
        ("b_f=5&T=50", "v=1&T=50&b_f=5"),
        ("lag=log&H=4", "v=1&H=4&lag=log"),
        ("floor=-30", "v=1&floor=-30"),
        ("b_f=0", "v=1&b_f=0"),
        ("b_f=-0", "v=1&b_f=0"),
        ("b_f=-0.0e5&b_i=-0", "v=1&b_f=0"),
        ("b_f=1e0", ""),
        ("b_f=0.00001", "v=1&b_f=1e-5"),
        ("b_f=1E-5", "v=1&b_f=1e-5"),
        ("b_f=1e-999", "v=1&b_f=0"),
        ("b_f=5.", "v=1&b_f=5"),
        ("b_f=.5", "v=1&b_f=0.5"),
        ("b_f=05.50", "v=1&b_f=5.5"),
        ("T=007", "v=1&T=7"),
        ("unit=0", "v=1&unit=0"),
        ("&&T=7&", "v=1&T=7"),
        ("%54=7", "v=1&T=7"),
        ("signal=text&text=a+b", "v=1&signal=text&text=a%20b"),
        ("signal=text&text=a%20b", "v=1&signal=text&text=a%20b"),
        ("signal=text&text=a%2Bb", "v=1&signal=text&text=a%2Bb"),
        ("signal=text&text=a=b", "v=1&signal=text&text=a%3Db"),
        ("signal=text&text=%26%25%23%3f", "v=1&signal=text&text=%26%25%23%3F"),
        ("signal=text&text=%f0%9f%98%80", "v=1&signal=text&text=%F0%9F%98%80"),
        ("signal=text&text=e%CC%81", "v=1&signal=text&text=e%CC%81"),
        ("signal=text&text=,", "v=1&signal=text&text=,"),
        ("signal=series&series=1.0,2.50,-0,1e2", "v=1&signal=series&series=1,2.5,0,100"),
        ("signal=series&series=1;2;3", "v=1&signal=series&series=1,2,3"),
        ("signal=series&series=1,2;3,4", "v=1&signal=series&series=1,2;3,4"),
        ("signal=series&series=1%2C2%3B3%2C4", "v=1&signal=series&series=1,2;3,4"),
        ("signal=series&series=1.5E%2B03,2E%2B03", "v=1&signal=series&series=1500,2000"),
        ("signal=series&series=1.5E+03,+2E+03", "v=1&signal=series&series=1500,2000"),
        ("signal=series&standardize=0&series=4,5", "v=1&signal=series&series=4,5&standardize=0"),
        ("signal=series&amplitude=2&standardize=0", "v=1&signal=series&standardize=0&amplitude=2"),
        ("b_f=%2B3", "v=1&b_f=3"),
        ("b_f=+3", "v=1&b_f=3"),
        ("T=%2B7&amplitude=1e%2B1", "v=1&T=7&amplitude=10"),
        ("hide=b_f,T", "v=1&hide=b_f,T"),
        ("hide=b_f%2CT", "v=1&hide=b_f,T"),
        ("hide=b_f,b_f", "v=1&hide=b_f"),
    ],
)
def test_each_state_has_one_link(query: str, written: str) -> None:
    assert canonical(query) == written
    assert canonical(written) == written


def test_emoji_and_raw_utf8_mean_the_same_as_their_escapes() -> None:
    assert canonical("signal=text&text=ñ😀") == canonical("signal=text&text=%C3%B1%F0%9F%98%80")


def test_letters_are_not_normalised() -> None:
    composed, *_ = read(b"signal=text&text=%C3%A9", with_view=True)
    decomposed, *_ = read(b"signal=text&text=e%CC%81", with_view=True)
    assert (composed.T, decomposed.T) == (1, 2)


# Unused keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("text=other", ""),
        ("series=4,5", ""),
        ("standardize=0", ""),
        ("signal=text&text=ab&standardize=0", "v=1&signal=text&text=ab"),
        ("signal=zeros&text=other&series=4,5", "v=1&signal=zeros"),
        ("signal=text&text=ab&T=7", "v=1&signal=text&text=ab"),
        ("signal=text&D=3&T=7&series=4,5", "v=1&D=3&signal=text"),
        ("signal=series&T=7&D=5&text=other", "v=1&signal=series"),
        ("cell=lstm-1997&b_f=3&b_i=3", "v=1&cell=lstm-1997&b_i=3"),
        ("cell=peephole&b_f=3&b_i=3&b_o=1", "v=1&cell=peephole&b_i=3&b_f=3&b_o=1"),
        ("cell=coupled&b_i=3&b_f=3", "v=1&cell=coupled&b_f=3"),
        ("cell=gru&b_o=3&b_i=3&gain=2", "v=1&cell=gru&b_i=3&gain=2"),
        ("cell=minlstm&b_o=3&b_i=3&gain=2&chrono=9", "v=1&cell=minlstm&b_i=3&chrono=9"),
        ("cell=mingru&b_o=3&b_i=3&b_g=3&gain=2", "v=1&cell=mingru&b_g=3"),
    ],
)
def test_unused_keys_are_left_out_of_the_link(query: str, written: str) -> None:
    assert canonical(query) == written


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("series=4,x", "series"),
        ("text=", "text"),
        ("signal=text&T=0", "T"),
        ("signal=series&D=65", "D"),
        ("signal=series&T=nan", "T"),
        ("cell=lstm-1997&b_f=21", "b_f"),
        ("cell=gru&b_o=nan", "b_o"),
        ("cell=mingru&gain=-1", "gain"),
    ],
)
def test_unused_keys_are_validated_all_the_same(query: str, key: str) -> None:
    assert [error.key for error in refusal(query).errors] == [key]


# What is refused ---------------------------------------------------------------------------------

LONG = "9" * 10_000


def wrong_values(key: str) -> dict[str, str]:
    """Wrong values of one key, by what is wrong with them, as a query string writes them."""
    sort, span = kind(key), bounds(key)
    wrong = {"empty": ""}
    if key in NUMBERS:
        assert span is not None
        low, high = (int(end) for end in span)
        wrong |= NOT_A_NUMBER
        wrong |= {"below": str(low - 1), "above": str(high + 1), "10,000 digits": LONG}
        wrong |= {"far below": f"-{LONG}"}
        if key in INTEGERS:
            return wrong | NO_WHOLE_NUMBER
        return wrong | {"huge": "1e999", "just above": f"{high}.0000000001", "plus": "1e%2B"}
    if key in CHOICES:
        others = ("nan", "inf", "1_0", "LSTM", "%20linear", "12", LONG)
        return wrong | {value[:9]: value for value in others}
    if sort == "text":
        return wrong | {"1001 characters": "x" * 1001, "10,000 characters": LONG}
    if sort == "numbers":
        numbers = {f"1,{name}": f"1,{value}" for name, value in NOT_A_NUMBER.items()}
        # A comma is one more number, and pages read white space around numbers.
        for name in ("comma", "space before", "space after", "form space", "line end"):
            del numbers[f"1,{name}"]
        numbers |= {"one": "1", "1001": "1" + ",1" * 1000, "1e999": "1,1e999", "comma": "1,2,"}
        return wrong | numbers | {"10,000 digits": f"1,{LONG}"}
    return wrong | {"unknown": "b_f,nonsense", "space": "b_f,%20T", "10,000 characters": LONG}


BAD = [
    pytest.param(key, value, id=f"{key}: {name}")
    for key in FIELDS
    for name, value in wrong_values(key).items()
]


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_wrong_value_is_refused_by_its_key_with_what_is_allowed(key: str, value: str) -> None:
    problem = refusal(f"{key}={value}")
    assert problem.status == 422
    assert [error.key for error in problem.errors] == [key]
    assert allowed(key) in problem.errors[0].message
    assert len(problem.errors[0].value) <= 100
    assert key in problem.detail


@pytest.mark.parametrize("key", FIELDS)
def test_a_wrong_key_is_named_over_http_and_the_nearest_link_works(
    client: TestClient, key: str
) -> None:
    path = "/api/highway" if key in Experiment.model_fields else "/plot/highway"
    # The nearest is the largest there is, or trained for longest, which a script need not be.
    small = {"T": "&H=2", "H": "&T=2"}.get(key, "")
    path = "/api/code/highway_torch.py" if key == "trained" else path
    for name, value in wrong_values(key).items():
        answer = client.get(f"{path}?{key}={value}{small}")
        assert answer.status_code == 422, name
        document = answer.json()
        assert [error["key"] for error in document["errors"]] == [key]
        assert document["nearest"].startswith(path)
        assert client.get(document["nearest"]).status_code == 200, name


FIRST = {"hide": "T", "vs_chrono": "3"}


@pytest.mark.parametrize("key", FIELDS)
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    value = quote(plain(default(key)) or FIRST.get(key, "1"), safe=",")
    value = choices(key)[0] if kind(key) == "choice" and default(key) is None else value
    problem = refusal(f"{key}={value}&{key}={value}")
    assert [error.key for error in problem.errors] == [key]
    assert "2 times" in problem.errors[0].message
    assert problem.nearest == canonical(f"{key}={value}")
    other = refusal(f"{key}={value}&{key}=5")
    assert f"{value} and as 5" in other.errors[0].message.replace("%20", " ") or kind(key) == "text"
    assert other.nearest == ""


@pytest.mark.parametrize("key", FIELDS)
def test_a_value_that_is_no_utf8_is_refused(key: str) -> None:
    for broken in (b"%FF", b"%ED%A0%80", b"%C3", b"\xff", b"1%80"):
        problem = refusal(key.encode() + b"=" + broken)
        assert {error.key for error in problem.errors} == {key}
        assert "UTF-8" in problem.errors[0].message


@pytest.mark.parametrize(
    "query", ["tau=1", "tau=5", "=5", "B_f=1", "b_f%20=1", "%20T=100", "T%5B%5D=100", "x" * 10_000]
)
def test_an_unknown_key_is_refused(query: str) -> None:
    problem = refusal(query)
    (error,) = problem.errors
    assert "not a knob" in error.message
    assert len(error.key) <= 100
    assert problem.nearest == ""


def test_every_wrong_key_is_named_at_once() -> None:
    problem = refusal("T=x&H=0&tau=1&b_f=1&b_f=2&lag=loud&text=%FF")
    assert {error.key for error in problem.errors} == {"T", "H", "tau", "b_f", "lag", "text"}


def test_a_long_value_is_shown_shortened_and_a_short_one_in_full() -> None:
    assert refusal(f"T={'x' * 100}").errors[0].value == "x" * 100
    shown = refusal(f"T={'x' * 101}").errors[0].value
    assert shown == "x" * 99 + "…"


# The nearest link --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "nearest"),
    [
        ("T=0", "v=1&T=1"),
        ("T=20001", "v=1&T=20000"),
        ("T=-5&H=4", "v=1&T=1&H=4"),
        ("T=64.0", "v=1&T=64"),
        ("T=12.4", "v=1&T=12"),
        ("b_f=21", "v=1&b_f=20"),
        ("b_f=-1e9", "v=1&b_f=-20"),
        ("b_f=1e999", "v=1&b_f=20"),
        (f"T={LONG}&H=1", "v=1&T=20000&H=1"),
        ("b_f=nan", ""),
        ("b_f=&H=4", "v=1&H=4"),
        ("tau=1&H=4", "v=1&H=4"),
        ("H=4&H=5&T=7", "v=1&T=7"),
        ("v=2&T=7", "v=1&T=7"),
        ("v=0", ""),
        ("act=sin&T=7", "v=1&T=7"),
        ("seed=4294967296", "v=1&seed=4294967295"),
        ("cell=gru2&T=7", "v=1&T=7"),
        ("cell=GRU2&b_o=3", "v=1&b_o=3"),
        ("cell=GRU&b_o=3&T=7", "v=1&T=7&cell=gru"),
        ("cell=gru&b_o=21", "v=1&cell=gru"),
        ("chrono=-3&T=7", "v=1&T=7"),
        ("chrono=200000", "v=1&chrono=100000"),
        ("series=1,x&signal=series&T=7", "v=1&T=7"),
        ("signal=text&text=&T=7", "v=1&T=7"),
        ("text=%FF&signal=text&T=7", "v=1&T=7"),
        ("words=aa&task=text&T=7", "v=1&T=7"),
        ("task=text2&words=abc&T=7", "v=1&T=7"),
        ("signal=text&text=abc&series=1,x", "v=1&signal=text&text=abc"),
        ("x=bogus&x_from=0&x_to=3&x_scale=log&x_points=9", "v=1&x_points=9"),
        ("x=H&x_from=-5&x_to=64", "v=1&x=H&x_from=1&x_to=64"),
        ("x=chrono&x_from=1&x_to=64", "v=1&x=chrono&x_from=3&x_to=64"),
        ("x_from=low&x_to=3&y_to=4", "v=1&y_to=4"),
        ("x_from=5&x_to=4&T=7", "v=1&T=7"),
        ("x=gain", "v=1&x=gain&y=b_f"),
        ("y=b_f&y_to=5", "v=1&x=gain&y=b_f&y_to=5"),
        ("x=gain&y=gain&y_to=1.5", "v=1&x=gain&y=b_f"),
        ("x_scale=log&T=7", "v=1&T=7"),
        ("signal=adding&D=1", "v=1&D=2&signal=adding"),
        ("signal=copy&D=0", "v=1&D=3&signal=copy"),
        ("vs_signal=copy&D=2&vs_b_f=3", "v=1&D=2&vs_b_f=3"),
        ("unit=256", "v=1&unit=255"),
        ("hide=nonsense&lag=log", "v=1&lag=log"),
    ],
)
def test_nearest_clamps_numbers_and_drops_what_else_is_wrong(query: str, nearest: str) -> None:
    assert refusal(query).nearest == nearest


@pytest.mark.parametrize(("signal", "D"), [("adding", 1), ("copy", 2)])
def test_nearest_gives_a_signal_the_room_it_needs(signal: str, D: int) -> None:
    nearest = refusal(f"signal={signal}&D={D}").nearest
    assert nearest is not None
    experiment, *_ = read(nearest.encode(), with_view=True)
    assert experiment.signal in (signal, "noise")


def test_nearest_is_within_the_budget_even_where_both_sizes_were_too_large(
    client: TestClient,
) -> None:
    document = client.get("/api/weights.safetensors?T=99999&H=999").json()
    assert client.head(document["nearest"]).status_code == 200


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scraps = st.sampled_from(
    ["0", "1", "-1", "5", "64.0", "nan", "1e5", "1e999", "log", "text", "series", "copy", "", "1,2"]
)


@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "tau", "", "t"]), scraps | texts), max_size=6))
def test_any_query_is_read_or_refused_with_a_nearest_link_that_reads(
    pairs: list[tuple[str, str]],
) -> None:
    query = "&".join(f"{quote(key)}={quote(value)}" for key, value in pairs)
    try:
        read(query.encode(), with_view=True)
    except Problem as problem:
        assert problem.status == 422
        assert problem.errors
        assert problem.nearest is not None
        assert canonical(problem.nearest) == problem.nearest


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(query: bytes) -> None:
    try:
        read(query, with_view=True)
    except Problem as problem:
        assert problem.nearest is not None
        assert canonical(problem.nearest) == problem.nearest


# View keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", View.model_fields)
def test_view_keys_are_ignored_where_there_is_nothing_to_see(key: str) -> None:
    for value in ("nonsense", "", "%FF", "1", LONG):
        query = f"{key}={value}&{key}=again&T=7".encode()
        assert read(query, with_view=False) == Asked(Experiment(T=7))


def test_keys_that_look_closely_are_read_everywhere() -> None:
    for with_view in (True, False):
        asked = read(b"s=3&t=9&over=500&draw=2&worked=textbook&vs_b_f=5", with_view=with_view)
        assert asked.focus == Focus(s=3, t=9, over=500, draw=2, worked="textbook", vs_b_f=5.0)


# A second experiment -----------------------------------------------------------------------------


def test_a_second_experiment_is_the_first_but_for_what_is_said() -> None:
    asked = read(b"T=7&b_f=2&gain=3&vs_gain=0&vs_cell=gru", with_view=True)
    assert asked.focus.second(asked.experiment) == Experiment(T=7, b_f=2.0, gain=0.0, cell="gru")


def test_a_second_experiment_reads_as_long_as_the_first() -> None:
    asked = read(b"signal=text&text=abc&vs_signal=noise", with_view=True)
    assert asked.focus.second(asked.experiment) == Experiment(T=3)


def test_a_second_experiment_that_does_not_fit_is_refused_by_its_own_key() -> None:
    problem = refusal("D=2&vs_signal=copy&vs_b_f=3")
    assert [error.key for error in problem.errors] == ["vs_signal"]
    assert "D must be at least 3" in problem.errors[0].message
    assert problem.nearest == "v=1&D=2&vs_b_f=3"


@pytest.mark.parametrize("signal", ["text", "series"])
def test_a_second_experiment_has_no_length_of_its_own(signal: str) -> None:
    assert [error.key for error in refusal(f"vs_signal={signal}").errors] == ["vs_signal"]
    assert [error.key for error in refusal("vs_T=5").errors] == ["vs_T"]


def test_a_wrong_number_of_the_second_experiment_is_clamped_like_the_first_ones() -> None:
    problem = refusal("vs_b_f=50&vs_chrono=2")
    assert {error.key: error.value for error in problem.errors} == {
        "vs_b_f": "50",
        "vs_chrono": "2",
    }
    assert problem.nearest == "v=1&vs_b_f=20"


def test_of_very_many_keys_the_first_are_told_what_is_wrong(client: TestClient) -> None:
    for query in ("&".join(f"x{n}=" for n in range(2000)), "T=1&" * 2000):
        answer = client.get(f"/api/highway?{query}")
        assert answer.status_code == 422
        assert f"is the first of {2000 - links.MOST_PAIRS} keys too many" in answer.text
        assert len(answer.content) < 40_000
        assert client.get(answer.json()["nearest"]).status_code == 200


def test_long_queries_and_ones_own_words_are_not_known_by_heart(client: TestClient) -> None:
    links.known_by_heart.cache_clear()
    api.known_by_heart.cache_clear()
    query = "signal=series&series=" + ",".join(str(n) for n in range(500))
    assert client.get(f"/api/code/highway_torch.py?{query}").status_code == 200
    assert client.get("/api/code/highway_torch.py?T=9").status_code == 200
    assert api.known_by_heart.cache_info().currsize == 1
    asked = read(query.encode(), with_view=False)
    links.known_by_heart.cache_clear()
    assert links.write(*asked).endswith(",499")
    assert links.known_by_heart.cache_info().currsize == 0
