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
    ColourScale,
    Figure,
    Map,
    Sheet,
    TimeAxis,
)
from app.drawing.picture import png, preview
from app.knobs import View
from app.lenses.highway import SHEETS, compute, figure
from app.links import read

SHADES = 200  # of the palette, and Pillow looks for the nearest of them with little care


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)])


def colour_of(value: float, floor: float = -12.0) -> np.ndarray:
    """The scale's colour of a value within it, mixed here by hand."""
    values, colours = zip(*ColourScale(floor).stops(), strict=True)
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
    sheet = Sheet(
        width + 140,
        height + 60,
        {"map": Box(40, 30, 40 + width, 30 + height)},
        Box(60 + width, 30, 70 + width, 30 + height),
        frozenset({"map"}),
    )
    panel = Map("map", "A map", log10, np.arange(H))
    time = TimeAxis(np.arange(steps), steps - 1)
    return Figure(time, ColourScale(floor), (panel,), {"wide": sheet}, **more)  # type: ignore[arg-type]


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
    experiment, _ = read(query.encode(), with_view=False)
    found = figure(compute(experiment), View())
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
                value = panel.log10[t, unit]
                if -12 <= value <= 3:
                    assert shows(image[y, x], value), (t, unit)
                elif value > 3:
                    assert (image[y, x] == rgb(ABOVE_SCALE)).all(), (t, unit)
                else:
                    assert image[y, x].max() <= rgb(HATCH).max() + 8, (t, unit)


def test_a_log_axis_gives_the_last_steps_more_room() -> None:
    values = np.zeros((101, 1))
    values[90:] = 3.0
    plain = map_alone(values)
    figures = [
        Figure(TimeAxis(np.arange(101), 100, scale), plain.scale, plain.panels, plain.sheets)
        for scale in ("linear", "log")
    ]
    share = [
        (abs(pixels(png(f, "wide"))[40, 40:2060] - rgb("#12b5c9")) <= 4).all(-1).mean()
        for f in figures
    ]
    assert share[0] == pytest.approx(11 / 101, abs=0.01)
    # Lags 0.5 … 10.5 of 0.5 … 100.5, in logarithms.
    assert share[1] == pytest.approx(np.log(10.5 / 0.5) / np.log(100.5 / 0.5), abs=0.02)


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


def test_a_preview_is_of_the_size_that_sites_want() -> None:
    experiment, _ = read(b"T=12&H=3", with_view=False)
    found = figure(compute(experiment), View())
    for sentence in ("", "short", "keeps 2.6\u00a0×\u00a010⁻⁹ of its size " * 8):
        image = pixels(preview(found, "Gradient Highways", sentence))
        assert image.shape == (630, 1200, 3)


def test_a_previews_words_are_drawn() -> None:
    experiment, _ = read(b"T=12&H=3", with_view=False)
    found = figure(compute(experiment), View())
    one, other = (
        pixels(preview(found, "Title", words)) for words in ("all is kept", "all is lost")
    )
    rows = np.flatnonzero((one != other).any(axis=(1, 2)))
    assert rows.min() > 0 and rows.max() < 142


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
def test_every_picture_can_be_drawn(query: str, view: dict[str, object]) -> None:
    experiment, _ = read(query.encode(), with_view=False)
    found = figure(compute(experiment), View(**view))
    for width, scale in (("wide", 1.0), ("narrow", 2.0)):
        image = pixels(png(found, width, scale))  # type: ignore[arg-type]
        sheet = SHEETS[width]  # type: ignore[index]
        assert image.shape == (sheet.height * scale, sheet.width * scale, 3)
    assert pixels(preview(found, "t", "s")).shape == (630, 1200, 3)
