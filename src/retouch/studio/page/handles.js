// @ts-check
/** Finding out which pictures the server does not have any more, and emptying their places. */

import * as api from "./api.js";

/**
 * @param {import("./work.js").Work} work
 * @returns {Promise<number>} how many were gone
 */
export async function checkHandles(work) {
  const { slots, masks, lists } = work.state;
  /** @type {Map<string, boolean>} */
  const known = new Map();
  /** @param {any} held @returns {Promise<boolean>} */
  const gone = async (held) => {
    const id = held?.id;
    if (!id) return false;
    if (!known.has(id)) known.set(id, await isGone(id));
    return known.get(id) ?? false;
  };
  for (const [slot, picture] of Object.entries(slots)) {
    if (!(await gone(picture))) continue;
    delete slots[slot];
    work.dropMasks(slot);
  }
  for (const [key, mask] of Object.entries(masks)) if (await gone(mask?.picture)) delete masks[key];
  for (const [key, items] of Object.entries(lists)) {
    const kept = [];
    for (const item of items) if (!(await gone(item?.picture ?? item))) kept.push(item);
    lists[key] = kept;
  }
  for (const [edit, job] of Object.entries(work.state.jobs)) {
    if (job.result && (await gone(job.result.picture))) delete work.state.jobs[edit];
  }
  await checkPast(work.state.past, gone);
  const count = [...known.values()].filter(Boolean).length;
  if (count) work.told("past");
  return count;
}

/**
 * A moment without its pictures is none; the present one stays, for the state itself says what it holds.
 * @param {import("./work.js").State["past"]} past
 * @param {(held: any) => Promise<boolean>} gone
 */
async function checkPast(past, gone) {
  const present = past.entries[past.index];
  const kept = [];
  for (const moment of past.entries) {
    let lost = false;
    for (const picture of Object.values(moment.slots)) lost ||= await gone(picture);
    if (lost && moment !== present) continue;
    for (const [key, mask] of Object.entries(moment.masks))
      if (await gone(mask?.picture)) delete moment.masks[key];
    for (const [edit, job] of Object.entries(moment.jobs))
      if (await gone(job.result?.picture)) delete moment.jobs[edit];
    kept.push(moment);
  }
  past.entries = kept;
  past.index = Math.max(0, kept.indexOf(present));
}

/** @param {string} id */
async function isGone(id) {
  try {
    await api.picture(id);
    return false;
  } catch (problem) {
    return problem instanceof api.Problem && problem.gone;
  }
}
