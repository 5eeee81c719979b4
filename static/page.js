// The page: form, figure, address and words, kept in step.

import { Newest } from "./api.js";
import { Figure } from "./figure.js";
import { loadPlotly } from "./library.js";
import { fill, follow, grey, lead, name, queryOf, ready, sliders, wrongWith } from "./link.js";

const form = document.getElementById("lab");
const element = (id) => document.getElementById(id);

// A journey (back, forward, a preset) leaves behind whatever was still under way.
let journey = 0;
// One way of moving, however many answers it takes, is one entry in the history.
let moving = false;
let newEntry = false;
let shown = {};

const figure = new Figure(element("figure"), {
  source: form.dataset.plotly,
  failed() {
    trouble({ title: "The plot did not load", detail: "You see pictures that the server drew; reload the page to try again." });
  },
  // What was picked goes into the fields of its names; picked again, a unit is let go.
  pinned(picked) {
    const pairs = Object.entries(picked)
      .map(([key, value]) => [form.elements[key], value])
      .filter(([field, value]) => field && value !== null);
    if (!pairs.length) return;
    const again = pairs.every(([field, value]) => field.value === String(value));
    for (const [field, value] of pairs) {
      if (!again) field.value = value;
      else if ("toggles" in field.dataset) field.value = "";
    }
    moved();
  },
});

const newest = new Newest(form.dataset.plot, {
  answered(answer, { of, travelled, reset, remembered }) {
    if (of !== journey) return;
    trouble(null);
    grey(form, answer.state.unused);
    name(form, answer.state.words);
    if (travelled) fill(form, answer.state, { reset });
    shown = answer.state.values;
    if (!remembered) remember(answer.state.link);
    say(answer);
    figure.draw(answer);
  },
  refused(problem, { of }) {
    if (of === journey) trouble(problem.errors ? { ...problem, title: "" } : problem);
  },
  working(is) {
    form.classList.toggle("busy", is);
    element("figure").setAttribute("aria-busy", is);
  },
});

function moved() {
  newEntry ||= !moving;
  newest.ask(queryOf(form, shown), { of: journey });
}

function travel(query, { remembered = false, reset = false } = {}) {
  journey += 1;
  moving = false;
  newEntry = !remembered;
  newest.ask(query, { of: journey, travelled: true, reset, remembered });
}

function remember(link) {
  if (link === location.pathname + location.search) return;
  if (newEntry) history.pushState(null, "", link);
  else history.replaceState(null, "", link);
  newEntry = false;
}

function say({ state, headline, parts }) {
  element("figure").setAttribute("aria-label", headline);
  for (const link of document.querySelectorAll("[data-link]")) {
    const [group, name] = link.dataset.link.split("/");
    link.href = name ? state[group][name] : state[group];
    if (group !== "presets") continue;
    if (link.getAttribute("href") === state.link) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const place of document.querySelectorAll("[data-part]")) put(place, parts[place.dataset.part]);
  dispatchEvent(new Event("said"));
}

// The server's words as they are; who stood on a link in them stands on it afterwards.
function put(place, html) {
  if (place.innerHTML === html) return;
  const held = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.innerHTML = html;
  if (held) element(held)?.focus();
}

function trouble(problem) {
  const place = element("trouble");
  place.hidden = !problem;
  place.textContent = problem ? [problem.title, problem.detail].filter(Boolean).join(": ") : "";
  if (problem?.nearest === undefined) return;
  const [, query] = problem.nearest.split("?");
  const link = document.createElement("a");
  const href = query ? `${location.pathname}?${query}` : location.pathname;
  Object.assign(link, { className: "state", href, textContent: "Go to the nearest that works" });
  place.append(" ", link);
}

form.addEventListener("input", ({ target }) => {
  if (target.type === "range") lead(target);
  else sliders(form).filter((slider) => slider.dataset.for === target.id).forEach(follow);
  const wrong = target.type === "range" ? "" : wrongWith(target);
  if (wrong) {
    const still = target.name in shown ? ` The figure still shows ${shown[target.name]}.` : "";
    trouble({ detail: wrong + still });
    return;
  }
  clearTimeout(rest);
  moved();
  moving = true;
});
// A slider's key held down or pressed again and again is one way of moving, as a drag is.
let rest = null;
let byKey = false;
form.addEventListener("keydown", () => { byKey = true; });
form.addEventListener("pointerdown", () => { byKey = false; });
form.addEventListener("change", ({ target }) => {
  clearTimeout(rest);
  if (byKey && target.type === "range") rest = setTimeout(() => { moving = false; }, 700);
  else moving = false;
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const wrong = [...form.elements].filter((field) => field.name && field.labels?.length).map(wrongWith).find(Boolean);
  if (wrong) trouble({ detail: wrong });
  else moved();
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("a.state");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (new URL(link.href).pathname !== location.pathname) return;
  event.preventDefault();
  travel(new URL(link.href).search.slice(1), { reset: link.dataset.link === "reset" });
});
addEventListener("popstate", () => travel(location.search.slice(1), { remembered: true }));
element("figure").addEventListener("drawn", () => {
  element("readout").textContent = figure.readout(shown.step, shown.unit);
  element("printed").textContent = location.href;
});

// What a button copies, once it is pressed: the link, the frame around it, or the text of a file.
const address = (link) => document.querySelector(`[data-link="${link}"]`).href;
const texts = {
  copy: async () => location.origin + location.pathname + location.search,
  frame: async ({ frame }) => frame.replace("SOURCE", address("embed")),
  async copies({ copies }) {
    const response = await fetch(address(copies));
    if (!response.ok) throw new Error(response.statusText);
    return response.text();
  },
};

for (const button of document.querySelectorAll("#copy, [data-frame], [data-copies]")) {
  const name = button.textContent;
  const kind = Object.keys(texts).find((key) => key in button.dataset) ?? "copy";
  button.addEventListener("click", async () => {
    let text;
    try {
      text = await texts[kind](button.dataset);
    } catch {
      trouble({ title: "Nothing was copied", detail: "The server did not answer; try again." });
      return;
    }
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      prompt("Copy this:", text);
    }
    setTimeout(() => { button.textContent = name; }, 1500);
  });
}

sliders(form).forEach(ready);
document.documentElement.classList.add("ready");
for (const field of form.querySelectorAll("[data-optional]")) field.disabled = false;

// The server's picture is all there is to see until a hand moves; then the plot takes its place.
const HANDS = ["pointermove", "pointerdown", "touchstart", "wheel", "keydown", "focusin"];
function begin() {
  for (const sign of HANDS) removeEventListener(sign, begin);
  loadPlotly(form.dataset.plotly).catch(() => {});
  newest.ask(location.search.slice(1), { of: journey, remembered: true });
}
for (const sign of HANDS) addEventListener(sign, begin, { passive: true });
