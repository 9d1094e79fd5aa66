// @ts-check
/** The dialog that offers sample photos and the session's results. */

import * as api from "./api.js";
import { button, el, fill } from "./dom.js";
import { faceOf } from "./face.js";
import { results } from "./results.js";
import { inWords } from "./words.js";

/** @type {Promise<api.Sample[]> | null} */
let asked = null;

/** @returns {Promise<api.Sample[]>} asked for once */
export function sampleList() {
  asked ??= api.samples().catch((problem) => {
    asked = null;
    throw problem;
  });
  return asked;
}

/**
 * @param {{latents: boolean}} wanted whether latent files may be chosen, too
 * @returns {Promise<api.Picture | null>} null when the dialog was left without a choice
 */
export function openPicker({ latents }) {
  return new Promise((resolve) => {
    const body = el("div", { class: "dialog-body" });
    const dialog = dialogOf("Samples and results", body, () => resolve(null));
    const said = el("p", { class: "well-error", role: "alert", hidden: true });
    /** @param {api.Picture | null} picture */
    const chosen = (picture) => {
      resolve(picture);
      dialog.close();
    };
    const mine = results.entries
      .map((entry) => entry.picture)
      .filter((picture) => latents || picture.kind !== "latent");
    fill(
      body,
      said,
      mine.length
        ? shelf(
            "Your results",
            mine.map((picture) => resultTile(picture, chosen)),
          )
        : null,
    );
    sampleList().then(
      (list) =>
        body.append(
          shelf(
            "Samples",
            list.map((sample) => sampleTile(sample, chosen, said)),
          ),
        ),
      (problem) => tell(said, problem),
    );
  });
}

/**
 * @param {string} title
 * @param {HTMLElement} body
 * @param {() => void} closed
 * @returns {HTMLDialogElement} shown, and removed once it is closed
 */
export function dialogOf(title, body, closed) {
  const head = el("h2", { id: "dialog-title" }, title);
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title" },
    el(
      "div",
      { class: "dialog-head" },
      head,
      button("Close", () => dialog.close(), { icon: "close", bare: true }),
    ),
    body,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** @param {string} title @param {HTMLElement[]} tiles */
function shelf(title, tiles) {
  return el(
    "section",
    { class: "shelf" },
    el("h3", {}, title),
    el(
      "ul",
      { class: "tiles" },
      tiles.map((tile) => el("li", {}, tile)),
    ),
  );
}

/** @param {api.Picture} picture @param {(picture: api.Picture) => void} chosen */
function resultTile(picture, chosen) {
  return el(
    "button",
    { type: "button", class: "tile", on: { click: () => chosen(picture) } },
    faceOf(picture, 320, ""),
    el("span", { dir: "auto" }, picture.name),
  );
}

/** @param {api.Sample} sample @param {(picture: api.Picture) => void} chosen @param {HTMLElement} said */
function sampleTile(sample, chosen, said) {
  const open = async () => {
    try {
      chosen(await api.openSample(sample.name));
    } catch (problem) {
      tell(said, problem);
    }
  };
  return el(
    "button",
    { type: "button", class: "tile", data: { sample: sample.name }, title: sample.what, on: { click: open } },
    el("img", { src: api.viewOf(sample.url, 320), alt: "", loading: "lazy" }),
    el("span", {}, inWords(sample.name)),
  );
}

/** @param {HTMLElement} place @param {unknown} problem */
function tell(place, problem) {
  place.textContent = problem instanceof Error ? problem.message : String(problem);
  place.hidden = false;
}
