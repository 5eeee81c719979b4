// A lens in a frame: the theme that the frame's address asks for (#light, #dark), then the plot; of
// work that takes longer, stage after stage.

const AGAIN = 5000; // milliseconds until a stream that was refused is asked for again

const { plot, stages, plotly } = document.currentScript.dataset;
const theme = location.hash.slice(1);
if (["light", "dark"].includes(theme)) document.documentElement.dataset.theme = theme;

async function draw() {
  const { Figure } = await import("./figure.js");
  const figure = new Figure(document.getElementById("figure"), { source: plotly, pinned() {}, failed() {} });
  if (stages) {
    follow(figure);
    return;
  }
  const response = await fetch(plot);
  if (response.ok) await figure.draw(await response.json()); // else the server's picture stays
}

function follow(figure) {
  const source = new EventSource(stages);
  const again = (after) => setTimeout(() => follow(figure), after * (1 + Math.random()));
  source.addEventListener("stage", ({ data }) => {
    const answer = JSON.parse(data);
    document.querySelector("h1").innerHTML = answer.parts.reading;
    figure.draw(answer);
  });
  source.addEventListener("end", () => source.close());
  source.addEventListener("problem", ({ data }) => {
    source.close();
    const { again: after } = JSON.parse(data);
    if (after) again(after * 1000);
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) again(AGAIN);
  });
}

addEventListener("DOMContentLoaded", () => draw().catch(() => {}));
