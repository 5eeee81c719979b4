// From lens to lens without leaving the page: another one opens in the place of the one before, so
// that what is loaded stays loaded. Where that does not work the browser goes there as ever.

import { open } from "./lab.js";

const script = (page) => page.querySelector("script[type=module]").src;
const lenses = () => [...document.querySelectorAll("nav.lenses a:not([data-link$=api])")];
const pathOf = (link) => new URL(link.href).pathname;

let leaving, travel, place, slow;
let visits = 0;

function begin() {
  const form = document.getElementById("lab");
  leaving = new AbortController();
  place = { path: location.pathname, search: location.search };
  travel = form && open(form, leaving.signal);
}

// How far one had scrolled, by link.
const heights = new Map();
addEventListener("scroll", () => { heights.set(location.href, scrollY); }, { passive: true });

// The page of a lens with the picture for this screen in it; null where there is none.
async function pageOf(link) {
  const name = lenses().find((one) => pathOf(one) === link.pathname)?.dataset.link.replace("pages/", "");
  const width = matchMedia("(max-width: 759px)").matches ? "narrow" : "wide";
  if (!name) return null;
  try {
    const response = await fetch(`/page/${name}-${width}${link.search}`);
    return response.ok ? new DOMParser().parseFromString(await response.text(), "text/html") : null;
  } catch {
    return null; // the browser itself says best what it cannot reach
  }
}

async function visit(link, { isNew = true } = {}) {
  stay();
  const of = visits;
  slow = setTimeout(() => document.body.classList.add("turning"), 200);
  const page = await pageOf(link);
  if (of !== visits) return;
  stay();
  // A page of another version wants its own scripts.
  if (!page || script(page) !== script(document)) {
    if (isNew) location.assign(link);
    else location.reload();
    return;
  }
  history.scrollRestoration = "manual";
  if (isNew) history.pushState(null, "", page.querySelector("nav.lenses [aria-current]").href);
  turnTo(page);
  if (isNew && link.hash) location.replace(link.hash);
  else scrollTo(0, isNew ? 0 : heights.get(location.href) ?? 0);
}

// Whatever was under way leads nowhere any more.
function stay() {
  visits += 1;
  clearTimeout(slow);
  document.body.classList.remove("turning");
}

function turnTo(page) {
  leaving.abort();
  document.title = page.title;
  document.querySelector("main").replaceWith(page.querySelector("main"));
  for (const link of document.querySelectorAll("nav.lenses a")) {
    const now = page.querySelector(`nav.lenses [data-link="${link.dataset.link}"]`);
    link.href = now.href;
    link.toggleAttribute("aria-current", false);
    if (now.hasAttribute("aria-current")) link.setAttribute("aria-current", "page");
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
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname + link.search === location.pathname + location.search) return;
  if (!lenses().map(pathOf).includes(link.pathname)) return;
  event.preventDefault();
  visit(new URL(link.href));
});

addEventListener("popstate", () => {
  stay();
  const { pathname, search } = location;
  if (travel && place.path === pathname) travel(search.slice(1), { remembered: true });
  else if (place.path !== pathname || place.search !== search) visit(new URL(location.href), { isNew: false });
});
addEventListener("pagehide", () => { history.scrollRestoration = "auto"; });
begin();
