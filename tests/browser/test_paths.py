"""The paths page: its figure and tables hold what programs are told; clicks open Jacobians."""

import re
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import READ_WORDS, Lab, floats, same
from tests.browser.test_access import check_access

BLOCKS = {
    "c_to_c": "cell to cell",
    "h_to_c": "visible to cell",
    "c_to_h": "cell to visible",
    "h_to_h": "visible to visible",
}
MAPS = {"exact from–to": "cell_exact", "direct from–to": "cell_direct", "RNN from–to": "rnn_exact"}


def told(lab: Lab) -> dict[str, Any]:
    """What the API says of the page's address."""
    answer = lab.context.request.get(f"{lab.server}/api/paths?{urlsplit(lab.address).query}")
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    return found


def check_numbers(lab: Lab) -> None:
    answer = told(lab)
    drawn = {trace["name"]: trace for trace in lab.figure()}
    named = BLOCKS if len(answer["blocks"]) > 1 else {"h_to_h": "state to state"}
    for name, block in answer["blocks"].items():
        same(drawn[named[name]]["z"], floats(block["log10"]).T)
    for name in ("exact", "direct", "detours"):
        same(drawn[name]["y"], floats(answer["norms"][f"cell_{name}"]["rms"]))
    for name, key in MAPS.items():
        same(drawn[name]["z"], floats(answer["from_to"][key]))
    same(drawn["Jacobian"]["z"], floats(answer["jacobian"]["log10"]))
    rows = lab.page.locator(".roads tbody tr").all()
    words = [row.locator("td").first.evaluate(READ_WORDS) for row in rows]
    rms = floats(answer["blocks"]["c_to_c" if "c_to_c" in answer["blocks"] else "h_to_h"]["rms"])
    backs = [int(row.locator("th").inner_text().replace(",", "")) for row in rows]
    expected = 10.0 ** rms[[len(rms) - 1 - back for back in backs]]
    np.testing.assert_allclose([float(word) for word in words], expected, rtol=1e-3)
    largest = lab.page.locator(".entries .entry td").first.evaluate(READ_WORDS)
    sizes = floats(answer["jacobian"]["log10"])
    at = np.unravel_index(sizes.argmax(), sizes.shape)
    value = floats(answer["jacobian"]["sign"])[at] * 10 ** sizes[at]
    np.testing.assert_allclose(float(largest.replace("−", "-")), value, rtol=1e-3)


def test_figure_and_tables_hold_what_programs_are_told_while_one_drags(lab: Lab) -> None:
    lab.open("/paths?v=1&T=12&H=5")
    check_numbers(lab)
    lab.drag("b_f", [0.6, 0.65, 0.7])
    lab.until_idle()
    assert re.search(r"b_f=[\d.]+", lab.address)
    check_numbers(lab)


def test_a_click_on_a_map_from_step_to_step_opens_the_jacobian_between_them(lab: Lab) -> None:
    lab.open("/paths?v=1&T=12&H=5")
    lab.page.evaluate("() => { window.still = true; }")
    lab.page.mouse.click(*lab.place("exact from–to", 9, 4))
    lab.until_drawn("/paths?v=1&T=12&H=5&s=4&t=9")
    expect(lab.page.locator(".paths h2").last).to_have_text("From step 4 to step 9")
    assert (told(lab)["jacobian"]["s"], told(lab)["jacobian"]["t"]) == (4, 9)
    check_numbers(lab)
    lab.page.get_by_role("link", name="from the start").click()
    lab.until_drawn("/paths?v=1&T=12&H=5&s=0&t=9")
    check_numbers(lab)
    assert lab.page.evaluate("() => window.still")


def test_a_cell_with_one_state_has_one_block(lab: Lab) -> None:
    lab.open("/paths?v=1&T=12&H=4&cell=gru")
    names = {trace["name"] for trace in lab.figure()}
    assert "state to state" in names and not names & set(BLOCKS.values())
    check_numbers(lab)
    lab.field("cell").select_option("lstm")
    lab.until_drawn("/paths?v=1&T=12&H=4")
    assert {trace["name"] for trace in lab.figure()} >= set(BLOCKS.values())


def test_nothing_overflows_and_maps_from_step_to_step_are_squares(visit: Visit) -> None:
    for options in ({}, {"viewport": PHONE}):
        lab = visit(**options)
        lab.open("/paths?v=1&T=20&H=4")
        sides = lab.page.evaluate(
            """() => {
              const { data, _fullLayout } = document.querySelector(".plot");
              const axis = (id) => _fullLayout[id[0] + "axis" + id.slice(1)];
              return data.filter(({ name }) => /from–to|Jacobian/.test(name))
                .map(({ xaxis, yaxis }) => axis(xaxis)._length / axis(yaxis)._length);
            }"""
        )
        assert len(sides) == 4 and all(abs(side - 1) < 0.02 for side in sides)
        assert lab.page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_page_is_open_to_everyone(lab: Lab) -> None:
    lab.open("/paths?v=1&T=20&H=4")
    check_access(lab)
