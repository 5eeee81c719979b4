"""The article with one's own experiment in it, and the tour through the lab."""

import json
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from app.reading import Fact, told
from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.lab import READ_WORDS, Lab, floats, same

# Equations of which a part stands outside.
OVERFLOWING = """() => [...document.querySelectorAll("math")]
  .filter((math) => [...math.querySelectorAll("*")].some((part) =>
    part.getBoundingClientRect().right > math.getBoundingClientRect().right + 1))
  .map((math) => math.ariaLabel)"""


def answered(lab: Lab) -> dict[str, Any]:
    """What the API tells of the page's address."""
    query = urlsplit(lab.address).query
    response = lab.context.request.get(f"{lab.server}/api/learn?{query}")
    assert response.ok
    found: dict[str, Any] = json.loads(response.body())
    return found


def row(lab: Lab, start: str) -> list[str]:
    """The cells of a line of the derivation's tables, exponents as the API writes them."""
    (line,) = lab.page.locator(".derived tr").filter(has_text=start).all()
    return [cell.evaluate(READ_WORDS) for cell in line.locator("td").all()]


def check_numbers(lab: Lab) -> None:
    """The plot and the tables hold what the API tells."""
    answer, drawn = answered(lab), {trace["name"]: trace for trace in lab.figure()}
    rnn, cell, T = answer["rnn"], answer["cell"], answer["t"][-1]
    for name, curve in (
        ("bound", rnn["log10_bound"]),
        ("typical step", rnn["log10_typical"]),
        ("typical forget gate", cell["log10_predicted"]),
        ("direct", cell["direct"]["rms"]),
    ):
        same(drawn[name]["x"], floats(answer["t"]))
        same(drawn[name]["y"], floats(curve))
    same(drawn["best direction"]["y"], floats(rnn["spectral_norm"]["log10"]))
    for start, curve in (
        ("Bound", rnn["log10_bound"]),
        ("Typical step", rnn["log10_typical"]),
        ("Typical forget gate", cell["log10_predicted"]),
        ("Every path", cell["exact"]["rms"]),
    ):
        assert row(lab, start) == [told(Fact("", curve[0] / n, "log10")) for n in (T, 1)]


def test_dragging_the_forget_bias_in_the_article_moves_its_numbers_with_the_apis(lab: Lab) -> None:
    lab.open("/learn?v=1&T=40&H=8&b_f=0")
    check_numbers(lab)
    before = row(lab, "Typical forget gate"), row(lab, "Typical step")
    lab.drag("b_f", [0.55, 0.7, 0.8])
    lab.until_idle()
    assert lab.address.startswith("/learn?v=1&T=40&H=8&b_f=")
    check_numbers(lab)
    after = row(lab, "Typical forget gate"), row(lab, "Typical step")
    assert float(after[0][0]) > float(before[0][0]) and after[1] == before[1]


def test_no_equation_sticks_out_on_a_phone(visit: Visit) -> None:
    lab = visit(viewport=PHONE)
    lab.open("/learn?v=1&T=12&H=3")
    assert lab.page.evaluate(OVERFLOWING) == []


def test_a_word_of_the_reading_leads_to_its_meaning(lab: Lab) -> None:
    lab.open("/?v=1&T=12&H=3")
    lab.page.locator("#reading a", has_text="forget gates").click()
    expect(lab.page.locator("#glossary #forget-gate")).to_be_in_viewport()
    assert lab.address == "/learn?v=1&T=12&H=3"
    lab.page.locator(".lenses a", has_text="Highway").click()
    lab.until("() => location.pathname === '/'")
    assert lab.address == "/?v=1&T=12&H=3"


def test_the_tour_is_a_walk_through_five_states_without_a_reload(lab: Lab) -> None:
    lab.open()
    lab.page.evaluate("() => { window.stayed = true; }")
    links = [a.get_attribute("href") for a in lab.page.locator(".tour p:first-child a").all()]
    current = lab.page.locator(".tour [aria-current=step]")
    looks = []
    for stop, link in enumerate(links):
        assert link is not None
        if stop:
            lab.page.locator("#tour-next").click()
            lab.until_drawn(link)
        expect(current).to_have_attribute("href", link)
        assert lab.address == link
        lab.check_numbers()
        looks.append(lab.page.locator(".look").inner_text())
    assert len(set(looks)) == len(links) == 5
    assert lab.page.evaluate("() => window.stayed")
    lab.page.go_back()
    lab.until_drawn(str(links[3]))
    expect(current).to_have_attribute("href", str(links[3]))


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_tour_is_in_sight_at_once_and_the_figure_stays_where_it_is(
    visit: Visit, viewport: dict[str, int]
) -> None:
    lab = visit(viewport=viewport)
    lab.open()
    tour = lab.page.locator(".tour").bounding_box()
    assert tour is not None and tour["y"] + 40 < viewport["height"]
    tops = []
    for bias in ("1", "2", "5"):
        lab.field("b_f").fill(bias)
        lab.until_idle()
        tops.append(lab.page.locator(".look").evaluate("(look) => look.offsetHeight"))
    assert np.ptp(tops) <= 1
