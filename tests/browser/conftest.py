"""A Chromium for these tests; every page in it is watched to its end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from bench.page import launch
from tests.browser.lab import PATIENCE_S, Lab

Visit = Callable[..., Lab]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.nodeid:
            item.add_marker(pytest.mark.browser)


# Only while these tests run: Playwright's loop would be in the way of others.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_S * 1e3)
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Visit]:
    """Opens a page in a new context. At the end none of them may have written an error to the
    console, thrown, met the content policy or asked another host."""
    labs: list[Lab] = []

    def new(**options: Any) -> Lab:
        context = browser.new_context(**{"viewport": DESKTOP} | options)
        labs.append(Lab(context, server))
        return labs[-1]

    yield new
    for lab in labs:
        lab.context.close()
    assert [trouble for lab in labs for trouble in lab.troubles] == []


@pytest.fixture
def lab(visit: Visit) -> Lab:
    return visit()
