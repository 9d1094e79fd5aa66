// @ts-check
/** One control per kind of option. A kind that is not here gets a text field, so that it can be set. */

import { button, el, freshId } from "./dom.js";
import { freshIds, holder } from "./field.js";
import { inWords, valueInWords } from "./words.js";

/**
 * @typedef {import("./api.js").Option} Option
 * @typedef {{value: any, set: (value: any) => void, range?: [number, number, number], label?: string}} Bound
 *   `value` is undefined while the option has its default.
 */

const OTHER = "\u0000other";

/**
 * @param {Option} option
 * @param {Bound} bound
 * @returns {HTMLElement} the labelled control with its help and a place for its error
 */
export function control(option, bound) {
  const ids = { field: freshId("field"), ...freshIds() };
  const make = MAKERS[option.kind] ?? text;
  const label = bound.label ?? inWords(option.name);
  const reset = button("Reset", () => bound.set(undefined), {
    kind: "small",
    name: `Reset ${label}`,
    data: { reset: option.name },
    hidden: bound.value === undefined,
  });
  /** @param {any} value */
  const set = (value) => {
    const changed = value !== undefined;
    reset.hidden = !changed;
    made.toggleAttribute("data-changed", changed);
    bound.set(value);
  };
  const field = make(option, { ...bound, set }, ids);
  const made = holder(option, label, [field], { ids, reset, flag: option.kind === "flag" });
  made.toggleAttribute("data-changed", bound.value !== undefined);
  return made;
}

/** @type {Record<string, (option: Option, bound: Bound, ids: Ids) => HTMLElement>} */
const MAKERS = { choice, number, integer: number, flag, text, weights: suggested, point, picture: choice };

/** @typedef {{field: string, help: string, error: string}} Ids */

/** @param {Option} option @param {Ids} ids */
function common(option, ids) {
  return { id: ids.field, "aria-describedby": `${ids.help} ${ids.error}`, data: { option: option.name } };
}

/** @param {Option} option */
function standing(option) {
  return option.default === null || option.default === "" ? "automatic" : valueInWords(option.default);
}

/** @param {Option} option @param {Bound} bound @param {Ids} ids */
function choice(option, bound, ids) {
  const known = option.choices.map(String);
  const names = option.default == null ? ["", ...known] : known;
  const now = String(bound.value ?? option.default ?? "");
  return el(
    "select",
    {
      ...common(option, ids),
      class: "field",
      on: {
        change: (/** @type {any} */ { target }) =>
          bound.set(target.value === String(option.default ?? "") ? undefined : target.value),
      },
    },
    names.map((name) => el("option", { value: name, selected: name === now }, name || "automatic")),
  );
}

/** @param {Option} option @param {Bound} bound @param {Ids} ids */
function number(option, bound, ids) {
  if (option.choices.length) return suggested(option, bound, ids);
  const field = el("input", {
    ...common(option, ids),
    class: "field figure",
    type: "number",
    inputmode: option.kind === "integer" ? "numeric" : "decimal",
    step: option.kind === "integer" ? "1" : "any",
    placeholder: bound.range && option.default == null ? "auto" : standing(option),
    value: bound.value,
    on: {
      input: () => {
        const value = field.value === "" ? undefined : Number(field.value);
        bound.set(value);
        if (slider) slide(slider, option, value);
      },
    },
  });
  const slider = bound.range ? makeSlider(option, bound, field) : null;
  return slider ? el("div", { class: "slid" }, slider, field) : field;
}

/**
 * For hands; the number beside it is the same control for the keyboard and for screen readers.
 * @param {Option} option @param {Bound} bound @param {HTMLInputElement} field
 */
function makeSlider(option, bound, field) {
  const [from, to, step] = bound.range ?? [0, 1, 0.01];
  const made = el("input", {
    type: "range",
    min: from,
    max: to,
    step,
    tabindex: "-1",
    "aria-hidden": "true",
    class: "slider",
    on: {
      input: () => {
        field.value = made.value;
        slide(made, option, Number(made.value));
        bound.set(Number(made.value));
      },
    },
  });
  slide(made, option, bound.value);
  return made;
}

/**
 * Put a slider where the number is; without one, and without a default, it is only a faint offer.
 * @param {HTMLInputElement} slider @param {Option} option @param {number | undefined} value
 */
function slide(slider, option, value) {
  const at = value ?? option.default;
  slider.value = String(at ?? slider.min);
  slider.toggleAttribute("data-unset", at == null);
}

/** @param {Option} option @param {Bound} bound @param {Ids} ids */
function flag(option, bound, ids) {
  return el("input", {
    ...common(option, ids),
    type: "checkbox",
    class: "check",
    checked: Boolean(bound.value ?? option.default),
    on: {
      change: (/** @type {any} */ { target }) =>
        bound.set(target.checked === Boolean(option.default) ? undefined : target.checked),
    },
  });
}

/** @param {Option} option @param {Bound} bound @param {Ids} ids @returns {HTMLElement} */
function text(option, bound, ids) {
  if (option.choices?.length) return suggested(option, bound, ids);
  return el("input", {
    ...common(option, ids),
    type: "text",
    class: "field",
    placeholder: standing(option),
    value: bound.value,
    autocomplete: "off",
    spellcheck: "false",
    on: {
      input: (/** @type {any} */ { target }) => {
        const said = target.value.trim();
        bound.set(said === "" || said === option.default ? undefined : said);
      },
    },
  });
}

/**
 * A menu of names, and a field for anything else that the option takes: a number, or other words.
 * @param {Option} option @param {Bound} bound @param {Ids} ids @returns {HTMLElement}
 */
function suggested(option, bound, ids) {
  const names = [...(option.choices ?? []), ...(option.suggestions ?? [])].map(String);
  if (!names.length) return text(option, bound, ids);
  if (option.default != null && option.default !== "" && !names.includes(String(option.default))) {
    names.unshift(String(option.default));
  }
  const numeric = option.kind === "number" || option.kind === "integer";
  // Where "auto" can be chosen, leaving the option out means something else.
  const unset = option.default === null && !names.includes("auto") ? "automatic" : "none";
  const now = bound.value === undefined ? String(option.default ?? "") : String(bound.value);
  const isOther = now !== "" && !names.includes(now);
  /** @param {string} said */
  const meant = (said) =>
    said === "" || said === String(option.default ?? "")
      ? undefined
      : numeric && !names.includes(said)
        ? Number(said)
        : said;
  const other = el("input", {
    class: "field",
    type: numeric ? "number" : "text",
    step: numeric ? "any" : null,
    hidden: !isOther,
    value: isOther ? now : "",
    "aria-label": `${bound.label ?? inWords(option.name)}: other`,
    data: { optionOther: option.name },
    on: { input: () => bound.set(meant(other.value.trim())) },
  });
  const menu = el(
    "select",
    {
      ...common(option, ids),
      class: "field",
      on: {
        change: () => {
          other.hidden = menu.value !== OTHER;
          if (other.hidden) bound.set(meant(menu.value));
          else other.focus();
        },
      },
    },
    option.default == null || option.default === ""
      ? el("option", { value: "" }, unset)
      : null,
    names.map((name) => el("option", { value: name, selected: name === now }, name)),
    el("option", { value: OTHER, selected: isOther }, numeric ? "A number…" : "Other…"),
  );
  return el("div", { class: "suggested" }, menu, other);
}

/** @param {Option} option @param {Bound} bound @param {Ids} ids */
function point(option, bound, ids) {
  const held = Array.isArray(bound.value) ? bound.value : ["", ""];
  const told = () => {
    const empty = x.value === "" || y.value === "";
    bound.set(empty ? undefined : [Number(x.value), Number(y.value)]);
  };
  /** @param {string} axis @param {any} value @param {object} more */
  const field = (axis, value, more) =>
    el("input", {
      type: "number",
      step: "any",
      class: "field figure",
      placeholder: axis,
      value,
      on: { input: told },
      ...more,
    });
  const x = field("x", held[0], common(option, ids));
  const y = field("y", held[1], {
    "aria-label": `${bound.label ?? inWords(option.name)}, y`,
    data: { optionY: option.name },
  });
  return el("div", { class: "pair" }, x, y);
}
