// From lens to lens without leaving the page: another one opens in the place of the one before, so
// that what is loaded stays loaded. Where that does not work the browser goes there as ever.

import { open } from "./lab.js";
import { printing } from "./paper.js";

const script = (page) => page.querySelector("script[type=module]").src;
const lenses = () => [...document.querySelectorAll("nav.lenses a:not([data-link$=api])")];
const pathOf = (link) => new URL(link.href).pathname;
const hiding = (search) => new URLSearchParams(search).get("hide");
const narrow = matchMedia("(max-width: 759px)");

// The page that is shown: its lab, if it has one, ends when it is left.
let leaving, lab, place;
// The page that is under way, and when a busy server is asked for it again.
let coming = null;
let waiting = null;
let slow = null;

function begin() {
  const form = document.getElementById("lab");
  leaving = new AbortController();
  place = { path: location.pathname, search: location.search };
  lab = form && open(form, leaving.signal);
}

function end() {
  leaving.abort();
  lab = place = null;
}

// How far one has scrolled, by link; kept beyond a reload, for as long as the tab.
const stored = (change) => { try { return change(sessionStorage); } catch { return null; } };
const heights = new Map(JSON.parse(stored((storage) => storage.getItem("heights")) ?? "[]"));
const comeBack = () => { if (heights.has(location.href)) scrollTo(0, heights.get(location.href)); };
addEventListener("scroll", () => { if (place) heights.set(location.href, scrollY); }, { passive: true });
addEventListener("pagehide", () => stored((storage) => storage.setItem("heights", JSON.stringify([...heights]))));

// Whatever was under way leads nowhere any more.
function stay() {
  coming?.abort();
  coming = null;
  clearTimeout(slow);
  clearTimeout(waiting);
  document.body.classList.remove("turning");
}

// A link that `carries` the experiment along takes it as it stands in the form when the page comes.
async function visit(link, { isNew = true, carries = false } = {}) {
  stay();
  coming = new AbortController();
  const { signal } = coming;
  slow = setTimeout(() => document.body.classList.add("turning"), 200);
  const query = carries && lab ? lab.query() : link.search.slice(1);
  const { page, later } = await pageOf(link.pathname, query, signal);
  if (signal.aborted) return;
  if (carries && lab && lab.query() !== query) {
    visit(link, { carries });
    return;
  }
  stay();
  if (later && lab) {
    lab.trouble({ ...later, detail: `${later.detail} The other page opens by itself then.` });
    waiting = setTimeout(() => visit(link, { isNew, carries }), later.after * 1000);
    return;
  }
  // A page of another version wants its own scripts.
  if (!page || script(page) !== script(document)) {
    if (isNew) location.assign(`${link.pathname}${query && `?${query}`}${link.hash}`);
    else location.reload();
    return;
  }
  if (isNew) {
    heights.set(location.href, scrollY);
    history.pushState(null, "", page.querySelector("nav.lenses [aria-current]").href);
  }
  turnTo(page);
  if (isNew) scrollTo(0, 0);
  // What is marked as the target of a link has to be there when the browser goes to it.
  const { hash } = isNew ? link : location;
  if (hash) location.replace(hash);
  if (!isNew) comeBack();
}

// The page of a lens with the picture for this screen in it, or when and why there is none as yet.
async function pageOf(path, query, signal) {
  const name = lenses().find((one) => pathOf(one) === path)?.dataset.link.replace("pages/", "");
  if (!name) return {};
  try {
    const response = await fetch(`/page/${name}-${narrow.matches ? "narrow" : "wide"}?${query}`, { signal });
    if (response.ok) return { page: new DOMParser().parseFromString(await response.text(), "text/html") };
    const after = Number(response.headers.get("Retry-After"));
    return after > 0 ? { later: { after, ...(await response.json()) } } : {};
  } catch {
    return (await reached(signal)) ? {} : { later: { after: 3, title: "No connection", detail: "The server did not answer." } };
  }
}

async function reached(signal) {
  try {
    return (await fetch("/healthz", { cache: "no-store", signal })).ok;
  } catch {
    return false;
  }
}

function turnTo(page) {
  if (place) end();
  document.title = page.title;
  const main = document.querySelector("main");
  for (const plot of main.querySelectorAll(".js-plotly-plot")) window.Plotly.purge(plot);
  main.replaceWith(page.querySelector("main"));
  for (const link of document.querySelectorAll("nav.lenses a")) {
    const now = page.querySelector(`nav.lenses [data-link="${link.dataset.link}"]`);
    link.href = now.href;
    link.toggleAttribute("aria-current", false);
    if (now.hasAttribute("aria-current")) link.setAttribute("aria-current", "page");
  }
  for (const meta of document.querySelectorAll("meta[name=description], meta[property]")) {
    const [attribute] = meta.getAttributeNames();
    meta.content = page.querySelector(`meta[${attribute}="${meta.getAttribute(attribute)}"]`)?.content ?? "";
  }
  begin();
  dispatchEvent(new Event("marked"));
  document.getElementById("arrived").textContent = page.title;
  if (document.activeElement !== document.body) return;
  const heading = document.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || event.defaultPrevented) return;
  stay();
  if (link.origin !== location.origin || !lenses().map(pathOf).includes(link.pathname)) return;
  const here = link.pathname + link.search === location.pathname + location.search;
  if (here && link.hash) return; // the browser's own
  event.preventDefault();
  if (!here) visit(new URL(link.href), { carries: link.matches("[data-link^='pages/']") });
  else {
    if (location.hash) history.pushState(null, "", link.href);
    scrollTo(0, 0);
  }
});

// Who goes on with this page while the server is busy does not want the other one any more.
addEventListener("input", () => clearTimeout(waiting));

addEventListener("popstate", () => {
  stay();
  const { pathname, search } = location;
  if (place?.path === pathname && lab && hiding(place.search) === hiding(search)) {
    lab.travel(search.slice(1), { remembered: true });
    comeBack();
  } else if (place?.path === pathname && place.search === search) {
    comeBack();
  } else {
    // From now on the address is another page's: what is still shown has no say in it.
    if (place) end();
    visit(new URL(location.href), { isNew: false });
  }
});

// A picture in the page is that of one width; a plot that takes its place finds its own.
narrow.addEventListener("change", () => {
  if (place && !lab && document.querySelector("main .sketch") && !printing()) visit(new URL(location.href), { isNew: false });
});

history.scrollRestoration = "manual";
// What a damaged link was read as is shown once: the address is then the link alone.
if (location.hash.startsWith("#read=")) {
  const { hash } = location;
  const place = document.getElementById("notice");
  history.replaceState(null, "", location.pathname + location.search);
  if (place) import("./notice.js").then(({ showRepairs }) => showRepairs(hash, place)).catch(() => {});
}
begin();
if (performance.getEntriesByType("navigation")[0]?.type !== "navigate") comeBack();
