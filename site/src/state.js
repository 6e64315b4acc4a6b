// What is chosen: filters, layers, the open kiln. Views subscribe and redraw; nobody else holds state.

import { code, extra, kilns, meta, offers, site } from "./data.js";
import { t } from "./words.js";
import { typesOf } from "./types.js";

export const types = typesOf(kilns.coded("type").words);
export const LAYERS = [
  ...["coverage", "acquired", "candidates", "areas", "sources", "reports", "boundaries", "gone", "kilns"],
];
export const BASES = ["light", "dark", "picture", "satellite"];
export const POLLUTANTS = ["pm25", "so2", "co", "bc", "co2"].filter((name) => kilns.has(`${name}_t`));
/** What circles may show. */
export const MEASURES = ["type", ...(kilns.has("change") ? ["change"] : []), ...POLLUTANTS];
export const SITING = ["breaks", "grandfathered", "unknown", "meets", ""];
export const CHANGES = ["new", "gone", "moved", "changed type", "persisting", "uncertain"];
export const title = meta.title || (meta.region ? t("title.of", { region: meta.region }) : t("title"));

const usualLayers = ["coverage", "candidates", "boundaries", "gone", "kilns"];
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
  changes: new Set(),
  measure: "type", // what circles show, one of MEASURES
  kinds: null, // kinds of sources that are shown; null means all
  statuses: new Set(),
  layers: new Set(usualLayers),
  base: usualBase,
  metric: "kilns", // what the areas show
  around: null, // {lon, lat, km}
  selected: null, // id of the open kiln
};

const clear = { score: 0, years: null };
for (const name of ["countries", "states", "areas", "siting", "rules", "changes"]) clear[name] = new Set();

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

const placed = new Map();
/** Kilns by area, coded; or those of another table with the same columns. */
export function areaCodes(table = kilns) {
  if (placed.has(table)) return placed.get(table);
  const [areas, states] = [table.coded("area"), table.coded("state")];
  const pairs = new Map();
  const texts = Array.from({ length: table.length }, (_, row) => {
    const pair = areas.codes[row] * states.words.length + states.codes[row];
    if (!pairs.has(pair)) pairs.set(pair, areaKey(areas.words[areas.codes[row]], states.words[states.codes[row]]));
    return pairs.get(pair);
  });
  placed.set(table, code(texts));
  return placed.get(table);
}

/** Year first seen of each kiln, NaN where it is not known. */
export const years = yearsSeen(kilns);
function yearsSeen(table) {
  const { words, codes } = table.coded("first_seen");
  const found = words.map((word) => (/^\d{4}/.test(word) ? Number(word.slice(0, 4)) : NaN));
  return Float64Array.from(codes, (at) => found[at]);
}

const only = (set, { words, codes }, among = (word) => set.has(word)) => {
  const passes = Uint8Array.from(words, (word) => (among(word) ? 1 : 0));
  return (row) => passes[codes[row]];
};

/** What each filter asks of the rows of a table, falsy if it asks nothing. */
const facets = {
  types: (table) => state.types.size < types.size && only(state.types, table.coded("type")),
  score: (table) => {
    const scores = table.numbers("score");
    return state.score > 0 && ((row) => scores[row] >= state.score);
  },
  years: (table) => {
    if (!state.years) return null;
    const seen = table === kilns ? years : yearsSeen(table);
    return (row) => seen[row] >= state.years[0] && seen[row] <= state.years[1];
  },
  countries: (table) => state.countries.size && only(state.countries, table.coded("country")),
  states: (table) => state.states.size && only(state.states, table.coded("state")),
  areas: (table) => state.areas.size && only(state.areas, areaCodes(table)),
  siting: (table) => state.siting.size && only(state.siting, table.coded("siting")),
  rules: (table) =>
    state.rules.size &&
    only(state.rules, table.coded("rules_broken"), (word) => word.split(" ").some((rule) => state.rules.has(rule))),
  changes: (table) => state.changes.size && only(state.changes, table.coded("change")),
};
export const FACETS = Object.keys(facets);

const fails = new Uint16Array(kilns.length);
let passed = null;

function mark(facet) {
  const bit = 1 << FACETS.indexOf(facet);
  const passes = facets[facet](kilns);
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

/** Rows of the kilns no longer found that pass the filters, all but `besides`. @returns {Uint32Array} */
export function passingGone(besides = null) {
  const asked = FACETS.filter((facet) => facet !== besides).map((facet) => facets[facet](extra.gone));
  const tests = asked.filter(Boolean);
  const rows = Uint32Array.from({ length: extra.gone.length }, (_, row) => row);
  return rows.filter((row) => tests.every((test) => test(row)));
}

/** Those of them that are on the map and in the table. */
export const shownGone = () => (state.layers.has("gone") ? passingGone() : new Uint32Array());

/** Number of kilns by code that pass all filters but `facet`, so that each choice tells what it would add. */
export function countsBy(facet, { words, codes }) {
  const bit = 1 << FACETS.indexOf(facet);
  const counts = new Uint32Array(words.length);
  for (let row = 0; row < fails.length; row++) if (!(fails[row] & ~bit)) counts[codes[row]]++;
  return new Map(words.map((word, at) => [word, counts[at]]));
}

/** How many kilns of now and before have each state of change, with all other filters. */
export function countsByChange() {
  const counts = countsBy("changes", kilns.coded("change"));
  for (const row of passingGone("changes")) {
    const word = extra.gone.get(row, "change");
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

export const isFiltered = () => passing().length < kilns.length || FACETS.some((facet) => facets[facet](kilns));

/** Name and colour of a type, also of one that no kiln has now. */
export const typeOf = (type) => types.get(type ?? "") ?? typesOf([type ?? ""]).get(type ?? "");

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
