"""The Plotly figure: its arrays are the numbers, its places and colours those of the picture."""

import base64
import warnings
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import orjson
import pytest
from starlette.testclient import TestClient

from app.drawing.figure import ABOVE_SCALE, TOP, Figure, Map, TimeAxis, Units, Values, kept
from app.drawing.plot import layout, page_figure, plotly_figure
from app.keys import choices
from app.lenses import LENSES
from app.lenses.highway import compute, figure
from app.links import read
from app.view import Focus, View
from tests.app.drawing.gallery import (
    CURVES,
    EIGENVALUES,
    LOG10_TO_FROM,
    MAPS,
    ORDER,
    PANELS,
    WEIGHTS,
    H,
    T,
    gallery,
)
from tests.app.samples import SAMPLES, asked, numbers_of

MAPS_OF_THE_API = {
    "exact": "cell_log10_exact",
    "direct": "cell_log10_direct",
    "RNN": "rnn_log10_exact",
}
CURVES_OF_THE_API = {
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
    experiment = read(query.encode(), with_view=False).experiment
    return figure(compute(experiment, Focus()), View(**view))


def page_of(found: Figure) -> dict[str, Any]:
    """What the page is sent, read back."""
    sent = orjson.dumps(page_figure(found), option=orjson.OPT_SERIALIZE_NUMPY)
    page: dict[str, Any] = orjson.loads(sent)
    return page


def of_panel(page: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The traces of a panel of the gallery."""
    number = [panel.name for panel in PANELS].index(name) + 1
    return [
        trace for trace in page["data"] if trace["xaxis"] == (f"x{number}" if number > 1 else "x")
    ]


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_maps_are_the_apis_numbers_in_single_precision(client: TestClient, query: str) -> None:
    numbers = numbers_of(asked(client, f"/api/highway?{query}"))
    maps = {t["name"]: t for t in plotted(client, query)["data"] if t["type"] == "heatmap"}
    assert set(maps) == set(MAPS_OF_THE_API)
    for name, key in MAPS_OF_THE_API.items():
        assert isinstance(maps[name]["z"], dict) and maps[name]["z"]["dtype"] == "f4"
        with warnings.catch_warnings():
            expected = gaps(numbers[key]).T.astype(np.float32)
        np.testing.assert_array_equal(array(maps[name]["z"]), expected)


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_the_curves_are_the_apis_numbers(client: TestClient, query: str) -> None:
    answer = asked(client, f"/api/highway?{query}")
    numbers, page = numbers_of(answer), plotted(client, query)
    lines = {t["name"]: t for t in page["data"] if t["type"] == "scatter"}
    assert set(lines) == set(CURVES_OF_THE_API)
    for name, key in CURVES_OF_THE_API.items():
        expected = gaps(numbers[key])
        np.testing.assert_allclose(array(lines[name]["y"]), expected, rtol=1e-6, atol=2e-6)
        assert array(lines[name]["x"]).tolist() == answer["t"]
        assert lines[name]["connectgaps"] is False


def test_a_pinned_units_curves_are_its_column(client: TestClient) -> None:
    query = "T=12&H=3&D=2&unit=1"
    numbers = numbers_of(asked(client, f"/api/highway?{query}"))
    lines = {t["name"]: t for t in plotted(client, query)["data"] if t["type"] == "scatter"}
    for name, key in MAPS_OF_THE_API.items():
        (line,) = [lines[n] for n in lines if n.lower().startswith(f"{name.lower()}, unit 1")]
        np.testing.assert_allclose(array(line["y"]), numbers[key][:, 1], rtol=1e-6, atol=2e-6)


def test_rows_follow_the_order_of_units(client: TestClient) -> None:
    query = "T=30&H=6&order=survival"
    numbers = numbers_of(asked(client, f"/api/highway?{query}"))
    page = plotted(client, query)
    for trace in page["data"]:
        if trace["type"] == "heatmap":
            order = page["axes"][trace["meta"]["y"]]["order"]
            expected = numbers[MAPS_OF_THE_API[trace["name"]]][:, order].T.astype(np.float32)
            np.testing.assert_array_equal(array(trace["z"]), expected)
            if trace["name"] != "direct":
                assert (np.diff(array(trace["z"])[:, 0]) >= 0).all()


@pytest.mark.parametrize("floor", choices("floor"))
def test_the_night_road_gives_each_value_the_pictures_colour(floor: str) -> None:
    axis = layout(drawn("T=5&H=2", floor=floor), "wide")["coloraxis"]
    low, high = axis["cmin"], axis["cmax"]
    at = [low + share * (high - low) for share, _ in axis["colorscale"]]
    colours = [colour for _, colour in axis["colorscale"]]
    assert at == sorted(at)
    inner = list(zip(at, colours, strict=True))[2:-2]
    for (value, colour), (expected, expected_colour) in zip(
        inner, kept(float(floor)).stops, strict=True
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
    found = gallery()
    sheet, whole = found.sheets[width], layout(found, width)  # type: ignore[index, arg-type]
    for number, panel in enumerate(found.panels, 1):
        suffix = str(number) if number > 1 else ""
        if panel.name not in sheet.places:
            assert f"xaxis{suffix}" not in whole and f"yaxis{suffix}" not in whole
            continue
        box = sheet.places[panel.name]
        x, y = whole[f"xaxis{suffix}"], whole[f"yaxis{suffix}"]
        across = (box.left / sheet.width, box.right / sheet.width)
        up = (1 - box.bottom / sheet.height, 1 - box.top / sheet.height)
        assert x["domain"] == pytest.approx(across, abs=1e-4)
        assert y["domain"] == pytest.approx(up, abs=1e-4)
        assert x["anchor"] == f"y{suffix}" and y["anchor"] == f"x{suffix}"
        for axis, drawn_axis in ((panel.x, x), (panel.y, y)):
            logarithmic = not isinstance(axis, Units) and axis.scale == "log"
            ends = np.log10(axis.span()) if logarithmic else axis.span()
            assert drawn_axis["range"] == pytest.approx(list(ends))
            assert (drawn_axis.get("type") == "log") == logarithmic


def test_the_same_time_zooms_together_at_every_width() -> None:
    same = [n for n, panel in enumerate(PANELS, 1) if panel.x is MAPS[0].x]
    assert len(same) == 3 and same[0] == 1
    for width in ("wide", "narrow"):
        whole = layout(gallery(), width)  # type: ignore[arg-type]
        following = {
            key: axis["matches"]
            for key, axis in whole.items()
            if key.startswith("xaxis") and "matches" in axis
        }
        assert following == {f"xaxis{n}": "x" for n in same[1:]}


def test_axes_follow_the_first_that_is_there() -> None:
    found = gallery()
    places = dict(found.sheets["wide"].places)
    del places["unit map"]
    sheets = {"wide": replace(found.sheets["wide"], places=places)}
    whole = layout(replace(found, sheets=sheets), "wide")
    assert "xaxis" not in whole
    assert "matches" not in whole["xaxis3"] and whole["xaxis5"]["matches"] == "x3"


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


def test_the_pinned_units_dots_are_ringed_and_its_columns_framed() -> None:
    shapes = layout(gallery(pinned_unit=2), "wide")["shapes"]
    (ring,) = [shape for shape in shapes if shape["type"] == "path"]
    assert complex(ring["xanchor"], ring["yanchor"]) == EIGENVALUES[2]
    assert (ring["xref"], ring["yref"], ring["xsizemode"]) == ("x6", "y6", "pixel")
    (column,) = [shape for shape in shapes if shape["xref"] == "x7"]
    row = ORDER.tolist().index(2)
    assert (column["x0"], column["x1"], column["yref"]) == (row - 0.5, row + 0.5, "y7 domain")
    narrow = layout(gallery(pinned_unit=2), "narrow")["shapes"]
    assert not [shape for shape in narrow if "4" in shape["xref"]], "a mark in a panel left out"


# Panels of every kind ----------------------------------------------------------------------------


def test_a_map_of_two_times_has_one_upwards() -> None:
    (trace,) = of_panel(page_of(gallery()), "pair map")
    np.testing.assert_array_equal(array(trace["z"]), LOG10_TO_FROM.T.astype(np.float32))
    assert (
        array(trace["y"]).tolist() == array(trace["x"]).tolist() == [n - 0.5 for n in range(T + 2)]
    )
    assert trace["meta"]["picks"] == ["t", "s"]


def test_a_map_of_two_units_is_drawn_in_both_orders() -> None:
    page = page_of(gallery())
    (trace,) = of_panel(page, "weight map")
    np.testing.assert_array_equal(array(trace["z"]), WEIGHTS[:, ORDER].T.astype(np.float32))
    x, y = (page["axes"][trace["meta"][side]] for side in ("x", "y"))
    assert (x["kind"], x["name"], x["order"]) == ("units", "from unit", list(range(H)))
    assert (y["name"], y["order"]) == ("to unit", ORDER.tolist())


def test_every_scale_has_its_own_colours_and_its_bar() -> None:
    whole = layout(gallery(), "wide")
    page = page_of(gallery())
    used = [trace["coloraxis"] for trace in page["data"] if trace["type"] == "heatmap"]
    assert used == ["coloraxis", "coloraxis", "coloraxis2", "coloraxis3"]
    share_axis, signed_axis = whole["coloraxis2"], whole["coloraxis3"]
    assert (share_axis["cmin"], share_axis["cmax"]) == (0, 1)
    assert (signed_axis["cmin"], signed_axis["cmax"]) == (-2, 2)
    assert share_axis["colorscale"][0] == [0, "#0b0f1a"]
    assert share_axis["colorscale"][-1] == [1, "#ffe08a"]
    assert share_axis["colorbar"]["orientation"] == "v"
    assert signed_axis["colorbar"]["orientation"] == "h"
    assert signed_axis["colorbar"]["ticktext"] == ["−2", "0", "2"]
    narrow = layout(gallery(), "narrow")
    assert [narrow[f"coloraxis{n}"]["showscale"] for n in ("", "2", "3")] == [True, False, False]


def test_only_maps_that_can_fall_below_their_scale_are_hatched() -> None:
    wide, narrow = (len(layout(gallery(), width)["images"]) for width in ("wide", "narrow"))  # type: ignore[arg-type]
    assert wide == narrow == 2 + 1, "two maps and the dark end of one bar"


def test_hatching_covers_the_steps_that_a_map_tells_and_no_more() -> None:
    found = gallery()
    late = TimeAxis(np.arange(10, T + 1), T)
    panel = Map("unit map", "", np.full((T - 9, H), -20.0), late, Units(np.arange(H)))
    sheet = found.sheets["wide"]
    box = sheet.places["unit map"]
    (image, _) = layout(Figure((panel,), found.sheets, found.scales), "wide")["images"]
    left = box.left + (box.right - box.left) * 10 / (T + 1)
    assert image["x"] * sheet.width == pytest.approx(left, abs=0.1)
    assert image["sizex"] * sheet.width == pytest.approx(box.right - left, abs=0.1)


def test_dots_and_curves_of_their_own_places_are_where_they_say() -> None:
    circle, dots = of_panel(page_of(gallery()), "plane")
    assert circle["mode"] == "lines" and dots["mode"] == "markers"
    np.testing.assert_allclose(array(dots["x"]), EIGENVALUES.real, rtol=1e-6)
    np.testing.assert_allclose(array(dots["y"]), EIGENVALUES.imag, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(array(circle["x"]), array(circle["y"])), 1, rtol=1e-6)
    assert dots["marker"]["size"] == 7 and dots["cliponaxis"] is False
    assert dots["meta"]["units"] == list(range(H)) and dots["meta"]["picks"] == ["unit", ""]
    assert circle["meta"]["picks"] == ["", ""] and circle["meta"]["units"] is None


def test_a_curve_over_units_picks_its_unit_and_one_over_time_its_step() -> None:
    page = page_of(gallery())
    assert of_panel(page, "lives")[0]["meta"]["picks"] == ["unit", ""]
    assert of_panel(page, "norms")[0]["meta"]["picks"] == ["step", ""]
    assert layout(gallery(), "wide")["yaxis7"]["type"] == "log"


def test_each_panel_has_a_legend_in_the_corner_that_it_keeps_free() -> None:
    whole = layout(gallery(), "wide")
    assert {key for key in whole if key.startswith("legend")} == {"legend5", "legend6"}
    assert (whole["legend5"]["xanchor"], whole["legend5"]["yanchor"]) == ("right", "bottom")
    assert (whole["legend6"]["xanchor"], whole["legend6"]["yanchor"]) == ("left", "top")
    page = page_of(gallery())
    for panel in CURVES:
        for line, trace in zip(panel.lines, of_panel(page, panel.name), strict=True):
            assert trace["showlegend"] == (line.named and panel.legend != "")
            assert trace["legend"] == f"legend{trace['xaxis'][1:]}"
    unnamed = replace(CURVES[0], legend="")
    page = page_of(replace(gallery(), panels=(unnamed,)))
    assert not any(trace["showlegend"] for trace in page["data"]), "no legend was asked for"


def test_the_page_is_sent_every_array_once_and_every_axis_once() -> None:
    page = page_of(gallery())
    assert page["time"] == {"steps": list(range(T + 1)), "length": T, "read": []}
    assert len(page["data"]) == len(MAPS) + sum(len(panel.lines) for panel in CURVES)
    assert "bdata" not in str(page["layouts"])
    kinds = [axis["kind"] for axis in page["axes"]]
    # Time: t, to t, from s. Units: two orders, and those from and to. Numbers: one each, plane two.
    assert (kinds.count("time"), kinds.count("units"), kinds.count("values")) == (3, 4, 4)
    for trace in page["data"]:
        for side in ("x", "y"):
            assert 0 <= trace["meta"][side] < len(kinds)
        for key in ("x", "y", "z"):
            assert key not in trace or trace[key]["dtype"] == "f4"


def test_a_figure_without_time_says_so() -> None:
    page = page_of(Figure((CURVES[1],), gallery().sheets, gallery().scales))
    assert page["time"] is None
    assert {axis["kind"] for axis in page["axes"]} == {"values"}


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("width", ["wide", "narrow", "preview"])
@pytest.mark.slow
def test_every_lenss_figure_is_one_that_plotly_takes(lens: str, width: str) -> None:
    asked_for = read(b"T=9&H=3&D=2", with_view=False)
    module = LENSES[lens]
    found = module.figure(module.compute(asked_for.experiment, asked_for.focus), asked_for.view)
    drawn_figure = plotly_figure(found, width)  # type: ignore[arg-type]
    places = found.sheets[width].places  # type: ignore[index]
    kept_panels = [panel for panel in found.panels if panel.name in places]
    expected = sum(len(p.lines) + isinstance(p, Map) for p in kept_panels)
    assert len(drawn_figure.data) == expected


@pytest.mark.parametrize("text", ["<b>bold</b>", "a & b", "<a href='x'>", "&lt;"])
def test_markup_in_words_is_shown_and_not_obeyed(text: str) -> None:
    line = replace(CURVES[1].lines[0], name=text)
    axis = Values(-1.0, 1.0, name=text)
    panel = replace(CURVES[1], name="plane", title=text, lines=(line,), x=axis, y=axis)
    found = replace(gallery(), panels=(panel,))
    whole, (trace,) = layout(found, "wide"), page_of(found)["data"]
    words = [
        whole["annotations"][0]["text"],
        whole["xaxis"]["title"]["text"],
        whole["yaxis"]["title"]["text"],
        trace["name"],
    ]
    for word in words:
        assert "<" not in word
        assert unescape(word) == text
    assert trace["meta"]["name"] == text, "the page tells it as plain text"


def test_the_page_gets_both_layouts_its_words_and_its_state(client: TestClient) -> None:
    page = plotted(client, "T=12&H=3&D=2&lag=log&hide=T")
    assert {"wide", "narrow"} == set(page["layouts"])
    assert page["time"]["steps"] == list(range(13)) and page["time"]["length"] == 12
    reading = asked(client, "/api/highway?T=12&H=3&D=2")["reading"]
    assert page["headline"] == reading["headline"]
    assert page["state"]["link"] == "/?v=1&T=12&H=3&D=2&lag=log&hide=T"


@pytest.mark.parametrize("query", ["T=1&H=1&D=1", "T=20000&H=1&D=1", "T=5&H=2&gain=0&rnn_gain=0"])
@pytest.mark.parametrize("view", ["", "&lag=log&floor=-300&unit=0&step=1&order=survival"])
def test_the_smallest_the_longest_and_the_empty_can_be_plotted(
    client: TestClient, query: str, view: str
) -> None:
    page = plotted(client, query + view)
    steps = len(page["time"]["steps"])
    for trace in page["data"]:
        if trace["type"] == "heatmap":
            assert array(trace["z"]).shape[1] == steps
            assert len(array(trace["x"])) == steps + 1
        else:
            assert len(array(trace["x"])) == len(array(trace["y"])) == steps
