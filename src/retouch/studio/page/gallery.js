// @ts-check
/** All results of the session, of every task. */

import { button, el, fill } from "./dom.js";
import { faceOf } from "./face.js";
import { dialogOf } from "./picker.js";
import { download } from "./result.js";
import { results } from "./results.js";
import { inWords, sizeInWords } from "./words.js";

/** @typedef {import("./api.js").Picture} Picture */

const NOTHING = "No results yet. What you make in this session is kept here until the studio ends.";

/**
 * @param {Record<string, string[]>} formats by kind of picture
 * @param {((picture: Picture) => void) | null} use null where no edit could take it
 * @param {(picture: Picture) => string[]} holders titles of the tasks that it is in use in
 */
export function openGallery(formats, use, holders) {
  const list = el("ul", { class: "gallery" });
  const said = el("p", { class: "quiet-text", role: "status" });
  /** @param {Picture} picture */
  const remove = async (picture) => {
    const place = results.entries.findIndex((entry) => entry.picture.id === picture.id);
    try {
      said.textContent = await removed(picture, holders(picture));
    } catch (problem) {
      said.textContent = problem instanceof Error ? problem.message : String(problem);
      return;
    }
    const left = list.querySelectorAll("[data-delete]");
    (left[Math.min(place, left.length - 1)] ?? dialog.querySelector("button"))?.focus();
  };
  /** @param {Picture} picture */
  const acts = (picture) => [
    use
      ? button(
          "Use as input",
          () => {
            dialog.close();
            use(picture);
          },
          { kind: "small" },
        )
      : null,
    button("Delete", () => remove(picture), {
      kind: "small",
      data: { delete: picture.id },
      icon: "trash",
      name: `Delete ${picture.name}`,
    }),
    download(picture, formats[picture.kind === "animation" ? "animation" : "picture"] ?? [], "small"),
  ];
  const renew = () => {
    const items = results.entries.map((entry) => item(entry, acts(entry.picture)));
    fill(list, items.length ? items : el("li", { class: "quiet-text" }, NOTHING));
  };
  // A view that does not load is most often of a picture that the server does not have any more.
  list.addEventListener("error", () => results.check(), true);
  results.addEventListener("change", renew);
  const dialog = dialogOf("Results", el("div", { class: "dialog-body" }, said, list), () =>
    results.removeEventListener("change", renew),
  );
  renew();
}

/**
 * Take it from the list; the server keeps it while a task has it in use.
 * @param {Picture} picture
 * @param {string[]} users
 * @returns {Promise<string>} what was done
 */
async function removed(picture, users) {
  if (users.length) {
    results.forget(picture.id);
    return `${picture.name} is not listed any more. It is kept: it is in use in ${users.join(" and ")}.`;
  }
  await results.remove(picture.id);
  return `${picture.name} was deleted.`;
}

/** @param {import("./results.js").Entry} entry @param {any[]} acts */
function item({ picture, edit }, acts) {
  return el(
    "li",
    { class: "gallery-item", data: { gallery: picture.id } },
    el("div", { class: "gallery-face" }, faceOf(picture, 320, `${inWords(edit)}: ${picture.name}`)),
    el(
      "p",
      { class: "gallery-words" },
      el("strong", {}, inWords(edit)),
      el("span", {}, picture.name),
      el("span", {}, sizeInWords(picture)),
    ),
    el("div", { class: "gallery-acts" }, acts),
  );
}
