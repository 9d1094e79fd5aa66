// @ts-check
/** The buttons and fields beside the canvas. */

import { el } from "../dom.js";
import { icon } from "./icons.js";
import { SHORTCUTS, ZOOM, fit, zoom } from "./keys.js";
import { Palette } from "./palette.js";

/** @typedef {import("./desk.js").Desk} Desk */

const NAMES = {
  polygon: "Polygon",
  lasso: "Lasso",
  rectangle: "Rectangle",
  brush: "Brush",
  eraser: "Eraser",
};

const HINTS = {
  polygon: "Set corners; close at the first one, by Enter or by a double click",
  lasso: "Draw around what you mean",
  rectangle: "Drag from corner to corner",
  brush: "Paint over what you mean",
  eraser: "Rub out",
};

/** Positions of the slider of the brush's size, which is finer for small brushes. */
const POSITIONS = 100;

export class Toolbar {
  /**
   * @param {Desk} desk
   * @param {{save: () => void, open: (file: File) => void}} files
   */
  constructor(desk, files) {
    this.desk = desk;
    /** @type {Map<string, HTMLButtonElement>} */
    this.buttons = new Map();
    /** @type {Record<string, HTMLInputElement>} */
    this.fields = {};
    const draws = desk.mode === "mask" || desk.mode === "paint";
    const steps = this.#steps(draws);
    /** Above the canvas; nothing where there is one thing to do only. @type {HTMLElement | null} */
    this.above = draws
      ? el(
          "div",
          { class: "easel-toolbar" },
          this.#tools(),
          this.#size(),
          desk.mode === "paint" && this.#colours(),
          steps,
          desk.mode === "mask" && this.#changes(),
          desk.mode === "mask" && this.#files(files),
        )
      : null;
    /** Below it. @type {HTMLElement[]} */
    this.below = draws ? [this.#zoom()] : [steps, this.#zoom()];
    this.update();
  }

  /** Show what is at hand now. */
  update() {
    const { desk, fields } = this;
    for (const name of desk.tools.keys()) this.#press(name, desk.tool.name === name);
    this.#press("subtract", desk.settings.subtract);
    this.#able("undo", desk.history.canUndo || desk.tool.busy);
    this.#able("redo", desk.history.canRedo);
    if (fields.size) {
      const across = 2 * desk.settings.radius;
      if (document.activeElement !== fields.size) fields.size.value = String(this.#position(desk.settings.radius));
      const said = `${across < 10 ? across.toFixed(1) : Math.round(across)} px`;
      fields.size.setAttribute("aria-valuetext", said);
      if (this.said && this.said.textContent !== said) this.said.textContent = said;
    }
    if (desk.mode === "mask") {
      this.#press("invert", desk.marks.invert);
      for (const name of /** @type {const} */ (["grow", "feather"])) {
        if (Number(fields[name].value || 0) !== desk.marks[name]) fields[name].value = String(desk.marks[name]);
      }
    }
    this.palette?.show(desk.settings.colour ?? "");
    const percent = `${Math.round(100 * desk.viewport.scale)} %`;
    if (this.percent && this.percent.textContent !== percent) this.percent.textContent = percent;
  }

  #tools() {
    const { desk } = this;
    const buttons = [...desk.tools.keys()].map((name) => {
      const known = /** @type {keyof typeof NAMES} */ (name);
      const key = Object.entries(SHORTCUTS).find(([, tool]) => tool === name)?.[0] ?? "";
      return this.#button(name, NAMES[known], `${HINTS[known]} (${key.toUpperCase()})`, () => desk.choose(name), true);
    });
    const subtract = this.#button(
      "subtract",
      "Subtract",
      "Take away what is drawn next instead of adding it (Alt while drawing)",
      () => {
        desk.settings.subtract = !desk.settings.subtract;
        desk.refresh();
      },
      true,
    );
    return group("Tools", ...buttons, desk.mode === "mask" && subtract);
  }

  #size() {
    const input = el("input", {
      type: "range",
      min: 0,
      max: POSITIONS,
      step: 1,
      class: "easel-range",
      "aria-label": "Size",
      title: "Width of the brush and the eraser ([ and ])",
      on: { input: () => this.desk.setRadius(this.#radius(Number(input.value))) },
    });
    this.fields.size = input;
    this.said = el("span", { class: "easel-figure", "aria-hidden": "true" });
    const name = el("span", { class: "easel-label", "aria-hidden": "true" }, "Size");
    const made = group("Brush size", name, input, this.said);
    made.classList.add("easel-size");
    return made;
  }

  #colours() {
    const { desk } = this;
    const palette = new Palette((colour) => {
      desk.settings.colour = colour;
      if (desk.tool.name === "eraser") desk.choose("brush");
      desk.refresh();
    });
    this.palette = palette;
    return group("Colours", palette.input, ...palette.swatches.values());
  }

  /** @param {boolean} draws */
  #steps(draws) {
    const { desk } = this;
    const made = group(
      "Steps",
      this.#button("undo", "Undo", "Take the last step back (Ctrl+Z)", () => desk.undo()),
      this.#button("redo", "Redo", "Make it again (Ctrl+Shift+Z)", () => desk.redo()),
      draws && this.#button("clear", "Clear", "Start anew; Undo brings it back", () => desk.clear()),
    );
    made.classList.add("easel-steps");
    return made;
  }

  #changes() {
    const { desk } = this;
    const number = (/** @type {"grow" | "feather"} */ name, /** @type {string} */ label, /** @type {any} */ how) => {
      const input = el("input", {
        type: "number",
        step: "any",
        class: "field easel-number",
        value: 0,
        ...how,
        on: {
          input: () => {
            const value = Number(input.value);
            if (input.value !== "" && Number.isFinite(value) && input.checkValidity()) {
              desk.alter({ [name]: value }, name);
            }
          },
          blur: () => (input.value = String(desk.marks[name])),
        },
      });
      this.fields[name] = input;
      return el("label", { class: "easel-label", title: how.title }, label, input);
    };
    return group(
      "Changes",
      this.#button(
        "invert",
        "Invert",
        "Everything but what is marked (I)",
        () => desk.alter({ invert: !desk.marks.invert }),
        true,
      ),
      number("grow", "Grow", { min: -1000, max: 1000, title: "Pixels by which the area grows; negative shrinks it" }),
      number("feather", "Feather", { min: 0, max: 1000, title: "Pixels over which the rim of the area fades" }),
    );
  }

  /** @param {{save: () => void, open: (file: File) => void}} files */
  #files(files) {
    const input = el("input", {
      type: "file",
      accept: ".json,application/json,image/*",
      class: "easel-hidden",
      tabindex: -1,
      "aria-hidden": "true",
      on: {
        change: () => {
          if (input.files?.[0]) files.open(input.files[0]);
          input.value = "";
        },
      },
    });
    return group(
      "Files",
      this.#button("save", "Save mask", "Keep the mask as a file that can be opened here again", files.save),
      this.#button("open", "Open mask", "Open a mask that was saved, or a picture of one", () => input.click()),
      input,
    );
  }

  #zoom() {
    const { desk } = this;
    this.percent = el("span", { class: "easel-figure easel-percent", "aria-hidden": "true" });
    const bar = group(
      "Zoom",
      this.#button("out", "Zoom out", "Smaller (−)", () => zoom(desk, 1 / ZOOM)),
      this.percent,
      this.#button("in", "Zoom in", "Larger (+)", () => zoom(desk, ZOOM)),
      this.#button("fit", "Fit", "All of the picture (0)", () => fit(desk)),
    );
    bar.classList.add("easel-zoom");
    return bar;
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {string} hint
   * @param {() => void} press
   * @param {boolean} [toggles]
   */
  #button(name, label, hint, press, toggles = false) {
    const button = el(
      "button",
      {
        type: "button",
        class: "button quiet easel-button",
        "aria-label": label,
        "aria-pressed": toggles ? "false" : null,
        title: hint.startsWith(label) ? hint : `${label}: ${hint[0].toLowerCase()}${hint.slice(1)}`,
        data: { action: name },
        on: { click: press },
      },
      icon(/** @type {any} */ (name)),
      el("span", { class: "easel-text" }, label),
    );
    this.buttons.set(name, button);
    return button;
  }

  /**
   * @param {string} name
   * @param {boolean} pressed
   */
  #press(name, pressed) {
    const button = this.buttons.get(name);
    if (button && button.getAttribute("aria-pressed") !== String(pressed)) {
      button.setAttribute("aria-pressed", String(pressed));
    }
  }

  /**
   * @param {string} name
   * @param {boolean} able not `disabled`, which would take the focus away from who pressed it last
   */
  #able(name, able) {
    const button = this.buttons.get(name);
    if (!button) return;
    if (able) button.removeAttribute("aria-disabled");
    else button.setAttribute("aria-disabled", "true");
  }

  /** @param {number} position of the slider */
  #radius(position) {
    return 0.5 * (2 * this.desk.largest) ** (position / POSITIONS);
  }

  /** @param {number} radius */
  #position(radius) {
    return Math.round((POSITIONS * Math.log(2 * radius)) / Math.log(2 * this.desk.largest));
  }
}

/**
 * @param {string} label
 * @param {...any} children
 */
function group(label, ...children) {
  return el("div", { class: "easel-group", role: "group", "aria-label": label }, ...children);
}
