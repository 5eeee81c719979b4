// What a damaged link was read as, as the server wrote it behind the address: #read=…&as=…. Anyone can
// write there, so it is shown as text between fixed words, short, without what cannot be seen.

const LONGEST = 110;
const plain = (text) => [...text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "")].slice(0, LONGEST).join("");
const code = (text) => Object.assign(document.createElement("code"), { textContent: plain(text) });

export function showRepairs(fragment, place) {
  const parts = new URLSearchParams(fragment.slice(1));
  const was = parts.getAll("read").slice(0, 5);
  const read = parts.getAll("as");
  if (!was.length || was.length !== read.length) return;
  const more = Number.parseInt(parts.get("more"), 10);
  place.append("This link was damaged on its way. It was repaired: ");
  was.forEach((one, n) => place.append(n ? "; " : "", code(one), " was read as ", code(read[n])));
  place.append(more > 0 ? `; and ${more} more.` : ".");
  place.hidden = false;
}
