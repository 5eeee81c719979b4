// A lens at work: form, figure, address and words, kept in step.

import { Newest } from "./api.js";
import { OwnBiases } from "./biases.js";
import { copying } from "./copies.js";
import { isWrong, mark, stepped, wrongWith } from "./fields.js";
import { Figure } from "./figure.js";
import { loadPlotly } from "./library.js";
import { fill, follow, grey, holdPlaces, lead, name, prepare, queryOf, ready, sliders } from "./link.js";
import { offer } from "./presets.js";
import { readSeries } from "./series.js";
import { Stages } from "./stages.js";
import { Timeline } from "./timeline.js";
import { Toil } from "./toil.js";

// The server's picture is all there is to see until a hand moves; then the plot takes its place.
const HANDS = ["pointermove", "pointerdown", "touchstart", "wheel", "keydown", "focusin"];
let awake = false;
let wake = () => {};
function moves() {
  for (const sign of HANDS) removeEventListener(sign, moves);
  awake = true;
  wake();
}
for (const sign of HANDS) addEventListener(sign, moves, { passive: true });

// While one moves a knob the server's pictures follow, for they are quicker than a plot can be
// redrawn. The plot, which one can point at, comes after so many milliseconds of rest.
const REST = 200;

const keyOf = (pair) => pair.split("=")[0];

// Brings the lens of a form to life until `left` is aborted. Returns the way to another link of it,
// the query it stands for, answered or not, and what tells a visitor of trouble.
export function open(form, left) {
  const main = form.closest("main");
  const element = (id) => main.querySelector(`#${id}`);
  // A journey (back, forward, a preset) leaves behind whatever was still under way.
  let journey = 0;
  // One way of moving, however many answers it takes, is one entry in the history.
  let moving = false;
  let newEntry = false;
  let shown = {};
  let query = location.search.slice(1);
  let canonical = null; // the link without its moment, once the server has said what that is
  let idle = []; // keys that play no part through this lens
  let resting = null;
  const biases = new OwnBiases(form);
  // Work that takes longer comes in stages, and the form's field `moment` names the one to look at.
  const { stages, moment } = form.dataset;

  const figure = new Figure(element("figure"), {
    source: form.dataset.plotly,
    left,
    failed() {
      const instead = stages ? "The figure stays as it is, while words and numbers go on" : "You see pictures that the server drew";
      trouble({ title: "The plot did not load", detail: `${instead}; reload the page to try again.` });
    },
    // What was picked goes into the fields of its names; picked again, a unit is let go. Returns the
    // way back.
    pinned(picked) {
      const pairs = Object.entries(picked)
        .map(([key, value]) => [form.elements[key], value])
        .filter(([field, value]) => field && value !== null);
      if (!pairs.length) return null;
      const before = pairs.map(([field]) => (isWrong(field) ? shown[field.name] ?? "" : field.value));
      const again = pairs.every(([field, value]) => field.value === String(value));
      for (const [field, value] of pairs) {
        if (!again) field.value = value;
        else if ("toggles" in field.dataset) field.value = "";
        mark(field, "");
      }
      // Who points at the plot goes on pointing at it.
      moved({ picture: false });
      return () => {
        pairs.forEach(([field], n) => { field.value = before[n]; });
        moved({ picture: false });
      };
    },
    // The experiment at a place of a map of experiments, through the first lens: as the map has it,
    // without what plays no part there.
    opened(knobs) {
      const [path, now = "v=1"] = document.querySelector("nav.lenses a").getAttribute("href").split("?");
      const others = now.split("&").filter((pair) => !(keyOf(pair) in knobs) && !idle.includes(keyOf(pair)));
      const pairs = Object.entries(knobs).map(([key, value]) => `${key}=${value}`);
      const link = Object.assign(document.createElement("a"), { href: `${path}?${[...others, ...pairs].join("&")}` });
      main.append(link);
      link.click();
      link.remove();
    },
  });

  const newest = new (stages ? Stages : Newest)({
    answered(answer, { of, travelled, reset, remembered, explained }) {
      if (of !== journey) return;
      if (!explained) trouble(null);
      ({ idle } = answer.state);
      grey(form, answer.state);
      holdPlaces(form, answer.state.in_force);
      name(form, answer.state.words);
      if (travelled) {
        const at = form.elements[moment]?.value;
        fill(form, answer.state, { reset });
        if (at) form.elements[moment].value = at;
        biases.reset();
      }
      ({ values: shown, query, link: canonical } = answer.state);
      if (!remembered) remember(answer.state.link);
      if (timeline) {
        timeline.add(answer);
        tell();
        return;
      }
      say(answer);
      if (travelled) dispatchEvent(new Event("marked"));
      if (!answer.picture) {
        // Whoever moves on already has no use for a plot.
        if (!newest.waiting) figure.draw(answer);
        return;
      }
      figure.show(answer);
      // A plot of what has been overtaken would become the newest question.
      if (!newest.waiting) rest();
    },
    refused(problem, context) {
      if (context.of !== journey) return;
      context.explained = false; // what is said from now on is about this question, asked again or not
      if (!problem.again && figure.moving) rest({ explained: true });
      const then = problem.again ? " This page tries again by itself." : "";
      const title = problem.errors ? "" : problem.title;
      trouble({ ...problem, title, detail: `${problem.detail} The figure still shows the last answer.${then}` });
      toil?.refused(problem.again);
      if (problem.again) addEventListener("online", again, { once: true, signal: left });
    },
    working(is, anew) {
      form.classList.toggle("busy", is);
      element("figure").setAttribute("aria-busy", is);
      toil?.working(is, anew);
    },
    came: (progress) => toil.came(progress),
  });
  const toil = stages && new Toil(element("toil"), newest, () => trouble(null));
  const timeline = moment && new Timeline(element("timeline"), {
    shows(answer) {
      figure.draw(answer);
      tell();
    },
    rests(at) {
      form.elements[moment].value = at;
      if (canonical) remember(canonical);
      tell();
    },
  });

  const plot = (how) => newest.ask(`${form.dataset.plot}?${query}`, { of: journey, remembered: true, ...how });
  // The plot of the last answer, after a while. It is `explained` where that is not what was asked for.
  function rest(how) {
    clearTimeout(resting);
    resting = setTimeout(plot, REST, how);
  }

  let asked = [];
  const again = () => { if (asked.length && (!stages || newest.retrying)) ask(...asked); };
  function ask(wanted, how = {}) {
    asked = [wanted, how];
    const { picture = !figure.touched(), ...context } = how;
    clearTimeout(resting);
    if (stages) {
      if (moment) {
        form.elements[moment].value = momentOf(wanted);
        timeline.clear(momentOf(wanted));
      }
      newest.ask(`${stages}?${withoutMoment(wanted)}`, { of: journey, ...context });
      return;
    }
    const place = picture ? `${form.dataset.picture}-${figure.width}` : form.dataset.plot;
    newest.ask(`${place}?${wanted}`, { of: journey, ...context });
  }

  // The link that is asked for, answered or not.
  const asking = () => (newest.unsettled && asked.length ? asked[0] : here());

  function moved(how) {
    newEntry ||= !moving;
    ask(queryOf(form, shown), how);
  }

  function travel(to, { remembered = false, reset = false } = {}) {
    moving = false;
    // To another place on the page there is nothing to ask.
    if (to === here() && remembered && !newest.busy) {
      newest.forget();
      trouble(null);
      return;
    }
    // Another moment of what is there already.
    if (moment && withoutMoment(to) === query && timeline.answers.length) {
      form.elements[moment].value = momentOf(to);
      newEntry = !remembered;
      timeline.go(momentOf(to));
      return;
    }
    journey += 1;
    newEntry = !remembered;
    ask(to, { travelled: true, reset, remembered });
  }

  // The moment is of no concern to the server, which tells of all.
  const isMoment = (pair) => keyOf(pair) === moment;
  const withoutMoment = (wanted) => {
    const rest = wanted.split("&").filter((pair) => !isMoment(pair)).join("&");
    return rest === "v=1" ? "" : rest; // the defaults
  };
  const momentOf = (wanted) => wanted.split("&").find(isMoment)?.split("=")[1] ?? "";
  // Keys stand in the order of the values.
  const withMoment = (link, at = timeline?.moment) => {
    if (!at) return link;
    const [path, known] = link.split("?");
    const pairs = known ? known.split("&") : ["v=1"];
    const order = Object.keys(shown);
    const later = order.slice(order.indexOf(moment) + 1);
    const place = pairs.findIndex((pair) => later.includes(keyOf(pair)));
    pairs.splice(place < 0 ? pairs.length : place, 0, `${moment}=${at}`);
    return `${path}?${pairs.join("&")}`;
  };
  const here = () => withMoment(`?${query}`).slice(1);

  function remember(known) {
    const link = withMoment(known);
    if (link === location.pathname + location.search) return;
    if (newEntry) history.pushState(null, "", link);
    else history.replaceState(null, "", link);
    newEntry = false;
  }

  // What programs ask for is of all moments.
  const seen = (link) => (link.startsWith("/api/") ? link : withMoment(link));

  // The answer that is looked at. Its words were written when it was the newest: their links are to
  // lead to its moment, and to those that have come since.
  function tell() {
    const { shown: answer } = timeline;
    if (!answer) return;
    const parts = Object.entries(answer.parts).map(([name, html]) => {
      const words = Object.assign(document.createElement("template"), { innerHTML: html });
      for (const link of words.content.querySelectorAll("a[href]")) {
        const [address, ...place] = link.getAttribute("href").split("#");
        if ((address.split("?")[1] ?? "") === query) link.setAttribute("href", [seen(address), ...place].join("#"));
      }
      timeline.showWays(words.content, (at) => withMoment(answer.state.link, at));
      return [name, words.innerHTML];
    });
    say({ ...answer, parts: Object.fromEntries(parts) });
  }

  function say({ state, headline, parts }) {
    element("figure").setAttribute("aria-label", headline);
    element("printed").textContent = location.href;
    offer(form.querySelector("nav.presets"), state.presets);
    for (const link of document.querySelectorAll("[data-link]")) {
      const [group, one] = link.dataset.link.split("/");
      const address = one ? state[group][one] : state[group];
      link.href = group === "reset" ? address : seen(address);
      if (group !== "presets") continue;
      if (address === state.link) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    for (const place of main.querySelectorAll("[data-part]")) put(place, parts[place.dataset.part]);
    // What stands below a sentence does not jump as it gets longer and shorter.
    const reading = element("reading");
    if (reading) reading.style.minHeight = `${reading.offsetHeight}px`;
  }

  // The server's words as they are, where they are new; who stood on a link in them stands on it
  // afterwards.
  const said = new Map();
  function put(place, html) {
    const old = said.get(place) ?? place.innerHTML;
    const read = said.has(place) ? html : Object.assign(document.createElement("template"), { innerHTML: html }).innerHTML;
    said.set(place, html);
    if (old === read) return;
    const held = place.contains(document.activeElement) ? document.activeElement.id : "";
    place.innerHTML = html;
    if (held) element(held)?.focus();
  }

  function trouble(problem) {
    const place = element("trouble");
    place.hidden = !problem;
    place.textContent = problem ? [problem.title, problem.detail].filter(Boolean).join(": ") : "";
    if (problem?.nearest === undefined) return;
    const [, query] = problem.nearest.split("?");
    const link = document.createElement("a");
    const href = query ? `${location.pathname}?${query}` : location.pathname;
    Object.assign(link, { className: "state", href, textContent: "Go to the nearest that works" });
    place.append(" ", link);
  }

  form.addEventListener("input", ({ target }) => {
    if (!target.name && !target.dataset.for) return; // the line of time
    if (target.dataset.kind === "numbers") return; // the server reads them first
    if (target.type === "range") lead(target);
    else sliders(form).filter((slider) => slider.dataset.for === target.id).forEach(follow);
    const field = target.type === "range" ? element(target.dataset.for) : target;
    const wrong = wrongWith(field);
    const before = shown[field.name] ?? field.defaultValue;
    const still = wrong && before ? ` The figure still shows ${before}.` : "";
    mark(field, wrong + still);
    if (wrong) {
      newest.forget();
      return;
    }
    clearTimeout(pausing);
    if (target.name && target.name === moment) timeline.go(target.value);
    else {
      biases.changed(target, { before: asking(), goingOn: moving, shown });
      moved();
    }
    moving = true;
  });
  // A slider's key held down or pressed again and again is one way of moving, as a drag is.
  let pausing = null;
  let byKey = false;
  form.addEventListener("keydown", (event) => {
    byKey = true;
    if (event.altKey || event.ctrlKey || event.metaKey || !stepped(event.target, event.key)) return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
  });
  form.addEventListener("pointerdown", () => { byKey = false; });
  form.addEventListener("change", ({ target }) => {
    if (!target.name && !target.dataset.for) return;
    clearTimeout(pausing);
    if (byKey && target.type === "range") pausing = setTimeout(() => { moving = false; }, 700);
    else moving = false;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = [...form.elements].filter((field) => field.name && field.labels?.length && !field.disabled);
    const wrong = fields.find((field) => field.getAttribute("aria-invalid") || wrongWith(field));
    if (!wrong) moved();
    else {
      if (!wrong.getAttribute("aria-invalid")) mark(wrong, wrongWith(wrong));
      wrong.focus();
    }
  });
  form.addEventListener("click", (event) => {
    const link = event.target.closest("a.state");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (new URL(link.href).pathname !== location.pathname) return;
    event.preventDefault();
    travel(new URL(link.href).search.slice(1), { reset: link.dataset.link === "reset" });
  });
  element("figure").addEventListener("drawn", () => {
    element("readout").textContent = figure.readout(shown.step, shown.unit);
  });
  addEventListener("resize", () => element("reading")?.style.removeProperty("min-height"), { signal: left });
  left.addEventListener("abort", () => {
    journey = null;
    newest.stop();
    clearTimeout(resting);
    clearTimeout(pausing);
    wake = () => {};
  });

  copying(main, trouble);
  prepare(form);
  sliders(form).forEach(ready);
  for (const field of form.querySelectorAll("textarea[data-reader]")) {
    readSeries(field, { read: () => moved(), left });
  }
  document.documentElement.classList.add("ready");
  for (const field of form.querySelectorAll("[data-optional]")) field.disabled = false;

  if (stages) ask(query, { remembered: true });
  else {
    wake = () => {
      loadPlotly(form.dataset.plotly).catch(() => {});
      plot();
    };
    if (awake) resting = setTimeout(wake, REST);
  }
  return { travel, trouble, query: asking };
}
