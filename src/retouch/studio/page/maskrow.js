// @ts-check
/** A mask as one line of the panel: whether it is drawn, and the ways to get one. */

import { button, el, fill, freshId } from "./dom.js";
import { freshIds, holder, sayAt } from "./field.js";
import { openMask } from "./maskfile.js";
import { isDrawn } from "./order.js";
import { stepOf } from "./plan.js";

/** One option of kind mask. */
export class MaskRow {
  /**
   * @param {import("./work.js").Work} work
   * @param {import("./api.js").Option} option
   * @param {(step: string) => void} go shows a step of the stage
   */
  constructor(work, option, go) {
    this.work = work;
    this.option = option;
    const label = work.plan.label(option);
    const small = (/** @type {string} */ name) => ({ kind: "small", name });
    this.said = el("span", { class: "quiet-text grow", data: { maskState: option.name } });
    this.draw = button("Draw", () => go(stepOf(option.name)), small(`Draw ${label}`));
    const empty = () => work.setMaskIn(work.maskPlace(option), null, `Cleared: ${label}`);
    this.clear = button("Clear", empty, small(`Clear ${label}`));
    this.input = el("input", {
      type: "file",
      class: "unseen",
      tabindex: "-1",
      accept: "image/*,.json",
      "aria-label": `Open a mask file: ${label}`,
      data: { option: option.name },
      on: { change: () => this.#opened() },
    });
    const open = button("Open file", () => this.input.click(), small(`Open a mask file: ${label}`));
    const ids = { title: freshId("mask"), ...freshIds() };
    const row = [this.said, this.draw, this.clear, open, this.input];
    const group = el("div", { class: "row", role: "group", "aria-labelledby": ids.title }, row);
    this.element = holder(option, label, [group], { ids });
    this.renew();
  }

  /** Say again what there is. */
  renew() {
    const mask = this.work.mask(this.option);
    const drawn = isDrawn(mask);
    fill(this.said, drawn ? wordsOf(mask) : this.#nothing());
    if (!drawn && document.activeElement === this.clear) this.draw.focus();
    this.clear.hidden = !drawn;
    fill(this.draw, el("span", {}, drawn && !mask?.picture ? "Edit" : "Draw"));
  }

  #nothing() {
    const expected = this.option.required || this.work.plan.maskWords(this.option).first;
    return expected ? "Nothing drawn yet" : "None: optional";
  }

  async #opened() {
    const file = this.input.files?.[0];
    this.input.value = "";
    if (!file) return;
    sayAt(this.element, "");
    fill(this.said, "Opening ", el("bdi", {}, file.name), "…");
    try {
      await openMask(this.work, this.option, file);
    } catch (problem) {
      sayAt(this.element, problem instanceof Error ? problem.message : String(problem));
    } finally {
      this.renew();
    }
  }
}

/** @param {import("./work.js").MaskValue} mask of which something is drawn */
function wordsOf(mask) {
  if (mask?.picture) return ["File ", el("bdi", {}, mask.picture.name)];
  const shapes = mask?.drawing?.strokes?.length;
  if (!shapes) return "Inverted";
  return shapes === 1 ? "1 shape" : `${shapes} shapes`;
}
