// Presets are offered for the cells that they exist for: Keras has no coupled LSTM.

// Brings a row of presets up to what the server offers now, by name with its address.
export function offer(nav, presets) {
  if (!nav) return;
  const links = new Map([...nav.querySelectorAll('[data-link^="presets/"]')].map((link) => [link.textContent, link]));
  // In the server's order: an object would put 1997 first.
  const every = new Map(JSON.parse(nav.dataset.meanings));
  const names = [...every.keys()].filter((name) => name in presets);
  if (names.length === links.size && names.every((name) => links.has(name))) return;
  const made = (name) => {
    const link = Object.assign(document.createElement("a"), { className: "state", textContent: name, title: every.get(name) });
    link.dataset.link = `presets/${name}`;
    return link;
  };
  const focused = document.activeElement;
  for (const [name, link] of links) if (!names.includes(name)) link.remove();
  nav.prepend(...names.map((name) => links.get(name) ?? made(name)));
  if (nav.contains(focused)) focused.focus();
}
