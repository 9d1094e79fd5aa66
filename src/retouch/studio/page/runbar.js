// @ts-check
/** Run, what is running, and what went wrong: always in sight. */

import { button, el, fill } from "./dom.js";
import { ended, stopping } from "./jobs.js";
import { inWords, positionInWords, timeInWords, valueInWords } from "./words.js";

/** @typedef {import("./api.js").Job} Job */

const FACTS = 4;

/** Cancel comes where Run was: the second click of a double click on Run is none on Cancel. */
const GUARD = 600;

/**
 * What is left comes first: it is what a person waits for.
 * @param {[string, any]} a @param {[string, any]} b
 */
const soonest = ([a], [b]) => Number(b.includes("left")) - Number(a.includes("left"));

/** Shows the newest job of the present edit. */
export class RunBar {
  /** @param {{run: () => void, cancel: () => void}} acts */
  constructor(acts) {
    this.start = button("Run", acts.run, { kind: "strong run", data: { run: "" } });
    this.stop = button("Cancel", (event) => this.#pressed(event, acts.cancel), { kind: "run", data: { cancel: "" } });
    this.stage = el("span", { data: { stage: "" }, class: "job-stage" });
    this.part = el("span", { class: "job-part" });
    this.bar = el("div", { class: "job-bar-fill" });
    this.track = el(
      "div",
      {
        class: "job-bar",
        role: "progressbar",
        "aria-label": "Progress",
        "aria-valuemin": 0,
        "aria-valuemax": 100,
      },
      this.bar,
    );
    this.position = el("p", { class: "quiet-text", data: { position: "" } });
    this.facts = el("p", { class: "quiet-text job-facts", data: { facts: "" } });
    this.job = el(
      "div",
      { class: "job" },
      el("div", { class: "row job-head" }, this.stage, this.part),
      this.track,
      this.position,
      this.facts,
    );
    this.problem = el("div", { class: "problem", role: "alert", data: { problem: "" }, hidden: true });
    this.element = el(
      "div",
      { class: "run-bar" },
      this.problem,
      this.job,
      el("div", { class: "row" }, this.start, this.stop),
    );
    this.guarded = false;
    this.id = "";
    /** The job whose error was said. */
    this.said = "";
    this.renew(null);
  }

  /** @param {MouseEvent} event @param {() => void} cancel */
  #pressed(event, cancel) {
    if (event.detail > 1 || this.guarded || this.stop.getAttribute("aria-disabled") === "true") return;
    cancel();
  }

  /** Cancel was not there a moment ago. */
  #guard() {
    this.guarded = true;
    setTimeout(() => {
      this.guarded = false;
    }, GUARD);
  }

  #able() {
    this.stop.setAttribute("aria-disabled", String(stopping.has(this.id)));
  }

  /** @param {Job | null} job */
  renew(job) {
    const running = Boolean(job) && !ended(job);
    if (running && this.stop.hidden) this.#guard();
    this.id = job?.id ?? "";
    const focused = document.activeElement === (running ? this.start : this.stop);
    this.job.hidden = !job;
    this.start.hidden = running;
    this.stop.hidden = !running;
    if (focused) (running ? this.stop : this.start).focus();
    this.#able();
    this.track.hidden = !running;
    if (!job) {
      this.said = "";
      return;
    }
    this.job.dataset.job = job.id;
    this.job.dataset.state = job.state;
    this.stage.textContent = wordsOf(job);
    const fraction = job.state === "running" ? (job.progress?.fraction ?? null) : null;
    this.part.textContent = fraction === null ? "" : `${Math.floor(fraction * 100)} %`;
    this.track.toggleAttribute("data-unknown", running && fraction === null);
    this.bar.style.setProperty("width", fraction === null ? "100%" : `${fraction * 100}%`);
    if (fraction === null) this.track.removeAttribute("aria-valuenow");
    else this.track.setAttribute("aria-valuenow", String(Math.round(fraction * 100)));
    const waits = job.state === "queued" && job.position;
    this.position.textContent = waits ? positionInWords(job.position ?? 1) : "";
    this.position.hidden = !waits;
    const facts = running
      ? Object.entries(job.progress?.facts ?? {})
          .sort(soonest)
          .slice(0, FACTS)
      : [];
    this.facts.textContent = facts
      .map(([name, value]) => `${inWords(name)} ${valueInWords(value)}`)
      .join(" · ");
    this.facts.hidden = !facts.length;
    if (job.error && this.said !== job.id) this.say(job.error);
    this.said = job.error ? job.id : "";
  }

  /** @param {{title?: string, detail?: string, message?: string} | null} problem null to take it away */
  say(problem) {
    this.problem.hidden = !problem;
    if (!problem) return fill(this.problem);
    const words = problem.detail ?? problem.message ?? "";
    fill(this.problem, problem.title ? el("strong", {}, problem.title) : null, el("p", {}, words));
  }
}

/** @param {Job} job @returns {string} */
function wordsOf(job) {
  if (!ended(job) && stopping.has(job.id)) return "Stopping…";
  if (job.state === "queued") return "Waiting";
  if (job.state === "running") return inWords(job.progress?.stage ?? "starting");
  if (job.state === "done") return job.result ? `Done in ${timeInWords(job.result.seconds)}` : "Done";
  return job.state === "cancelled" ? "Cancelled" : "Failed";
}
