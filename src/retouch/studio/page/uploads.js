// @ts-check
/** The files that are on their way to the server, each with the place that it is for. */

import * as api from "./api.js";

/** @typedef {{place: string, name: string, fraction: number, ending: AbortController}} Upload */

/** Those of one task. Fires "change" when one begins, gets on, or ends. */
export class Uploads extends EventTarget {
  constructor() {
    super();
    /** @type {Set<Upload>} */
    this.running = new Set();
  }

  /**
   * Send a file. One that is on its way to the same place is broken off: the later choice counts.
   * @param {string} place
   * @param {File} file
   * @param {{beside?: boolean}} [how] beside: the place takes any number of files
   * @returns {Promise<api.Picture | null>} null when it was stopped, or another took its place
   */
  async send(place, file, { beside = false } = {}) {
    if (!beside) this.stop(place);
    const upload = { place, name: file.name || "pasted.png", fraction: 0, ending: new AbortController() };
    this.running.add(upload);
    this.#told();
    const told = (/** @type {number} */ fraction) => {
      upload.fraction = fraction;
      this.#told();
    };
    try {
      const picture = await api.upload(file, upload.name, told, upload.ending.signal);
      return this.running.has(upload) ? picture : null;
    } catch (problem) {
      if (upload.ending.signal.aborted) return null;
      throw problem;
    } finally {
      this.running.delete(upload);
      this.#told();
    }
  }

  /** @param {string} place whose uploads are broken off */
  stop(place) {
    for (const upload of [...this.running].filter((one) => one.place === place)) {
      this.running.delete(upload);
      upload.ending.abort();
    }
    this.#told();
  }

  /** @param {string[]} places @returns {Upload | undefined} the first that is on its way to one of them */
  to(...places) {
    return [...this.running].find((upload) => places.includes(upload.place));
  }

  #told() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {import("./work.js").MaskPlace} place @returns {string} what an upload to it is kept under */
export function uploadPlace({ key, item }) {
  return item === undefined ? `mask ${key}` : `${key} ${item}`;
}
