// @ts-check
/** What is drawn with the pointer held down: brush, eraser and lasso. */

import { made } from "../drawing.js";
import { line, ring } from "./lines.js";

/** @typedef {import("../viewport.js").Place} Place */

class Freehand {
  /**
   * @param {import("../desk.js").Desk} desk
   * @param {string} name
   */
  constructor(desk, name) {
    this.desk = desk;
    this.name = name;
    /** @type {[number, number][]} */
    this.points = [];
    this.subtract = false;
    /** @type {Place | null} */
    this.hovered = null;
  }

  get busy() {
    return this.points.length > 0;
  }

  /**
   * @param {Place} place
   * @param {{subtract?: boolean}} how
   */
  press({ x, y }, { subtract = false }) {
    this.subtract = subtract;
    this.points = [[x, y]];
    this.hovered = { x, y };
    this.grown(0);
  }

  /** @param {Place[]} places every one is kept; only what repeats the last one is left out */
  drag(places) {
    if (!this.busy) return;
    const before = this.points.length;
    for (const { x, y } of places) {
      const [lastX, lastY] = this.points[this.points.length - 1];
      if (x !== lastX || y !== lastY) this.points.push([x, y]);
    }
    this.hovered = places.at(-1) ?? this.hovered;
    if (this.points.length > before) this.grown(before - 1);
  }

  release() {
    if (!this.busy) return;
    const { points } = this;
    this.points = [];
    this.finished(points);
  }

  retract() {
    this.cancel();
  }

  /** @param {Place | null} place */
  hover(place) {
    this.hovered = place;
    this.desk.refresh();
  }

  /** @param {Place | null} place pen down, pen up */
  enter(place) {
    if (this.busy) this.release();
    else if (place) this.press(place, { subtract: this.desk.settings.subtract });
  }

  /** @returns {boolean} */
  back() {
    const had = this.busy;
    this.cancel();
    return had;
  }

  finish() {
    this.release();
  }

  cancel() {
    const had = this.busy;
    this.points = [];
    if (had) this.desk.redraw();
  }

  /** @param {number} _from index of the first new point, or of the one before it */
  grown(_from) {
    this.desk.refresh();
  }

  /** @param {[number, number][]} _points */
  finished(_points) {}
}

/** A round brush; as eraser it takes away. */
export class Brush extends Freehand {
  /**
   * @param {import("../desk.js").Desk} desk
   * @param {{erase: boolean}} how
   */
  constructor(desk, { erase }) {
    super(desk, erase ? "eraser" : "brush");
    this.erase = erase;
  }

  get status() {
    const across = Math.round(2 * this.desk.settings.radius);
    return `${this.name}, ${across} ${across === 1 ? "pixel" : "pixels"} wide`;
  }

  /** @param {number} from */
  grown(from) {
    this.desk.extend(this.#stroke(this.points.slice(from)));
  }

  /** @param {[number, number][]} points */
  finished(points) {
    this.desk.commit(this.#stroke(points), { seen: true });
  }

  /** @param {CanvasRenderingContext2D} context in CSS pixels */
  draw(context) {
    const { viewport, settings } = this.desk;
    if (this.hovered) ring(context, viewport.toScreen(this.hovered), settings.radius * viewport.scale);
  }

  /** @param {[number, number][]} points */
  #stroke(points) {
    const { radius, colour } = this.desk.settings;
    return made("brush", points, { radius, erase: this.erase || this.subtract, colour });
  }
}

/** An outline drawn by hand; it closes itself. */
export class Lasso extends Freehand {
  /** @param {import("../desk.js").Desk} desk */
  constructor(desk) {
    super(desk, "lasso");
  }

  get status() {
    return this.busy ? "lasso: lift to close it" : "lasso: draw around what you mean";
  }

  /** @param {[number, number][]} points */
  finished(points) {
    if (points.length < 3) {
      this.desk.refresh();
      return;
    }
    this.desk.commit(made("polygon", points, { erase: this.subtract, colour: this.desk.settings.colour }));
  }

  /** @param {CanvasRenderingContext2D} context in CSS pixels */
  draw(context) {
    const { viewport } = this.desk;
    if (this.busy) line(context, this.points.map(([x, y]) => viewport.toScreen({ x, y })), { area: true });
  }
}
