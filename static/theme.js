// Before the first paint: the theme one chose last time, and the news that scripts run.
document.documentElement.classList.add("scripts");
const chosen = localStorage.getItem("theme");
if (chosen) document.documentElement.dataset.theme = chosen;

addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  let theme = document.documentElement.dataset.theme ?? "system";
  const tell = () => { button.textContent = `Theme: ${theme}`; };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    if (theme === "system") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      document.documentElement.dataset.theme = theme;
      localStorage.setItem("theme", theme);
    }
    tell();
  });
  tell();
});
