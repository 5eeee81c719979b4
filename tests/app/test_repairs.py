"""Damaged links: what is plainly meant is read, and nothing else is ever opened."""

import re
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Problem
from app.keys import FIELDS
from app.links import Asked, meant, read, write
from app.repairs import repaired
from app.trackers import is_tracker
from tests.app.experiments import asks
from tests.app.mangled import MANGLES, as_sent


def opened(query: str | bytes) -> str:
    """The canonical link that a page redirects to."""
    text = query.encode() if isinstance(query, str) else query
    return write(*meant(text, with_view=True, repair=True).asked)


def notes(query: str) -> list[tuple[str, str]]:
    return [tuple(one) for one in meant(query.encode(), with_view=True, repair=True).repairs]


def refusal(query: str | bytes, *, repair: bool = True) -> Problem:
    text = query.encode() if isinstance(query, str) else query
    with pytest.raises(Problem) as refused:
        meant(text, with_view=True, repair=repair)
    return refused.value


# What is read -------------------------------------------------------------------------------------

B_F = "v=1&b_f=3"
DAMAGED = {
    "v=1&amp;b_f=3&amp;T=50": "v=1&T=50&b_f=3",
    "v=1&amp;amp;b_f=3": B_F,
    "v=1&%2338;b_f=3": B_F,
    "v=1&%23x26;b_f=3": B_F,
    "v=1%26amp%3Bb_f=3": B_F,
    "v=1%26b_f=3": B_F,
    "v=1&ampb_f=3": B_F,
    "v=1&litude=2": "v=1&amplitude=2",
    **{f"b_f=3{quote(end)}": B_F for end in (*").,;:!?\"'>]}”’»…*_`|~/\\", ").", '>"', "**")},
    "%22b_f=3%22": B_F,
    "b_f=%E2%80%9C3%E2%80%9D": B_F,
    "(b_f=3)": B_F,
    "b_f=&quot;3&quot;": B_F,
    "b_f=3&gt;": B_F,
    "b_f=3&nbsp;": B_F,
    "b_f=3%20": B_F,
    "b_f=3%0D%0A": B_F,
    "b_f=%203": B_F,
    "%20b_f=3": B_F,
    "b_f%20=3": B_F,
    "b_f=3%C2%A0": B_F,
    "b_f=3%E3%80%80": B_F,
    "b_f=3%E2%80%8B": B_F,
    "b_f=%EF%BB%BF3": B_F,
    "b%C2%AD_f=3": B_F,
    "b\\_f=3": B_F,
    "b%5C_f=3": B_F,
    "b_f=%E2%88%923": "v=1&b_f=-3",
    "b_f=%E2%80%933.5": "v=1&b_f=-3.5",
    "rate=1e%E2%88%923": "v=1&rate=0.001",
    "cell=lstm%E2%80%931997": "v=1&cell=lstm-1997",
    "b_f=%EF%BC%93.%EF%BC%95": "v=1&b_f=3.5",
    "b_f=0,5": "v=1&b_f=0.5",
    "b_f=-2,25": "v=1&b_f=-2.25",
    "rate=0,005": "",
    "rate=0,025": "v=1&rate=0.025",
    "b_f=1,2345": "v=1&b_f=1.2345",
    "T=1e2": "",
    "T=2E2": "v=1&T=200",
    "T=200.0": "v=1&T=200",
    "T=200,0": "v=1&T=200",
    "H=64.": "v=1&H=64",
    "T=1e%202": "",
    "cell=GRU": "v=1&cell=gru",
    "cell=gru.": "v=1&cell=gru",
    "init=PyTorch)": "v=1&init=pytorch",
    "B_F=3": B_F,
    "h=16&Lag=LOG": "v=1&H=16&lag=log",
    "bf=3": B_F,
    "b_f=3&b_f=3": B_F,
    "b_f=3&b_f=3.0": B_F,
    "b_f=3&b_f=3)": B_F,
    "?b_f=3": B_F,
    "v=1?b_f=3": B_F,
    "v=1&b_f=3?utm_source=x": B_F,
    "v=1;b_f=3": B_F,
    "hide=b\\_f,%20T": "v=1&hide=b_f,T",
    "x=B_F&x_to=2,5": "v=1&x_to=2.5",
    "signal=series&series=(1,2,3)": "v=1&signal=series&series=1,2,3",
    "v=3D1&b_f=3D3": B_F,
    "v=3D1&signal=3Dtext&te=%0D%0Axt=3Dabc": "v=1&signal=text&text=abc",
    "v=1&T=5=%0D%0A0": "v=1&T=50",
    "v=1&T=5%0D%0A0": "v=1&T=50",
    "v%3D1%26b_f%3D3": B_F,
    "v%3D1%26signal%3Dtext%26text%3Da%2520b": "v=1&signal=text&text=a%20b",
    "v%253D1%2526b_f%253D3": B_F,
    "b_f=%252D3": "v=1&b_f=-3",
    "b_f=3&)": B_F,
    "b_f=3&amp;": B_F,
    "b_f=3&amp": B_F,
    "b_f=3%3C/a%3E": B_F,
    "b_f=%2B3": B_F,
    "T=2E%2B02": "v=1&T=200",
    "b_f=3%23facts": B_F,
    "signal=series&series=1,%202,%0D%0A3": "v=1&signal=series&series=1,2,3",
    "%E2%80%A2%20b_f=3": B_F,
}


@pytest.mark.parametrize(("query", "canonical"), DAMAGED.items(), ids=DAMAGED)
def test_what_is_plainly_meant_is_read_and_the_api_names_it(query: str, canonical: str) -> None:
    assert opened(query) == canonical
    # Plus signs, points at the end and trackers are read by everybody.
    assert notes(query) or query.endswith(("3.", "?utm_source=x", "%2B3", "%2B02"))
    if notes(query):
        assert refusal(query, repair=False).nearest == canonical


@pytest.mark.parametrize(
    "key",
    [
        *("utm_source", "UTM_Campaign", "utm-medium", "fbclid", "gclid", "gbraid", "wbraid"),
        *("msclkid", "dclid", "yclid", "mc_cid", "mc_eid", "igshid", "ref", "ref_src", "_ga"),
        *("_gl", "_hsenc", "_hsmi", "spm", "_openstat", "vero_id", "mkt_tok", "li_fat_id"),
        *("ttclid", "twclid", "rdt_cid", "s_cid", "oly_enc_id", "hsCtaTracking", "_ga_XYZ1"),
    ],
)
def test_keys_of_trackers_are_no_part_of_a_link(key: str) -> None:
    for value in ("x", "", "%FF", "a%26T%3D5", "http://x/?T=5", "x" * 300):
        query = f"{key}={value}&v=1&b_f=3&{key}=again"
        assert write(*read(query.encode(), with_view=False)) == B_F
        assert notes(query) == []
    assert not [one for one in FIELDS if is_tracker(one)]


@pytest.mark.parametrize("key", ["utm", "reference", "ga", "clid", "tracker", "source"])
def test_other_unknown_keys_are_refused(key: str) -> None:
    assert [error.key for error in refusal(f"{key}=1&b_f=3").errors] == [key]


def test_a_tracker_behind_an_escaped_separator_is_none_either() -> None:
    assert write(*read(b"v=1&b_f=3&amp;utm_source=x&amp;utm_medium=y", with_view=False)) == B_F


# What is not read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "key", "readings"),
    [
        ("T=1,234", "T", ("1.234", "1234")),
        ("T=1.234", "T", ("1.234", "1234")),
        ("T=1.000", "T", ("1.000", "1000")),
        ("b_f=1,234", "b_f", ("1.234", "1234")),
        ("b_f=-1,234)", "b_f", ("-1.234", "-1234")),
        ("T=1%20000", "T", ("1000", "1")),
        ("signal=series&series=1,2%0D%0A3", "series", ("1,23", "1,2,3")),
        ("b_f=3+4", "b_f", ("34", "3")),
        ("b_f=3&b_f=4", "b_f", ("3", "4")),
        ("b_f=3&b_f=4)", "b_f", ("3", "4")),
        ("b_f=3&B_F=4", "b_f", ("3", "4")),
        ("h=3&t=5", "t", ("t=5", "T=5")),
        ("V=1&S=3&T=5", "T", ("T=5", "t=5")),
        ("WORKED=TEXTBOOK&T=5", "T", ("T=5", "t=5")),
        ("V=1&SIGNAL=TEXT&TEXT=HELLO", "text", ("HELLO", "hello")),
        ("b\\_f=3&signal=text&text=a\\_b", "text", ("a\\_b", "a_b")),
        ("b_f=3D3&signal=text&text=3Dabc", "text", ("3Dabc", "abc")),
        ("b_f=%252D3&signal=text&text=a%2520b", "text", ("a%20b", "a b")),
        ("b_f=3%26signal=text%26text=a%2Bb", "text", ("a b", "a+b")),
        ("signal=text&text=abc&quot;", "text", ("abc", 'abc"')),
        ("signal=text&text=R&D", "text", ("R", "R&D")),
        ("signal=text&text=R&amp;D&seed=3", "text", ("R", "R&D")),
        ("signal=text&text=a&amp;b", "text", ("a", "a&b")),
        ("signal=text&text=a&b&c&seed=3", "text", ("a", "a&b&c")),
        ("signal=text&text=a&quot;b&quot;", "text", ("a", 'a"b"')),
    ],
)
def test_two_readings_are_refused_and_both_named(
    query: str, key: str, readings: tuple[str, str]
) -> None:
    for repair in (True, False):
        (error, *_) = [one for one in refusal(query, repair=repair).errors if one.key == key]
        for reading in readings:
            assert reading in error.message
    nearest = refusal(query).nearest
    assert nearest is not None and f"{key}=" not in nearest.replace("vs_", "")


@pytest.mark.parametrize(
    "query",
    [
        *("b_f=", "b_f=-", "b_f=three", "b_f=3px", "b_f=1e", "b_f=3%25", "b_f=1,234.5", "b_f=--3"),
        *("T=12.5", "T=0,5", "T=1e-2", "T=1,234,567", "T=0x10", "T=%D9%A3", "b_f=5%C2%B2"),
        *("cell=lst", "cell=lstm-", "cell=lstm%20and%20gru", "bias=3", "b_f=3%FF", "=5"),
        *("hide=b_f,nothing)", "series=1,x)", "T=1e99999999999999999999", "v=2)", "b_f=99)"),
    ],
)
def test_what_cannot_be_read_is_refused(query: str) -> None:
    problem = refusal(query)
    assert problem.errors and problem.nearest is not None
    assert opened(problem.nearest) == problem.nearest


@pytest.mark.parametrize(
    "text",
    [
        "Hello, (world)!",
        "“a”",
        "a\\_b",
        "a  b ",
        "\u200babc\u200b",
        "−3",
        "ABC",
        "3Dabc",
        "a&amp;b?c=d",
    ],
)
def test_ones_own_text_is_never_changed(text: str) -> None:
    query = f"v=1&signal=text&text={quote(text, safe='')}"
    for damaged in (query, query.replace("v=1", "v=1)"), query.replace("&signal", "&amp;signal")):
        asked, _ = meant(damaged.encode(), with_view=True, repair=True)
        assert asked.experiment.text == text


def test_a_wrong_value_is_shown_as_the_link_has_it() -> None:
    (error,) = refusal("b_f=99)").errors
    assert (error.value, error.message) == ("99)", "must be a number from -20 to 20")
    assert refusal("b_f=99)").nearest == "v=1&b_f=20"


def test_what_is_left_out_with_a_wrong_key_is_said() -> None:
    (error,) = refusal("signal=series&series=1,x").errors
    assert error.message.endswith("; the nearest link is without signal=series too")


def test_a_key_that_is_gone_is_answered_with_what_replaced_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(links_replaced(), "tau", "is gone: chrono says the same in steps")
    (error,) = refusal("tau=3&T=7").errors
    assert (error.key, error.message) == ("tau", "is gone: chrono says the same in steps")


def links_replaced() -> dict[str, str]:
    from app.keys import REPLACED

    return REPLACED


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("b_f=3)", ("b_f=3)", "b_f=3")),
        ("v=1&amp;b_f=3", ("amp;b_f=3", "b_f=3")),
        ("b_f=3%E2%80%8B", ("b_f=3%E2%80%8B", "b_f=3")),
        ("b_f=3%20", ("b_f=3%20", "b_f=3")),
        ("b_f=3&b_f=3", ("b_f=3&b_f=3", "b_f=3")),
        ("v%3D1%26b_f%3D3", ("v%3D1%26b_f%3D3", "v=1&b_f=3")),
    ],
)
def test_a_note_says_what_was_read_as_what(query: str, note: tuple[str, str]) -> None:
    assert notes(query) == [note]


def test_view_keys_are_of_no_concern_to_programs() -> None:
    with pytest.raises(Problem) as refused:
        read(b"T=7)&unit=1,234&floor=-30)&step=5", with_view=False)
    assert [error.key for error in refused.value.errors] == ["T"]
    assert refused.value.nearest == "v=1&T=7"


def test_no_key_is_lost_at_the_end_of_a_long_link() -> None:
    many = "%26".join(["v=1", *["T=5"] * 200, "T=6"])
    assert "more than a link can have" in refusal(many).errors[-1].message
    assert opened("%26".join(["v=1", *["T=5"] * 20])) == "v=1&T=5"


def test_very_long_links_are_not_looked_into_for_ever() -> None:
    for query in ("x%5C_=&" * 4000, "b_f=" + "%5C" * 9000, "&amp;" * 4000, "%26" * 5000 + "T=5"):
        try:
            repaired(query.encode())
        except RecursionError:
            pytest.fail(query[:50])


# Any damage ---------------------------------------------------------------------------------------

WORDS = {
    "cell": ["gru", "lstm-1997", "peephole", "minlstm"],
    "init": ["pytorch", "normal"],
    "rnn_init": ["identity"],
    "act": ["relu", "logistic"],
    "signal": ["zeros", "sine", "adding"],
    "lag": ["log"],
    "floor": ["-30", "-300"],
    "vs_cell": ["gru", "coupled"],
    "x": ["T", "H", "amplitude"],
    "hide": ["b_f,T", "presets", "x_from,seed"],
}
REALS = ["b_i", "b_f", "b_g", "b_o", "gain", "rnn_gain", "amplitude", "vs_b_f", "rate"]
WHOLE = ["T", "H", "seed", "chrono", "batch", "x_points", "unit", "step", "over"]


def some_link(random: Random) -> str:
    """A canonical link of a few keys, numbers of every form among them."""
    pairs = {
        key: random.choice(random.choice([WORDS[key]])) for key in WORDS if random.random() < 0.2
    }
    for key in REALS:
        if random.random() < 0.3:
            value = random.choice([1e-5, 0.5, 2.25, 1.234, 3.0, 0.001, 7.125, 1.5e-7, 10.0])
            pairs[key] = (
                f"{-value if key in ('b_f', 'b_i', 'vs_b_f') and value > 2 else value:.17g}"
            )
            pairs[key] = re.sub(r"e-0?", "e-", repr(float(pairs[key])))
    for key in WHOLE:
        if random.random() < 0.3:
            pairs[key] = str(random.choice([3, 7, 12, 50, 64]))
    if random.random() < 0.2:
        pairs |= {"signal": "text", "text": quote(random.choice(["to be or", "Café & co", "n=1"]))}
    query = "&".join(f"{key}={value}" for key, value in pairs.items()) or "T=7"
    if "signal" not in pairs and random.random() < 0.2:
        query += "&signal=series&series=" + random.choice(["3,1,4,10", "1,2,3,5,8,13,21", "-7,12"])
    return write(*read(query.encode(), with_view=True)) or "v=1&T=7"


def reaches_text(link: str, damaged: bytes) -> bool:
    """Whether the damage is within one's own text, where nobody can tell it from the text."""
    text = re.search(r"(?<=&text=)[^&]*", link)
    return text is not None and not re.search(
        rb"text=" + re.escape(text[0].encode()) + rb"(&|\?|$)", damaged
    )


@pytest.mark.parametrize("mangle", MANGLES, ids=lambda one: one.__name__)
def test_no_damaged_link_opens_another_experiment(mangle) -> None:  # type: ignore[no-untyped-def]
    random = Random(mangle.__name__)
    outcomes = {"opened": 0, "refused": 0}
    for _ in range(60):
        link = some_link(random)
        damaged = as_sent(mangle(link, random), random)
        try:
            canonical = opened(damaged)
        except Problem as problem:
            outcomes["refused"] += 1
            for error in problem.errors:
                named = re.search("read as .+ or as |as .+ and as |UTF-8", error.message)
                assert named, (link, damaged, error)
            continue
        outcomes["opened"] += 1
        if canonical != link:
            assert reaches_text(link, damaged), (link, damaged, canonical)
    assert outcomes["opened"] > 20, outcomes


SCRAPS = rb"""
    & = ? ; %26 %3D amp; &amp; # %23 =3D %0D%0A b_f T t text series signal hide v=1 utm_source= + ,
    3 0,5 1,234 1e2 \ %5C %E2%80%8B %FF ( ) %20
"""
scraps = st.sampled_from(SCRAPS.split())


@given(st.lists(scraps | st.binary(max_size=3), max_size=14).map(b"".join))
def test_any_query_is_repaired_or_refused_with_a_nearest_link_that_reads(query: bytes) -> None:
    for with_view in (True, False):
        try:
            asked, _ = meant(query, with_view=with_view, repair=True)
        except Problem as problem:
            assert problem.errors and problem.nearest is not None
            assert write(*read(problem.nearest.encode(), with_view=True)) == problem.nearest
        else:
            assert read(write(*asked).encode(), with_view=True) == asked


@given(asks())
def test_what_a_strict_reader_takes_is_never_repaired(asked: Asked) -> None:
    query = write(*asked).encode()
    assert meant(query, with_view=True, repair=True) == (read(query, with_view=True), ())
