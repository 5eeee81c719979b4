// Work that takes longer, stage after stage, as the server tells of it. Asked like `Newest`: the
// newest question is the only one, and one that a busy server sends away is asked again.

const REST = 250; // milliseconds after which a knob that moves is taken to rest
const SELDOM = 60;

export class Stages {
  constructor({ answered, refused, working, came }) {
    Object.assign(this, { answered, refused, working, came });
    this.source = this.waiting = null;
    this.unsettled = this.busy = this.retrying = this.stopped = false;
  }

  ask(address, context = {}, rest = this.busy ? REST : 0, round = 1) {
    if (this.stopped) return;
    this.halt();
    const anew = address !== this.asked?.address;
    this.asked = { address, context };
    this.unsettled = this.busy = true;
    this.working(true, anew);
    this.opening = setTimeout(() => this.#open(address, context, round), rest);
  }

  // What was asked last, from where it was left: the server has kept what it found.
  goOn() {
    if (this.asked) this.ask(this.asked.address, this.asked.context);
  }

  // Nobody listens any more, so the server ends the work; nor is it asked for again.
  halt() {
    clearTimeout(this.opening);
    this.source?.close();
    this.source = null;
    this.busy = this.retrying = false;
    this.working(false);
  }

  forget() {
    this.halt();
    this.unsettled = false;
  }

  stop() {
    this.forget();
    this.stopped = true;
  }

  #open(address, context, round) {
    const source = new EventSource(address);
    this.source = source;
    const on = (kind, then) => source.addEventListener(kind, (event) => {
      if (this.source === source) then(JSON.parse(event.data), event);
    });
    on("stage", (answer, { lastEventId }) => {
      this.unsettled = false;
      round = 1;
      this.answered({ ...answer, stage: Number(lastEventId) }, context);
    });
    on("progress", (progress) => this.came(progress));
    on("end", () => {
      this.halt();
      this.came({ share: 1, left_s: 0, ended: true });
    });
    on("problem", (problem) => this.#sentAway(problem, problem.again ?? 0, address, context, round));
    source.onerror = () => {
      if (this.source !== source) return;
      if (source.readyState === EventSource.CLOSED) this.#askWhy(address, context, round);
      else this.came({ note: "The connection was lost. This page tries again by itself." });
    };
  }

  // A browser does not tell with what words a stream was refused.
  async #askWhy(address, context, round) {
    const { source } = this;
    const leaving = new AbortController();
    let problem = { title: "No connection", detail: "The server did not answer." };
    let after = Math.min(SELDOM, 1.5 ** round);
    try {
      const response = await fetch(address, { signal: leaving.signal });
      if (response.ok) after = 1;
      else {
        problem = await response.json();
        after = Number(response.headers.get("Retry-After"));
      }
    } catch { /* it is not there */ }
    leaving.abort();
    if (this.source === source) this.#sentAway(problem, after, address, context, round);
  }

  #sentAway(problem, after, address, context, round) {
    this.halt();
    this.unsettled = this.retrying = after > 0;
    this.refused({ ...problem, again: this.retrying }, context);
    if (!this.retrying) return;
    this.opening = setTimeout(() => this.ask(address, context, 0, round + 1), (after + Math.random()) * 1000);
  }
}
