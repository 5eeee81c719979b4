"""Fields: a message stands where the value is wrong, and what is pasted is read or asked about."""

import base64

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.lab import Lab

DROP = """([id, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  for (const type of ["dragover", "drop"]) {
    const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer });
    document.getElementById(id).dispatchEvent(event);
  }
}"""


@pytest.fixture
def own(lab: Lab) -> Lab:
    lab.open("/?v=1&H=4&signal=series")
    return lab


def reads(lab: Lab, text: str, series: str) -> None:
    lab.field("series").fill(text)
    lab.until_drawn(f"/?v=1&H=4&signal=series&series={series}")


# Values that cannot be ---------------------------------------------------------------------------


def test_the_first_value_out_of_range_keeps_its_message(lab: Lab) -> None:
    """The plot comes afterwards, and has nothing to say about it."""
    lab.page.goto(lab.server)
    field, message = lab.field("T"), lab.page.locator("#T-wrong")
    field.fill("999999")
    lab.field("b_f").fill("99")
    lab.until("() => probe.drawn.length > 0")
    expect(lab.page.locator("#b_f-wrong")).to_contain_text("b_f must be a number from -20 to 20")
    lab.field("b_f").fill("1")
    lab.page.wait_for_timeout(300)
    expect(message).to_be_visible()
    expect(message).to_contain_text("must be a whole number from 1 to 20000")
    expect(message).to_contain_text("still shows 100")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert "T-wrong" in (field.get_attribute("aria-describedby") or "").split()
    lab.slider("b_f").press("ArrowRight")
    lab.until_drawn("/?v=1&b_f=1.1")
    expect(message).to_be_visible()
    field.fill("50")
    lab.until_drawn("/?v=1&T=50&b_f=1.1")
    expect(message).to_have_count(0)
    assert field.get_attribute("aria-invalid") is None


def test_reals_are_read_as_people_write_them(lab: Lab) -> None:
    lab.open()
    for typed, value in (
        ("2,5", "2.5"),
        ("−3", "-3"),
        ("+3", "3"),
        ("1.5E+01", "15"),
        (" 2 ", "2"),
    ):
        lab.field("b_f").fill(typed)
        lab.until_drawn(f"/?v=1&b_f={value}")


def test_what_cannot_be_read_is_said_at_the_field(lab: Lab) -> None:
    lab.open()
    for key, typed, words in (
        ("b_f", "1,234", "1.234 or 1234"),
        ("b_f", "many", "“many” cannot be read as a number"),
        ("T", "2,5", "“2,5” cannot be read as a whole number"),
        ("T", "1.000", "“1.000” cannot be read as a whole number"),
        ("seed", "-1", "must be a whole number from 0 to 4294967295"),
    ):
        lab.field(key).fill(typed)
        expect(lab.page.locator(f"#{key}-wrong")).to_contain_text(words)
        assert lab.address == "/"


def test_arrow_keys_count(lab: Lab) -> None:
    lab.open()
    lab.field("b_f").press("ArrowUp")
    lab.until_drawn("/?v=1&b_f=1.1")
    lab.field("T").press("ArrowDown")
    lab.until_drawn("/?v=1&T=99&b_f=1.1")


# The value in force ------------------------------------------------------------------------------


def test_greyed_fields_show_the_value_in_force(lab: Lab) -> None:
    lab.open("/?v=1&T=50&H=4")
    lab.field("signal").select_option("series")
    lab.until_drawn("/?v=1&H=4&signal=series")
    expect(lab.field("T")).to_have_value("12")
    expect(lab.field("D")).to_have_value("1")
    expect(lab.field("T")).to_be_disabled()
    reads(lab, "1, 2; 3, 5; 4, 8", "1,2;3,5;4,8")
    expect(lab.field("T")).to_have_value("3")
    expect(lab.field("D")).to_have_value("2")
    lab.field("signal").select_option("noise")
    lab.until_drawn("/?v=1&T=50&H=4")
    expect(lab.field("T")).to_have_value("50")
    expect(lab.field("D")).to_have_value("8")


def test_they_do_so_from_the_start(lab: Lab) -> None:
    lab.open("/?v=1&signal=text&text=abc")
    expect(lab.field("T")).to_have_value("3")
    lab.field("signal").select_option("noise")
    lab.until_drawn("/")
    expect(lab.field("T")).to_have_value("100")


def test_numbers_that_play_no_part_yet_keep_their_spaces(lab: Lab) -> None:
    """So that no comma in them can be decimal once somebody goes on typing."""
    lab.open("/?v=1&T=9&H=4")
    before = lab.field("series").input_value()
    lab.field("b_f").fill("2")
    lab.until_drawn("/?v=1&T=9&H=4&b_f=2")
    assert lab.field("series").input_value() == before
    assert before.startswith("1, 1, 2, 3")


# Numbers from elsewhere --------------------------------------------------------------------------


def test_a_paste_with_one_meaning_is_read(own: Lab) -> None:
    reads(own, "2,6;2;2,2", "2.6,2,2.2")
    expect(own.page.locator("[data-knob=series] .as-read")).to_contain_text(
        "3 numbers, decimal commas"
    )
    reads(own, "0,5\n0,7", "0.5,0.7")
    reads(own, "1.000000000000000000e+00\n2.500000000000000000e-01", "1,0.25")


def test_a_paste_with_none_is_refused_at_its_field(own: Lab) -> None:
    own.expected.append("422")
    message = own.page.locator("#series-wrong")
    for text, words in (
        ("1,234.5", "Number 1, “1,234.5”, can be one number"),
        ("1,,3", "Number 2 is missing"),
        ("1\nNA\n3", "Number 2 (line 2), “NA”, is a missing value"),
        ("1\n1'234", "Number 2 (line 2), “1'234”, has a thousands separator: write 1234"),
    ):
        own.field("series").fill(text)
        expect(message).to_contain_text(words)
        assert own.address == "/?v=1&H=4&signal=series"
    own.slider("b_f").press("ArrowRight")
    own.until_drawn("/?v=1&H=4&b_f=1.1&signal=series")
    expect(message).to_be_visible()
    own.field("series").fill("1, 2")
    own.until_drawn("/?v=1&H=4&b_f=1.1&signal=series&series=1,2")
    expect(message).to_have_count(0)


def test_where_there_are_two_meanings_one_is_chosen(own: Lab) -> None:
    own.expected.append("422")
    own.field("series").fill("1,2;3,4")
    expect(own.page.locator("#series-wrong")).to_contain_text("can be read in 2 ways")
    assert own.address == "/?v=1&H=4&signal=series"
    own.page.get_by_role("button", name="Read as 1, 2; 3, 4").click()
    own.until_drawn("/?v=1&H=4&signal=series&series=1,2;3,4")
    own.field("series").fill("1,2;3,4")
    own.page.get_by_role("button", name="Read as 1.2, 3.4").click()
    own.until_drawn("/?v=1&H=4&signal=series&series=1.2,3.4")


def test_a_file_is_dropped_and_its_columns_are_chosen(own: Lab) -> None:
    data = base64.b64encode(
        "date;temp;hum\r\n2024-01-01;0,5;7\r\n2024-01-02;0,7;8".encode("utf-16")
    )
    own.page.evaluate(DROP, ["series", "weather.csv", data.decode()])
    own.until_drawn("/?v=1&H=4&signal=series&series=0.5,7;0.7,8")
    expect(own.field("series")).to_have_value("0.5, 7; 0.7, 8")
    own.page.get_by_role("checkbox", name="hum").uncheck()
    own.until_drawn("/?v=1&H=4&signal=series&series=0.5,0.7")
    assert own.page.get_by_role("checkbox", name="date").is_disabled()
    own.page.locator("[data-link=reset]").click()
    own.until_drawn("/")
    expect(own.page.get_by_role("checkbox", name="hum")).to_have_count(0)


def test_a_file_is_chosen(own: Lab) -> None:
    file = {"name": "x.txt", "mimeType": "text/plain", "buffer": b"1.5 2\n2.5 3\n"}
    own.page.locator("[data-knob=series] [type=file]").set_input_files([file])
    own.until_drawn("/?v=1&H=4&signal=series&series=1.5,2;2.5,3")


def test_numbers_may_stay_as_they_are(own: Lab) -> None:
    own.field("standardize").select_option("0")
    own.until_drawn("/?v=1&H=4&signal=series&standardize=0")


def test_without_scripts_the_form_is_read_too(visit: Visit) -> None:
    bare = visit(java_script_enabled=False)
    bare.page.goto(f"{bare.server}/?v=1&H=4&signal=series")
    bare.field("series").fill("0,5\n0,7")
    bare.page.get_by_role("button", name="Show").click()
    bare.page.wait_for_url("**series=0.5,0.7")
    assert bare.address == "/?v=1&H=4&signal=series&series=0.5,0.7"
    expect(bare.field("T")).to_have_value("2")
