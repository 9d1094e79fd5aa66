// @ts-check
/** What was made, step by step, so that each step can be taken back and made again. */

/** The most steps that are remembered. */
const MOST = 500;

/**
 * A value and its earlier and later versions. Values are never changed in place, so versions share what they have
 * in common.
 * @template T
 */
export class History {
  /** @param {T} value what there is before the first step */
  constructor(value) {
    this.current = value;
    /** @type {T[]} */
    this.past = [];
    /** @type {T[]} */
    this.future = [];
    /** @type {string} of the last step */
    this.kind = "";
  }

  /** @returns {T} */
  get value() {
    return this.current;
  }

  /** @returns {boolean} */
  get canUndo() {
    return this.past.length > 0;
  }

  /** @returns {boolean} */
  get canRedo() {
    return this.future.length > 0;
  }

  /**
   * Forget all steps.
   * @param {T} value
   */
  reset(value) {
    this.current = value;
    this.past = [];
    this.future = [];
    this.kind = "";
  }

  /**
   * Make a step.
   * @param {T} value
   * @param {string} [kind] steps of the same kind that follow each other are one step: a number that is being
   *   typed, a patch that is being pushed by the arrow keys; "" never joins
   */
  push(value, kind = "") {
    if (!kind || kind !== this.kind) {
      this.past.push(this.current);
      if (this.past.length > MOST) this.past.shift();
    }
    this.kind = kind;
    this.current = value;
    this.future = [];
  }

  /** Take the last step back. @returns {boolean} whether there was one */
  undo() {
    return this.#step(this.past, this.future);
  }

  /** Make the step again that was taken back last. @returns {boolean} whether there was one */
  redo() {
    return this.#step(this.future, this.past);
  }

  /**
   * @param {T[]} from
   * @param {T[]} to
   */
  #step(from, to) {
    if (!from.length) return false;
    to.push(this.current);
    this.current = /** @type {T} */ (from.pop());
    this.kind = "";
    return true;
  }
}
