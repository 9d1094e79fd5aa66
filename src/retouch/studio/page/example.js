// @ts-check
/** Filling an edit with its worked example. */

import * as api from "./api.js";
import { EXAMPLES } from "./examples.js";
import { record } from "./past.js";

/**
 * What it takes the place of comes back by Undo edit.
 * @param {import("./work.js").Work} work
 * @returns {Promise<boolean>} false when another edit was chosen meanwhile: nothing is changed then
 */
export async function loadExample(work) {
  const { edit } = work;
  const example = EXAMPLES[edit.name] ?? guess(work);
  const named = Object.entries(example.pictures).filter(([name]) => work.plan.option(name));
  const pictures = await Promise.all(named.map(([, sample]) => api.openSample(sample)));
  if (work.edit !== edit) return false;
  const put = () => {
    named.forEach(([name], place) => fillWell(work, name, pictures[place]));
    draw(work, example);
    Object.assign(work.values, example.options);
  };
  const begun = Object.keys(work.state.slots).length > 0;
  if (begun) record(work, "Sample photos", put);
  else put();
  work.told("picture");
  work.told("mask");
  return true;
}

/** @param {import("./work.js").Work} work @param {string} name @param {api.Picture} picture */
function fillWell(work, name, picture) {
  const option = work.plan.option(name);
  if (!option) return;
  const slot = work.plan.slot(option);
  work.uploads.stop(slot);
  work.dropMasks(slot);
  work.state.slots[slot] = picture;
}

/** @param {import("./work.js").Work} work @param {import("./examples.js").Example} example */
function draw(work, example) {
  const mask = work.plan.masks[0];
  const under = mask ? work.picture(work.plan.under(mask)) : null;
  if (!mask || !under || !example.mask) return;
  const strokes = example.mask.map((outline) => ({
    kind: "polygon",
    points: corners(outline),
    erase: false,
  }));
  const drawing = {
    retouch: "drawing",
    version: 1,
    size: [under.height, under.width],
    strokes,
    invert: false,
    grow: example.grow ?? 0,
    feather: 0,
  };
  work.state.masks[work.maskPlace(mask).key] = { drawing };
}

/**
 * An edit without an example of its own gets a photo in each well that must be filled.
 * @param {import("./work.js").Work} work
 */
function guess(work) {
  const wells = work.plan.wells.filter((option) => option.required);
  return {
    pictures: Object.fromEntries(wells.map((option) => [option.name, "cat"])),
    mask: undefined,
    grow: 0,
    options: {},
  };
}

/** @param {string} outline @returns {number[][]} */
const corners = (outline) => outline.split(" ").map((corner) => corner.split(",").map(Number));
