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
      this.at = Number(this.slider.value);
      this.#stay();
      this.#show(this.at);
    });
    this.slider.addEventListener("change", () => this.#rest());
    this.button.addEventListener("click", () => {
      if (!this.playing) this.#play();
      else {
        this.#pause();
        this.#rest();
      }
    });
  }

  // The answer that is shown, and the moment to stay at as a link has it, "" for the newest.
  get shown() { return this.answers[this.at]; }

  get moment() { return this.wanted === null ? "" : String(this.wanted); }

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

  // Who comes to the newest goes on with it.
  #stay() { this.wanted = this.at === this.answers.length - 1 ? null : this.shown.moment; }

  #rest() {
    this.#stay();
    this.rests(this.moment);
  }

  // The links to other moments in words about the one that is looked at, as they are by now.
  showWays(words, linkTo) {
    const links = [...words.querySelectorAll("[id^=snapshot-]")];
    if (!links.length) return;
    const last = this.answers.length - 1;
    const ways = { "the first": 0, "the one before": this.at - 1, "the one after": this.at + 1, "the last": last };
    const there = Object.entries(ways).filter(([, n]) => n >= 0 && n <= last);
    const now = there.flatMap(([name, n], index) => {
      const link = Object.assign(links[0].cloneNode(), { id: `snapshot-${index + 1}`, textContent: name });
      const { moment } = this.answers[n];
      link.setAttribute("href", linkTo(String(moment)));
      link.removeAttribute("aria-current");
      if (moment === this.shown.moment) link.setAttribute("aria-current", "true");
      return index ? [" · ", link] : [link];
    });
    links[0].before(...now);
    const old = document.createRange();
    old.setStartAfter(now.at(-1));
    old.setEndAfter(links.at(-1));
    old.deleteContents();
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
