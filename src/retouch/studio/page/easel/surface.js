// @ts-check
/** Canvases as large as the screen, kept between frames. All layers are in pixels of the device. */

/**
 * @typedef {{scale: number, x: number, y: number}} View where a frame lies on the screen, in CSS pixels
 * @typedef {{width: number, height: number}} Size
 * @typedef {{width: number, height: number, ratio: number}} Screen in pixels of the device; ratio per CSS pixel
 */

/** @param {Size} [size] @returns {HTMLCanvasElement} */
export function canvasOf({ width, height } = { width: 1, height: 1 }) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(Math.round(width), 1);
  canvas.height = Math.max(Math.round(height), 1);
  return canvas;
}

/** @param {HTMLCanvasElement} canvas @returns {CanvasRenderingContext2D} */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/** A canvas over the screen that remembers which view it was drawn for. */
export class Layer {
  constructor() {
    this.canvas = canvasOf();
    /** @type {View | null} */
    this.view = null;
    this.ratio = 1;
  }

  /**
   * Show the layer where its view lies now, even if it was drawn for another.
   * @param {CanvasRenderingContext2D} context without transformation
   * @param {View} view
   */
  draw(context, view) {
    if (!this.view) return;
    const factor = view.scale / this.view.scale;
    const x = (view.x - this.view.x * factor) * this.ratio;
    const y = (view.y - this.view.y * factor) * this.ratio;
    context.drawImage(this.canvas, x, y, this.canvas.width * factor, this.canvas.height * factor);
  }

  /** @param {View} view @returns {boolean} whether it was drawn for this very view */
  fits(view) {
    const own = this.view;
    return own !== null && own.scale === view.scale && own.x === view.x && own.y === view.y;
  }

  /**
   * @param {CanvasRenderingContext2D} context gets the unit of a pixel of the picture
   * @param {Size} frame outside which nothing is drawn
   */
  enter(context, frame) {
    const { scale, x, y } = /** @type {View} */ (this.view);
    context.save();
    context.setTransform(scale * this.ratio, 0, 0, scale * this.ratio, x * this.ratio, y * this.ratio);
    context.beginPath();
    context.rect(0, 0, frame.width, frame.height);
    context.clip();
  }

  /**
   * @param {View} view
   * @param {Screen} screen
   * @param {...HTMLCanvasElement} canvases emptied, and made as large as the screen
   */
  begin(view, screen, ...canvases) {
    this.view = view;
    this.ratio = screen.ratio;
    for (const canvas of canvases) {
      if (canvas.width !== screen.width || canvas.height !== screen.height) {
        canvas.width = screen.width;
        canvas.height = screen.height;
      } else {
        contextOf(canvas).clearRect(0, 0, canvas.width, canvas.height);
      }
    }
  }

  /**
   * @param {readonly (readonly [number, number])[]} points
   * @param {number} margin in pixels of the picture
   * @returns {[number, number, number, number]} left, top, width, height that they cover, with room for an outline
   */
  covered(points, margin) {
    const { scale, x, y } = /** @type {View} */ (this.view);
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const [px, py] of points) {
      left = Math.min(left, px);
      right = Math.max(right, px);
      top = Math.min(top, py);
      bottom = Math.max(bottom, py);
    }
    const room = margin * scale + 5;
    const ends = [left * scale + x - room, top * scale + y - room, right * scale + x + room, bottom * scale + y + room];
    const [x0, y0, x1, y1] = ends.map((end, i) => {
      const limit = i % 2 ? this.canvas.height : this.canvas.width;
      return Math.min(Math.max(Math[i < 2 ? "floor" : "ceil"](end * this.ratio), 0), limit);
    });
    return [x0, y0, x1 - x0, y1 - y0];
  }
}
