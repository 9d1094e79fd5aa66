// @ts-check
/** Undoing edits: each moment keeps the pictures, what was drawn on them, and the results. */

import { ended } from "./jobs.js";

/** @typedef {import("./work.js").Work} Work */
/** @typedef {import("./work.js").Moment} Moment */

const KEPT = 30;

/**
 * Go on from a result: it takes the place of the picture that was edited.
 * @param {Work} work
 * @param {import("./api.js").Picture} picture
 * @param {string} label what made it
 */
export function advance(work, picture, label) {
  const option = work.plan.next;
  if (!option) return;
  const slot = work.plan.slot(option);
  record(work, label, () => {
    work.dropMasks(slot);
    work.state.slots[slot] = picture;
    const jobs = Object.entries(work.state.jobs).filter(([, job]) => !ended(job));
    work.state.jobs = Object.fromEntries(jobs);
  });
  work.told("past");
}

/**
 * Make a change that Undo edit takes back. What was undone before it cannot be done again.
 * @param {Work} work
 * @param {string} label
 * @param {() => void} change
 */
export function record(work, label, change) {
  const { past } = work.state;
  const entries = past.entries.slice(0, past.index);
  entries.push(moment(work, past.entries[past.index]?.label ?? "Start"));
  change();
  entries.push(moment(work, label));
  const kept = entries.slice(-KEPT);
  work.state.past = { entries: kept, index: kept.length - 1 };
}

/**
 * @param {Work} work
 * @param {number} index of the moment to go to
 */
export function goTo(work, index) {
  const { past } = work.state;
  if (index === past.index || !past.entries[index]) return;
  past.entries[past.index] = moment(work, past.entries[past.index].label);
  const then = structuredClone(past.entries[index]);
  past.index = index;
  work.state.slots = then.slots;
  work.state.masks = then.masks;
  const running = Object.entries(work.state.jobs).filter(([, job]) => !ended(job));
  work.state.jobs = { ...then.jobs, ...Object.fromEntries(running) };
  for (const [edit, values] of Object.entries(then.at)) work.state.values[edit] = values;
  work.told("past");
}

/** @param {Work} work @param {string} label @returns {Moment} */
function moment(work, label) {
  const { slots, masks, jobs, values } = work.state;
  const done = Object.fromEntries(Object.entries(jobs).filter(([, job]) => job.state === "done"));
  return structuredClone({ label, slots, masks, jobs: done, at: values });
}
