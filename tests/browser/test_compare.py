"""Comparing two experiments on the page: choosing B, reading what differs, going back."""

import json
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import Lab, floats, same
from tests.browser.test_access import check_access

START = "/compare?v=1&T=20&H=4"


def told(lab: Lab) -> dict[str, Any]:
    """What the API says of the page's address."""
    response = lab.context.request.get(f"{lab.server}/api/compare?{urlsplit(lab.address).query}")
    assert response.ok, response.text()
    answer: dict[str, Any] = json.loads(response.body())
    return answer


def check_maps(lab: Lab) -> None:
    """The maps on the screen hold the numbers that the API tells."""
    answer = told(lab)
    drawn = {trace["name"]: trace for trace in lab.figure() if trace["type"] == "heatmap"}
    maps = {letter: answer[letter.lower()]["cell"]["log10_exact"] for letter in ("A", "B")}
    if answer["paired"]:
        maps["B over A"] = answer["b_over_a"]["cell"]["log10_exact"]
    assert drawn.keys() == maps.keys()
    for name, log10 in maps.items():
        same(drawn[name]["z"], floats(log10)[:, drawn[name]["units"]].T)


def test_an_offer_fills_in_b_and_the_figure_shows_it_beside_a(lab: Lab) -> None:
    lab.open(START)
    assert lab.reading.startswith("Nothing differs yet")
    same(next(t["z"] for t in lab.figure() if t["name"] == "B over A"), np.zeros((4, 21)))
    lab.page.locator("#offer-forget-bias-5").click()
    lab.until_drawn(f"{START}&vs_b_f=5")
    assert lab.address == f"{START}&vs_b_f=5"
    assert lab.field("vs_b_f").input_value() == "5"
    assert lab.reading == told(lab)["reading"]["headline"]
    assert lab.reading.startswith("With b_f = 5 in the place of 1, ")
    check_maps(lab)


def test_bs_knobs_move_b_alone_and_can_be_given_back(lab: Lab) -> None:
    lab.open(START)
    first = next(trace["z"] for trace in lab.figure() if trace["name"] == "A")
    lab.field("vs_gain").fill("0")
    lab.until_drawn(f"{START}&vs_gain=0")
    lab.field("vs_cell").select_option("gru")
    lab.until_drawn(f"{START}&vs_cell=gru&vs_gain=0")
    check_maps(lab)
    assert next(trace["z"] for trace in lab.figure() if trace["name"] == "A") == first
    rows = lab.page.locator(".differs tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("Recurrent gain")
    lab.page.locator("#as-in-a-gain").click()
    lab.until_drawn(f"{START}&vs_cell=gru")
    expect(rows).to_have_count(1)
    assert lab.field("vs_gain").input_value() == ""
    check_maps(lab)


def test_a_and_b_change_places_and_b_can_take_as(lab: Lab) -> None:
    lab.open(f"{START}&vs_b_f=5")
    before = told(lab)
    lab.page.locator("#swap").click()
    lab.until_drawn(f"{START}&b_f=5&vs_b_f=1")
    after = told(lab)
    assert after["a"] == before["b"] and after["b"] == before["a"]
    check_maps(lab)
    lab.page.locator("#adopt").click()
    lab.until_drawn(f"{START}")
    assert lab.field("b_f").input_value() == "1"
    assert lab.reading.startswith("Nothing differs yet")


def test_networks_of_two_sizes_are_compared_by_their_curves(lab: Lab) -> None:
    lab.open(f"{START}&vs_H=3")
    check_maps(lab)
    answer = told(lab)
    drawn = {trace["name"]: trace for trace in lab.figure() if trace["type"] == "scatter"}
    over = drawn["Every path (exact), B over A"]
    same(over["y"], floats(answer["b_over_a"]["rms"]["cell_exact"]))
    expect(lab.page.locator("[data-part=numbers]")).to_contain_text("A has 4 units and B 3")


def test_a_place_where_b_over_a_has_no_value_says_none(lab: Lab) -> None:
    """A dead relu in B: its gradient is a true zero."""
    lab.open("/compare?v=1&T=6&H=3&vs_act=relu&vs_rnn_gain=0")
    x, y = lab.place("B over A", 2, 1)
    lab.page.mouse.move(x, y)
    tip = lab.page.locator("#tip")
    expect(tip).to_contain_text("B over A")
    words = tip.inner_text().split()
    assert "none" in words and words[words.index("B") + 1] == "0"


def test_two_experiments_fit_on_a_phone(visit: Visit) -> None:
    phone = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    phone.open(f"{START}&vs_cell=peephole&vs_init=pytorch&vs_amplitude=2")
    assert phone.page.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
    expect(phone.page.locator(".differs tbody tr")).to_have_count(3)
    box = phone.page.locator(".differs").bounding_box()
    assert box is not None and box["x"] + box["width"] <= PHONE["width"]
    check_maps(phone)


def test_nobody_is_kept_out(lab: Lab) -> None:
    for own in ("", "&vs_seed=1"):
        lab.open(START + own)
        check_access(lab)
