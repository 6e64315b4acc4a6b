// What is chosen: filters, layers, the open kiln. Views subscribe and redraw; nobody else holds state.

import { kilns, meta } from "./data.js";
import { typesOf } from "./types.js";

export const types = typesOf(kilns.rows.map((row) => kilns.get(row, "type")));
export const LAYERS = ["basemap", "coverage", "acquired", "candidates", "kilns"];

export const state = {
  types: new Set(types.keys()),
  score: 0,
  layers: new Set(LAYERS.filter((layer) => layer !== "acquired")),
  selected: null, // id of the open kiln
};

const listeners = new Set();

/** @param {(changed: Set<string>) => void} listener called with the names of what changed */
export function subscribe(listener) {
  listeners.add(listener);
}

export function change(values) {
  Object.assign(state, values);
  filtered = null;
  const changed = new Set(Object.keys(values));
  for (const listener of listeners) listener(changed);
}

let filtered = null;

/** Rows of the kilns that pass the filters. */
export function passing() {
  filtered ??= kilns.rows.filter((row) => passesScore(row) && state.types.has(kilns.get(row, "type")));
  return filtered;
}

/** Number of kilns of each type at the chosen score, whether the type is chosen or not. */
export function countsByType() {
  const counts = new Map([...types.keys()].map((type) => [type, 0]));
  for (const row of kilns.rows) {
    if (passesScore(row)) counts.set(kilns.get(row, "type"), counts.get(kilns.get(row, "type")) + 1);
  }
  return counts;
}

const passesScore = (row) => state.score <= 0 || (kilns.get(row, "score") ?? 0) >= state.score;

export const isFiltered = () => state.score > 0 || state.types.size < types.size;
export const title = meta.title || (meta.region ? `Brick kilns of ${meta.region}` : "Brick kilns");
