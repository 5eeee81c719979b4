"""Pointing at panels of every kind, by mouse and by keyboard: what is marked, told and pinned."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from playwright.sync_api import Route, expect

from app.drawing.figure import Figure
from app.drawing.plot import page_figure
from app.lenses import LENSES
from app.links import path_of
from tests.app.drawing.gallery import EIGENVALUES, LOG10_TO_FROM, ORDER, WEIGHTS, H, T, gallery
from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import SEEN, Lab, number_of

LINK = f"/?v=1&T={T}&H={H}"
SHAPES = "() => document.querySelector('.plot').layout.shapes"


def show(lab: Lab, figure: Figure, link: str = LINK) -> None:
    """Open a page of the highway whose plot is another figure."""
    drawn = orjson.loads(orjson.dumps(page_figure(figure), option=orjson.OPT_SERIALIZE_NUMPY))

    def exchanged(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=json.dumps(response.json() | drawn))

    lab.page.route("**/plot/highway*", exchanged)
    lab.open(link)
    sheet = figure.sheets["wide"]
    lab.page.locator("#figure").evaluate(
        """(figure, ratio) => {
          figure.style.aspectRatio = ratio;
          dispatchEvent(new Event("resize"));
        }""",
        f"{sheet.width} / {sheet.height}",
    )
    lab.page.wait_for_timeout(300)
    lab.shown()


def point(lab: Lab, name: str, column: int, unit: int | None = None) -> list[str]:
    """Point at a place; what the tip says, line by line."""
    lab.page.mouse.move(*lab.place(name, column, unit))
    lab.page.mouse.move(*lab.place(name, column, unit))
    expect(lab.page.locator("#tip")).to_be_visible()
    lab.shown()
    return tip(lab)


def tip(lab: Lab) -> list[str]:
    lines = lab.page.locator("#tip > *").all_inner_texts()
    return [" ".join(line.split()) for line in lines]


def shapes(lab: Lab, panel: str) -> list[dict[str, Any]]:
    """The marks in one panel of the gallery, without those of the link."""
    number = [one.name for one in gallery().panels].index(panel) + 1
    suffix = str(number) if number > 1 else ""
    found = lab.page.evaluate(SHAPES)
    return [one for one in found if one["xref"].split()[0] == f"x{suffix}"]


def pins(lab: Lab) -> list[tuple[str, str]]:
    """The step and the unit in the form."""
    return [(key, lab.field(key).input_value()) for key in ("step", "unit")]


# By mouse ----------------------------------------------------------------------------------------


def test_a_step_and_a_unit_are_marked_in_panels_of_every_kind(lab: Lab) -> None:
    show(lab, gallery())
    head, first, second = point(lab, "unit map", 10, 2)
    assert head == f"step 10 · {T - 10} steps back · unit 2"
    assert first.startswith("unit map ") and second.startswith("gate map ")
    row = ORDER.tolist().index(2)
    for panel in ("unit map", "pair map", "gate map", "norms"):
        uprights = [one for one in shapes(lab, panel) if one["type"] == "line"]
        assert (10, 10) in [(one["x0"], one["x1"]) for one in uprights], panel
    assert (10, 10) in [(one["y0"], one["y1"]) for one in shapes(lab, "pair map")]
    (frame,) = [one for one in shapes(lab, "unit map") if one["type"] == "rect"]
    assert (frame["y0"], frame["y1"]) == (row - 0.5, row + 0.5)
    (frame,) = shapes(lab, "lives")
    assert (frame["x0"], frame["x1"]) == (row - 0.5, row + 0.5)
    (ring,) = shapes(lab, "plane")
    assert complex(ring["xanchor"], ring["yanchor"]) == pytest.approx(EIGENVALUES[2], rel=1e-6)


def test_a_map_of_two_times_tells_both(lab: Lab) -> None:
    show(lab, gallery())
    head, value = point(lab, "pair map", 20, 5)
    assert head == "to step 20 · from step 5"
    assert number_of(value.removeprefix("pair map ")) == pytest.approx(
        LOG10_TO_FROM[20, 5], abs=0.03
    )
    marked = {(one["x0"], one["y0"]) for one in shapes(lab, "pair map")}
    assert marked == {(20, 0), (0, 5)}, "each side is marked where one points, and there alone"


def test_a_map_of_two_units_tells_both_and_signs(lab: Lab) -> None:
    show(lab, gallery())
    head, weight = point(lab, "weight map", 4, 3)
    assert head == "from unit 4 · to unit 3"
    value = float(weight.removeprefix("weight map ").replace("−", "-"))
    assert value == pytest.approx(WEIGHTS[4, 3], abs=6e-3)
    assert point(lab, "weight map", 1, 0)[1].startswith(
        f"weight map {'−' if WEIGHTS[1, 0] < 0 else ''}"
    )


def test_a_dot_tells_its_unit_and_both_its_numbers(lab: Lab) -> None:
    show(lab, gallery())
    head, across, up = point(lab, "eigenvalues", 3)
    assert head == "eigenvalues · unit 3"
    for line, name, number in (
        (across, "real part", EIGENVALUES[3].real),
        (up, "imaginary part", EIGENVALUES[3].imag),
    ):
        assert line.startswith(f"{name} ")
        assert float(line.split()[-1].replace("−", "-")) == pytest.approx(number, abs=6e-4)
    row = ORDER.tolist().index(3)
    (frame,) = [one for one in shapes(lab, "unit map") if one["type"] == "rect"]
    assert frame["y0"] == row - 0.5


def test_a_click_on_a_dot_pins_its_unit(lab: Lab) -> None:
    show(lab, gallery())
    lab.page.mouse.click(*lab.place("eigenvalues", 3))
    lab.until_drawn(f"{LINK}&unit=3")
    assert pins(lab) == [("step", ""), ("unit", "3")]


def test_a_click_on_a_curve_fills_the_field_of_its_axis(lab: Lab) -> None:
    show(lab, gallery())
    lab.page.mouse.click(*lab.place("RNN", 7))
    lab.until_drawn(f"{LINK}&step=7")
    assert pins(lab) == [("step", "7"), ("unit", "")]
    lab.page.mouse.click(*lab.place("half-life", 2))
    lab.until_drawn(f"{LINK}&unit={ORDER[2]}&step=7")


def test_a_click_where_nothing_can_be_picked_changes_nothing(lab: Lab) -> None:
    show(lab, gallery())
    lab.page.mouse.click(*lab.place("unit circle", 20))
    lab.page.wait_for_timeout(500)
    assert lab.address == LINK and lab.probed("drawn") == [LINK]


def test_a_figure_without_time_or_maps_is_drawn_told_and_pinned(lab: Lab) -> None:
    plane = next(panel for panel in gallery().panels if panel.name == "plane")
    show(lab, Figure((plane,), gallery().sheets, gallery().scales), f"{LINK}&unit=1")
    assert "unit 1" in lab.page.locator("#readout").inner_text()
    assert point(lab, "eigenvalues", 2)[0] == "eigenvalues · unit 2"


def test_markup_in_words_is_shown_and_not_obeyed(lab: Lab) -> None:
    name = "<img src=x> <b>& all</b>"
    panels = [replace(panel, title=name) for panel in gallery().panels]
    curves = panels[4]
    lines = (replace(curves.lines[1], name=name),)  # type: ignore[union-attr]
    show(lab, replace(gallery(), panels=(*panels[:4], replace(curves, lines=lines))))
    titles = lab.page.locator(".plot .annotation-text").all_text_contents()
    assert set(titles) == {name}
    assert lab.page.locator(".plot .scrollbox text").all_text_contents() == [name]
    _, value = point(lab, name, 5)
    assert value.startswith(name)
    assert lab.page.locator("#figure img[src=x], #figure b").count() == 0


def test_panels_without_a_place_on_a_phone_are_not_drawn(visit: Visit) -> None:
    lab = visit(viewport=PHONE)
    show(lab, gallery())
    names = lab.page.evaluate("() => document.querySelector('.plot').data.map(({ name }) => name)")
    assert "weight map" not in names and "pair map" in names
    assert lab.page.locator(".plot .cartesianlayer .subplot").count() == 6
    assert len(lab.page.locator(".plot .annotation-text").all()) == 6


# By keyboard -------------------------------------------------------------------------------------


def enter(lab: Lab) -> None:
    """To the figure by keyboard."""
    lab.page.locator("#figure").focus()
    for key in ("Shift+Tab", "Tab"):
        lab.page.keyboard.press(key)
    expect(lab.page.locator("#figure")).to_be_focused()


def press(lab: Lab, *keys: str) -> list[str]:
    for key in keys:
        lab.page.keyboard.press(key)
    lab.shown()
    return tip(lab)


def test_the_figure_is_one_stop_of_the_keyboard_and_says_which_keys_it_takes(lab: Lab) -> None:
    show(lab, gallery())
    enter(lab)
    (keys,) = tip(lab)
    for key in ("Arrow", "Page Up", "Page Down", "Enter", "Escape"):
        assert key in keys
    figure = lab.page.locator("#figure")
    assert figure.get_attribute("role") == "application"
    described = figure.get_attribute("aria-describedby")
    assert lab.page.locator(f"#{described}").inner_text() == keys
    lab.page.keyboard.press("Tab")
    assert lab.page.evaluate("() => !document.activeElement.closest('#figure')")
    expect(lab.page.locator("#tip")).to_be_hidden()


def test_arrows_move_by_steps_and_units_and_stop_at_the_ends(lab: Lab) -> None:
    show(lab, gallery())
    enter(lab)
    assert press(lab, "ArrowRight")[0] == f"step 0 · {T} steps back · unit {ORDER[0]}"
    assert press(lab, "ArrowRight", "ArrowRight")[0].startswith("step 2 ·")
    assert press(lab, "Shift+ArrowRight")[0].startswith("step 12 ·")
    assert press(lab, "ArrowUp")[0].endswith(f"unit {ORDER[1]}")
    assert press(lab, "Shift+ArrowUp")[0].endswith(f"unit {ORDER[-1]}")
    assert press(lab, "End", "ArrowRight")[0].startswith(f"step {T} · 0 steps back")
    assert press(lab, "Home", "ArrowLeft", "ArrowDown")[0].startswith("step 0 ·")


def test_pages_lead_through_every_panel_and_keep_step_and_unit(lab: Lab) -> None:
    show(lab, gallery())
    enter(lab)
    press(lab, "ArrowRight", *["ArrowRight"] * 6, "ArrowUp")
    heads = [press(lab, "PageDown")[0] for _ in gallery().panels]
    assert heads[0] == "to step 6 · from step 0"
    assert heads[1] == f"step 6 · {T - 6} steps back · unit 0"
    assert heads[-1] == f"step 0 · {T} steps back · unit {ORDER[0]}"
    assert len(set(heads)) == len(heads)
    assert press(lab, "PageUp")[0].startswith("unit ")


def test_up_and_down_change_between_the_curves_of_a_panel(lab: Lab) -> None:
    show(lab, gallery())
    enter(lab)
    press(lab, "ArrowRight", *["PageDown"] * 4)
    rings = []
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowDown"):
        press(lab, key)
        rings += [one["yanchor"] for one in shapes(lab, "norms") if one["type"] == "path"]
    low, high = -0.6 * (T - 1), -0.2 * (T - 1)
    assert rings == pytest.approx([low, high, high, low], rel=1e-5)


def test_what_is_told_aloud_is_what_the_tip_shows(lab: Lab) -> None:
    show(lab, gallery())
    enter(lab)
    head, *lines = press(lab, "ArrowRight", "ArrowRight")
    live = lab.page.locator("#figure [aria-live=polite]")
    assert live.inner_text() == f"{head}: {', '.join(lines)}"
    lab.page.mouse.move(*lab.place("unit map", 3, 1))
    lab.shown()
    assert live.inner_text().startswith("step 1"), "a mouse is not told aloud"


def test_enter_pins_and_escape_leaves(lab: Lab) -> None:
    show(lab, gallery())
    enter(lab)
    press(lab, "ArrowRight", "ArrowRight", "ArrowUp", "Enter")
    lab.until_drawn(f"{LINK}&unit={ORDER[1]}&step=1")
    assert pins(lab) == [("step", "1"), ("unit", str(ORDER[1]))]
    expect(lab.page.locator("#figure")).to_be_focused()
    assert tip(lab)[0].startswith("step 1 ·"), "one is still where one was"
    assert [one["x0"] for one in shapes(lab, "norms") if one["type"] == "line"] == [1]
    press(lab, "Escape")
    expect(lab.page.locator("#tip")).to_be_hidden()
    assert lab.page.evaluate("() => document.querySelector('.plot').layout.shapes") == []


def test_keys_pass_over_gaps_of_a_curve_and_keys_of_others_are_left_alone(lab: Lab) -> None:
    lab.open("/?v=1&T=6&H=2&gain=0&rnn_gain=0")
    enter(lab)
    press(lab, "ArrowRight", "PageDown", "PageDown", "PageDown", "End")
    x = lab.page.evaluate(SHAPES)
    assert len({shape["x0"] for shape in x if shape["type"] == "line"}) == 1
    before = lab.page.evaluate("() => scrollY")
    lab.page.keyboard.press("Control+Home")
    assert lab.page.evaluate("() => scrollY") <= before


def test_the_marked_place_is_scrolled_into_view(visit: Visit) -> None:
    lab = visit(viewport={"width": 375, "height": 500})
    lab.open()
    enter(lab)
    press(lab, "ArrowRight", "PageDown", "PageDown", "PageDown", "PageDown")
    expect(lab.page.locator("#tip")).to_be_in_viewport()


def test_a_zoomed_panel_is_told_where_it_is_shown(lab: Lab) -> None:
    show(lab, gallery())
    lab.look_closer("unit map", 12, 20)
    low, high = lab.page.evaluate(SEEN)
    assert 11 < low < 13 and 19 < high < 21
    others = lab.page.evaluate("() => document.querySelector('.plot').layout.xaxis5.range")
    assert others == pytest.approx([low, high])
    pair = lab.page.evaluate("() => document.querySelector('.plot').layout.xaxis2.range")
    assert pair == [-0.5, T + 0.5]
    assert point(lab, "unit map", 15, 2)[0].startswith("step 15 ·")
    assert np.isfinite(lab.place("unit map", 15, 2)).all()


@pytest.mark.parametrize("lens", [lens for lens in LENSES if lens != "claims"])
def test_every_lens_can_be_walked_through_by_keyboard(lab: Lab, lens: str) -> None:
    lab.open(f"{path_of(lens)}?v=1&T=12&H=4&D=2")
    enter(lab)
    press(lab, "ArrowRight")
    panels = lab.page.evaluate(
        "() => new Set(document.querySelector('.plot').data.map(({ xaxis }) => xaxis)).size"
    )
    assert panels > 1
    for _ in range(panels):
        press(lab, "PageDown")
        for key in ("End", "ArrowUp", "ArrowLeft"):
            head, *lines = press(lab, key)
            assert head and lines, lens
            assert not [line for line in (head, *lines) if "undefined" in line or "NaN" in line]
        # Work that goes on draws anew, and marks the place once that is done.
        lab.until(f"() => ({SHAPES})().length > 0")
