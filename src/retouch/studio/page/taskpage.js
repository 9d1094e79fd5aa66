// @ts-check
/** One task: its edits as tabs, the stage, the options, and running. */

import * as api from "./api.js";
import { el, fill } from "./dom.js";
import { announce, banner, complain } from "./notices.js";
import { awaited, orderOf } from "./order.js";
import { Panel } from "./panel.js";
import { advance } from "./past.js";
import { stepOf } from "./plan.js";
import { loadExample } from "./example.js";
import { RunBar } from "./runbar.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { tabId, tabList } from "./tabs.js";
import { taskWords } from "./home.js";
import { checkHandles } from "./handles.js";
import { inWords } from "./words.js";

/** As in layout.css: the options lie below the stage. */
const NARROW = "(max-width: 900px)";
const KEPT = "The studio keeps pictures until it is closed";
const GONE_ONE = `${KEPT}, so one of this page is not there any more. Please choose it again.`;
const GONE_SOME = `${KEPT}, so some of this page are not there any more. Please choose them again.`;

/** The page of one task; `destroy` it before another is shown. */
export class TaskPage {
  /**
   * @param {HTMLElement} main
   * @param {import("./work.js").Work} work
   * @param {import("./running.js").Runner} runner of that work
   * @param {Record<string, string[]>} formats that a result can be downloaded in, by kind of picture
   */
  constructor(main, work, runner, formats) {
    this.work = work;
    this.runner = runner;
    this.stage = new Stage(work, {
      formats,
      use: (picture, label) => this.use(picture, label),
      open: (edit, latent) => this.#openLatent(edit, latent),
    });
    this.panel = new Panel(work, (step) => this.stage.go(step));
    this.strip = new Strip(work);
    this.run = new RunBar({ run: () => this.#run(), cancel: () => this.#cancel() });
    this.failed = (/** @type {any} */ event) => this.#failed(event.detail);
    this.tabs = el("div", { class: "task-tabs" });
    this.summary = el("p", { class: "task-summary" });
    const { title } = taskWords(work.task, work.edits);
    const head = el("div", { class: "task-head" }, el("h1", {}, title), this.tabs, this.summary);
    const aside = el(
      "aside",
      { class: "panel", "aria-label": "Options" },
      this.panel.options,
      this.run.element,
    );
    this.bench = el("div", { class: "bench", id: "bench", role: "tabpanel" });
    const left = el("div", { class: "bench-left" }, this.stage.element, this.strip.element);
    fill(this.bench, left, aside);
    fill(main, el("div", { class: "task" }, head, this.bench));
    this.changed = (/** @type {any} */ event) => this.#renew(event.detail);
    work.addEventListener("change", this.changed);
    runner.addEventListener("failed", this.failed);
    this.stage.addEventListener("example", () => this.example());
    this.stage.addEventListener("unseen", () => this.check());
    this.#edit();
  }

  destroy() {
    this.work.removeEventListener("change", this.changed);
    this.runner.removeEventListener("failed", this.failed);
    this.stage.clear();
  }

  /** Ask again for what the server may have lost; after a reload, and when the server is back. */
  async check() {
    const lost = await checkHandles(this.work);
    if (lost) {
      banner("gone", lost === 1 ? GONE_ONE : GONE_SOME);
      this.stage.clear();
      this.#renew("picture");
    }
  }

  /** Fill the present edit with its worked example. */
  async example() {
    try {
      if (!(await loadExample(this.work))) return;
      this.panel.renew();
      this.stage.go(this.#firstMask() ?? "photos");
    } catch (problem) {
      complain(problem);
    }
  }

  /** @param {File} file that was pasted or dropped anywhere */
  take(file) {
    if (!document.querySelector("dialog[open]")) this.stage.take(file);
  }

  /** Go on from a result. @param {api.Picture} picture @param {string} label */
  use(picture, label) {
    advance(this.work, picture, label);
    this.stage.go(this.#firstMask() ?? this.stage.steps[0].id);
    announce(`${picture.name} is the input now`);
  }

  /** @param {string} [part] */
  #renew(part) {
    if (part === "edit") return this.#edit();
    if (part === "picture") {
      this.panel.renewMasks();
      this.strip.renew();
      this.#onward();
    } else if (part === "mask") {
      this.panel.renewMasks();
      this.strip.renew();
    } else if (part === "past") {
      this.panel.renew();
      this.strip.renew();
      this.stage.clear();
      this.run.say(null);
    }
    if (part === "past" || part === "job" || part === "picture") this.run.renew(this.work.job);
    if (part === "value" || part === "mask" || part === "picture") this.run.say(null);
    if (part !== "value") this.#stageAfter(part);
  }

  /** @param {string} [part] */
  #stageAfter(part) {
    // The easel holds the drawing while it is being made; only a mask from elsewhere makes it anew.
    if (part === "mask" && this.stage.easel && this.#easelAgrees()) return;
    if (part === "mask") this.stage.clear();
    this.stage.renew();
  }

  /** Whether the easel shows what the work holds. */
  #easelAgrees() {
    const { step, easel } = this.stage;
    const option = this.work.plan.option(step.option ?? "");
    if (step.kind !== "mask" || !option) return true;
    const mask = this.work.mask(option, step.item);
    if ((mask?.picture?.id ?? null) !== this.stage.maskFile) return false;
    const held = mask?.drawing ?? null;
    return JSON.stringify(held) === JSON.stringify(easel.drawing ?? null);
  }

  /** Once all photos are there, go to where a region is drawn, if the edit begins with that. */
  #onward() {
    const { work, stage } = this;
    if (stage.step.kind !== "photos") return;
    const waiting = work.plan.wells.some((option) => option.required && !work.picture(option));
    const first = this.#firstMask();
    if (!waiting && first) stage.go(first);
  }

  #firstMask() {
    const { plan } = this.work;
    const option = plan.masks.find((mask) => mask.required || plan.maskWords(mask).first);
    return option ? stepOf(option.name) : null;
  }

  /** Show the present edit. */
  #edit() {
    const { work } = this;
    this.summary.textContent = work.edit.summary;
    this.tabs.hidden = work.edits.length < 2;
    this.bench.setAttribute("aria-labelledby", tabId("edits", work.edit.name));
    fill(
      this.tabs,
      tabList({
        label: "Edits",
        kind: "edits",
        panel: "bench",
        tabs: work.edits.map((edit) => ({
          id: edit.name,
          label: inWords(edit.name),
          data: { edit: edit.name },
        })),
        selected: work.edit.name,
        choose: (name) => work.choose(name),
      }),
    );
    history.replaceState(null, "", `/${work.task}?edit=${work.edit.name}`);
    this.panel.renew();
    this.strip.renew();
    this.run.say(null);
    this.run.renew(work.job);
    this.stage.renew();
  }

  async #run() {
    const { work, run, panel } = this;
    this.stage.easel?.finish();
    run.say(null);
    panel.hush();
    const coming = awaited(work);
    if (coming) {
      run.say({ title: "A file is still being uploaded", detail: `Press Run when ${coming} is there.` });
      return;
    }
    const { order, missing } = orderOf(work);
    const painted = await this.#painted();
    if (painted) order[painted.option] = painted.id;
    if (missing && !(missing.name in order)) return this.#ask(missing);
    try {
      if (!(await this.runner.run(order))) return;
      this.stage.go("result");
      if (matchMedia(NARROW).matches) this.stage.element.scrollIntoView({ block: "start" });
    } catch (problem) {
      this.#refused(problem);
    }
  }

  #cancel() {
    this.runner.cancel();
  }

  /** Say that something is needed, where it is to be given. @param {api.Option} option */
  #ask(option) {
    const { work, stage } = this;
    const label = work.plan.label(option);
    if (work.plan.wells.includes(option) && work.plan.arranged.paint?.option !== option.name) {
      const wanted = `${label} is needed: choose a file, paste one, or take a sample`;
      this.run.say({ title: `${label} is needed`, detail: "Choose a file, paste one, or take a sample." });
      stage.go("photos");
      const well = stage.wells.get(option.name);
      well?.say(wanted);
      well?.element.focus();
    } else if (work.plan.wells.includes(option)) {
      this.run.say({ title: "Paint something first", detail: "A few strokes will do." });
      stage.go("paint");
    } else if (option.kind === "mask") {
      this.run.say({ title: `${label} is needed`, detail: "Draw the region on the photo, then press Run." });
      stage.go(stepOf(option.name));
    } else {
      this.run.say({ title: `${label} is needed`, detail: option.help });
      this.panel.say(option.name, `${label} is needed`);
    }
  }

  /** @param {unknown} problem */
  #refused(problem) {
    const { work, stage } = this;
    if (!(problem instanceof Error)) return;
    const option = this.#blamed(problem instanceof api.Problem ? problem.field : null, problem.message);
    this.run.say(problem);
    if (option && work.plan.wells.includes(option)) {
      stage.go("photos");
      stage.wells.get(option.name)?.say(problem.message);
    } else if (option) {
      this.panel.say(option.name, problem.message);
    }
    if (problem instanceof api.Problem && (problem.gone || (option && work.picture(option)))) this.check();
  }

  /** @param {api.Job} job */
  #failed(job) {
    if (job.edit !== this.work.edit.name || !job.error) return;
    const option = this.#blamed(job.error.field, job.error.detail);
    if (option) this.panel.say(option.name, job.error.detail);
  }

  /** Send what was painted; it is a picture like any other then. */
  async #painted() {
    const { paint } = this.work.plan.arranged;
    if (!paint || !this.work.state.painting) return null;
    if (!this.stage.easel || this.stage.step.kind !== "paint") this.stage.go("paint");
    const blob = await this.stage.easel?.paintedBlob();
    if (!blob) return null;
    const picture = await api.upload(blob, "scribble.png", () => {});
    return { option: paint.option, id: picture.id };
  }

  /** The option that an error is about: the one it names, or the one that its sentence begins with. */
  #blamed(/** @type {string | null | undefined} */ field, /** @type {string} */ said) {
    const begins = /^(\w+)(?:=|: | is )/.exec(said)?.[1];
    return this.work.plan.option(field ?? begins ?? "");
  }

  /** @param {string} edit @param {api.Picture} latent */
  #openLatent(edit, latent) {
    this.work.choose(edit);
    const option = this.work.plan.wells.find((item) => item.required && item.kind === "latent");
    if (option) this.work.setPicture(option, latent);
    this.stage.go("photos");
  }
}
