// One question at a time, and always the newest: while one is under way, only the latest waits.

export class Newest {
  constructor(address, { answered, refused, working }) {
    Object.assign(this, { address, answered, refused, working });
    this.waiting = null;
    this.busy = false;
  }

  ask(query, context = {}) {
    this.waiting = { query, context };
    if (!this.busy) this.#next();
  }

  async #next() {
    this.busy = true;
    const slow = setTimeout(() => this.working(true), 200);
    while (this.waiting) {
      const { query, context } = this.waiting;
      this.waiting = null;
      try {
        const response = await fetch(`${this.address}?${query}`, { headers: { accept: "application/json" } });
        const answer = await response.json();
        // An answer that a newer question has overtaken is still news while one drags.
        if (response.ok) this.answered(answer, context);
        else if (!this.waiting) this.refused(answer, context);
      } catch {
        if (!this.waiting) this.refused({ title: "No connection", detail: "The server did not answer; what you see is the last answer." }, context);
      }
    }
    clearTimeout(slow);
    this.working(false);
    this.busy = false;
  }
}
