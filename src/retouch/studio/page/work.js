// @ts-check
/** What a person has brought and set in one task; told to the browser's store at every change. */

import { recall, remember } from "./memory.js";
import { record } from "./past.js";
import { Plan } from "./plan.js";
import { shorter, stateOf } from "./state.js";
import { Uploads } from "./uploads.js";

/**
 * @typedef {import("./api.js").Edit} Edit
 * @typedef {import("./api.js").Option} Option
 * @typedef {import("./api.js").Picture} Picture
 * @typedef {import("./api.js").Job} Job
 * @typedef {{drawing?: any, picture?: Picture} | null} MaskValue what was drawn, or a mask file
 * @typedef {{key: string, item?: string}} MaskPlace a mask under its slot, or an item of a list of masks
 * @typedef {{edit: string, step: string, slots: Record<string, Picture>, lists: Record<string, any[]>,
 *   masks: Record<string, MaskValue>, values: Record<string, Record<string, any>>, painting: any,
 *   jobs: Record<string, Job>, past: {entries: Moment[], index: number}}} State
 * @typedef {{label: string, slots: Record<string, Picture>, masks: Record<string, MaskValue>,
 *   jobs: Record<string, Job>, at: Record<string, any>}} Moment
 */

/** One task's state. Fires "change" with `detail` naming the part: picture, mask, value, edit, job, past. */
export class Work extends EventTarget {
  /**
   * @param {string} task
   * @param {Edit[]} edits of this task, in order
   * @throws {Error} where what was kept of it cannot be read
   */
  constructor(task, edits) {
    super();
    this.task = task;
    this.edits = edits;
    /** @type {State} */
    this.state = stateOf(recall(`task.${task}`), edits[0].name);
    if (!edits.some((edit) => edit.name === this.state.edit)) this.state.edit = edits[0].name;
    this.plan = new Plan(this.edit);
    this.uploads = new Uploads();
  }

  /** @returns {Edit} */
  get edit() {
    return /** @type {Edit} */ (this.edits.find((edit) => edit.name === this.state.edit));
  }

  /** @param {string} name */
  choose(name) {
    if (!this.edits.some((edit) => edit.name === name)) return;
    this.state.edit = name;
    this.plan = new Plan(this.edit);
    this.told("edit");
  }

  /** @param {Option | undefined} option @returns {Picture | null} */
  picture(option) {
    const held = option ? this.state.slots[this.plan.slot(option)] : null;
    return held && (option?.kind === "latent" || held.kind !== "latent") ? held : null;
  }

  /** Put a picture into a well of the present edit. @param {Option} option @param {Picture | null} picture */
  setPicture(option, picture) {
    this.setPictureIn(this.plan.slot(option), picture);
  }

  /**
   * Put a picture where one is kept; the one before, with what was drawn on it, stays in the history.
   * @param {string} slot
   * @param {Picture | null} picture
   */
  setPictureIn(slot, picture) {
    const before = this.state.slots[slot];
    if (!before && !picture) return;
    const put = () => this.#put(slot, picture, before);
    if (!before && !this.state.past.entries.length) put();
    else record(this, picture ? `Chosen: ${picture.name}` : `Removed: ${before?.name}`, put);
    this.told("picture");
  }

  /** @param {string} slot @param {Picture | null} picture @param {Picture | undefined} before */
  #put(slot, picture, before) {
    if (picture) this.state.slots[slot] = picture;
    else delete this.state.slots[slot];
    this.dropMasks(slot, picture);
    if (picture?.width !== before?.width || picture?.height !== before?.height) {
      for (const key of this.placed(slot)) delete this.values[key];
    }
    const { paint } = this.plan.arranged;
    const painted = paint && this.plan.option(paint.option);
    if (picture && painted && this.plan.slot(painted) === slot) this.state.painting = null;
  }

  /**
   * Forget the masks on a photo.
   * @param {string} slot
   * @param {Picture | null} [fitting] keeps those that were made for a picture of this one's size
   */
  dropMasks(slot, fitting = null) {
    for (const [key, mask] of Object.entries(this.state.masks)) {
      if (!key.startsWith(`${slot}:`)) continue;
      const [height, width] = mask?.drawing?.size ?? [mask?.picture?.height, mask?.picture?.width];
      if (!fitting || fitting.width !== width || fitting.height !== height) delete this.state.masks[key];
    }
  }

  /** @param {string} slot @returns {string[]} options that say where something lies on its picture */
  placed(slot) {
    const { place } = this.plan.arranged;
    if (!place) return [];
    const lies = [place.on, place.patch].map((name) => this.plan.option(name));
    return lies.some((option) => option && this.plan.slot(option) === slot) ? [place.option] : [];
  }

  /** @param {Option} option of kind mask or masks @param {string} [item] @returns {MaskValue} */
  mask(option, item) {
    return this.maskIn(this.maskPlace(option, item));
  }

  /** @param {MaskPlace} place @returns {MaskValue} */
  maskIn({ key, item }) {
    if (item === undefined) return this.state.masks[key] ?? null;
    return this.state.lists[key]?.find((held) => held.key === item) ?? null;
  }

  /**
   * @param {MaskPlace} place
   * @param {MaskValue} value
   * @param {string} [label] of the change in the history, where it takes something away
   */
  setMaskIn(place, value, label) {
    const put = () => this.#putMask(place, value);
    if (label && place.item === undefined) record(this, label, put);
    else put();
    this.told("mask");
  }

  /** @param {MaskPlace} place @param {MaskValue} value */
  #putMask({ key, item }, value) {
    const { masks, lists } = this.state;
    if (item !== undefined) {
      lists[key] = (lists[key] ?? []).map((held) => (held.key === item ? { ...value, key: item } : held));
    } else if (value) masks[key] = value;
    else delete masks[key];
  }

  /**
   * Where a mask of the present edit is kept; it stays right when another edit is shown.
   * @param {Option} option of kind mask or masks
   * @param {string} [item] the key of one in a list
   * @returns {MaskPlace}
   */
  maskPlace(option, item) {
    if (item !== undefined) return { key: this.listKey(option.name), item };
    const under = this.plan.under(option);
    return { key: `${under ? this.plan.slot(under) : ""}:${option.name}` };
  }

  /** @param {string} name @returns {string} where a list of the present edit is kept */
  listKey(name) {
    return `${this.state.edit}.${name}`;
  }

  /** @param {string} name @returns {any[]} */
  list(name) {
    const key = this.listKey(name);
    this.state.lists[key] ??= [];
    return this.state.lists[key];
  }

  /** @param {string} key as `listKey` gave it @param {any[]} items */
  setListIn(key, items) {
    this.state.lists[key] = items;
    this.told("picture");
  }

  /** What was set of the present edit's options, by name: only what differs from the default. */
  get values() {
    this.state.values[this.state.edit] ??= {};
    return this.state.values[this.state.edit];
  }

  /** @param {string} name @param {any} value undefined for the default */
  setValue(name, value) {
    if (value === undefined) delete this.values[name];
    else this.values[name] = value;
    this.told("value");
  }

  /** The newest job of the present edit. @returns {Job | null} */
  get job() {
    return this.state.jobs[this.state.edit] ?? null;
  }

  /** @param {Job} job */
  setJob(job) {
    const before = this.state.jobs[job.edit];
    this.state.jobs[job.edit] = job;
    // How far it is comes anew after a reload, and comes too often to write a long history each time.
    if (before?.id === job.id && before.state === job.state) this.#fire("job");
    else this.told("job");
  }

  /** @param {string} edit */
  dropJob(edit) {
    delete this.state.jobs[edit];
    this.told("job");
  }

  /** @param {string} id @returns {boolean} whether this picture is an input, or part of the history */
  holds(id) {
    const { slots, masks, lists, past } = this.state;
    const pictures = [slots, masks, lists, ...past.entries].flatMap((part) => [...within(part)]);
    return pictures.some((picture) => picture.id === id);
  }

  /** @param {"picture" | "mask" | "value" | "edit" | "job" | "past" | "step"} part */
  told(part) {
    remember(`task.${this.task}`, this.state, shorter);
    this.#fire(part);
  }

  /** @param {string} part */
  #fire(part) {
    this.dispatchEvent(new CustomEvent("change", { detail: part }));
  }
}

/** @param {any} node of a state @returns {Generator<{id: string}>} all in it that has an id; drawings are none */
function* within(node) {
  if (node === null || typeof node !== "object" || "strokes" in node) return;
  if (typeof node.id === "string") yield node;
  for (const part of Object.values(node)) yield* within(part);
}
