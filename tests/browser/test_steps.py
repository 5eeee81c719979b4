"""The steps page: formulas hold what programs are told, for the unit and the steps one picks."""

from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import READ_WORDS, Lab, floats, same
from tests.browser.test_access import check_access


def told(lab: Lab) -> dict[str, Any]:
    """What the API says of the page's address."""
    answer = lab.context.request.get(f"{lab.server}/api/steps?{urlsplit(lab.address).query}")
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    return found


def results(lab: Lab, column: int) -> list[float]:
    """The results of the forward (0) or the backward (1) lines, in their order."""
    section = lab.page.locator(".worked .ways").first.locator("section").nth(column)
    shown = [result.evaluate(READ_WORDS) for result in section.locator("b").all()]
    return [float(words.replace("−", "-")) for words in shown]


def check_numbers(lab: Lab, unit: int) -> None:
    answer = told(lab)
    c, h = (floats(answer["values"][name])[:, unit] for name in ("c", "h"))
    np.testing.assert_allclose(results(lab, 0), np.stack((c, h), axis=1).ravel(), rtol=1e-3)
    direct = floats(answer["gradient"]["log10_direct"])[:-1, unit][::-1]
    np.testing.assert_allclose(results(lab, 1), 10**direct, rtol=1e-3)
    by_name = {trace["name"]: trace for trace in lab.figure()}
    steps = answer["t"]
    for name in ("f", "o"):
        same(floats(by_name[name]["y"])[steps], floats(answer["values"][name])[:, unit])


def test_lines_and_figure_hold_what_programs_are_told_while_one_drags(lab: Lab) -> None:
    lab.open("/steps?v=1&T=40&H=6&unit=2")
    check_numbers(lab, 2)
    lab.drag("b_f", [0.55, 0.6])
    lab.until_idle()
    assert "b_f=" in lab.address
    check_numbers(lab, 2)


def test_links_lead_to_other_units_steps_and_the_textbook_without_a_reload(lab: Lab) -> None:
    lab.open("/steps?v=1&T=30&H=4")
    lab.page.evaluate("() => { window.still = true; }")
    where = lab.page.locator(".worked .where")
    where.get_by_role("link", name="unit 1").click()
    lab.until_drawn("/steps?v=1&T=30&H=4&unit=1")
    where.get_by_role("link", name="up to step 29").click()
    lab.until_drawn("/steps?v=1&T=30&H=4&t=29&unit=1")
    check_numbers(lab, 1)
    where.get_by_role("link", name="textbook").click()
    lab.until_drawn("/steps?v=1&T=30&H=4&t=29&worked=textbook&unit=1")
    assert results(lab, 0) == [0.1, 0.65, 1.12]
    assert results(lab, 1) == [0.8, 0.4, 0.36]
    where.get_by_role("link", name="Back to your experiment").click()
    lab.until_drawn("/steps?v=1&T=30&H=4&t=29&unit=1")
    assert lab.page.evaluate("() => window.still")


def test_another_direction_gives_other_numbers_that_agree_as_well(lab: Lab) -> None:
    lab.open("/steps?v=1&T=25&H=5")
    first = lab.page.locator(".checks tbody tr").first
    before = first.locator("td").first.evaluate(READ_WORDS)
    lab.page.get_by_role("link", name="Draw another random direction").click()
    lab.until_drawn("/steps?v=1&T=25&H=5&draw=1")
    assert first.locator("td").first.evaluate(READ_WORDS) != before
    checks = told(lab)["checks"]
    for both in checks.values():
        for check in both.values():
            assert check["complex_step"]["error"] < 1e-9
    expect(first.locator("td").nth(2)).to_contain_text("off by")


def test_nothing_overflows_on_a_phone_and_the_page_is_open_to_everyone(visit: Visit) -> None:
    phone = visit(viewport=PHONE)
    phone.open("/steps?v=1&T=20&H=4&cell=peephole")
    over = phone.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert over <= 0
    check_access(phone)


def test_a_click_on_the_map_of_states_picks_the_unit_and_the_step(lab: Lab) -> None:
    lab.open("/steps?v=1&T=30&H=4")
    at = lab.page.evaluate(
        """() => {
          const plot = document.querySelector(".plot");
          const { xaxis, yaxis } = plot.data.find(({ type }) => type === "heatmap");
          const axis = (id) => plot._fullLayout[id[0] + "axis" + id.slice(1)];
          const corner = plot.getBoundingClientRect();
          const [x, y] = [axis(xaxis), axis(yaxis)];
          return [corner.left + x._offset + x.d2p(12), corner.top + y._offset + y.d2p(2)];
        }"""
    )
    lab.page.mouse.click(*at)
    lab.until_drawn("/steps?v=1&T=30&H=4&t=12&unit=2")
    check_numbers(lab, 2)
