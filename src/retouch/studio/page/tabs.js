// @ts-check
/** A row of tabs: arrow keys move, Home and End go to the ends. */

import { el } from "./dom.js";

const MOVES = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/**
 * @param {string} kind of the row
 * @param {string} id of the tab
 * @returns {string} the element's id
 */
export const tabId = (kind, id) => `${kind}-${id.replaceAll(":", "-")}`;

/**
 * @typedef {{id: string, label: string, data?: object}} Tab
 * @param {{label: string, kind: string, panel: string, tabs: Tab[], selected: string,
 *   choose: (id: string) => void}} of `panel` is the id of what the tabs show
 * @returns {HTMLElement}
 */
export function tabList({ label, kind, panel, tabs, selected, choose }) {
  const buttons = tabs.map((tab) =>
    el(
      "button",
      {
        type: "button",
        role: "tab",
        class: "tab",
        id: tabId(kind, tab.id),
        "aria-selected": String(tab.id === selected),
        "aria-controls": panel,
        tabindex: tab.id === selected ? "0" : "-1",
        data: tab.data ?? {},
        on: { click: () => choose(tab.id) },
      },
      tab.label,
    ),
  );
  const list = el("div", { role: "tablist", "aria-label": label, class: `tabs ${kind}` }, buttons);
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const now = buttons.indexOf(/** @type {any} */ (document.activeElement));
    const move = MOVES[/** @type {keyof typeof MOVES} */ (event.key)];
    let next = now;
    if (move) next = (now + move + buttons.length) % buttons.length;
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = buttons.length - 1;
    else return;
    event.preventDefault();
    choose(tabs[next].id);
    document.getElementById(tabId(kind, tabs[next].id))?.focus();
  });
  requestAnimationFrame(() => {
    const chosen = buttons.find((tab) => tab.getAttribute("aria-selected") === "true");
    if (chosen) list.scrollLeft = chosen.offsetLeft - (list.clientWidth - chosen.offsetWidth) / 2;
  });
  return list;
}
