"""The glossary: terms that lead to their meaning, and nothing else that becomes a link."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from starlette.testclient import TestClient

from app.glossary import GLOSSARY, linked
from app.keys import FIELDS
from app.lenses import LENSES
from app.links import path_of
from tests.app.markup import parsed

HERE = "/learn?v=1&b_f=5"


def links(text: str, address: str = HERE) -> list[tuple[str, str]]:
    """What is linked, and the anchor that it leads to."""
    found = parsed(f"<p>{linked(text, address)}</p>").all("a")
    assert all(a.attributes["href"].startswith(f"{address}#") for a in found)
    return [(a.text, a.attributes["href"].partition("#")[2]) for a in found]


def test_the_first_mention_of_each_term_leads_to_its_meaning() -> None:
    text = "The carry is a forget gate. A second carry, a second forget gate, then detours."
    assert links(text) == [
        ("carry", "carry"),
        ("forget gate", "forget-gate"),
        ("detours", "detours"),
    ]


def test_the_longer_term_wins() -> None:
    assert links("the direct path") == [("direct path", "direct")]
    assert links("recurrent gain, then gain") == [("recurrent gain", "recurrent-gain")]
    assert links("highway share") == [("highway share", "share")]


def test_other_names_of_a_term_are_mentions_of_it() -> None:
    assert links("The carry alone is what is called direct.") == [("carry alone", "direct")]


@pytest.mark.parametrize(
    "text", ["Detours", "SINGULAR VALUES", "jacobians", "Half-lives? half-life"]
)
def test_capitals_and_plurals_are_found(text: str) -> None:
    assert len(links(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["exactly", "indirect", "gains2", "re-exact", "half-lifeless", "detours-free", "carryon"],
)
def test_parts_of_other_words_are_not(text: str) -> None:
    assert links(text) == []


@pytest.mark.parametrize("text", ["İ", "lıg", "SİNGULAR VALUE", "ſeed", "\N{KELVIN SIGN}"])
def test_letters_of_other_alphabets_are_no_capitals_of_ours(text: str) -> None:
    assert links(text) == []


def test_the_query_of_the_page_stays_in_front_of_the_anchor() -> None:
    markup = linked("seed", "/learn?v=1&text=%22%3Cb%3E")
    assert 'href="/learn?v=1&amp;text=%22%3Cb%3E#random-seed"' in markup
    assert 'href="/learn#random-seed"' in linked("seed", "/learn")


def test_what_is_no_term_is_escaped_and_nothing_is_lost() -> None:
    text = "<a href='#'>exact</a> & \"direct\""
    assert re.sub("</?a[^>]*>", "", linked(text, HERE)) == escape(text)
    assert [word for word, _ in links(text)] == ["exact", "direct"]


WORDS = st.sampled_from([*GLOSSARY, *"<>&\"'-s ", " and ", "#", "é", "ſ", "İ", "⁻⁹", "&amp;"])


@given(st.lists(WORDS | st.text(max_size=3), max_size=12).map("".join))
def test_any_text_reads_the_same_and_leads_to_each_term_once(text: str) -> None:
    page = parsed(f"<p>{linked(text, HERE)}</p>")
    assert page.text == text
    anchors = [anchor for _, anchor in links(text)]
    assert len(anchors) == len(set(anchors))


def test_terms_stand_in_alphabetical_order_under_an_anchor_of_their_own() -> None:
    assert list(GLOSSARY) == sorted(GLOSSARY, key=str.casefold)
    anchors = [entry.anchor for entry in GLOSSARY.values()]
    assert len(set(anchors)) == len(anchors)
    assert all(re.fullmatch("[a-z-]+", anchor) for anchor in anchors)
    assert not set(anchors) & FIELDS.keys(), "a field of the form has its key for an id"
    names = [n.casefold() for t, e in GLOSSARY.items() for n in (t, *e.also)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("term", GLOSSARY)
def test_a_meaning_is_a_sentence_or_two(term: str) -> None:
    meaning = GLOSSARY[term].meaning
    assert meaning.endswith(".") and len(meaning) < 260
    assert meaning.count(". ") <= 1


def test_the_page_lists_every_term_under_its_anchor(client: TestClient) -> None:
    page = parsed(client.get("/learn").text).one("dl", id="glossary")
    for term, entry in GLOSSARY.items():
        (place,) = page.having("div", id=entry.anchor)
        assert (place.one("dt").text, place.one("dd").text) == (term, entry.meaning)


@pytest.mark.parametrize("lens", LENSES)
def test_what_readings_link_is_on_the_page_that_they_link(client: TestClient, lens: str) -> None:
    page = parsed(client.get(f"{path_of(lens)}?v=1&T=12&H=3&D=2", follow_redirects=True).text)
    terms = page.having("a", **{"class": "term"})
    there = parsed(client.get("/learn").text)
    assert all(there.having("div", id=a.attributes["href"].partition("#")[2]) for a in terms)
    assert all(a.attributes["href"].startswith("/learn?v=1&T=12&H=3&D=2#") for a in terms)
    assert terms or lens in ("claims",)
