// @ts-check
/** The selected area as it is seen on the screen. */

import { changed } from "./distance.js";
import { Layer, canvasOf, contextOf } from "./surface.js";
import { trace, traceAll } from "./trace.js";

/**
 * @typedef {import("./drawing.js").Stroke} Stroke
 * @typedef {import("./drawing.js").Marks} Marks
 * @typedef {import("./surface.js").View} View
 * @typedef {import("./surface.js").Size} Size
 * @typedef {import("./surface.js").Screen} Screen
 */

/** What shows the selected area: seen on skin, sky, leaves and snow, by its colour or by its two outlines. */
const TINT = "#ff2e88";
const STRENGTH = 0.42;
const INNER = "#ffffff";
const OUTER = "#101014";

/** Pixels on which grow and feather are worked out for the screen. */
const WORKED = 400_000;

/** Steps to the neighbours of a pixel. */
const AROUND = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
  [0.7, 0.7],
  [0.7, -0.7],
  [-0.7, 0.7],
  [-0.7, -0.7],
];

/** The selected area: tinted, or cut out of a picture, with a dark and a light outline. */
export class MaskLayer extends Layer {
  constructor() {
    super();
    this.mask = canvasOf();
    this.solid = canvasOf();
    this.rim = canvasOf();
    /** @type {Marks | null} */
    this.marks = null;
    /** @type {{marks: Marks, soft: HTMLCanvasElement, solid: HTMLCanvasElement} | null} */
    this.worked = null;
    /** @type {CanvasImageSource | null} */
    this.filling = null;
    /** A mask that is no drawing, shown instead of one. @type {HTMLCanvasElement | null} */
    this.stencil = null;
  }

  /**
   * @param {Marks} marks
   * @param {Size} frame
   * @param {View} view
   * @param {Screen} screen
   * @param {CanvasImageSource | null} [filling] what is seen inside instead of the tint
   */
  render(marks, frame, view, screen, filling = null) {
    const processed = !this.stencil && (marks.grow !== 0 || marks.feather > 0);
    this.frame = frame;
    this.filling = filling;
    this.invert = marks.invert;
    this.begin(view, screen, this.mask, this.canvas, this.solid, this.rim);
    this.marks = marks;
    const context = contextOf(this.mask);
    this.enter(context, frame);
    context.fillStyle = TINT;
    if (processed) {
      const { soft, solid } = this.#work(marks, frame);
      context.drawImage(soft, 0, 0, frame.width, frame.height);
      const other = contextOf(this.solid);
      this.enter(other, frame);
      other.drawImage(solid, 0, 0, frame.width, frame.height);
      other.restore();
    } else if (this.stencil) {
      context.drawImage(this.stencil, 0, 0, frame.width, frame.height);
    } else {
      traceAll(context, marks.strokes, { invert: marks.invert, frame });
    }
    context.restore();
    this.edge = processed && marks.feather > 0 ? this.solid : this.mask;
    this.#compose([0, 0, screen.width, screen.height]);
  }

  /**
   * Add to what is seen, without drawing the rest anew.
   * @param {Stroke} part
   */
  extend(part) {
    for (const canvas of new Set([this.mask, this.edge ?? this.mask])) {
      const context = contextOf(canvas);
      this.enter(context, /** @type {Size} */ (this.frame));
      context.fillStyle = TINT;
      context.globalCompositeOperation = Boolean(part.erase) === this.invert ? "source-over" : "destination-out";
      trace(context, part);
      context.restore();
    }
    this.#compose(this.covered(part.points, part.radius ?? 0));
  }

  /** @param {[number, number, number, number]} rectangle */
  #compose([left, top, width, height]) {
    if (width <= 0 || height <= 0) return;
    const edge = /** @type {HTMLCanvasElement} */ (this.edge);
    const context = contextOf(this.canvas);
    const rim = contextOf(this.rim);
    for (const [target, colour, reach] of /** @type {const} */ ([
      [context, OUTER, 2.2],
      [rim, INNER, 1.1],
    ])) {
      target.save();
      target.beginPath();
      target.rect(left, top, width, height);
      target.clip();
      target.clearRect(left, top, width, height);
      for (const [dx, dy] of AROUND) {
        target.drawImage(edge, Math.round(dx * reach * this.ratio), Math.round(dy * reach * this.ratio));
      }
      target.globalCompositeOperation = "source-in";
      target.fillStyle = colour;
      target.fillRect(left, top, width, height);
      target.globalCompositeOperation = "source-over";
    }
    rim.restore();
    context.drawImage(this.rim, left, top, width, height, left, top, width, height);
    context.globalCompositeOperation = "destination-out";
    context.drawImage(edge, left, top, width, height, left, top, width, height);
    context.globalCompositeOperation = "source-over";
    this.#fill(context, [left, top, width, height]);
    context.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {[number, number, number, number]} rectangle
   */
  #fill(context, [left, top, width, height]) {
    let inside = this.mask;
    if (this.filling) {
      const rim = contextOf(this.rim);
      rim.clearRect(0, 0, this.rim.width, this.rim.height);
      this.enter(rim, /** @type {Size} */ (this.frame));
      rim.imageSmoothingQuality = "high";
      const { width: across, height: down } = /** @type {Size} */ (this.frame);
      rim.drawImage(this.filling, 0, 0, across, down);
      rim.restore();
      rim.globalCompositeOperation = "destination-in";
      rim.drawImage(this.mask, 0, 0);
      rim.globalCompositeOperation = "source-over";
      inside = this.rim;
    } else {
      context.globalAlpha = STRENGTH;
    }
    context.drawImage(inside, left, top, width, height, left, top, width, height);
    context.globalAlpha = 1;
  }

  /**
   * @param {Marks} marks
   * @param {Size} frame
   */
  #work(marks, frame) {
    if (this.worked?.marks === marks) return this.worked;
    const scale = Math.min(1, Math.sqrt(WORKED / (frame.width * frame.height)));
    const soft = canvasOf({ width: frame.width * scale, height: frame.height * scale });
    const context = /** @type {CanvasRenderingContext2D} */ (soft.getContext("2d", { willReadFrequently: true }));
    context.fillStyle = TINT;
    context.scale(soft.width / frame.width, soft.height / frame.height);
    traceAll(context, marks.strokes, { invert: marks.invert, frame });
    const data = context.getImageData(0, 0, soft.width, soft.height);
    const inside = changed(data.data, soft.width, soft.height, marks.grow * scale, marks.feather * scale);
    tint(data.data);
    context.putImageData(data, 0, 0);
    for (let i = 0; i < inside.length; i++) data.data[4 * i + 3] = 255 * inside[i];
    const solid = canvasOf(soft);
    contextOf(solid).putImageData(data, 0, 0);
    this.worked = { marks, soft, solid };
    return this.worked;
  }
}

/**
 * Read a picture of a mask as the library does: its alpha where it has some, else the strongest colour, cut at half
 * of the largest value.
 * @param {HTMLImageElement} image
 * @returns {HTMLCanvasElement} the same in the colour of masks, transparent outside
 */
export function stencilOf(image) {
  const canvas = canvasOf({ width: image.naturalWidth, height: image.naturalHeight });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height);
  const rgba = data.data;
  const count = rgba.length / 4;
  let clear = false;
  for (let i = 0; i < count; i++) clear ||= rgba[4 * i + 3] < 255;
  const values = new Uint8Array(count);
  let top = 1;
  for (let i = 0; i < count; i++) {
    const at = 4 * i;
    values[i] = clear ? rgba[at + 3] : Math.max(rgba[at], rgba[at + 1], rgba[at + 2]);
    top = Math.max(top, values[i]);
  }
  for (let i = 0; i < count; i++) rgba[4 * i + 3] = 2 * values[i] >= top ? 255 : 0;
  tint(rgba);
  context.putImageData(data, 0, 0);
  return canvas;
}

/** @param {Uint8ClampedArray} rgba gets the colour of masks, and keeps its alpha */
function tint(rgba) {
  const colour = [1, 3, 5].map((start) => parseInt(TINT.slice(start, start + 2), 16));
  for (let i = 0; i < rgba.length; i += 4) rgba.set(colour, i);
}
