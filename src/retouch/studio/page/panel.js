// @ts-check
/** The options of the present edit: what matters first, the rest folded. */

import { control } from "./controls.js";
import { el, fill } from "./dom.js";
import { sayAt } from "./field.js";
import { ListControl } from "./lists.js";
import { MaskRow } from "./maskrow.js";
import { Well } from "./well.js";

/**
 * @typedef {import("./work.js").Work} Work
 * @typedef {import("./api.js").Option} Option
 */

/** Made anew for each edit; what is typed stays in the work. */
export class Panel {
  /** @param {Work} work @param {(step: string) => void} go shows a step of the stage */
  constructor(work, go) {
    this.work = work;
    this.go = go;
    /** @type {(MaskRow | ListControl)[]} */
    this.drawn = [];
    this.options = el("div", { class: "panel-options" });
  }

  /** Lay the edit's options out. */
  renew() {
    const { work } = this;
    const { plan } = work;
    const masks = plan.masks.map((option) => new MaskRow(work, option, this.go));
    const lists = plan.lists.map((option) => new ListControl(work, option, this.go));
    this.drawn = [...masks, ...lists];
    const [needed, others] = [true, false].map((required) =>
      lists.filter((list) => list.option.required === required).map((list) => list.element),
    );
    const folded = [...others, ...plan.folded.map((option) => this.#field(option))];
    const changed =
      plan.folded.some((option) => option.name in work.values) ||
      plan.lists.some((option) => work.list(option.name).length > 0);
    fill(
      this.options,
      masks.map((row) => row.element),
      plan.shown.map((option) => this.#field(option)),
      needed,
      folded.length
        ? el(
            "details",
            { class: "more", open: changed },
            el("summary", {}, `More options (${folded.length})`),
            folded,
          )
        : null,
    );
  }

  /** Say again what is drawn. */
  renewMasks() {
    for (const part of this.drawn) part.renew();
  }

  /**
   * @param {string} name of the option that an error is about
   * @param {string} said
   * @returns {boolean} whether the option is here
   */
  say(name, said) {
    const holder = this.options.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (!(holder instanceof HTMLElement)) return false;
    const fold = holder.closest("details");
    if (fold) fold.open = true;
    sayAt(holder, said);
    holder.scrollIntoView({ block: "nearest" });
    const field = holder.querySelector(`[data-option]:not(.unseen)`) ?? holder.querySelector("button");
    if (field instanceof HTMLElement) field.focus();
    return true;
  }

  /** Take all errors away. */
  hush() {
    for (const holder of this.options.querySelectorAll("[data-field]"))
      sayAt(/** @type {HTMLElement} */ (holder), "");
  }

  /** @param {Option} option */
  #field(option) {
    const { work } = this;
    const made = control(option, {
      value: work.values[option.name],
      label: work.plan.label(option),
      range: work.plan.arranged.ranges?.[option.name],
      set: (value) => {
        const reset =
          value === undefined &&
          option.name in work.values &&
          document.activeElement?.matches("[data-reset]");
        work.setValue(option.name, value);
        if (reset) this.#again(option, made);
      },
    });
    if (option.kind === "picture") made.append(this.#pictureOf(option));
    return made;
  }

  /** @param {Option} option @param {HTMLElement} made */
  #again(option, made) {
    const fresh = this.#field(option);
    made.replaceWith(fresh);
    const field = fresh.querySelector("[data-option]");
    if (field instanceof HTMLElement) field.focus();
  }

  /** A word or a picture: the picture counts while no word is chosen. @param {Option} option */
  #pictureOf(option) {
    const { work } = this;
    const place = work.plan.slot(option);
    return new Well({
      option: { ...option, required: false },
      label: `${work.plan.label(option)}: or a picture`,
      value: work.picture(option),
      small: true,
      uploads: work.uploads,
      place,
      set: (picture) => work.setPictureIn(place, picture),
    }).element;
  }
}
