// Choosing an initialization sets the forget bias that belongs to it, as the presets do: PyTorch's
// own is 0, that of Keras' LSTM 1. On the page of two experiments B has an initialization too.
// The server declares the names of the fields and what belongs to what.

import { isWrong, mark } from "./fields.js";
import { follow, queryOf, sliders } from "./link.js";

export class OwnBiases {
  #form;
  #place;
  #declared; // by the server: the names of the fields, and what belongs to which choice
  #owners; // before the next change
  #start = ""; // the link before the step that is under way
  #set = null; // what was set in it

  constructor(form) {
    this.#form = form;
    this.#place = form.querySelector("#bias-set");
    this.#declared = JSON.parse(form.dataset.ownBiases ?? "null");
    this.reset();
  }

  // After the form was filled in by a link: a link keeps its meaning.
  reset() {
    if (!this.#declared) return; // a page without these knobs
    this.#owners = Object.fromEntries(["", this.#declared.second].map((of) => [of, this.#ownerOf(of)]));
    this.#set = null;
    this.#say({});
  }

  // A field was changed: sets what belongs to it, and says so. `before` is the link until now,
  // `goingOn` whether this is the same step as the last change (a number being typed).
  changed(field, { before, goingOn, shown }) {
    if (!this.#declared) return;
    if (!goingOn) {
      this.#start = before;
      this.#set = null;
    }
    const { second, choice, instead } = this.#declared;
    const of = field.name.startsWith(second) ? second : "";
    const owner = this.#ownerOf(of);
    if (![choice, instead].includes(field.name.slice(of.length))) this.reset();
    else if (owner) {
      if (owner.name !== this.#owners[of]?.name) this.#set = this.#setTo(owner, of, shown);
      this.#owners[of] = owner;
      this.#say(shown);
    }
  }

  #setTo({ own }, of, shown) {
    const { bias } = this.#declared;
    const field = this.#form.elements[of + bias];
    if (own && isWrong(field)) {
      field.value = shown[field.name] ?? field.defaultValue; // in force: what cannot be read never was
      mark(field, "");
    }
    const was = field.value;
    const inForce = this.#valueOf(bias, of);
    if (!own || Number(inForce) === own.value) return null;
    // B has of its own only what is not as in A.
    const asInA = of && Number(this.#form.elements[bias].value) === own.value;
    field.value = asInA ? "" : String(own.value);
    sliders(this.#form).forEach(follow);
    return { ...own, field, was, inForce, what: of ? `B’s ${bias}` : bias };
  }

  #valueOf(key, of) {
    return this.#form.elements[of + key]?.value || this.#form.elements[key].value;
  }

  // The initialization that the bias belongs to; null while a number is typed that is none yet.
  #ownerOf(of) {
    const { cell, choice, instead, least, own } = this.#declared;
    const number = Number(this.#valueOf(instead, of));
    if (number > 0 && number < least) return null;
    const ofCell = own[this.#valueOf(cell, of)];
    const name = number && ofCell[instead] ? instead : this.#valueOf(choice, of);
    return { name, own: ofCell[name] };
  }

  // What was set, and the ways back: the whole step undone, or the bias alone.
  #say(shown) {
    this.#place?.replaceChildren();
    if (!this.#place || !this.#set) return;
    const { value, whose, field, was, inForce, what } = this.#set;
    const now = field.value;
    field.value = was;
    const keep = queryOf(this.#form, shown);
    field.value = now;
    const before = inForce.replace("-", "−");
    this.#place.append(
      `${whose} ${this.#declared.bias} = ${value}, so ${what} was set from ${before} to ${value}. `,
      link("bias-undo", "Undo", this.#start), " or ", link("bias-keep", `keep ${what} = ${before}`, keep), ".",
    );
  }
}

function link(id, textContent, query) {
  const href = `${location.pathname}${query ? `?${query}` : ""}`;
  return Object.assign(document.createElement("a"), { id, className: "state", textContent, href });
}
