// @ts-check
/** The frame of an option in the panel: its name, its help, and what is wrong with it. */

import { button, el, freshId } from "./dom.js";

/**
 * @typedef {import("./api.js").Option} Option
 * @typedef {{field?: string, title?: string, help: string, error: string}} Ids
 *   `field` is what the name is the label of; `title` is the name's own, for a group
 */

/**
 * @param {Option} option
 * @param {string} label
 * @param {(HTMLElement | null)[]} content
 * @param {{ids?: Ids, reset?: HTMLElement, flag?: boolean}} [how] flag: the content stands before the name
 * @returns {HTMLElement} with a place for its error, where `sayAt` says it
 */
export function holder(option, label, content, { ids = freshIds(), reset, flag = false } = {}) {
  const name = ids.field
    ? el("label", { for: ids.field, class: "option-name" }, label)
    : el("span", { class: "option-name", id: ids.title }, label);
  const head = el(
    "div",
    { class: "option-head" },
    name,
    option.required ? el("span", { class: "tag" }, "needed") : null,
    reset,
    option.help ? helpButton(label, ids.help) : null,
  );
  return el(
    "div",
    { class: `option kind-${option.kind}`, data: { field: option.name } },
    ...(flag ? [el("div", { class: "option-flag" }, content, head)] : [head, content]),
    helpText(option, ids.help),
    el("p", { class: "option-error", id: ids.error, role: "alert", hidden: true }),
  );
}

/** @returns {Ids} */
export function freshIds() {
  return { help: freshId("help"), error: freshId("error") };
}

/**
 * Say at an option what is wrong with it, or take that away.
 * @param {HTMLElement} place what `holder` made
 * @param {string} said empty for nothing
 */
export function sayAt(place, said) {
  const line = place.querySelector(".option-error");
  const field = place.querySelector("[data-option]");
  if (line instanceof HTMLElement) {
    line.textContent = said;
    line.hidden = !said;
  }
  if (said) field?.setAttribute("aria-invalid", "true");
  else field?.removeAttribute("aria-invalid");
}

/** @param {string} label @param {string} id of the text that it opens */
function helpButton(label, id) {
  const toggle = button(
    "Help",
    () => {
      const text = document.getElementById(id);
      if (!text) return;
      text.hidden = !text.hidden;
      toggle.setAttribute("aria-expanded", String(!text.hidden));
    },
    { kind: "small quiet", icon: "help", bare: true, name: `Help on ${label}` },
  );
  toggle.setAttribute("aria-expanded", "false");
  toggle.setAttribute("aria-controls", id);
  return toggle;
}

/** @param {Option} option @param {string} id */
function helpText(option, id) {
  const text = option.help.charAt(0).toUpperCase() + option.help.slice(1);
  return el("p", { class: "option-help", id, hidden: true }, text);
}
