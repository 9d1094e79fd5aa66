// @ts-check
/** From what a person brought and set to the body of a request. */

import { uploadPlace } from "./uploads.js";

/**
 * @typedef {import("./work.js").Work} Work
 * @typedef {import("./api.js").Option} Option
 */

/**
 * @param {Work} work
 * @returns {{order: Record<string, any>, missing: Option | null}} `missing` is the first option that the
 *   edit cannot run without and that has nothing yet
 */
export function orderOf(work) {
  /** @type {Record<string, any>} */
  const order = {};
  for (const option of work.edit.options) {
    const value = valueOf(work, option);
    if (value !== undefined) order[option.name] = value;
  }
  const { fixed, place } = work.plan.arranged;
  const drawn = work.plan.masks.some((option) => option.name in order);
  if (fixed && drawn) Object.assign(order, fixed);
  if (place && !(place.option in order)) {
    const at = middle(work);
    if (at) order[place.option] = at;
  }
  const missing = work.edit.options.find((option) => option.required && !(option.name in order));
  return { order, missing: missing ?? null };
}

/**
 * Where the patch lies before it is dragged: what was cut out in the middle of the picture.
 * @param {Work} work
 * @returns {[number, number] | null}
 */
export function middle(work) {
  const { place } = work.plan.arranged;
  if (!place) return null;
  const patch = work.picture(work.plan.option(place.patch));
  const on = work.picture(work.plan.option(place.on));
  if (!patch?.width || !patch.height || !on?.width || !on.height) return null;
  const option = work.plan.option(place.mask);
  const [x, y] = centre(option ? work.mask(option)?.drawing : null) ?? [patch.width / 2, patch.height / 2];
  return [Math.round(on.width / 2 - x), Math.round(on.height / 2 - y)];
}

/**
 * @param {Work} work
 * @returns {string | null} the name of a file that is on its way to where the present edit takes it
 */
export function awaited(work) {
  const { plan } = work;
  const slots = work.edit.options.map((option) => plan.slot(option));
  const lists = plan.lists.map((option) => work.listKey(option.name));
  const masks = plan.masks.map((option) => uploadPlace(work.maskPlace(option)));
  return work.uploads.to(...slots, ...lists, ...masks)?.name ?? null;
}

/** @param {any} mask @returns {boolean} */
export function isDrawn(mask) {
  return Boolean(mask?.picture || mask?.drawing?.strokes?.length || mask?.drawing?.invert);
}

/** @param {Work} work @param {Option} option */
function valueOf(work, option) {
  switch (option.kind) {
    case "picture":
    case "latent":
      if (option.choices?.length && work.values[option.name] !== undefined) return work.values[option.name];
      return work.picture(option)?.id;
    case "mask":
      return maskOf(work, option, work.mask(option));
    case "pictures":
    case "latents": {
      const ids = work.list(option.name).map((item) => item.id);
      return ids.length ? ids : undefined;
    }
    case "masks": {
      const items = work.list(option.name).map((item) => maskOf(work, option, item));
      const whole = items.filter((item) => item !== undefined);
      return whole.length ? whole : undefined;
    }
    default:
      return work.values[option.name];
  }
}

/** @param {Work} work @param {Option} option @param {import("./work.js").MaskValue} mask */
function maskOf(work, option, mask) {
  if (!mask || !isDrawn(mask)) return undefined;
  if (mask.picture) return mask.picture.id;
  const under = work.picture(work.plan.under(option));
  return under ? { ...mask.drawing, size: mask.drawing.size ?? [under.height, under.width] } : mask.drawing;
}

/** @param {any} drawing @returns {[number, number] | null} */
function centre(drawing) {
  /** @type {[number, number][]} */
  const points = (drawing?.strokes ?? [])
    .filter((/** @type {any} */ s) => !s.erase)
    .flatMap((/** @type {any} */ s) => s.points);
  if (!points.length || drawing.invert) return null;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return [(low(xs) + high(xs)) / 2, (low(ys) + high(ys)) / 2];
}

/** @param {number[]} values */
const low = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
/** @param {number[]} values */
const high = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
