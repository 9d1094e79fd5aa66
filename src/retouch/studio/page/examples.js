// @ts-check
/** One worked example for each edit: sample pictures, a drawing on them, and settings. */

/**
 * An outline in `mask` is written as on the command line: corners in pixels.
 * @typedef {{pictures: Record<string, string>, mask?: string[], grow?: number,
 *   options?: Record<string, any>}} Example
 */

const TANK = "352,2 384,2 408,60 410,200 398,236 336,236 312,205 316,150 340,90";
const PATCH = "152,296 186,310 198,340 186,372 152,384 118,372 106,340 118,310";
const COAT = "0,190 20,105 85,62 120,110 170,110 180,150 130,200 90,310 40,310 0,260";
const SPOON =
  "268,200 300,184 322,182 332,148 346,146 342,186 354,205 354,245 340,272 312,284 284,274 270,250 264,220";
const HANDLE = "346,54 366,52 369,72 360,106 346,110 347,80";

/** @type {Record<string, Example>} */
export const EXAMPLES = {
  blend: { pictures: { source: "astronaut", target: "rocket" }, mask: [TANK], options: { at: [-245, 20] } },
  flatten: { pictures: { photo: "cat" }, options: { low: 0.015, high: 0.04, sigma: 1.5 } },
  relight: { pictures: { photo: "cameraman" }, mask: [COAT], options: { beta: 0.3 } },
  recolor: { pictures: { photo: "astronaut" }, mask: [TANK], options: { hue: 200 } },
  tile: { pictures: { photo: "gravel" } },
  fill: { pictures: { photo: "astronaut" }, mask: [PATCH] },
  inpaint: { pictures: { photo: "coffee" }, mask: [SPOON, HANDLE], grow: 3 },
  translate: { pictures: { photo: "sketch" } },
  restore: { pictures: { photo: "grainy" } },
  upscale: { pictures: { photo: "thumbnail" } },
  stylize: { pictures: { content: "coffee", style: "starry-night" }, options: { size: 256 } },
  repaint: { pictures: { photo: "astronaut" } },
  texture: { pictures: { exemplar: "gravel" }, options: { tileable: true } },
  reconstruct: { pictures: { photo: "cat" }, options: { size: 128, steps: 60 } },
  invert: { pictures: { photo: "drawn-face" } },
  morph: { pictures: { a: "drawn-face", b: "sketch" } },
  vary: { pictures: { latent: "drawn-face" } },
  draw: { pictures: { scribble: "scribble" } },
};
