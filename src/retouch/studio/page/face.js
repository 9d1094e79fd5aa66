// @ts-check
/** A picture as it is shown in a place of its own. */

import { viewOf } from "./api.js";
import { el, icon } from "./dom.js";

/**
 * @param {import("./api.js").Picture} picture
 * @param {number} side
 * @param {string} alt
 * @returns {HTMLElement} its view, or a sign for a file that cannot be seen
 */
export function faceOf(picture, side, alt) {
  if (!picture.view) return el("div", { class: "face-latent" }, icon("latent"), el("span", {}, "Latent"));
  const seen = /A$/.test(picture.mode ?? "") ? "see-through" : null;
  return el("img", { class: seen, src: viewOf(picture, side), alt, decoding: "async", loading: "lazy" });
}
