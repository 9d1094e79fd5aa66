// @ts-check
/** The studio's HTTP API as the page uses it. */

import { connection } from "./connection.js";
import { bytesInWords } from "./words.js";

/**
 * @typedef {{id: string, name: string, kind: string, width: number | null, height: number | null,
 *   mode?: string | null,
 *   format: string, bytes: number, url: string, view: string | null}} Picture
 * @typedef {{name: string, kind: string, required: boolean, default: any, choices: any[], help: string,
 *   suggestions?: string[]}} Option
 * @typedef {{name: string, task: string, summary: string, companions: string[], moving: boolean,
 *   options: Option[]}} Edit
 * @typedef {{stage: string, done: number, total: number | null, fraction: number | null,
 *   facts: Record<string, number>, preview: string | null}} Progress
 * @typedef {{type: string, title: string, status: number, detail: string, field?: string}} ProblemDocument
 * @typedef {{picture: Picture, report: Record<string, any>, companions: Picture[], seconds: number}} Result
 * @typedef {{id: string, edit: string, task: string, options: Record<string, any>, state: string,
 *   position: number | null, progress: Progress | null, error: ProblemDocument | null,
 *   result: Result | null}} Job
 * @typedef {{name: string, what: string, url: string, width: number, height: number,
 *   tasks?: string[]}} Sample
 * @typedef {{formats?: Record<string, string[]>, limits?: {bytes?: number}}} Health
 */

/** What the server refused, in the library's own words. */
export class Problem extends Error {
  /** @param {Partial<ProblemDocument>} said @param {number} status */
  constructor(said, status) {
    super(said.detail || said.title || `the studio answered ${status}`);
    this.status = status;
    this.title = said.title ?? "";
    this.field = said.field ?? null;
  }

  /** Whether what was asked for is no longer on the server. */
  get gone() {
    return this.status === 404 || this.status === 410;
  }
}

/** @returns {Promise<Edit[]>} */
export const edits = () => ask("/v1/edits");
/** @returns {Promise<Sample[]>} */
export const samples = () => ask("/v1/samples");

/** What one file may have, once the studio has said it. */
let most = Infinity;

/** @returns {Promise<Health>} */
export async function health() {
  const said = await ask("/v1/health");
  most = said.limits?.bytes ?? Infinity;
  return said;
}

/** @param {string} id @returns {Promise<Picture>} */
export const picture = (id) => ask(`/v1/pictures/${id}`);
/** @param {string} id */
export const removePicture = (id) => ask(`/v1/pictures/${id}`, { method: "DELETE" });
/** @param {string} name @returns {Promise<Picture>} */
export const openSample = (name) => ask(`/v1/samples/${encodeURIComponent(name)}`, { method: "POST" });
/** @param {string[]} ids @returns {Promise<Job[]>} those of them that the server has */
export const jobs = (ids) => ask(`/v1/jobs?ids=${ids.join(",")}`);
/** @param {string} id @returns {Promise<Job>} */
export const cancelJob = (id) => ask(`/v1/jobs/${id}/cancel`, { method: "POST" });

/**
 * @param {string} edit
 * @param {Record<string, any>} order the options by name
 * @returns {Promise<Job>}
 */
export function run(edit, order) {
  return ask(`/v1/edits/${edit}`, { method: "POST", json: order });
}

/**
 * @param {Picture | string} from
 * @param {number} side the longest side in pixels
 * @returns {string} the address of a picture for the screen
 */
export function viewOf(from, side) {
  const address = typeof from === "string" ? from : from.view;
  return address ? `${address}${address.includes("?") ? "&" : "?"}side=${side}` : "";
}

/**
 * @param {Picture} of
 * @param {string} [format] a suffix; without one, the very bytes
 * @returns {string}
 */
export function fileOf(of, format) {
  return `/v1/pictures/${of.id}/file${format ? `?format=${encodeURIComponent(format)}` : ""}`;
}

/**
 * Send a file. It goes from the disk to the server as it is: the page never decodes it.
 * @param {Blob} file
 * @param {string} name
 * @param {(fraction: number) => void} told
 * @param {AbortSignal} [signal] breaks it off
 * @returns {Promise<Picture>}
 */
export function upload(file, name, told, signal) {
  const refused = refusal(file, name);
  if (refused) return Promise.reject(new Problem({ detail: refused }, 413));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/pictures?name=${encodeURIComponent(name.toWellFormed?.() ?? name)}`);
    request.responseType = "text";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) told(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      const said = parsed(request.responseText);
      if (request.status < 300 && said) resolve(/** @type {Picture} */ (said));
      else reject(new Problem(said ?? {}, request.status));
    });
    request.addEventListener("abort", () => reject(new Problem({ detail: "the upload was stopped" }, 0)));
    signal?.addEventListener("abort", () => request.abort());
    request.addEventListener("error", () => {
      connection.lost();
      reject(new Problem({ detail: "the upload broke off: the studio does not answer; try again" }, 0));
    });
    request.send(file);
  });
}

/** @param {Blob} file @param {string} name @returns {string} why it need not be sent, or nothing */
function refusal(file, name) {
  if (file.size <= most) return "";
  return `${name} is ${bytesInWords(file.size)}; at most ${bytesInWords(most)} can be opened here`;
}

/**
 * @param {string} path
 * @param {{method?: string, json?: unknown}} [how]
 * @returns {Promise<any>}
 */
async function ask(path, { method = "GET", json } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: json === undefined ? {} : { "Content-Type": "application/json" },
      body: json === undefined ? undefined : JSON.stringify(json),
    });
  } catch {
    connection.lost();
    throw new Problem({ detail: "the studio does not answer; start it again with: retouch studio" }, 0);
  }
  if (answer.status === 204) return null;
  const said = parsed(await answer.text());
  if (answer.status === 401) connection.refused();
  if (!answer.ok) throw new Problem(said ?? {}, answer.status);
  if (said === null) {
    throw new Problem({ detail: `what answered at ${path} is no studio; start it again` }, answer.status);
  }
  return said;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
