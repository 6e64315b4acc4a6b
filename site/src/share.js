// The address bar holds the view: #map=zoom/lat/lon&kiln=...&types=...&score=...&layers=... Whatever the address
// names that the map does not know is dropped.

import { extra, kilns } from "./data.js";
import { CHANGES, LAYERS, MEASURES, SITING, areaCodes, bases, change, state, subscribe, types, usualBase } from "./state.js";
import { languages, first, language, t } from "./words.js";

const usual = { layers: [...state.layers].sort().join() };

/** Filters that hold a set of words: name in the address, name in the state, words that there are. */
const SETS = [
  ["country", "countries", () => kilns.coded("country").words],
  ["state", "states", () => kilns.coded("state").words],
  ["area", "areas", () => areaCodes().words],
  ["siting", "siting", () => SITING],
  ["change", "changes", () => CHANGES],
  ["rule", "rules", () => kilns.coded("rules_broken").words.flatMap((word) => word.split(" "))],
];

/** Read the view from the address. @returns {{center?: [number, number], zoom?: number}} */
export function readAddress() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const values = {};
  if (parameters.has("types")) {
    values.types = new Set(parameters.getAll("types").filter((type) => types.has(type)));
  }
  const score = Number(parameters.get("score"));
  if (score > 0 && score <= 1) values.score = score;
  const years = (parameters.get("years") ?? "").match(/^(\d{4})-(\d{4})$/);
  if (years && years[1] <= years[2]) values.years = [Number(years[1]), Number(years[2])];
  for (const [name, key, known] of SETS) {
    if (!parameters.has(name)) continue;
    const words = new Set(known());
    values[key] = new Set(parameters.getAll(name).filter((word) => words.has(word)));
  }
  if (MEASURES.includes(parameters.get("show"))) values.measure = parameters.get("show");
  if (bases.includes(parameters.get("base"))) values.base = parameters.get("base");
  if (/^[a-z][a-z0-9_]{0,40}$/.test(parameters.get("metric") ?? "")) values.metric = parameters.get("metric");
  if (parameters.has("layers")) {
    const named = parameters.get("layers").split(",");
    values.layers = new Set(named.filter((layer) => LAYERS.includes(layer)));
  }
  const [lat, lon, km] = numbers(parameters.get("around"));
  if (Math.abs(lat) <= 85 && Math.abs(lon) <= 180 && km >= 1 && km <= 50) values.around = { lat, lon, km };
  if (kilns.rowOf.has(parameters.get("kiln"))) values.selected = parameters.get("kiln");
  change(values);
  const [zoom, north, east] = numbers(parameters.get("map"));
  const valid = zoom >= 0 && zoom <= 24 && Math.abs(north) <= 85 && Math.abs(east) <= 180;
  return valid ? { center: [east, north], zoom } : {};
}

/** The filters of other sources, whose names are known only when their table has been read. */
export function readSourceFilters() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const of = (column) => new Set(extra.sources.coded(column).words);
  const chosen = (name, words) => new Set(parameters.getAll(name).filter((word) => words.has(word)));
  const values = {};
  if (parameters.has("kind")) values.kinds = chosen("kind", of("kind"));
  if (parameters.has("status")) values.statuses = chosen("status", of("status"));
  return values;
}

const numbers = (text) => (text ?? "").split("/").map((part) => (part === "" ? NaN : Number(part)));

function described(map, spoken) {
  const { lng, lat } = map.getCenter();
  const parameters = new URLSearchParams();
  if (state.selected) parameters.set("kiln", state.selected);
  if (state.types.size < types.size) {
    for (const type of state.types) parameters.append("types", type);
    if (!state.types.size) parameters.set("types", "\u0000"); // no type at all
  }
  if (state.score > 0) parameters.set("score", String(state.score));
  if (state.years) parameters.set("years", state.years.join("-"));
  for (const [name, key] of SETS) for (const word of state[key]) parameters.append(name, word);
  if (state.measure !== "type") parameters.set("show", state.measure);
  if (state.kinds) {
    for (const kind of state.kinds) parameters.append("kind", kind);
    if (!state.kinds.size) parameters.set("kind", "\u0000");
  }
  for (const status of state.statuses) parameters.append("status", status);
  if (state.base !== usualBase) parameters.set("base", state.base);
  if (state.metric !== "kilns") parameters.set("metric", state.metric);
  const layers = [...state.layers].sort().join();
  if (layers !== usual.layers) parameters.set("layers", layers);
  if (state.around) parameters.set("around", [state.around.lat, state.around.lon, state.around.km].join("/"));
  if (spoken !== first) parameters.set("lang", spoken);
  const rest = parameters.toString();
  return `#map=${map.getZoom().toFixed(2)}/${lat.toFixed(5)}/${lng.toFixed(5)}${rest ? `&${rest}` : ""}`;
}

/** Keep the address up to date with the map and the state. */
export function writeAddress(map) {
  const write = () => {
    // replaceState on file:// is refused by some browsers; the map works without it
    try {
      history.replaceState(null, "", described(map, language.code));
    } catch {}
  };
  map.on("moveend", write);
  subscribe(write);
  write();
}

/** Show the same view in another language: all words are made anew. */
export function speakLanguage(map, code) {
  if (!languages.some((one) => one.code === code)) return;
  location.hash = described(map, code);
  location.reload();
}

/** Copy text; resolves to what is to be said about it. */
export async function copied(text) {
  return t((await copy(text)) ? "copied" : "copy_refused");
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
