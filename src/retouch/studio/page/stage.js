// @ts-check
/** The large part of a task page: photos, the drawing on them, and the result, one step at a time. */

import { viewOf } from "./api.js";
import { button, el, fill } from "./dom.js";
import { Easel } from "./easel/easel.js";
import { isDrawing, openMask } from "./maskfile.js";
import { banner, clearBanner, complain } from "./notices.js";
import { middle } from "./order.js";
import { ResultView } from "./result.js";
import { tabId, tabList } from "./tabs.js";
import { Well } from "./well.js";

/**
 * @typedef {import("./work.js").Work} Work
 * @typedef {import("./plan.js").Step} Step
 * @typedef {import("./api.js").Option} Option
 */

const BLANK = 512;
const VIEW = 1600;

const FULL = "All places for photos are taken. Drop the file on the photo that it shall replace.";

/** Shows one step of the present edit. Fires "example" when one is asked for, "unseen" when a view fails. */
export class Stage extends EventTarget {
  /** @param {Work} work @param {import("./result.js").Acts} acts */
  constructor(work, acts) {
    super();
    this.work = work;
    this.result = new ResultView(work, acts);
    /** @type {Map<string, Well>} */
    this.wells = new Map();
    /** @type {any} */
    this.easel = null;
    /** The mask file that the easel shows, by its id. @type {string | null} */
    this.maskFile = null;
    this.key = "";
    this.tabs = el("div", { class: "stage-tabs" });
    this.body = el("div", { class: "stage-body", id: "stage-body", role: "tabpanel" });
    this.element = el("section", { class: "stage", "aria-label": "Stage" }, this.tabs, this.body);
  }

  /** @returns {Step[]} */
  get steps() {
    const { work } = this;
    return work.plan.steps(
      Object.fromEntries(work.plan.lists.map((option) => [option.name, work.list(option.name)])),
    );
  }

  /** @returns {Step} */
  get step() {
    const { steps } = this;
    return steps.find((step) => step.id === this.work.state.step) ?? steps[0];
  }

  /** @param {string} id */
  go(id) {
    if (this.step.id !== id) {
      this.work.state.step = id;
      this.work.told("step");
    }
    this.renew();
  }

  /** Show the present step; what it already shows stays, so that a drawing in work is not lost. */
  renew() {
    const { step, steps } = this;
    const tabs = tabList({
      label: "Steps",
      kind: "steps",
      panel: "stage-body",
      tabs: steps.map(({ id, label }) => ({ id, label, data: { step: id } })),
      selected: step.id,
      choose: (id) => this.go(id),
    });
    const chosen = tabId("steps", step.id);
    const focused = this.tabs.contains(document.activeElement);
    fill(this.tabs, tabs);
    if (focused) document.getElementById(chosen)?.focus();
    this.body.setAttribute("aria-labelledby", chosen);
    const key = this.#keyOf(step);
    if (key !== this.key) {
      const focused = this.body.contains(document.activeElement);
      this.clear();
      this.key = key;
      this.body.dataset.kind = step.kind;
      if (step.kind === "photos") this.#photos();
      else if (step.kind === "result") fill(this.body, this.result.element);
      else this.#drawing(step);
      if (focused) document.getElementById(chosen)?.focus();
    }
    if (step.kind === "result") this.result.renew();
  }

  clear() {
    this.easel?.destroy();
    this.easel = null;
    this.result.destroy();
    this.wells.clear();
    this.key = "";
  }

  /**
   * Take a file that was pasted, or dropped beside the wells: into the one that has the focus, or the first
   * that is empty. No photo is replaced by a drop that was not meant for it.
   * @param {File} file
   */
  async take(file) {
    clearBanner("drop");
    const { work, step, easel } = this;
    const { wells } = work.plan;
    const option = step.kind === "mask" ? work.plan.option(step.option ?? "") : work.plan.masks[0];
    const empty = wells.find((well) => !work.picture(well) && !work.uploads.to(work.plan.slot(well)));
    if (option && wells.length && (await isDrawing(file))) return this.#takeMask(option, file);
    if (step.kind === "mask" && !empty && easel) return easel.open(file);
    const focused = [...this.wells.values()].find((well) => well.element.contains(document.activeElement));
    if (step.kind !== "photos" && wells.length) this.go("photos");
    const well = focused ?? this.wells.get(empty?.name ?? "");
    if (well) well.take(file);
    else if (wells.length) banner("drop", FULL);
  }

  /** @param {Option} option @param {File} file a drawing */
  async #takeMask(option, file) {
    const { step, easel } = this;
    if (step.kind === "mask" && easel) return easel.open(file);
    try {
      await openMask(this.work, option, file);
    } catch (problem) {
      complain(problem);
    }
  }

  /** @param {Step} step what must be made anew when it differs */
  #keyOf(step) {
    const { work } = this;
    const pictures =
      step.kind === "result" ? [] : work.plan.wells.map((option) => work.picture(option)?.id ?? "");
    return [work.edit.name, step.id, ...pictures].join("|");
  }

  #photos() {
    const { work } = this;
    const wells = work.plan.wells.map((option) => {
      const place = work.plan.slot(option);
      const well = new Well({
        option,
        label: work.plan.label(option),
        value: work.picture(option),
        uploads: work.uploads,
        place,
        set: (picture) => work.setPictureIn(place, picture),
      });
      this.wells.set(option.name, well);
      return well.element;
    });
    const example = button("Try it with sample photos", () => this.dispatchEvent(new Event("example")), {
      data: { example: "" },
    });
    const empty = !work.plan.wells.some((option) => work.picture(option));
    fill(
      this.body,
      el("div", { class: `wells of-${Math.min(wells.length, 3)}` }, wells),
      empty ? el("div", { class: "stage-foot" }, example) : null,
    );
  }

  /** @param {Step} step */
  #drawing(step) {
    const { work } = this;
    const option = work.plan.option(step.option ?? "");
    const under = this.#under(step);
    if (!option || (!under?.view && step.kind !== "paint")) {
      const choose = button("Choose photos", () => this.go("photos"), { kind: "strong" });
      fill(
        this.body,
        el("div", { class: "empty" }, el("p", {}, "There is no photo to draw on yet."), choose),
      );
      return;
    }
    const hint = step.kind === "mask" ? work.plan.maskWords(option).hint : HINTS[step.kind];
    const next = this.steps[this.steps.findIndex(({ id }) => id === step.id) + 1];
    const place = el("div", { class: "easel-place" });
    const go =
      next && next.kind !== "result"
        ? button(`Next: ${next.label}`, () => this.go(next.id), {
            kind: "strong small",
            icon: "next",
            data: { next: next.id },
          })
        : null;
    fill(this.body, el("div", { class: "stage-hint" }, el("p", {}, hint ?? ""), go), place);
    this.#mount(step, option, under, place);
  }

  /** @param {Step} step @param {Option} option @param {any} under @param {HTMLElement} place */
  #mount(step, option, under, place) {
    const { work } = this;
    const easel = new Easel(place, { mode: /** @type {"mask" | "place" | "paint" | "point"} */ (step.kind) });
    this.easel = easel;
    const [width, height] = [under?.width ?? BLANK, under?.height ?? BLANK];
    const url = under?.view ? viewOf(under, VIEW) : null;
    easel.show({ url, width, height, name: under?.name ?? "Scribble" }).catch(() => this.#unseen());
    if (step.kind === "mask") {
      this.#mask(easel, option, step.item);
    } else if (step.kind === "place") {
      this.#patch(easel);
    } else if (step.kind === "point") {
      if (work.values[option.name]) easel.point = work.values[option.name];
      easel.addEventListener("change", () => work.setValue(option.name, easel.point ?? undefined));
    } else {
      easel.painting = work.state.painting;
      easel.addEventListener("change", () => {
        work.state.painting = easel.painting;
        work.told("mask");
      });
    }
  }

  /** @param {any} easel @param {Option} option @param {string} [item] the key of one in a list of masks */
  #mask(easel, option, item) {
    const { work } = this;
    const place = work.maskPlace(option, item);
    const mask = work.maskIn(place);
    this.maskFile = mask?.picture?.id ?? null;
    try {
      easel.drawing = mask?.drawing ?? null;
      if (mask?.picture) easel.showMask(viewOf(mask.picture, VIEW));
    } catch (problem) {
      complain(problem);
      work.setMaskIn(place, null);
    }
    easel.addEventListener("change", () => {
      const { drawing } = easel;
      this.maskFile = null;
      work.setMaskIn(place, drawing ? { drawing } : null);
    });
    easel.addEventListener("maskfile", async (/** @type {CustomEvent<File>} */ event) => {
      try {
        await openMask(work, option, event.detail, item);
      } catch (problem) {
        if (this.easel !== easel) complain(problem);
        else easel.complain(problem instanceof Error ? problem.message : String(problem));
      }
    });
  }

  /** A view that cannot be fetched is of a picture that is gone, or the server is. */
  #unseen() {
    this.dispatchEvent(new Event("unseen"));
  }

  /** @param {any} easel in place mode */
  #patch(easel) {
    const { work } = this;
    const place = /** @type {{option: string, patch: string, mask: string}} */ (work.plan.arranged.place);
    const patch = work.picture(work.plan.option(place.patch));
    if (!patch) return;
    const option = work.plan.option(place.mask);
    const mask = option ? work.mask(option) : null;
    const shown = easel.setPatch({
      url: viewOf(patch, VIEW),
      width: patch.width,
      height: patch.height,
      drawing: mask?.drawing ?? null,
      mask: mask?.picture ? viewOf(mask.picture, VIEW) : null,
    });
    shown.catch(() => this.#unseen());
    if (!work.values[place.option]) work.setValue(place.option, middle(work) ?? undefined);
    if (work.values[place.option]) easel.at = work.values[place.option];
    easel.addEventListener("change", () => {
      work.setValue(
        place.option,
        easel.at.map((/** @type {number} */ value) => Math.round(value)),
      );
    });
  }

  /** @param {Step} step @returns {import("./api.js").Picture | null} */
  #under(step) {
    const { work } = this;
    const { place, paint } = work.plan.arranged;
    const option = work.plan.option(step.option ?? "");
    if (step.kind === "place" && place) return work.picture(work.plan.option(place.on));
    if (step.kind === "paint" && paint) {
      const start = work.picture(work.plan.option(paint.under));
      return start?.view ? start : null;
    }
    return work.picture(step.kind === "mask" && option ? work.plan.under(option) : work.plan.main);
  }
}

/** @type {Record<string, string>} */
const HINTS = {
  place: "Drag what you cut out to its place. Arrow keys move it by one pixel.",
  paint: "Paint in the colours that you want. What you leave empty is imagined.",
  point: "Point at the place.",
};
