// @ts-check
/** The canvas of the studio: marks a region, places a patch, points at a pixel, or paints a scribble. */

import { el } from "../dom.js";
import { Desk } from "./desk.js";
import { DrawingError, NOTHING, read, readStrokes, written } from "./drawing.js";
import { download, load, parsed } from "./files.js";
import { listen } from "./keys.js";
import { stencilOf } from "./masklayer.js";
import { paint } from "./paintlayer.js";
import { Pointers } from "./pointers.js";
import { Scene } from "./scene.js";
import { canvasOf, contextOf } from "./surface.js";
import { Toolbar } from "./toolbar.js";

/**
 * @typedef {import("./desk.js").Mode} Mode
 * @typedef {{url: string | null, width: number, height: number, name?: string}} Shown url of a view, which may be
 *   smaller than the picture; width and height are the picture's own
 */

/** What the canvas is called, by mode. */
const LABELS = { mask: "Mask of", place: "Place the source on", point: "Choose a pixel of", paint: "Scribble on" };

/** How it is used without a mouse. */
const HELP = {
  mask:
    "Arrow keys move a crosshair, with Shift in larger steps. Enter sets a corner, or puts the pen down and lifts " +
    "it. Enter twice at one place closes a polygon, Backspace takes the last corner back, Escape gives up.",
  place: "Arrow keys push the source by one pixel, with Shift by ten.",
  point: "Arrow keys move the chosen pixel by one, with Shift by ten.",
  paint: "Arrow keys move a crosshair, with Shift in larger steps. Enter puts the pen down and lifts it.",
};

let count = 0;

/**
 * Events: "change" when a person made or took back something; "maskfile" with the file in `detail` when a picture
 * was chosen by Open mask; "problem" with a sentence in `detail`.
 */
export class Easel extends EventTarget {
  /**
   * @param {HTMLElement} element is filled; should have a definite height
   * @param {{mode: Mode}} options
   */
  constructor(element, { mode }) {
    super();
    this.mode = mode;
    /** @type {Shown | null} */
    this.shown = null;
    this.desk = new Desk(mode);
    this.ending = new AbortController();
    const help = `easel-help-${++count}`;
    this.canvas = el("canvas", {
      class: "easel-canvas",
      tabindex: 0,
      role: "application",
      "aria-label": LABELS[mode],
      "aria-describedby": help,
    });
    this.scene = new Scene(this.canvas, this.desk);
    this.desk.scene = this.scene;
    this.toolbar = new Toolbar(this.desk, { save: () => this.save(), open: (file) => this.open(file) });
    this.status = el("div", { class: "easel-status", role: "status" });
    this.alert = el("div", { class: "easel-alert", role: "alert" });
    this.root = el(
      "div",
      { class: "easel", data: { easel: mode } },
      this.toolbar.above,
      el("div", { class: "easel-stage" }, this.canvas),
      this.alert,
      el("div", { class: "easel-foot" }, this.status, ...this.toolbar.below),
      el("p", { id: help, class: "easel-hidden" }, HELP[mode]),
    );
    element.append(this.root);
    this.desk.listener = (made) => this.#tell(made);
    const { signal } = this.ending;
    listen(this.root, this.canvas, this.desk, new Pointers(this.canvas, this.desk, signal), signal);
    this.root.addEventListener("focusout", (/** @type {FocusEvent} */ event) => this.#left(event), { signal });
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.canvas);
    this.#resize();
    this.#tell(false);
  }

  /**
   * Show a picture. Of another size than the one before, it takes all that was drawn away.
   * @param {Shown} picture
   * @returns {Promise<void>} when it is seen; `data-shown` is on the root then
   */
  async show(picture) {
    const { url, width, height, name } = picture;
    delete this.root.dataset.shown;
    const { viewport, settings } = this.desk;
    const fresh = !this.shown || this.shown.width !== width || this.shown.height !== height;
    const known = this.shown !== null;
    this.shown = picture;
    this.canvas.setAttribute("aria-label", name ? `${LABELS[this.mode]} ${name}` : LABELS[this.mode]);
    viewport.open(width, height);
    if (fresh) settings.radius = Math.min(Math.max(Math.max(width, height) / 50, 0.5), this.desk.largest);
    if (fresh && known) this.desk.begin(this.desk.nothing);
    const image = url ? await load(url) : null;
    if (this.shown !== picture || this.ending.signal.aborted) return;
    this.scene.show(image);
    this.scene.draw();
    this.root.dataset.shown = name ?? "";
    this.#tell(false);
  }

  /** @returns {object | null} the mask in the picture's pixels, as JSON; null when nothing is marked */
  get drawing() {
    const { marks } = this.desk;
    return marks.strokes.length || marks.invert ? written(marks, this.shown) : null;
  }

  /** @param {any} json as `drawing` gave it; one of a picture of another size throws a DrawingError */
  set drawing(json) {
    this.desk.begin(json == null ? NOTHING : read(typeof json === "string" ? parsed(json) : json, this.shown));
  }

  /** @returns {object | null} the strokes of paint, as JSON */
  get painting() {
    const { strokes } = this.desk.marks;
    return strokes.length ? { size: this.shown && [this.shown.height, this.shown.width], strokes } : null;
  }

  /** @param {any} json as `painting` gave it */
  set painting(json) {
    this.desk.begin(json == null ? NOTHING : Object.freeze({ ...NOTHING, strokes: readStrokes(json.strokes) }));
  }

  /**
   * Take what lies on the picture in place mode.
   * @param {(Shown & {drawing?: any, mask?: string | null}) | null} patch its mask is a drawing, or the url of a
   *   view of a picture, white inside; without either, all of it is seen
   * @returns {Promise<void>} when it is seen
   */
  async setPatch(patch) {
    this.patch = patch;
    const urls = [patch?.url, patch?.mask].map((url) => (url ? load(url) : null));
    const [image, mask] = await Promise.all(urls);
    if (this.patch !== patch || this.ending.signal.aborted) return;
    const marks = patch?.drawing ? read(patch.drawing, patch) : Object.freeze({ ...NOTHING, invert: true });
    const lying = patch && image && { image, frame: { width: patch.width, height: patch.height }, marks };
    this.scene.setPatch(lying, mask && stencilOf(mask));
    this.scene.draw();
  }

  /**
   * Show a mask that is a picture, in mask mode, until something is drawn.
   * @param {string | null} url of a view of it, white inside; null shows the drawing again
   * @returns {Promise<void>} when it is seen
   */
  async showMask(url) {
    this.mask = url;
    const image = url ? await load(url) : null;
    if (this.mask === url && !this.ending.signal.aborted) this.scene.setStencil(image && stencilOf(image));
  }

  /** @returns {[number, number]} the source's top-left corner on the target, in pixels; may be negative */
  get at() {
    return this.desk.at;
  }

  /** @param {[number, number]} at */
  set at(at) {
    this.desk.begin([Math.round(at[0]), Math.round(at[1])]);
  }

  /** @returns {[number, number] | null} the chosen pixel */
  get point() {
    return this.desk.point;
  }

  /** @param {[number, number] | null} point */
  set point(point) {
    this.desk.begin(point && [Math.round(point[0]), Math.round(point[1])]);
  }

  /** @returns {Promise<Blob | null>} what was painted, as a PNG of the picture's own size, transparent elsewhere */
  async paintedBlob() {
    const { strokes } = this.desk.marks;
    if (!strokes.length || !this.shown) return null;
    const canvas = canvasOf(this.shown);
    const context = contextOf(canvas);
    for (const stroke of strokes) paint(context, stroke);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  /** Close an outline that is being drawn, as before the mask is used. */
  finish() {
    this.desk.tool.finish();
  }

  undo() {
    this.desk.undo();
  }

  redo() {
    this.desk.redo();
  }

  clear() {
    this.desk.clear();
  }

  fit() {
    this.desk.viewport.fit();
    this.desk.refresh();
  }

  /** Download the mask as JSON. */
  save() {
    this.finish();
    const { drawing } = this;
    if (!drawing) {
      this.complain("There is nothing to save yet: mark something first.");
      return;
    }
    this.complain("");
    download(drawing, this.shown?.name ?? "");
  }

  /**
   * Open a mask that was saved; a picture is handed on as the event "maskfile".
   * @param {File} file
   */
  async open(file) {
    this.complain("");
    const head = (await file.slice(0, 64).text()).trimStart();
    if (!head.startsWith("{")) {
      this.dispatchEvent(new CustomEvent("maskfile", { detail: file }));
      return;
    }
    try {
      const marks = read(parsed(await file.text()), this.shown);
      this.desk.tool.cancel();
      this.desk.alter(marks);
    } catch (error) {
      if (!(error instanceof DrawingError)) throw error;
      this.complain(error.message);
    }
  }

  /** Leave the page. */
  destroy() {
    this.ending.abort();
    this.observer.disconnect();
    this.scene.destroy();
    this.root.remove();
  }

  /** @param {boolean} made */
  #tell(made) {
    this.toolbar.update();
    const status = this.#status();
    if (this.status.textContent !== status) this.status.textContent = status;
    if (!made) return;
    if (this.mask) this.showMask(null);
    this.complain("");
    this.dispatchEvent(new Event("change"));
  }

  #status() {
    const { tool, mode, history } = this.desk;
    const strokes = mode === "mask" || mode === "paint" ? history.value.strokes.length : 0;
    return strokes ? `${tool.status} · ${strokes} ${strokes === 1 ? "stroke" : "strokes"}` : tool.status;
  }

  /** Say what is wrong. @param {string} sentence "" when all is well */
  complain(sentence) {
    if (this.alert.textContent !== sentence) this.alert.textContent = sentence;
    if (sentence) this.dispatchEvent(new CustomEvent("problem", { detail: sentence }));
  }

  /**
   * Whoever goes on to another part of the page means the outline to be closed.
   * @param {FocusEvent} event
   */
  #left({ relatedTarget }) {
    if (relatedTarget instanceof Node && !this.root.contains(relatedTarget)) this.finish();
  }

  #resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (width && height) this.scene.resize(width, height, window.devicePixelRatio || 1);
  }
}
