// @ts-check
/** Strokes as paths of a canvas whose unit is a pixel of the picture. */

/** @typedef {import("./drawing.js").Stroke} Stroke */

/** @type {WeakMap<Stroke, Path2D>} */
const paths = new WeakMap();

/**
 * Fill a stroke with the fill style that is set.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {Stroke} stroke
 */
export function trace(context, stroke) {
  const path = pathOf(stroke);
  if (stroke.kind === "brush" && stroke.points.length > 1) {
    context.strokeStyle = context.fillStyle;
    context.lineWidth = 2 * (stroke.radius ?? 1);
    context.lineCap = context.lineJoin = "round";
    context.stroke(path);
  }
  if (stroke.kind !== "brush" || isDot(stroke)) context.fill(path, "evenodd");
}

/**
 * Draw strokes in their order, each added or taken away.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {readonly Stroke[]} strokes
 * @param {{invert?: boolean, frame: {width: number, height: number}}} how with invert the frame is filled first
 */
export function traceAll(context, strokes, { invert = false, frame }) {
  if (invert) context.fillRect(0, 0, frame.width, frame.height);
  for (const stroke of strokes) {
    context.globalCompositeOperation = Boolean(stroke.erase) === invert ? "source-over" : "destination-out";
    trace(context, stroke);
  }
  context.globalCompositeOperation = "source-over";
}

/** @param {Stroke} stroke a brush that never moved */
function isDot({ points: [first, ...others] }) {
  return others.every(([x, y]) => x === first[0] && y === first[1]);
}

/** @param {Stroke} stroke */
function pathOf(stroke) {
  let path = paths.get(stroke);
  if (path) return path;
  path = new Path2D();
  const [[x, y], ...others] = stroke.points;
  if (stroke.kind === "rectangle") {
    const [[right, bottom]] = others;
    path.rect(Math.min(x, right), Math.min(y, bottom), Math.abs(right - x), Math.abs(bottom - y));
  } else if (stroke.kind === "brush" && isDot(stroke)) {
    path.arc(x, y, stroke.radius ?? 1, 0, 2 * Math.PI);
  } else {
    path.moveTo(x, y);
    for (const [nextX, nextY] of others) path.lineTo(nextX, nextY);
    if (stroke.kind === "polygon") path.closePath();
  }
  paths.set(stroke, path);
  return path;
}
