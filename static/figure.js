// Draws the figure the server describes; marks where one points, by pointer or by keyboard.

import { decoded, loadPlotly } from "./library.js";
import { move } from "./moves.js";
import { onPaper, printing } from "./paper.js";
import { coordinates, isMap, laidOut, marks, shareOf } from "./places.js";
import { placeOf, saying, told } from "./told.js";

const CONFIG = {
  displayModeBar: false, displaylogo: false, responsive: true, doubleClick: "reset",
  showSendToCloud: false, plotlyServerURL: "", showTips: false,
};
const KEYS = "Arrow keys move through a panel, Page Up and Page Down change it, Enter pins, Escape leaves.";

// On a small screen the words shrink with the drawing, from these widths on.
const FULL = { wide: 1000, narrow: 360 };

function shrink(layout, factor) {
  const titles = Object.values(layout).flatMap(({ title }) => title?.font ?? []);
  for (const font of [layout.font, ...titles, ...layout.annotations.map((note) => note.font)]) font.size *= factor;
}

function made(tag, properties = {}, attributes = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const sentence = ([head, ...rest]) => `${head}: ${rest.map(saying).join(", ")}`;

export class Figure {
  constructor(element, { source, pinned, opened, failed, left }) {
    Object.assign(this, { element, source, pinned, opened, failed, left, answer: null, place: null, turn: 0 });
    this.plot = element.querySelector(".plot");
    this.tip = element.querySelector(".tip");
    this.sketch = element.querySelector(".sketch");
    // The plot changes its sheet where the picture does.
    this.narrow = matchMedia(element.dataset.narrow);
    if (this.sketch) this.#fit();
    onPaper(this.plot, left);
    // Plotly keeps measures of the layout it had, so another sheet is another plot.
    this.narrow.addEventListener("change", () => {
      if (!this.answer || printing() || this.narrow.matches === (this.sheet === "narrow")) return;
      const { answer } = this;
      Object.assign(this, { answer: null, place: null });
      this.tip.hidden = true;
      window.Plotly.purge(this.plot);
      // While pictures move, the plot that comes after them is soon enough.
      if (!this.moving) requestAnimationFrame(() => this.draw(answer));
    }, { signal: left });
    // The second press of a double click: Plotly does not always tell of it, and takes any two quick
    // clicks for one, wherever they are.
    const second = ({ detail }) => { if (detail > 1) this.#pinsNothing(); };
    element.addEventListener("mousedown", second, { capture: true, signal: left });
    left?.addEventListener("abort", () => {
      clearTimeout(this.pinning);
      this.place = null;
    });
  }

  // Whether a picture stands in the plot's place.
  get moving() { return this.element.classList.contains("moving"); }

  get width() { return this.narrow.matches ? "narrow" : "wide"; }

  // Whether one has looked closer into the plot, or hidden a curve: a picture would undo that.
  touched() {
    if (!this.answer) return false;
    const layout = this.answer.layouts[this.sheet];
    const moved = Object.entries(this.plot._fullLayout)
      .filter(([key]) => /^[xy]axis\d*$/.test(key) && layout[key])
      .some(([key, { range }]) => range.some((end, n) => Math.abs(end - layout[key].range[n]) > 1e-6));
    return moved || this.plot.data.some(({ visible }) => visible === "legendonly");
  }

  // How large letters are, of their full size.
  #letters() { return Math.min(1, this.plot.clientWidth / FULL[this.width]); }

  // A drawing shrinks as a whole; its letters are to be as large as those of the plot.
  #fit() {
    const { width } = this.sketch.querySelector("svg").viewBox.baseVal;
    this.element.style.setProperty("--letters", (this.#letters() * width) / this.plot.clientWidth);
  }

  // The server's picture in the plot's place.
  show({ picture, state }) {
    this.turn += 1;
    this.#leave();
    if (!this.sketch) {
      this.sketch = made("div", { className: "sketch" }, { "aria-hidden": "true" });
      this.plot.before(this.sketch);
    }
    // Drawn in the page itself: as an image of its own it would take a frame longer.
    this.sketch.innerHTML = picture;
    this.sketch.hidden = false;
    this.#fit();
    this.element.classList.add("moving");
    this.element.dispatchEvent(new CustomEvent("shown", { detail: state.link }));
  }

  async draw(answer) {
    this.turn += 1;
    const of = this.turn;
    let Plotly;
    try {
      Plotly = await loadPlotly(this.source);
    } catch {
      if (!this.left?.aborted) this.failed();
      return;
    }
    if (of !== this.turn || this.left?.aborted) return;
    for (const trace of answer.data) {
      for (const key of ["x", "y", "z"]) trace[key] = decoded(trace[key]);
    }
    const first = !this.answer;
    this.answer = answer;
    this.sheet = this.width;
    const layout = structuredClone(answer.layouts[this.sheet]);
    shrink(layout, this.#letters());
    layout.meta.axes = answer.axes;
    this.element.style.setProperty("--drawn", `${layout.meta.width} / ${layout.meta.height}`);
    this.ownShapes = layout.shapes;
    const shown = answer.data.filter(({ xaxis }) => laidOut(layout, xaxis));
    await Plotly.react(this.plot, shown, layout, CONFIG);
    if (this.left?.aborted) return;
    if (first) this.#begin();
    this.element.classList.remove("moving");
    if (this.sketch) this.sketch.hidden = true;
    if (this.place) this.#point(this.#still(this.place));
    this.element.dispatchEvent(new CustomEvent("drawn", { detail: answer.state.link }));
  }

  // The first plot takes the picture's place, and from now on one can point at it.
  #begin() {
    const picture = this.element.querySelector("picture");
    if (picture) picture.hidden = true;
    this.element.classList.add("drawn");
    this.plot.on("plotly_hover", ({ points: [point], event }) => this.#point(this.#under(point), event));
    this.plot.on("plotly_unhover", () => this.#leave());
    this.plot.on("plotly_click", ({ points: [point], event }) => this.#clicked(this.#under(point), event));
    if (!this.live) this.#takeKeys();
  }

  // The figure is one stop of the keyboard; what the tip shows is told aloud.
  #takeKeys() {
    const { element } = this;
    this.live = made("p", { className: "told" }, { "aria-live": "polite" });
    element.append(this.live, made("p", { className: "told", id: "figure-keys", textContent: KEYS }));
    element.tabIndex = 0;
    const says = { role: "application", "aria-roledescription": "figure", "aria-describedby": "figure-keys" };
    for (const [name, value] of Object.entries(says)) element.setAttribute(name, value);
    for (const part of [this.plot, this.tip]) part.setAttribute("aria-hidden", "true");
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("focus", () => {
      if (element.matches(":focus-visible")) this.#tell([KEYS], { x: 0, y: 0 });
    });
    element.addEventListener("blur", () => this.#leave());
  }

  #key(event) {
    const { key } = event;
    if (this.moving || event.altKey || event.ctrlKey || event.metaKey) return;
    if (key === "Enter" && this.place) this.#pin(this.place);
    else if (key === "Escape" && !this.tip.hidden) this.#leave();
    else {
      const place = move(this.plot, this.place, key, event.shiftKey ? 10 : 1);
      if (!place) return;
      this.live.textContent = sentence(this.#point(place));
      this.tip.scrollIntoView({ block: "nearest" });
    }
    event.preventDefault();
  }

  // Which place lies under the pointer.
  #under({ curveNumber, pointNumber, pointIndex }) {
    if (!isMap(this.plot.data[curveNumber])) return { trace: curveNumber, column: pointNumber, row: null };
    const [row, column] = pointNumber ?? pointIndex;
    return { trace: curveNumber, column, row };
  }

  // The place in the newest figure, which may have fewer points and cells; null where its trace is gone.
  #still({ trace: number, column, row }) {
    const trace = this.plot.data[number];
    if (!trace || isMap(trace) !== (row !== null)) return null;
    const last = (isMap(trace) ? trace.z[0] : trace.y).length - 1;
    return { trace: number, column: Math.min(column, last), row: row === null ? null : Math.min(row, trace.z.length - 1) };
  }

  #point(place, pointer) {
    if (!place) {
      this.#leave();
      return [];
    }
    this.place = place;
    window.Plotly.relayout(this.plot, { shapes: [...this.ownShapes, ...marks(this.plot, place)] });
    const lines = told(this.plot, place);
    this.#tell(lines, this.#pixels(place, pointer));
    return lines;
  }

  #leave() {
    this.tip.hidden = true;
    if (!this.place) return;
    this.place = null;
    this.live.textContent = "";
    window.Plotly.relayout(this.plot, { shapes: this.ownShapes });
  }

  // A second click soon after means the whole axis again, not a pin; one that comes later than the
  // pin, but still as the second of two, takes the pin back.
  #clicked(place, event) {
    if (event.detail > 1) this.#pinsNothing();
    else {
      clearTimeout(this.pinning);
      this.takeBack = null;
      this.pinning = setTimeout(() => { this.takeBack = this.#pin(place); }, 280);
    }
  }

  #pinsNothing() {
    clearTimeout(this.pinning);
    this.takeBack?.();
    this.takeBack = null;
  }

  #pin(place) {
    const { picks, opens } = this.plot.data[place.trace].meta;
    if (opens) {
      this.opened?.(this.#experiment(opens, place));
      return null;
    }
    const { x, y } = coordinates(this.plot, place);
    const pairs = [[picks[0], x.step ?? x.unit], [picks[1], y.step ?? y.unit]];
    const picked = Object.fromEntries(pairs.filter(([field, value]) => field && value !== undefined));
    return Object.keys(picked).length ? this.pinned(picked) : null;
  }

  // Which knobs an experiment has at a place of a map of experiments.
  #experiment(opens, { trace, column, row }) {
    const { meta } = this.plot.data[trace];
    const at = { x: column, y: row };
    const axes = Object.entries(opens).filter(([, key]) => key);
    return Object.fromEntries(axes.map(([axis, key]) => [key, this.answer.axes[meta[axis]].values[at[axis]]]));
  }

  // Where the pointer is, or else a place, in pixels of the figure.
  #pixels(place, pointer) {
    const frame = this.element.getBoundingClientRect();
    if (pointer?.clientX !== undefined) return { x: pointer.clientX - frame.left, y: pointer.clientY - frame.top };
    const { across, up } = shareOf(this.plot, place);
    return { x: across * frame.width, y: (1 - up) * frame.height };
  }

  #tell([head, ...rest], { x, y }) {
    const lines = rest.map((pair) => {
      const line = made("div");
      line.append(...pair.map((textContent) => made("span", { textContent })));
      return line;
    });
    this.tip.replaceChildren(made("strong", { textContent: head }), ...lines);
    this.tip.hidden = false;
    const { clientWidth: width, clientHeight: height } = this.element;
    const { offsetWidth: wide, offsetHeight: high } = this.tip;
    const left = x + 18 + wide > width ? x - 18 - wide : x + 18;
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, Math.min(y + 18, height - high - 4))}px)`;
  }

  // What the marked step and the pinned unit (texts, "" for none) show, in a sentence.
  readout(step, unit) {
    if (!step && !unit) return "";
    const { time, axes, data } = this.answer;
    const units = axes.find(({ kind }) => kind === "units")?.order ?? data.find(({ meta }) => meta.units)?.meta.units;
    if (unit && units && !units.includes(Number(unit))) return `Unit ${unit} is pinned, but there are ${units.length} only.`;
    if (step && time && Number(step) > time.length) return `Step ${step} is marked, but there are ${time.length} only.`;
    const nearer = (best, one) => (Math.abs(one - step) < Math.abs(best - step) ? one : best);
    const place = placeOf(this.plot, { step: time?.steps.reduce(nearer), unit: unit ? Number(unit) : undefined });
    if (!place) return "";
    return `Marked: ${sentence(told(this.plot, place))}.`;
  }
}
