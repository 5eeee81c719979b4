"""Pictures: every pixel of a map has the colour that the scale gives its value."""

import io

import numpy as np
import pytest
from PIL import Image

from app.drawing.figure import (
    ABOVE_SCALE,
    HATCH,
    ROAD,
    TOP,
    Box,
    Curves,
    Figure,
    Line,
    Map,
    Sheet,
    TimeAxis,
    Units,
    Values,
    kept,
    share,
    signed,
)
from app.drawing.pen import Pen
from app.drawing.picture import png, preview
from app.lenses.highway import SHEETS, compute, figure
from app.links import read
from app.view import Focus, View
from tests.app.drawing.gallery import EIGENVALUES, LOG10_TO_FROM, PANELS, T, alone, gallery

SHADES = 200  # of the palette, and Pillow looks for the nearest of them with little care


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)])


def colour_of(value: float, floor: float = -12.0) -> np.ndarray:
    """The scale's colour of a value within it, mixed here by hand."""
    values, colours = zip(*kept(floor).stops, strict=True)
    channels = np.array([rgb(colour) for colour in colours])
    return np.array([np.interp(value, values, channels[:, n]) for n in range(3)])


def shows(found: np.ndarray, value: float, floor: float = -12.0) -> bool:
    """Whether pixels (…, 3) have the colour of `value`, as nearly as the palette can."""
    two_shades = 2 * (TOP - floor) / SHADES
    near = np.clip(np.linspace(value - two_shades, value + two_shades, 41), floor, TOP)
    return bool(min(abs(found - colour_of(one, floor)).max() for one in near) <= 5)


def pixels(body: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(body)) as image:
        assert image.format == "PNG"
        return np.array(image.convert("RGB")).astype(int)


def map_alone(log10: np.ndarray, floor: float = -12.0, **more: object) -> Figure:
    """A figure with one map that fills most of its sheet, twenty pixels a cell."""
    steps, H = log10.shape
    width, height = 20 * steps, 20 * H
    box, bar = Box(40, 30, 40 + width, 30 + height), Box(60 + width, 30, 70 + width, 30 + height)
    sheet = Sheet(width + 140, height + 60, {"map": box}, {"kept": bar}, frozenset({"map"}))
    time = TimeAxis(np.arange(steps), steps - 1)
    panel = Map("map", "A map", log10, time, Units(np.arange(H)))
    return Figure((panel,), {"wide": sheet}, {"kept": kept(floor)}, time, **more)  # type: ignore[arg-type]


def of(query: str, **view: object) -> Figure:
    experiment = read(query.encode(), with_view=False).experiment
    return figure(compute(experiment, Focus()), View(**view))


def cells(body: bytes, steps: int, H: int) -> np.ndarray:
    """The pixels of each cell, (steps, H, 20, 20, 3), unit 0 at the bottom."""
    inside = pixels(body)[30 : 30 + 20 * H, 40 : 40 + 20 * steps]
    return inside.reshape(H, 20, steps, 20, 3).transpose(2, 0, 1, 3, 4)[:, ::-1]


@pytest.mark.parametrize("floor", [-12.0, -30.0, -300.0])
def test_each_cell_has_the_colour_of_its_value(floor: float) -> None:
    values = np.linspace(floor, TOP, 40).reshape(8, 5)
    found = cells(png(map_alone(values, floor), "wide"), 8, 5)
    for step in range(8):
        for unit in range(5):
            # Not its rim: a pinned unit's outline or rounding may touch that.
            inside = found[step, unit, 2:-2, 2:-2]
            assert shows(inside, values[step, unit], floor), values[step, unit]


def test_what_is_wholly_kept_is_amber() -> None:
    found = cells(png(map_alone(np.zeros((2, 2))), "wide"), 2, 2)
    assert (abs(found - rgb("#ffe08a")) <= 4).all()


@pytest.mark.parametrize("floor", [-12.0, -30.0, -300.0])
@pytest.mark.parametrize(
    ("value", "colour"), [(0.0, "#ffe08a"), (0.5, "#fffbe8"), (1.2, "#a8f0e6"), (3.0, "#12b5c9")]
)
def test_what_is_kept_or_grows_has_its_hue_at_every_floor(
    floor: float, value: float, colour: str
) -> None:
    found = cells(png(map_alone(np.full((2, 2), value), floor), "wide"), 2, 2)
    assert (abs(found - rgb(colour)) <= 12).all()


def test_what_is_above_the_scale_has_a_hue_of_its_own() -> None:
    found = cells(png(map_alone(np.array([[3.001, 5000.0], [3.5, 4.0]])), "wide"), 2, 2)
    assert (found == rgb(ABOVE_SCALE)).all()


@pytest.mark.parametrize("value", [-12.01, -13.0, -30000.0, -np.inf])
def test_what_is_below_the_scale_is_dark_and_marked(value: float) -> None:
    found = cells(png(map_alone(np.full((2, 2), value)), "wide"), 2, 2)
    dark = (found == rgb(ROAD)).all(axis=-1)
    assert 0.5 < dark.mean() < 1
    # The lines that mark it are as dark as the palette can tell them from black.
    assert (abs(found[~dark] - rgb(HATCH)) <= 8).all()


def test_a_zero_is_not_lit_by_a_deeper_floor() -> None:
    found = cells(png(map_alone(np.full((2, 2), -np.inf), -300.0), "wide"), 2, 2)
    assert found.max() <= rgb(HATCH).max() + 8


@pytest.mark.parametrize("query", ["T=12&H=3&D=2", "T=30&H=5&b_f=4&gain=2", "T=7&H=2&gain=0"])
@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_the_pictures_maps_are_the_experiments_numbers(query: str, width: str) -> None:
    experiment = read(query.encode(), with_view=False).experiment
    found = of(query)
    assert found.time is not None
    image = pixels(png(found, width))  # type: ignore[arg-type]
    sheet = SHEETS[width]  # type: ignore[index]
    assert image.shape == (sheet.height, sheet.width, 3)
    for panel in found.panels:
        if not isinstance(panel, Map):
            continue
        box, (left, right) = sheet.places[panel.name], found.time.span()
        for t in range(experiment.T + 1):
            x = round(box.left + (t - left) / (right - left) * (box.right - box.left))
            for unit in range(experiment.H):
                y = round(box.bottom - (unit + 0.5) / experiment.H * (box.bottom - box.top))
                value = panel.values[t, unit]
                if -12 <= value <= 3:
                    assert shows(image[y, x], value), (t, unit)
                elif value > 3:
                    assert (image[y, x] == rgb(ABOVE_SCALE)).all(), (t, unit)
                else:
                    assert image[y, x].max() <= rgb(HATCH).max() + 8, (t, unit)


def test_a_log_axis_gives_the_last_steps_more_room() -> None:
    values = np.zeros((101, 1))
    values[90:] = 3.0
    shown = []
    for scale in ("linear", "log"):
        time = TimeAxis(np.arange(101), 100, scale)  # type: ignore[arg-type]
        found = alone(Map("map", "", values, time, Units(np.arange(1))), 2020, 20)
        inside = pixels(png(found, "wide"))[40, 40:2060]
        shown.append((abs(inside - rgb("#12b5c9")) <= 4).all(-1).mean())
    assert shown[0] == pytest.approx(11 / 101, abs=0.01)
    # Lags 0.5 … 10.5 of 0.5 … 100.5, in logarithms.
    assert shown[1] == pytest.approx(np.log(10.5 / 0.5) / np.log(100.5 / 0.5), abs=0.02)


def test_steps_that_a_map_does_not_tell_are_left_dark_and_unmarked() -> None:
    time = TimeAxis(np.arange(1, 5), 4)
    found = alone(Map("map", "", np.zeros((4, 2)), time, Units(np.arange(2))), 100, 40)
    inside = pixels(png(found, "wide"))[30:70, 40:140]
    assert (inside[:, :19] == rgb(ROAD)).all()
    assert (abs(inside[:, 21:] - rgb("#ffe08a")) <= 8).all()


def test_a_map_of_two_times_rises_with_both() -> None:
    panel = next(panel for panel in PANELS if panel.name == "pair map")
    image = pixels(png(alone(panel, 20 * (T + 1), 20 * (T + 1)), "wide"))
    for t in range(0, T + 1, 3):
        for s in range(0, T + 1, 3):
            found = image[30 + 20 * (T - s) + 10, 40 + 20 * t + 10]
            if s <= t:
                assert shows(found, LOG10_TO_FROM[t, s]), (t, s)
            else:
                assert found.max() <= rgb(HATCH).max() + 8, "the future has no say"


@pytest.mark.parametrize(
    ("scale", "ends"),
    [(share(), (0.0, 1.0)), (signed(2.0, ((-2.0, "−2"), (0.0, "0"), (2.0, "2"))), (-2.0, 2.0))],
)
def test_a_scale_without_caps_goes_no_further_than_its_ends(scale, ends) -> None:  # type: ignore[no-untyped-def]
    low, high = ends
    values = np.array([[low, low - 1.0], [high, high + 1.0], [np.nan, np.nan]])
    time = TimeAxis(np.arange(3), 2)
    panel = Map("map", "", values, time, Units(np.arange(2)), "own", "share")
    sheet = Sheet(140, 100, {"map": Box(40, 30, 100, 70)}, {}, frozenset())
    found = cells(png(Figure((panel,), {"wide": sheet}, {"own": scale}), "wide"), 3, 2)
    for step, colour in enumerate((scale.stops[0][1], scale.stops[-1][1], ROAD)):
        assert (abs(found[step, :, 2:-2, 2:-2] - rgb(colour)) <= 5).all()


def test_as_many_scales_as_a_page_needs_find_room_in_one_palette() -> None:
    image = pixels(png(gallery(), "wide"))
    sheet = gallery().sheets["wide"]
    for name, scale in gallery().scales.items():
        bar = sheet.bars[name]
        inside = image[round(bar.top) : round(bar.bottom), round(bar.left) : round(bar.right)]
        for at, colour in scale.stops:
            assert abs(inside - rgb(colour)).max(-1).min() <= 14, (name, at)


def test_a_pinned_unit_and_a_marked_step_are_drawn() -> None:
    values = np.full((5, 4), -12.0)
    plain = pixels(png(map_alone(values), "wide"))
    pinned = pixels(png(map_alone(values, pinned_unit=1), "wide"))
    marked = pixels(png(map_alone(values, marked_step=3), "wide"))
    rows = np.flatnonzero((plain != pinned).any(axis=(1, 2)))
    assert (rows.min(), rows.max()) == pytest.approx((30 + 40, 30 + 60), abs=1)
    columns = np.flatnonzero((plain != marked).any(axis=(0, 2)))
    assert columns.mean() == pytest.approx(40 + 3.5 * 20, abs=1)
    assert len(columns) <= 2


# Curves ------------------------------------------------------------------------------------------

RED = "#ff0000"
PLANE = Values(-1.0, 1.0)


def curve_alone(*lines: Line, x: Values = PLANE, **more: object) -> np.ndarray:
    """The pixels of a panel of 300 × 200 with these lines on −1 … 1 both ways."""
    panel = Curves("curves", "", lines, x, PLANE, **more)  # type: ignore[arg-type]
    image: np.ndarray = pixels(png(alone(panel), "wide"))
    return image


def lit(image: np.ndarray, colour: str, slack: int = 60) -> np.ndarray:
    """(x, y) on the axes of the panel's pixels that have nearly a colour."""
    rows, columns = np.nonzero((abs(image - rgb(colour)) <= slack).all(-1))
    return np.stack([(columns - 40) / 150 - 1, 1 - (rows - 30) / 100], axis=1)


def test_a_circle_is_closed_and_round() -> None:
    turn = np.linspace(0, 2 * np.pi, 181)
    circle = Line("circle", 0.8 * np.sin(turn), RED, at=0.8 * np.cos(turn))
    at = lit(curve_alone(circle), RED)
    assert np.hypot(*at.T) == pytest.approx(0.8, abs=0.03)
    directions = np.arctan2(at[:, 1], at[:, 0])
    assert np.diff(np.sort(directions)).max() < 0.1, "there is a gap in it"


def test_a_line_is_drawn_up_to_the_panels_border_and_not_beyond_it() -> None:
    steep = Line("steep", np.array([-3.0, 3.0]), RED, at=np.array([-1.0, 1.0]))
    at = lit(curve_alone(steep), RED)
    assert at[:, 1] == pytest.approx(3 * at[:, 0], abs=0.06)
    assert at[:, 1].min() == pytest.approx(-1, abs=0.04)
    assert at[:, 1].max() == pytest.approx(1, abs=0.04)


def test_a_dot_is_round_whole_and_of_its_size() -> None:
    dot = Line("dot", np.array([0.4, 5.0]), RED, width=12, at=np.array([-0.2, 0.0]), dots=True)
    at = lit(curve_alone(dot), RED)
    assert at.mean(axis=0) == pytest.approx((-0.2, 0.4), abs=0.02)
    assert len(at) == pytest.approx(np.pi * 36, rel=0.15)


@pytest.mark.parametrize("border", [1, -1, 1j, -1j])
def test_a_dot_on_the_border_is_whole(border: complex) -> None:
    def lit_of(place: complex) -> int:
        at, values = np.array([place.real]), np.array([place.imag])
        return len(lit(curve_alone(Line("d", values, RED, "solid", 10, True, at, True)), RED))

    assert lit_of(border) == pytest.approx(lit_of(border / 2), abs=8)


def test_dashes_leave_the_share_out_that_they_should() -> None:
    flat, at = np.array([0.5, 0.5]), np.array([-1.0, 1.0])
    columns = {
        dash: len(np.unique(lit(curve_alone(Line("l", flat, RED, dash, at=at)), RED)[:, 0]))
        for dash in ("solid", "dash", "dot")
    }
    assert columns["solid"] == pytest.approx(300, abs=2)
    assert columns["dash"] == pytest.approx(300 * 9 / 14, abs=25)
    assert columns["dot"] == pytest.approx(300 * 2 / 10, abs=35)


def test_a_curve_is_smooth() -> None:
    sloped = Line("l", np.array([-0.5, 0.3]), RED, at=np.array([-1.0, 1.0]))
    inside = curve_alone(sloped)[32:228, 42:338]
    shades = {tuple(pixel) for pixel in inside.reshape(-1, 3) if pixel[0] > 20 and pixel[2] < 10}
    assert len(shades) >= 3, "its rim has steps"


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_a_legend_stands_in_its_corner(corner: str) -> None:
    lines = [
        Line("one", np.zeros(2), RED, at=np.array([-2.0, -3.0])),
        Line("dots", np.zeros(1), "#00ff00", width=8, at=np.array([-2.0]), dots=True),
        Line("unnamed", np.zeros(2), "#0000ff", named=False, at=np.array([-2.0, -3.0])),
    ]
    image = curve_alone(*lines, legend=corner)
    one, dots = lit(image, RED), lit(image, "#00ff00")
    assert len(one) and len(dots) and not len(lit(image, "#0000ff"))
    for at in (one, dots):
        assert (at[:, 1] > 0).all() == ("top" in corner)
        assert (at[:, 0] > 0).all() == ("right" in corner)
    assert dots[:, 1].mean() > one[:, 1].mean(), "the last line stands on top"
    assert not len(lit(curve_alone(*lines), RED)), "no legend was asked for"


def test_a_line_without_any_values_is_not_named() -> None:
    empty = Line("none", np.zeros(0), RED, at=np.zeros(0), dots=True)
    assert not len(lit(curve_alone(empty, legend="top left"), RED))


def test_the_pinned_units_dot_is_ringed_and_no_other() -> None:
    panel = next(panel for panel in PANELS if panel.name == "plane")
    plain, pinned = (
        pixels(png(alone(panel, 250, 250, pinned_unit=unit), "wide")) for unit in (None, 2)
    )
    rows, columns = np.nonzero((plain != pinned).any(-1))
    x = (columns.mean() - 40) / 100 - 1.25
    y = 1.25 - (rows.mean() - 30) / 100
    assert complex(x, y) == pytest.approx(EIGENVALUES[2], abs=0.02)
    assert np.ptp(rows) == pytest.approx(14, abs=2)


def test_a_panel_without_a_place_is_left_out() -> None:
    wide, narrow = gallery().sheets["wide"], gallery().sheets["narrow"]
    assert "weight map" in wide.places and "weight map" not in narrow.places
    image = pixels(png(gallery(), "narrow"))
    teal = (abs(image - rgb("#a8f0e6")) <= 6).all(-1)
    bar = narrow.bars["kept"]
    teal[round(bar.top) : round(bar.bottom)] = False
    assert not teal.any(), "the weights' colours are in the picture"


# Previews ----------------------------------------------------------------------------------------


def test_a_preview_is_of_the_size_that_sites_want() -> None:
    for sentence in ("", "short", "keeps 2.6\u00a0×\u00a010⁻⁹ of its size " * 8):
        image = pixels(preview(of("T=12&H=3"), "Gradient Highways", sentence))
        assert image.shape == (630, 1200, 3)


def test_a_previews_words_are_drawn_above_the_figure_and_none_beyond_its_edge() -> None:
    long = "as much as one can say of it in a sentence or two " * 4
    found = of("T=12&H=3")
    one, other = (pixels(preview(found, "Title", words)) for words in ("", long))
    rows, columns = np.nonzero((one != other).any(-1))
    assert rows.min() > 0 and rows.max() < 142
    assert columns.max() < 1200 - 50


def test_letters_the_font_lacks_are_drawn_as_others() -> None:
    def drawn_title(title: str) -> bytes:
        return preview(of("T=3&H=2"), title, "")

    assert drawn_title("é ÿ") == drawn_title("e y")
    assert drawn_title("σ") == drawn_title("sigma")
    assert drawn_title("中") == drawn_title("?") != drawn_title("!")
    assert drawn_title("10⁻⁹") != drawn_title("10-9"), "exponents are raised"


@pytest.mark.parametrize("text", ["−3", "10⁻³"])
@pytest.mark.parametrize("anchor", ["la", "lm", "ls"])
@pytest.mark.parametrize("size", [12, 28])
def test_a_minus_is_as_wide_as_a_digit_and_stands_at_its_middle(
    text: str, anchor: str, size: int
) -> None:
    def ink(words: str) -> np.ndarray:
        pen = Pen(200, 100, 1.0)
        pen.text(20, 50, words, size, "#ffffff", anchor)
        found: np.ndarray = np.array(pen.image).astype(int)[..., 0] > 90
        return found

    plain = text.replace("−", "").replace("⁻", "")
    digits = np.flatnonzero(ink(plain).any(axis=0))
    digit = ink(plain)[:, digits.max() - size // 4 :]
    rows = np.flatnonzero(digit.any(axis=1))
    before = len("10") if "10" in text else 0
    start = np.flatnonzero(ink("10").any(axis=0)).max() + 1 if before else 20
    whole = ink(text)[:, start : np.flatnonzero(ink(text).any(axis=0)).max() - size // 4]
    line = whole.sum(axis=1).argmax()
    assert whole[line].sum() >= 0.3 * size
    assert rows.min() + 1 < line < rows.max() - 1
    assert line == pytest.approx(rows.mean(), abs=max(1.5, size / 10))


@pytest.mark.parametrize(
    "query",
    [
        "T=1&H=1&D=1",
        "T=2&H=256&D=1",
        "T=20000&H=1&D=1",
        "T=5&H=2&gain=0&rnn_gain=0",
        "H=2&signal=text&text=x",
        "H=2&signal=text&text=%00%0A%F0%9F%98%80%3Cb%3E",
        "H=2&signal=series&series=5,5",
        "T=9&H=2&b_f=-20&amplitude=100&gain=0",
        "T=400&H=8&gain=10&rnn_gain=10&init=normal",
    ],
)
@pytest.mark.parametrize(
    "view",
    [
        {},
        {"lag": "log", "unit": 0, "step": 1, "floor": "-300", "order": "survival"},
        {"unit": 255, "step": 20000, "floor": "-30"},
        {"lag": "log", "step": 1},
    ],
    ids=["plain", "all", "beyond", "log"],
)
@pytest.mark.slow
def test_every_picture_can_be_drawn(query: str, view: dict[str, object]) -> None:
    found = of(query, **view)
    for width, scale in (("wide", 1.0), ("narrow", 2.0)):
        image = pixels(png(found, width, scale))  # type: ignore[arg-type]
        sheet = SHEETS[width]  # type: ignore[index]
        assert image.shape == (sheet.height * scale, sheet.width * scale, 3)
    assert pixels(preview(found, "t", "s")).shape == (630, 1200, 3)
