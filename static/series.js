// One's own numbers: the server reads what is typed, pasted, dropped or chosen as a file, says what
// is wrong, and offers its readings where there are several.

import { mark } from "./fields.js";

const PAUSE = 150; // milliseconds, so that not every key is a question
const SHOWN = 48; // letters of a reading on its button

// What each field's numbers are, as links write them, since they were last read.
const series = new WeakMap();

export const seriesIn = (field) => series.get(field);

// The server writes a space after each mark, so that no comma can be decimal.
export function setSeries(field, typed = field.value) {
  field.value = typed;
  series.set(field, typed.replace(/([,;]) /g, "$1"));
}

// Another link's numbers come into the field: its last file's columns are not theirs.
const forgetting = new WeakMap();
export function replaceSeries(field) {
  setSeries(field);
  forgetting.get(field)?.();
}

const make = (tag, properties = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
};

// Brings a field to life; `read` is called when its numbers are others.
export function readSeries(field, { read, left }) {
  const knob = field.closest("[data-knob]");
  const [offers, columns] = [1, 2].map(() => make("div", { className: "of-series" }));
  const note = knob.querySelector(".as-read");
  field.after(offers, columns);
  const { reader, largest } = field.dataset;
  let source = "";
  let newest = 0;
  let pause = null;

  function taken(answer) {
    setSeries(field, answer.text);
    mark(field, "");
    offers.replaceChildren();
    const of = answer.features > 1 ? `steps of ${answer.features} features` : "numbers";
    note.textContent = `Read: ${answer.steps.toLocaleString("en-US")} ${of}, ${answer.how}`;
    read();
  }

  function offer(choices) {
    offers.replaceChildren(...choices.map((choice) => {
      const text = choice.text.length > SHOWN ? `${choice.text.slice(0, SHOWN)}…` : choice.text;
      const button = make("button", { type: "button" }, `Read as ${text}`);
      button.addEventListener("click", () => {
        taken(choice);
        field.focus();
      });
      return button;
    }));
  }

  function offerColumns(known) {
    const boxes = known.map(({ number, name, numeric, chosen }) => {
      const box = make("input", { type: "checkbox", checked: chosen, disabled: !numeric, value: `#${number}` });
      return make("label", {}, box, ` ${name || `Column ${number}`}`);
    });
    columns.replaceChildren(...(known.length > 1 ? [make("span", {}, "Columns: "), ...boxes] : []));
  }

  async function ask(chosen = []) {
    newest += 1;
    const mine = newest;
    if (source instanceof Blob && source.size > Number(largest)) {
      mark(field, `The file has ${source.size.toLocaleString("en-US")} bytes; ${Number(largest).toLocaleString("en-US")} are the limit: take fewer rows or columns.`);
      return;
    }
    const query = chosen.map((one) => `column=${encodeURIComponent(one)}`).join("&");
    let ok = false;
    let answer = { detail: "The server did not answer: the numbers were not read." };
    try {
      const response = await fetch(query ? `${reader}?${query}` : reader, { method: "POST", body: source });
      ({ ok } = response);
      answer = await response.json();
    } catch { /* said below */ }
    if (mine !== newest || left.aborted) return;
    if (ok) {
      const typed = field.value;
      taken(answer);
      // Who is still typing goes on with what was typed.
      if (source === typed && !answer.columns.length) field.value = typed;
      if (!chosen.length) offerColumns(answer.columns);
      return;
    }
    note.textContent = "";
    mark(field, answer.detail);
    offer(answer.choices ?? []);
    if (!chosen.length) columns.replaceChildren();
  }

  forgetting.set(field, () => {
    source = "";
    newest += 1;
    clearTimeout(pause);
    for (const part of [offers, columns, note]) part.replaceChildren();
  });

  function take(file) {
    if (!file) return;
    source = file;
    ask();
  }

  field.addEventListener("input", () => {
    source = field.value;
    clearTimeout(pause);
    newest += 1;
    pause = setTimeout(ask, PAUSE);
  });
  columns.addEventListener("change", () => ask([...columns.querySelectorAll(":checked")].map((box) => box.value)));
  const file = knob.querySelector("[type=file]");
  file.addEventListener("change", () => {
    take(file.files[0]);
    file.value = "";
  });
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  knob.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    knob.classList.add("over");
  });
  knob.addEventListener("dragleave", () => knob.classList.remove("over"));
  knob.addEventListener("drop", (event) => {
    knob.classList.remove("over");
    if (!carries(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  left.addEventListener("abort", () => clearTimeout(pause));
}
