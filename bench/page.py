"""How quickly the page follows a hand, in headless Chromium: `python -m bench.page`.

A drag step is the time from an input event of the forget-bias slider to the frame after the one
that shows the new figure; a switch of lens, from the click on its name to that after the new page.
Every step asks for what was not asked for before. Printed, never asserted.
"""

import argparse
import shutil
from itertools import count
from statistics import median, quantiles

from playwright.sync_api import Browser, Playwright, sync_playwright

from app.lenses import IN_CHUNKS, LENSES
from app.links import path_of
from bench.service import serving

# A browser that talks to nobody but the page's server.
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# What comes as a stream is for `bench.work` to time.
AT_ONCE = [lens for lens in LENSES if lens not in IN_CHUNKS]
WIDE = {"width": 1440, "height": 1000}

# Whether the newest pixels are out is known in the second frame after the change.
SHOWN = """
const frame = () => new Promise((yes) => requestAnimationFrame(yes));
const shown = async () => { await frame(); await frame(); };
"""

FIRST_SIGHT = (
    SHOWN
    + """
const first = (event, of) => new Promise((yes) => {
  document.addEventListener(event, async ({ target }) => {
    if (!target.matches?.(of)) return;
    await shown();
    yes(performance.timeOrigin + performance.now());
  }, true);
});
window.picture = first("load", "main img");
window.plot = first("drawn", ".figure");
// The plot waits for a hand.
addEventListener("load", () => dispatchEvent(new Event("pointermove")));
"""
)
SWITCH = (
    "async (lens) => {"
    + SHOWN
    + """
  const seen = new Promise((yes) => {
    new MutationObserver(yes).observe(document.body, { childList: true });
  });
  const start = performance.now();
  document.querySelector(`nav [data-link="pages/${lens}"]`).click();
  await seen;
  await shown();
  return performance.now() - start;
}"""
)

DRAG_STEPS = (
    "async (positions) => {"
    + SHOWN
    + """
  const slider = document.querySelector("[data-for=b_f]");
  const figure = document.getElementById("figure");
  const steps = [];
  for (const position of positions) {
    performance.clearResourceTimings();
    const drawn = new Promise((yes) => {
      for (const sign of ["shown", "drawn"]) figure.addEventListener(sign, yes, { once: true });
    });
    slider.value = position;
    const start = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await drawn;
    await shown();
    const whole = performance.now() - start;
    const entries = performance.getEntriesByType("resource");
    const asked = entries.find(({ name }) => /plot|sketch/.test(name));
    const server = asked.serverTiming.find(({ name }) => name === "total").duration;
    steps.push({ whole, answer: asked.duration, server });
    await new Promise((yes) => setTimeout(yes, 50));
  }
  return steps;
}"""
)


def launch(playwright: Playwright) -> Browser:
    """The machine's own Chromium, or the one playwright brought.

    The headless shell comes first: it needs three fifths of the processor time for the same page.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    own = next((path for name in names if (path := shutil.which(name))), None)
    return playwright.chromium.launch(executable_path=own, args=list(FLAGS))


def tell_first_sight(browser: Browser, address: str, visits: int) -> None:
    """A first visit with an empty cache: the server's picture, then the plot."""
    sights = []
    for _ in range(visits):
        page = browser.new_page(viewport=WIDE)
        page.add_init_script(FIRST_SIGHT)
        page.goto(address)
        start = page.evaluate("performance.timeOrigin")
        sights.append([page.evaluate(sight) - start for sight in ("picture", "plot")])
        page.close()
    picture, plot = map(median, zip(*sights, strict=True))
    print(f"first visit, empty cache, {visits} times, medians after the click on the link:")
    print(f"  picture shown {picture:.0f} ms, plot drawn {plot:.0f} ms")


def tell_drags(browser: Browser, address: str, drags: int) -> None:
    """Drag steps at defaults, each after the one before it is finished."""
    print(f"a drag step of the forget bias at defaults, {drags} of them, input to pixels, median,")
    print("(9 of 10 within), and of it until the answer came and what the server took:")
    # Prime to 201, so no position comes twice; the slider's own default (110) is left out.
    positions = [place for n in range(drags + 3) if (place := (7 * n + 4) % 201) != 110]
    for lens in AT_ONCE:
        page = browser.new_page(viewport=WIDE)
        page.add_init_script(FIRST_SIGHT)
        page.goto(address + path_of(lens))
        if page.locator("[data-for=b_f]").count():
            page.evaluate("plot")
            tell_drag(lens, page.evaluate(DRAG_STEPS, positions)[3:])
        page.close()


def tell_drag(lens: str, steps: list[dict[str, float]]) -> None:
    """One line about the drag steps in one lens."""
    whole, answer, server = (
        [step[name] for step in steps] for name in ("whole", "answer", "server")
    )
    print(
        f"  {lens:9} {median(whole):4.0f} ms ({quantiles(whole, n=10)[-1]:.0f}), "
        f"answer {median(answer):.0f}, server {median(server):.0f}"
    )


def tell_switches(browser: Browser, address: str, sizes: str, times: int) -> None:
    """From the click on another lens to its picture; nothing of it was asked for before."""
    print(
        f"from one lens to another, {sizes or 'defaults'}, {times} times, click to pixels, median:"
    )
    page = browser.new_page(viewport=WIDE)
    page.add_init_script(FIRST_SIGHT)
    seeds = count(1)
    for lens in AT_ONCE:
        other = "highway" if lens != "highway" else "compare"
        took = []
        for _ in range(times + 1):
            page.goto(f"{address}{path_of(other)}?v=1{sizes}&seed={next(seeds)}")
            page.evaluate("plot")
            took.append(page.evaluate(SWITCH, lens))
        print(f"  {lens:9} {median(took[1:]):5.0f} ms")  # the first brings the page's own scripts
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer visits")
    quick = parser.parse_args().quick
    with serving() as address, sync_playwright() as playwright:
        browser = launch(playwright)
        tell_first_sight(browser, address, 3 if quick else 7)
        tell_drags(browser, address, 10 if quick else 30)
        tell_switches(browser, address, "", 5 if quick else 15)
        for sizes in ("&T=1000&H=128", "&T=1000&H=256"):
            tell_switches(browser, address, sizes, 1 if quick else 3)
        browser.close()


if __name__ == "__main__":
    main()
