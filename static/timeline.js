// The stages that came, one after the other on a line of time: to go to one of them, or to watch all.

const FRAME = 160; // milliseconds that a stage stays while it plays

export class Timeline {
  // `shows` is told which answer to show; `rests` the moment at which one has come to stay.
  constructor(element, { shows, rests }) {
    Object.assign(this, { shows, rests, answers: [], at: -1, playing: null });
    [this.button, this.slider, this.output] = ["button", "input", "output"].map((tag) => element.querySelector(tag));
    this.element = element;
    this.slider.addEventListener("input", () => {
      this.#pause();
      this.#show(Number(this.slider.value));
    });
    this.slider.addEventListener("change", () => this.#rest());
    this.button.addEventListener("click", () => (this.playing ? this.#pause() : this.#play()));
  }

  // Other stages are going to come; the moment to stay at once it is there: none is the newest.
  clear(moment) {
    this.#pause();
    Object.assign(this, { answers: [], at: -1 });
    this.#want(moment);
    this.element.hidden = true;
  }

  #want(moment) { this.wanted = moment === "" ? null : Number(moment); }

  // To the last stage that is not after a moment.
  go(moment) {
    this.#want(moment);
    const at = this.wanted === null ? -1 : this.answers.findLastIndex((answer) => answer.moment <= this.wanted);
    if (this.answers.length) this.#show(at < 0 ? this.answers.length - 1 : at);
    this.rests(moment);
  }

  // Another stage has come. Who looks at the newest sees it; who looks at another stays there.
  add(answer) {
    const again = this.answers.findIndex(({ stage }) => stage === answer.stage);
    if (again >= 0) this.answers[again] = answer;
    else this.answers.push(answer);
    this.answers.sort((one, other) => one.stage - other.stage);
    const last = this.answers.length - 1;
    this.slider.max = last;
    this.element.hidden = last < 1;
    const follows = this.wanted === null ? this.at >= last - 1 : answer.moment <= this.wanted;
    if (again >= 0 && again === this.at) this.#show(again);
    else if (again < 0 && ((follows && !this.playing) || this.at < 0)) this.#show(last);
    else this.slider.value = this.at;
  }

  #show(at) {
    this.at = at;
    this.slider.value = at;
    const answer = this.answers[at];
    const words = `${this.element.dataset.of} ${answer.moment.toLocaleString("en")}`;
    this.output.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    this.shows(answer);
  }

  #rest() {
    const newest = this.at === this.answers.length - 1;
    this.wanted = newest ? null : this.answers[this.at].moment;
    this.rests(newest ? "" : String(this.wanted));
  }

  #play() {
    if (this.at === this.answers.length - 1) this.#show(0);
    this.button.textContent = "Pause";
    this.playing = setInterval(() => {
      if (this.at < this.answers.length - 1) this.#show(this.at + 1);
      else {
        this.#pause();
        this.#rest();
      }
    }, FRAME);
  }

  #pause() {
    clearInterval(this.playing);
    this.playing = null;
    this.button.textContent = "Play";
  }
}
