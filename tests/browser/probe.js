// Runs before the page's own scripts: what the page drew, how it shifted, and a gate before the
// server, so that a test decides when an answer comes.

window.probe = {
  drawn: [], // the link of every plot drawn
  shown: [], // the link of every picture shown in a plot's place
  asked: 0, // questions to the server
  unsettled: 0, // of them, those the page has not dealt with
  most: 0, // of them under way at once
  shift: 0, // cumulative layout shift
  positions: [], // of a slider, at each of its input events
  gated: false, // questions wait for release()
  release(count = Infinity) {
    if (count === Infinity) this.gated = false;
    for (const go of waiting.splice(0, count)) go();
  },
};

const waiting = [];
const ask = window.fetch;
let underWay = 0;

// A question ends with its answer read, and is settled once the page has dealt with it.
function ended() {
  underWay -= 1;
  setTimeout(() => { probe.unsettled -= 1; });
}

window.fetch = async (...question) => {
  probe.asked += 1;
  probe.unsettled += 1;
  probe.most = Math.max(probe.most, ++underWay);
  try {
    if (probe.gated) await new Promise((go) => waiting.push(go));
    const response = await ask(...question);
    for (const form of ["json", "text"]) {
      const read = response[form].bind(response);
      response[form] = () => read().finally(ended);
    }
    return response;
  } catch (error) {
    ended();
    throw error;
  }
};

for (const sign of ["drawn", "shown"]) {
  document.addEventListener(sign, ({ detail }) => probe[sign].push(detail), true);
}
document.addEventListener("input", ({ target }) => {
  if (target.type === "range") probe.positions.push(Number(target.value));
}, true);
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  console.error(`content policy: ${effectiveDirective} ${blockedURI}`);
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) probe.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });

// A visitor's hand: the plot waits for one. Told not to, it keeps still.
addEventListener("load", () => {
  if (!window.name.includes("still")) dispatchEvent(new Event("pointermove"));
});
