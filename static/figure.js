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
    if (!document.getElementById(MAP_SHEET)) {
      document.head.append(Object.assign(document.createElement("meta"), { id: MAP_SHEET }));
    }
    const script = document.createElement("script");
    const failed = () => { loading = null; script.remove(); reject(new Error(`${source} did not load`)); };
    Object.assign(script, { src: source, async: true, onload: () => resolve(window.Plotly), onerror: failed });
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
  constructor(element, { source, pinned, failed }) {
    Object.assign(this, { element, source, pinned, failed });
    this.plot = element.querySelector(".plot");
    this.tip = element.querySelector(".tip");
    this.answer = null;
    // Plotly keeps measures of the layout it had, so another sheet is another plot.
    NARROW.addEventListener("change", () => {
      if (!this.answer) return;
      const { answer } = this;
      this.answer = null;
      window.Plotly.purge(this.plot);
      requestAnimationFrame(() => this.draw(answer));
    });
  }

  async draw(answer) {
    let Plotly;
    try {
      Plotly = await loadPlotly(this.source);
    } catch {
      this.#show(answer.state.pictures);
      this.failed();
      return;
    }
    for (const trace of answer.data) {
      for (const key of ["x", "y", "z"]) trace[key] = decoded(trace[key]);
    }
    const first = !this.answer;
    this.answer = answer;
    this.layout = structuredClone(answer.layouts[NARROW.matches ? "narrow" : "wide"]);
    this.ownShapes = this.layout.shapes ?? [];
    shrink(this.layout, Math.min(1, this.plot.clientWidth / (NARROW.matches ? 360 : 1000)));
    await Plotly.react(this.plot, answer.data, this.layout, CONFIG);
    if (first) {
      this.element.querySelector("picture").hidden = true;
      this.element.classList.add("drawn");
      this.plot.on("plotly_hover", (event) => this.#mark(event));
      this.plot.on("plotly_unhover", () => this.#unmark());
      this.plot.on("plotly_click", (event) => this.#clicked(event));
      this.plot.on("plotly_doubleclick", () => clearTimeout(this.pinning));
    }
    this.element.dispatchEvent(new CustomEvent("drawn", { detail: answer.state.link }));
  }

  // Without Plotly the server's picture of the new state has to do.
  #show({ wide, narrow }) {
    this.element.querySelector("source").srcset = narrow;
    this.element.querySelector("img").src = wide;
  }

  // Which step (its column) and unit lie under the pointer; a curve has no unit.
  #place(event) {
    const point = event.points[0];
    const trace = this.answer.data[point.curveNumber];
    if (trace.type === "heatmap") {
      const [row, column] = point.pointNumber ?? point.pointIndex;
      return { column, unit: trace.meta.units[row] };
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
        const row = trace.meta.units.indexOf(unit);
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

  // A second click soon after means the whole time axis again, not a pin.
  #clicked(event) {
    const { column, unit } = this.#place(event);
    const step = this.answer.steps[column];
    clearTimeout(this.pinning);
    this.pinning = setTimeout(() => this.pinned({ unit, step }), 280);
  }

  // What every panel shows at a step: for one unit what the maps show, else what the curves show.
  lines(column, unit) {
    const { steps, length, read, data } = this.answer;
    const t = steps[column];
    const back = length - t;
    const word = read.length && t > 0 ? `, reads “${read[t - 1]}”` : "";
    const head = `step ${t}${word} · ${back} ${back === 1 ? "step" : "steps"} back${unit === null ? "" : ` · unit ${unit}`}`;
    const told = data.filter(({ meta }) => meta.told && (meta.quantity === "share" || (unit === null) === !meta.units));
    return [head, ...told.map(({ meta, y, z }) => {
      const value = meta.units ? z[meta.units.indexOf(unit)][column] : y[column];
      return `${meta.told} ${meta.quantity === "share" ? shareOf(value) : powerOf(value)}`;
    })];
  }

  // The same in a sentence, for the step and the unit that are marked (texts, "" for none).
  readout(step, unit) {
    const { steps, length, data } = this.answer;
    const units = data.find(({ meta }) => meta.units).meta.units;
    const known = unit && units.includes(Number(unit)) ? Number(unit) : null;
    if (unit && known === null) return `Unit ${unit} is pinned, but there are ${units.length} only.`;
    if (known === null && !step) return "";
    if (step && Number(step) > length) return `Step ${step} is marked, but there are ${length} only.`;
    const t = step ? Number(step) : 0;
    const nearest = steps.reduce((best, s, column) => (Math.abs(s - t) < Math.abs(steps[best] - t) ? column : best), 0);
    const [head, ...rest] = this.lines(nearest, known);
    return `Marked: ${head}: ${rest.join(", ")}.`;
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

// On a small screen the words shrink with the drawing, as they do in the server's picture.
function shrink(layout, factor) {
  layout.font.size *= factor;
  for (const note of layout.annotations) note.font.size *= factor;
}

const shareOf = (share) => (Number.isNaN(share) ? "none" : `${Number(share.toPrecision(3))}`);

// A base-10 logarithm as the number it is: 2.6 × 10⁻⁹.
export function powerOf(log10) {
  if (Number.isNaN(log10)) return "0";
  if (log10 >= -3 && log10 < 4) return `${Number((10 ** log10).toPrecision(3))}`;
  let power = Math.floor(log10);
  let digits = (10 ** (log10 - power)).toFixed(1);
  if (digits === "10.0") [digits, power] = ["1.0", power + 1];
  return `${digits} × 10${String(power).replace(/[-.0-9]/g, (digit) => SUPERSCRIPTS[digit])}`;
}
