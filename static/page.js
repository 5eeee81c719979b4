// The page: form, figure, address and words, kept in step.

import { Newest } from "./api.js";
import { Figure } from "./figure.js";
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
  pinned({ unit, step }) {
    const { unit: unitField, step: stepField } = form.elements;
    if (!unitField || !stepField) return;
    const again = String(unit ?? "") === unitField.value && unit !== null;
    unitField.value = again ? "" : unit ?? unitField.value;
    stepField.value = again ? "" : step;
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

function say({ state, reading }) {
  element("figure").setAttribute("aria-label", reading.headline);
  for (const link of document.querySelectorAll("[data-link]")) {
    const [group, name] = link.dataset.link.split("/");
    link.href = name ? state[group][name] : state[group];
    if (group !== "presets") continue;
    if (link.getAttribute("href") === state.link) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (!element("reading")) return;
  element("reading").replaceChildren(...raised(reading.headline));
  element("warnings").replaceChildren(...reading.warnings.map((text) => {
    const line = document.createElement("p");
    line.append(...raised(text));
    return line;
  }));
  element("facts").tBodies[0].replaceChildren(...reading.facts.map(([label, value, unit]) => {
    const row = document.createElement("tr");
    const cell = document.createElement("td");
    cell.append(...raised(value));
    row.append(Object.assign(made("th", label), { scope: "row" }), cell, made("td", unit));
    return row;
  }));
}

function made(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

// Exponents as the page sets them; the glyphs of superscripts come from fonts that do not match.
function raised(text) {
  return text.split(/([⁻⁰¹²³⁴⁵⁶⁷⁸⁹·]+)/).map((part, index) => (
    index % 2 ? made("sup", [...part].map((digit) => "−0123456789."["⁻⁰¹²³⁴⁵⁶⁷⁸⁹·".indexOf(digit)]).join("")) : part));
}

function trouble(problem) {
  const place = element("trouble");
  place.hidden = !problem;
  place.textContent = problem ? [problem.title, problem.detail].filter(Boolean).join(": ") : "";
  if (problem?.nearest === undefined) return;
  const [, query] = problem.nearest.split("?");
  const link = made("a", "Go to the nearest that works");
  Object.assign(link, { className: "state", href: query ? `/?${query}` : "/" });
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
  moved();
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("a.state");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  travel(new URL(link.href).search.slice(1), { reset: link.dataset.link === "reset" });
});
addEventListener("popstate", () => travel(location.search.slice(1), { remembered: true }));
element("figure").addEventListener("drawn", () => {
  element("readout").textContent = figure.readout(shown.step, shown.unit);
  element("printed").textContent = location.href;
});

element("copy").addEventListener("click", async ({ target }) => {
  const link = location.origin + location.pathname + location.search;
  try {
    await navigator.clipboard.writeText(link);
    target.textContent = "Copied";
  } catch {
    prompt("Copy this link:", link);
  }
  setTimeout(() => { target.textContent = "Copy link"; }, 1500);
});

sliders(form).forEach(ready);
document.documentElement.classList.add("ready");
for (const key of ["unit", "step"]) if (form.elements[key]) form.elements[key].disabled = false;
newest.ask(location.search.slice(1), { of: journey, remembered: true });
