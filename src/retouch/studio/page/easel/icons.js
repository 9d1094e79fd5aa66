// @ts-check
/** Outlines of the toolbar's buttons, on a grid of 24. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  polygon: "M5 17L4 8l8-4 8 6-4 9zM5 17h.01M4 8h.01M12 4h.01M20 10h.01M16 19h.01",
  lasso: "M12 4c5 0 9 2.5 9 6s-4 6-9 6-9-2.5-9-6 4-6 9-6zM7 15c-1.5 1-1.5 3 0 3.500S9.5 20 8 22",
  rectangle: "M4 6h16v12H4z",
  brush:
    "M20 4c-4 1-9 6-10.5 9l1.5 1.500C14 13 19 8 20 4zM9 14c-2 0-3.5 1.5-3.5 3.500C5.5 19 4.5 20 3.5 20c4 1 8-.5 8-4z",
  eraser: "M9 19l-5-5 9-9 7 7-7 7zM9 19h11M8.5 9.500l7 7",
  subtract: "M5 5h10v10H5zM9 9h10v10H9M12 14h4",
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 010 12h-3",
  redo: "M15 14l5-5-5-5M20 9H10a6 6 0 000 12h3",
  clear: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  invert: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 3v18M12 8h6.500M12 12h9M12 16h8",
  save: "M12 4v11M7 10.500l5 5 5-5M4 20h16",
  open: "M4 19V5h6l2 3h8v3M4 19l3-8h15l-3 8z",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  in: "M12 5v14M5 12h14",
  out: "M5 12h14",
};

/**
 * @param {keyof typeof PATHS} name
 * @returns {SVGElement} hidden from screen readers: the button has a name
 */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", "easel-icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  drawing.append(path);
  return drawing;
}
