// @ts-check
/** The studio's page: which part of it is shown, and what all parts share. */

import * as api from "./api.js";
import { connection } from "./connection.js";
import { button, el, fill } from "./dom.js";
import { openGallery } from "./gallery.js";
import { showHome, taskWords } from "./home.js";
import { forget } from "./memory.js";
import { banner, clearBanner } from "./notices.js";
import { results } from "./results.js";
import { Runner } from "./running.js";
import { TaskPage } from "./taskpage.js";
import { Work } from "./work.js";

/** @type {Map<string, api.Edit[]>} */
const tasks = new Map();
/** @type {Record<string, string[]>} */
let formats = {};
/** One for each task: what runs there goes on while another is looked at. @type {Map<string, Runner>} */
const runners = new Map();
/** Tasks whose pictures the server was asked for. @type {Set<string>} */
const checked = new Set();
/** @type {TaskPage | null} */
let page = null;

const main = /** @type {HTMLElement} */ (document.getElementById("main"));

/** Show what the address says. */
function show() {
  const { pathname, searchParams } = new URL(location.href);
  const task = pathname.split("/")[1];
  const edits = tasks.get(task);
  page?.destroy();
  page = null;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `/${task}`) {
      link.setAttribute("aria-current", "page");
      reveal(/** @type {HTMLElement} */ (link));
    } else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
  if (!edits) {
    document.title = "retouch studio";
    showHome(main, tasks);
    return;
  }
  const { title } = taskWords(task, edits);
  document.title = `${title} – retouch studio`;
  try {
    const runner = /** @type {Runner} */ (runners.get(task));
    const edit = searchParams.get("edit");
    if (edit) runner.work.choose(edit);
    page = new TaskPage(main, runner.work, runner, formats);
  } catch (problem) {
    console.error(problem);
    offerAfresh(task, edits);
    return;
  }
  if (searchParams.has("example")) page.example();
  else if (!checked.has(task)) page.check();
  checked.add(task);
}

/** What was kept of a task cannot be shown. @param {string} task @param {api.Edit[]} edits */
function offerAfresh(task, edits) {
  const { title } = taskWords(task, edits);
  const words =
    `What this browser kept of ${title} cannot be shown. Start it afresh: ` +
    "its photos, drawings and options are forgotten; results stay in Results.";
  const afresh = button(
    "Start afresh",
    () => {
      forget(`task.${task}`);
      runners.get(task)?.destroy();
      runners.set(task, new Runner(new Work(task, edits)));
      show();
      main.focus();
    },
    { kind: "strong", data: { afresh: task } },
  );
  fill(main, el("div", { class: "empty" }, el("h1", {}, title), el("p", { role: "alert" }, words), afresh));
}

/** @param {string} task @param {api.Edit[]} edits @returns {Work} a new one where what was kept is no such thing */
function workOf(task, edits) {
  try {
    return new Work(task, edits);
  } catch {
    forget(`task.${task}`);
    const { title } = taskWords(task, edits);
    banner(`broken-${task}`, `What this browser kept of ${title} could not be read; ${title} begins anew.`);
    return new Work(task, edits);
  }
}

/** Scroll the row of tasks; `scrollIntoView` would also move where Tab begins. @param {HTMLElement} link */
function reveal(link) {
  const row = link.closest("ul");
  if (row) row.scrollLeft = link.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
}

/** @param {string} address */
function go(address) {
  history.pushState(null, "", address);
  show();
  main.focus();
}

/** What can be done with a picture of the gallery: nothing where no edit is shown that takes one. */
function taker() {
  if (!page?.work.plan.next) return null;
  return (/** @type {api.Picture} */ picture) => page?.use(picture, picture.name);
}

/** @param {api.Picture} picture @returns {string[]} titles of the tasks that it is in use in */
function holders({ id }) {
  const held = [...runners].filter(([, runner]) => runner.work.holds(id));
  return held.map(([task, { work }]) => taskWords(task, work.edits).title);
}

/** A result that was deleted is shown nowhere any more. @param {string} id of its picture */
function removed(id) {
  for (const { work } of runners.values()) {
    for (const [edit, job] of Object.entries(work.state.jobs))
      if (job.result?.picture.id === id) work.dropJob(edit);
  }
}

function nav() {
  const list = [...tasks].map(([task, edits]) =>
    el("li", {}, el("a", { href: `/${task}` }, taskWords(task, edits).title)),
  );
  fill(/** @type {HTMLElement} */ (document.getElementById("tasks")), list);
  const counter = el("span", { class: "count" });
  const count = () => (counter.textContent = results.entries.length ? String(results.entries.length) : "");
  const open = button("Results", () => openGallery(formats, taker(), holders), { icon: "grid" });
  open.append(counter);
  results.addEventListener("change", count);
  results.addEventListener("removed", (event) => removed(/** @type {CustomEvent} */ (event).detail));
  count();
  fill(/** @type {HTMLElement} */ (document.getElementById("tools")), open);
}

/** Links within the studio change the page without loading it again. */
function links() {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.origin !== location.origin || link.hasAttribute("download") || link.target) return;
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.hash || !["", ...tasks.keys()].includes(link.pathname.slice(1))) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
  addEventListener("popstate", show);
}

/** Files that come by the clipboard, or are dropped anywhere. */
function files() {
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file || !page) return;
    event.preventDefault();
    page.take(file);
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) page?.take(file);
  });
}

function watch() {
  connection.addEventListener("away", () =>
    banner(
      "away",
      "The studio does not answer. If it was closed, start it again: this page then goes on by itself, " +
        "unless another address is printed; open that one then.",
      { lasting: true },
    ),
  );
  connection.addEventListener("back", () => {
    clearBanner("away");
    if (!document.body.dataset.ready) return start();
    checked.clear();
    page?.check();
    results.check();
  });
  connection.addEventListener("refused", () =>
    banner(
      "refused",
      "This studio asks for a token. Open the address that was printed when it was started.",
      { lasting: true },
    ),
  );
}

async function start() {
  try {
    const [edits, health] = await Promise.all([api.edits(), api.health().catch(() => ({}))]);
    formats = /** @type {api.Health} */ (health).formats ?? {};
    tasks.clear();
    for (const edit of edits) tasks.set(edit.task, [...(tasks.get(edit.task) ?? []), edit]);
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    if (problem.status) fill(main, el("p", { class: "loading", role: "alert" }, problem.message));
    return;
  }
  for (const [task, edits] of tasks) runners.set(task, new Runner(workOf(task, edits)));
  nav();
  show();
  document.body.dataset.ready = "true";
  results.check();
}

watch();
links();
files();
start();
