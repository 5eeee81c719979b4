// One question at a time, and always the newest: while one is under way, only the latest waits. One
// that a busy server sends away is asked again when it said, unless there is a newer one by then.

export class Newest {
  constructor({ answered, refused, working }) {
    Object.assign(this, { answered, refused, working });
    this.waiting = null;
    this.busy = this.stopped = false;
    this.again = null;
  }

  ask(address, context = {}) {
    clearTimeout(this.again);
    if (this.stopped) return;
    this.waiting = { address, context };
    if (!this.busy) this.#goOn();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.again);
    this.waiting = null;
  }

  async #goOn() {
    this.busy = true;
    const slow = setTimeout(() => this.working(true), 200);
    while (this.waiting) {
      const { address, context } = this.waiting;
      this.waiting = null;
      const { ok, answer, after } = await this.#question(address);
      // An answer that a newer question has overtaken is still news while one drags; a refusal isn't.
      if (ok) this.answered(answer, context);
      else if (!this.waiting) {
        this.refused(answer, context);
        // Not all at the same moment: there are others who were sent away.
        if (after) this.again = setTimeout(() => this.ask(address, context), (after + Math.random()) * 1000);
      }
    }
    clearTimeout(slow);
    this.working(false);
    this.busy = false;
  }

  async #question(address) {
    try {
      // Always asked anew (a 304 costs no work): a new version of this script needs its own answers.
      const response = await fetch(address, { cache: "no-cache" });
      const answer = await response.json();
      if (response.ok) return { ok: true, answer };
      const after = Number(response.headers.get("Retry-After"));
      return { ok: false, after, answer: { ...answer, again: after > 0 } };
    } catch {
      return { ok: false, answer: { offline: true, title: "No connection", detail: "The server did not answer; what you see is the last answer." } };
    }
  }
}
