// @ts-check
/** A place for one picture: dropped, chosen, pasted, a sample, or an earlier result. */

import { button, el, fill, freshId, icon } from "./dom.js";
import { faceOf } from "./face.js";
import { complain } from "./notices.js";
import { openPicker } from "./picker.js";
import { sizeInWords } from "./words.js";

/**
 * @typedef {import("./api.js").Picture} Picture
 * @typedef {{
 *   option: import("./api.js").Option, label: string, value: Picture | null, small?: boolean,
 *   uploads: import("./uploads.js").Uploads, place: string, beside?: boolean,
 *   set: (picture: Picture | null) => void, check?: (picture: Picture) => void,
 * }} Bound
 *   `place` names what is set, for uploads; `set` must go on setting it when other things are shown; `check` throws
 *   what is wrong with a picture.
 */

/** One well; its `element` stays, what it shows is renewed. */
export class Well {
  /** @param {Bound} bound */
  constructor(bound) {
    this.bound = bound;
    this.value = bound.value;
    const { option } = bound;
    const title = freshId("well");
    this.input = el("input", {
      type: "file",
      class: "unseen",
      tabindex: "-1",
      accept: option.kind === "latent" ? "image/*,.safetensors,.tif,.tiff,.avif" : "image/*,.tif,.tiff,.avif",
      "aria-labelledby": title,
      data: { option: option.name },
      on: { change: () => this.#chosen() },
    });
    this.body = el("div", { class: "well-body" });
    this.error = el("p", { class: "well-error", role: "alert", hidden: true });
    this.element = el(
      "section",
      {
        class: `well${bound.small ? " small" : ""}`,
        tabindex: "-1",
        "aria-labelledby": title,
        data: { well: option.name },
        on: {
          dragover: (/** @type {DragEvent} */ event) => this.#over(event),
          dragleave: () => this.element.removeAttribute("data-over"),
          drop: (/** @type {DragEvent} */ event) => this.#dropped(event),
        },
      },
      el(
        "div",
        { class: "well-head" },
        el("h2", { id: title, class: "well-title" }, bound.label),
        option.required ? null : el("span", { class: "tag" }, "optional"),
      ),
      this.body,
      this.error,
      this.input,
    );
    /** @type {HTMLProgressElement | null} */
    this.bar = null;
    this.coming = () => this.#coming();
    this.#show();
  }

  /** @param {string} said empty for nothing */
  say(said) {
    this.error.textContent = said;
    this.error.hidden = !said;
  }

  /** @param {Picture | null} picture */
  put(picture) {
    if (!this.bound.beside) this.bound.uploads.stop(this.bound.place);
    this.value = picture;
    this.say("");
    this.#show();
    this.bound.set(picture);
  }

  /** @param {File} file */
  async take(file) {
    const { uploads, place, beside } = this.bound;
    this.say("");
    try {
      const sent = uploads.send(place, file, { beside });
      this.#show();
      const picture = await sent;
      if (!picture) return;
      this.#check(picture);
      this.put(picture);
    } catch (problem) {
      if (this.element.isConnected) this.say(problem instanceof Error ? problem.message : String(problem));
      else complain(problem);
    }
  }

  /** @param {Picture} picture */
  #check(picture) {
    if (picture.kind === "latent" && this.bound.option.kind !== "latent") {
      throw new Error(`${picture.name} is a latent file, and a photo is wanted here; choose a photo`);
    }
    this.bound.check?.(picture);
  }

  #chosen() {
    const file = this.input.files?.[0];
    if (file) this.take(file);
    this.input.value = "";
  }

  /** @param {DragEvent} event */
  #over(event) {
    event.preventDefault();
    this.element.setAttribute("data-over", "");
  }

  /** @param {DragEvent} event */
  #dropped(event) {
    event.preventDefault();
    event.stopPropagation();
    this.element.removeAttribute("data-over");
    const file = event.dataTransfer?.files[0];
    if (file) this.take(file);
  }

  async #pick() {
    const latents = this.bound.option.kind === "latent";
    const picture = await openPicker({ latents });
    if (!picture) return;
    try {
      this.#check(picture);
      this.put(picture);
    } catch (problem) {
      this.say(problem instanceof Error ? problem.message : String(problem));
    }
  }

  /** Show what there is; the focus stays in the well if it was there. */
  #show() {
    const focused = this.body.contains(document.activeElement);
    this.bar = null;
    if (this.bound.uploads.to(this.bound.place)) this.#showUpload();
    else this.#renew();
    if (focused) this.body.querySelector("button")?.focus();
  }

  #showUpload() {
    const { uploads, place } = this.bound;
    const name = uploads.to(place)?.name ?? "";
    this.element.dataset.filled = "false";
    this.bar = el("progress", {
      max: 1,
      value: 0,
      "aria-label": `Uploading ${name}`,
      data: { upload: place },
    });
    const words = el("p", { class: "quiet-text" }, el("bdi", {}, name), el("span", {}));
    const stop = button("Stop", () => uploads.stop(place), { kind: "small", name: `Stop uploading ${name}` });
    fill(this.body, el("div", { class: "well-empty" }, words, this.bar, stop));
    uploads.addEventListener("change", this.coming);
    this.#coming();
  }

  /** How far the upload is that is shown; the listener goes with it. */
  #coming() {
    const { uploads, place } = this.bound;
    const upload = uploads.to(place);
    if (upload && this.bar) {
      this.bar.value = upload.fraction;
      const words = this.body.querySelector("p span");
      if (words) words.textContent = upload.fraction === 1 ? " is opened…" : " is uploaded…";
      return;
    }
    uploads.removeEventListener("change", this.coming);
    if (this.bar) this.#show();
  }

  #renew() {
    const { value } = this;
    const { label } = this.bound;
    this.element.dataset.filled = String(Boolean(value));
    const choose = button("Choose file", () => this.input.click(), {
      kind: value || this.bound.small ? "small" : "strong",
      icon: "upload",
      name: `Choose file: ${label}`,
    });
    const sample = button("Samples", () => this.#pick(), {
      kind: value || this.bound.small ? "small" : "",
      icon: "grid",
      name: `Samples and results: ${label}`,
    });
    if (!value) {
      fill(
        this.body,
        el(
          "div",
          { class: "well-empty" },
          icon(this.bound.option.kind === "latent" ? "latent" : "photo"),
          el("p", { class: "quiet-text" }, "Drop or paste a photo here, or"),
          el("div", { class: "row" }, choose, sample),
        ),
      );
      return;
    }
    const remove = button("Remove", () => this.put(null), {
      kind: "small",
      icon: "trash",
      name: `Remove ${value.name}`,
    });
    const name = el("strong", { dir: "auto" }, value.name);
    fill(
      this.body,
      el("div", { class: "well-picture" }, faceOf(value, this.bound.small ? 320 : 1600, value.name)),
      el(
        "div",
        { class: "well-foot" },
        el("p", { class: "well-facts" }, name, el("span", {}, sizeInWords(value))),
        el("div", { class: "row" }, choose, sample, remove),
      ),
    );
  }
}
