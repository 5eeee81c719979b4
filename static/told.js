// What a plot shows at a place, in words.

import { axesOf, coordinates, indexOn, isMap, standsOn } from "./places.js";

const SUPERSCRIPTS = { "-": "⁻", ".": "·", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

const raised = (power) => String(power).replace(/[-.0-9]/g, (digit) => SUPERSCRIPTS[digit]);
const signed = (number) => String(number).replace("-", "−");

// A base-10 logarithm as the number it is: 2.6 × 10⁻⁹.
export function powerOf(log10) {
  if (Number.isNaN(log10)) return "0";
  if (log10 >= -3 && log10 < 4) return `${Number((10 ** log10).toPrecision(3))}`;
  let power = Math.floor(log10);
  let digits = (10 ** (log10 - power)).toFixed(1);
  if (digits === "10.0") [digits, power] = ["1.0", power + 1];
  return `${digits} × 10${raised(power)}`;
}

// A plain number: three digits, very small and very large ones with a power of ten.
export function numberOf(value) {
  if (Number.isNaN(value)) return "none";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e4)) return signed(Number(value.toPrecision(3)));
  const [digits, power] = value.toExponential(1).split("e");
  return `${signed(digits)} × 10${raised(Number(power))}`;
}

// How many times more: of a true zero there is no such number.
const ratioOf = (log10) => (Number.isNaN(log10) ? "none" : powerOf(log10));

const WORDS = { log10: powerOf, ratio: ratioOf, share: numberOf, number: numberOf };

// An axis's name with its value in it: "step t" is step 7, "unit, the best first" is unit 3.
const named = (name, value) => {
  const [word] = name.split(",");
  return /\b[a-z]$/.test(word) ? word.replace(/[a-z]$/, value) : `${word} ${value}`;
};

// Where one points: the step with what was read there and how far back it is, the unit, the number.
function heading(plot, place) {
  const trace = plot.data[place.trace];
  const axes = axesOf(plot, trace);
  const at = coordinates(plot, place);
  const alone = at.y.step === undefined || at.x.step === undefined;
  const words = ["x", "y"].flatMap((side) => {
    const { step, unit, setting } = at[side];
    if (setting !== undefined) return [`${axes[side].name} ${signed(setting)}`];
    if (step !== undefined) return during(axes[side], step, alone);
    return unit === undefined ? [] : [named(trace.meta.units ? "unit" : axes[side].name, unit)];
  });
  if (trace.meta.dots) words.unshift(trace.meta.name);
  return words.join(axes.x.kind === "knob" ? ", " : " · ") || saying(quantity(axes.x, trace.x[place.column]));
}

function during({ name, read, length }, step, alone) {
  const word = named(name, step) + (read.length && step > 0 ? `, reads “${read[step - 1]}”` : "");
  const back = length - step;
  return alone && name.startsWith("step") ? [word, `${back} ${back === 1 ? "step" : "steps"} back`] : [word];
}

const quantity = (axis, value, title = "") => [axis.name || title, WORDS[axis.quantity](value)];

// The value of a trace where another one has its place; undefined where it has none there.
function valueAt(plot, trace, { x: across, y: up }) {
  const { x, y } = axesOf(plot, trace);
  if (isMap(trace)) return trace.z[indexOn(y, up)]?.[indexOn(x, across)];
  return trace.y[trace.x.indexOf(standsOn(x, across))];
}

// What the server says of a cell, where a number is not all there is to say.
function saidOf(plot, trace, { x: across, y: up }) {
  const { x, y } = axesOf(plot, trace);
  return trace.meta.said?.[indexOn(y, up)]?.[indexOn(x, across)];
}

// A name and its value as one says them; a colon keeps two numbers apart.
export const saying = ([name, value]) => `${name}${/[\d⁰¹²³⁴-⁹]$/.test(name) ? ":" : ""} ${value}`.trim();

// What a plot shows at a place: where that is, then name and value of every panel alike.
export function told(plot, place) {
  const trace = plot.data[place.trace];
  const { x, y } = axesOf(plot, trace);
  const head = heading(plot, place);
  if (trace.meta.dots) {
    const numbers = [[x, trace.x], [y, trace.y]].filter(([axis]) => axis.kind === "values");
    return [head, ...numbers.map(([axis, values]) => quantity(axis, values[place.column], trace.meta.title))];
  }
  const at = coordinates(plot, place);
  const across = x.kind === "values" ? { value: trace.x[place.column] } : at.x;
  const alike = plot.data.filter((other) => isAlike(plot, other, trace));
  // Curves in the order of their legend, those of the panel one points at first.
  if (!isMap(trace)) alike.reverse().sort((one, two) => (two.xaxis === trace.xaxis) - (one.xaxis === trace.xaxis));
  const lines = alike.flatMap((other) => {
    const own = other === trace && !isMap(trace);
    const value = own ? trace.y[place.column] : valueAt(plot, other, { x: across, y: at.y });
    if (value === undefined) return [];
    return [[other.meta.name, saidOf(plot, other, at) ?? WORDS[other.meta.quantity](value)]];
  });
  return [head, ...lines];
}

// Whether a trace is told beside another: maps with maps, the curves of one panel with each other,
// and with both a curve that has its panel to itself.
function isAlike(plot, other, trace) {
  if (other === trace) return true;
  const [theirs, own] = [axesOf(plot, other), axesOf(plot, trace)];
  if (theirs.x.kind !== own.x.kind || other.visible === "legendonly") return false;
  if (isMap(other)) return isMap(trace) && theirs.y.kind === own.y.kind;
  if (other.meta.dots) return false;
  if (other.xaxis === trace.xaxis) return other.meta.told;
  return other.meta.alone && own.x.kind !== "values" && own.x.kind !== own.y.kind;
}

// The place of a marked step and a pinned unit, one of them or both; null where no panel has it.
export function placeOf(plot, at) {
  const wanted = (trace) => {
    const { x, y } = axesOf(plot, trace);
    if (isMap(trace)) {
      const [column, row] = [indexOn(x, at), indexOn(y, at)];
      return x.kind !== y.kind && column >= 0 && row >= 0 ? { column, row } : null;
    }
    const { units } = trace.meta;
    const column = units ? units.indexOf(at.unit) : trace.x.indexOf(standsOn(x, at));
    return column >= 0 ? { column, row: null } : null;
  };
  const places = plot.data.map((trace, number) => ({ trace: number, ...wanted(trace) }));
  return places.find(({ column }) => column !== undefined) ?? null;
}
