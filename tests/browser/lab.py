"""The page as a visitor has it before them: what they can do, and what they then see."""

import json
import math
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request

PROBE = Path(__file__).with_name("probe.js")
PATIENCE_S = 120.0  # so long only where it never comes

READ_FIGURE = """() => {
  const { data, layout } = document.querySelector(".plot");
  return data.map((trace) => ({
    type: trace.type, name: trace.name, units: layout.meta.axes[trace.meta.y].order,
    x: Array.from(trace.x), y: Array.from(trace.y),
    z: trace.z && Array.from(trace.z, (row) => Array.from(row)),
  }));
}"""

# The page raises exponents as it sets them; programs are told raised digits.
READ_WORDS = """(element) => [...element.childNodes].map((part) => {
  const raised = (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·"["−0123456789.".indexOf(sign)];
  return part.nodeName === "SUP" ? [...part.textContent].map(raised).join("") : part.textContent;
}).join("")"""

# Where a place of a trace lies on the screen: in a map the middle of a column and of a unit's row
# (or of a row by its number, where rows are no units), on a curve a point.
PLACE = """([name, column, unit]) => {
  const plot = document.querySelector(".plot");
  const trace = plot.data.find((trace) => trace.meta.name === name && !trace.z === (unit === null));
  const axis = (id) => plot._fullLayout[id[0] + "axis" + id.slice(1)];
  const [x, y] = [axis(trace.xaxis), axis(trace.yaxis)];
  const corner = plot.getBoundingClientRect();
  const at = (across, up) => ({
    x: corner.left + x._offset + x.d2p(across), y: corner.top + y._offset + y.d2p(up),
  });
  if (!trace.z) return at(trace.x[column], trace.y[column]);
  const row = plot.layout.meta.axes[trace.meta.y].order?.indexOf(unit) ?? unit;
  return at((trace.x[column] + trace.x[column + 1]) / 2, (trace.y[row] + trace.y[row + 1]) / 2);
}"""

# What the first panel's axis shows, from end to end.
SEEN = "() => document.querySelector('.plot').layout.xaxis.range"

Map = dict[str, Any]


class Lab:
    """One page in a context of its own. `troubles` collects what must not happen."""

    def __init__(self, context: BrowserContext, server: str) -> None:
        self.context, self.server = context, server
        self.troubles: list[str] = []
        self.expected: list[str] = []  # parts of console errors that a test brings about
        context.add_init_script(path=PROBE)
        context.on("request", self.check_host)
        context.on("console", self.check_console)
        context.on("weberror", lambda error: self.troubles.append(f"uncaught: {error.error}"))
        context.set_default_timeout(PATIENCE_S * 1e3)
        self.page: Page = context.new_page()

    def check_host(self, request: Request) -> None:
        scheme, host = urlsplit(request.url)[:2]
        if scheme not in ("data", "blob") and host != urlsplit(self.server).netloc:
            self.troubles.append(f"asked another host: {request.url}")

    def check_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.expected):
            self.troubles.append(f"console: {message.text}")

    # --- Going somewhere

    def open(self, link: str = "/") -> None:
        """Open a link of the highway page and wait for its plot."""
        self.page.goto(self.server + link)
        self.until("() => probe.drawn.length > 0")
        self.shown()

    @property
    def address(self) -> str:
        """Path and query of where the page is."""
        parts = urlsplit(self.page.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def until(self, expression: str, argument: object = None) -> None:
        """Wait until a function of the page is true. (The page's policy forbids Playwright's own
        waiting, which evaluates text.)"""
        end = time.monotonic() + PATIENCE_S
        while not self.page.evaluate(expression, argument):
            assert time.monotonic() < end, f"not within {PATIENCE_S} s: {expression} {argument}"
            self.page.wait_for_timeout(25)

    def until_drawn(self, link: str) -> None:
        """Wait until the newest figure is that of `link`, and its pixels are out."""
        self.until("(link) => probe.drawn.at(-1) === link", link)
        self.until_idle()

    def until_idle(self) -> None:
        """Wait until every question is answered and what the address names is drawn."""
        self.until(
            "() => probe.unsettled === 0"
            " && probe.drawn.at(-1) === location.pathname + location.search"
        )
        self.shown()

    def shown(self) -> None:
        """Wait for the frame in which all that was drawn is on the screen."""
        self.page.evaluate(
            "() => new Promise((y) => requestAnimationFrame(() => requestAnimationFrame(y)))"
        )

    # --- The controls

    def field(self, key: str) -> Locator:
        return self.page.locator(f"[name={key}]")

    def slider(self, key: str) -> Locator:
        return self.page.locator(f"input[type=range][data-for={key}]")

    def drag(self, key: str, shares: list[float]) -> None:
        """Take a slider's thumb with the mouse and move it through shares of its length."""
        slider, mouse = self.slider(key), self.page.mouse
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box is not None
        y = box["y"] + box["height"] / 2
        at = slider.evaluate("(slider) => slider.value / slider.max")
        thumb = 16  # pixels; its middle stays this far within the slider, all told
        xs = [box["x"] + thumb / 2 + share * (box["width"] - thumb) for share in (at, *shares)]
        mouse.move(xs[0], y)
        mouse.down()
        for x in xs[1:]:
            mouse.move(x, y)
            self.page.wait_for_timeout(20)
        mouse.up()

    def gate(self) -> None:
        """From now on no question reaches the server before `release`."""
        self.page.evaluate("() => { probe.gated = true; }")

    def release(self, count: int | None = None) -> None:
        """Let the questions that wait go on: so many, or all and those to come."""
        self.page.evaluate("(count) => probe.release(count ?? Infinity)", count)

    def probed(self, name: str) -> Any:
        return self.page.evaluate("(name) => probe[name]", name)

    def place(self, name: str, column: int, unit: int | None = None) -> tuple[float, float]:
        """Where a step and a unit of a map, or a point of a curve, lie on the screen."""
        self.page.locator(".plot").scroll_into_view_if_needed()
        at = self.page.evaluate(PLACE, [name, column, unit])
        return at["x"], at["y"]

    def look_closer(self, name: str, first: int, last: int) -> None:
        """Drag with the mouse from one column of a map to another: the axis shows no more."""
        x, y = self.place(name, first, 2)
        right, _ = self.place(name, last, 2)
        before = self.page.evaluate(SEEN)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(right, y, steps=5)
        self.page.mouse.up()
        self.until(f"([low]) => ({SEEN})()[0] > low", before)

    # --- What is seen

    @property
    def reading(self) -> str:
        """The reading in words, its exponents as the API writes them."""
        words = self.page.locator("#reading").evaluate(READ_WORDS)
        return str(words)

    def figure(self) -> list[Map]:
        """The traces of the plot, as the plot itself holds them."""
        traces: list[Map] = self.page.evaluate(READ_FIGURE)
        return traces

    def answer(self, link: str | None = None) -> dict[str, Any]:
        """What the API says of a link: that of the address, if no other."""
        query = urlsplit(self.address if link is None else link).query
        response = self.context.request.get(f"{self.server}/api/highway?{query}")
        assert response.ok, response.text()
        answer: dict[str, Any] = json.loads(response.body())
        return answer

    def check_numbers(self) -> None:
        """The plot holds the numbers that the API tells for the address.

        A long sequence is drawn at other steps on a logarithmic axis than the API tells: there the
        steps that both have are compared.
        """
        figure, answer = self.figure(), self.answer()
        T = answer["experiment"]["T"]
        along = floats(next(trace for trace in figure if trace["type"] == "scatter")["x"])
        logarithmic = "lag=log" in self.address
        drawn_steps = np.where(along == 0.5, T, T - along) if logarithmic else along
        _, told, drawn = np.intersect1d(answer["t"], drawn_steps, return_indices=True)
        assert len(drawn) == len(along) == len(answer["t"]) or (logarithmic and len(drawn) > 100)
        maps = {
            "exact": answer["cell"]["log10_exact"],
            "direct": answer["cell"]["log10_direct"],
            "RNN": answer["rnn"]["log10_exact"],
        }
        curves = {
            "exact": answer["norms"]["cell_exact"]["rms"],
            "direct": answer["norms"]["cell_direct"]["rms"],
            "detours": answer["norms"]["cell_detours"]["rms"],
            "RNN": answer["norms"]["rnn_exact"]["rms"],
            "highway share, all units": answer["highway_share"],
        }
        drawn_maps = {trace["name"]: trace for trace in figure if trace["type"] == "heatmap"}
        drawn_curves = {trace["name"]: trace for trace in figure if trace["type"] == "scatter"}
        assert drawn_maps.keys() == maps.keys()
        assert drawn_curves.keys() >= curves.keys()
        for name, log10 in maps.items():
            trace = drawn_maps[name]
            assert sorted(trace["units"]) == list(range(answer["experiment"]["H"]))
            same(floats(trace["z"])[:, drawn], floats(log10)[told][:, trace["units"]].T)
        for name, values in curves.items():
            trace = drawn_curves[name]
            same(floats(trace["y"])[drawn], floats(values)[told])
            same(trace["x"], along)


def floats(values: Any) -> np.ndarray:
    """Nested lists with None for zero, as an array with nan."""
    return np.array(values, dtype=float)


def same(drawn: Any, told: np.ndarray) -> None:
    """Equal as far as float32 and the six decimals of a curve can tell."""
    np.testing.assert_allclose(floats(drawn), told, rtol=1e-6, atol=1e-6, equal_nan=True)


def number_of(words: str) -> float:
    """The number that the tip writes: 0.032, or 2.6 × 10⁻⁹."""
    mantissa, _, power = words.partition(" × 10")
    digits = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return math.log10(float(mantissa)) + int(digits or 0)
