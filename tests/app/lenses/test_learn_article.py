"""The article and the tour: every number their words name, found by the engine."""

import io
import math
import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from app.lenses import LENSES, highway, learn
from app.links import path_of, read
from app.view import Focus
from lstm_engine import CELLS
from lstm_engine.gates import sigmoid, sigmoid_slope
from lstm_engine.horizon import half_life
from tests.app.markup import Element, parsed


@cache
def found(link: str) -> learn.Derivation:
    """The numbers of a link that a sentence stands beside."""
    experiment = read(urlsplit(link).query.encode(), with_view=False).experiment
    return learn.compute(experiment, Focus())


def survived(link: str) -> dict[str, float]:
    """log10 of what survives from step 0, and the highway share itself."""
    cell, rnn = found(link).highway.cell, found(link).highway.rnn
    return {
        "direct": float(cell.direct_rms[0]),
        "exact": float(cell.exact_rms[0]),
        "detours": float(cell.detours_rms[0]),
        "rnn": float(rnn.exact_rms[0]),
        "share": float(cell.share[0]),
    }


def power(log10: float) -> str:
    """As the pages write it in a line: 6.6 × 10−29."""
    whole = math.floor(log10)
    return f"{10 ** (log10 - whole):.1f} × 10{whole}".replace("-", "−")


def flat(element: Element) -> str:
    return " ".join(element.text.split())


@pytest.fixture(scope="module")
def page(client: TestClient) -> Element:
    return parsed(client.get("/learn").text)


@pytest.fixture(scope="module")
def sections(page: Element) -> dict[str, str]:
    """The words under each heading of the article."""
    (article,) = page.having("div", **{"class": "article"})
    texts: dict[str, str] = {}
    title = ""
    for part in article.children:
        if part.tag == "h2":
            title = part.attributes["id"]
        texts[title] = f"{texts.get(title, '')} {flat(part)}"
    return texts


def rows(page: Element, head: str) -> dict[str, list[str]]:
    """A table's rows by their first cell."""
    (table,) = [t for t in page.all("table") if flat(t.all("th")[0]) == head]
    return {flat(row.one("th")): [flat(c) for c in row.all("td")] for row in table.all("tr")[1:]}


# The article -------------------------------------------------------------------------------------


def test_the_powers_are_the_powers(page: Element) -> None:
    table = rows(page, "A factor a step of")
    assert len(table) == 5
    for factor, cells in table.items():
        for cell, steps in zip(cells, (10, 100, 1000), strict=True):
            log10 = steps * math.log10(float(factor))
            value = 10**log10
            plain = f"{value:,.0f}" if value > 100 else f"{value:.2f}"
            assert cell == (plain if 0.01 < value < 1e6 else power(log10))


def test_the_two_linear_networks_keep_what_the_table_says() -> None:
    for factor in (0.9, 1.1):
        kept = survived(f"/?v=1&rnn_gain={factor}&act=identity")["rnn"]
        assert kept == pytest.approx(100 * math.log10(factor), abs=1e-9)


def test_the_tilted_matrix_grows_first_and_is_gone_in_the_end(sections: dict[str, str]) -> None:
    W = np.array([[0.5, 2.0], [0.0, 0.5]])
    norms = [np.linalg.norm(np.linalg.matrix_power(W, n), 2) for n in (1, 3, 10)]
    assert [f"{norm:.2f}" for norm in norms] == ["2.12", "1.51", "0.04"] and norms[2] < 0.04
    assert np.abs(np.linalg.eigvals(W)).max() == 0.5
    assert "after three steps it is still at 1.5" in sections["many-steps"]


def test_the_bound_of_pytorchs_own_rnn_is_as_far_off_as_is_said(sections: dict[str, str]) -> None:
    derivation = found("/learn?v=1&b_f=0&init=pytorch")
    assert derivation.verdict == "inconclusive"
    assert f"σ1 = {derivation.largest:.2f}" in sections["promises"]
    assert round(10 ** (100 * derivation.rates.bound), -4) == 160_000
    assert power(survived("/?v=1&b_f=0&init=pytorch")["rnn"]) in sections["promises"]
    assert "160,000-fold" in sections["promises"]


def test_what_rates_of_one_come_to(sections: dict[str, str]) -> None:
    text = sections["rates-of-one"]
    assert survived("/?v=1&act=identity")["rnn"] == pytest.approx(0, abs=1e-9)
    assert f"keeps {10 ** found('/').rates.typical:.0%}" in text
    live = 10 ** survived("/?v=1&rnn_init=identity&act=relu&signal=constant")["rnn"]
    assert f"{live:.0%} survives" in text
    assert survived("/?v=1&rnn_init=identity&act=relu")["rnn"] == -math.inf


def test_what_latches_forgets_its_push(sections: dict[str, str]) -> None:
    h = 0.5
    for _ in range(200):
        h = math.tanh(2 * h)
    slope = 2 * (1 - h * h)
    assert f"settles at {h:.4f}" in sections["rates-of-one"]
    assert f"is {slope:.3f}" in sections["rates-of-one"]
    assert f"10−{-100 * math.log10(slope):.0f}" in sections["rates-of-one"]


def test_the_defaults_are_as_the_four_words_tell(sections: dict[str, str]) -> None:
    kept, text = survived("/"), sections["four-words"]
    assert f"keeps {power(kept['direct'])} over" in text
    assert f"RNN's {power(kept['rnn'])}, while {power(kept['exact'])} arrives" in text
    assert round(10 ** (kept["exact"] - kept["direct"]), -4) == 350_000
    assert kept["direct"] < kept["rnn"] and 4.5 < kept["exact"] - kept["rnn"] < 5.5
    assert kept["share"] < 1e-5


def test_the_table_of_gates_is_that_of_their_biases(page: Element) -> None:
    table = rows(page, "Forget bias")
    assert len(table) == 6
    for bias, cells in table.items():
        a = np.array([float(bias)])
        f, slope = float(sigmoid(a)[0]), float(sigmoid_slope(a)[0])
        gate, life, kept, its_slope = (as_number(cell) for cell in cells)
        assert gate == pytest.approx(f, rel=1e-3) and abs(gate - f) < 0.01 * (1 - f) + 1e-4
        assert life == pytest.approx(float(half_life(np.log(sigmoid(a)))[0]), rel=0.02)
        assert kept == pytest.approx(f**100, rel=0.02)
        assert its_slope == pytest.approx(slope, rel=0.02)


def as_number(cell: str) -> float:
    digits, _, exponent = cell.replace("−", "-").replace(",", "").partition(" × 10")
    return float(digits) * 10.0 ** int(exponent or 0)


def test_a_gate_at_ten_learns_five_thousand_times_less(sections: dict[str, str]) -> None:
    half_open, open_ = sigmoid_slope(np.array([0.0, 10.0]))
    assert 5000 < half_open / open_ < 6000
    assert "five thousand times smaller" in sections["open-gate"]


def test_every_start_survives_as_its_row_says(page: Element) -> None:
    (table,) = [t for t in page.all("table") if flat(t.all("th")[0]) == "Start"]
    starts = table.one("tbody").all("tr")
    assert len(starts) == 5
    shares = []
    for row in starts:
        kept = survived(row.one("a").attributes["href"])
        for cell, log10 in zip(
            row.all("td"), (kept["direct"], kept["exact"], math.log10(kept["share"])), strict=True
        ):
            assert as_number(flat(cell)) == pytest.approx(10**log10, rel=0.03)
        shares.append(kept["share"])
    assert [share > 0.5 for share in shares] == [False] * 4 + [True]


def test_the_limits_are_those_of_the_engine(sections: dict[str, str]) -> None:
    text, wide = sections["limits"], survived("/?v=1&b_f=5&gain=3")
    assert f"{10 ** wide['exact']:.0f}-fold" in text
    assert 0.45 < 10 ** wide["direct"] < 0.55
    mingru = survived("/?v=1&cell=mingru&b_f=5")
    assert mingru["detours"] == -math.inf and mingru["direct"] == mingru["exact"]
    assert not CELLS["mingru"].RECURRENT
    of_five = math.log10(float(sigmoid(np.array([5.0]))[0]))
    assert 0.45 < 10 ** (100 * of_five) < 0.55
    assert f"{power(10_000 * of_five)} over ten thousand" in text


def test_each_section_is_in_the_outline_and_each_of_its_links_finds_one(page: Element) -> None:
    (outline,) = page.having("nav", **{"class": "outline"})
    titles = {h2.attributes["id"]: flat(h2) for h2 in page.all("h2")}
    assert {a.attributes["href"][1:]: flat(a) for a in outline.all("a")} == titles
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert sorted(ids) == sorted(set(ids))
    inner = [a.attributes["href"] for a in page.all("a")]
    assert {href[1:] for href in inner if href.startswith("#")} <= set(ids)


def of_the_article(page: Element) -> Iterator[str]:
    """Where the article's own links lead: to other settings, in their canonical form."""
    (article,) = page.having("div", **{"class": "article"})
    for part in article.children:
        if part.tag != "form":
            yield from (a.attributes["href"] for a in part.all("a"))


def test_every_link_of_the_article_opens_at_once(client: TestClient, page: Element) -> None:
    links = {href for href in of_the_article(page) if not href.startswith("#")}
    assert {path_of(lens) for lens in LENSES} <= {urlsplit(link).path for link in links}
    for link in links:
        assert client.get(link.partition("#")[0]).status_code == 200, link


def test_pictures_are_there_have_words_and_wait_until_they_are_seen(
    client: TestClient, page: Element
) -> None:
    (article,) = page.having("div", **{"class": "article"})
    pictures = [figure.one("img") for figure in article.all("figure")]
    assert len(pictures) == 3
    for picture in pictures:
        assert picture.attributes["loading"] == "lazy"
        assert len(picture.attributes["alt"]) > 50
        with Image.open(io.BytesIO(client.get(picture.attributes["src"]).content)) as drawn:
            assert drawn.size == (
                int(picture.attributes["width"]),
                int(picture.attributes["height"]),
            )


def test_every_equation_can_be_heard(page: Element) -> None:
    equations = page.all("math")
    assert len(equations) == 16
    for equation in equations:
        said = equation.attributes["aria-label"]
        assert said.endswith(".") and len(said) > 40
        assert not re.search("[φσγρδ∂‖⊙₁′]", said)


# The tour ----------------------------------------------------------------------------------------


def tour(client: TestClient, link: str = "/") -> Element:
    (nav,) = parsed(client.get(link).text).having("nav", **{"class": "tour"})
    return nav


def stops(client: TestClient) -> list[str]:
    return [a.attributes["href"] for a in tour(client).all("p")[0].all("a")]


def look(client: TestClient, stop: int) -> tuple[str, dict[str, float]]:
    """What a stop of the tour says, and what survives there."""
    link = stops(client)[stop - 1]
    (text,) = tour(client, link).having("p", **{"class": "look"})
    return flat(text), survived(link)


def test_each_stop_opens_at_once_is_marked_and_leads_to_the_next(client: TestClient) -> None:
    links = stops(client)
    assert len(links) == 5 and links[0] == "/"
    for stop, link in enumerate(links):
        nav = tour(client, link)
        marked = [a for a in nav.all("a") if "aria-current" in a.attributes]
        assert [a.attributes["href"] for a in marked] == [link]
        (onward,) = nav.having("p", **{"class": "look"})[0].all("a")
        last = stop == len(links) - 1
        following = "/learn" + link[1:] if last else links[stop + 1]
        assert onward.attributes["href"] == following


def test_a_stop_stays_one_whatever_is_pinned_and_another_experiment_is_none(
    client: TestClient,
) -> None:
    pinned = tour(client, "/?v=1&b_f=5&unit=3&step=7&lag=log")
    assert len(pinned.having("a", aria_current="step")) == 1
    away = tour(client, "/?v=1&b_f=4")
    assert not away.having("a", aria_current="step")
    assert "your own" in flat(away.having("p", **{"class": "look"})[0])


def test_stop_1_the_carry_alone_is_as_dark_as_the_vanilla_rnn(client: TestClient) -> None:
    text, kept = look(client, 1)
    assert "just as dark" in text and abs(kept["direct"] - kept["rnn"]) < 0.5
    assert "came by detours" in text and kept["share"] < 0.01


def test_stop_2_the_carry_keeps_half_and_more_arrives_by_detours(client: TestClient) -> None:
    text, kept = look(client, 2)
    assert f"{sigmoid(np.array([5.0]))[0]:.3f}" in text
    assert "keeps half" in text and 0.45 < 10 ** kept["direct"] < 0.55
    assert f"{10 ** kept['exact']:.0f} times" in text
    assert "hardly any of it by the carry" in text and kept["share"] < 0.05


def test_stop_3_direct_is_exact_without_recurrence(client: TestClient) -> None:
    text, kept = look(client, 3)
    cell = found(stops(client)[2]).highway.cell
    np.testing.assert_array_equal(cell.log10_direct, cell.log10_exact)
    assert "the highway share is 1" in text and kept["share"] == 1


def test_stop_4_the_carry_keeps_half_while_the_gradient_explodes(client: TestClient) -> None:
    text, kept = look(client, 4)
    assert "Three times" in text and "gain=3" in stops(client)[3]
    assert "still keeps half" in text and 0.45 < 10 ** kept["direct"] < 0.55
    assert f"{10 ** kept['exact']:.0f}-fold" in text


def test_stop_5_the_product_of_forget_gates_is_not_the_gradient(client: TestClient) -> None:
    text, kept = look(client, 5)
    assert "init=pytorch" in stops(client)[4] and "b_f=0" in stops(client)[4]
    assert f"keeps {power(kept['direct'])}" in text
    assert round(10 ** (kept["exact"] - kept["direct"]), -4) == 370_000
    assert "370,000 times as much" in text and kept["share"] < 1e-5


def test_no_stop_is_chaotic(client: TestClient) -> None:
    assert not [link for link in stops(client) if highway.warnings(found(link).highway)]
