// Places in a plot: a cell of a map or a point of a curve, its step and its unit, and where else they are.

// One place: the number of its trace, the column, and in a map the row.
export const isMap = (trace) => trace.type === "heatmap";

// A trace's own axes as the server describes them: of time, of units, of a knob, of values.
export const axesOf = ({ layout }, { meta }) => ({ x: layout.meta.axes[meta.x], y: layout.meta.axes[meta.y] });

export const laidOut = (layout, id) => layout[`${id[0]}axis${id.slice(1)}`];

// Where a step stands on an axis of time, and the step that stands there; lags count from ½.
const standsAt = ({ scale, length }, step) => (scale === "log" ? Math.max(length - step, 0.5) : step);
const stepAt = ({ scale, length }, position) => (scale === "log" ? length - Math.floor(position) : Math.round(position));

// The place of the nearest value of a knob.
const nearest = ({ values }, position) => values.reduce(
  (best, value, n) => (Math.abs(value - position) < Math.abs(values[best] - position) ? n : best), 0);

// What an axis has at a place, at the nearest one where a line goes on to the border: {step}, {unit}
// or {setting}, a knob's value as links write it.
function found(axis, index, position) {
  const within = (nearest, most) => Math.max(0, Math.min(most, nearest));
  if (axis.kind === "time") return { step: index === null ? within(stepAt(axis, position), axis.length) : axis.steps[index] };
  if (axis.kind === "units") return { unit: axis.order[index ?? within(Math.round(position), axis.order.length - 1)] };
  if (axis.kind === "knob") return { setting: axis.values[index ?? nearest(axis, position)] };
  return {};
}

// The step, the unit or the setting along each axis of a place. A dot's unit counts for both.
export function coordinates(plot, { trace: number, column, row }) {
  const trace = plot.data[number];
  const { x, y } = axesOf(plot, trace);
  if (isMap(trace)) return { x: found(x, column), y: found(y, row) };
  if (trace.meta.units) return { x: { unit: trace.meta.units[column] }, y: {} };
  return { x: found(x, null, trace.x[column]), y: {} };
}

// Which column (or row) of an axis has a step, a unit or a setting; −1 for none.
export function indexOn(axis, { step, unit, setting }) {
  if (axis.kind === "time") return step === undefined ? -1 : axis.steps.indexOf(step);
  if (axis.kind === "knob") return axis.values.indexOf(setting);
  return axis.kind === "units" && unit !== undefined ? axis.order.indexOf(unit) : -1;
}

// Where a curve over an axis stands at a step, a unit, a setting, a value.
export function standsOn(axis, { step, unit, setting, value }) {
  if (axis.kind === "values") return value;
  if (axis.kind === "knob") return Math.fround(setting);
  return axis.kind === "time" && step !== undefined ? standsAt(axis, step) : indexOn(axis, { unit });
}

// Where one's step or unit lies along an axis, from … to; null where it does not.
function span(axis, own, other) {
  if (axis.kind === "time") {
    const step = own.step ?? other.step;
    return step === undefined || step > axis.length ? null : [standsAt(axis, step), standsAt(axis, step)];
  }
  const row = axis.kind === "units" ? axis.order.indexOf(own.unit ?? other.unit) : -1;
  return row < 0 ? null : [row - 0.5, row + 0.5];
}

// Where a place lies within the plot as it is zoomed, as shares of its width and height.
export function shareOf(plot, { trace: number, column, row }) {
  const trace = plot.data[number];
  const share = (id, at) => {
    const { domain: [from, to], range: [low, high], type } = laidOut(plot.layout, id);
    return from + (((type === "log" ? Math.log10(at) : at) - low) / (high - low)) * (to - from);
  };
  const middle = (edges, n) => (edges[n] + edges[n + 1]) / 2;
  const [x, y] = row === null ? [trace.x[column], trace.y[column]] : [middle(trace.x, column), middle(trace.y, row)];
  return { across: share(trace.xaxis, x), up: share(trace.yaxis, y) };
}

const LINE = { color: "#ffffff", width: 1 };
const PIXELS = { type: "path", xsizemode: "pixel", ysizemode: "pixel" };

// Around a dot, drawn as the server's own rings are.
const ring = (plot, { xaxis, yaxis, x, y }, n) => (
  { ...PIXELS, path: plot.layout.meta.ring, xref: xaxis, yref: yaxis, xanchor: x[n], yanchor: y[n], line: LINE });

// Around a cell of a map of experiments.
function cell({ xaxis, yaxis, x, y }, column, row) {
  const sides = { x0: x[column], x1: x[column + 1], y0: y[row], y1: y[row + 1] };
  return { type: "rect", xref: xaxis, yref: yaxis, line: LINE, ...sides };
}

// Shapes that mark the step, the unit and the setting of a place wherever a panel has them.
export function marks(plot, place) {
  const at = coordinates(plot, place);
  const shapes = [];
  const seen = new Set();
  plot.data.forEach((trace, number) => {
    const units = isMap(trace) ? null : trace.meta.units;
    const unit = at.x.unit ?? at.y.unit;
    const dot = units && unit !== undefined ? units.indexOf(unit) : -1;
    if (dot >= 0 && Number.isFinite(trace.y[dot])) shapes.push(ring(plot, trace, dot));
    else if (number === place.trace && !isMap(trace)) shapes.push(ring(plot, trace, place.column));
    if (seen.has(trace.xaxis)) return;
    seen.add(trace.xaxis);
    const { x, y } = axesOf(plot, trace);
    if (isMap(trace) && x.kind === "knob") {
      const [column, row] = [indexOn(x, at.x), indexOn(y, at.y)];
      if (column >= 0 && row >= 0) shapes.push(cell(trace, column, row));
      return;
    }
    const [across, up] = [span(x, at.x, at.y), span(y, at.y, at.x)];
    const bar = (ends, rest) => shapes.push({
      type: ends[0] === ends[1] ? "line" : "rect", xref: trace.xaxis, yref: trace.yaxis, line: LINE, x0: 0, x1: 1, y0: 0, y1: 1, ...rest,
    });
    if (up) bar(up, { xref: `${trace.xaxis} domain`, y0: up[0], y1: up[1] });
    if (across) bar(across, { yref: `${trace.yaxis} domain`, x0: across[0], x1: across[1] });
  });
  return shapes;
}
