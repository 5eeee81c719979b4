// Before the first paint: the theme one chose last time, and the news that scripts run.
document.documentElement.classList.add("scripts");
// Where storage is blocked, a choice lasts as long as the page.
const stored = (change) => { try { return change(localStorage); } catch { return null; } };
const chosen = stored((storage) => storage.getItem("theme"));
if (chosen) document.documentElement.dataset.theme = chosen;

// Where a row of links is wider than the screen, the one that is current is brought into sight.
function centre() {
  for (const link of document.querySelectorAll("header [aria-current], form a[aria-current]")) {
    const row = link.parentElement;
    row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
  }
}
for (const news of ["DOMContentLoaded", "marked"]) addEventListener(news, centre);

addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  let theme = document.documentElement.dataset.theme ?? "system";
  const tell = () => { button.textContent = `Theme: ${theme}`; };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    if (theme === "system") {
      delete document.documentElement.dataset.theme;
      stored((storage) => storage.removeItem("theme"));
    } else {
      document.documentElement.dataset.theme = theme;
      stored((storage) => storage.setItem("theme", theme));
    }
    tell();
  });
  tell();
});
