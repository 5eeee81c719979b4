"""What the figure shows: the API's numbers, marked where one points."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from app.lenses.highway import SHEETS
from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.lab import Lab, number_of

LINKS = (
    "/",
    "/?v=1&T=2000&H=24&D=3&b_f=2.5&b_o=-1&init=pytorch&gain=1.5&rnn_gain=0.7&act=relu"
    "&signal=sine&seed=7&order=survival&lag=log",
    "/?v=1&T=60&H=5&gain=0&rnn_gain=0&floor=-300",
)


@pytest.mark.parametrize("link", LINKS)
def test_the_plot_holds_the_numbers_of_the_api(lab: Lab, link: str) -> None:
    lab.open(link)
    assert lab.address == link
    lab.check_numbers()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_picture_is_there_before_the_plot_and_nothing_moves_when_the_plot_comes(
    visit: Visit, viewport: dict[str, int]
) -> None:
    lab = visit(viewport=viewport)
    lab.context.add_init_script("probe.gated = true;")
    lab.page.goto(lab.server)
    picture, figure = lab.page.locator(".figure img"), lab.page.locator(".figure")
    expect(picture).to_be_visible()
    assert picture.evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") > 0
    assert lab.page.evaluate("() => document.querySelector('.plot').childElementCount") == 0
    lab.until("() => probe.asked > 0")  # the page has asked for its plot
    before = figure.bounding_box()
    lab.release()
    lab.until_drawn("/")
    expect(picture).to_be_hidden()
    assert figure.bounding_box() == pytest.approx(before, abs=0.99)  # no pixel
    assert lab.probed("shift") < 0.02


def test_the_server_and_the_script_write_the_same_words(lab: Lab) -> None:
    lab.context.add_init_script("probe.gated = true;")
    lab.page.goto(lab.server)
    words = [lab.page.locator(name).inner_text() for name in ("#reading", "#facts", ".presets")]
    lab.release()
    lab.until_drawn("/")
    assert words == [
        lab.page.locator(name).inner_text() for name in ("#reading", "#facts", ".presets")
    ]


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_the_picture_and_the_plot_are_the_same_drawing(visit: Visit, width: str) -> None:
    sheet = SHEETS["wide" if width == "wide" else "narrow"]
    lab = visit(viewport=DESKTOP if width == "wide" else PHONE)
    lab.open("/?v=1&T=40&H=8&order=survival")
    lab.page.locator(".foremost").evaluate("(sticky) => { sticky.style.visibility = 'hidden'; }")
    plot = Image.open(io.BytesIO(lab.page.locator(".figure").screenshot()))
    response = lab.context.request.get(
        f"{lab.server}/picture/highway-{width}.png?v=1&T=40&H=8&order=survival"
    )
    picture = Image.open(io.BytesIO(response.body()))
    for name in ("exact", "direct", "RNN"):
        box = sheet.places[name]
        steps, units = np.meshgrid(np.arange(41), np.arange(8))
        across = box.left + (steps + 0.5) / 41 * (box.right - box.left)
        down = box.bottom - (units + 0.5) / 8 * (box.bottom - box.top)
        colours = [colours_at(image, across, down, sheet.width) for image in (plot, picture)]
        assert np.abs(colours[0] - colours[1]).max() <= 8, name


def colours_at(image: Image.Image, across: np.ndarray, down: np.ndarray, width: int) -> np.ndarray:
    """The colours at places of a sheet so many pixels wide."""
    scale = image.width / width
    pixels = np.asarray(image.convert("RGB"), dtype=int)
    return pixels[(down * scale).astype(int), (across * scale).astype(int)]


@pytest.mark.parametrize("lag", ["linear", "log"])
def test_pointing_at_a_map_marks_the_same_step_and_unit_in_all(lab: Lab, lag: str) -> None:
    lab.open("/?v=1&order=survival" + ("&lag=log" if lag == "log" else ""))
    step, unit = 60, 7
    lab.page.mouse.move(*lab.place("direct", step, unit))
    expect(lab.page.locator("#tip")).to_be_visible()
    lab.shown()
    figure = lab.figure()
    shapes = lab.page.evaluate("() => document.querySelector('.plot').layout.shapes")
    at = step if lag == "linear" else 100 - step
    uprights = [shape for shape in shapes if shape["type"] == "line"]
    assert [shape["x0"] for shape in uprights] == [at] * 5
    assert len({shape["xref"] for shape in uprights}) == 5
    rows = [trace["units"].index(unit) for trace in figure if trace["type"] == "heatmap"]
    marked = [shape["y0"] + 0.5 for shape in shapes if shape["type"] == "rect"]
    assert marked == rows
    assert len(set(rows)) > 1, "units stand in the same row everywhere: nothing is tested"

    answer = lab.answer()
    head, *lines = lab.page.locator("#tip > *").all_inner_texts()
    assert f"step {step}" in head and "40 steps back" in head and f"unit {unit}" in head
    told = dict(line.split("\n") for line in lines)
    expected = {
        "exact": answer["cell"]["log10_exact"][step][unit],
        "direct": answer["cell"]["log10_direct"][step][unit],
        "RNN": answer["rnn"]["log10_exact"][step][unit],
        "highway share, all units": math.log10(answer["highway_share"][step]),
    }
    assert told.keys() == expected.keys()
    for name, log10 in expected.items():
        assert number_of(told[name]) == pytest.approx(log10, abs=0.025), name  # two digits

    lab.page.mouse.move(5, 5)
    expect(lab.page.locator("#tip")).to_be_hidden()
    assert lab.page.evaluate("() => document.querySelector('.plot').layout.shapes") == []


def test_a_click_pins_the_unit_and_the_link_tells_so(lab: Lab) -> None:
    lab.open("/?v=1&b_f=2")
    lab.page.mouse.click(*lab.place("exact", 30, 9))
    lab.until_drawn("/?v=1&b_f=2&unit=9&step=30")
    assert "unit 9" in lab.page.locator("#readout").inner_text()
    assert lab.field("unit").input_value() == "9"
    unit = next(trace for trace in lab.figure() if trace["name"] == "exact, unit 9")
    told = np.array(lab.answer()["cell"]["log10_exact"])[:, 9]
    np.testing.assert_allclose(unit["y"], told, rtol=1e-6, atol=1e-6)
    lab.check_numbers()
    lab.page.go_back()
    lab.until_drawn("/?v=1&b_f=2")
    assert lab.field("unit").input_value() == ""


def test_with_a_text_the_time_axis_shows_its_characters(lab: Lab) -> None:
    lab.open()
    lab.field("signal").select_option("text")
    lab.until("() => location.search.includes('signal=text')")
    lab.field("text").fill("naïve <b>& so")
    lab.until_idle()
    assert lab.address == "/?v=1&signal=text&text=na%C3%AFve%20%3Cb%3E%26%20so"
    axes = lab.page.evaluate(
        """() => ["xlayer-above", "xaxislayer-above"].flatMap((name) =>
          [...document.querySelectorAll(`.plot .subplot .${name}`)].map((layer) =>
            [...layer.querySelectorAll("text")].map((text) => text.textContent).join("")))
          .filter((words) => words)"""
    )
    assert axes and set(axes) == {"naïve␣<b>&␣so"}
    lab.check_numbers()


def test_with_a_series_the_time_axis_shows_its_numbers(lab: Lab) -> None:
    lab.open("/?v=1&signal=series&series=3,1,4,-1.5,9")
    layout = lab.page.evaluate("() => document.querySelector('.plot').layout.xaxis")
    assert layout["ticktext"] == ["3", "1", "4", "-1.5", "9"]
    assert layout["tickvals"] == [1, 2, 3, 4, 5]
    lab.check_numbers()


def test_deepening_the_scale_changes_colours_and_no_number(lab: Lab) -> None:
    lab.open("/?v=1&T=500")
    before = lab.figure()
    lab.field("floor").select_option("-300")
    lab.until_drawn("/?v=1&T=500&floor=-300")
    assert lab.figure() == before
    ends = lab.page.evaluate(
        "() => { const { cmin, cmax } = document.querySelector('.plot').layout.coloraxis;"
        " return [cmin, cmax]; }"
    )
    assert ends[0] < -300 and ends[1] > 3


def test_downloads_are_those_of_the_link(lab: Lab) -> None:
    lab.open()
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.1")
    with lab.page.expect_download() as download:
        lab.page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "highway-b_f=1.1.csv"
    lines = download.value.path().read_text().split()
    assert lines[0] == "t,unit,cell_log10_direct,cell_log10_exact,rnn_log10_exact"
    exact = lab.answer()["cell"]["log10_exact"]
    assert float(lines[1].split(",")[3]) == exact[0][0]
    assert len(lines) == 1 + len(exact) * len(exact[0])
    with lab.page.expect_download() as download:
        lab.page.get_by_role("link", name="PNG", exact=True).click()
    picture = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert picture.format == "PNG" and picture.width >= 1200


def test_the_steps_told_of_a_long_sequence_are_drawn_where_they_belong(lab: Lab) -> None:
    lab.open("/?v=1&T=5000&H=4")
    edges = next(trace for trace in lab.figure() if trace["type"] == "heatmap")["x"]
    steps = lab.answer()["t"]
    assert len(edges) == len(steps) + 1
    assert all(
        left < step < right for step, (left, right) in zip(steps, pairwise(edges), strict=True)
    )
