// @ts-check
/** The canvas on the screen: the picture, what was drawn on it, and what the tool at hand shows. */

import { NOTHING } from "./drawing.js";
import { MaskLayer } from "./masklayer.js";
import { PaintLayer } from "./paintlayer.js";
import { canvasOf, contextOf } from "./surface.js";
import { crosshair } from "./tools/lines.js";

/**
 * @typedef {import("./surface.js").Size} Size
 * @typedef {import("./surface.js").View} View
 * @typedef {import("./drawing.js").Stroke} Stroke
 */

/** Milliseconds without movement after which everything is drawn sharply again. */
const REST = 120;

/** Milliseconds that drawing all strokes may take for it to be done in every frame. */
const CHEAP = 8;

/** Screen pixels per pixel of the picture from which single pixels are shown as squares. */
const SQUARES = 6;

/** CSS pixels of a square of the board that shows through where a picture is transparent. */
const BOARD = 8;

/** How much of a patch is seen while what lies beneath it matters, too. */
const THROUGH = 0.92;

export class Scene {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./desk.js").Desk} desk
   */
  constructor(canvas, desk) {
    this.canvas = canvas;
    this.context = contextOf(canvas);
    this.desk = desk;
    this.ratio = 1;
    /** @type {HTMLImageElement | null} */
    this.picture = null;
    /** @type {{image: HTMLImageElement, frame: Size, marks: import("./drawing.js").Marks} | null} */
    this.patch = null;
    this.layer = desk.mode === "paint" ? new PaintLayer() : new MaskLayer();
    this.backdrop = canvasOf();
    /** @type {View | null} */
    this.backdropView = null;
    this.stale = true;
    this.cost = 0;
    this.frame = 0;
    this.resting = 0;
  }

  /**
   * @param {number} width in CSS pixels
   * @param {number} height
   * @param {number} ratio pixels of the device per CSS pixel
   */
  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.max(Math.round(width * ratio), 1);
    this.canvas.height = Math.max(Math.round(height * ratio), 1);
    this.desk.viewport.resize(width, height);
    this.backdropView = null;
    this.redraw();
  }

  /** @param {HTMLImageElement | null} picture none is a blank, transparent sheet */
  show(picture) {
    this.picture = picture;
    this.backdropView = null;
    this.redraw();
  }

  /**
   * @param {Scene["patch"]} patch
   * @param {HTMLCanvasElement | null} stencil its mask, if that is no drawing
   */
  setPatch(patch, stencil) {
    this.patch = patch;
    this.setStencil(stencil);
  }

  /** @param {HTMLCanvasElement | null} stencil a mask that is no drawing, to be shown instead of one */
  setStencil(stencil) {
    if (this.layer instanceof MaskLayer) this.layer.stencil = stencil;
    this.redraw();
  }

  /** Draw a frame soon. */
  request() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  /** Draw all strokes anew, soon. */
  redraw() {
    this.stale = true;
    this.request();
  }

  /**
   * @param {Stroke} stroke that was just added
   * @param {boolean} seen it is on the layer already
   */
  added(stroke, seen) {
    const { grow, feather } = this.desk.marks;
    if (this.stale || grow || feather || !this.layer.view) this.stale = true;
    else if (!seen) this.layer.extend(stroke);
    this.request();
  }

  /** @param {Stroke} part of the stroke that is being drawn */
  extend(part) {
    if (this.stale || !this.layer.view) this.#render();
    this.layer.extend(part);
    this.request();
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
  }

  draw() {
    this.frame = 0;
    const { desk, context, ratio } = this;
    const view = desk.viewport.view();
    if (this.stale || (!this.layer.fits(this.#layerView()) && this.cost < CHEAP && !desk.tool.busy)) this.#render();
    if (!this.#backdropFits(view) || !this.layer.fits(this.#layerView())) this.#restSoon();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#drawBackdrop(view);
    if (desk.mode !== "place" || this.patch) {
      context.globalAlpha = desk.mode === "place" && desk.tool.busy ? THROUGH : 1;
      this.layer.draw(context, this.#layerView());
      context.globalAlpha = 1;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    desk.tool.draw(context);
    if (desk.crosshair && !desk.tool.nudge) crosshair(context, desk.viewport.toScreen(desk.crosshair));
  }

  /** Where the strokes lie: over the picture, or wherever the patch is. */
  #layerView() {
    const { scale, x, y } = this.desk.viewport.view();
    if (this.desk.mode !== "place") return { scale, x, y };
    const [left, top] = this.desk.at;
    return { scale, x: x + left * scale, y: y + top * scale };
  }

  #render() {
    const began = performance.now();
    const { desk, layer } = this;
    const screen = { width: this.canvas.width, height: this.canvas.height, ratio: this.ratio };
    const view = this.#layerView();
    if (layer instanceof PaintLayer) {
      layer.render(desk.marks, desk.viewport.picture, view, screen);
    } else if (desk.mode === "place") {
      if (this.patch) layer.render(this.patch.marks, this.patch.frame, view, screen, this.patch.image);
    } else {
      layer.render(desk.mode === "mask" ? desk.marks : NOTHING, desk.viewport.picture, view, screen);
    }
    this.stale = false;
    this.cost = performance.now() - began;
  }

  #restSoon() {
    clearTimeout(this.resting);
    this.resting = window.setTimeout(() => {
      if (this.desk.tool.busy && this.desk.mode !== "place") {
        this.#restSoon();
        return;
      }
      this.#keepBackdrop();
      if (!this.layer.fits(this.#layerView())) this.redraw();
      this.request();
    }, REST);
  }

  /** @param {View} view */
  #backdropFits(view) {
    const kept = this.backdropView;
    return kept !== null && kept.scale === view.scale && kept.x === view.x && kept.y === view.y;
  }

  /** @param {View} view */
  #drawBackdrop(view) {
    if (this.#backdropFits(view)) this.context.drawImage(this.backdrop, 0, 0);
    else this.#paintPicture(this.context, view, "low");
  }

  #keepBackdrop() {
    this.backdrop.width = this.canvas.width;
    this.backdrop.height = this.canvas.height;
    this.backdropView = this.desk.viewport.view();
    this.#paintPicture(contextOf(this.backdrop), this.backdropView, "high");
  }

  /**
   * @param {CanvasRenderingContext2D} context without transformation
   * @param {View} view
   * @param {ImageSmoothingQuality} quality
   */
  #paintPicture(context, view, quality) {
    const { width, height } = this.desk.viewport.picture;
    const { picture, ratio } = this;
    const [x, y] = [view.x * ratio, view.y * ratio];
    const [across, down] = [width * view.scale * ratio, height * view.scale * ratio];
    this.#paintBoard(context, x, y, across, down);
    if (!picture) return;
    context.imageSmoothingEnabled = across / picture.naturalWidth < SQUARES || picture.naturalWidth < width;
    context.imageSmoothingQuality = quality;
    context.drawImage(picture, x, y, across, down);
    context.imageSmoothingEnabled = true;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} x
   * @param {number} y
   * @param {number} across
   * @param {number} down
   */
  #paintBoard(context, x, y, across, down) {
    const side = Math.round(BOARD * this.ratio);
    if (!this.board || this.board.width !== 2 * side) {
      this.board = canvasOf({ width: 2 * side, height: 2 * side });
      const tile = contextOf(this.board);
      tile.fillStyle = "#ffffff";
      tile.fillRect(0, 0, 2 * side, 2 * side);
      tile.fillStyle = "#e3e4e8";
      tile.fillRect(0, 0, side, side);
      tile.fillRect(side, side, side, side);
    }
    context.fillStyle = context.createPattern(this.board, "repeat") ?? "#ffffff";
    context.fillRect(x, y, across, down);
  }
}
