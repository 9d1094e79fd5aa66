// @ts-check
/** How an edit is laid out on the page: from its signature, and from `tasks.js` where that says more. */

import { ARRANGEMENTS, FOLDED, LABELS, SHOWN_AT_MOST } from "./tasks.js";
import { inWords } from "./words.js";

/**
 * @typedef {import("./api.js").Edit} Edit
 * @typedef {import("./api.js").Option} Option
 * @typedef {{id: string, label: string, kind: "photos" | "mask" | "place" | "paint" | "point" | "result",
 *   option?: string, item?: string}} Step `item` is the key of a mask in a list
 */

const FILES = new Set(["picture", "latent"]);
const LISTS = new Set(["pictures", "masks", "latents"]);

/**
 * @param {string} option of kind mask or masks
 * @param {string} [item] the key of one in a list
 * @returns {string} the step in which it is drawn
 */
export function stepOf(option, item) {
  if (item !== undefined) return `mask:${option}:${item}`;
  return option === "mask" ? "mask" : `mask:${option}`;
}

/** Where everything that one edit asks for has its place. */
export class Plan {
  /** @param {Edit} edit */
  constructor(edit) {
    this.edit = edit;
    this.arranged = ARRANGEMENTS[edit.name] ?? {};
    const hidden = new Set(this.arranged.hidden ?? []);
    const there = edit.options.filter((option) => !hidden.has(option.name) && !alone(option));
    this.wells = there.filter((option) => FILES.has(option.kind) && !option.choices?.length);
    this.lists = there.filter((option) => LISTS.has(option.kind));
    this.masks = there.filter((option) => option.kind === "mask");
    this.points = there.filter((option) => option.kind === "point");
    const taken = new Set([...this.wells, ...this.lists, ...this.masks]);
    const fields = there.filter((option) => !taken.has(option));
    const shown = this.#shown(fields);
    this.shown = [...shown]
      .map((name) => fields.find((option) => option.name === name))
      .filter((option) => option !== undefined);
    this.folded = fields.filter((option) => !shown.has(option.name));
  }

  /** The option whose picture the edit changes, if it has one: a result can take its place. */
  get main() {
    const name = this.arranged.main;
    return (
      this.edit.options.find((option) => option.name === name) ?? this.wells.find((option) => option.required)
    );
  }

  /** The option whose place a result can take. */
  get next() {
    return this.arranged.next ? this.option(this.arranged.next) : this.main;
  }

  /** @param {string} name @returns {Option | undefined} */
  option(name) {
    return this.edit.options.find((option) => option.name === name);
  }

  /**
   * @param {Option} option
   * @returns {string} where its picture is kept; edits of a task that change one photo share it
   */
  slot(option) {
    const own = this.arranged.slots?.[option.name];
    if (own) return own;
    if (option !== this.main) return option.name;
    return option.kind === "picture" ? "main" : "latent";
  }

  /** @param {Option} option @returns {string} */
  label(option) {
    const { name } = option;
    /** @type {Record<string, string>} */
    const usual = LABELS;
    return this.arranged.labels?.[name] ?? this.maskWords(option).label ?? usual[name] ?? inWords(name);
  }

  /** @param {Option} option that is a list @returns {string} what one of its items is called */
  one(option) {
    return this.arranged.items?.[option.name] ?? this.label(option);
  }

  /** @param {Option} option of kind mask or masks */
  maskWords(option) {
    return this.arranged.masks?.[option.name] ?? {};
  }

  /** @param {Option} option of kind mask or masks @returns {Option | undefined} the picture it is drawn on */
  under(option) {
    const name = this.maskWords(option).on;
    return name ? this.option(name) : this.main;
  }

  /** @param {Record<string, any[]>} lists what each list option holds @returns {Step[]} */
  steps(lists) {
    const { place, paint } = this.arranged;
    /** @type {Step[]} */
    const steps = [];
    if (this.wells.length) {
      const label = this.wells.length > 1 ? "Photos" : "Photo";
      steps.push({ id: "photos", kind: "photos", label });
    }
    if (paint) steps.unshift({ id: "paint", kind: "paint", label: "Paint", option: paint.option });
    for (const option of this.masks) {
      if (!this.under(option)) continue;
      steps.push({ id: stepOf(option.name), kind: "mask", label: this.label(option), option: option.name });
    }
    for (const option of this.lists.filter((item) => item.kind === "masks" && this.under(item))) {
      (lists[option.name] ?? []).forEach(({ key: item }, index) => {
        const label = `${this.one(option)} ${index + 1}`;
        steps.push({ id: stepOf(option.name, item), kind: "mask", label, option: option.name, item });
      });
    }
    if (place) steps.push({ id: "place", kind: "place", label: "Place", option: place.option });
    for (const option of this.main ? this.points : []) {
      const label = this.label(option);
      steps.push({ id: `point:${option.name}`, kind: "point", label, option: option.name });
    }
    steps.push({ id: "result", kind: "result", label: "Result" });
    return steps;
  }

  /** @param {Option[]} fields */
  #shown(fields) {
    if (this.arranged.shown) return new Set(this.arranged.shown);
    const usual = fields.filter((option) => !FOLDED.has(option.name));
    const first = usual.slice(0, SHOWN_AT_MOST);
    return new Set([...first, ...fields.filter((option) => option.required)].map((option) => option.name));
  }
}

/** @param {Option} option @returns {boolean} a menu with nothing to choose from */
function alone(option) {
  return option.kind === "choice" && option.choices.length < 2;
}
