// @ts-check
/** Which part of the picture is seen, and how large. Lengths on the screen are CSS pixels. */

/** CSS pixels per pixel of the picture, at most. */
const LARGEST = 40;

/** Of the screen that stays between the picture and the rim when all of it is shown. */
const RIM = 12;

/** The least of the picture that stays in sight, in CSS pixels. */
const IN_SIGHT = 48;

/** @typedef {{x: number, y: number}} Place */

export class Viewport {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.picture = { width: 1, height: 1 };
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true;
  }

  /** The scale at which all of the picture is seen. */
  get whole() {
    const across = Math.max(this.width - 2 * RIM, 1) / this.picture.width;
    const down = Math.max(this.height - 2 * RIM, 1) / this.picture.height;
    return Math.min(across, down, LARGEST);
  }

  /**
   * Take another size of the screen; what was in its middle stays there.
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    const middle = this.toPicture({ x: this.width / 2, y: this.height / 2 });
    this.width = Math.max(width, 1);
    this.height = Math.max(height, 1);
    if (this.fitted) this.fit();
    else this.#centre(middle);
  }

  /**
   * Look at another picture.
   * @param {number} width
   * @param {number} height
   */
  open(width, height) {
    if (width === this.picture.width && height === this.picture.height) return;
    this.picture = { width, height };
    this.fit();
  }

  /** Show all of the picture. */
  fit() {
    this.scale = this.whole;
    this.#centre({ x: this.picture.width / 2, y: this.picture.height / 2 });
    this.fitted = true;
  }

  /**
   * Zoom; a place of the screen keeps showing the same place of the picture.
   * @param {number} factor
   * @param {Place} [about] on the screen; its middle if left out
   */
  zoom(factor, about = { x: this.width / 2, y: this.height / 2 }) {
    const held = this.toPicture(about);
    const least = Math.min(this.whole, 1) / 2;
    this.scale = Math.min(Math.max(this.scale * factor, least), LARGEST);
    this.x = about.x - held.x * this.scale;
    this.y = about.y - held.y * this.scale;
    this.#settle();
  }

  /**
   * Move the picture over the screen.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#settle();
  }

  /**
   * Bring a place of the picture into sight, if it is not.
   * @param {Place} place
   */
  reveal(place) {
    const seen = this.toScreen(place);
    const dx = Math.min(this.width - RIM - seen.x, Math.max(RIM - seen.x, 0));
    const dy = Math.min(this.height - RIM - seen.y, Math.max(RIM - seen.y, 0));
    if (dx || dy) this.pan(dx, dy);
  }

  /**
   * @param {Place} screen
   * @returns {Place}
   */
  toPicture({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /**
   * @param {Place} place
   * @returns {Place}
   */
  toScreen({ x, y }) {
    return { x: this.x + x * this.scale, y: this.y + y * this.scale };
  }

  /** @returns {{scale: number, x: number, y: number}} what a layer needs to know of where it was drawn */
  view() {
    return { scale: this.scale, x: this.x, y: this.y };
  }

  /** @param {Place} place of the picture, to be in the middle of the screen */
  #centre(place) {
    this.x = this.width / 2 - place.x * this.scale;
    this.y = this.height / 2 - place.y * this.scale;
    const fitted = this.fitted;
    this.#settle();
    this.fitted = fitted;
  }

  /** Keep some of the picture in sight. */
  #settle() {
    const across = this.picture.width * this.scale;
    const down = this.picture.height * this.scale;
    this.x = Math.min(Math.max(this.x, Math.min(IN_SIGHT, across) - across), this.width - Math.min(IN_SIGHT, across));
    this.y = Math.min(Math.max(this.y, Math.min(IN_SIGHT, down) - down), this.height - Math.min(IN_SIGHT, down));
    this.fitted = false;
  }
}
