// @ts-check
/** What is being made on the canvas, and with what: the tools work on this, the scene shows it. */

import { NOTHING } from "./drawing.js";
import { History } from "./history.js";
import { Brush, Lasso } from "./tools/freehand.js";
import { Placing, Pointing } from "./tools/placing.js";
import { Polygon } from "./tools/polygon.js";
import { Rectangle } from "./tools/rectangle.js";
import { Viewport } from "./viewport.js";

/**
 * @typedef {"mask" | "place" | "point" | "paint"} Mode
 * @typedef {import("./drawing.js").Marks} Marks
 * @typedef {import("./drawing.js").Stroke} Stroke
 * @typedef {import("./viewport.js").Place} Place
 * @typedef {{
 *   name: string, busy: boolean, status: string,
 *   press(place: Place, how: {time: number, pointer?: "mouse" | "pen" | "touch", subtract?: boolean}): void,
 *   drag(places: Place[]): void, release(): void, retract(): void, hover(place: Place | null): void,
 *   enter(place: Place | null): void, back(): boolean, finish(): void, cancel(): void,
 *   draw(context: CanvasRenderingContext2D): void, nudge?: (dx: number, dy: number) => void,
 * }} Tool
 */

/** What each mode draws with; the first is at hand at the start. */
const TOOLS = {
  mask: ["polygon", "lasso", "rectangle", "brush", "eraser"],
  paint: ["brush", "lasso", "rectangle", "eraser"],
  place: ["place"],
  point: ["point"],
};

/** @type {Record<string, (desk: Desk) => Tool>} */
const MAKERS = {
  polygon: (desk) => new Polygon(desk),
  lasso: (desk) => new Lasso(desk),
  rectangle: (desk) => new Rectangle(desk),
  brush: (desk) => new Brush(desk, { erase: false }),
  eraser: (desk) => new Brush(desk, { erase: true }),
  place: (desk) => new Placing(desk),
  point: (desk) => new Pointing(desk),
};

/** The first colour of a paint brush. */
const COLOUR = "#2f6fde";

export class Desk {
  /** @param {Mode} mode */
  constructor(mode) {
    this.mode = mode;
    this.viewport = new Viewport();
    /** @type {{radius: number, subtract: boolean, colour: string | undefined}} */
    this.settings = { radius: 8, subtract: false, colour: mode === "paint" ? COLOUR : undefined };
    /** @type {History<any>} strokes and what is done to them, or a place */
    this.history = new History(this.nothing);
    /** @type {{value: any} | null} a place while it is being dragged */
    this.moving = null;
    /** @type {Place | null} where the arrow keys are */
    this.crosshair = null;
    /** @type {import("./scene.js").Scene | null} */
    this.scene = null;
    /** Called when something was made, or something else is at hand. @type {(made: boolean) => void} */
    this.listener = () => {};
    const names = TOOLS[mode];
    /** @type {Map<string, Tool>} */
    this.tools = new Map(names.map((name) => [name, MAKERS[name](this)]));
    this.tool = /** @type {Tool} */ (this.tools.get(names[0]));
  }

  /** What a mode begins with. */
  get nothing() {
    return { mask: NOTHING, paint: NOTHING, place: [0, 0], point: null }[this.mode];
  }

  /** @returns {Marks} in the modes that draw */
  get marks() {
    return this.history.value;
  }

  /** @returns {[number, number]} in the mode that places */
  get at() {
    return this.moving ? this.moving.value : this.history.value;
  }

  /** @returns {[number, number] | null} in the mode that points */
  get point() {
    return this.moving ? this.moving.value : this.history.value;
  }

  /** @param {string} name of a tool of this mode */
  choose(name) {
    const tool = this.tools.get(name);
    if (!tool || tool === this.tool) return;
    this.tool.finish();
    this.tool.cancel();
    this.tool.hover(null);
    this.tool = tool;
    this.listener(false);
    this.refresh();
  }

  /** Show what changed in the next frame. */
  refresh() {
    this.scene?.request();
    this.listener(false);
  }

  /** Draw the strokes anew in the next frame. */
  redraw() {
    this.scene?.redraw();
    this.listener(false);
  }

  /**
   * Add a stroke.
   * @param {Stroke} stroke
   * @param {{seen?: boolean}} [how] seen: it was shown by `extend` already
   */
  commit(stroke, { seen = false } = {}) {
    const { marks } = this;
    this.history.push(Object.freeze({ ...marks, strokes: Object.freeze([...marks.strokes, stroke]) }));
    if (this.scene) this.scene.added(stroke, seen);
    this.listener(true);
  }

  /** @param {Stroke} part of a stroke that is being drawn */
  extend(part) {
    this.scene?.extend(part);
    this.listener(false);
  }

  /**
   * Change what is done to all strokes together.
   * @param {Partial<Marks>} change
   * @param {string} [kind] as for `History.push`
   */
  alter(change, kind = "") {
    this.history.push(Object.freeze({ ...this.marks, ...change }), kind);
    this.scene?.redraw();
    this.listener(true);
  }

  clear() {
    this.tool.cancel();
    this.history.push(this.nothing);
    this.redraw();
    this.listener(true);
  }

  undo() {
    // Of an outline that is being drawn, the last corner.
    if (this.tool.busy && this.tool.back()) return;
    if (!this.history.undo()) return;
    this.redraw();
    this.listener(true);
  }

  redo() {
    if (!this.history.redo()) return;
    this.redraw();
    this.listener(true);
  }

  /** @param {[number, number]} at while a patch is being dragged */
  move(at) {
    this.moving = { value: at };
    this.refresh();
  }

  /** @param {[number, number] | null} point while it is being chosen */
  aim(point) {
    this.moving = { value: point };
    this.refresh();
  }

  /**
   * The place is chosen.
   * @param {string} kind as for `History.push`
   */
  settle(kind) {
    if (this.moving) this.history.push(this.moving.value, kind);
    this.moving = null;
    this.refresh();
    this.listener(true);
  }

  /** @param {any} value to begin with, from outside */
  begin(value) {
    this.tool.cancel();
    this.moving = null;
    this.history.reset(value);
    this.redraw();
  }

  /** @param {number} factor by which the brush becomes larger */
  resize(factor) {
    this.setRadius(this.settings.radius * factor);
  }

  /** @param {number} radius in pixels of the picture */
  setRadius(radius) {
    this.settings.radius = Math.min(Math.max(radius, 0.5), this.largest);
    this.refresh();
  }

  /** The largest brush, in pixels of the picture. */
  get largest() {
    const { width, height } = this.viewport.picture;
    return Math.max(Math.max(width, height) / 4, 8);
  }
}
