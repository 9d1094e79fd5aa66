// @ts-check
/** Following jobs by server-sent events, through broken connections and restarts of the server. */

import * as api from "./api.js";
import { connection } from "./connection.js";

const ENDED = new Set(["done", "failed", "cancelled"]);
const PAUSE = 1000;

/**
 * A browser has six connections to a server for all of its tabs together. A tab streams one job at most, and
 * so many tabs do; all else is asked for now and then, so that a request always gets through.
 */
const STREAMS = 2;

/** @param {{state: string} | null | undefined} job @returns {boolean} whether nothing more will come of it */
export const ended = (job) => !job || ENDED.has(job.state);

/** Jobs that the server was asked to stop, until they have ended. @type {Set<string>} */
export const stopping = new Set();

/** @typedef {{told: (job: api.Job) => void, gone: () => void}} Listener */

/** All that this tab follows. */
class Following {
  /** @type {Map<string, Set<Listener>>} */
  listeners = new Map();
  /** @type {EventSource | null} */
  source = null;
  streamed = "";
  seeking = false;
  asking = false;
  release = () => {};

  constructor() {
    connection.addEventListener("back", () => this.#ask());
    setInterval(() => this.#ask(), PAUSE);
  }

  /** @param {string} id @param {Listener} listener @returns {() => void} */
  add(id, listener) {
    const heard = this.listeners.get(id) ?? new Set();
    this.listeners.set(id, heard.add(listener));
    this.#listen().then(() => this.#ask());
    return () => {
      heard.delete(listener);
      if (!heard.size && this.listeners.get(id) === heard) this.#leave(id);
    };
  }

  /** @param {string} id */
  #leave(id) {
    this.listeners.delete(id);
    if (id === this.streamed) this.#close();
  }

  #close() {
    this.source?.close();
    this.source = null;
    this.streamed = "";
    this.release();
    this.release = () => {};
  }

  /** @param {api.Job} job */
  #hear(job) {
    const heard = [...(this.listeners.get(job.id) ?? [])];
    if (ended(job)) this.#leave(job.id);
    for (const { told } of heard) told(job);
  }

  /** Stream the job that was begun last, if there is a stream to be had. */
  async #listen() {
    if (this.seeking || this.source) return;
    this.seeking = true;
    const release = await stream();
    this.seeking = false;
    const id = [...this.listeners.keys()].pop();
    if (!release || !id || connection.away) {
      release?.();
      return;
    }
    this.release = release;
    this.streamed = id;
    this.source = new EventSource(`/v1/jobs/${id}/events`);
    this.source.addEventListener("job", (event) => this.#hear(JSON.parse(event.data)));
    this.source.addEventListener("error", () => this.#close());
  }

  /** Ask for all that is not streamed, in one go. */
  async #ask() {
    if (this.asking || connection.away) return;
    const ids = [...this.listeners.keys()].filter((id) => id !== this.streamed);
    if (!ids.length) return;
    this.asking = true;
    try {
      const jobs = await api.jobs(ids);
      for (const id of ids) {
        const job = jobs.find((each) => each.id === id);
        if (id === this.streamed) continue;
        if (job) this.#hear(job);
        else this.#lose(id);
      }
      if (!this.source && this.listeners.size) this.#listen();
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
    } finally {
      this.asking = false;
    }
  }

  /** @param {string} id that the server does not know any more */
  #lose(id) {
    const heard = [...(this.listeners.get(id) ?? [])];
    this.#leave(id);
    for (const { gone } of heard) gone();
  }
}

/** @returns {Promise<(() => void) | null>} gives the stream back; null where all are taken */
async function stream() {
  for (let number = 0; number < STREAMS; number += 1) {
    const release = await held(`retouch.studio.stream.${number}`);
    if (release) return release;
  }
  return null;
}

/** @param {string} name of a lock over all tabs @returns {Promise<(() => void) | null>} */
function held(name) {
  return new Promise((resolve) => {
    // Only a page that came from this computer or by HTTPS has locks; others ask for everything.
    if (!navigator.locks) return resolve(null);
    navigator.locks
      .request(name, { ifAvailable: true }, (lock) =>
        lock ? new Promise((release) => resolve(() => release(null))) : resolve(null),
      )
      .catch(() => resolve(null));
  });
}

const following = new Following();

/**
 * Tell every change of a job until it has ended.
 * @param {string} id
 * @param {(job: api.Job) => void} told
 * @param {() => void} gone the server does not know the job any more
 * @returns {() => void} stops following; the job goes on
 */
export const follow = (id, told, gone) => following.add(id, { told, gone });
