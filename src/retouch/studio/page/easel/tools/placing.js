// @ts-check
/** Where something lies: a patch that is pushed over the picture, or one pixel that is pointed at. */

import { crosshair } from "./lines.js";

/** @typedef {import("../viewport.js").Place} Place */

/** A patch, pushed by its source's top-left corner. */
export class Placing {
  name = "place";

  /** @param {import("../desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {{grip: Place, at: [number, number]} | null} */
    this.held = null;
  }

  get busy() {
    return this.held !== null;
  }

  get status() {
    const [x, y] = this.desk.at;
    return `source at ${x}, ${y}`;
  }

  /** @param {Place} place */
  press(place) {
    this.held = { grip: place, at: this.desk.at };
  }

  /** @param {Place[]} places */
  drag(places) {
    if (!this.held) return;
    const { grip, at } = this.held;
    const { x, y } = /** @type {Place} */ (places.at(-1));
    this.desk.move([Math.round(at[0] + x - grip.x), Math.round(at[1] + y - grip.y)]);
  }

  release() {
    if (!this.held) return;
    const { at } = this.held;
    this.held = null;
    const [x, y] = this.desk.at;
    if (x !== at[0] || y !== at[1]) this.desk.settle("");
  }

  retract() {
    this.cancel();
  }

  hover() {}

  enter() {}

  /** @returns {boolean} */
  back() {
    return false;
  }

  finish() {
    this.release();
  }

  cancel() {
    if (this.held) this.desk.move(this.held.at);
    this.held = null;
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  nudge(dx, dy) {
    const [x, y] = this.desk.at;
    this.desk.move([x + dx, y + dy]);
    this.desk.settle("nudge");
  }

  draw() {}
}

/** A pixel. */
export class Pointing {
  name = "point";

  /** @param {import("../desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {[number, number] | null | undefined} what was pointed at before the press */
    this.before = undefined;
  }

  get busy() {
    return this.before !== undefined;
  }

  get status() {
    const { point } = this.desk;
    return point ? `pixel ${point[0]}, ${point[1]}` : "press on the picture to choose a pixel";
  }

  /** @param {Place} place */
  press(place) {
    this.before = this.desk.point;
    this.#choose(place);
  }

  /** @param {Place[]} places */
  drag(places) {
    if (this.busy) this.#choose(/** @type {Place} */ (places.at(-1)));
  }

  release() {
    if (!this.busy) return;
    this.before = undefined;
    this.desk.settle("");
  }

  retract() {
    this.cancel();
  }

  hover() {}

  enter() {}

  /** @returns {boolean} */
  back() {
    return false;
  }

  finish() {
    this.release();
  }

  cancel() {
    if (this.before !== undefined) this.desk.aim(this.before);
    this.before = undefined;
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  nudge(dx, dy) {
    const { width, height } = this.desk.viewport.picture;
    const [x, y] = this.desk.point ?? [Math.floor(width / 2), Math.floor(height / 2)];
    this.#choose({ x: x + dx, y: y + dy });
    this.desk.settle("nudge");
  }

  /** @param {CanvasRenderingContext2D} context in CSS pixels */
  draw(context) {
    const { point, viewport } = this.desk;
    if (point) crosshair(context, viewport.toScreen({ x: point[0] + 0.5, y: point[1] + 0.5 }), 16);
  }

  /** @param {Place} place */
  #choose({ x, y }) {
    const { width, height } = this.desk.viewport.picture;
    const inside = (/** @type {number} */ value, /** @type {number} */ end) =>
      Math.min(Math.max(Math.floor(value), 0), end - 1);
    this.desk.aim([inside(x, width), inside(y, height)]);
  }
}
