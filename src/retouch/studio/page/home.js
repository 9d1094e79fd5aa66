// @ts-check
/** The first page: what can be done, and a way to try each without a photo of one's own. */

import { viewOf } from "./api.js";
import { el, fill } from "./dom.js";
import { sampleList } from "./picker.js";
import { TASKS } from "./tasks.js";
import { inWords } from "./words.js";

/** @typedef {import("./api.js").Edit} Edit */

/**
 * @param {string} task
 * @param {Edit[]} edits of that task
 * @returns {import("./tasks.js").Task} what is said of it; without words of its own, its first edit's
 */
export function taskWords(task, edits) {
  return TASKS[task] ?? { title: inWords(task), sentence: edits[0]?.summary ?? "", pictures: [] };
}

/**
 * @param {HTMLElement} main
 * @param {Map<string, Edit[]>} tasks
 */
export async function showHome(main, tasks) {
  const covers = new Map(
    [...tasks.keys()].map((task) => [task, el("div", { class: "card-cover", "aria-hidden": "true" })]),
  );
  const cards = [...tasks].map(([task, edits]) => card(task, edits, covers.get(task)));
  fill(
    main,
    el(
      "div",
      { class: "home" },
      el("h1", {}, "What would you like to do?"),
      el(
        "p",
        { class: "lead" },
        "Your photos stay on this computer. Results are kept until the studio is closed.",
      ),
      el("ul", { class: "cards" }, cards),
    ),
  );
  const list = await sampleList().catch(() => []);
  for (const [task, cover] of covers) {
    const own = list.filter((sample) => sample.tasks?.includes(task)).map((sample) => sample.name);
    const named = taskWords(task, []).pictures.filter((name) => list.some((sample) => sample.name === name));
    const names = named.length ? named : own.slice(0, 1);
    const pictures = names
      .map((name) => list.find((sample) => sample.name === name))
      .filter((sample) => sample !== undefined);
    fill(
      cover,
      pictures.map((sample) => el("img", { src: viewOf(sample.url, 640), alt: "", class: "see-through" })),
    );
    cover.dataset.pictures = String(pictures.length);
  }
}

/** @param {string} task @param {Edit[]} edits @param {HTMLElement} cover */
function card(task, edits, cover) {
  const words = taskWords(task, edits);
  return el(
    "li",
    { class: "card", data: { task } },
    cover,
    el(
      "div",
      { class: "card-words" },
      el("h2", {}, el("a", { href: `/${task}`, class: "card-link" }, words.title)),
      el("p", {}, words.sentence),
      el("p", { class: "quiet-text" }, edits.map((edit) => inWords(edit.name)).join(" · ")),
      el(
        "a",
        { class: "button", href: `/${task}?example`, "aria-label": `Start ${words.title} with a sample` },
        "Start with a sample",
      ),
    ),
  );
}
