"""From lens to lens: in one document where that is possible, and as ever where it is not."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from app.lenses import IN_CHUNKS, LENSES
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
        if lens in IN_CHUNKS:  # it is drawn as soon as there is anything: see test_work.py
            lab.page.wait_for_selector("#figure.drawn")
            continue
        # (It has given place to the plot, perhaps, which comes soon.)
        expect(lab.page.locator(".figure .sketch svg").first).to_be_attached()
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
    opened.value.wait_for_url(f"{lab.server}/gates?v=1&T=20&H=4")
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


# What is left behind stays behind -----------------------------------------------------------------


def test_a_lens_one_went_back_from_does_not_write_into_the_history(lab: Lab) -> None:
    lab.open(SMALL)
    turn(lab, "gates")
    lab.until_drawn("/gates?v=1&T=20&H=4")
    lab.gate()
    lab.slider("b_f").press("ArrowRight")
    lab.page.go_back()
    lab.until("() => location.pathname === '/'")
    lab.release(1)  # the old lens's picture comes first, then the page
    lab.page.wait_for_timeout(200)
    assert lab.address == SMALL
    lab.release()
    lab.until_drawn(SMALL)
    lab.page.reload()
    expect(lab.page.locator("h1")).to_have_text(LENSES["highway"].QUESTION)
    lab.page.go_forward()
    lab.until_drawn("/gates?v=1&T=20&H=4")


def test_an_answer_that_comes_after_one_left_touches_nothing(lab: Lab) -> None:
    lab.open(SMALL)
    held: list[Route] = []
    lab.page.route("**/sketch/**", lambda route: held.append(route))
    lab.page.locator("#figure").focus()
    lab.page.keyboard.press("ArrowRight")
    lab.slider("b_f").press("ArrowRight")
    expect(lab.page.locator("form.busy")).to_have_count(1)
    x, y = lab.place("exact", 5, 1)
    lab.page.mouse.click(x, y)  # pinned a moment later, where one is no more
    turn(lab, "claims")
    expect(lab.page.locator("h1")).to_have_text(LENSES["claims"].QUESTION)
    link = lab.address
    for route in held:
        route.continue_()
    lab.until("() => probe.unsettled === 0")
    lab.page.wait_for_timeout(400)
    assert held and lab.address == link


def test_a_click_on_something_else_ends_what_was_under_way(lab: Lab) -> None:
    lab.open(SMALL)
    lab.gate()
    turn(lab, "gates")
    turn(lab, "highway")
    lab.release()
    lab.page.wait_for_timeout(300)
    assert lab.address == SMALL
    expect(lab.page.locator("h1")).to_have_text(LENSES["highway"].QUESTION)
    expect(lab.page.locator(".turning")).to_have_count(0)


def test_a_knob_moved_while_a_page_is_under_way_arrives_there(lab: Lab) -> None:
    lab.open(SMALL)
    lab.gate()
    lab.slider("b_f").press("ArrowRight")
    turn(lab, "horizon")
    lab.slider("b_f").press("ArrowRight")
    lab.release()
    lab.until_drawn("/horizon?v=1&T=20&H=4&b_f=1.2")
    assert lab.field("b_f").input_value() == "1.2"


def test_hidden_controls_come_and_go_with_the_history(lab: Lab) -> None:
    lab.open("/?v=1&T=20&H=4&hide=presets,b_f")
    lab.page.locator(".wordmark").click()
    lab.until_drawn("/")
    expect(lab.field("b_f")).to_be_visible()
    lab.page.go_back()
    lab.until_drawn("/?v=1&T=20&H=4&hide=presets,b_f")
    expect(lab.slider("b_f")).to_have_count(0)
    expect(lab.page.locator(".presets")).to_have_count(0)


def test_a_claims_filter_is_in_force_when_one_comes_back(lab: Lab) -> None:
    lab.open(SMALL)
    turn(lab, "claims")
    lab.page.locator(".filter a", has_text="depends").click()
    cards = lab.page.locator("article.claim").filter(visible=True)
    expect(cards).not_to_have_count(30)
    count = cards.count()
    turn(lab, "gates")
    lab.until_drawn("/gates?v=1&T=20&H=4")
    lab.page.go_back()
    expect(lab.page.locator("h1")).to_have_text(LENSES["claims"].QUESTION)
    expect(cards).to_have_count(count)


def test_claims_take_the_other_picture_as_the_screen_turns(lab: Lab) -> None:
    lab.open(SMALL)
    turn(lab, "claims")
    sketch = lab.page.locator(".figure .sketch svg")
    sheets = LENSES["claims"].SHEETS
    expect(sketch).to_have_attribute("width", str(sheets["wide"].width))
    lab.page.set_viewport_size(PHONE)
    expect(sketch).to_have_attribute("width", str(sheets["narrow"].width))


def test_the_way_back_on_a_page_scrolls_back(lab: Lab) -> None:
    lab.open(SMALL)
    turn(lab, "learn")
    lab.until_drawn("/learn?v=1&T=20&H=4")
    lab.page.evaluate("() => scrollTo(0, 150)")
    lab.shown()
    lab.page.locator("main a[href^='#']").last.evaluate("(link) => link.click()")
    lab.until("() => scrollY > 300")
    lab.page.go_back()
    lab.until("() => scrollY === 150")


def test_a_reload_keeps_where_one_had_scrolled_before(lab: Lab) -> None:
    lab.open(SMALL)
    lab.page.evaluate("() => scrollTo(0, 350)")
    lab.shown()
    lab.page.locator("[data-link='pages/gates']").evaluate("(link) => link.click()")
    lab.until_drawn("/gates?v=1&T=20&H=4")
    lab.page.reload()
    lab.page.go_back()
    lab.until_drawn(SMALL)
    lab.until("() => scrollY === 350")


def test_without_a_connection_one_stays_and_is_told(lab: Lab) -> None:
    lab.expected.append("ERR_INTERNET_DISCONNECTED")
    lab.open(SMALL)
    lab.context.set_offline(True)
    turn(lab, "gates")
    expect(lab.page.locator("#trouble")).to_contain_text("No connection")
    lab.slider("b_f").press("ArrowRight")
    expect(lab.page.locator("#trouble")).to_contain_text("did not answer")
    assert lab.address == SMALL
    lab.context.set_offline(False)
    lab.until_drawn("/?v=1&T=20&H=4&b_f=1.1")
    expect(lab.page.locator("#trouble")).to_be_hidden()


def test_sent_away_by_a_busy_server_one_stays_and_the_other_page_opens_by_itself(lab: Lab) -> None:
    lab.open(SMALL)
    lab.expected.append("503")
    mark(lab.page)
    problem = {"title": "Too busy", "detail": "Try again in a second.", "status": 503}
    away = {"Retry-After": "1"}
    for address in ("**/page/**", "**/sketch/**"):
        lab.page.route(address, lambda route: route.fulfill(status=503, json=problem, headers=away))
    lab.slider("b_f").press("ArrowRight")
    expect(lab.page.locator("#trouble")).to_contain_text("tries again by itself")
    turn(lab, "gates")
    expect(lab.page.locator("#trouble")).to_contain_text("The other page opens by itself")
    lab.page.unroute("**/page/**")
    lab.until_drawn("/gates?v=1&T=20&H=4&b_f=1.1")  # with what was asked for meanwhile
    assert kept(lab.page)


def test_who_goes_on_does_not_want_the_other_page_any_more(lab: Lab) -> None:
    lab.open(SMALL)
    lab.expected.append("503")
    problem = {"title": "Too busy", "detail": "Try again in a second.", "status": 503}
    away = {"Retry-After": "1"}
    lab.page.route(
        "**/page/**", lambda route: route.fulfill(status=503, json=problem, headers=away)
    )
    turn(lab, "gates")
    expect(lab.page.locator("#trouble")).to_contain_text("The other page opens by itself")
    lab.page.unroute("**/page/**")
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&T=20&H=4&b_f=1.1")
    lab.page.wait_for_timeout(1500)
    assert lab.address == "/?v=1&T=20&H=4&b_f=1.1"
