// What a field holds: the number it writes, what is wrong with it, and the message that stands at it.

const REAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const GROUPED = /^[+-]?[1-9]\d{0,2},\d{3}$/;

const isNumber = (field) => ["integer", "real"].includes(field.dataset.kind);

// The number of a field as a link writes it, null where it cannot be read. A decimal comma is one
// where it cannot be a thousands separator; 1e2 and 100.0 are whole numbers.
export function numberIn(field) {
  const text = field.value.trim().replaceAll("−", "-");
  if (field.dataset.kind === "integer") {
    const whole = REAL.test(text) && !/\.\d{3}$/.test(text) && Number.isInteger(Number(text));
    return whole ? String(Number(text)) : null;
  }
  if (GROUPED.test(text)) return null;
  const point = text.includes(".") ? text : text.replace(",", ".");
  return REAL.test(point) ? point : null;
}

const nameOf = (field) => document.querySelector(`label[for="${field.id}"]`)?.textContent ?? field.name;

// What a field holds that cannot be, in words; "" where all is well.
export function wrongWith(field) {
  const { kind, allowed, min, max } = field.dataset;
  const rule = `${nameOf(field)} must be ${allowed}.`;
  if (field.value.trim() === "" && kind !== "text") return field.dataset.default === "" ? "" : rule;
  if (kind === "text") {
    const { length } = [...field.value];
    return length < Number(min) || length > Number(max) ? rule : "";
  }
  if (!isNumber(field)) return field.validity.valid ? "" : rule;
  const text = field.value.trim();
  if (kind === "real" && GROUPED.test(text)) {
    return `“${text}” can be ${text.replace(",", ".")} or ${text.replace(",", "")}: write it with a decimal point, or without a separator. ${rule}`;
  }
  const number = numberIn(field);
  if (number === null) return `“${text}” cannot be read as ${kind === "integer" ? "a whole number" : "a number"}. ${rule}`;
  return Number(number) < Number(min) || Number(number) > Number(max) ? rule : "";
}

export const isWrong = (field) => field.getAttribute("aria-invalid") === "true";

// The message stands at its field until the value is valid.
export function mark(field, message) {
  const id = `${field.id}-wrong`;
  const others = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one && one !== id);
  let place = document.getElementById(id);
  if (!message) {
    place?.remove();
    field.removeAttribute("aria-invalid");
    if (field.id) field.setAttribute("aria-describedby", others.join(" "));
    return;
  }
  if (!place) {
    place = Object.assign(document.createElement("small"), { id, className: "wrong-value" });
    place.setAttribute("role", "alert");
    const slider = field.closest("[data-knob]").querySelector("[type=range]");
    (slider ?? field).after(place);
  }
  if (place.textContent !== message) place.textContent = message;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", [id, ...others].join(" "));
}

// Arrow keys count up and down, as in a browser's own number fields.
export function stepped(field, key) {
  const direction = { ArrowUp: 1, ArrowDown: -1 }[key];
  const number = isNumber(field) && field.type !== "range" && direction ? numberIn(field) : null;
  if (number === null) return false;
  const { min, max, step } = field.dataset;
  const next = Number((Number(number) + direction * Number(step)).toFixed(6));
  field.value = Math.min(Number(max), Math.max(Number(min), next));
  return true;
}
