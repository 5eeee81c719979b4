"""From lens to lens: in one document where that is possible, and as ever where it is not."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.lenses import LENSES
from app.links import path_of
from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import Lab

SMALL = "/?v=1&T=20&H=4"


def turn(lab: Lab, lens: str) -> None:
    lab.page.locator(f"nav.lenses [data-link='pages/{lens}']").click()


def mark(page: Page) -> None:
    """Something that only a page left behind would lose."""
    page.evaluate("() => { window.kept = true; }")


def kept(page: Page) -> bool:
    return bool(page.evaluate("() => window.kept === true"))


def test_every_lens_opens_in_the_place_of_the_one_before(lab: Lab) -> None:
    lab.open(SMALL)
    mark(lab.page)
    for lens, module in [*LENSES.items()][1:]:
        turn(lab, lens)
        link = f"{path_of(lens)}?v=1&T=20&H=4"
        lab.until("(link) => location.pathname + location.search === link", link)
        expect(lab.page.locator("h1")).to_have_text(module.QUESTION)
        expect(lab.page.locator("main")).to_have_count(1)
        current = lab.page.locator("nav.lenses [aria-current=page]")
        expect(current).to_have_text(module.TITLE)
        expect(current).to_be_focused()
        assert module.QUESTION in lab.page.title()
        expect(lab.page.locator("#arrived")).to_have_text(lab.page.title())
        expect(lab.page.locator(".figure .sketch svg").first).to_be_visible()
        if lens != "claims":
            lab.until_drawn(link)
            answer = lab.context.request.get(f"{lab.server}/api/{lens}?v=1&T=20&H=4").json()
            assert lab.reading == answer["reading"]["headline"]
            expect(lab.page.locator(".sketch")).to_be_hidden()
    turn(lab, "highway")
    lab.until_drawn(SMALL)
    assert kept(lab.page)
    lab.check_numbers()


def test_what_was_set_travels_along_and_goes_on_in_the_other_lens(lab: Lab) -> None:
    lab.open(SMALL)
    lab.field("b_f").fill("3")
    lab.until_drawn("/?v=1&T=20&H=4&b_f=3")
    turn(lab, "gates")
    lab.until_drawn("/gates?v=1&T=20&H=4&b_f=3")
    assert lab.field("b_f").input_value() == "3"
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/gates?v=1&T=20&H=4&b_f=3.1")
    turn(lab, "highway")
    lab.until_drawn("/?v=1&T=20&H=4&b_f=3.1")
    lab.check_numbers()


def test_back_and_forward_go_through_lenses_and_settings(lab: Lab) -> None:
    lab.open(SMALL)
    mark(lab.page)
    turn(lab, "horizon")
    lab.until_drawn("/horizon?v=1&T=20&H=4")
    lab.field("b_f").fill("3")
    lab.until_drawn("/horizon?v=1&T=20&H=4&b_f=3")
    lab.page.go_back()
    lab.until_drawn("/horizon?v=1&T=20&H=4")
    assert lab.field("b_f").input_value() == "1"
    lab.page.go_back()
    lab.until_drawn(SMALL)
    expect(lab.page.locator("h1")).to_have_text(LENSES["highway"].QUESTION)
    lab.check_numbers()
    lab.page.go_forward()
    lab.page.go_forward()
    lab.until_drawn("/horizon?v=1&T=20&H=4&b_f=3")
    assert lab.field("b_f").input_value() == "3"
    assert kept(lab.page)


def test_a_link_that_is_gone_hands_the_focus_to_the_heading(lab: Lab) -> None:
    lab.open(SMALL)
    lab.page.locator("main [data-link='pages/compare']").press("Enter")
    lab.until_drawn("/compare?v=1&T=20&H=4")
    expect(lab.page.locator("h1")).to_be_focused()


def test_one_comes_back_to_where_one_had_scrolled(lab: Lab) -> None:
    lab.open(SMALL)
    lab.page.evaluate("() => scrollTo(0, 400)")
    lab.shown()
    lab.page.evaluate("() => document.querySelector('[data-link=\"pages/paths\"]').click()")
    lab.until_drawn("/paths?v=1&T=20&H=4")
    assert lab.page.evaluate("() => scrollY") == 0
    lab.page.go_back()
    lab.until_drawn(SMALL)
    assert lab.page.evaluate("() => scrollY") == 400


def test_a_word_leads_to_its_place_in_the_glossary_and_back(lab: Lab) -> None:
    lab.open(SMALL)
    mark(lab.page)
    word = lab.page.locator("#reading a").first
    link = word.get_attribute("href")
    assert link is not None
    path, place = link.split("#")
    word.click()
    lab.until("(link) => location.pathname + location.search + location.hash === link", link)
    expect(lab.page.locator(f"#{place}")).to_be_in_viewport()
    assert lab.page.evaluate("() => document.querySelector(':target').id") == place
    lab.until_drawn(path)
    lab.page.go_back()
    lab.until_drawn(SMALL)
    assert kept(lab.page)


def test_a_slow_page_shows_a_sign_of_work_and_the_last_click_counts(lab: Lab) -> None:
    lab.open(SMALL)
    lab.gate()
    turn(lab, "gates")
    lab.until("() => getComputedStyle(document.body, '::before').animationName === 'travel'")
    turn(lab, "steps")
    lab.release()
    lab.until_drawn("/steps?v=1&T=20&H=4")
    assert "/gates?v=1&T=20&H=4" not in lab.probed("drawn")
    assert lab.page.evaluate("() => document.body.className") == ""


def test_going_back_while_a_page_is_under_way_stays_where_one_went(lab: Lab) -> None:
    lab.open(SMALL)
    lab.field("b_f").fill("3")
    lab.until_drawn("/?v=1&T=20&H=4&b_f=3")
    lab.gate()
    turn(lab, "gates")
    lab.page.go_back()
    lab.release()
    lab.until_drawn(SMALL)
    expect(lab.page.locator("h1")).to_have_text(LENSES["highway"].QUESTION)
    assert lab.field("b_f").input_value() == "1"


@pytest.mark.parametrize("how", ["out of reach", "another version"])
def test_where_it_cannot_open_in_place_the_browser_goes_there(lab: Lab, how: str) -> None:
    lab.expected.append("ERR_FAILED")
    lab.open(SMALL)
    mark(lab.page)
    if how == "out of reach":
        lab.page.route("**/page/**", lambda route: route.abort())
    else:
        body = lab.context.request.get(f"{lab.server}/page/gates-wide?v=1&T=20&H=4").text()
        other = re.sub(r"/static/\w+/page\.js", "/static/0123456789ab/page.js", body)
        assert other != body
        lab.page.route("**/page/**", lambda route: route.fulfill(body=other))
    turn(lab, "gates")
    lab.page.wait_for_url(f"{lab.server}/gates?v=1&T=20&H=4")
    lab.until_drawn("/gates?v=1&T=20&H=4")
    assert not kept(lab.page)


def test_a_page_that_is_no_lens_is_left_and_come_back_to_as_ever(lab: Lab) -> None:
    lab.open(SMALL)
    lab.page.locator("nav.lenses [data-link='pages/api']").click()
    lab.page.wait_for_url(f"{lab.server}/api?v=1&T=20&H=4")
    turn(lab, "gates")
    lab.until_drawn("/gates?v=1&T=20&H=4")
    lab.page.go_back()
    expect(lab.page.locator("h1")).to_contain_text("program")
    lab.page.go_back()
    lab.until_drawn(SMALL)
    lab.check_numbers()


def test_a_click_for_another_tab_opens_it_there(lab: Lab) -> None:
    lab.open(SMALL)
    with lab.context.expect_page() as opened:
        lab.page.locator("[data-link='pages/gates']").click(modifiers=["ControlOrMeta"])
    assert opened.value.url == f"{lab.server}/gates?v=1&T=20&H=4"
    assert lab.address == SMALL


def test_on_a_phone_the_narrow_picture_comes(visit: Visit) -> None:
    lab = visit(viewport=PHONE)
    lab.open(SMALL)
    turn(lab, "gates")
    sketch = lab.page.locator(".sketch svg")
    expect(sketch).to_be_visible()
    sheet = LENSES["gates"].SHEETS["narrow"]
    assert sketch.get_attribute("width") == str(sheet.width)
    lab.until_drawn("/gates?v=1&T=20&H=4")
    assert lab.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
