"""Figures as SVG: well-formed, complete in themselves, and the same drawing as the pictures."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.drawing.figure import (
    EXACT,
    HATCH,
    ROAD,
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
)
from app.drawing.picture import svg
from app.drawing.shades import rgb_of, shade_numbers, shades
from app.lenses import LENSES
from app.links import read
from tests.app.drawing.gallery import EIGENVALUES, PANELS, SCALES, alone, gallery

SVG = "{http://www.w3.org/2000/svg}"


def drawing(figure: Figure, width: str = "wide", *words: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg(figure, width, *words))  # type: ignore[arg-type]


def words_of(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def images(root: ElementTree.Element) -> list[np.ndarray]:
    """The embedded pictures, red, green, blue and opacity."""
    found = []
    for image in root.iter(f"{SVG}image"):
        media_type, _, body = image.attrib["href"].partition(";base64,")
        assert media_type == "data:image/png"
        assert "pixelated" in image.attrib["style"]
        with Image.open(io.BytesIO(base64.b64decode(body))) as png:
            found.append(np.array(png.convert("RGBA")).astype(int))
    return found


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("width", ["wide", "narrow", "preview"])
@pytest.mark.slow
def test_every_lens_is_drawn_complete_in_itself(lens: str, width: str) -> None:
    asked = read(b"T=9&H=3&D=2&signal=text&text=%3Cb%3E%26%00%0A%22", with_view=False)
    module = LENSES[lens]
    found = module.figure(module.compute(asked.experiment, asked.focus), asked.view)
    body = svg(found, width, module.QUESTION, "<What> is & to be \x00 seen")  # type: ignore[arg-type]
    root = ElementTree.fromstring(body)
    assert root.tag == f"{SVG}svg" and root.attrib["role"] == "img"
    assert (root.findtext(f"{SVG}desc") or "").startswith("<What> is & to be ")
    hosts = re.findall(rb"[a-z]+://[^\"' )]*", body)
    assert set(hosts) == {b"http://www.w3.org/2000/svg"}, "it names a host"
    assert not {element.tag for element in root.iter()} & {f"{SVG}script", f"{SVG}foreignObject"}
    assert [e for e in root.iter() for key in e.attrib if key.startswith("on")] == []
    titles = {panel.title for panel in found.panels if panel.name in found.sheets[width].places}  # type: ignore[index]
    assert titles <= set(words_of(root))


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_breaks_the_document_or_becomes_a_part_of_it(title: str, name: str) -> None:
    line = Line(name, np.zeros(2), EXACT, at=np.array([0.0, 1.0]))
    axes = Values(0.0, 1.0, name=name), Values(-1.0, 1.0, name=title)
    panel = Curves("curves", title, (line,), *axes, legend="top left")
    root = drawing(alone(panel), "wide", title, name)
    plain = drawing(alone(Curves("curves", "a", (line,), *axes, "top left")), "wide", "a", "a")
    assert {e.tag for e in root.iter()} == {e.tag for e in plain.iter()}
    legible = re.sub("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]", "", title)
    shown = [re.sub("[?\x09\x0a\x0d\x85\u2028\u2029]", "", word) for word in words_of(root)]
    assert legible.replace("?", "") in shown


def test_a_maps_picture_has_a_pixel_a_cell_in_the_scales_colours() -> None:
    log10 = np.linspace(-14, 4, 30).reshape(6, 5)
    panel = Map("map", "", log10, TimeAxis(np.arange(6), 5), Units(np.arange(5)))
    scale = kept(-12.0)
    picture = images(drawing(alone(panel)))[0]
    assert picture.shape == (5, 6, 4)
    expected = shades(scale)[shade_numbers(log10.T[::-1], scale)]
    below = log10.T[::-1] < -12
    assert below.any() and not below.all()
    np.testing.assert_array_equal(picture[~below][:, :3], expected[~below])
    # What lies below the scale is clear: the hatching beneath shows through.
    assert ((picture[..., 3] == 0) == below).all()


def test_hatching_lies_only_beneath_a_map_that_has_something_below_its_scale() -> None:
    def hatched(value: float) -> int:
        panel = Map(
            "map", "", np.full((3, 2), value), TimeAxis(np.arange(3), 2), Units(np.arange(2))
        )
        sheet = Sheet(200, 100, {"map": Box(40, 30, 160, 70)}, {}, frozenset())
        root = drawing(Figure((panel,), {"wide": sheet}, SCALES))
        pattern = root.find(f".//{SVG}pattern/{SVG}path")
        assert pattern is not None and pattern.attrib["stroke"] == HATCH
        return len([e for e in root.iter(f"{SVG}rect") if e.attrib.get("fill") == "url(#hatching)"])

    assert (hatched(-12.0), hatched(-12.1), hatched(-np.inf)) == (0, 1, 1)


def test_steps_that_a_map_does_not_tell_are_left_dark() -> None:
    time = TimeAxis(np.arange(1, 5), 4)
    panel = Map("map", "", np.zeros((4, 2)), time, Units(np.arange(2)))
    picture = images(drawing(alone(panel, 100, 40)))[0]
    cell = picture.shape[1] // 5
    assert (picture[:, : cell - 1] == [*rgb_of(ROAD), 255]).all()
    assert (picture[:, cell + 1 :, 0] > 200).all()


def test_curves_end_at_the_panels_border_and_dots_are_circles() -> None:
    panel = next(panel for panel in PANELS if panel.name == "plane")
    steep = Line("steep", np.array([-9.0, 9.0]), "#123456", at=np.array([-1.0, 1.0]))
    assert isinstance(panel, Curves)
    root = drawing(alone(Curves("plane", "", (*panel.lines, steep), panel.x, panel.y), 250, 250))
    (path,) = [
        e.attrib["d"] for e in root.iter(f"{SVG}path") if e.attrib.get("stroke") == "#123456"
    ]
    ends = [[float(n) for n in point.split()] for point in path[1:].split("L")]
    assert sorted(y for _, y in ends) == pytest.approx([30, 280])
    dots = [
        e for e in root.iter(f"{SVG}circle") if "fill" in e.attrib and e.attrib["fill"] == EXACT
    ]
    at = [complex(float(e.attrib["cx"]), float(e.attrib["cy"])) for e in dots]
    expected = [
        complex(40 + 100 * (z.real + 1.25), 30 + 100 * (1.25 - z.imag)) for z in EIGENVALUES
    ]
    assert at == pytest.approx(expected, abs=0.02)


def test_a_panel_without_a_place_is_left_out() -> None:
    assert "From unit to unit" in words_of(drawing(gallery(), "wide"))
    assert "From unit to unit" not in words_of(drawing(gallery(), "narrow"))
    assert len(images(drawing(gallery(), "wide"))) == 4 + 3, "four maps, three bars"
    assert len(images(drawing(gallery(), "narrow"))) == 3 + 1


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_words_above_the_figure_make_it_higher_and_are_broken_into_lines(width: str) -> None:
    sentence = "What is to be seen in this figure, told at some length. " * 4
    root = drawing(gallery(), width, "A question?", sentence)
    sheet = gallery().sheets["wide" if width == "wide" else "narrow"]
    view = [float(n) for n in root.attrib["viewBox"].split()]
    assert view[1] < -50 and view[1] + view[3] == sheet.height
    said = [e for e in root.iter(f"{SVG}text") if float(e.attrib.get("y", 0)) < 0]
    assert " ".join(e.text or "" for e in said) == f"A question? {sentence}".strip()
    assert len(said) > 2
    for one in said:
        assert float(one.attrib["y"]) > view[1] + 5
        # Letters half as wide as high are wide ones.
        wide = 0.52 * float(one.attrib["font-size"]) * len(one.text or "")
        assert float(one.attrib["x"]) + wide < sheet.width
    assert drawing(gallery(), width).attrib["viewBox"] == f"0 0 {sheet.width} {sheet.height}"
