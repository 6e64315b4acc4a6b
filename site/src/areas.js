// Areas coloured by a number, which people choose.

import { breaksOf, coloursOf, UNKNOWN } from "./classes.js";
import { extra, kilns, site } from "./data.js";
import { kilometres } from "./format.js";
import { POLLUTANTS, areaCodes, areaKey, state } from "./state.js";
import { t } from "./words.js";

/** Columns of areas that are told elsewhere or are no numbers to compare. */
const NO_METRICS = new Set(["area", "state", "country", "area_km2", "mapped", "breaks", "key", "row"]);

let given = null;
/** The areas as features; each knows how many kilns of the map break a rule, and how dense kilns are. */
export function areaFeatures() {
  if (given) return given;
  const broken = brokenByArea();
  const features = extra.areas.features.map(({ geometry, properties }, row) => {
    const key = areaKey(properties.area, properties.state);
    const more = { key, row };
    if (properties.area_km2 > 0) more.kilns_100km2 = (100 * properties.kilns) / properties.area_km2;
    if (broken) more.broken = broken.get(key) ?? 0;
    return { type: "Feature", id: row, geometry, properties: { ...properties, ...more } };
  });
  given = { type: "FeatureCollection", features };
  return given;
}

function brokenByArea() {
  if (!kilns.has("siting")) return null;
  const { words, codes } = areaCodes();
  const numbers = new Map();
  for (let row = 0; row < kilns.length; row++) {
    if (kilns.get(row, "siting") !== "breaks") continue;
    const key = words[codes[row]];
    numbers.set(key, (numbers.get(key) ?? 0) + 1);
  }
  return numbers;
}

/** Numbers that areas can be coloured by: [column, words]. */
export function metrics() {
  if (!extra.areas) return [];
  const properties = areaFeatures().features.map((feature) => feature.properties);
  const numeric = (column) => properties.some((one) => Number.isFinite(one[column]));
  const ours = ["kilns", "estimated", "kilns_100km2", ...POLLUTANTS.map((name) => `${name}_t`), "broken", "people_1km"];
  const labels = site.area_labels ?? {};
  const named = [...Object.keys(labels), ...Object.keys(properties[0] ?? {})];
  const told = (name) => ours.includes(name) || NO_METRICS.has(name) || /_(low|high|t|left_out)$/.test(name);
  const theirs = named.filter((name) => !told(name));
  return [...ours.filter((name) => !Object.hasOwn(labels, name)), ...new Set(theirs)]
    .filter(numeric)
    .map((name) => [name, metricTitle(name)]);
}

export function metricTitle(name) {
  if (Object.hasOwn(site.area_labels ?? {}, name)) return site.area_labels[name];
  const pollutant = POLLUTANTS.find((one) => name === `${one}_t`);
  if (pollutant) return t("metric.pollutant", { pollutant: t(`pollutant.${pollutant}`) });
  const near = name.match(/^(people|schools|clinics)_([125])km$/);
  if (near && name !== "people_1km") return `${t(`near.${near[1]}`)} · ${kilometres(Number(near[2]))}`;
  return ["kilns", "estimated", "kilns_100km2", "broken", "people_1km"].includes(name)
    ? t(`metric.${name}`)
    : name.replaceAll("_", " ");
}

/** Breaks and colours of what areas show now. */
export function areaScale() {
  const values = areaFeatures().features.map((feature) => feature.properties[state.metric] ?? NaN);
  const breaks = breaksOf(values);
  return { breaks, colours: coloursOf(breaks), missing: values.some((value) => !Number.isFinite(value)) };
}

/** Colour of areas as MapLibre takes it. */
export function areaPaint() {
  const { breaks, colours } = areaScale();
  const value = ["get", state.metric];
  const stepped = breaks.length
    ? ["step", value, colours[0], ...breaks.flatMap((limit, at) => [limit, colours[at + 1]])]
    : colours[0];
  return ["case", ["==", ["typeof", value], "number"], stepped, UNKNOWN];
}
