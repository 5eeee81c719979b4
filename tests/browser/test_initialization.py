"""Choosing an initialization sets the forget bias that belongs to it, in one step."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab


def entries(lab: Lab) -> int:
    count = lab.page.evaluate("history.length")
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize(
    ("start", "init", "end", "said"),
    [
        ("/?v=1&T=12&H=3", "pytorch", "/?v=1&T=12&H=3&b_f=0&init=pytorch", "PyTorch’s own LSTM"),
        ("/?v=1&T=12&H=3&b_f=0&init=pytorch", "keras", "/?v=1&T=12&H=3", "Keras’ own LSTM"),
        ("/?v=1&T=12&H=3&cell=gru&init=normal", "keras", "/?v=1&T=12&H=3&cell=gru&b_f=0", "GRU"),
    ],
)
def test_an_initialization_brings_its_own_forget_bias_in_one_step(
    lab: Lab, start: str, init: str, end: str, said: str
) -> None:
    lab.open(start)
    before, was = entries(lab), lab.field("b_f").input_value()
    lab.field("init").select_option(init)
    lab.until_drawn(end)
    assert entries(lab) == before + 1
    expect(lab.page.locator("#bias-set")).to_contain_text(said)
    expect(lab.page.locator("#bias-set")).to_contain_text(f"set from {was} to")
    lab.check_numbers()
    lab.page.go_back()
    lab.until_drawn(start)
    assert lab.field("b_f").input_value() == was
    expect(lab.page.locator("#bias-set")).to_be_empty()


def test_undo_takes_back_the_whole_step_and_the_bias_alone_can_be_kept(lab: Lab) -> None:
    lab.open("/?v=1&T=12&H=3&b_f=5")
    lab.field("init").select_option("pytorch")
    lab.until_drawn("/?v=1&T=12&H=3&b_f=0&init=pytorch")
    lab.page.locator("#bias-undo").click()
    lab.until_drawn("/?v=1&T=12&H=3&b_f=5")
    assert lab.field("init").input_value() == "keras"
    lab.field("init").select_option("pytorch")
    lab.until_drawn("/?v=1&T=12&H=3&b_f=0&init=pytorch")
    lab.page.locator("#bias-keep").click()
    lab.until_drawn("/?v=1&T=12&H=3&b_f=5&init=pytorch")
    expect(lab.page.locator("#warnings")).to_contain_text("PyTorch’s own LSTM has b_f = 0")
    lab.page.locator("#warnings").get_by_role("link", name="Set b_f = 0").click()
    lab.until_drawn("/?v=1&T=12&H=3&b_f=0&init=pytorch")


def test_its_own_replaces_a_bias_that_cannot_be(lab: Lab) -> None:
    lab.open("/?v=1&T=12&H=3")
    lab.field("b_f").fill("99")
    expect(lab.page.locator("#b_f-wrong")).to_be_visible()
    lab.field("init").select_option("pytorch")
    lab.until_drawn("/?v=1&T=12&H=3&b_f=0&init=pytorch")
    expect(lab.field("b_f")).to_have_value("0")
    expect(lab.page.locator("#b_f-wrong")).to_have_count(0)
    keep = lab.page.locator("#bias-keep").get_attribute("href")
    assert keep == "/?v=1&T=12&H=3&init=pytorch"


def test_a_typed_chrono_is_one_step_and_another_knob_ends_the_message(lab: Lab) -> None:
    lab.open("/?v=1&T=12&H=3")
    before = entries(lab)
    field = lab.field("chrono")
    field.click()
    field.press("End")
    field.press("Backspace")
    field.press_sequentially("300", delay=40)
    field.press("Tab")
    lab.until_drawn("/?v=1&T=12&H=3&b_f=0&chrono=300")
    assert entries(lab) == before + 1
    expect(lab.page.locator("#bias-set")).to_contain_text("chrono initialization has b_f = 0")
    assert lab.page.locator("#bias-undo").get_attribute("href") == "/?v=1&T=12&H=3"
    keep = lab.page.locator("#bias-keep").get_attribute("href")
    assert keep is not None and "chrono=300" in keep and "b_f" not in keep
    lab.field("T").fill("13")
    lab.until_drawn("/?v=1&T=13&H=3&b_f=0&chrono=300")
    expect(lab.page.locator("#bias-set")).to_be_empty()


def test_where_nothing_belongs_nothing_is_set(lab: Lab) -> None:
    lab.open("/?v=1&T=12&H=3&b_f=3")
    lab.field("init").select_option("normal")
    lab.until_drawn("/?v=1&T=12&H=3&b_f=3&init=normal")
    expect(lab.page.locator("#bias-set")).to_be_empty()


def test_the_second_experiment_has_its_own(lab: Lab) -> None:
    lab.open("/compare?v=1&T=12&H=3")
    lab.field("vs_init").select_option("pytorch")
    lab.until_drawn("/compare?v=1&T=12&H=3&vs_b_f=0&vs_init=pytorch")
    expect(lab.page.locator("#bias-set")).to_contain_text("B’s b_f was set from 1 to 0")
    lab.field("vs_init").select_option("")
    lab.until_drawn("/compare?v=1&T=12&H=3")


def test_presets_come_and_go_with_the_cell(lab: Lab) -> None:
    lab.open("/?v=1&T=12&H=3")
    presets = lab.page.locator('nav.presets [data-link^="presets/"]')
    every = presets.all_inner_texts()
    assert every[:2] == ["Keras", "PyTorch"]
    lab.field("cell").select_option("coupled")
    lab.until_drawn("/?v=1&T=12&H=3&cell=coupled")
    assert presets.all_inner_texts() == every[2:]
    lab.field("cell").select_option("gru")
    lab.until_drawn("/?v=1&T=12&H=3&cell=gru")
    assert presets.all_inner_texts() == every
    lab.page.get_by_role("link", name="Keras", exact=True).click()
    lab.until_drawn("/?v=1&T=12&H=3&cell=gru&b_f=0")


def test_the_article_does_so_too(lab: Lab) -> None:
    lab.open("/learn?v=1&T=12&H=3")
    lab.field("init").select_option("pytorch")
    lab.until_drawn("/learn?v=1&T=12&H=3&b_f=0&init=pytorch")
    expect(lab.page.locator("#bias-set")).to_contain_text("PyTorch’s own LSTM")
