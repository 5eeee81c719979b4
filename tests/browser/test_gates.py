"""The gates on the page: what is drawn and written is what programs are told."""

import json
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.lab import READ_WORDS, Lab, floats, same

START = "/gates?v=1&T=30&H=5&chrono=40"


def told(lab: Lab) -> dict[str, Any]:
    """What the API says of the page's address."""
    response = lab.context.request.get(f"{lab.server}/api/gates?{urlsplit(lab.address).query}")
    assert response.ok, response.text()
    answer: dict[str, Any] = json.loads(response.body())
    return answer


def check_figure(lab: Lab) -> None:
    answer = told(lab)
    figure = lab.figure()
    drawn = {trace["name"]: trace["z"] for trace in figure if trace["type"] == "heatmap"}
    maps = {f"{g['name']} {g['symbol']}": g["value"] for g in answer["gates"].values()}
    maps |= {"cell c": answer["c"], "visible state h": answer["h"]}
    assert drawn.keys() == maps.keys()
    for name, values in maps.items():
        same(drawn[name], floats(values).T)
    curves = {trace["name"]: trace for trace in figure if trace["type"] == "scatter"}
    for gate in answer["gates"].values():
        same(curves[gate["symbol"]]["y"], floats(gate["log10_gradient"]["after"]))
    same(curves["these units"]["x"], floats(answer["trade_off"]["half_life"]))
    same(curves["these units"]["y"], floats(answer["trade_off"]["log10_slope"]))


def cell(lab: Lab, letter: str, column: int) -> float:
    words = lab.page.locator(f"#gate-{letter} td").nth(column).evaluate(READ_WORDS)
    return float(words.partition("before")[0].replace("−", "-").rstrip("% "))


def test_figure_and_table_hold_what_programs_are_told(lab: Lab) -> None:
    lab.open(START)
    check_figure(lab)
    answer = told(lab)
    assert lab.reading == answer["reading"]["headline"]
    for letter, gate in answer["gates"].items():
        assert cell(lab, letter, 0) == pytest.approx(np.mean(gate["mean"]), rel=6e-3, abs=1e-3)
        assert cell(lab, letter, 2) == pytest.approx(100 * np.mean(gate["high"]), abs=0.1)
        assert cell(lab, letter, 4) == pytest.approx(10 ** np.median(gate["log10_slope"]), rel=1e-3)
        last = gate["log10_gradient"]["after"][-1]
        assert cell(lab, letter, 5) == pytest.approx(10**last, rel=1e-3)


def test_a_bias_is_set_by_a_link_without_a_reload_and_a_pinned_unit_has_its_own_table(
    lab: Lab,
) -> None:
    lab.open(START)
    lab.page.evaluate("() => { window.stayed = true; }")
    lab.page.get_by_label("b_o = 5").click()
    lab.until_drawn("/gates?v=1&T=30&H=5&b_o=5&chrono=40")
    assert lab.field("b_o").input_value() == "5"
    check_figure(lab)
    lab.field("unit").fill("2")
    lab.until_drawn("/gates?v=1&T=30&H=5&b_o=5&chrono=40&unit=2")
    expect(lab.page.locator(".numbers h2")).to_have_text("The gates of unit 2")
    gate = told(lab)["gates"]["f"]
    assert cell(lab, "f", 0) == pytest.approx(gate["mean"][2], rel=6e-3)
    expect(lab.page.locator(".step")).to_contain_text("Unit 2 at step 30")
    lab.page.locator(".numbers a", has_text="All units").click()
    lab.until_drawn("/gates?v=1&T=30&H=5&b_o=5&chrono=40")
    assert lab.page.evaluate("() => window.stayed")
