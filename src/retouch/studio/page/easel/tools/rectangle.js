// @ts-check
/** Two opposite corners: drag from one to the other, or press twice. */

import { made } from "../drawing.js";
import { line } from "./lines.js";

/** @typedef {import("../viewport.js").Place} Place */

/** CSS pixels; who moves less between pressing and lifting will press again for the other corner. */
const CLICK = 4;

export class Rectangle {
  name = "rectangle";

  /** @param {import("../desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {Place | null} */
    this.first = null;
    /** @type {Place | null} */
    this.second = null;
    this.subtract = false;
  }

  get busy() {
    return this.first !== null;
  }

  get status() {
    if (!this.first || !this.second) return "rectangle: drag from corner to corner";
    const across = Math.round(Math.abs(this.second.x - this.first.x));
    const down = Math.round(Math.abs(this.second.y - this.first.y));
    return `rectangle, ${across} × ${down} pixels`;
  }

  /**
   * @param {Place} place
   * @param {{subtract?: boolean}} how
   */
  press(place, { subtract = false }) {
    this.subtract = subtract;
    if (!this.first) this.first = place;
    this.second = place;
    this.desk.refresh();
  }

  /** @param {Place[]} places */
  drag(places) {
    if (this.first) this.second = /** @type {Place} */ (places.at(-1));
    this.desk.refresh();
  }

  release() {
    const { first, second, subtract } = this;
    if (!first || !second) return;
    const away = Math.max(Math.abs(first.x - second.x), Math.abs(first.y - second.y)) * this.desk.viewport.scale;
    if (away < CLICK) return;
    this.cancel();
    const points = /** @type {[number, number][]} */ ([first, second].map(({ x, y }) => [x, y]));
    this.desk.commit(made("rectangle", points, { erase: subtract, colour: this.desk.settings.colour }));
  }

  retract() {
    this.cancel();
  }

  /** @param {Place | null} place */
  hover(place) {
    if (!this.first || !place) return;
    this.second = place;
    this.desk.refresh();
  }

  /** @param {Place | null} place */
  enter(place) {
    if (!place) return;
    if (!this.first) {
      this.press(place, { subtract: this.desk.settings.subtract });
    } else {
      this.second = place;
      this.release();
    }
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
    this.first = null;
    this.second = null;
    this.subtract = false;
    this.desk.refresh();
  }

  /** @param {CanvasRenderingContext2D} context in CSS pixels */
  draw(context) {
    if (!this.first || !this.second) return;
    const { x: x0, y: y0 } = this.desk.viewport.toScreen(this.first);
    const { x: x1, y: y1 } = this.desk.viewport.toScreen(this.second);
    const corners = [
      { x: x0, y: y0 },
      { x: x1, y: y0 },
      { x: x1, y: y1 },
      { x: x0, y: y1 },
    ];
    line(context, corners, { area: true, closed: true });
  }
}
