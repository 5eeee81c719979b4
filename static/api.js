// One question at a time, and always the newest: while one is under way, only the latest waits. One
// that a busy server sends away is asked again when it said, and one that is lost after a while, ever
// more seldom, unless there is a newer one.

const SELDOM = 60;

export class Newest {
  constructor({ answered, refused, working }) {
    Object.assign(this, { answered, refused, working });
    this.waiting = null;
    this.busy = this.stopped = this.unsettled = false;
    this.again = null;
  }

  ask(address, context = {}, round = 1) {
    this.forget();
    if (this.stopped) return;
    this.unsettled = true;
    this.waiting = { address, context, round };
    if (!this.busy) this.#goOn();
  }

  // What was sent away is not asked again.
  forget() {
    clearTimeout(this.again);
    this.unsettled = this.busy;
  }

  stop() {
    this.stopped = true;
    this.forget();
    this.waiting = null;
  }

  async #goOn() {
    this.busy = true;
    const slow = setTimeout(() => this.working(true), 200);
    while (this.waiting) {
      const { address, context, round } = this.waiting;
      this.waiting = null;
      const { ok, answer, after } = await this.#question(address);
      // An answer that a newer question has overtaken is still news while one drags; a refusal isn't.
      const again = !ok && after > 0;
      if (!this.waiting) this.unsettled = again;
      if (ok) this.answered(answer, context);
      else if (!this.waiting) {
        this.refused({ ...answer, again }, context);
        // Not all at the same moment: there are others who were sent away.
        const wait = Math.max(after, Math.min(SELDOM, 1.5 ** round)) + Math.random();
        if (again) this.again = setTimeout(() => this.ask(address, context, round + 1), wait * 1000);
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
      return { ok: false, answer, after: Number(response.headers.get("Retry-After")) };
    } catch {
      return { ok: false, answer: { title: "No connection", detail: "The server did not answer." }, after: 1 };
    }
  }
}
