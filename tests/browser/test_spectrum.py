"""The spectrum page: its figure and its tables hold what programs are told."""

import re
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import READ_WORDS, Lab, floats, same
from tests.browser.test_access import check_access


def told(lab: Lab) -> dict[str, Any]:
    """What the API says of the page's address."""
    answer = lab.context.request.get(f"{lab.server}/api/spectrum?{urlsplit(lab.address).query}")
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    return found


def check_numbers(lab: Lab) -> None:
    answer, drawn = told(lab), lab.figure()
    by_name: dict[str, list[dict[str, Any]]] = {}
    for trace in drawn:
        by_name.setdefault(trace["name"], []).append(trace)
    cell, rnn = answer["cell"], answer["rnn"]
    norms = {"RNN": rnn["log10_norm"], "bound on the RNN": rnn["log10_bound"]}
    for name, values in norms.items():
        same(by_name[name][0]["y"], floats(values))
        same(by_name[name][0]["x"], floats(answer["t"]))
    ours, theirs = by_name["direction 2"]
    same(ours["y"], floats(cell["log10_directions"])[:, 1])
    same(theirs["y"], floats(rnn["log10_directions"])[:, 1])
    dots = by_name["RNN"][1]
    same(sorted(dots["x"]), np.sort(floats(rnn["eigenvalues"]["real"])))
    same(sorted(dots["y"]), np.sort(floats(rnn["eigenvalues"]["imag"])))
    table = lab.page.locator(".spectrum table").nth(1)
    shown = table.locator("td:nth-child(2) .number").all()
    words = [cell.evaluate(READ_WORDS).replace("−", "-") for cell in shown]
    np.testing.assert_allclose([float(word) for word in words], cell["lyapunov"], rtol=1e-3)
    heading = lab.page.locator(".spectrum h2").first
    expect(heading).to_contain_text(rnn["verdict"])


def test_figure_and_tables_hold_what_programs_are_told_while_one_drags(lab: Lab) -> None:
    lab.open("/spectrum?v=1&T=40&H=6")
    check_numbers(lab)
    lab.drag("b_f", [0.6, 0.65, 0.7])
    lab.until_idle()
    assert re.search(r"b_f=[\d.]+", lab.address)
    check_numbers(lab)


def test_a_link_to_another_verdict_or_step_travels_without_a_reload(lab: Lab) -> None:
    lab.open("/spectrum?v=1&T=30&H=5")
    lab.page.evaluate("() => { window.still = true; }")
    lab.page.get_by_role("link", name="may explode").click()
    lab.until_drawn("/spectrum?v=1&T=30&H=5&rnn_gain=2")
    expect(lab.page.locator(".spectrum h2").first).to_contain_text("may explode")
    lab.page.locator(".spectrum").get_by_role("link", name="7", exact=True).click()
    lab.until_drawn("/spectrum?v=1&T=30&H=5&rnn_gain=2&t=7")
    assert told(lab)["eigenvalues_of_step"] == 7
    check_numbers(lab)
    assert lab.page.evaluate("() => window.still")


def test_the_plane_of_eigenvalues_is_a_square_on_the_screen_and_nothing_overflows(
    visit: Visit,
) -> None:
    for options in ({}, {"viewport": PHONE}):
        lab = visit(**options)
        lab.open("/spectrum?v=1&T=20&H=4")
        width, height = lab.page.evaluate(
            """() => {
              const { data, _fullLayout } = document.querySelector(".plot");
              const { xaxis, yaxis } = data.find(({ name }) => name === "unit circle");
              const axis = (id) => _fullLayout[id[0] + "axis" + id.slice(1)];
              return [axis(xaxis)._length, axis(yaxis)._length];
            }"""
        )
        assert abs(width / height - 1) < 0.02
        page = lab.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert page <= 0


def test_the_page_is_open_to_everyone(lab: Lab) -> None:
    lab.open("/spectrum?v=1&T=20&H=4")
    check_access(lab)
