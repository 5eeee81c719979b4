"""How quickly the page follows a hand, in headless Chromium: `python -m bench.page`.

A drag step is the time from an input event of the forget-bias slider to the frame after the one
that shows the new figure. Every step asks for a position that was not asked for before. Printed,
never asserted.
"""

import argparse
import shutil
from statistics import median, quantiles

from playwright.sync_api import Browser, Playwright, sync_playwright

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
    yes(performance.now());
  }, true);
});
window.sight = Promise.all([first("load", ".figure img"), first("drawn", ".figure")]);
"""
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
    const drawn = new Promise((yes) => figure.addEventListener("drawn", yes, { once: true }));
    slider.value = position;
    const start = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await drawn;
    await shown();
    const whole = performance.now() - start;
    const entries = performance.getEntriesByType("resource");
    const asked = entries.find(({ name }) => name.includes("/plot/"));
    const server = asked.serverTiming.find(({ name }) => name === "total").duration;
    steps.push({ whole, answer: asked.duration, server });
    await new Promise((yes) => setTimeout(yes, 50));
  }
  return steps;
}"""
)


def launch(playwright: Playwright) -> Browser:
    """The machine's own Chromium, or the one playwright brought."""
    names = ("chromium", "chromium-browser", "google-chrome")
    own = next((path for name in names if (path := shutil.which(name))), None)
    return playwright.chromium.launch(executable_path=own, args=list(FLAGS))


def tell_first_sight(browser: Browser, address: str, visits: int) -> None:
    """A first visit with an empty cache: the server's picture, then the plot."""
    sights = []
    for _ in range(visits):
        page = browser.new_page(viewport=WIDE)
        page.add_init_script(FIRST_SIGHT)
        page.goto(address)
        sights.append(page.evaluate("sight"))
        page.close()
    picture, plot = map(median, zip(*sights, strict=True))
    print(f"first visit, empty cache, {visits} times, medians after the click on the link:")
    print(f"  picture shown {picture:.0f} ms, plot drawn {plot:.0f} ms")


def tell_drag(browser: Browser, address: str, drags: int) -> None:
    """Drag steps at defaults, each after the one before it is finished."""
    page = browser.new_page(viewport=WIDE)
    page.add_init_script(FIRST_SIGHT)
    page.goto(address)
    page.evaluate("sight")
    # Prime to 201, so no position comes twice; the slider's own default (110) is left out.
    positions = [(7 * n + 4) % 201 for n in range(drags + 3)]
    steps = page.evaluate(DRAG_STEPS, [place for place in positions if place != 110])[3:]
    whole, answer, server = (
        [step[name] for step in steps] for name in ("whole", "answer", "server")
    )
    print(f"a drag step of the forget bias at defaults, {len(steps)} of them, input to pixels:")
    print(f"  median {median(whole):.0f} ms, 90% within {quantiles(whole, n=10)[-1]:.0f} ms")
    print(f"  until the answer {median(answer):.0f} ms, of it the server {median(server):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer visits")
    quick = parser.parse_args().quick
    with serving() as address, sync_playwright() as playwright:
        browser = launch(playwright)
        tell_first_sight(browser, address, 3 if quick else 7)
        tell_drag(browser, address, 30)
        browser.close()


if __name__ == "__main__":
    main()
