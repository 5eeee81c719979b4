// What a button copies, once it is pressed: the link, the frame around it, or the text of a file.

const address = (link) => document.querySelector(`[data-link="${link}"]`).href;
const texts = {
  copy: async () => location.origin + location.pathname + location.search,
  frame: async ({ frame }) => frame.replace("SOURCE", address("embed")),
  async copies({ copies }) {
    const response = await fetch(address(copies));
    if (!response.ok) throw await response.json();
    return response.text();
  },
};

export function copying(main, trouble) {
  for (const button of main.querySelectorAll("#copy, [data-frame], [data-copies]")) {
    const name = button.textContent;
    const kind = Object.keys(texts).find((key) => key in button.dataset) ?? "copy";
    button.addEventListener("click", async () => {
      let text;
      try {
        text = await texts[kind](button.dataset);
      } catch ({ detail }) {
        trouble({ title: "Nothing was copied", detail: detail ?? "The server did not answer; try again." });
        return;
      }
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        prompt("Copy this:", text);
      }
      setTimeout(() => { button.textContent = name; }, 1500);
    });
  }
}
