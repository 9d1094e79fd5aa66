// @ts-check
/** Running a task's edits: it goes on while another task is looked at, and after a reload. */

import * as api from "./api.js";
import { ended, follow, stopping } from "./jobs.js";
import { announce, banner, complain } from "./notices.js";
import { results } from "./results.js";
import { inWords, positionInWords } from "./words.js";

const STARTED_ANEW =
  "The studio was started anew while this edit ran, so it came to nothing. Please run it again.";

/** One for each task. Fires "failed" with the job as `detail`. */
export class Runner extends EventTarget {
  /** @param {import("./work.js").Work} work */
  constructor(work) {
    super();
    this.work = work;
    this.sending = false;
    this.quarter = -1;
    /** What ends the following of each job. @type {Map<string, () => void>} */
    this.followed = new Map();
    for (const job of Object.values(work.state.jobs)) if (!ended(job)) this.#follow(job);
  }

  /**
   * Hand an edit over.
   * @param {Record<string, any>} order
   * @returns {Promise<boolean>} false when one is being handed over already
   */
  async run(order) {
    if (this.sending) return false;
    this.sending = true;
    try {
      const job = await api.run(this.work.edit.name, order);
      this.quarter = -1;
      this.work.setJob(job);
      announce("The edit was handed over");
      this.#follow(job);
      return true;
    } finally {
      this.sending = false;
    }
  }

  /** Stop the present edit; asked again, it is on its way already. */
  async cancel() {
    const { job } = this.work;
    if (!job || ended(job) || stopping.has(job.id)) return;
    stopping.add(job.id);
    this.work.told("job");
    try {
      await api.cancelJob(job.id);
    } catch (problem) {
      stopping.delete(job.id);
      this.work.told("job");
      complain(problem);
    }
  }

  /** Hear nothing more; what runs goes on. */
  destroy() {
    for (const stop of this.followed.values()) stop();
    this.followed.clear();
  }

  /** @param {api.Job} job */
  #follow(job) {
    const stop = follow(
      job.id,
      (now) => this.#told(now),
      () => {
        this.#left(job.id);
        if (this.work.state.jobs[job.edit]?.id === job.id) this.work.dropJob(job.edit);
        banner("gone", STARTED_ANEW);
      },
    );
    this.followed.set(job.id, stop);
  }

  /** @param {string} id of a job of which nothing more comes */
  #left(id) {
    this.followed.delete(id);
    stopping.delete(id);
  }

  /** @param {api.Job} job */
  #told(job) {
    if (ended(job)) this.#left(job.id);
    if (job.state === "done" && job.result) {
      results.add({ picture: job.result.picture, edit: job.edit, task: job.task });
    }
    if (this.work.state.jobs[job.edit]?.id !== job.id) return;
    this.work.setJob(job);
    this.#speak(job);
    if (job.state === "failed") this.dispatchEvent(new CustomEvent("failed", { detail: job }));
  }

  /** For screen readers: where it stands, four times at most. @param {api.Job} job */
  #speak(job) {
    if (job.state === "queued" && job.position) announce(positionInWords(job.position));
    if (job.state === "running") {
      const quarter = Math.floor((job.progress?.fraction ?? 0) * 4);
      if (quarter !== this.quarter) announce(quarter ? `${quarter * 25} percent` : "Running");
      this.quarter = quarter;
    }
    if (job.state === "done") announce(`${inWords(job.edit)} is done`);
    if (job.state === "cancelled") announce("Cancelled");
  }
}
