"""For everyone: by keyboard, by screen reader, in light and dark."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.lenses import LENSES
from app.links import path_of
from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.lab import Lab

# With a plot in the picture's place, and as they are sent.
DRAWN = [*(path_of(lens) for lens in LENSES if lens != "claims"), "/?v=1&cell=lstm-1997"]
DRAWN += ["/gates?v=1&T=30&H=5&cell=minlstm&unit=1", "/horizon?v=1&T=60&H=5&cell=minlstm&over=900"]
AS_SENT = ["/claims", "/api", "/nowhere", "/?v=1&b_f=99&colour=red"]


def check_access(lab: Lab) -> None:
    """Axe finds nothing. Its source is evaluated, which the content policy allows."""
    results = Axe().run(lab.page)
    assert results.violations_count == 0, results.generate_report()


# Either scheme and either width; how they cross does not depend on the page.
@pytest.mark.parametrize("link", [*DRAWN, *AS_SENT])
def test_axe_finds_nothing_and_nothing_sticks_out(visit: Visit, link: str) -> None:
    lab = visit(color_scheme="light")
    lab.expected += ["422", "404"]
    if link in DRAWN:
        lab.open(link)
    else:
        lab.page.goto(lab.server + link, wait_until="load")
    check_access(lab)
    lab.page.set_viewport_size(PHONE)
    lab.page.emulate_media(color_scheme="dark")
    if link in DRAWN:
        lab.until_idle()
    lab.shown()
    check_access(lab)
    assert lab.page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    if link == "/":
        lab.page.emulate_media(color_scheme="light")
        lab.shown()
        check_access(lab)


# A frame has a page's figure and nothing else.
@pytest.mark.parametrize("lens", LENSES)
def test_axe_finds_nothing_in_a_frame(visit: Visit, lens: str) -> None:
    lab = visit(color_scheme="dark")
    lab.open(f"/embed/{lens}")
    check_access(lab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_something_is_wrong_pinned_and_unused(
    visit: Visit, scheme: str
) -> None:
    lab = visit(color_scheme=scheme)
    lab.expected.append("422")
    lab.open("/?v=1&rnn_gain=10&signal=text&unit=3&step=7")
    expect(lab.page.locator("#warnings")).not_to_be_empty()
    lab.field("H").fill("0")
    expect(lab.page.locator("#H-wrong")).to_be_visible()
    lab.field("series").fill("1,2;3,4")
    expect(lab.page.get_by_role("button", name="Read as 1.2, 3.4")).to_be_visible()
    check_access(lab)


def test_the_keyboard_alone_reaches_the_forget_bias_and_moves_it(lab: Lab) -> None:
    lab.open()
    for _ in range(20):
        lab.page.keyboard.press("Tab")
        if lab.slider("b_f").evaluate("(slider) => slider === document.activeElement"):
            break
    expect(lab.slider("b_f")).to_be_focused()
    lab.page.keyboard.press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.1")
    lab.page.keyboard.press("ArrowLeft")
    lab.page.keyboard.press("ArrowLeft")
    lab.until_drawn("/?v=1&b_f=0.9")
    assert lab.slider("b_f").get_attribute("aria-valuetext") == "0.9"
    lab.check_numbers()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_the_way_from_lens_to_lens(
    visit: Visit, viewport: dict[str, int]
) -> None:
    lab = visit(viewport=viewport)
    lab.open()
    lab.page.locator("nav.lenses [data-link='pages/gates']").click()
    lab.until_drawn("/gates")
    lab.gate()
    lab.slider("b_f").press("ArrowRight")
    expect(lab.page.locator("form.busy")).to_have_count(1)
    check_access(lab)  # at work
    lab.release(1)
    expect(lab.page.locator("#figure.moving .sketch")).to_be_visible()
    check_access(lab)  # with a picture in the plot's place, the plot held back


def test_focus_is_visible_on_everything_that_takes_it(lab: Lab) -> None:
    lab.open()
    seen = []
    for _ in range(120):
        lab.page.keyboard.press("Tab")
        focus = lab.page.evaluate(
            """() => {
              const at = document.activeElement;
              const { outlineStyle, outlineWidth } = getComputedStyle(at);
              const { left, right, top, bottom } = at.getBoundingClientRect();
              return {
                name: at.id || at.dataset.for || at.textContent.trim().slice(0, 30) || at.tagName,
                end: at === document.body,
                outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
                within: right > 0 && left < innerWidth && bottom > 0 && top < innerHeight,
              };
            }"""
        )
        if focus["end"]:
            break
        seen.append(focus)
    assert focus["end"], "the keyboard is caught"
    assert {"b_f", "T", "copy", "theme"} <= {focus["name"] for focus in seen}
    assert [focus["name"] for focus in seen if not focus["outlined"]] == []
    assert [focus["name"] for focus in seen if not focus["within"]] == []


def test_the_first_stop_of_the_keyboard_skips_what_all_pages_share(lab: Lab) -> None:
    lab.open()
    for _ in ("past the navigation", "past the figure"):
        skip = lab.page.locator("a.skip:focus")
        lab.page.keyboard.press("Tab")
        expect(skip).to_be_in_viewport()
        lab.page.keyboard.press("Enter")
    lab.page.keyboard.press("Tab")
    assert lab.page.evaluate("() => document.activeElement.closest('#knobs') !== null")


def test_every_control_and_the_figure_have_names(lab: Lab) -> None:
    lab.open()
    for key in ("b_f", "T", "signal", "text", "order"):
        assert lab.page.locator(f"label[for={key}]").inner_text()
    figure = lab.page.locator("#figure")
    expect(figure).to_have_accessible_name(re.compile("Sent back 100 steps"))
    lab.field("T").fill("70")
    lab.until_drawn("/?v=1&T=70")
    expect(figure).to_have_accessible_name(re.compile("Sent back 70 steps"))


def test_the_theme_one_chooses_is_there_after_a_reload(visit: Visit) -> None:
    lab = visit(color_scheme="light")
    lab.open()
    paper = "() => getComputedStyle(document.documentElement).backgroundColor"
    light, button = lab.page.evaluate(paper), lab.page.locator("#theme")
    button.click()
    assert button.inner_text() == "Theme: light"
    button.click()
    assert button.inner_text() == "Theme: dark"
    dark = lab.page.evaluate(paper)
    assert dark != light
    lab.page.reload()
    lab.until("() => probe.drawn.length > 0")
    assert button.inner_text() == "Theme: dark"
    assert lab.page.evaluate(paper) == dark
    button.click()
    assert button.inner_text() == "Theme: system"
    assert lab.page.evaluate(paper) == light
