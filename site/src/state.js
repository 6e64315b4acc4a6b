// What is chosen: filters, layers, the open kiln. Views subscribe and redraw; nobody else holds state.

import { code, extra, kilns, meta, offers, site } from "./data.js";
import { t } from "./words.js";
import { typesOf } from "./types.js";

export const types = typesOf(kilns.coded("type").words);
export const LAYERS = ["coverage", "acquired", "candidates", "areas", "sources", "reports", "boundaries", "kilns"];
export const BASES = ["light", "dark", "picture", "satellite"];
export const POLLUTANTS = ["pm25", "so2", "co", "bc", "co2"].filter((name) => kilns.has(`${name}_t`));
export const SITING = ["breaks", "grandfathered", "unknown", "meets", ""];
export const title = meta.title || (meta.region ? t("title.of", { region: meta.region }) : t("title"));

const usualLayers = ["coverage", "candidates", "boundaries", "kilns"];
const dark = matchMedia("(prefers-color-scheme: dark)").matches;

/** Backgrounds that this map has. */
export const bases = BASES.filter(
  (base) => base === "light" || base === "dark" || (base === "picture" ? offers("basemap") : Boolean(site.satellite)),
);
export const usualBase = bases.includes(site.base) ? site.base : dark ? "dark" : "light";

export const state = {
  types: new Set(types.keys()),
  score: 0,
  years: null, // [first, last]
  countries: new Set(), // these and the following: empty means any
  states: new Set(),
  areas: new Set(),
  siting: new Set(),
  rules: new Set(),
  measure: "type", // what circles show: the type, or a pollutant
  kinds: null, // kinds of sources that are shown; null means all
  statuses: new Set(),
  layers: new Set(usualLayers),
  base: usualBase,
  metric: "kilns", // what the areas show
  around: null, // {lon, lat, km}
  selected: null, // id of the open kiln
};

const clear = { score: 0, years: null };
for (const name of ["countries", "states", "areas", "siting", "rules"]) clear[name] = new Set();

/** All filters of kilns as they are at first. */
export const unfiltered = () => ({ ...clear, types: new Set(types.keys()) });

const listeners = new Set();

/** @param {(changed: Set<string>) => void} listener called with the names of what changed */
export function subscribe(listener) {
  listeners.add(listener);
}

export function change(values) {
  Object.assign(state, values);
  const changed = new Set(Object.keys(values));
  for (const name of changed) if (name in facets) mark(name);
  for (const listener of listeners) listener(changed);
}

/** A copy of a chosen set with `value` in or out. */
export function toggled(set, value, on) {
  const chosen = new Set(set);
  if (on) chosen.add(value);
  else chosen.delete(value);
  return chosen;
}

// --- which kilns pass: a bit per filter and kiln says that the filter leaves it out

/** Area and state in one word: areas of two states may share a name. */
export const areaKey = (area, state) => (area && state ? `${area}, ${state}` : (area ?? ""));

let placed = null;
/** Kilns by area, coded. */
export function areaCodes() {
  if (placed) return placed;
  const [areas, states] = [kilns.coded("area"), kilns.coded("state")];
  const pairs = new Map();
  const texts = Array.from({ length: kilns.length }, (_, row) => {
    const pair = areas.codes[row] * states.words.length + states.codes[row];
    if (!pairs.has(pair)) pairs.set(pair, areaKey(areas.words[areas.codes[row]], states.words[states.codes[row]]));
    return pairs.get(pair);
  });
  placed = code(texts);
  return placed;
}

/** Year first seen of each kiln, NaN where it is not known. */
export const years = Float64Array.from(kilns.has("first_seen") ? yearsSeen() : []);
function yearsSeen() {
  const { words, codes } = kilns.coded("first_seen");
  const found = words.map((word) => (/^\d{4}/.test(word) ? Number(word.slice(0, 4)) : NaN));
  return Array.from(codes, (at) => found[at]);
}

const only = (set, { words, codes }, among = (word) => set.has(word)) => {
  const passes = Uint8Array.from(words, (word) => (among(word) ? 1 : 0));
  return (row) => passes[codes[row]];
};

const facets = {
  types: () => state.types.size < types.size && only(state.types, kilns.coded("type")),
  score: () => {
    const scores = kilns.numbers("score");
    return state.score > 0 && ((row) => scores[row] >= state.score);
  },
  years: () => state.years && ((row) => years[row] >= state.years[0] && years[row] <= state.years[1]),
  countries: () => state.countries.size && only(state.countries, kilns.coded("country")),
  states: () => state.states.size && only(state.states, kilns.coded("state")),
  areas: () => state.areas.size && only(state.areas, areaCodes()),
  siting: () => state.siting.size && only(state.siting, kilns.coded("siting")),
  rules: () =>
    state.rules.size &&
    only(state.rules, kilns.coded("rules_broken"), (word) => word.split(" ").some((rule) => state.rules.has(rule))),
};
export const FACETS = Object.keys(facets);

const fails = new Uint8Array(kilns.length);
let passed = null;

function mark(facet) {
  const bit = 1 << FACETS.indexOf(facet);
  const passes = facets[facet]();
  for (let row = 0; row < fails.length; row++) {
    if (passes && !passes(row)) fails[row] |= bit;
    else fails[row] &= ~bit;
  }
  passed = null;
}

/** Rows of the kilns that pass the filters. @returns {Uint32Array} */
export function passing() {
  if (passed) return passed;
  const rows = new Uint32Array(kilns.length);
  let n = 0;
  for (let row = 0; row < fails.length; row++) if (!fails[row]) rows[n++] = row;
  passed = rows.subarray(0, n);
  return passed;
}

export const passes = (row) => fails[row] === 0;

/** Number of kilns by code that pass all filters but `facet`, so that each choice tells what it would add. */
export function countsBy(facet, { words, codes }) {
  const bit = 1 << FACETS.indexOf(facet);
  const counts = new Uint32Array(words.length);
  for (let row = 0; row < fails.length; row++) if (!(fails[row] & ~bit)) counts[codes[row]]++;
  return new Map(words.map((word, at) => [word, counts[at]]));
}

export const isFiltered = () => passing().length < kilns.length || FACETS.some((facet) => facets[facet]());

// --- other sources

/** Rows of the sources that are chosen. */
export function chosenSources() {
  const { sources } = extra;
  const rows = [];
  for (let row = 0; row < sources.length; row++) {
    const status = sources.get(row, "status") ?? "";
    if (
      (!state.kinds || state.kinds.has(sources.get(row, "kind") ?? "")) &&
      (!state.statuses.size || state.statuses.has(status))
    )
      rows.push(row);
  }
  return rows;
}
