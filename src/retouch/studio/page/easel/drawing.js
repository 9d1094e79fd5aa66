// @ts-check
/** A drawing as JSON, as `retouch.Drawing` reads and writes it, in pixels of the picture. */

/**
 * @typedef {[number, number]} Corner x, y
 * @typedef {{kind: "polygon" | "rectangle" | "brush", points: Corner[], radius?: number, erase?: boolean,
 *   colour?: string}} Stroke only strokes of paint have a colour
 * @typedef {{strokes: readonly Stroke[], invert: boolean, grow: number, feather: number}} Marks
 */

const FARTHEST = 2 ** 31;
const MOST_STROKES = 5_000;
const MOST_POINTS = 200_000;

/** The least and the most points of a stroke. */
const POINTS = { polygon: [3, MOST_POINTS], rectangle: [2, 2], brush: [1, MOST_POINTS] };

/** @type {Marks} */
export const NOTHING = Object.freeze({ strokes: Object.freeze([]), invert: false, grow: 0, feather: 0 });

/** What is wrong with a file, in words for the person who opened it. */
export class DrawingError extends Error {}

/**
 * @param {number} value
 * @returns {number} to a hundredth of a pixel: finer than any pointer, and short in the file
 */
function rounded(value) {
  return Math.round(value * 100) / 100;
}

/**
 * @param {Marks} marks
 * @param {{width: number, height: number} | null} picture
 * @returns {object} what JSON.stringify makes the file of
 */
export function written(marks, picture) {
  return {
    retouch: "drawing",
    version: 1,
    size: picture && [picture.height, picture.width],
    strokes: marks.strokes.map(plain),
    invert: marks.invert,
    grow: marks.grow,
    feather: marks.feather,
  };
}

/**
 * @param {any} json as a JSON parser made it
 * @param {{width: number, height: number} | null} picture what it is to be drawn on; null takes any
 * @returns {Marks}
 * @throws {DrawingError} it is not a drawing, or one of another picture
 */
export function read(json, picture) {
  if (json?.retouch !== "drawing") throw new DrawingError("This file is not a mask that was saved here.");
  if (json.version !== 1) throw new DrawingError("This mask was saved by a newer retouch; update this one.");
  if (json.size != null && !isSize(json.size)) throw new DrawingError("The size of this mask is broken.");
  if (json.size != null && picture) {
    const [height, width] = json.size;
    if (height !== picture.height || width !== picture.width) {
      throw new DrawingError(
        `This mask belongs to a picture of ${width} × ${height} pixels; this one has ` +
          `${picture.width} × ${picture.height}.`,
      );
    }
  }
  const strokes = readStrokes(json.strokes);
  const grow = json.grow ?? 0;
  const feather = json.feather ?? 0;
  if (!near(grow) || !near(feather) || feather < 0) throw new DrawingError("Grow or feather of this mask is broken.");
  return Object.freeze({ strokes, invert: json.invert === true, grow, feather });
}

/**
 * @param {any} list
 * @returns {readonly Stroke[]}
 * @throws {DrawingError} one of them is no stroke, or they are too many
 */
export function readStrokes(list) {
  if (!Array.isArray(list) || list.length > MOST_STROKES) {
    throw new DrawingError(`A mask has a list of up to ${MOST_STROKES} strokes.`);
  }
  let points = 0;
  const strokes = list.map((stroke, index) => {
    points += stroke?.points?.length ?? 0;
    if (!sound(stroke) || points > MOST_POINTS) throw new DrawingError(`Stroke ${index + 1} of this file is broken.`);
    const { kind, radius, erase, colour } = stroke;
    return made(kind, stroke.points, { radius, erase: erase === true, colour });
  });
  return Object.freeze(strokes);
}

/**
 * @param {Stroke["kind"]} kind
 * @param {Corner[]} points
 * @param {{radius?: number, erase?: boolean, colour?: string}} [how]
 * @returns {Stroke} that nobody changes any more
 */
export function made(kind, points, { radius, erase = false, colour } = {}) {
  /** @type {Stroke} */
  const stroke = { kind, points: points.map(([x, y]) => [rounded(x), rounded(y)]) };
  if (kind === "brush") stroke.radius = Math.max(rounded(radius ?? 1), 0.01);
  if (erase) stroke.erase = true;
  if (colour && !erase) stroke.colour = colour;
  return Object.freeze(stroke);
}

/** @param {Stroke} stroke */
function plain(stroke) {
  const { kind, points, radius, erase } = stroke;
  return { kind, points, ...(kind === "brush" && { radius }), ...(erase && { erase }) };
}

/** @param {any} stroke */
function sound(stroke) {
  const range = POINTS[/** @type {Stroke["kind"]} */ (stroke?.kind)];
  if (!range || !Array.isArray(stroke.points)) return false;
  if (stroke.points.length < range[0] || stroke.points.length > range[1]) return false;
  if (stroke.kind === "brush" && !(stroke.radius > 0 && near(stroke.radius))) return false;
  if (stroke.colour != null && !/^#[0-9a-f]{6}$/i.test(stroke.colour)) return false;
  return stroke.points.every((/** @type {any} */ point) => Array.isArray(point) && near(point[0]) && near(point[1]));
}

/** @param {any} size */
function isSize(size) {
  return Array.isArray(size) && size.length === 2 && size.every((side) => Number.isInteger(side) && side > 0);
}

/** @param {any} value */
function near(value) {
  return typeof value === "number" && Number.isFinite(value) && Math.abs(value) <= FARTHEST;
}
