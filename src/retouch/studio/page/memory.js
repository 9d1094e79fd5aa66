// @ts-check
/**
 * What a reload must not lose: handles, drawings and settings, in the browser's own stores.
 * A tab's own store keeps its state, so that two tabs do not overwrite each other; the store that all tabs
 * share keeps the newest, which a new tab begins with.
 */

import { banner, clearBanner } from "./notices.js";
import { packed, unpacked } from "./packing.js";

const PREFIX = "retouch.studio.1.";
const PAUSE = 250;
const SHORTENED =
  "The browser has no more room for all of this task's history: after a reload its oldest steps will be missing.";
const TOO_LARGE =
  "This task's work is too large for the browser to keep, or it keeps nothing: it will not survive a reload. " +
  "Download what you need.";

/** @typedef {(state: any) => any} Shorten a state without its oldest step; null when there is none to leave out */

/** @param {"sessionStorage" | "localStorage"} name @returns {Storage | null} null where the browser forbids it */
function storeOf(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

const OWN = storeOf("sessionStorage");
const SHARED = storeOf("localStorage");

/** @type {Map<string, {value: any, shorten: Shorten, timer: ReturnType<typeof setTimeout>}>} */
const waiting = new Map();

/**
 * @param {string} key
 * @returns {any} what this tab remembered, else the newest of any tab, else null
 * @throws {Error} where what is kept cannot be read
 */
export function recall(key) {
  const held = waiting.get(key)?.value;
  if (held !== undefined) return held;
  const text = read(OWN, key) ?? read(SHARED, key);
  return text === null ? null : unpacked(text);
}

/**
 * Remember soon: a stroke that grows is written once, and what never rests is written all the same.
 * @param {string} key
 * @param {any} value what JSON can hold
 * @param {Shorten} shorten
 */
export function remember(key, value, shorten) {
  const timer = waiting.get(key)?.timer ?? setTimeout(() => write(key), PAUSE);
  waiting.set(key, { value, shorten, timer });
}

/** @param {string} key */
export function forget(key) {
  clearTimeout(waiting.get(key)?.timer);
  waiting.delete(key);
  drop(OWN, key);
  drop(SHARED, key);
}

/** @param {string} key @returns {any} what all tabs share; null where there is nothing that can be read */
export function recallShared(key) {
  try {
    return JSON.parse(read(SHARED, key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key @param {any} value @returns {boolean} whether there was room */
export function rememberShared(key, value) {
  return put(SHARED, key, JSON.stringify(value));
}

/** @param {string} key @param {() => void} told another tab has written it */
export function watchShared(key, told) {
  addEventListener("storage", (event) => {
    if (event.storageArea === SHARED && (event.key === null || event.key === PREFIX + key)) told();
  });
}

/** Write all that waits; the page may be gone in a moment. */
function rememberNow() {
  for (const key of [...waiting.keys()]) write(key);
}

/** @param {string} key */
function write(key) {
  const entry = waiting.get(key);
  if (!entry) return;
  clearTimeout(entry.timer);
  waiting.delete(key);
  const whole = packed(entry.value);
  const own = fit(OWN, key, whole, entry);
  const shared = fit(SHARED, key, whole, entry);
  if (own === "none") drop(OWN, key);
  const kept = own === "none" ? shared : own;
  if (kept === "whole") clearBanner("full");
  else banner("full", kept === "part" ? SHORTENED : TOO_LARGE);
}

/**
 * @param {Storage | null} store
 * @param {string} key
 * @param {string} text of the whole state
 * @param {{value: any, shorten: Shorten}} entry
 * @returns {"whole" | "part" | "none"} how much of it there was room for
 */
function fit(store, key, text, { value, shorten }) {
  if (put(store, key, text)) return "whole";
  for (let less = shorten(value); less; less = shorten(less))
    if (put(store, key, packed(less))) return "part";
  return "none";
}

/** @param {Storage | null} store @param {string} key @param {string} text @returns {boolean} */
function put(store, key, text) {
  try {
    store?.setItem(PREFIX + key, text);
    return Boolean(store);
  } catch {
    return false;
  }
}

/** @param {Storage | null} store @param {string} key @returns {string | null} */
function read(store, key) {
  return store?.getItem(PREFIX + key) ?? null;
}

/** @param {Storage | null} store @param {string} key */
function drop(store, key) {
  store?.removeItem(PREFIX + key);
}

addEventListener("pagehide", rememberNow);
