// @ts-check
/** Pictures and masks that come and go. */

import { el } from "../dom.js";
import { DrawingError } from "./drawing.js";

/** Milliseconds for which a file can be fetched by the browser that saves it. */
const FETCHED = 10_000;

/**
 * @param {string} url
 * @returns {Promise<HTMLImageElement>} ready to be drawn
 */
export async function load(url) {
  const image = new Image();
  image.decoding = "async";
  image.src = url;
  await image.decode();
  return image;
}

/**
 * @param {string} text
 * @returns {any}
 * @throws {DrawingError} it is no JSON
 */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new DrawingError("This file is not a mask that was saved here.");
  }
}

/**
 * Let the person keep a drawing.
 * @param {object} drawing
 * @param {string} name of the picture that it belongs to
 */
export function download(drawing, name) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(drawing)], { type: "application/json" }));
  const stem = name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N} ._-]/gu, "") || "picture";
  el("a", { href: url, download: `${stem}.mask.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), FETCHED);
}
