// The form and its query string: what stands in the form goes out, what the server says comes in.

import { isWrong, mark, numberIn } from "./fields.js";
import { replaceSeries, seriesIn, setSeries } from "./series.js";

const named = (form) => [...form.elements].filter((field) => field.name);

// Some fields count only with a certain value of another one, written "other=value".
function counts(form, field) {
  const [other, value] = (field.dataset.onlyWith ?? "").split("=");
  return !other || form.elements[other].value === value;
}

// A field that decides nothing shows the value that is in force; what it holds for later is here.
const own = new WeakMap();

// What a field says in a link: one that cannot be read says what the figure still shows.
function written(field, shown) {
  const { kind } = field.dataset;
  if (own.has(field)) return own.get(field);
  if (kind === "numbers") return seriesIn(field) ?? field.value;
  if (isWrong(field)) return shown[field.name] ?? field.defaultValue;
  return (["integer", "real"].includes(kind) && numberIn(field)) || field.value;
}

// A text field turns every line end into \n: what it was given and nobody changed goes out as it came.
const asGiven = (text, given) => (given?.replace(/\r\n?/g, "\n") === text ? given : text);

// What differs from the defaults, as the server declared them on each field.
export function queryOf(form, shown = {}) {
  const pairs = named(form)
    .filter((field) => counts(form, field))
    .map((field) => [field, written(field, shown)])
    .filter(([field, value]) => value !== field.dataset.default)
    .map(([field, value]) => {
      const text = encodeURIComponent(asGiven(value, shown[field.name])).replaceAll("%2C", ",");
      return `${field.name}=${field.dataset.kind === "numbers" ? text.replaceAll("%3B", ";") : text}`;
    });
  return ["v=1", ...pairs].join("&");
}

// What the server greyed out has its default for later; one's own words and numbers show it already.
export function prepare(form) {
  for (const field of named(form)) {
    if (field.dataset.kind === "numbers") setSeries(field);
    if ("unused" in field.dataset && !field.dataset.onlyWith) own.set(field, field.dataset.default);
  }
}

// Fields that decide nothing now are greyed out; one's own words and numbers can be prepared there,
// and what is only idle through this lens is prepared for others.
export function grey(form, { unused, idle, values }) {
  for (const field of named(form)) {
    const decidesNothing = unused.includes(field.name);
    field.disabled = decidesNothing && !field.dataset.onlyWith;
    if (field.disabled) {
      if (!own.has(field)) own.set(field, isWrong(field) ? field.dataset.default : written(field, values));
      mark(field, "");
      field.value = values[field.name];
    } else if (own.has(field)) {
      field.value = own.get(field);
      own.delete(field);
    }
    const knob = field.closest(".knob")?.classList;
    knob?.toggle("unused", decidesNothing);
    knob?.toggle("idle", !decidesNothing && idle.includes(field.name));
  }
  for (const slider of sliders(form)) {
    const { disabled } = document.getElementById(slider.dataset.for);
    if (disabled || slider.disabled) follow(slider);
    slider.disabled = disabled;
  }
}

// Some controls are named after what is chosen in another: the server says what each is called now.
export function name(form, words) {
  for (const [key, [label, meaning]] of Object.entries(words)) {
    const knob = form.querySelector(`[data-knob="${key}"]`);
    if (!knob) continue;
    knob.querySelector("label").textContent = label;
    knob.querySelector("[id$=-meaning]").textContent = meaning;
    knob.querySelector("[type=range]")?.setAttribute("aria-label", `${label}, slider`);
  }
}

// An empty field shows the value that is in force instead.
export function holdPlaces(form, inForce) {
  for (const [key, value] of Object.entries(inForce)) {
    const field = form.elements[key];
    if (field?.options) field.options[0].textContent = value && `(${value})`;
    else if (field) field.placeholder = value;
  }
}

// The server's values into the form: after a journey, never while one moves a knob. One's own words
// and numbers stay where they decide nothing, so that they are not lost, unless all is reset.
export function fill(form, { values, unused }, { reset = false } = {}) {
  for (const field of named(form)) {
    const kept = !reset && field.dataset.onlyWith && unused.includes(field.name);
    if (!(field.name in values) || kept) continue;
    field.value = values[field.name];
    if (field.dataset.kind === "numbers") replaceSeries(field);
    if (own.has(field)) own.set(field, field.dataset.default);
    mark(field, "");
  }
  sliders(form).forEach(follow);
}

export const sliders = (form) => [...form.querySelectorAll("input[type=range][data-for]")];

// Range inputs round what they are given, so a slider only counts stops, and the field beside it
// holds the value. On a log scale the stops are whole numbers, each of them once.
const stopsOf = new WeakMap();

export function ready(slider) {
  const [low, high, step] = ["low", "high", "step"].map((name) => Number(slider.dataset[name]));
  const count = slider.dataset.scale === "log" ? 240 : Math.round((high - low) / step);
  const at = slider.dataset.scale === "log"
    ? (n) => Math.round(low * (high / low) ** (n / count))
    : (n) => Number((low + n * step).toFixed(6));
  const stops = [...new Set(Array.from({ length: count + 1 }, (_, n) => at(n)))];
  stopsOf.set(slider, stops);
  slider.min = 0;
  slider.max = stops.length - 1;
  slider.step = 1;
  follow(slider);
}

export function follow(slider) {
  const field = document.getElementById(slider.dataset.for);
  const value = Number(numberIn(field) ?? field.dataset.default);
  const stops = stopsOf.get(slider);
  slider.value = stops.reduce((best, stop, n) => (Math.abs(stop - value) < Math.abs(stops[best] - value) ? n : best), 0);
  slider.setAttribute("aria-valuetext", field.value);
}

export function lead(slider) {
  const field = document.getElementById(slider.dataset.for);
  field.value = stopsOf.get(slider)[Number(slider.value)];
  slider.setAttribute("aria-valuetext", field.value);
}
