// The sheet at the side that says all that is known of what was clicked. One sheet, whatever it tells.

import { kilns } from "./data.js";
import { byId, closeButton } from "./dom.js";
import { kilnSheet } from "./kiln.js";
import { areaSheet, candidateSheet, goneSheet, groupSheet, reportSheet, sourceSheet, tileSheet } from "./sheets.js";
import { change, state, subscribe } from "./state.js";
import { t } from "./words.js";

let openedFrom = null; // where the keyboard goes back to
let theMap = null;

export function makePanel(map) {
  theMap = map;
  subscribe((changed) => {
    if (!changed.has("selected")) return;
    const row = kilns.rowOf.get(state.selected);
    if (row === undefined) hide();
    else show(kilnSheet(row));
  });
  byId("panel").addEventListener("keydown", ({ key }) => key === "Escape" && close());
}

const SHEETS = {
  candidates: candidateSheet,
  coverage: tileSheet,
  sources: sourceSheet,
  reports: reportSheet,
  gone: goneSheet,
  areas: areaSheet,
  group: groupSheet,
};

/** Show facts of something that is not a kiln; nothing closes the sheet. */
export function openFacts(kind, properties) {
  change({ selected: null });
  if (SHEETS[kind]) show(SHEETS[kind](properties, theMap));
}

export function close() {
  change({ selected: null });
  hide();
  openedFrom?.focus();
}

const whenHidden = new Set();
/** @param {() => void} act called whenever the sheet is closed or shows something else */
export const onHide = (act) => whenHidden.add(act);

function hide() {
  byId("panel").hidden = true;
  document.body.classList.remove("has-panel");
  for (const act of whenHidden) act();
}

export function show(children) {
  const panel = byId("panel");
  if (panel.hidden) openedFrom = document.activeElement;
  for (const act of whenHidden) act();
  panel.replaceChildren(closeButton(t("close"), close), ...children.filter(Boolean));
  panel.hidden = false;
  panel.scrollTop = 0;
  document.body.classList.add("has-panel");
  byId("panel-title").focus({ preventScroll: true });
}
