// @ts-check
/** What the page says besides its controls: banners for the eye, quiet words for screen readers. */

import { button, el } from "./dom.js";

const banners = () => /** @type {HTMLElement} */ (document.getElementById("banners"));

/**
 * Show a banner; a second one of the same kind takes its place.
 * @param {string} kind
 * @param {string} words
 * @param {{lasting?: boolean}} [how] lasting: it goes when its cause goes, not by a button
 */
export function banner(kind, words, { lasting = false } = {}) {
  clearBanner(kind);
  const close = lasting ? null : button("Dismiss", () => clearBanner(kind), { kind: "small" });
  banners().append(
    el("div", { class: "banner", role: "status", data: { banner: kind } }, el("p", {}, words), close),
  );
}

/** @param {string} kind */
export function clearBanner(kind) {
  for (const shown of banners().querySelectorAll(`[data-banner="${kind}"]`)) shown.remove();
}

/** A change that comes sooner than this after another one is not told by every screen reader. */
const PAUSE = 50;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let saying;

/** @param {string} words said once, when the screen reader has a pause */
export function announce(words) {
  const region = /** @type {HTMLElement} */ (document.getElementById("announcements"));
  clearTimeout(saying);
  // The same words again are a change only when the region was empty between.
  region.textContent = "";
  saying = setTimeout(() => (region.textContent = words), PAUSE);
}

/** @param {unknown} problem anything that was thrown; that the studio does not answer is said elsewhere */
export function complain(problem) {
  if (/** @type {any} */ (problem)?.status === 0) return;
  banner("problem", problem instanceof Error ? problem.message : String(problem));
}
