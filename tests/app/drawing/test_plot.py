"""The Plotly figure: its arrays are the numbers, its places and colours those of the picture."""

import base64
import warnings
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.drawing.figure import ABOVE_SCALE, TOP, Figure, Map
from app.drawing.plot import layout, plotly_figure
from app.knobs import View, choices
from app.lenses.highway import SHEETS, compute, figure
from app.links import read
from tests.app.samples import SAMPLES, asked, numbers_of

PANELS = {"exact": "cell_log10_exact", "direct": "cell_log10_direct", "RNN": "rnn_log10_exact"}
CURVES = {
    "exact": "norms_cell_exact_rms",
    "direct": "norms_cell_direct_rms",
    "detours": "norms_cell_detours_rms",
    "RNN": "norms_rnn_exact_rms",
    "highway share, all units": "highway_share",
}
TYPES = {
    "f4": np.float32,
    "f8": np.float64,
    "i4": np.int32,
    "i2": np.int16,
    "i1": np.int8,
    "u1": np.uint8,
    "u2": np.uint16,
    "u4": np.uint32,
}


def array(sent: Any) -> np.ndarray:
    """Numbers as they are sent: typed and in base64, or a list with gaps as null."""
    if isinstance(sent, list):
        return np.array([np.nan if value is None else value for value in sent], dtype=float)
    numbers = np.frombuffer(base64.b64decode(sent["bdata"]), TYPES[sent["dtype"]])
    return (
        numbers.reshape([int(n) for n in sent["shape"].split(",")]) if "shape" in sent else numbers
    )


def plotted(client: TestClient, query: str) -> dict[str, Any]:
    answer: dict[str, Any] = asked(client, f"/plot/highway?{query}")
    return answer


def gaps(numbers: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def drawn(query: str, **view: object) -> Figure:
    experiment, _ = read(query.encode(), with_view=False)
    return figure(compute(experiment), View(**view))


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_maps_are_the_apis_numbers_in_single_precision(client: TestClient, query: str) -> None:
    numbers = numbers_of(asked(client, f"/api/highway?{query}"))
    maps = {t["name"]: t for t in plotted(client, query)["data"] if t["type"] == "heatmap"}
    assert set(maps) == set(PANELS)
    for name, key in PANELS.items():
        assert isinstance(maps[name]["z"], dict) and maps[name]["z"]["dtype"] == "f4"
        with warnings.catch_warnings():
            expected = gaps(numbers[key]).T.astype(np.float32)
        np.testing.assert_array_equal(array(maps[name]["z"]), expected)


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_curves_are_the_apis_numbers(client: TestClient, query: str) -> None:
    answer = asked(client, f"/api/highway?{query}")
    numbers, page = numbers_of(answer), plotted(client, query)
    lines = {t["name"]: t for t in page["data"] if t["type"] == "scatter"}
    assert set(lines) == set(CURVES)
    for name, key in CURVES.items():
        expected = gaps(numbers[key])
        np.testing.assert_allclose(array(lines[name]["y"]), expected, rtol=1e-6, atol=2e-6)
        assert array(lines[name]["x"]).tolist() == answer["t"]
        assert lines[name]["connectgaps"] is False


def test_a_pinned_units_curves_are_its_column(client: TestClient) -> None:
    query = "T=12&H=3&D=2&unit=1"
    numbers = numbers_of(asked(client, f"/api/highway?{query}"))
    lines = {t["name"]: t for t in plotted(client, query)["data"] if t["type"] == "scatter"}
    for name, key in PANELS.items():
        (line,) = [lines[n] for n in lines if n.lower().startswith(f"{name.lower()}, unit 1")]
        np.testing.assert_allclose(array(line["y"]), numbers[key][:, 1], rtol=1e-6, atol=2e-6)


def test_rows_follow_the_order_of_units(client: TestClient) -> None:
    query = "T=30&H=6&order=survival"
    numbers = numbers_of(asked(client, f"/api/highway?{query}"))
    for trace in plotted(client, query)["data"]:
        if trace["type"] == "heatmap":
            expected = numbers[PANELS[trace["name"]]][:, trace["meta"]["units"]].T.astype(
                np.float32
            )
            np.testing.assert_array_equal(array(trace["z"]), expected)
            if trace["name"] != "direct":
                assert (np.diff(array(trace["z"])[:, 0]) >= 0).all()


@pytest.mark.parametrize("floor", choices("floor"))
def test_the_scale_gives_each_value_the_pictures_colour(floor: str) -> None:
    found = drawn("T=5&H=2", floor=floor)
    axis = layout(found, "wide")["coloraxis"]
    low, high = axis["cmin"], axis["cmax"]
    at = [low + share * (high - low) for share, _ in axis["colorscale"]]
    colours = [colour for _, colour in axis["colorscale"]]
    assert at == sorted(at)
    inner = list(zip(at, colours, strict=True))[2:-2]
    for (value, colour), (expected, expected_colour) in zip(
        inner, found.scale.stops(), strict=True
    ):
        assert value == pytest.approx(expected, abs=1e-9 * abs(float(floor)))
        assert colour == expected_colour
    assert dict(inner)[min(dict(inner), key=abs)] == "#ffe08a"
    # Below the floor and above the top: one colour each, from the very end on.
    assert colours[0] == colours[1] != colours[2] and at[1] == at[2]
    assert colours[-1] == colours[-2] == ABOVE_SCALE and at[-2] == at[-3]
    assert at[1] == pytest.approx(float(floor)) and at[-2] == pytest.approx(TOP)


def test_all_maps_share_the_one_scale() -> None:
    data = plotly_figure(drawn("T=5&H=2"), "wide").to_dict()["data"]
    maps = [trace for trace in data if trace["type"] == "heatmap"]
    assert {trace["coloraxis"] for trace in maps} == {"coloraxis"}
    assert not [t for t in maps if {"zmin", "zmax", "colorscale", "zauto"} & t.keys()]


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_panels_lie_where_the_picture_has_them(width: str) -> None:
    found, sheet = drawn("T=5&H=2"), SHEETS[width]  # type: ignore[index]
    whole = layout(found, width)  # type: ignore[arg-type]
    for number, panel in enumerate(found.panels, 1):
        suffix = str(number) if number > 1 else ""
        box = sheet.places[panel.name]
        x, y = whole[f"xaxis{suffix}"], whole[f"yaxis{suffix}"]
        across = (box.left / sheet.width, box.right / sheet.width)
        up = (1 - box.bottom / sheet.height, 1 - box.top / sheet.height)
        assert x["domain"] == pytest.approx(across, abs=1e-4)
        assert y["domain"] == pytest.approx(up, abs=1e-4)
        if number > 1:
            assert x["matches"] == "x"
        if isinstance(panel, Map):
            assert y["range"] == [-0.5, 1.5]


def test_a_log_axis_is_logarithmic_in_the_lag() -> None:
    found = drawn("T=50&H=2", lag="log")
    whole = layout(found, "wide")
    assert whole["xaxis"]["type"] == "log"
    left, right = (10**end for end in whole["xaxis"]["range"])
    assert (left, right) == pytest.approx((50.5, 0.5))
    assert whole["xaxis"]["tickvals"] == [1, 2, 5, 10, 20, 50]
    for trace in plotly_figure(found, "wide").to_dict()["data"]:
        x = array(trace["x"])
        assert (x > 0).all()
        assert (np.diff(x) < 0).all()


def test_what_was_read_stands_at_its_step() -> None:
    whole = layout(drawn("H=2&signal=text&text=a%20%3Cb%3E%26"), "wide")
    marked = [a for a in whole.values() if isinstance(a, dict) and a.get("ticktext")]
    axes = [a for a in marked if a["tickvals"] == [1, 2, 3, 4, 5, 6]]
    assert axes
    for axis in axes:
        assert axis["ticktext"] == ["a", "␣", "&lt;", "b", ">", "&amp;"]
    series = layout(drawn("H=2&signal=series&series=3,1.5,-4e-7"), "wide")
    axes = [a for a in series.values() if isinstance(a, dict) and a.get("tickvals") == [1, 2, 3]]
    assert axes and axes[0]["ticktext"] == ["3", "1.5", "-4e-7"]


def test_a_text_too_long_to_be_read_is_not_squeezed_under_the_axis() -> None:
    whole = layout(drawn("H=1&D=1&signal=text&text=" + "x" * 1000), "wide")
    assert not [a for a in whole.values() if isinstance(a, dict) and "x" in a.get("ticktext", ())]


def test_a_pinned_unit_and_a_marked_step_are_marked_in_every_panel() -> None:
    found = drawn("T=12&H=3", unit=1, step=4)
    shapes = layout(found, "wide")["shapes"]
    maps = [panel for panel in found.panels if isinstance(panel, Map)]
    rows = [shape for shape in shapes if shape["type"] == "rect"]
    steps = [shape for shape in shapes if shape["type"] == "line"]
    assert len(rows) == len(maps)
    assert {(shape["y0"], shape["y1"]) for shape in rows} == {(0.5, 1.5)}
    assert len(steps) == len(found.panels)
    assert {(shape["x0"], shape["x1"]) for shape in steps} == {(4, 4)}


def test_a_step_that_is_not_there_is_not_marked() -> None:
    assert layout(drawn("T=12&H=3", step=13), "wide")["shapes"] == []
    assert layout(drawn("T=12&H=3", step=12), "wide")["shapes"]


def test_the_page_gets_both_layouts_the_reading_and_its_state(client: TestClient) -> None:
    page = plotted(client, "T=12&H=3&D=2&lag=log&hide=T")
    assert {"wide", "narrow"} == set(page["layouts"])
    assert page["steps"] == list(range(13)) and page["length"] == 12
    reading = asked(client, "/api/highway?T=12&H=3&D=2")["reading"]
    assert page["reading"]["headline"] == reading["headline"]
    assert [fact[0] for fact in page["reading"]["facts"]] == [f["label"] for f in reading["facts"]]
    state = page["state"]
    assert state["link"] == "/?v=1&T=12&H=3&D=2&lag=log&hide=T"
    assert state["values"]["T"] == "12" and state["values"]["b_f"] == "1"
    assert state["unused"] == ["series", "text"]
    assert state["files"]["JSON"] == "/api/highway?v=1&T=12&H=3&D=2"
    for address in [*state["files"].values(), *state["presets"].values(), state["another_seed"]]:
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("query", ["T=1&H=1&D=1", "T=20000&H=1&D=1", "T=5&H=2&gain=0&rnn_gain=0"])
@pytest.mark.parametrize("view", ["", "&lag=log&floor=-300&unit=0&step=1&order=survival"])
def test_the_smallest_the_longest_and_the_empty_can_be_plotted(
    client: TestClient, query: str, view: str
) -> None:
    page = plotted(client, query + view)
    steps = len(page["steps"])
    for trace in page["data"]:
        if trace["type"] == "heatmap":
            assert array(trace["z"]).shape[1] == steps
            assert len(array(trace["x"])) == steps + 1
        else:
            assert len(array(trace["x"])) == len(array(trace["y"])) == steps
