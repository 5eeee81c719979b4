"""Work that takes longer, as one watches it: how far it is, stopping, coming back, going on."""

import re
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import orjson
import pytest
from playwright.sync_api import Page, Route, expect

from app.lenses import LENSES
from app.reading import Fact, told
from tests.browser.conftest import PHONE, Visit
from tests.browser.lab import Lab

LONG = "/phase?v=1&H=64&T=400&seeds=16&x_points=48&y_points=48"
SHORT = "/phase?v=1&T=20&H=4&seeds=2&x_points=9&y_points=9"
# Only the gated cell has learnt it in the end, on every machine by far.
LESSON = "/training?v=1&T=30&H=12&b_f=3&seed=1&rate=0.02&batch=32&updates=300&floor=-30"
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
    expect(page.locator("#toil .left")).to_have_text("Done", timeout=300e3)


def beyond(page: Page, least: float) -> float:
    """Wait until more of the work is done than that."""
    page.wait_for_function(f"() => ({SHARE})() > {least}", timeout=300e3)
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
    page.goto(f"{lab.server}/phase?v=1&H=32&T=200&seeds=8&x_points=32&y_points=32&seed=5")
    before = beyond(page, 0.02)
    page.reload()
    page.wait_for_function("() => document.querySelector('#toil progress').value > 0")
    assert share(page) >= before


def test_a_map_comes_to_its_end_and_a_click_opens_the_experiment_there(lab: Lab) -> None:
    page = lab.page
    page.goto(f"{lab.server}{SHORT}&trained=5")  # which the map says nothing about
    done(page)
    page.wait_for_selector("#figure.drawn")
    answer = orjson.loads(get(lab.server + SHORT.replace("/phase", "/api/phase")))
    lab.page.mouse.click(*lab.place("highway share", 3, 6))
    page.wait_for_url(re.compile(r"/\?"))
    knobs = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
    assert float(knobs["b_f"]) == answer["x"]["values"][3]
    assert float(knobs.get("gain", 1)) == answer["y"]["values"][6]
    assert knobs["T"] == "20" and knobs["H"] == "4" and "trained" not in knobs
    expect(page.locator("h1")).to_have_text(LENSES["highway"].QUESTION)


def to_stage(page: Page, number: int) -> None:
    """Drag the line of time to a stage, and let go."""
    page.locator("#timeline input").evaluate(
        """(slider, number) => {
          slider.value = number;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
          slider.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        number,
    )


# Where links and words of the page are not those of the page that the server sends for its address.
UNLIKE_THE_SERVERS = """async () => {
  const html = await (await fetch(location.href)).text();
  const page = new DOMParser().parseFromString(html, "text/html");
  const links = (of) => [...of.querySelectorAll("a[data-link]")].map((a) => a.getAttribute("href"));
  const words = (of) => [...of.querySelectorAll("[data-part]")].map((part) => part.innerHTML);
  const [here, there] = [document, page].map((of) => [...links(of), ...words(of)]);
  return here.map((one, n) => [one, there[n]]).filter(([one, other]) => one !== other);
}"""


def test_training_is_watched_to_its_end_and_the_line_of_time_goes_back(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + LESSON)
    done(page)
    expect(page.locator("#reading")).to_contain_text(
        re.compile(
            r"^The LSTM solved the adding problem after \d+ updates; "
            r"the vanilla RNN still guesses after 300\."
        )
    )
    answer = orjson.loads(get(lab.server + LESSON.replace("/training", "/api/training")))
    moments = answer["updates"]
    slider, output = page.locator("#timeline input"), page.locator("#timeline output")
    expect(slider).to_have_attribute("max", str(len(moments) - 1))
    expect(output).to_have_text(f"update {moments[-1]}")
    to_stage(page, 2)
    expect(output).to_have_text(f"update {moments[2]}")
    numbers = page.locator("[data-part=numbers]")
    expect(numbers.locator("h2")).to_have_text(f"After {moments[2]} updates")
    lost = [answer[network]["snapshots"]["held_out_loss"][2] for network in ("cell", "rnn")]
    expect(numbers.locator("tr", has_text="never trained on").locator("td")).to_have_text(
        [told(Fact("", loss, "")) for loss in lost]
    )
    expect(page).to_have_url(re.compile(f"update={moments[2]}&floor=-30$"))
    page.reload()
    done(page)
    expect(output).to_have_text(f"update {moments[2]}")
    page.locator("#timeline button").click()
    expect(output).to_have_text(f"update {moments[-1]}")
    expect(page.locator("#timeline button")).to_have_text("Play")


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_page_that_was_scrubbed_is_the_one_its_address_opens(lab: Lab, number: int) -> None:
    page = lab.page
    page.goto(lab.server + LESSON)
    done(page)
    moments = orjson.loads(get(lab.server + LESSON.replace("/training", "/api/training")))[
        "updates"
    ]
    to_stage(page, 3 if number else 1)
    if number == 3:
        # Where it came from and where it leads: once it was the last itself.
        ways = page.locator("[id^=snapshot-]")
        expect(ways).to_have_text(["the first", "the one before", "the one after", "the last"])
        updates = ways.evaluate_all(
            "(all) => all.map(({ search }) => /update=(\\d+)/.exec(search)[1])"
        )
        assert list(map(int, updates)) == [moments[n] for n in (0, 2, 4, -1)]
    else:
        page.get_by_role("link", name="the last" if number else "the first", exact=True).click()
    expect(page).to_have_url(re.compile(f"update={moments[number]}&floor=-30$"))
    assert page.evaluate(UNLIKE_THE_SERVERS) == []
    files = {
        name: page.locator(f"[data-link='{name}']").first.get_attribute("href") or ""
        for name in ("files/PNG", "files/HTML", "embed", "pages/compare", "files/JSON", "reset")
    }
    seen = {name for name, address in files.items() if f"update={moments[number]}&" in address}
    assert seen == {"files/PNG", "files/HTML", "embed", "pages/compare"}


def test_another_page_and_the_way_back_keep_the_moment(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + LESSON)
    done(page)
    output = page.locator("#timeline output")
    page.get_by_role("link", name="the first", exact=True).click()
    expect(output).to_have_text("update 0")
    page.go_back()
    expect(output).to_have_text("update 300")
    page.go_forward()
    expect(output).to_have_text("update 0")
    page.get_by_role("link", name="Compare with…").click()
    expect(page.locator("h1")).to_have_text(LENSES["compare"].QUESTION)
    expect(page).to_have_url(re.compile(r"/compare\?.*&update=0&floor=-30$"))


def test_who_pauses_stays_where_it_stopped(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + LESSON)
    done(page)
    button, output = page.locator("#timeline button"), page.locator("#timeline output")
    button.click()
    expect(output).to_have_text(re.compile(r"update [1-9]\d?$"))
    button.click()
    expect(button).to_have_text("Play")
    at = output.inner_text().removeprefix("update ")
    expect(page).to_have_url(re.compile(f"update={at}&"))
    assert page.evaluate(UNLIKE_THE_SERVERS) == []


def refusing(page: Page, status: int, headers: dict[str, str], times: int) -> list[str]:
    """Send a page's streams away so many times; the list grows with every one that was."""
    refused: list[str] = []

    def send_away(route: Route) -> None:
        refused.append(route.request.url)
        problem = {"title": "Not now", "detail": "Sixteen are watched.", "status": status}
        route.fulfill(status=status, headers=headers, body=orjson.dumps(problem).decode())

    page.route("**/stream/*", send_away, times=times)
    return refused


def test_a_busy_server_is_told_of_and_asked_again(lab: Lab) -> None:
    page = lab.page
    lab.expected.append("503")
    refused = refusing(page, 503, {"Retry-After": "1"}, 2)
    page.goto(lab.server + SHORT)
    expect(page.locator("#trouble")).to_contain_text("Not now")
    expect(page.locator("#toil .left")).to_have_text("Waits to ask again")
    done(page)
    expect(page.locator("#trouble")).to_be_hidden()
    assert len(refused) == 2


def test_stop_ends_the_asking_again_and_go_on_asks(lab: Lab) -> None:
    page = lab.page
    lab.expected.append("503")
    refused = refusing(page, 503, {"Retry-After": "1"}, 1000)
    page.goto(lab.server + SHORT)
    expect(page.locator("#trouble")).to_contain_text("tries again")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#toil .left")).to_have_text("Stopped at 0%")
    expect(page.locator("#trouble")).to_be_hidden()
    asked = len(refused)
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.wait_for_timeout(3500)  # longer than it would have waited
    assert len(refused) == asked
    page.unroute("**/stream/*")
    page.get_by_role("button", name="Go on").click()
    done(page)


def test_who_is_refused_for_good_is_not_told_that_it_begins(lab: Lab) -> None:
    page = lab.page
    lab.expected.append("422")
    page.goto(lab.server + SHORT)
    done(page)
    refused = refusing(page, 422, {}, 2)  # the stream, and the asking why
    lab.field("H").fill("5")
    expect(page.locator("#trouble")).to_contain_text("The figure still shows the last answer.")
    expect(page.locator("#toil .left")).to_have_text("")
    expect(page.locator("#toil button")).to_be_hidden()
    assert share(page) == 0
    lab.field("T").fill("")  # which cannot be, and is asked nobody
    expect(page.locator("#T-wrong")).to_contain_text("must be")
    expect(page.locator("#toil button")).to_be_hidden()
    assert len(refused) == 2
    lab.field("T").fill("21")
    done(page)
    expect(page).to_have_url(re.compile("T=21&H=5"))


def test_what_is_asked_in_vain_leaves_a_bar_that_stopped(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + LONG + "&seed=9")
    beyond(page, 0.0)
    lab.field("H").fill("")
    expect(page.locator("#toil .left")).to_have_text(re.compile(r"Stopped at \d+%"))
    expect(page.locator("#toil button")).to_have_text("Go on")


def test_without_the_library_words_and_numbers_go_on(lab: Lab) -> None:
    page = lab.page
    lab.expected.append("Failed to load resource")
    page.route("**/plotly*", lambda route: route.abort())
    page.goto(lab.server + LESSON)
    done(page)
    expect(page.locator("#trouble")).to_contain_text("The figure stays as it is")
    to_stage(page, 2)
    expect(page.locator("[data-part=numbers] h2")).to_have_text("After 12 updates")


def test_what_plays_no_part_is_said_to_and_stays_in_the_link(lab: Lab) -> None:
    page = lab.page
    page.goto(lab.server + LESSON.replace("H=12", "H=12&D=4").replace("&seed", "&amplitude=2&seed"))
    done(page)
    idle = "() => [...document.querySelectorAll('.knob.idle')].map(({ dataset }) => dataset.knob)"
    assert page.evaluate(idle) == ["words", "D", "signal", "amplitude"]
    expect(lab.field("D")).to_have_accessible_description(re.compile("^Plays no part here"))
    lab.field("task").select_option("text")
    lab.field("signal").select_option("text")
    done(page)
    expect(page).to_have_url(re.compile("D=4&.*signal=text&amplitude=2&.*task=text"))
    assert page.evaluate(idle) == ["D", "amplitude"]  # one's own text says how long a sequence is
    expect(lab.field("D")).to_be_enabled()


def test_without_scripts_the_default_map_is_there_in_the_end(visit: Visit) -> None:
    lab = visit(java_script_enabled=False)
    lab.page.goto(lab.server + "/phase")
    expect(lab.page.locator("h1")).to_have_text(LENSES["phase"].QUESTION)
    picture = lab.page.locator("main picture img")
    expect(picture).to_have_js_property("naturalWidth", 1200, timeout=300e3)
    lab.page.reload()
    expect(lab.page.locator("#reading")).to_contain_text(re.compile(r"^On \d+% of this map"))
    expect(lab.page.locator("meta[http-equiv=refresh]")).to_have_count(0)


def test_without_scripts_the_default_training_says_how_far_it_is(visit: Visit) -> None:
    lab = visit(java_script_enabled=False)
    lab.page.goto(lab.server + "/training", wait_until="domcontentloaded")  # the picture takes long
    expect(lab.page.locator("h1")).to_have_text(LENSES["training"].QUESTION)
    expect(lab.page.locator("#reading")).not_to_be_empty()
    expect(lab.page.locator("main picture img")).to_be_visible()
    seconds = lab.page.locator("meta[http-equiv=refresh]").get_attribute("content")
    assert seconds and 5 <= int(seconds) <= 60


def test_on_a_phone_bar_and_line_of_time_fit(visit: Visit) -> None:
    lab = visit(viewport=PHONE)
    lab.page.goto(lab.server + LESSON + "&task=order")
    done(lab.page)
    width = lab.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    expect(lab.page.locator("#timeline input")).to_be_visible()
