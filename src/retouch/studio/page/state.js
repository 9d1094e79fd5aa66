// @ts-check
/** The state of a task as it is kept: empty, checked after it was read, and made shorter. */

/** @typedef {import("./work.js").State} State */

/** @param {string} edit @returns {State} */
const empty = (edit) => ({
  edit,
  step: "",
  slots: {},
  lists: {},
  masks: {},
  values: {},
  painting: null,
  jobs: {},
  past: { entries: [], index: 0 },
});

/** @param {unknown} value */
const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {unknown} table @param {(value: any) => boolean} good @returns {boolean} */
const each = (table, good) => isTable(table) && Object.values(/** @type {object} */ (table)).every(good);

/** @param {any} picture */
const isPicture = (picture) => isTable(picture) && typeof picture.id === "string";

/** @param {any} job */
const isJob = (job) => isTable(job) && typeof job.id === "string" && typeof job.state === "string";

/** @param {any} mask */
const isMask = (mask) =>
  mask === null ||
  (isTable(mask) &&
    (mask.picture === undefined || isPicture(mask.picture)) &&
    (mask.drawing === undefined || Array.isArray(mask.drawing?.strokes)));

/** @param {any} item of a list: a picture or a mask */
const isItem = (item) => isPicture(item) || (isTable(item) && isMask(item));

/** @param {any} moment */
const isMoment = (moment) =>
  isTable(moment) &&
  typeof moment.label === "string" &&
  each(moment.slots, isPicture) &&
  each(moment.masks, isMask) &&
  each(moment.jobs, isJob) &&
  each(moment.at, isTable);

/**
 * @param {any} kept null for nothing
 * @param {string} edit to begin with
 * @returns {State}
 * @throws {Error} where what was kept is no state: another version's, or broken
 */
export function stateOf(kept, edit) {
  const state = { ...empty(edit), ...kept };
  const { entries, index } = state.past ?? {};
  const sound =
    typeof state.edit === "string" &&
    typeof state.step === "string" &&
    each(state.slots, isPicture) &&
    each(state.masks, isMask) &&
    each(state.lists, (items) => Array.isArray(items) && items.every(isItem)) &&
    each(state.values, isTable) &&
    each(state.jobs, isJob) &&
    Array.isArray(entries) &&
    entries.every(isMoment) &&
    Number.isInteger(index) &&
    (index === 0 || (index > 0 && index < entries.length));
  if (!sound) throw new Error("what was kept is no task's state");
  return state;
}

/**
 * @param {State} state
 * @returns {State | null} without its oldest moment, or without the last where the oldest is the present one
 */
export function shorter(state) {
  const { entries, index } = state.past;
  if (!entries.length) return null;
  const past = index
    ? { entries: entries.slice(1), index: index - 1 }
    : { entries: entries.slice(0, -1), index: 0 };
  return { ...state, past };
}
