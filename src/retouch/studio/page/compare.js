// @ts-check
/** Before and after, one over the other with a slider, at any zoom. */

import { viewOf } from "./api.js";
import { button, el } from "./dom.js";

/** @typedef {import("./api.js").Picture} Picture */

const VIEW = 1600;
const LARGEST = 8192;
const ENLARGED_AT_MOST = 4;
const MARGIN = 12;

/** Where the slider begins: nearly all of the result is seen, and that there is a before. */
const START = 15;

/**
 * @param {Picture | null} before
 * @param {Picture} after
 * @returns {boolean} whether one can lie over the other
 */
export function alike(before, after) {
  if (!before?.width || !before.height || !after.width || !after.height) return false;
  return Math.abs((before.width * after.height) / (before.height * after.width) - 1) < 0.02;
}

/** The slider and its pictures; `element` is what is shown. */
export class Compare {
  /**
   * @param {Picture | null} before null to show the result alone
   * @param {Picture} after
   */
  constructor(before, after) {
    this.after = after;
    this.width = after.width ?? 1;
    this.height = after.height ?? 1;
    this.fitted = true;
    this.scale = 1;
    this.images = [photo(after, "After", "after")];
    if (before) this.images.push(photo(before, "Before", "before"));
    this.line = before ? el("div", { class: "compare-line", "aria-hidden": "true" }) : null;
    this.sheet = el(
      "div",
      { class: "compare-sheet", data: { both: before ? "" : null } },
      this.images,
      this.line,
    );
    this.view = el(
      "div",
      { class: "compare-view", tabindex: "0", role: "group", "aria-label": "Result, before and after" },
      this.sheet,
    );
    this.range = el("input", {
      type: "range",
      min: 0,
      max: 100,
      step: 1,
      value: START,
      "aria-label": "Compare",
      class: "slider",
      on: { input: () => this.#cut() },
    });
    this.figure = el("output", { class: "compare-zoom" });
    const between = before
      ? el(
          "div",
          { class: "compare-range" },
          el("span", {}, "All after"),
          this.range,
          el("span", {}, "All before"),
        )
      : null;
    this.bar = el("div", { class: "compare-bar" }, between, this.#zoomButtons());
    this.element = el("div", { class: "compare" }, this.view, this.bar);
    this.#drag();
    this.view.addEventListener("scroll", () => this.#cut());
    this.watch = new ResizeObserver(() => this.fitted && this.fit());
    this.watch.observe(this.view);
  }

  /** Show all of it. */
  fit() {
    const room = this.view.getBoundingClientRect();
    if (!room.width || !room.height) return;
    this.fitted = true;
    const [wide, high] = [room.width - 2 * MARGIN, room.height - 2 * MARGIN];
    this.#zoom(Math.min(wide / this.width, high / this.height, ENLARGED_AT_MOST));
  }

  destroy() {
    this.watch.disconnect();
  }

  #zoomButtons() {
    const to = (/** @type {number} */ scale) => {
      this.fitted = false;
      this.#zoom(Math.max(0.02, Math.min(scale, 16)));
    };
    return el(
      "div",
      { class: "row tight" },
      button("Fit", () => this.fit(), { kind: "small" }),
      button("100 %", () => to(1 / devicePixelRatio), { kind: "small" }),
      button("−", () => to(this.scale / 1.5), { kind: "small", name: "Smaller" }),
      button("+", () => to(this.scale * 1.5), { kind: "small", name: "Larger" }),
      this.figure,
    );
  }

  /** @param {number} scale CSS pixels for one pixel of the picture */
  #zoom(scale) {
    const { view, sheet } = this;
    const middle = [
      (view.scrollLeft + view.clientWidth / 2) / Math.max(sheet.offsetWidth, 1),
      (view.scrollTop + view.clientHeight / 2) / Math.max(sheet.offsetHeight, 1),
    ];
    this.scale = scale;
    sheet.style.setProperty("width", `${this.width * scale}px`);
    sheet.style.setProperty("height", `${this.height * scale}px`);
    view.toggleAttribute("data-fitted", this.fitted);
    if (!this.fitted) {
      view.scrollLeft = middle[0] * sheet.offsetWidth - view.clientWidth / 2;
      view.scrollTop = middle[1] * sheet.offsetHeight - view.clientHeight / 2;
    }
    this.figure.textContent = `${Math.round(scale * devicePixelRatio * 100)} %`;
    this.#sharpen();
    this.#cut();
  }

  /** Fetch more pixels when the view made for the screen has too few for this zoom. */
  #sharpen() {
    const longest = Math.max(this.width, this.height);
    if (longest <= VIEW || this.scale * longest * devicePixelRatio <= VIEW * 1.2) return;
    for (const image of this.images) {
      if (image.dataset.sharp) continue;
      image.dataset.sharp = "true";
      const whole = new Image();
      whole.addEventListener("load", () => (image.src = whole.src));
      whole.src = viewOf(image.dataset.address ?? "", Math.min(longest, LARGEST));
    }
  }

  /** Cut where the slider stands in what is seen, not in the whole sheet. */
  #cut() {
    const { view, sheet } = this;
    const seen = Math.min(view.clientWidth, sheet.offsetWidth);
    const left = Math.max(view.scrollLeft - sheet.offsetLeft, 0);
    const at = ((left + (Number(this.range.value) / 100) * seen) / Math.max(sheet.offsetWidth, 1)) * 100;
    sheet.style.setProperty("--cut", `${at}%`);
    this.range.setAttribute("aria-valuetext", `${this.range.value} percent before, the rest after`);
  }

  #drag() {
    const { view, range } = this;
    /** @type {{x: number, y: number, left: number, top: number} | null} */
    let from = null;
    const slide = (/** @type {PointerEvent} */ event) => {
      const box = this.sheet.getBoundingClientRect();
      range.value = String(Math.max(0, Math.min(100, ((event.clientX - box.left) / box.width) * 100)));
      this.#cut();
    };
    view.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.button || (event.pointerType === "touch" && !this.fitted)) return;
      from = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop };
      view.setPointerCapture(event.pointerId);
      if (this.fitted) slide(event);
    });
    view.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (!from) return;
      if (this.fitted) slide(event);
      else view.scrollTo(from.left + from.x - event.clientX, from.top + from.y - event.clientY);
    });
    for (const name of ["pointerup", "pointercancel"]) view.addEventListener(name, () => (from = null));
  }
}

/** @param {Picture} picture @param {string} alt @param {string} kind */
function photo(picture, alt, kind) {
  return el("img", {
    src: viewOf(picture, VIEW),
    alt: `${alt}: ${picture.name}`,
    class: `compare-${kind}`,
    draggable: "false",
    data: { address: picture.view },
  });
}
