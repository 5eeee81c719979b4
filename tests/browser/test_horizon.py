"""The horizon on the page: what is drawn and written is what programs are told; a bias applied."""

import json
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from lstm_engine.horizon import needed_bias
from tests.browser.lab import READ_WORDS, Lab, floats, same

START = "/horizon?v=1&T=60&H=5"


def told(lab: Lab) -> dict[str, Any]:
    """What the API says of the page's address."""
    response = lab.context.request.get(f"{lab.server}/api/horizon?{urlsplit(lab.address).query}")
    assert response.ok, response.text()
    answer: dict[str, Any] = json.loads(response.body())
    return answer


def check_figure(lab: Lab) -> None:
    answer = told(lab)
    curves = {trace["name"]: trace for trace in lab.figure()}
    for drawn, curve in (("exact", "exact"), ("direct", "direct"), ("RNN", "rnn")):
        same(curves[drawn]["y"], floats(answer["log10_kept"][curve]))
        line = answer["fit"][curve]
        straight = line["at_end"] + line["a_step"] * np.arange(60, -1, -1)
        same(curves[f"{drawn}, straight line"]["y"], straight)
    units = answer["direct_by_unit"]
    same(curves["½ is left"]["y"], np.sort(floats(units["half_life"])))
    same(curves["these units"]["y"], floats(answer["keep_half"]["b_f_by_unit"]))


def test_figure_and_tables_hold_what_programs_are_told(lab: Lab) -> None:
    lab.open(START)
    check_figure(lab)
    answer = told(lab)
    assert lab.reading == answer["reading"]["headline"]
    rows = [
        [cell.evaluate(READ_WORDS) for cell in row.locator("td").all()]
        for row in lab.page.locator(".reach tbody tr").all()
    ]
    assert len(rows) == 4
    for row, name in zip(rows, ("1e-3", "float16", "1e-6", "float32"), strict=True):
        median = np.median(answer["direct_by_unit"]["horizon"][name])
        assert float(row[0]) == pytest.approx(median, rel=1e-3)
        for said, curve in zip(row[2:], ("direct", "exact", "rnn"), strict=True):
            assert int(said.removeprefix("all ")) == answer["furthest_lag"][curve][name]
    fitted = lab.page.locator(".fits tbody tr").nth(1).locator("td").first.evaluate(READ_WORDS)
    assert float(fitted) == pytest.approx(10 ** answer["fit"]["exact"]["a_step"], rel=1e-3)


def test_a_bias_is_asked_for_and_applied_without_a_reload(lab: Lab) -> None:
    lab.open(START)
    lab.page.evaluate("() => { window.stayed = true; }")
    lab.field("over").fill("400")
    lab.until_drawn(f"{START}&over=400")
    expect(lab.page.locator(".numbers h2").nth(1)).to_have_text("Keep half over 400 steps")
    needed = np.median(told(lab)["keep_half"]["b_f_by_unit"])
    lab.page.locator("#apply-here").click()
    lab.until_drawn(f"/horizon?v=1&T=60&H=5&b_f={round(needed, 3):g}&over=400")
    assert float(lab.field("b_f").input_value()) == round(needed, 3)
    assert np.median(told(lab)["direct_by_unit"]["half_life"]) == pytest.approx(400, rel=0.3)
    check_figure(lab)
    lab.page.locator("#apply-alone").click()
    alone = round(needed_bias(400), 3)
    lab.until_drawn(f"/horizon?v=1&T=60&H=5&b_f={alone}&over=400")
    expect(lab.page.locator("#apply-alone")).to_have_text("Applied")
    assert lab.page.evaluate("() => window.stayed")
