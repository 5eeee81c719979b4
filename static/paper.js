// On paper a plot is scaled to the page, as it stands. Its drawings are as large as the screen made
// them: only with a view box do they follow the style sheet, and only as long as one prints.

export function onPaper(plot, signal) {
  const drawings = () => [...plot.querySelectorAll(".main-svg")];
  addEventListener("beforeprint", () => {
    for (const drawing of drawings()) {
      drawing.setAttribute("viewBox", `0 0 ${drawing.getAttribute("width")} ${drawing.getAttribute("height")}`);
    }
  }, { signal });
  addEventListener("afterprint", () => {
    for (const drawing of drawings()) drawing.removeAttribute("viewBox");
  }, { signal });
}

// Paper is no narrower screen: what follows the screen's width stays as it is while one prints.
export const printing = () => matchMedia("print").matches;
