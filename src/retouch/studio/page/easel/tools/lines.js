// @ts-check
/** Lines that are seen on any photo: light ones with a dark one beneath. In CSS pixels of the screen. */

/** @typedef {import("../viewport.js").Place} Place */

const LIGHT = "#ffffff";
const DARK = "rgba(16, 16, 20, 0.85)";
const SELECTED = "rgba(255, 46, 136, 0.3)";
const MARK = "#ff2e88";

/**
 * @param {CanvasRenderingContext2D} context
 * @param {readonly Place[]} places
 * @param {{area?: boolean, closed?: boolean}} how area fills what the line would enclose
 */
export function line(context, places, { area = false, closed = false } = {}) {
  context.beginPath();
  places.forEach(({ x, y }, index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
  if (area && places.length > 2) {
    context.fillStyle = SELECTED;
    context.fill("evenodd");
  }
  outlined(context);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {readonly Place[]} places
 * @param {{first?: boolean}} how first: the outline can be closed there
 */
export function handles(context, places, { first = false } = {}) {
  places.forEach(({ x, y }, index) => {
    const large = first && index === 0;
    context.beginPath();
    context.arc(x, y, large ? 6.5 : 3.5, 0, 2 * Math.PI);
    context.fillStyle = large ? MARK : LIGHT;
    context.fill();
    outlined(context, 1.25);
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {number} radius
 */
export function ring(context, { x, y }, radius) {
  context.beginPath();
  context.arc(x, y, Math.max(radius, 1), 0, 2 * Math.PI);
  outlined(context, 1.25);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {number} [arm]
 */
export function crosshair(context, { x, y }, arm = 13) {
  context.beginPath();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    context.moveTo(x + 3 * dx, y + 3 * dy);
    context.lineTo(x + arm * dx, y + arm * dy);
  }
  outlined(context, 1.75);
}

/**
 * @param {CanvasRenderingContext2D} context with a path
 * @param {number} [width]
 */
function outlined(context, width = 1.5) {
  context.lineJoin = "round";
  context.strokeStyle = DARK;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = LIGHT;
  context.lineWidth = width;
  context.stroke();
}
