// @ts-check
/** The history of a task as a row of thumbnails, with undo and redo. */

import { button, el, fill, icon } from "./dom.js";
import { faceOf } from "./face.js";
import { goTo } from "./past.js";

/** @typedef {import("./work.js").Work} Work */

/** Hidden until there is something to undo. */
export class Strip {
  /** @param {Work} work */
  constructor(work) {
    this.work = work;
    /** What the thumbnails are of, so that a stroke of the brush does not make them anew. */
    this.shown = "";
    this.moments = el("ol", { class: "moments" });
    this.undo = button("Undo edit", () => goTo(work, work.state.past.index - 1), {
      icon: "undo",
      kind: "small",
    });
    this.redo = button("Redo edit", () => goTo(work, work.state.past.index + 1), {
      icon: "redo",
      kind: "small",
    });
    this.element = el(
      "section",
      { class: "strip", "aria-label": "History" },
      this.undo,
      this.redo,
      this.moments,
    );
    this.renew();
  }

  renew() {
    const { work } = this;
    const { entries, index } = work.state.past;
    const { main } = work.plan;
    this.element.hidden = entries.length < 2 || !main;
    this.undo.setAttribute("aria-disabled", String(index === 0));
    this.redo.setAttribute("aria-disabled", String(index >= entries.length - 1));
    if (!main) {
      this.shown = "";
      return;
    }
    const focused = this.moments.contains(document.activeElement);
    const slot = work.plan.slot(main);
    const shown = JSON.stringify([
      work.state.slots[slot]?.id,
      index,
      entries.map((moment) => [moment.label, moment.slots[slot]?.id]),
    ]);
    if (shown === this.shown) return;
    this.shown = shown;
    fill(
      this.moments,
      entries.map((moment, place) => {
        const picture = (place === index ? work.state.slots : moment.slots)[slot];
        return el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              class: "thumb",
              "aria-label": `Step ${place + 1}: ${moment.label}`,
              "aria-current": place === index ? "step" : null,
              title: moment.label,
              on: { click: () => goTo(work, place) },
            },
            picture ? faceOf(picture, 160, "") : icon("photo"),
          ),
        );
      }),
    );
    if (focused) this.moments.querySelector("[aria-current]")?.focus();
  }
}
