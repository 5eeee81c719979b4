"""Pointing at maps of experiments and at curves over a knob, by mouse and by keyboard."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from app.knobs import Experiment
from app.lenses import phase
from app.view import Focus, View
from tests.browser.lab import Lab
from tests.browser.test_pointing import SHAPES, enter, point, press, show, tip

ONE = Experiment(T=12, H=4, D=2)


def shown(lab: Lab, **focus: object) -> phase.Phase:
    link = Focus(x_points=5, y_points=4, seeds=3, **focus)  # type: ignore[arg-type]
    with ThreadPoolExecutor() as elsewhere:  # for here the browser's own loop runs
        found = elsewhere.submit(phase.compute, ONE, link).result()
    show(lab, phase.figure(found, View()))
    return found


MIDDLE = """([name, column, row]) => {
  const plot = document.querySelector(".plot");
  const trace = plot.data.find((one) => one.name === name && one.type === "heatmap");
  const layout = plot._fullLayout;
  const [x, y] = [trace.xaxis, trace.yaxis].map((id) => layout[`${id[0]}axis${id.slice(1)}`]);
  const middle = (axis, edges, n) => {
    const [low, high] = [edges[n], edges[n + 1]];
    return axis._offset + axis.d2p(axis.type === "log" ? Math.sqrt(low * high) : (low + high) / 2);
  };
  const box = plot.getBoundingClientRect();
  return [box.x + middle(x, trace.x, column), box.y + middle(y, trace.y, row)];
}"""


def at(lab: Lab, name: str, column: int, row: int) -> list[str]:
    """Point at a cell; what the tip says."""
    lab.page.locator(".plot").scroll_into_view_if_needed()
    x, y = lab.page.evaluate(MIDDLE, [name, column, row])
    lab.page.mouse.move(x - 2, y)
    lab.page.mouse.move(x, y)
    lab.page.locator("#tip").wait_for(state="visible")
    lab.shown()
    return tip(lab)


@pytest.mark.parametrize("y", ["gain", "T"])
def test_a_cell_is_told_in_words_and_marked_in_both_maps(lab: Lab, y: str) -> None:
    found = shown(lab, y=y, quantity="direct")
    assert found.grid.y is not None
    for name, column, row in (("map", 1, 2), ("spread", 4, 0)):
        head, value, apart = at(lab, name, column, row)
        b_f, upwards = found.grid.x.values[column], found.grid.y.values[row]
        assert head == f"b_f {b_f:g}, {y} {upwards:g}".replace("-", "−")
        assert value.startswith("direct path ") and "(quartiles " in value
        assert apart.startswith("between quartiles, decades")
        cells = [s for s in lab.page.evaluate(SHAPES) if s["type"] == "rect"]
        assert len(cells) == 2
        for cell in cells:
            assert cell["x0"] < b_f < cell["x1"] and cell["y0"] < upwards < cell["y1"]


def test_the_arrows_go_from_experiment_to_experiment(lab: Lab) -> None:
    found = shown(lab)
    assert found.grid.y is not None
    enter(lab)
    assert press(lab, "ArrowRight")[0] == "b_f −2, gain 0"
    assert press(lab, "ArrowRight", "ArrowRight", "ArrowUp")[0] == "b_f 3, gain 0.667"
    head, share, _ = press(lab, "PageDown")
    assert head == "b_f 3, gain 0.667" and share.startswith("highway share 0.")
    assert press(lab, "End", "ArrowDown")[0] == "b_f 8, gain 0"


def test_curves_over_a_knob_are_told_beside_each_other(lab: Lab) -> None:
    found = shown(lab, y="none", quantity="exact")
    enter(lab)
    head, *lines = press(lab, "ArrowRight", "ArrowRight")
    assert head == f"b_f {found.grid.x.values[1]:g}".replace("-", "−")
    assert {line.split()[0] for line in lines} >= {"exact", "direct", "RNN"}
    assert point(lab, "RNN", 3)[0] == f"b_f {found.grid.x.values[3]:g}"


IN_FORCE = """() => Object.fromEntries(
  ["x_from", "x_to", "x_scale", "y_from", "y_to", "y_scale", "back"].map((key) => {
    const field = document.getElementById(key);
    return [key, field.options ? field.options[0].textContent : field.placeholder];
  }))"""


def test_empty_fields_show_what_is_in_force(lab: Lab) -> None:
    lab.page.goto(lab.server + "/phase?v=1&T=20&H=3&seeds=1&x_points=5&y_points=4")
    usual = {"x_from": "-2", "x_to": "8", "x_scale": "(linear)"}
    upwards = {"y_from": "0", "y_to": "2", "y_scale": "(linear)"}
    assert lab.page.evaluate(IN_FORCE) == usual | upwards | {"back": "20"}
    lab.field("y").select_option("T")
    expect(lab.field("back")).to_have_attribute("placeholder", "all of T")
    upwards = {"y_from": "10", "y_to": "300", "y_scale": "(log)"}
    assert lab.page.evaluate(IN_FORCE) == usual | upwards | {"back": "all of T"}
    lab.field("y").select_option("none")
    expect(lab.field("back")).to_have_attribute("placeholder", "20")
    nothing = {"y_from": "", "y_to": "", "y_scale": ""}
    assert lab.page.evaluate(IN_FORCE) == usual | nothing | {"back": "20"}
    lab.page.reload()
    assert lab.page.evaluate(IN_FORCE) == usual | nothing | {"back": "20"}
