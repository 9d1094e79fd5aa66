// @ts-check
/** Options that take any number of photos, latent files or masks. */

import { button, el, fill } from "./dom.js";
import { faceOf } from "./face.js";
import { holder } from "./field.js";
import { checkMask } from "./maskfile.js";
import { isDrawn } from "./order.js";
import { stepOf } from "./plan.js";
import { Well } from "./well.js";

/** One such option: what it holds, and a well that adds to it. */
export class ListControl {
  /**
   * @param {import("./work.js").Work} work
   * @param {import("./api.js").Option} option of kind pictures, latents or masks
   * @param {(step: string) => void} go shows a step of the stage
   */
  constructor(work, option, go) {
    this.work = work;
    this.option = option;
    this.go = go;
    this.label = work.plan.label(option);
    this.ofMasks = option.kind === "masks";
    this.items = el("ul", { class: "list-items" });
    this.add = el("div", { class: "list-add" });
    this.key = work.listKey(option.name);
    this.element = holder(option, this.label, [this.items, this.add]);
    this.renew();
    this.#renewWell();
  }

  /** @returns {any[]} */
  get held() {
    return this.work.state.lists[this.key] ?? [];
  }

  /** Show again what is held. */
  renew() {
    fill(
      this.items,
      this.held.map((item, index) => el("li", { class: "row" }, this.#entry(item, index))),
    );
  }

  /** @param {any[]} held */
  #put(held) {
    this.work.setListIn(this.key, held);
    this.renew();
    this.#renewWell();
  }

  /** @param {any} item @param {number} index */
  #entry(item, index) {
    const words = `${this.work.plan.one(this.option)} ${index + 1}`;
    const without = () => this.#put(this.held.filter((_, other) => other !== index));
    const remove = button("Remove", without, { kind: "small", name: `Remove ${words}` });
    const picture = this.ofMasks ? item.picture : item;
    if (picture) {
      const face = el("div", { class: "thumb" }, faceOf(picture, 160, picture.name));
      return [face, el("span", { class: "grow", dir: "auto" }, picture.name), remove];
    }
    const drawn = isDrawn(item);
    const draw = button(drawn ? "Edit" : "Draw", () => this.go(stepOf(this.option.name, item.key)), {
      kind: "small",
      name: `Draw ${words}`,
    });
    return [el("span", { class: "grow" }, words, " ", drawn ? "drawn" : "not drawn yet"), draw, remove];
  }

  #renewWell() {
    const { option, work } = this;
    const well = new Well({
      option: { ...option, kind: option.kind === "latents" ? "latent" : "picture" },
      label: `Add: ${work.plan.one(option)}`,
      value: null,
      small: true,
      uploads: work.uploads,
      place: this.key,
      beside: true,
      check: (picture) => {
        if (this.ofMasks) checkMask(picture, work.picture(work.plan.under(option)));
      },
      set: (picture) => {
        if (picture) this.#put([...this.held, this.ofMasks ? { key: freshKey(), picture } : picture]);
      },
    });
    const draw = button("Draw one", () => {
      const key = freshKey();
      this.#put([...this.held, { key }]);
      this.go(stepOf(option.name, key));
    });
    fill(this.add, well.element, this.ofMasks && work.plan.under(option) ? draw : null);
  }
}

/** @returns {string} that no other entry has, after a reload, too */
function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
}
