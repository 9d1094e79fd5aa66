// @ts-check
/** The step that shows what an edit made, or is making. */

import * as api from "./api.js";
import { Compare, alike } from "./compare.js";
import { button, el, fill, icon } from "./dom.js";
import { faceOf } from "./face.js";
import { ended } from "./jobs.js";
import { bytesInWords, inWords, sizeInWords, timeInWords, valueInWords, withSuffix } from "./words.js";

/**
 * @typedef {import("./work.js").Work} Work
 * @typedef {{use: (picture: api.Picture, label: string) => void,
 *   open: (edit: string, latent: api.Picture) => void,
 *   formats: Record<string, string[]>}} Acts
 */

/** @type {Record<string, string>} */
const SHORT = { jpeg: "jpg", tiff: "tif" };
const FORMATS = { picture: ["png", "jpg", "webp", "tiff"], animation: ["gif", "webp", "png"] };

/** Shows the newest job of the present edit. */
export class ResultView {
  /** @param {Work} work @param {Acts} acts */
  constructor(work, acts) {
    this.work = work;
    this.acts = acts;
    this.element = el("div", { class: "result" });
    /** @type {Compare | null} */
    this.compare = null;
    this.shown = "";
  }

  /** Show the job as it is now; the pictures of one that is done are made once. */
  async renew() {
    const { job } = this.work;
    const key = job ? `${job.id}.${job.state}` : "";
    if (job && !ended(job)) return this.#working(job);
    if (key === this.shown && this.element.isConnected && this.element.childElementCount) return;
    this.destroy();
    this.shown = key;
    if (!job?.result) {
      const words = [EMPTY[job?.state ?? ""] ?? EMPTY[""], job?.error?.detail];
      fill(
        this.element,
        el(
          "div",
          { class: "empty" },
          words.map((said) => said && el("p", {}, said)),
        ),
      );
      return;
    }
    const before = await this.#before(job);
    if (this.shown === key) this.#done(job, job.result, before);
  }

  destroy() {
    this.compare?.destroy();
    this.compare = null;
    this.shown = "";
  }

  /** @param {api.Job} job */
  #working(job) {
    const preview = job.progress?.preview;
    const main = this.work.picture(this.work.plan.main);
    const address = preview ?? (main?.view ? api.viewOf(main, 1600) : "");
    let image = this.shown === `${job.id}.working` ? this.element.querySelector("img") : null;
    if (!image) {
      this.destroy();
      this.shown = `${job.id}.working`;
      image = el("img", { class: "working-picture" });
      fill(
        this.element,
        el("div", { class: "working" }, image, el("p", { class: "working-words" }, "Working…")),
      );
    }
    image.hidden = !address;
    image.alt = preview ? "Preview of the result" : "";
    if (preview) image.dataset.preview = "";
    if (address && image.getAttribute("src") !== address) image.src = address;
    const words = this.element.querySelector(".working-words");
    if (words) words.textContent = preview ? "Preview" : job.state === "queued" ? "Waiting…" : "Working…";
  }

  /** @param {api.Job} job @returns {Promise<api.Picture | null>} */
  async #before(job) {
    const { main } = this.work.plan;
    const handle = main ? job.options[main.name] : null;
    if (typeof handle !== "string") return null;
    const held = this.work.picture(main);
    if (held?.id === handle) return held.view ? held : null;
    try {
      const found = await api.picture(handle);
      return found.view ? found : null;
    } catch {
      return null;
    }
  }

  /** @param {api.Job} job @param {api.Result} result @param {api.Picture | null} before */
  #done(job, result, before) {
    const { picture } = result;
    const moving = picture.kind === "animation";
    const beside = this.work.plan.arranged.result === "beside" || !alike(before, picture);
    let show;
    if (moving) show = film(picture);
    else if (beside && before) show = pair(before, picture);
    else {
      this.compare = new Compare(before, picture);
      show = this.compare.element;
    }
    fill(
      this.element,
      el("div", { class: "result-show", data: { result: picture.id } }, show),
      el(
        "div",
        { class: "result-foot" },
        this.#facts(result),
        this.#actions(job, picture),
        this.#companions(result),
      ),
    );
  }

  /** @param {api.Result} result */
  #facts(result) {
    const report = Object.entries(result.report ?? {});
    return el(
      "div",
      { class: "result-facts" },
      el(
        "p",
        {},
        el("strong", { dir: "auto" }, result.picture.name),
        ` ${sizeInWords(result.picture)}, in ${timeInWords(result.seconds)}`,
      ),
      report.length
        ? el(
            "details",
            {},
            el("summary", {}, "What was done"),
            el(
              "dl",
              { class: "facts" },
              report
                .map(([name, value]) => [el("dt", {}, inWords(name)), el("dd", {}, valueInWords(value))])
                .flat(),
            ),
          )
        : null,
    );
  }

  /** @param {api.Job} job @param {api.Picture} picture */
  #actions(job, picture) {
    const kind = picture.kind === "animation" ? "animation" : "picture";
    const { next } = this.work.plan;
    const fits = next && (next.kind === "latent" || picture.kind !== "latent");
    return el(
      "div",
      { class: "row result-actions" },
      fits
        ? button("Use as input", () => this.acts.use(picture, inWords(job.edit)), {
            kind: "strong",
            icon: "next",
          })
        : null,
      download(picture, this.acts.formats[kind] ?? FORMATS[kind]),
    );
  }

  /** @param {api.Result} result */
  #companions(result) {
    if (!result.companions?.length) return null;
    const takers = this.work.edits.filter((edit) =>
      edit.options.some((option) => option.required && option.kind === "latent"),
    );
    return el(
      "ul",
      { class: "companions" },
      result.companions.map((file) =>
        el(
          "li",
          { class: "row" },
          el(
            "a",
            {
              class: "button",
              href: file.url ?? api.fileOf(file),
              download: file.name,
              data: { companion: file.id },
            },
            `Download ${file.name}`,
          ),
          el("span", { class: "quiet-text" }, bytesInWords(file.bytes)),
          file.name.endsWith(".safetensors")
            ? takers.map((edit) =>
                button(`Open in ${inWords(edit.name)}`, () =>
                  this.acts.open(edit.name, { ...file, kind: "latent", view: null }),
                ),
              )
            : null,
        ),
      ),
    );
  }
}

/** @type {Record<string, string>} */
const EMPTY = {
  "": "Nothing here yet. Press Run to see the result.",
  failed: "This edit did not end well.",
  cancelled: "The edit was stopped. Nothing was changed.",
};

/**
 * @param {api.Picture} picture
 * @param {string[]} formats
 * @param {string} [size] "small" where there is little room
 * @returns {HTMLElement} a menu of formats and the link that they change
 */
export function download(picture, formats, size = "") {
  const said = (picture.format ?? "png").toLowerCase();
  const own = SHORT[said] ?? said;
  const others = formats.filter((format) => format !== own);
  const link = el(
    "a",
    {
      class: `button ${size}`,
      href: api.fileOf(picture),
      download: picture.name,
      data: { download: picture.id },
    },
    icon("download"),
    el("span", {}, "Download"),
  );
  const menu = el(
    "select",
    {
      class: `field narrow ${size}`,
      "aria-label": "Format",
      on: {
        change: () => {
          link.href = api.fileOf(picture, menu.value === own ? undefined : menu.value);
          link.download = withSuffix(picture.name, menu.value);
        },
      },
    },
    [own, ...others].map((format) => el("option", { value: format }, format.toUpperCase())),
  );
  return el("div", { class: "joined" }, menu, link);
}

/** @param {api.Picture} before @param {api.Picture} after */
function pair(before, after) {
  const figure = (/** @type {api.Picture} */ picture, /** @type {string} */ words) =>
    el("figure", {}, faceOf(picture, 1600, `${words}: ${picture.name}`), el("figcaption", {}, words));
  return el("div", { class: "result-pair" }, figure(before, "Before"), figure(after, "After"));
}

/** A film plays by itself unless the person's system asks for less motion. @param {api.Picture} picture */
function film(picture) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let playing = !calm || !picture.view;
  const moving =
    picture.format === "mp4"
      ? el("video", { src: api.fileOf(picture), controls: true, loop: true, muted: true })
      : el("img", {
          alt: `Film: ${picture.name}`,
          src: playing ? api.fileOf(picture) : api.viewOf(picture, 1600),
        });
  const toggle = button(playing ? "Pause" : "Play", () => {
    playing = !playing;
    moving.src = playing ? api.fileOf(picture) : api.viewOf(picture, 1600);
    fill(toggle, el("span", {}, playing ? "Pause" : "Play"));
  });
  return el(
    "div",
    { class: "film" },
    el("div", { class: "film-picture" }, moving),
    picture.view ? toggle : null,
  );
}
