"""A lens taken elsewhere: in a frame of another page, as a file without a network, on paper."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Request, expect

from app.export import frame
from tests.browser.conftest import DESKTOP, PHONE, Visit

Frame = Callable[[str], tuple[Page, FrameLocator]]

QUERY = "v=1&T=40&H=6&b_f=2"
DRAWN = "() => document.querySelector('.plot').data.map(({ name, y }) => [name, ...y])"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor of another site, or of a file. No error may be written to the console."""
    context = browser.new_context(viewport=DESKTOP)
    errors: list[str] = []
    context.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert errors == []


@pytest.fixture
def framed(context: BrowserContext, tmp_path: Path) -> Iterator[Frame]:
    """Shows a lens in a frame of another site's page, drawn. The site is a server of its own, for
    a browser lets no page that it was handed otherwise into this machine."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    Thread(target=site.serve_forever, daemon=True).start()

    def show(source: str) -> tuple[Page, FrameLocator]:
        html = f"<!doctype html><title>Elsewhere</title>{frame(source, 'A lens')}"
        (tmp_path / "index.html").write_text(html)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{site.server_port}/index.html")
        lens = page.frame_locator("iframe")
        expect(lens.locator(".figure.drawn")).to_be_visible()
        return page, lens

    yield show
    site.shutdown()
    site.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":  # which every browser asks for
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
        else:
            super().do_GET()


def told(context: BrowserContext, address: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(context.request.get(address).body())
    return answer


def test_another_page_shows_the_lens_in_a_frame(
    context: BrowserContext, framed: Frame, server: str
) -> None:
    page, lens = framed(f"{server}/embed/highway?{QUERY}")
    answer = told(context, f"{server}/api/highway?{QUERY}")
    sentence = answer["reading"]["headline"]
    expect(lens.locator("h1")).to_have_attribute("title", sentence)
    whole = lens.get_by_role("link", name="Open in Gradient Highways")
    expect(whole).to_have_attribute("href", f"{server}/?{QUERY}")
    assert lens.locator("form, button, input").count() == 0
    for link in lens.locator("a").all():
        with page.expect_popup() as opened:
            link.click()
        opened.value.wait_for_load_state()
        assert opened.value.url.startswith(f"{server}/"), "no link stays within the frame"
        opened.value.close()


def test_a_frame_marks_what_one_points_at(framed: Frame, server: str) -> None:
    page, lens = framed(f"{server}/embed/highway?{QUERY}")
    box = lens.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.2)
    expect(lens.locator(".tip")).to_contain_text("step")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_frame_takes_the_theme_that_its_address_asks_for(
    framed: Frame, server: str, theme: str
) -> None:
    _, lens = framed(f"{server}/embed/highway?{QUERY}#{theme}")
    expect(lens.locator("html")).to_have_attribute("data-theme", theme)
    paper = lens.locator("html").evaluate("(html) => getComputedStyle(html).backgroundColor")
    assert (paper == "rgb(250, 249, 246)") == (theme == "light")


@pytest.mark.parametrize("size", [(280, 300), (360, 640), (560, 420), (1000, 600), (1600, 500)])
def test_a_frame_of_any_size_scrolls_one_way_alone(
    context: BrowserContext, server: str, size: tuple[int, int]
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{server}/embed/highway?{QUERY}")
    expect(page.locator(".figure.drawn")).to_be_visible()
    wide, high = page.evaluate(
        "() => { const { scrollWidth, scrollHeight } = document.documentElement;"
        " return [scrollWidth, scrollHeight]; }"
    )
    assert wide <= size[0]
    if size[0] >= 560:
        assert high <= size[1], "all of it is in sight"
    (picture,) = page.evaluate("() => [document.querySelector('.plot').layout.meta]")
    figure = page.locator(".figure").bounding_box()
    assert figure is not None
    shape = picture["width"] / picture["height"]
    assert figure["width"] / figure["height"] == pytest.approx(shape, rel=0.01)


@pytest.fixture
def taken(context: BrowserContext, server: str, tmp_path: Path) -> Path:
    """A lens as a file, and the network gone."""
    answer = context.request.get(f"{server}/export/highway.html?{QUERY}")
    assert answer.ok and "attachment" in answer.headers["content-disposition"]
    file = tmp_path / "highway.html"
    file.write_bytes(answer.body())
    return file


def test_a_file_opens_without_a_network_and_asks_for_nothing(
    context: BrowserContext, server: str, taken: Path
) -> None:
    answer = told(context, f"{server}/api/highway?{QUERY}")
    asked: list[str] = []
    context.set_offline(True)
    context.on("request", lambda request: asked.append(outside(request)))
    page = context.new_page()
    page.goto(taken.as_uri())
    expect(page.locator(".figure.drawn")).to_be_visible()
    box = page.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.2)
    expect(page.locator(".tip")).to_contain_text("step")
    assert [one for one in asked if one] == [taken.as_uri()]
    assert json.loads(page.locator("#answer").text_content() or "") == answer
    exact = next(values for name, *values in reversed(page.evaluate(DRAWN)) if name == "exact")
    assert exact == pytest.approx(answer["norms"]["cell_exact"]["rms"], rel=1e-6, abs=1e-6)


def outside(request: Request) -> str:
    """What a request asks for, if it is more than what the page itself holds."""
    return "" if request.url.startswith(("data:", "blob:")) else request.url


def test_a_file_shows_its_figure_without_scripts(browser: Browser, taken: Path) -> None:
    bare = browser.new_context(java_script_enabled=False, offline=True, viewport=PHONE)
    page = bare.new_page()
    page.goto(taken.as_uri())
    picture = page.locator(".figure img")
    expect(picture).to_be_visible()
    assert len(set(picture.screenshot())) > 100
    bare.close()


PAPER = """() => {
  window.paper = [];
  addEventListener("beforeprint", () => {
    const drawings = [...document.querySelectorAll(".main-svg")];
    paper = drawings.map((drawing) => drawing.getAttribute("viewBox"));
  });
}"""


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_paper_takes_the_plot_as_it_stands(visit: Visit, viewport: dict[str, int]) -> None:
    lab = visit(viewport=viewport)
    lab.open(f"/?{QUERY}")
    before = lab.page.evaluate(DRAWN)
    lab.page.evaluate(PAPER)
    pages = lab.page.pdf(format="A4").count(b"/Type /Page\n")
    boxes = lab.page.evaluate("() => paper")
    assert boxes and all(box and box.startswith("0 0 ") for box in boxes)
    assert 1 <= pages <= 4
    lab.shown()
    assert lab.page.evaluate(DRAWN) == before
    assert lab.page.locator(".main-svg[viewBox]").count() == 0
    assert lab.probed("drawn") == [f"/?{QUERY}"], "printing draws nothing anew"
