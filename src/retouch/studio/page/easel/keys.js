// @ts-check
/** What the keys do while the canvas or its toolbar has the focus. */

/** By how much a step of zoom and of the brush's size changes it. */
export const ZOOM = 1.25;
const SIZE = 1.15;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Steps of the arrow keys with Shift held. */
const LEAP = 10;

/** @type {Record<string, string>} key → tool */
export const SHORTCUTS = { p: "polygon", l: "lasso", r: "rectangle", b: "brush", e: "eraser" };

/**
 * Listen to the keys.
 * @param {HTMLElement} root the canvas and its toolbar
 * @param {HTMLCanvasElement} canvas
 * @param {import("./desk.js").Desk} desk
 * @param {import("./pointers.js").Pointers} pointers
 * @param {AbortSignal} signal ends listening
 */
export function listen(root, canvas, desk, pointers, signal) {
  const on = (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
    if (typing) return;
    const handled = (target === canvas && onCanvas(event, desk, pointers)) || anywhere(event, desk);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  };
  root.addEventListener("keydown", on, { signal });
  root.addEventListener("keyup", (event) => event.key === " " && pointers.holdSpace(false), { signal });
  canvas.addEventListener("blur", () => pointers.holdSpace(false), { signal });
}

/**
 * @param {KeyboardEvent} event
 * @param {import("./desk.js").Desk} desk
 * @returns {boolean} whether the key means something
 */
function anywhere(event, desk) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" && !event.shiftKey) desk.undo();
    else if (key === "z" || key === "y") desk.redo();
    else return false;
    return true;
  }
  if (event.altKey) return false;
  const tool = SHORTCUTS[key];
  if (tool && desk.tools.has(tool)) desk.choose(tool);
  else if (key === "[") desk.resize(1 / SIZE);
  else if (key === "]") desk.resize(SIZE);
  else if (key === "+" || key === "=") zoom(desk, ZOOM);
  else if (key === "-") zoom(desk, 1 / ZOOM);
  else if (key === "0") fit(desk);
  else if (key === "i" && desk.mode === "mask") desk.alter({ invert: !desk.marks.invert });
  else return false;
  return true;
}

/**
 * @param {KeyboardEvent} event
 * @param {import("./desk.js").Desk} desk
 * @param {import("./pointers.js").Pointers} pointers
 * @returns {boolean}
 */
function onCanvas(event, desk, pointers) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const arrow = ARROWS[/** @type {keyof typeof ARROWS} */ (event.key)];
  if (arrow) walk(desk, arrow, event.shiftKey ? LEAP : 1);
  else if (event.key === "Enter") enter(desk);
  else if (event.key === "Backspace") desk.tool.back();
  else if (event.key === "Escape" && desk.tool.busy) desk.tool.cancel();
  else if (event.key === " ") pointers.holdSpace(true);
  else return false;
  return true;
}

/**
 * Set a corner at the crosshair; a person who never moved it begins in the middle.
 * @param {import("./desk.js").Desk} desk
 */
function enter(desk) {
  if (!desk.crosshair && !desk.tool.busy && !desk.tool.nudge) walk(desk, [0, 0], 0);
  desk.tool.enter(desk.crosshair);
}

/**
 * Move the crosshair, or what is being placed. A step of the crosshair is a pixel of the picture, or of the screen
 * where that is more; what is placed moves by pixels of the picture.
 * @param {import("./desk.js").Desk} desk
 * @param {number[]} direction
 * @param {number} steps
 */
function walk(desk, [dx, dy], steps) {
  const { tool, viewport } = desk;
  if (tool.nudge) {
    tool.nudge(dx * steps, dy * steps);
    return;
  }
  const { width, height } = viewport.picture;
  const step = steps * Math.max(1, 1 / viewport.scale);
  const from = desk.crosshair ?? { x: Math.floor(width / 2), y: Math.floor(height / 2) };
  const place = {
    x: Math.min(Math.max(from.x + dx * step, 0), width),
    y: Math.min(Math.max(from.y + dy * step, 0), height),
  };
  desk.crosshair = place;
  viewport.reveal(place);
  if (tool.busy && tool.name !== "polygon" && tool.name !== "rectangle") tool.drag([place]);
  else tool.hover(place);
  desk.refresh();
}

/**
 * @param {import("./desk.js").Desk} desk
 * @param {number} factor
 */
export function zoom(desk, factor) {
  desk.viewport.zoom(factor);
  desk.refresh();
}

/** @param {import("./desk.js").Desk} desk */
export function fit(desk) {
  desk.viewport.fit();
  desk.refresh();
}
