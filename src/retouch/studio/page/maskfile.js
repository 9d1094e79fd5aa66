// @ts-check
/** Masks that come as files: a drawing that was saved, or a gray picture. */

import { read, written } from "./easel/drawing.js";
import { parsed } from "./easel/files.js";
import { isDrawn } from "./order.js";
import { uploadPlace } from "./uploads.js";

/**
 * @typedef {import("./work.js").Work} Work
 * @typedef {import("./api.js").Picture} Picture
 */

/**
 * Put a mask file in its place; what was drawn there before comes back by Undo edit.
 * @param {Work} work
 * @param {import("./api.js").Option} option of kind mask or masks
 * @param {File} file
 * @param {string} [item] the key of one in a list
 * @returns {Promise<void>}
 * @throws {Error} it is no mask, or one of another picture; nothing is changed then
 */
export async function openMask(work, option, file, item) {
  const place = work.maskPlace(option, item);
  const under = work.picture(work.plan.under(option));
  const value = (await isDrawing(file))
    ? { drawing: await drawingIn(file, under) }
    : await pictureIn(work, place, file, under);
  if (!value) return;
  work.setMaskIn(place, value, isDrawn(work.maskIn(place)) ? `Opened: ${file.name}` : "");
}

/** @param {File} file @returns {Promise<boolean>} whether it is a drawing, by its first letter */
export async function isDrawing(file) {
  return (await file.slice(0, 64).text()).trimStart().startsWith("{");
}

/**
 * @param {Picture} mask
 * @param {Picture | null} under the photo that it lies on; null takes any
 * @throws {Error} it has another size
 */
export function checkMask(mask, under) {
  if (!mask.width || !mask.height) throw new Error(`${mask.name} is no picture; open a picture of a mask`);
  if (!under || (mask.width === under.width && mask.height === under.height)) return;
  throw new Error(
    `${mask.name} is ${mask.width} × ${mask.height} pixels, and the photo ${under.width} × ${under.height}; ` +
      "a mask has its photo's size",
  );
}

/** @param {File} file @param {Picture | null} under */
async function drawingIn(file, under) {
  const json = parsed(await file.text());
  const size = under?.width && under.height ? { width: under.width, height: under.height } : null;
  return { ...written(read(json, size), size), ...(!size && json.size ? { size: json.size } : {}) };
}

/**
 * @param {Work} work
 * @param {import("./work.js").MaskPlace} place
 * @param {File} file
 * @param {Picture | null} under
 */
async function pictureIn(work, place, file, under) {
  const picture = await work.uploads.send(uploadPlace(place), file);
  if (!picture) return null;
  checkMask(picture, under);
  return { picture };
}
