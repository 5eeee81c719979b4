// A lens in a frame: the theme that the frame's address asks for (#light, #dark), then the plot; of
// work that takes longer, stage after stage.

const { plot, stages, plotly } = document.currentScript.dataset;
const theme = location.hash.slice(1);
if (["light", "dark"].includes(theme)) document.documentElement.dataset.theme = theme;

async function draw() {
  const [{ Figure }, response] = await Promise.all([import("./figure.js"), fetch(plot)]);
  if (!response.ok) return; // the server's picture stays
  const figure = new Figure(document.getElementById("figure"), { source: plotly, pinned() {}, failed() {} });
  await figure.draw(await response.json());
  if (!stages) return;
  const source = new EventSource(stages);
  source.addEventListener("stage", ({ data }) => {
    const answer = JSON.parse(data);
    document.querySelector("h1").innerHTML = answer.parts.reading;
    figure.draw(answer);
  });
  for (const last of ["end", "problem"]) source.addEventListener(last, () => source.close());
}

addEventListener("DOMContentLoaded", () => draw().catch(() => {}));
