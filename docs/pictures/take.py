"""``python -m docs.pictures.take URL``: pictures of the page of a running app, for the README."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZES = {"": (1440, 1010), "-phone": (390, 844)}


def take(url: str) -> None:
    """Photograph the highway page, wide and on a phone, dark and light."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for theme in ("dark", "light"):
            for name, (width, height) in SIZES.items():
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=theme
                )
                page.goto(url)
                page.wait_for_selector(".figure.drawn")
                page.wait_for_timeout(300)
                page.screenshot(path=Path(__file__).with_name(f"highway-{theme}{name}.png"))
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1])
