"""Work that takes longer, as one watches it: how far it is, stopping, coming back, going on."""

import re
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import orjson
from playwright.sync_api import Page, expect

from app.lenses import LENSES
from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import Lab

LONG = "/phase?v=1&H=64&T=400&seeds=16&x_points=48&y_points=48"
SHORT = "/phase?v=1&T=20&H=4&seeds=2&x_points=9&y_points=9"
LESSON = "/training?v=1&T=10&H=12&seed=1&batch=32&updates=300"
SHARE = "() => document.querySelector('#toil progress').value"


def get(address: str) -> bytes:
    """What a server answers a program."""
    with urlopen(address) as answer:
        found: bytes = answer.read()
    return found


def share(page: Page) -> float:
    found: float = page.evaluate(SHARE)
    return found


def done(page: Page) -> None:
    """Wait until the work has come to its end."""
    expect(page.locator("#toil .left")).to_have_text("Done", timeout=120e3)


def beyond(page: Page, least: float) -> float:
    """Wait until more of the work is done than that."""
    page.wait_for_function(f"() => ({SHARE})() > {least}", timeout=60e3)
    return share(page)


def test_progress_moves_stop_stops_and_go_on_goes_on_from_there(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + LONG)
    page.wait_for_selector("#figure.drawn")
    first = beyond(page, 0.0)
    assert beyond(page, first) > first
    expect(page.locator("#toil .left")).to_have_text(re.compile(r"\d+%, about .* left"))
    page.locator("#toil button").click()
    expect(page.locator("#toil .left")).to_have_text(re.compile(r"Stopped at \d+%"))
    stopped = share(page)
    page.wait_for_timeout(1500)
    assert share(page) == stopped
    busy = re.search(r"_workers_busy (\d\S*)", get(lab.server + "/metrics").decode())
    assert busy and float(busy[1]) == 0
    page.get_by_role("button", name="Go on").click()
    assert beyond(page, stopped) > stopped


def test_a_page_that_is_loaded_again_goes_on_where_it_was(lab: Lab) -> None:
    page = lab.page
    page.goto(f"{lab.server}{LONG}&seed=5")
    before = beyond(page, 0.02)
    page.reload()
    page.wait_for_function("() => document.querySelector('#toil progress').value > 0")
    assert share(page) >= before


def test_a_map_comes_to_its_end_and_a_click_opens_the_experiment_there(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + SHORT)
    done(page)
    page.wait_for_selector("#figure.drawn")
    answer = orjson.loads(get(lab.server + SHORT.replace("/phase", "/api/phase")))
    lab.page.mouse.click(*lab.place("highway share", 3, 6))
    page.wait_for_url(re.compile(r"/\?"))
    knobs = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    assert float(knobs["b_f"]) == answer["x"]["values"][3]
    assert float(knobs.get("gain", 1)) == answer["y"]["values"][6]
    assert knobs["T"] == "20" and knobs["H"] == "4"
    expect(page.locator("h1")).to_have_text(LENSES["highway"].QUESTION)


def test_training_is_watched_to_its_end_and_the_line_of_time_goes_back(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + LESSON)
    done(page)
    answer = orjson.loads(get(lab.server + LESSON.replace("/training", "/api/training")))
    moments = answer["updates"]
    slider, output = page.locator("#timeline input"), page.locator("#timeline output")
    expect(slider).to_have_attribute("max", str(len(moments) - 1))
    expect(output).to_have_text(f"update {moments[-1]}")
    slider.evaluate("(slider) => { slider.value = 2; slider.dispatchEvent(new Event('input')); }")
    expect(output).to_have_text(f"update {moments[2]}")
    expect(page.locator("[data-part=numbers]")).to_contain_text(f"{moments[2]}")
    slider.dispatch_event("change")
    expect(page).to_have_url(re.compile(f"update={moments[2]}"))
    page.reload()
    done(page)
    expect(output).to_have_text(f"update {moments[2]}")
    page.locator("#timeline button").click()
    expect(output).to_have_text(f"update {moments[-1]}")
    expect(page.locator("#timeline button")).to_have_text("Play")


def test_a_busy_server_is_told_of_and_asked_again(lab: Lab) -> None:
    page = lab.page
    lab.expected.append("503")
    refused = {"times": 0}

    def send_away(route: object) -> None:
        refused["times"] += 1
        problem = {"title": "Too many at once", "detail": "Sixteen are watched.", "status": 503}
        route.fulfill(  # type: ignore[attr-defined]
            status=503, headers={"Retry-After": "1"}, body=orjson.dumps(problem).decode()
        )

    page.route("**/stream/phase*", send_away, times=2)
    page.goto(lab.server + SHORT)
    expect(page.locator("#trouble")).to_contain_text("Too many at once")
    done(page)
    expect(page.locator("#trouble")).to_be_hidden()
    assert refused["times"] == 2


def test_without_scripts_the_whole_default_is_shown(visit: Visit) -> None:
    lab = visit(java_script_enabled=False)
    lab.page.goto(lab.server + SHORT)
    picture = lab.page.locator("main picture img")
    expect(picture).to_be_visible()
    size = picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)")
    assert size == 1200
    lab.page.reload()
    expect(lab.page.locator("#reading")).not_to_contain_text("worked out")


def test_on_a_phone_bar_and_line_of_time_fit(visit: Visit) -> None:
    lab = visit(viewport=PHONE)
    lab.page.goto(lab.server + LESSON + "&task=order")
    done(lab.page)
    width = lab.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    expect(lab.page.locator("#timeline input")).to_be_visible()
