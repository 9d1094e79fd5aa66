// @ts-check
/** A scribble, on the screen and as a picture. */

import { Layer, contextOf } from "./surface.js";
import { trace } from "./trace.js";

/**
 * @typedef {import("./drawing.js").Stroke} Stroke
 * @typedef {import("./drawing.js").Marks} Marks
 * @typedef {import("./surface.js").View} View
 * @typedef {import("./surface.js").Size} Size
 * @typedef {import("./surface.js").Screen} Screen
 */

/** Strokes of paint, each of its own colour. */
export class PaintLayer extends Layer {
  /**
   * @param {Marks} marks
   * @param {Size} frame
   * @param {View} view
   * @param {Screen} screen
   */
  render(marks, frame, view, screen) {
    this.frame = frame;
    this.begin(view, screen, this.canvas);
    for (const stroke of marks.strokes) this.extend(stroke);
  }

  /** @param {Stroke} part */
  extend(part) {
    const context = contextOf(this.canvas);
    this.enter(context, /** @type {Size} */ (this.frame));
    paint(context, part);
    context.restore();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Stroke} stroke
 */
export function paint(context, stroke) {
  context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
  context.fillStyle = stroke.colour ?? "#000000";
  trace(context, stroke);
  context.globalCompositeOperation = "source-over";
}
