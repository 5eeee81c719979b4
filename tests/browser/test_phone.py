"""375 pixels wide, by touch."""

import pytest
from playwright.sync_api import expect

from lstm_engine import CELLS
from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import Lab


@pytest.fixture
def phone(visit: Visit) -> Lab:
    return visit(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)


@pytest.mark.parametrize("link", ["/", "/api", "/?v=1&b_f=" + "9" * 300])
def test_no_page_scrolls_sideways(phone: Lab, link: str) -> None:
    phone.expected.append("422")
    if link == "/":
        phone.open(link)
    else:
        phone.page.goto(phone.server + link)
    assert phone.page.evaluate("() => document.documentElement.scrollWidth") == 375
    assert phone.page.evaluate("() => innerWidth") == 375


def test_the_figure_takes_the_narrow_layout(phone: Lab) -> None:
    phone.open()
    source = phone.page.evaluate("() => document.querySelector('.figure img').currentSrc")
    assert "highway-narrow" in source
    box = phone.page.locator(".figure").bounding_box()
    assert box is not None and box["height"] > 2 * box["width"]
    tops = phone.page.evaluate(
        """() => {
          const { data, _fullLayout } = document.querySelector(".plot");
          const map = (name) => data.find((trace) => trace.name === name);
          const top = ({ yaxis }) => _fullLayout["yaxis" + yaxis.slice(1)]._offset;
          return ["exact", "direct", "RNN"].map((name) => top(map(name)));
        }"""
    )
    assert tops == sorted(tops) and len(set(tops)) == 3, "the maps stand below each other"
    phone.check_numbers()


def test_no_title_of_a_map_is_cut_off_even_on_the_narrowest_phone(visit: Visit) -> None:
    phone = visit(viewport={"width": 320, "height": 640})
    phone.open("/?v=1&T=20&H=4&cell=gru")
    for cell in CELLS:
        phone.field("cell").select_option(cell)
        phone.until_idle()
        ends = phone.page.evaluate(
            """() => [...document.querySelectorAll(".plot .annotation-text")].map(
              (title) => title.getBoundingClientRect().right)"""
        )
        assert len(ends) == 5, cell
        assert max(ends) <= 320, cell


def test_the_foremost_sliders_stay_within_reach_and_follow_a_finger(phone: Lab) -> None:
    phone.open()
    phone.page.locator(".figure").evaluate("(figure) => scrollTo(0, figure.offsetTop + 300)")
    phone.shown()
    for key in ("b_f", "T"):
        expect(phone.slider(key)).to_be_in_viewport(ratio=1)
        box = phone.slider(key).bounding_box()
        assert box is not None and box["height"] >= 24
    box = phone.slider("b_f").bounding_box()
    assert box is not None
    phone.page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    phone.until_idle()
    assert float(phone.field("b_f").input_value()) > 4
    phone.check_numbers()


def test_turning_the_phone_changes_the_layout_and_no_number(phone: Lab) -> None:
    phone.open("/?v=1&T=30")
    before = phone.figure()
    phone.page.set_viewport_size({"width": 812, "height": 375})
    phone.until("() => probe.drawn.length > 1")
    phone.shown()
    box = phone.page.locator(".plot svg").first.bounding_box()
    assert box is not None and box["width"] > box["height"]
    assert phone.figure() == before
