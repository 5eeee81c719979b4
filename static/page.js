// The page: form, figure, address and words, kept in step.

import { Newest } from "./api.js";
import { Figure } from "./figure.js";
import { fill, follow, lead, queryOf, ready } from "./link.js";

const form = document.getElementById("lab");
const element = (id) => document.getElementById(id);
const sliders = [...form.querySelectorAll("input[type=range]")];

const figure = new Figure(element("figure"), {
  source: form.dataset.plotly,
  pinned(place) {
    for (const [key, value] of Object.entries(place)) {
      if (form.elements[key]) form.elements[key].value = value;
    }
    ask({ push: true });
  },
});

const newest = new Newest(form.dataset.plot, {
  answered(answer, { silent }) {
    trouble(null);
    fill(form, answer.state);
    if (!silent) remember(answer.state.link);
    say(answer);
    figure.draw(answer);
  },
  refused: trouble,
  working(is) {
    form.classList.toggle("busy", is);
    element("figure").setAttribute("aria-busy", is);
  },
});

// One way of moving, however many answers it takes, is one entry in the history.
let moving = false;
let turned = false;
function ask({ push = false, query = queryOf(form), silent = false } = {}) {
  turned ||= push;
  newest.ask(query, { silent });
}

function remember(link) {
  if (link === location.pathname + location.search) return;
  if (turned) history.pushState(null, "", link);
  else history.replaceState(null, "", link);
  turned = false;
}

function say({ state, reading }) {
  for (const link of form.querySelectorAll("[data-preset]")) link.href = state.presets[link.dataset.preset];
  for (const link of form.querySelectorAll("[data-file]")) link.href = state.files[link.dataset.file];
  for (const link of form.querySelectorAll("[data-state]")) link.href = state[link.dataset.state];
  for (const link of form.querySelectorAll("[data-preset]")) {
    const here = link.getAttribute("href") === state.link;
    if (here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (!element("reading")) return;
  element("reading").textContent = reading.headline;
  element("warnings").replaceChildren(...reading.warnings.map((text) => {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
  }));
  const rows = reading.facts.map(({ label, value, unit }) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = label;
    const cells = [value === null ? "zero" : String(Number(value.toPrecision(4))), unit].map((text) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    });
    row.append(head, ...cells);
    return row;
  });
  element("facts").tBodies[0].replaceChildren(...rows);
}

function trouble(problem) {
  const place = element("trouble");
  place.hidden = !problem;
  place.textContent = problem ? `${problem.title}: ${problem.detail}` : "";
  if (problem?.nearest === undefined) return;
  const link = document.createElement("a");
  link.className = "state";
  link.href = "/" + (problem.nearest?.split("?")[1] ? "?" + problem.nearest.split("?")[1] : "");
  link.textContent = "Go to the nearest that works";
  place.append(" ", link);
}

function changed(target) {
  if (target.type === "range") lead(target);
  else sliders.filter((slider) => slider.dataset.for === target.id).forEach(follow);
  ask({ push: !moving });
  moving = true;
}

form.addEventListener("input", (event) => changed(event.target));
form.addEventListener("change", () => { moving = false; });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask({ push: true });
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("a.state");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  link.blur();
  ask({ push: true, query: new URL(link.href).search.slice(1) });
});
addEventListener("popstate", () => ask({ query: location.search.slice(1), silent: true }));

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

sliders.forEach(ready);
for (const key of ["unit", "step"]) if (form.elements[key]) form.elements[key].disabled = false;
ask({ query: location.search.slice(1), silent: true });
