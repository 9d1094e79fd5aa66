// @ts-check
/** The colours that a scribble is painted with. */

import { el } from "../dom.js";

/** Colours to paint with: skin and sky, leaves and earth, black and white, and the clear ones of a map. */
const SWATCHES = {
  Black: "#000000",
  White: "#ffffff",
  Gray: "#808080",
  Skin: "#e0ac8c",
  Brown: "#7a4a26",
  Red: "#d83a34",
  Orange: "#f08a24",
  Yellow: "#f4d03a",
  Green: "#3f9b46",
  Blue: "#2f6fde",
  "Sky blue": "#8ec5ee",
  Purple: "#8b4fc4",
};

export class Palette {
  /** @param {(colour: string) => void} choose */
  constructor(choose) {
    this.input = el("input", {
      type: "color",
      class: "easel-colour",
      "aria-label": "Colour",
      title: "Any colour",
      on: { input: () => choose(this.input.value) },
    });
    /** @type {Map<string, HTMLButtonElement>} colour → button */
    this.swatches = new Map(
      Object.entries(SWATCHES).map(([name, colour]) => {
        const how = { type: "button", class: "easel-swatch", "aria-label": name, "aria-pressed": "false", title: name };
        const swatch = el("button", { ...how, on: { click: () => choose(colour) } });
        swatch.style.setProperty("--swatch", colour);
        return [colour, swatch];
      }),
    );
  }

  /** @param {string} colour that is chosen */
  show(colour) {
    this.input.value = colour;
    for (const [own, swatch] of this.swatches) swatch.setAttribute("aria-pressed", String(own === colour));
  }
}
