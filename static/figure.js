// Draws the figure the server describes; marks the same step and unit in every panel.

const NARROW = matchMedia("(max-width: 759px)");
const CONFIG = {
  displayModeBar: false, displaylogo: false, responsive: true, doubleClick: "reset",
  showSendToCloud: false, plotlyServerURL: "", showTips: false,
};

// plotly.js carries a map library that adds a style sheet, unless an element of this name is there.
// No map is drawn here and the content policy would block the sheet with an error.
const MAP_SHEET = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

let loading = null;
export function loadPlotly(source) {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement("meta"), { id: MAP_SHEET }));
    const script = document.createElement("script");
    Object.assign(script, { src: source, async: true, onload: () => resolve(window.Plotly), onerror: reject });
    document.head.append(script);
  });
  return loading;
}

const TYPES = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array };

// Plotly's typed-array notation read back: a flat typed array, or rows of one.
export function decoded(spec) {
  if (!spec?.bdata) return spec;
  const bytes = Uint8Array.from(atob(spec.bdata), (letter) => letter.charCodeAt(0));
  const flat = new TYPES[spec.dtype](bytes.buffer);
  if (!spec.shape) return flat;
  const [rows, columns] = String(spec.shape).split(",").map(Number);
  return Array.from({ length: rows }, (_, row) => flat.subarray(row * columns, (row + 1) * columns));
}

export class Figure {
  constructor(element, { source, pinned }) {
    this.element = element;
    this.plot = element.querySelector(".plot");
    this.tip = element.querySelector(".tip");
    this.source = source;
    this.pinned = pinned;
    this.answer = null;
    NARROW.addEventListener("change", () => this.answer && this.draw(this.answer));
  }

  async draw(answer) {
    const Plotly = await loadPlotly(this.source);
    for (const trace of answer.data) {
      for (const key of ["x", "y", "z"]) trace[key] = decoded(trace[key]);
    }
    const first = !this.answer;
    this.answer = answer;
    this.layout = structuredClone(answer.layouts[NARROW.matches ? "narrow" : "wide"]);
    this.ownShapes = this.layout.shapes ?? [];
    await Plotly.react(this.plot, answer.data, this.layout, CONFIG);
    if (first) {
      this.element.querySelector("picture").hidden = true;
      this.element.classList.add("drawn");
      this.plot.on("plotly_hover", (event) => this.#mark(event));
      this.plot.on("plotly_unhover", () => this.#unmark());
      this.plot.on("plotly_click", (event) => this.#pin(event));
    }
    this.drawnAt = performance.now();
    this.element.dispatchEvent(new CustomEvent("drawn", { detail: answer.state.link }));
  }

  maps() { return this.answer.data.filter((trace) => trace.type === "heatmap"); }

  // Which step (its column) and unit lie under the pointer; a curve has no unit.
  #place(event) {
    const point = event.points[0];
    const trace = this.answer.data[point.curveNumber];
    if (trace.type === "heatmap") {
      const [row, column] = point.pointNumber ?? point.pointIndex;
      return { column, unit: trace.meta[row] };
    }
    return { column: point.pointNumber, unit: null };
  }

  #mark(event) {
    const { column, unit } = this.#place(event);
    const at = this.answer.data.find((trace) => trace.type === "scatter").x[column];
    const line = { color: "#ffffff", width: 1 };
    const shapes = [...this.ownShapes];
    for (const trace of this.answer.data) {
      const axes = { xref: trace.xaxis, yref: trace.yaxis };
      if (trace.type === "heatmap" && unit !== null) {
        const row = trace.meta.indexOf(unit);
        shapes.push({ type: "rect", ...axes, xref: `${trace.xaxis} domain`, x0: 0, x1: 1, y0: row - 0.5, y1: row + 0.5, line });
      }
      if (!shapes.some((shape) => shape.hover && shape.xref === trace.xaxis)) {
        shapes.push({ type: "line", hover: true, ...axes, yref: `${trace.yaxis} domain`, x0: at, x1: at, y0: 0, y1: 1, line });
      }
    }
    for (const shape of shapes) delete shape.hover;
    window.Plotly.relayout(this.plot, { shapes });
    this.#tell(event.event, column, unit);
  }

  #unmark() {
    this.tip.hidden = true;
    window.Plotly.relayout(this.plot, { shapes: this.ownShapes });
  }

  #pin(event) {
    const { column, unit } = this.#place(event);
    this.pinned({ unit: unit ?? "", step: this.answer.steps[column] });
  }

  // What every panel shows at a step, for one unit or over all.
  lines(column, unit) {
    const { steps, length, read } = this.answer;
    const t = steps[column];
    const back = length - t;
    const word = read.length && t > 0 ? `, reads “${read[t - 1]}”` : "";
    const head = `step ${t}${word} · ${back} ${back === 1 ? "step" : "steps"} back${unit === null ? "" : ` · unit ${unit}`}`;
    const values = unit === null
      ? this.answer.data.filter((trace) => trace.type === "scatter" && trace.name !== "highway share" && !trace.name.includes("unit")).map((trace) => [trace.name, trace.y[column]]).reverse()
      : this.maps().map((trace) => [trace.name === "rnn" ? "RNN" : trace.name, trace.z[trace.meta.indexOf(unit)][column]]);
    const share = this.answer.data.find((trace) => trace.name === "highway share").y[column];
    return [head, ...values.map(([name, value]) => `${name} ${powerOf(value)}`), `highway share ${Number.isNaN(share) ? "none" : Number(share.toPrecision(3))}`];
  }

  #tell(pointer, column, unit) {
    const [head, ...rest] = this.lines(column, unit);
    this.tip.replaceChildren(...[head, ...rest].map((line, index) => {
      const row = document.createElement(index ? "div" : "strong");
      row.textContent = line;
      return row;
    }));
    this.tip.hidden = false;
    const frame = this.element.getBoundingClientRect();
    const x = (pointer.clientX ?? frame.left) - frame.left;
    const y = (pointer.clientY ?? frame.top) - frame.top;
    const left = x + 18 + this.tip.offsetWidth > frame.width ? x - 18 - this.tip.offsetWidth : x + 18;
    const top = Math.min(y + 18, frame.height - this.tip.offsetHeight - 4);
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }
}

const SUPERSCRIPTS = { "-": "⁻", ".": "·", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

// A base-10 logarithm as the number it is: 2.6 × 10⁻⁹.
export function powerOf(log10) {
  if (Number.isNaN(log10)) return "0";
  if (log10 >= -3 && log10 < 4) return Number((10 ** log10).toPrecision(3)).toString();
  const power = Math.floor(log10);
  return `${(10 ** (log10 - power)).toFixed(1)} × 10${String(power).replace(/[-.0-9]/g, (digit) => SUPERSCRIPTS[digit])}`;
}
