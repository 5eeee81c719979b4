"""A link is the whole state: copied, gone back to, wrong."""

from playwright.sync_api import expect

from app.presets import PRESETS
from tests.browser.conftest import Visit
from tests.browser.lab import Lab


def test_a_copied_link_gives_another_visitor_the_same_numbers(visit: Visit) -> None:
    mine = visit(permissions=["clipboard-read", "clipboard-write"])
    mine.open("/?v=1&T=50")
    mine.drag("b_f", [0.6, 0.62])
    mine.until_idle()
    mine.field("rnn_gain").fill("1.3")
    mine.until_idle()
    mine.page.get_by_role("button", name="Copy link").click()
    expect(mine.page.get_by_role("button", name="Copied")).to_be_visible()
    link = mine.page.evaluate("() => navigator.clipboard.readText()")
    assert link == mine.page.url
    theirs = visit()
    theirs.open(link.removeprefix(theirs.server))
    assert theirs.figure() == mine.figure()
    assert theirs.reading == mine.reading
    theirs.check_numbers()


def test_back_and_forward_restore_form_figure_and_address(lab: Lab) -> None:
    lab.open("/?v=1&T=40")
    first, reading = lab.figure(), lab.reading
    lab.field("act").select_option("relu")
    lab.until_drawn("/?v=1&T=40&act=relu")
    lab.field("H").fill("6")
    lab.until_drawn("/?v=1&T=40&H=6&act=relu")
    lab.field("H").blur()
    last = lab.figure()
    lab.page.go_back()
    lab.until_drawn("/?v=1&T=40&act=relu")
    assert lab.field("H").input_value() == "32"
    lab.page.go_back()
    lab.until_drawn("/?v=1&T=40")
    assert (lab.figure(), lab.reading) == (first, reading)
    assert lab.field("act").input_value() == "tanh"
    lab.page.go_forward()
    lab.until_drawn("/?v=1&T=40&act=relu")
    lab.page.go_forward()
    lab.until_drawn("/?v=1&T=40&H=6&act=relu")
    assert lab.figure() == last
    assert (lab.field("H").input_value(), lab.field("act").input_value()) == ("6", "relu")


def test_going_back_while_an_answer_is_under_way_ends_where_one_went(lab: Lab) -> None:
    lab.open()
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.1")
    lab.gate()
    lab.slider("b_f").press("ArrowRight")
    lab.page.go_back()
    lab.until("() => location.search === ''")
    lab.release()
    lab.until_drawn("/")
    assert lab.address == "/"
    assert lab.field("b_f").input_value() == "1"


def test_a_preset_keeps_the_length_and_is_marked(lab: Lab) -> None:
    start = "/?v=1&T=60&H=8&b_f=-3&gain=2&seed=4"
    lab.open(start)
    for preset in PRESETS:
        button = lab.page.locator("nav.presets").get_by_role("link", name=preset.name, exact=True)
        link = button.get_attribute("href")
        assert link is not None
        assert "T=60" in link and "H=8" in link and "seed=4" in link and "b_f=-3" not in link
        button.click()
        lab.until_drawn(link)
        expect(button).to_have_attribute("aria-current", "true")
        assert lab.field("T").input_value() == "60"
        lab.check_numbers()
        lab.page.go_back()
        lab.until_drawn(start)


def test_another_seed_changes_the_draws_alone_and_reset_goes_to_the_defaults(lab: Lab) -> None:
    lab.open("/?v=1&T=60&b_f=2")
    first = lab.figure()
    lab.page.get_by_role("link", name="Another seed").click()
    lab.until_drawn("/?v=1&T=60&b_f=2&seed=1")
    second = lab.figure()
    lab.page.get_by_role("link", name="Another seed").click()
    lab.until_drawn("/?v=1&T=60&b_f=2&seed=2")
    assert first != second != lab.figure()
    lab.page.get_by_role("link", name="Reset").click()
    lab.until_drawn("/")
    assert lab.field("T").input_value() == "100"
    lab.check_numbers()


def test_a_preset_can_be_opened_in_a_tab_of_its_own(lab: Lab) -> None:
    lab.open()
    with lab.context.expect_page() as opened:
        lab.page.get_by_role("link", name="No recurrence").click(modifiers=["ControlOrMeta"])
    opened.value.wait_for_url(f"{lab.server}/?v=1&gain=0")
    assert lab.address == "/"


def test_a_wrong_link_is_explained_and_its_nearest_link_works(lab: Lab) -> None:
    lab.expected.append("422")
    response = lab.page.goto(f"{lab.server}/?v=1&b_f=99&H=few&colour=red&T=7&T=8&seed=5")
    assert response is not None and response.status == 422
    table = lab.page.get_by_role("table")
    rows = [" ".join(row.split()) for row in table.get_by_role("row").all_inner_texts()[1:]]
    assert len(rows) == 4
    for key, value, what in (
        ("b_f", "99", "from -20 to 20"),
        ("H", "few", "whole number from 1 to 256"),
        ("colour", "red", "not a knob"),
        ("T", "7", "2 times"),
    ):
        assert any(row.startswith(f"{key} {value}") and what in row for row in rows), (key, rows)
    lab.page.locator("#nearest").click()
    lab.until("() => window.probe.drawn.length > 0")
    lab.until_idle()
    assert lab.address == "/?v=1&b_f=20&seed=5"
    lab.check_numbers()


def test_a_link_that_is_not_canonical_lands_on_the_one_that_is(lab: Lab) -> None:
    lab.open("/?b_f=02.50&T=100&seed=3&v=1")
    assert lab.address == "/?v=1&b_f=2.5&seed=3"
    lab.check_numbers()


def test_hidden_controls_are_left_out_and_stay_hidden(lab: Lab) -> None:
    lab.open("/?v=1&seed=3&hide=presets,reading,seed")
    expect(lab.page.locator("nav.presets")).to_have_count(0)
    expect(lab.page.locator("#reading")).to_have_count(0)
    expect(lab.page.locator("#seed")).to_have_count(0)
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.1&seed=3&hide=presets,reading,seed")
    lab.check_numbers()


def test_the_line_ends_of_ones_own_text_outlive_a_change_of_another_knob(lab: Lab) -> None:
    lab.open("/?v=1&signal=text&text=a%0D%0Ab%0Dc")
    lab.slider("b_f").press("ArrowRight")
    lab.until_idle()
    assert lab.address == "/?v=1&b_f=1.1&signal=text&text=a%0D%0Ab%0Dc"


def test_a_damaged_link_lands_on_the_one_that_is_meant_and_says_so_once(lab: Lab) -> None:
    lab.open("/?v=1&amp;H=4&T=1e1&b_f=3)&fbclid=x")
    assert lab.page.url == f"{lab.server}/?v=1&T=10&H=4&b_f=3"
    notice = lab.page.locator("#notice")
    expect(notice).to_have_text(
        "This link was damaged on its way. It was repaired: amp;H=4 was read as H=4; "
        "T=1e1 was read as T=10; b_f=3) was read as b_f=3."
    )
    lab.check_numbers()
    lab.page.reload()
    lab.until("() => probe.drawn.length > 0")
    expect(notice).to_be_hidden()


def test_a_note_that_anybody_wrote_is_text_alone(lab: Lab) -> None:
    forged = "%3Cimg%20src=x%20onerror=alert(1)%3E%E2%80%AE" + "x" * 500
    lab.open(f"/?v=1&T=10&H=4#read={forged}&as=%3Cscript%3E1%3C/script%3E&more=9e9")
    notice = lab.page.locator("#notice")
    expect(notice).to_contain_text("<img src=x onerror=alert(1)>xxx")
    assert lab.page.url == f"{lab.server}/?v=1&T=10&H=4"
    assert notice.locator("img, script, a").count() == 0
    shown = notice.inner_text()
    assert len(shown) < 400 and "\u202e" not in shown


def test_a_damaged_link_to_an_article_says_what_was_read(lab: Lab) -> None:
    lab.page.goto(f"{lab.server}/Claims/?b_f=3)")
    expect(lab.page.locator("#notice")).to_contain_text("b_f=3) was read as b_f=3.")
    assert lab.page.url == f"{lab.server}/claims?v=1&b_f=3"
