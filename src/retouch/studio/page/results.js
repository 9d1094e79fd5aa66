// @ts-check
/** The results of this session, of all tasks, newest first. */

import * as api from "./api.js";
import { recallShared, rememberShared, watchShared } from "./memory.js";

const KEPT = 200;

/** @typedef {{picture: api.Picture, edit: string, task: string}} Entry */

/** @param {any} entry @returns {boolean} */
const isEntry = (entry) => typeof entry?.picture?.id === "string" && typeof entry.edit === "string";

/**
 * Fires "change", and "removed" with the id of a picture that was deleted on the server.
 * The tabs share them: each change is made to what is kept at that moment.
 */
class Results extends EventTarget {
  /** Whether what is kept is what this tab knows; not so where the browser has no room. */
  kept = true;
  /** @type {Entry[]} */
  entries = this.#stored() ?? [];

  constructor() {
    super();
    watchShared("results", () => {
      this.entries = this.#stored() ?? [];
      this.dispatchEvent(new Event("change"));
    });
  }

  /** @param {Entry} entry */
  add(entry) {
    this.#change((entries) =>
      entries.some((other) => other.picture.id === entry.picture.id)
        ? entries
        : [entry, ...entries].slice(0, KEPT),
    );
  }

  /** @param {string} id of a picture that the server does not have any more, or that is not to be listed */
  forget(id) {
    this.#change((entries) => entries.filter((entry) => entry.picture.id !== id));
  }

  /** @param {string} id deletes the picture on the server, too */
  async remove(id) {
    try {
      await api.removePicture(id);
    } catch (problem) {
      if (!(problem instanceof api.Problem && problem.gone)) throw problem;
    }
    this.forget(id);
    this.dispatchEvent(new CustomEvent("removed", { detail: id }));
  }

  /** Ask the server which of them it still has. */
  async check() {
    for (const { picture } of [...this.entries]) {
      try {
        await api.picture(picture.id);
      } catch (problem) {
        if (problem instanceof api.Problem && problem.gone) this.forget(picture.id);
        else return;
      }
    }
  }

  /** @returns {Entry[] | null} */
  #stored() {
    const entries = recallShared("results")?.entries;
    return Array.isArray(entries) ? entries.filter(isEntry) : null;
  }

  /** @param {(entries: Entry[]) => Entry[]} change */
  #change(change) {
    this.entries = change((this.kept && this.#stored()) || this.entries);
    this.kept = rememberShared("results", { entries: this.entries });
    this.dispatchEvent(new Event("change"));
  }
}

export const results = new Results();
