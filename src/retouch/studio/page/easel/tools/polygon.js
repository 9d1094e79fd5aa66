// @ts-check
/** Corners, one after the other, until the outline is closed. */

import { made } from "../drawing.js";
import { line, handles } from "./lines.js";

/** @typedef {import("../viewport.js").Place} Place */

/** CSS pixels within which a press is meant for the first corner, by mouse and by finger. */
const NEAR = { mouse: 8, pen: 10, touch: 18 };

/** A second press so soon and so near, in milliseconds and CSS pixels, closes the outline. */
const DOUBLE = { time: 350, distance: 4 };

export class Polygon {
  name = "polygon";

  /** @param {import("../desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {Place[]} */
    this.corners = [];
    /** @type {Place | null} */
    this.hovered = null;
    /** @type {{time: number} | null} */
    this.pressed = null;
    this.subtract = false;
  }

  get busy() {
    return this.corners.length > 0;
  }

  get status() {
    const count = this.corners.length;
    if (!count) return "polygon: set the corners, close it at the first one";
    return `polygon, ${count} ${count === 1 ? "corner" : "corners"}${count > 2 ? ", close it at the first" : ""}`;
  }

  /**
   * @param {Place} place
   * @param {{time: number, pointer?: "mouse" | "pen" | "touch", subtract?: boolean}} how
   */
  press(place, { time, pointer = "mouse", subtract = false }) {
    this.subtract ||= subtract;
    const again = this.pressed && time - this.pressed.time < DOUBLE.time;
    const last = this.corners.at(-1);
    const meant = again && last && this.#away(place, last) <= DOUBLE.distance;
    const first = this.corners[0];
    const closing = first && this.corners.length > 2 && this.#away(place, first) <= NEAR[pointer];
    this.pressed = { time };
    if (closing || meant) {
      this.close();
      return;
    }
    this.corners.push(place);
    this.hovered = null;
    this.desk.refresh();
  }

  /** @param {Place[]} places the corner follows the pointer until it is lifted */
  drag(places) {
    const last = /** @type {Place} */ (places.at(-1));
    if (this.corners.length && this.pressed) this.corners[this.corners.length - 1] = last;
    this.desk.refresh();
  }

  release() {
    this.desk.refresh();
  }

  /** Take the last press back: it was the first finger of two. */
  retract() {
    this.back();
  }

  /** @param {Place | null} place */
  hover(place) {
    this.hovered = place;
    if (this.busy) this.desk.refresh();
  }

  /**
   * A corner at the crosshair; where one is already, or without a crosshair, the outline is closed.
   * @param {Place | null} place
   */
  enter(place) {
    const last = this.corners.at(-1);
    if (!place || (last && last.x === place.x && last.y === place.y)) this.close();
    else this.press(place, { time: -Infinity, subtract: this.desk.settings.subtract });
  }

  /** Take the last corner back. @returns {boolean} whether there was one */
  back() {
    const had = this.corners.length > 0;
    this.corners.pop();
    this.pressed = null;
    this.desk.refresh();
    return had;
  }

  /** Keep the outline, if it is one by now. */
  finish() {
    this.close();
  }

  close() {
    const { corners, subtract } = this;
    if (corners.length < 3) return;
    this.cancel();
    const points = /** @type {[number, number][]} */ (corners.map(({ x, y }) => [x, y]));
    this.desk.commit(made("polygon", points, { erase: subtract, colour: this.desk.settings.colour }));
  }

  cancel() {
    this.corners = [];
    this.hovered = null;
    this.pressed = null;
    this.subtract = false;
    this.desk.refresh();
  }

  /** @param {CanvasRenderingContext2D} context in CSS pixels */
  draw(context) {
    const { viewport } = this.desk;
    const corners = this.corners.map((corner) => viewport.toScreen(corner));
    if (!corners.length) return;
    const all = this.hovered ? [...corners, viewport.toScreen(this.hovered)] : corners;
    line(context, all, { area: true });
    handles(context, corners, { first: corners.length > 2 });
  }

  /**
   * @param {Place} one
   * @param {Place} other
   */
  #away(one, other) {
    return Math.hypot(one.x - other.x, one.y - other.y) * this.desk.viewport.scale;
  }
}
