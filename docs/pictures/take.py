"""``python -m docs.pictures.take URL``: pictures of every page of a running app, and their list.

Small files for the README and the docs: each has as many colours as fit into `MOST_BYTES`.
"""

import io
import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.lenses import LENSES
from app.links import path_of
from bench.page import launch

HERE = Path(__file__).parent
WIDE, PHONE = (1440, 1010), (390, 844)
MOST_BYTES = 120_000
PATIENCE_MS, LONG_PATIENCE_MS = 10_000, 120_000


class Shot(NamedTuple):
    """One picture: its file's name, what is opened, what it shows, how."""

    name: str
    path: str
    shows: str
    size: tuple[int, int] = WIDE
    theme: str = "dark"


def shots() -> list[Shot]:
    """Every page, wide and dark; the lenses on a phone by day too."""
    found = []
    for lens, module in LENSES.items():
        path, shows = path_of(lens), f"{module.TITLE}: {module.QUESTION}"
        found.append(Shot(f"{lens}-dark", path, shows))
        found.append(Shot(f"{lens}-light-phone", path, shows, PHONE, "light"))
    return [
        *found,
        Shot("highway-light", "/", "The front page by day", theme="light"),
        Shot("forget-bias-5", "/?v=1&b_f=5&gain=3", "Kept by the carry, exploding on detours"),
        Shot("embed-light", "/embed/highway", "A lens in a frame", (800, 560), "light"),
        Shot("api-light", "/api", "What a program can ask", theme="light"),
        Shot("wrong-link-light", "/?v=1&b_f=99&colour=red", "A wrong link", theme="light"),
    ]


def opened(browser: Browser, url: str, shot: Shot) -> Page:
    """A page as it stands once its figure, where it has one, is drawn."""
    width, height = shot.size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if shot.theme == "dark" else "light",
    )
    page.goto(url.rstrip("/") + shot.path, wait_until="load")
    page.mouse.move(1, 1)  # the plot waits for a hand
    if page.locator("#figure").count():
        page.wait_for_selector(".figure.drawn", timeout=PATIENCE_MS)
    if page.locator("#toil").count():
        page.wait_for_selector("#toil.done", timeout=LONG_PATIENCE_MS)
    page.wait_for_timeout(300)
    return page


def small(png: bytes) -> bytes:
    """A picture in as many colours as fit."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32, 16):
        out = io.BytesIO()
        # Dithering would cost more bytes than it saves colours.
        few = image.quantize(palette=palette(image, colours), dither=Image.Dither.NONE)
        few.save(out, "PNG", optimize=True)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


def palette(image: Image.Image, colours: int) -> Image.Image:
    """Five eighths for the colours of most pixels, the rest for rare ones: lines, scales."""
    shares = (
        (colours * 5 // 8, Image.Quantize.MEDIANCUT),
        (colours * 3 // 8, Image.Quantize.MAXCOVERAGE),
    )
    chosen = Image.new("P", (1, 1))
    chosen.putpalette([level for share, method in shares for level in picked(image, share, method)])
    return chosen


def picked(image: Image.Image, colours: int, method: Image.Quantize) -> list[int]:
    """So many colours of a picture: red, green, blue, red, …"""
    return (image.quantize(colours, method).getpalette() or [])[: 3 * colours]


def take(url: str) -> None:
    """Photograph every page and write the list of the pictures."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for shot in shots():
            page = opened(browser, url, shot)
            (HERE / f"{shot.name}.png").write_bytes(small(page.screenshot()))
            page.close()
        browser.close()
    (HERE / "README.md").write_text(gallery(), encoding="utf-8")


def gallery() -> str:
    """The list of the pictures, as Markdown."""
    parts = [f"## {shot.shows}\n\n![{shot.shows}]({shot.name}.png)\n" for shot in shots()]
    how = "Taken of a running app by `python -m docs.pictures.take URL`."
    return "\n".join(["# Pictures\n", f"{how}\n", *parts])


if __name__ == "__main__":
    take(sys.argv[1])
