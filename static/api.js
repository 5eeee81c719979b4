// One question at a time, and always the newest: while one is under way, only the latest waits.

export class Newest {
  constructor({ answered, refused, working }) {
    Object.assign(this, { answered, refused, working });
    this.waiting = null;
    this.busy = false;
  }

  ask(address, context = {}) {
    this.waiting = { address, context };
    if (!this.busy) this.#goOn();
  }

  async #goOn() {
    this.busy = true;
    const slow = setTimeout(() => this.working(true), 200);
    while (this.waiting) {
      const { address, context } = this.waiting;
      this.waiting = null;
      const { ok, answer } = await this.#question(address);
      // An answer that a newer question has overtaken is still news while one drags; a refusal isn't.
      if (ok) this.answered(answer, context);
      else if (!this.waiting) this.refused(answer, context);
    }
    clearTimeout(slow);
    this.working(false);
    this.busy = false;
  }

  async #question(address) {
    try {
      // Always asked anew (a 304 costs no work): a new version of this script needs its own answers.
      const response = await fetch(address, { cache: "no-cache" });
      return { ok: response.ok, answer: await response.json() };
    } catch {
      return { ok: false, answer: { offline: true, title: "No connection", detail: "The server did not answer; what you see is the last answer." } };
    }
  }
}
