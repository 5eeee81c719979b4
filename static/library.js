// The plotting library, fetched once, and the arrays as it is sent them.

// plotly.js carries a map library that adds a style sheet, unless an element of this name is there.
// No map is drawn here and the content policy would block the sheet with an error.
const MAP_SHEET = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

let loading = null;
export function loadPlotly(source) {
  loading ??= new Promise((resolve, reject) => {
    if (!document.getElementById(MAP_SHEET)) {
      document.head.append(Object.assign(document.createElement("meta"), { id: MAP_SHEET }));
    }
    const script = document.createElement("script");
    const failed = () => { loading = null; script.remove(); reject(new Error(`${source} did not load`)); };
    Object.assign(script, { src: source, async: true, onload: () => resolve(window.Plotly), onerror: failed });
    document.head.append(script);
  });
  return loading;
}

const TYPES = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array };

// Plotly's typed-array notation read back: a flat typed array, or rows of one.
export function decoded(spec) {
  if (spec?.bdata === undefined) return spec;
  const letters = atob(spec.bdata);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  const flat = new TYPES[spec.dtype](bytes.buffer);
  if (!spec.shape) return flat;
  const [rows, columns] = String(spec.shape).split(",").map(Number);
  return Array.from({ length: rows }, (_, row) => flat.subarray(row * columns, (row + 1) * columns));
}
