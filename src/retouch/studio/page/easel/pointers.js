// @ts-check
/** Mouse, pen and fingers on the canvas: one draws, two pan and zoom. */

/** Zoom per CSS pixel of the wheel, and of a pinch on a touch pad. */
const WHEEL = 0.0015;
const PINCH = 0.01;

/** Milliseconds within which two fingers come down together. */
const TOGETHER = 300;

/** CSS pixels of a line of a wheel that counts lines. */
const LINE = 16;

/** @typedef {import("./viewport.js").Place} Place */

export class Pointers {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./desk.js").Desk} desk
   * @param {AbortSignal} signal ends listening
   */
  constructor(canvas, desk, signal) {
    this.canvas = canvas;
    this.desk = desk;
    /** @type {Map<number, Place>} on the screen, of those that are down */
    this.down = new Map();
    /** @type {"none" | "tool" | "pan" | "pinch" | "ended"} */
    this.doing = "none";
    /** Whether the space bar is held: then dragging pans. */
    this.space = false;
    /** @type {Place | null} */
    this.last = null;
    this.began = 0;
    /** @type {Array<[string, (event: any) => void]>} */
    const listeners = [
      ["pointerdown", (event) => this.#down(event)],
      ["pointermove", (event) => this.#move(event)],
      ["pointerup", (event) => this.#up(event)],
      ["pointercancel", (event) => this.#up(event)],
      ["pointerleave", () => this.doing === "none" && desk.tool.hover(null)],
      ["wheel", (event) => this.#wheel(event)],
      ["contextmenu", (event) => event.preventDefault()],
    ];
    for (const [name, listener] of listeners) canvas.addEventListener(name, listener, { signal, passive: false });
  }

  /** @param {boolean} held */
  holdSpace(held) {
    this.space = held;
    this.canvas.classList.toggle("panning", held);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button > 1) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const screen = this.#screen(event);
    this.down.set(event.pointerId, screen);
    this.desk.crosshair = null;
    if (this.down.size > 1) {
      // The first of two fingers draws nothing, unless it has been drawing for a while.
      if (this.doing === "tool") this.desk.tool[event.timeStamp - this.began < TOGETHER ? "retract" : "release"]();
      this.doing = this.down.size === 2 ? "pinch" : "ended";
      return;
    }
    this.last = screen;
    this.began = event.timeStamp;
    if (event.button === 1 || this.space) {
      this.doing = "pan";
      return;
    }
    this.doing = "tool";
    this.desk.tool.press(this.#place(screen), {
      time: event.timeStamp,
      pointer: /** @type {"mouse" | "pen" | "touch"} */ (event.pointerType),
      subtract: this.desk.settings.subtract !== event.altKey,
    });
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const screen = this.#screen(event);
    if (!this.down.has(event.pointerId)) {
      if (event.pointerType !== "touch") this.desk.tool.hover(this.#place(screen));
      return;
    }
    if (this.doing === "pinch") this.#pinch(event.pointerId, screen);
    this.down.set(event.pointerId, screen);
    if (this.doing === "pan" && this.last) {
      this.desk.viewport.pan(screen.x - this.last.x, screen.y - this.last.y);
      this.last = screen;
      this.desk.refresh();
    } else if (this.doing === "tool") {
      const all = event.getCoalescedEvents?.() ?? [];
      this.desk.tool.drag((all.length ? all : [event]).map((one) => this.#place(this.#screen(one))));
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.down.delete(event.pointerId)) return;
    if (this.doing === "tool") {
      this.desk.tool.release();
      // A finger that was lifted is nowhere.
      if (event.pointerType === "touch") this.desk.tool.hover(null);
    }
    // The finger that is lifted last draws nothing.
    this.doing = this.down.size ? "ended" : "none";
  }

  /**
   * @param {number} id of the finger that moved
   * @param {Place} screen where it is now
   */
  #pinch(id, screen) {
    const before = /** @type {Place} */ (this.down.get(id));
    const [other] = [...this.down].filter(([key]) => key !== id).map(([, place]) => place);
    const [wide, narrow] = [screen, before].map((one) => Math.hypot(one.x - other.x, one.y - other.y));
    this.desk.viewport.pan((screen.x - before.x) / 2, (screen.y - before.y) / 2);
    if (wide > 1 && narrow > 1) {
      this.desk.viewport.zoom(wide / narrow, { x: (screen.x + other.x) / 2, y: (screen.y + other.y) / 2 });
    }
    this.desk.refresh();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE;
    const factor = Math.exp(-event.deltaY * unit * (event.ctrlKey ? PINCH : WHEEL));
    this.desk.viewport.zoom(Math.min(Math.max(factor, 0.5), 2), this.#screen(event));
    this.desk.refresh();
  }

  /** @param {MouseEvent} event */
  #screen(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** @param {Place} screen */
  #place(screen) {
    return this.desk.viewport.toPicture(screen);
  }
}
