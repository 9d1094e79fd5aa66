// @ts-check
/**
 * What the page says and arranges by hand, in one table each. An edit or an option that is not here gets the
 * form that its signature makes.
 */

/**
 * @typedef {{title: string, sentence: string, pictures: string[]}} Task
 * @typedef {{on?: string, label?: string, hint?: string, first?: boolean}} MaskWords
 *   `on` is the option of the photo that it is drawn on, `first` opens it as soon as there is a photo.
 * @typedef {{
 *   main?: string, next?: string, slots?: Record<string, string>, labels?: Record<string, string>,
 *   items?: Record<string, string>,
 *   masks?: Record<string, MaskWords>, hidden?: string[], fixed?: Record<string, any>,
 *   place?: {option: string, patch: string, mask: string, on: string},
 *   paint?: {option: string, under: string}, shown?: string[],
 *   ranges?: Record<string, [number, number, number]>, result?: "beside",
 * }} Arrangement
 *   `main` is the picture that the edit changes, whose slot all edits of a task share; `next` is the one
 *   whose place a result takes where that is another; `slots` names other slots; `items` says what one of a
 *   list is called; `fixed` is sent beside a mask; `place` and `paint` are steps on the stage; `shown` options
 *   stand before "More options"; `ranges` (from, to, step) adds a slider; `result` "beside" never lays after
 *   over before.
 */

/** @type {Record<string, Task>} */
export const TASKS = {
  blend: {
    title: "Blend",
    sentence: "Cut something out of one photo and set it into another, so that no seam shows.",
    pictures: ["astronaut", "rocket"],
  },
  inpaint: {
    title: "Inpaint",
    sentence: "Take something out of a photo: people, wires, a spoon. What is behind it is made up.",
    pictures: ["coffee"],
  },
  translate: {
    title: "Translate",
    sentence: "Turn one kind of picture into another, such as a sketch into a painting.",
    pictures: ["sketch"],
  },
  restore: {
    title: "Restore",
    sentence: "Take out noise and grain, or enlarge a small photo and keep it sharp.",
    pictures: ["grainy"],
  },
  stylize: {
    title: "Stylize",
    sentence: "Paint a photo in the manner of another picture, or make more of a texture.",
    pictures: ["coffee", "starry-night"],
  },
  invert: {
    title: "Invert",
    sentence: "Find a face in a generator, then vary it, morph it, or draw a new one from a scribble.",
    pictures: ["drawn-face", "scribble"],
  },
};

/** @type {Record<string, Arrangement>} */
export const ARRANGEMENTS = {
  blend: {
    main: "target",
    labels: { source: "Source: take from here", target: "Target: put it here" },
    masks: {
      mask: {
        on: "source",
        label: "Cut out",
        first: true,
        hint: "Draw loosely around what you want to take. A little of its surroundings may come along.",
      },
    },
    place: { option: "at", patch: "source", mask: "mask", on: "target" },
    hidden: ["at", "center", "mask_on"],
    fixed: { mask_on: "source" },
    shown: ["gradients", "source_weight", "linear_light"],
    ranges: { source_weight: [0, 1, 0.05] },
  },
  flatten: {
    labels: {
      edges: "Edges to keep",
      high: "Edges start at",
      low: "Edges go on down to",
      sigma: "Blur before edges are found",
    },
    masks: {
      mask: { hint: "Draw the region to wash out, or leave it empty for the whole photo." },
      edges: { hint: "Draw the edges to keep, or leave it empty: they are found in the photo." },
    },
    shown: ["high", "low", "sigma"],
    ranges: { low: [0, 0.2, 0.005], high: [0, 0.3, 0.005], sigma: [0, 5, 0.1] },
  },
  relight: {
    labels: { alpha: "Contrast that stays", beta: "Strength" },
    masks: { mask: { first: true, hint: "Draw around what is too dark or too bright." } },
    shown: ["beta", "alpha"],
    ranges: { alpha: [0.01, 1, 0.01], beta: [0, 0.95, 0.05] },
  },
  recolor: {
    masks: { mask: { first: true, hint: "Draw loosely around the object." } },
    shown: ["hue", "red", "green", "blue", "background"],
    ranges: { red: [0, 3, 0.05], green: [0, 3, 0.05], blue: [0, 3, 0.05], hue: [-180, 180, 5] },
  },
  fill: { masks: { mask: { first: true, hint: "Draw over the hole." } } },
  inpaint: {
    masks: {
      mask: { first: true, hint: "Paint or draw over what should disappear, with its shadow if it has one." },
    },
    shown: ["model", "seam"],
  },
  restore: { shown: ["strength", "noise", "model"], ranges: { strength: [0, 1, 0.05], noise: [0, 75, 1] } },
  upscale: { shown: ["scale", "width", "height", "denoise", "model"] },
  stylize: {
    main: "content",
    labels: {
      content: "Your photo",
      style: "Picture to paint like",
      styles: "More pictures to paint like",
      masks: "Style regions",
      shares: "Share of each style",
      features: "Comparing network",
    },
    items: { styles: "Style", masks: "Style region" },
    masks: {
      mask: { hint: "Draw where the photo is painted, or leave it empty for all of it." },
      masks: { hint: "Draw where this style goes." },
    },
    shown: ["preset", "strength", "colours", "size", "style_scale"],
    ranges: { strength: [0, 1, 0.05], style_scale: [0.25, 2, 0.05] },
  },
  repaint: { shown: ["model", "strength", "colours"], ranges: { strength: [0, 1, 0.05] } },
  texture: {
    main: "exemplar",
    slots: { exemplar: "exemplar" },
    shown: ["width", "height", "tileable", "scale"],
  },
  reconstruct: { shown: ["layer", "size"] },
  invert: {
    shown: ["model", "preset", "fidelity"],
    ranges: { fidelity: [0, 1, 0.05], truncation: [0, 1, 0.05] },
    result: "beside",
  },
  morph: {
    labels: { a: "From", b: "To", others: "And then to" },
    items: { others: "Stop" },
    shown: ["frames", "seconds", "path", "loop"],
  },
  vary: {
    labels: { latent: "Photo, or its latent file" },
    shown: ["direction", "strength", "steps"],
    ranges: { strength: [0, 6, 0.25] },
  },
  draw: {
    main: "scribble",
    next: "start",
    slots: { scribble: "scribble" },
    labels: {
      scribble: "Scribble from a file",
      start: "Photo to change",
      tolerance: "Play of outlines",
    },
    paint: { option: "scribble", under: "start" },
    hidden: ["mask"],
    shown: ["realism", "candidates", "seed"],
    ranges: { realism: [0, 1, 0.05] },
    result: "beside",
  },
  sample: { shown: ["count", "truncation", "seed"], ranges: { truncation: [0, 1, 0.05] } },
};

/** Names that say more than the library's, in every edit without a label of its own for the option. */
export const LABELS = {
  budget: "Memory limit, in megapixels",
  delta: "Stay near the start",
  ensemble: "Mean of eight turns",
  evaluations: "Search steps",
  optimiser: "Search method",
  prior: "Stay near the usual",
  space: "Search space",
  statistic: "What makes the style",
  tolerance: "Accuracy",
  together: "One style in all rows",
  truncation: "Variety",
  variation: "Smoothness",
};

/** Options that a person seldom needs, whatever the edit. */
export const FOLDED = new Set(["tolerance", "device", "precision", "budget", "tile", "label", "ensemble"]);

/** How many of the other options stand before "More options" where an edit has no `shown`. */
export const SHOWN_AT_MOST = 4;
