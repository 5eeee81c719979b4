// Moving from place to place by keyboard.

import { axesOf, coordinates, indexOn, isMap, standsOn } from "./places.js";

const finite = ({ y }, n) => Number.isFinite(y[n]);
const clamp = (value, most) => Math.max(0, Math.min(most, value));

// The place that a key leads to from another, by so many steps; null for a key that leads nowhere.
export function move(plot, place, key, by) {
  if (!(key in KEYS)) return null;
  return place ? KEYS[key](plot, place, by) : enter(plot, plot.data[0].xaxis, null);
}

const KEYS = {
  ArrowLeft: (plot, place, by) => along(plot, place, -by),
  ArrowRight: (plot, place, by) => along(plot, place, by),
  Home: (plot, place) => along(plot, place, -Infinity),
  End: (plot, place) => along(plot, place, Infinity),
  ArrowUp: (plot, place, by) => upwards(plot, place, by),
  ArrowDown: (plot, place, by) => upwards(plot, place, -by),
  PageDown: (plot, place) => nextPanel(plot, place, 1),
  PageUp: (plot, place) => nextPanel(plot, place, -1),
};

// To the left or right; along a curve over its gaps.
function along(plot, place, by) {
  const trace = plot.data[place.trace];
  const last = (isMap(trace) ? trace.z[0] : trace.y).length - 1;
  let column = clamp(place.column + by, last);
  if (isMap(trace)) return { ...place, column };
  while (!finite(trace, column) && column > 0 && column < last) column += Math.sign(by);
  return finite(trace, column) ? { ...place, column } : place;
}

// In a map a row up or down; among curves to the next one above or below.
function upwards(plot, place, by) {
  const trace = plot.data[place.trace];
  if (isMap(trace)) return { ...place, row: clamp(place.row + by, trace.z.length - 1) };
  const x = trace.x[place.column];
  const there = plot.data
    .map((other, number) => ({ other, trace: number, column: other.x.indexOf(x), row: null }))
    .filter(({ other, column }) => other.xaxis === trace.xaxis && other.visible !== "legendonly" && finite(other, column))
    .sort((one, two) => one.other.y[one.column] - two.other.y[two.column]);
  const at = there.findIndex((one) => one.trace === place.trace);
  const { trace: number, column } = there[clamp(at + Math.sign(by), there.length - 1)] ?? place;
  return { trace: number, column, row: null };
}

// The next panel, at the same step and unit where it has them.
function nextPanel(plot, place, by) {
  const panels = [...new Set(plot.data.map(({ xaxis }) => xaxis))];
  const at = panels.indexOf(plot.data[place.trace].xaxis);
  return enter(plot, panels[(at + by + panels.length) % panels.length], coordinates(plot, place)) ?? place;
}

function enter(plot, panel, at) {
  const drawn = (trace, points) => trace.xaxis === panel && (isMap(trace) || trace.y.filter(Number.isFinite).length >= points);
  // A curve rather than a level, which has two ends and nothing between them.
  const curve = plot.data.findIndex((trace) => drawn(trace, 3) && (isMap(trace) || trace.meta.told));
  const number = curve >= 0 ? curve : plot.data.findIndex((trace) => drawn(trace, 1));
  if (number < 0) return null;
  const trace = plot.data[number];
  const { x, y } = axesOf(plot, trace);
  if (isMap(trace)) {
    return { trace: number, column: Math.max(0, at ? indexOn(x, at.x) : 0), row: Math.max(0, at ? indexOn(y, at.y) : 0) };
  }
  const column = at ? trace.x.indexOf(standsOn(x, at.x)) : -1;
  return { trace: number, column: finite(trace, column) ? column : trace.y.findIndex(Number.isFinite), row: null };
}
