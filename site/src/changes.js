// What became of kilns since earlier seasons, and those that are no longer found.

import { collection } from "./boxes.js";
import { extra, kilns } from "./data.js";
import { el } from "./dom.js";
import { worded } from "./format.js";
import { hollowIcon } from "./shapes.js";
import { UNKNOWN } from "./classes.js";
import { CHANGES, shownGone } from "./state.js";

/** Colours of states of change, as in kilnscan/styles.py. */
const COLOURS = {
  new: "#b00020",
  gone: "#1c2430",
  moved: "#8a3ffc",
  "changed type": "#1668c7",
  persisting: "#2e7d32",
  uncertain: "#8c8c8c",
};
export const changeColour = (word) => COLOURS[word] ?? UNKNOWN;

/** Marks of kilns no longer found, hollow; the shape tells them apart also without colour. */
export const GONE_ICONS = [
  { name: "gone", shape: "square", colour: "#1c2430" },
  { name: "uncertain", shape: "diamond", colour: "#5f6a75" },
];
export const goneIcon = (word) => GONE_ICONS.find(({ name }) => name === word) ?? GONE_ICONS[1];

/** States of change that any kiln has, in a fixed order. */
export function changesThere() {
  const there = new Set([...kilns.coded("change").words, ...extra.gone.coded("change").words]);
  return CHANGES.filter((word) => there.has(word));
}

/** The mark of a state of change in lists. */
export function changeMark(word) {
  const { shape, colour } = goneIcon(word);
  if (word === "gone") return hollowIcon(shape, colour);
  return el("i", { class: "dot", style: { background: changeColour(word) } });
}

export const changeName = (word) => worded("change", word);

export function goneFeatures() {
  const { gone } = extra;
  return collection(
    Array.from(shownGone(), (row) => ({
      type: "Feature",
      properties: { row, icon: `gone-${goneIcon(gone.get(row, "change")).name}` },
      geometry: { type: "Point", coordinates: [gone.get(row, "lon"), gone.get(row, "lat")] },
    })),
  );
}
