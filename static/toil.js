// How far work has come: a bar, the time that is left, and a button that stops it and goes on.

const told = (seconds) => {
  if (seconds < 1.5) return "about a second left";
  if (seconds < 100) return `about ${Math.round(seconds)} seconds left`;
  return `about ${Math.round(seconds / 60)} minutes left`;
};

export class Toil {
  constructor(element, stages) {
    this.element = element;
    this.stages = stages;
    [this.bar, this.words, this.note, this.button] = ["progress", ".left", ".note", "button"].map((one) => element.querySelector(one));
    this.button.addEventListener("click", () => {
      if (stages.busy) {
        stages.halt();
        this.words.textContent = `Stopped at ${this.#percent()}`;
      } else stages.goOn();
    });
  }

  working(is) {
    this.button.textContent = is ? "Stop" : "Go on";
    this.element.classList.toggle("busy", is);
    if (is) {
      this.done(false);
      this.words.textContent = "Begins …";
    }
  }

  came({ share, left_s: left, note = "", ended = false }) {
    if (share !== undefined) this.bar.value = share;
    this.note.textContent = note;
    if (ended) this.done(true);
    else if (share !== undefined) this.words.textContent = left === null ? "" : `${this.#percent()}, ${told(left)}`;
  }

  done(is) {
    this.button.hidden = is;
    this.element.classList.toggle("done", is);
    if (is) this.words.textContent = "Done";
  }

  #percent() { return `${Math.floor(this.bar.value * 100)}%`; }
}
