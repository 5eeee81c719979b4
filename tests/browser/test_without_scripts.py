"""The page with JavaScript off: the picture, and a form that is sent."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.lab import Lab


@pytest.fixture
def bare(visit: Visit) -> Lab:
    lab = visit(java_script_enabled=False)
    lab.page.goto(lab.server)
    return lab


def test_the_picture_and_the_reading_are_there(bare: Lab) -> None:
    picture = bare.page.locator(".figure img")
    expect(picture).to_be_visible()
    shot = picture.screenshot()
    assert len(set(shot)) > 100 and len(shot) > 5000, "nothing is in the picture"
    assert bare.reading == bare.answer()["reading"]["headline"]


def test_what_needs_a_script_is_not_offered(bare: Lab) -> None:
    for needs_script in ("#theme", "#copy", "input[type=range]"):
        assert bare.page.locator(needs_script).locator("visible=true").count() == 0


def test_the_form_lands_on_the_canonical_link(bare: Lab) -> None:
    bare.field("b_f").fill("3.50")
    bare.field("T").fill("80")
    bare.field("act").select_option("relu")
    bare.page.get_by_role("button", name="Show").click()
    bare.page.wait_for_url("**/?v=1&**")
    assert bare.address == "/?v=1&T=80&b_f=3.5&act=relu"
    assert bare.field("b_f").input_value() == "3.5"
    assert bare.reading == bare.answer()["reading"]["headline"]


def test_the_form_carries_ones_own_words(bare: Lab) -> None:
    bare.field("signal").select_option("text")
    bare.page.get_by_role("button", name="Show").click()
    bare.page.wait_for_url("**/?v=1&signal=text")
    bare.field("text").fill("1 + 1 = 2 & é")
    bare.page.get_by_role("button", name="Show").click()
    bare.page.wait_for_url("**&text=*")
    assert bare.address == "/?v=1&signal=text&text=1%20%2B%201%20%3D%202%20%26%20%C3%A9"
    assert bare.field("text").input_value() == "1 + 1 = 2 & é"


def test_presets_are_links(bare: Lab) -> None:
    bare.page.get_by_role("link", name="Forget bias 5").click()
    bare.page.wait_for_url("**/?v=1&b_f=5")
    expect(bare.page.locator(".figure img")).to_be_visible()


def test_what_a_damaged_link_was_read_as_stands_in_its_address(bare: Lab) -> None:
    bare.page.goto(f"{bare.server}/?T=10&H=4&b_f=3)")
    assert bare.page.url == f"{bare.server}/?v=1&T=10&H=4&b_f=3#read=b_f=3)&as=b_f=3"
    assert bare.field("b_f").input_value() == "3"
