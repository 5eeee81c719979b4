"""A lens as one file: complete, true, and closed to what a visitor writes into it."""

import base64
import json
import re
from urllib.parse import quote

import pytest

from app import export
from app.assets import PLOTLY, sources
from app.forms import FORMS, Telling, as_json
from app.lenses import LENSES
from app.links import Asked, read
from tests.app.markup import Element, parsed
from tests.app.samples import SAMPLES

HERE = "https://lab.example:8000"
HOSTILE = """</script><script>alert(1)</script><!--<script>&"' href="/evil" </style>"""


def asked_for(query: str) -> Asked:
    return read(query.encode(), with_view=True)


def raw(lens: str, query: str, here: str = HERE) -> bytes:
    asked = asked_for(query)
    found = LENSES[lens].compute(asked.experiment, asked.focus)
    return FORMS["html"](Telling(lens, found, asked, here))


def taken(lens: str, query: str) -> Element:
    """The document as it is sent, as a tree; the library is looked at once, below."""
    body = raw(lens, query)
    return parsed(body.replace(sources()[PLOTLY], b"").decode())


def rows(page: Element) -> list[list[str]]:
    table = page.one("table", id="experiment")
    return [[cell.text for cell in row.children] for row in table.all("tr")]


@pytest.fixture(scope="module")
def hostile() -> Element:
    return taken("highway", f"H=3&b_f=2&signal=text&text={quote(HOSTILE)}&unit=1")


def test_it_says_what_the_page_says() -> None:
    query = "T=12&H=3&D=2&b_f=2"
    page, asked = taken("highway", query), asked_for(query)
    lens = LENSES["highway"]
    reading = lens.reading(lens.compute(asked.experiment, asked.focus))
    assert page.one("h1").text == lens.QUESTION
    assert page.one("div", id="figure").attributes["aria-label"] == reading.headline
    facts = page.one("table", id="facts").all("tbody")[0].all("tr")
    assert [row.children[0].text for row in facts] == [fact.label for fact in reading.facts]


@pytest.mark.parametrize("query", SAMPLES.values(), ids=list(SAMPLES))
def test_its_numbers_are_those_of_the_api(query: str) -> None:
    asked = asked_for(query)
    found = LENSES["highway"].compute(asked.experiment, asked.focus)
    inside = taken("highway", query).one("script", id="answer").text
    assert json.loads(inside) == json.loads(as_json(Telling("highway", found, asked)))


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.slow
def test_every_lens_can_be_taken(lens: str) -> None:
    page = taken(lens, "T=12&H=3&D=2")
    assert page.one("h1").text == LENSES[lens].QUESTION
    drawing = json.loads(page.one("script", id="drawing").text)
    assert drawing["data"] and drawing["layouts"].keys() == {"wide", "narrow"}


def test_what_was_chosen_stands_before_what_is_at_its_default() -> None:
    table = rows(taken("highway", "T=12&b_f=2&signal=sine"))
    parts = [n for n, row in enumerate(table) if len(row) == 1]
    assert [table[n] for n in parts] == [["Chosen here"], ["At their defaults"]]
    chosen, rest = table[parts[0] + 1 : parts[1]], table[parts[1] + 1 :]
    assert [(row[0], row[2]) for row in chosen] == [
        ("Sequence length T", "12 steps"),
        ("Forget gate b_f", "2"),
        ("Signal", "sine"),
    ]
    assert ["Gated cell", "the gated cell beside the vanilla RNN", "LSTM"] in rest


def test_a_knob_is_called_what_the_cell_calls_it_and_an_idle_one_left_out() -> None:
    names = [row[0] for row in rows(taken("highway", "T=12&H=3&cell=mingru"))]
    assert "Update gate b_f" in names
    assert not {"Output gate b_o", "Your text", "Your numbers"} & set(names)
    assert names.count("Recurrent gain") == 1, "the cell has no recurrent weights, the RNN has"


def test_ones_own_words_stand_in_it_as_they_are(hostile: Element) -> None:
    (row,) = [row for row in rows(hostile) if row[0] == "Your text"]
    assert row[2] == HOSTILE
    answer = json.loads(hostile.one("script", id="answer").text)
    assert answer["experiment"]["text"] == HOSTILE


def test_ones_own_words_are_no_markup_and_no_link(hostile: Element) -> None:
    tame = taken("highway", f"H=3&b_f=2&signal=text&text={'x' * len(HOSTILE)}&unit=1")
    # Exponents are raised, and the two experiments have other ones.
    assert [e.tag for e in hostile.all() if e.tag != "sup"] == [
        e.tag for e in tame.all() if e.tag != "sup"
    ]
    assert not [e for e in hostile.all("a") if "evil" in e.attributes["href"].split("?")[0]]


def test_its_links_lead_back_to_the_server_it_came_from(hostile: Element) -> None:
    links = [e.attributes["href"] for e in hostile.all("a")]
    assert links and all(link.startswith((HERE + "/", "#")) for link in links)
    (live,) = hostile.having("p", **{"class": "live"})
    assert live.one("a").text == live.one("a").attributes["href"]
    assert live.one("a").attributes["href"].startswith(f"{HERE}/?v=1&H=3&b_f=2")


def test_it_loads_nothing(hostile: Element) -> None:
    loaded = [
        e.attributes[name]
        for e in hostile.all()
        for name in ("src", "srcset", "href", "data", "poster", "action")
        if name in e.attributes and e.tag != "a"
    ]
    assert len(loaded) >= 3 and all(address.startswith("data:") for address in loaded)
    policy = hostile.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy.startswith("default-src 'none'; ") and "connect-src" not in policy
    assert not re.search(r"url\(|@import", hostile.all("style")[0].text)


def test_its_scripts_import_each_other_and_nothing_else() -> None:
    found = export.modules("figure.js")
    assert "figure.js" in found
    for address in found.values():
        script = base64.b64decode(address.partition(",")[2]).decode()
        imported = re.findall(r"(?:from|import)\s*\(?\s*\"([^\"]+)\"", script)
        assert set(imported) <= found.keys()


def test_the_library_stands_in_it_whole_and_once() -> None:
    body = raw("highway", "T=2&H=1&D=1")
    library = sources()[PLOTLY]
    assert body.count(library) == 1 and export.LIBRARY not in body
    # Either would end or hide the script that the library stands in.
    assert b"</script" not in library and b"<!--" not in library


@pytest.mark.parametrize("host", ['x"><script>', r"x\1\g<9>", "x&amp"])
def test_a_hostile_host_is_no_markup(host: str) -> None:
    body = raw("highway", "T=2&H=1&D=1", f"http://{host}")
    page = parsed(body.replace(sources()[PLOTLY], b"").decode())
    assert page.all("a")[0].attributes["href"].startswith(f"http://{host}/")


def test_the_text_of_a_frame_is_one_element_whatever_it_is_called() -> None:
    source = "https://lab.example/embed/highway?v=1&b_f=2"
    (element,) = parsed(export.frame(source, 'a "title" <b>')).children
    assert element.tag == "iframe"
    assert element.attributes["src"] == source
    assert element.attributes["title"] == 'a "title" <b>'


def test_its_words_are_those_of_the_page() -> None:
    query = "T=12&H=3&D=2"
    asked = asked_for(query)
    found = LENSES["highway"].compute(asked.experiment, asked.focus)
    parts = Telling("highway", found, asked).spoken["parts"]
    body = raw("highway", query, here="").decode()
    assert all(parts[name] in body for name in ("reading", "warnings", "facts"))
