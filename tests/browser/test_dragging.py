"""Sliders and fields: live, one question at a time, and honest when something is wrong."""

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visit
from tests.browser.lab import SEEN, Lab
from tests.conftest import running_server

FIGURES = ("**/plot/**", "**/sketch/**")


def test_dragging_the_forget_bias_changes_figure_reading_and_address(lab: Lab) -> None:
    lab.open()
    figure, reading = lab.figure(), lab.reading
    lab.drag("b_f", [0.6, 0.65, 0.7])
    lab.until_idle()
    assert lab.address == f"/?v=1&b_f={lab.field('b_f').input_value()}"
    assert lab.figure() != figure
    assert lab.reading != reading
    assert lab.reading == lab.answer()["reading"]["headline"]
    lab.check_numbers()


def test_one_question_is_under_way_and_the_last_position_wins(lab: Lab) -> None:
    lab.open()
    before = lab.probed("asked")
    lab.gate()
    lab.drag("b_f", [0.55 + n / 100 for n in range(25)] + [0.7 - n / 100 for n in range(25)])
    last = lab.probed("positions")[-1]
    assert len(lab.probed("positions")) > 40
    lab.release()
    lab.until_idle()
    assert lab.probed("most") == 1
    # The first position, the last one, and the plot of that.
    assert lab.probed("asked") - before == 3
    b_f = round(-10 + 0.1 * last, 1)
    assert float(lab.field("b_f").input_value()) == b_f
    assert lab.address == lab.probed("drawn")[-1] == f"/?v=1&b_f={b_f:g}"
    assert lab.slider("b_f").input_value() == str(last)
    lab.check_numbers()


def test_pictures_follow_the_hand_and_the_plot_comes_when_it_rests(lab: Lab) -> None:
    lab.open()
    figure = lab.page.locator("#figure")
    for step in range(1, 5):
        lab.slider("b_f").press("ArrowRight")
        lab.until(f"() => probe.shown.at(-1) === '/?v=1&b_f=1.{step}'")
        expect(figure.locator(".sketch svg")).to_be_visible()
        expect(figure.locator(".plot")).to_be_hidden()
    assert lab.probed("drawn") == ["/"]
    lab.until_drawn("/?v=1&b_f=1.4")
    assert lab.probed("drawn") == ["/", "/?v=1&b_f=1.4"]
    expect(figure.locator(".sketch")).to_be_hidden()
    expect(figure.locator(".plot")).to_be_visible()
    lab.check_numbers()


def test_a_panel_that_one_looks_into_stays_so_while_one_drags(lab: Lab) -> None:
    lab.open()
    lab.look_closer("exact", 20, 60)
    before = lab.page.evaluate(SEEN)
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.1")
    assert lab.page.evaluate(SEEN) == before
    assert lab.probed("shown") == []


def test_a_curve_that_one_hid_stays_hidden_while_one_drags(lab: Lab) -> None:
    lab.open()
    lab.page.locator(".plot [class$=toggle]").first.click()
    hidden = (
        "() => document.querySelector('.plot').data"
        ".filter(({ visible }) => visible === 'legendonly').map(({ name }) => name)"
    )
    lab.until(f"() => ({hidden})().length === 1")
    before = lab.page.evaluate(hidden)
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.1")
    assert lab.page.evaluate(hidden) == before
    assert lab.probed("shown") == []


def test_an_answer_that_is_overtaken_does_not_turn_the_slider_back(lab: Lab) -> None:
    lab.open()
    lab.gate()
    slider = lab.slider("b_f")
    for _ in range(3):
        slider.press("ArrowRight")
    lab.release(1)
    lab.until("() => probe.shown.at(-1) === '/?v=1&b_f=1.1'")
    assert lab.field("b_f").input_value() == "1.3"
    slider.press("ArrowRight")
    lab.release()
    lab.until_drawn("/?v=1&b_f=1.4")
    assert lab.field("b_f").input_value() == "1.4"


def test_an_answer_that_takes_longer_than_a_rest_is_not_lost(lab: Lab) -> None:
    lab.open()
    lab.gate()
    for _ in range(3):
        lab.slider("b_f").press("ArrowRight")
    lab.release(1)
    lab.until("() => probe.shown.at(-1) === '/?v=1&b_f=1.1'")
    lab.page.wait_for_timeout(500)  # longer than a rest, and the last position is not answered
    lab.release()
    lab.until_drawn("/?v=1&b_f=1.3")
    assert lab.probed("drawn") == ["/", "/?v=1&b_f=1.3"]


def test_after_a_refusal_the_plot_of_the_last_answer_comes(lab: Lab) -> None:
    lab.expected.append("422")
    lab.open("/?v=1&H=256&T=20")
    lab.gate()
    for at in (21, 20000):
        lab.field("T").fill(str(at))
    lab.release()
    trouble = lab.page.locator("#trouble")
    expect(trouble).to_contain_text("lower T")
    lab.until_drawn("/?v=1&T=21&H=256")
    expect(trouble).to_contain_text("lower T")
    lab.field("T").fill("22")
    lab.until_drawn("/?v=1&T=22&H=256")
    expect(trouble).to_be_hidden()


def test_one_drag_is_one_entry_in_the_history(lab: Lab) -> None:
    lab.open("/?v=1&seed=5")
    before = lab.page.evaluate("() => history.length")
    lab.drag("b_f", [0.5, 0.45, 0.4, 0.35, 0.3])
    lab.until_idle()
    first = lab.address
    lab.drag("T", [0.5, 0.55, 0.45])
    lab.until_idle()
    assert lab.page.evaluate("() => history.length") == before + 2
    lab.page.go_back()
    lab.until_drawn(first)
    lab.page.go_back()
    lab.until_drawn("/?v=1&seed=5")
    lab.check_numbers()


def test_an_impossible_value_is_explained_and_the_last_figure_stays(lab: Lab) -> None:
    lab.open("/?v=1&b_f=2")
    figure, field, trouble = lab.figure(), lab.field("b_f"), lab.page.locator("#b_f-wrong")
    field.fill("99")
    expect(trouble).to_be_visible()
    assert "b_f" in trouble.inner_text() and "from -20 to 20" in trouble.inner_text()
    assert lab.figure() == figure
    assert lab.address == "/?v=1&b_f=2"
    assert field.input_value() == "99"
    field.fill("3")
    lab.until_drawn("/?v=1&b_f=3")
    expect(trouble).to_be_hidden()
    lab.check_numbers()


def test_an_emptied_field_is_explained_not_taken_for_the_default(lab: Lab) -> None:
    lab.open("/?v=1&b_f=2")
    lab.field("b_f").fill("")
    expect(lab.page.locator("#b_f-wrong")).to_be_visible()
    assert "b_f" in lab.page.locator("#b_f-wrong").inner_text()
    assert lab.address == lab.probed("drawn")[-1] == "/?v=1&b_f=2"


def test_what_costs_too_much_is_explained_and_the_nearest_link_is_one_click_away(
    lab: Lab, tmp_path: Path
) -> None:
    lab.expected.append("422")
    with running_server(tmp_path / "log.txt", FLOPS_LIMIT="1e9") as (lab.server, _):
        lab.open("/?v=1&H=64&T=50")
        lab.field("T").fill("20000")
        expect(lab.page.locator("#trouble")).to_contain_text("lower T")
        assert lab.address == "/?v=1&T=50&H=64"
        nearest = lab.page.locator("#trouble a").get_attribute("href")
        assert nearest == "/?v=1&T=635&H=64"  # 6 H³ T flops
        lab.page.locator("#trouble a").click()
        lab.until_drawn(nearest)
        assert lab.field("T").input_value() == "635"
        expect(lab.page.locator("#trouble")).to_be_hidden()


def test_a_slow_answer_shows_a_sign_of_work(lab: Lab) -> None:
    lab.open()
    figure = lab.page.locator("#figure")
    lab.gate()
    lab.slider("b_f").press("ArrowRight")
    expect(lab.page.locator("form.busy .working")).to_be_visible()
    expect(figure).to_have_attribute("aria-busy", "true")
    lab.release()
    lab.until_drawn("/?v=1&b_f=1.1")
    expect(lab.page.locator("form.busy")).to_have_count(0)
    expect(figure).to_have_attribute("aria-busy", "false")


def test_a_server_out_of_reach_is_told_and_the_figure_stays(lab: Lab) -> None:
    lab.expected.append("ERR_FAILED")
    lab.open()
    figure, trouble = lab.figure(), lab.page.locator("#trouble")
    for address in FIGURES:
        lab.page.route(address, lambda route: route.abort())
    lab.slider("b_f").press("ArrowRight")
    expect(trouble).to_contain_text("did not answer")
    assert lab.figure() == figure
    for address in FIGURES:
        lab.page.unroute(address)
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.2")
    expect(trouble).to_be_hidden()


def test_without_plotly_the_picture_stays_and_follows(lab: Lab) -> None:
    lab.expected.append("ERR_FAILED")
    lab.page.route("**/plotly.js", lambda route: route.abort())
    lab.page.goto(lab.server)
    expect(lab.page.locator("#trouble")).to_be_visible()
    picture = lab.page.locator(".figure img")
    expect(picture).to_be_visible()
    lab.slider("b_f").press("ArrowRight")
    lab.until("() => location.search === '?v=1&b_f=1.1'")
    lab.until("() => probe.shown.at(-1) === '/?v=1&b_f=1.1'")
    sketch = lab.page.locator(".figure .sketch svg")
    expect(sketch).to_be_visible()
    expect(lab.page.locator("#trouble")).to_be_visible()
    drawn = sketch.evaluate(
        "(svg) => [...svg.querySelectorAll('path')].map((p) => p.attributes.d.value)"
    )
    picture = lab.context.request.get(f"{lab.server}/picture/highway-wide.svg?v=1&b_f=1.1").text()
    assert len(drawn) > 5
    assert all(f'd="{path}"' in picture for path in drawn)


def test_what_a_signal_leaves_unused_is_greyed_out(lab: Lab) -> None:
    lab.open()
    expect(lab.page.locator("[data-knob=text]")).to_have_class("knob text unused")
    lab.field("signal").select_option("series")
    lab.until_drawn("/?v=1&signal=series")
    expect(lab.field("T")).to_be_disabled()
    expect(lab.slider("T")).to_be_disabled()
    expect(lab.page.locator("[data-knob=series]")).to_have_class("knob numbers")
    lab.field("signal").select_option("noise")
    lab.until_drawn("/")
    expect(lab.field("T")).to_be_enabled()
    assert lab.field("T").input_value() == "100"


def test_what_a_cell_lacks_is_greyed_out_and_its_biases_are_named_after_its_gates(lab: Lab) -> None:
    lab.open("/?v=1&b_o=3&b_f=2")
    label = lab.page.locator("label[for=b_f]")
    lab.field("cell").select_option("gru")
    lab.until_drawn("/?v=1&cell=gru&b_f=2")
    expect(lab.field("b_o")).to_be_disabled()
    expect(lab.slider("b_o")).to_be_disabled()
    expect(lab.page.locator("[data-knob=b_o]")).to_have_class("knob real unused")
    expect(lab.page.locator("#b_o-meaning")).to_have_text("without effect in the GRU")
    expect(label).to_have_text("Update gate b_f")
    expect(lab.slider("b_f")).to_have_attribute("aria-label", "Update gate b_f, slider")
    lab.check_numbers()
    lab.field("cell").select_option("lstm-1997")
    lab.until_drawn("/?v=1&cell=lstm-1997&b_o=3")
    expect(lab.field("b_f")).to_be_disabled()
    expect(lab.field("b_o")).to_be_enabled()
    expect(label).to_have_text("Forget gate b_f")
    lab.field("cell").select_option("lstm")
    lab.until_drawn("/?v=1&b_f=2&b_o=3")
    assert (lab.field("b_f").input_value(), lab.field("b_o").input_value()) == ("2", "3")
    expect(lab.page.locator("#b_f-meaning")).to_contain_text("how much of the old is kept")
    lab.check_numbers()


def test_an_arrow_key_moves_a_log_slider_by_one_where_one_is_the_least(lab: Lab) -> None:
    lab.open("/?v=1&T=1&H=4")
    lab.slider("T").focus()
    for _ in range(6):
        lab.page.keyboard.press("ArrowRight")
    assert lab.field("T").input_value() == "7"
    lab.until_drawn("/?v=1&T=7&H=4")


def test_keys_pressed_one_after_the_other_are_one_entry_in_the_history(lab: Lab) -> None:
    lab.open()
    before = lab.page.evaluate("() => history.length")
    lab.slider("b_f").focus()
    for _ in range(5):
        lab.page.keyboard.press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.5")
    assert lab.page.evaluate("() => history.length") == before + 1


def test_a_second_click_lets_the_pinned_unit_go(lab: Lab) -> None:
    lab.open("/?v=1&T=20&H=4")
    x, y = lab.place("exact", 10, 2)
    lab.page.mouse.click(x, y)
    lab.until_drawn("/?v=1&T=20&H=4&unit=2&step=10")
    lab.page.mouse.click(x, y)
    lab.until_drawn("/?v=1&T=20&H=4")


def test_the_plot_waits_for_a_hand_and_the_picture_does_not(visit: Visit) -> None:
    lab = visit()
    lab.context.add_init_script("window.name = 'still'")
    lab.page.goto(lab.server, wait_until="networkidle")
    assert lab.page.evaluate("document.querySelector('.figure img').naturalWidth") > 0
    assert lab.page.evaluate("[probe.asked, typeof Plotly]") == [0, "undefined"]
    lab.page.mouse.move(300, 300)
    lab.until("() => probe.drawn.length > 0")


@pytest.mark.parametrize("status", [429, 503])
def test_sent_away_by_a_busy_server_the_page_says_so_and_asks_again(lab: Lab, status: int) -> None:
    lab.open("/?v=1&T=20&H=4")
    lab.expected.append(str(status))
    asked: list[str] = []

    def busy(route: Route) -> None:
        asked.append(route.request.url)
        problem = {"title": "Too busy", "detail": "Try again in a second.", "status": status}
        route.fulfill(status=status, json=problem, headers={"Retry-After": "1"})

    lab.page.route("**/sketch/**", busy)
    lab.slider("b_f").press("ArrowRight")
    trouble = lab.page.locator("#trouble")
    expect(trouble).to_contain_text("Too busy: Try again in a second. The figure still shows")
    expect(trouble).to_contain_text("This page tries again by itself.")
    lab.until("() => probe.unsettled === 0")
    assert len(asked) == 1
    lab.page.unroute("**/sketch/**")
    lab.until_drawn("/?v=1&T=20&H=4&b_f=1.1")
    expect(trouble).to_be_hidden()
    assert len(asked) == 1


def test_a_lost_connection_is_tried_again_by_itself(lab: Lab) -> None:
    lab.open("/?v=1&T=20&H=4")
    lab.expected.append("ERR_FAILED")
    lab.page.route("**/sketch/**", lambda route: route.abort())
    lab.slider("b_f").press("ArrowRight")
    expect(lab.page.locator("#trouble")).to_contain_text("tries again by itself")
    lab.page.unroute("**/sketch/**")
    lab.until_drawn("/?v=1&T=20&H=4&b_f=1.1")
    expect(lab.page.locator("#trouble")).to_be_hidden()


def test_a_double_click_returns_and_pins_nothing(lab: Lab) -> None:
    lab.open()
    x, y = lab.place("exact", 50, 5)
    lab.page.mouse.dblclick(x, y, delay=40)
    lab.page.wait_for_timeout(600)
    lab.until_idle()
    assert lab.address == "/"


def test_two_quick_clicks_at_different_places_are_no_double_click(lab: Lab) -> None:
    lab.open()
    lab.page.mouse.click(*lab.place("exact", 20, 5))
    lab.page.wait_for_timeout(100)
    lab.page.mouse.click(*lab.place("exact", 70, 9))
    lab.until_drawn("/?v=1&unit=9&step=70")


def test_a_slow_double_click_takes_its_pin_back(lab: Lab) -> None:
    lab.open()
    x, y = lab.place("exact", 50, 5)
    lab.page.mouse.click(x, y)
    lab.until_drawn("/?v=1&unit=5&step=50")
    lab.page.mouse.down(click_count=2)
    lab.page.mouse.up(click_count=2)
    lab.until_drawn("/")


def test_the_words_of_a_picture_are_as_large_as_those_of_the_plot(lab: Lab) -> None:
    size = """(of) => getComputedStyle([...document.querySelectorAll(of)]
        .find((text) => text.textContent.trim() === "100")).fontSize"""
    scale = "() => figure.clientWidth / figure.querySelector('.sketch svg').viewBox.baseVal.width"
    for width in (1280, 800, 375):
        lab.page.set_viewport_size({"width": width, "height": 900})
        lab.open()
        plot = float(lab.page.evaluate(size, ".plot text").removesuffix("px"))
        lab.slider("b_f").press("ArrowRight")
        lab.until("() => probe.shown.length > 0")
        drawn = float(lab.page.evaluate(size, ".sketch text").removesuffix("px"))
        assert drawn * lab.page.evaluate(scale) == pytest.approx(plot, rel=0.02), width
        lab.until_drawn("/?v=1&b_f=1.1")
