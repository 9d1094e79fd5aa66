// @ts-check
/** Writing a task's state small: a drawing that many moments of the history share is written once. */

/** Drawings are never changed in place, so what was written of one holds. @type {WeakMap<object, string>} */
const written = new WeakMap();

/** @param {object} drawing @returns {string} */
function textOf(drawing) {
  const known = written.get(drawing);
  if (known !== undefined) return known;
  const text = JSON.stringify(drawing);
  written.set(drawing, text);
  return text;
}

/**
 * @param {object} state what JSON can hold; every member that is named "drawing" goes into a table
 * @returns {string}
 */
export function packed(state) {
  /** @type {Map<string, number>} */
  const table = new Map();
  const text = JSON.stringify(state, (key, value) => {
    if (key !== "drawing" || value === null || typeof value !== "object") return value;
    const own = textOf(value);
    if (!table.has(own)) table.set(own, table.size);
    return table.get(own);
  });
  return `{"drawings":[${[...table.keys()].join(",")}],"state":${text}}`;
}

/**
 * @param {string} text as `packed` writes it
 * @returns {any} the state
 * @throws {Error} where the text is no such thing
 */
export function unpacked(text) {
  const { drawings, state } = JSON.parse(text);
  if (!Array.isArray(drawings) || state === null || typeof state !== "object") throw new Error("no state");
  fillIn(state, drawings);
  return state;
}

/** @param {any} node @param {any[]} drawings */
function fillIn(node, drawings) {
  for (const [key, value] of Object.entries(node)) {
    if (key === "drawing" && typeof value === "number") node[key] = drawings[value];
    else if (value !== null && typeof value === "object") fillIn(value, drawings);
  }
}
