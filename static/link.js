// The form and its query string: what stands in the form goes out, what the server says comes in.

const named = (form) => [...form.elements].filter((field) => field.name);

// What differs from the defaults, as the server declared them on each field.
export function queryOf(form) {
  const pairs = named(form)
    .filter((field) => field.value !== field.dataset.default && field.value !== "")
    .map((field) => `${field.name}=${encodeURIComponent(field.value)}`);
  return ["v=1", ...pairs].join("&");
}

// The server's state into the form. The field one is typing in and fields that decide nothing now
// keep what they hold, so that nothing typed is lost.
export function fill(form, state) {
  for (const field of named(form)) {
    if (!(field.name in state.values)) continue;
    const unused = state.unused.includes(field.name);
    field.disabled = unused && !["text", "series"].includes(field.name);
    field.closest(".knob")?.classList.toggle("unused", unused);
    if (unused || (field === document.activeElement && field.type !== "range")) continue;
    if (Number(field.value) !== Number(state.values[field.name]) || field.value === "" || field.type !== "number") {
      field.value = state.values[field.name];
    }
  }
  for (const slider of form.querySelectorAll("input[type=range]")) follow(slider);
}

const along = (slider) => ({
  low: Number(slider.dataset.low), high: Number(slider.dataset.high),
  step: Number(slider.dataset.step), log: slider.dataset.scale === "log",
});

// Range inputs round what they are given, so a slider only mirrors its number field: it runs over
// 0 … 1000, or over its knob's steps, and the field holds the value.
export function ready(slider) {
  const { low, high, step, log } = along(slider);
  slider.min = 0;
  slider.max = log ? 1000 : Math.round((high - low) / step);
  slider.step = 1;
  follow(slider);
}

export function follow(slider) {
  const field = document.getElementById(slider.dataset.for);
  const { low, high, step, log } = along(slider);
  const value = Number(field.value);
  slider.disabled = field.disabled;
  slider.value = log
    ? 1000 * Math.log(Math.max(value, low) / low) / Math.log(high / low)
    : (value - low) / step;
  slider.setAttribute("aria-valuetext", field.value);
}

export function lead(slider) {
  const field = document.getElementById(slider.dataset.for);
  const { low, high, step, log } = along(slider);
  const value = log
    ? Math.round(low * (high / low) ** (slider.value / 1000))
    : low + slider.value * step;
  field.value = Number(value.toFixed(6));
  slider.setAttribute("aria-valuetext", field.value);
}
