// How far work has come: a bar, the time that is left, and a button that stops it and goes on.

const told = (seconds, atMost) => {
  const about = atMost ? "at most about" : "about";
  if (seconds < 1.5) return `${about} a second left`;
  if (seconds < 100) return `${about} ${Math.round(seconds)} seconds left`;
  return `${about} ${Math.round(seconds / 60)} minutes left`;
};

export class Toil {
  // `gaveUp` is told when a visitor ends the asking again of a page that was sent away.
  constructor(element, stages, gaveUp) {
    this.element = element;
    this.goes = false; // on by itself, or is going to
    [this.bar, this.words, this.note, this.button] = ["progress", ".left", ".note", "button"].map((one) => element.querySelector(one));
    this.button.addEventListener("click", () => {
      const { busy, retrying } = stages;
      if (busy || retrying) stages.halt();
      else stages.goOn();
      if (retrying) gaveUp();
    });
  }

  // What is asked `anew` begins at the beginning.
  working(is, anew = false) {
    this.element.classList.toggle("busy", is);
    this.button.textContent = is ? "Stop" : "Go on";
    this.note.textContent = "";
    if (anew) this.bar.value = 0;
    if (is) {
      this.done(false);
      this.words.textContent = "Begins …";
    } else if (this.goes) this.words.textContent = `Stopped at ${this.#percent()}`;
    this.goes = is;
  }

  came({ share, left_s: left, at_most: atMost, note = "", ended = false }) {
    if (share !== undefined) this.bar.value = share;
    this.note.textContent = note;
    if (ended) this.done(true);
    else if (share !== undefined && left !== null) this.words.textContent = `${this.#percent()}, ${told(left, atMost)}`;
  }

  // Whoever is sent away for good has nothing to go on with; whoever is not can stop asking again.
  refused(again) {
    this.goes = again;
    this.words.textContent = again ? "Waits to ask again" : "";
    this.button.textContent = "Stop";
    this.button.hidden = !again;
  }

  done(is) {
    this.button.hidden = is;
    this.element.classList.toggle("done", is);
    if (is) this.words.textContent = "Done";
  }

  #percent() { return `${Math.floor(this.bar.value * 100)}%`; }
}
