// @ts-check
/** Making elements: text is always a text node, so nothing that a file or a server says becomes markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Outlines on a grid of 24, drawn with strokes. */
const ICONS = {
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  latent: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  download: "M12 4v12M7 11l5 5 5-5M4 20h16",
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 010 12h-3",
  redo: "M15 14l5-5-5-5M20 9H10a6 6 0 000 12h3",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  close: "M6 6l12 12M18 6L6 18",
  help: "M9.2 9a2.9 2.9 0 115 2c-1 .9-2.2 1.3-2.2 3M12 17.5h.01M12 3a9 9 0 100 18 9 9 0 000-18z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  next: "M5 12h14M13 6l6 6-6 6",
};

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Make an element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on` holds listeners by event, `data` the data attributes;
 *   null, undefined and false are left out, true is an empty attribute, functions are never taken.
 * @param {...(Child | Child[])} children
 * @returns {any} the element; its class goes by the tag
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "data") {
      for (const [key, item] of Object.entries(value)) if (item != null) node.dataset[key] = String(item);
    } else if (value != null && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...shown(children));
  return node;
}

/**
 * Put these children in place of all that a node has.
 * @param {Element} node
 * @param {...any} children as in `el`
 */
export function fill(node, ...children) {
  node.replaceChildren(...shown(children));
}

/**
 * @param {keyof typeof ICONS} name
 * @returns {SVGElement} hidden from screen readers: the text beside it says what it means
 */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/**
 * A button that is not a form's.
 * @param {string} label
 * @param {(event: MouseEvent) => void} press
 * @param {{kind?: string, icon?: keyof typeof ICONS, data?: object, name?: string, bare?: boolean}
 *   & Record<string, any>} [more]
 *   `name` is what a screen reader says when the label alone would be ambiguous; `bare` shows the icon alone.
 * @returns {HTMLButtonElement}
 */
export function button(label, press, { kind = "", icon: drawn, data, name, bare, ...rest } = {}) {
  return el(
    "button",
    {
      type: "button",
      class: `button ${kind}${bare ? " bare" : ""}`,
      "aria-label": name ?? (bare ? label : null),
      title: bare ? label : null,
      data: data ?? {},
      on: { click: press },
      ...rest,
    },
    drawn ? icon(drawn) : null,
    bare ? null : el("span", {}, label),
  );
}

let made = 0;

/**
 * @param {string} stem
 * @returns {string} an id that no other element has
 */
export function freshId(stem) {
  made += 1;
  return `${stem}-${made}`;
}

/**
 * @param {any[]} children
 * @returns {(Node | string)[]}
 */
function shown(children) {
  return children
    .flat()
    .filter((child) => child != null && child !== false)
    .map((child) => (typeof child === "number" ? String(child) : child));
}
