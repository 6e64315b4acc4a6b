// Sheets of what is not a kiln: candidates, tiles, sources, reports, areas, and kilns that share a place.

import { areaFeatures, metricTitle, metrics } from "./areas.js";
import { changeName, goneIcon } from "./changes.js";
import { extra, kilns } from "./data.js";
import { el, facts, ltr } from "./dom.js";
import { decimals, estimated, isNumber, kilometres, number, percent, position, squareKilometres, tonnes, whole, worded } from "./format.js";
import { within } from "./geo.js";
import { changeNotes, reportLine } from "./kiln.js";
import { flyToBounds } from "./map.js";
import { emissionsOf, heading, kind, meter, part } from "./parts.js";
import { reportFacts, reportIcon } from "./reports.js";
import { hollowIcon, shapeIcon } from "./shapes.js";
import { sourceKinds } from "./sources.js";
import { change, passing, typeOf, types } from "./state.js";
import { count, t } from "./words.js";

export function candidateSheet({ id, score, area_m2: area, elongation, tile }) {
  return [
    kind(el("i", { class: "dot candidates" }), t("candidate")),
    heading(`${t("candidate")} `, ltr(id ?? "")),
    el("p", {}, t("candidate.note")),
    meter(t("candidate.score"), score, t("candidate.score_of")),
    facts([
      [t("area.size"), isNumber(area) ? t("unit.m2", { x: count(area) }) : null],
      [t("candidate.elongation"), decimals(elongation, 2)],
      [t("tile"), tile && ltr(tile)],
    ]),
  ];
}

export function tileSheet(tile) {
  const known = ["ok", "empty", "cloudy", "failed"].includes(tile.status);
  return [
    kind(el("i", { class: `patch ${known ? tile.status : ""}` }), known ? t(`status.${tile.status}`) : tile.status),
    heading(`${t("tile")} `, ltr(tile.tile)),
    el("p", {}, tile.reason || (known ? t(`status.${tile.status}.note`) : "")),
    facts([
      [t("tile.kilns"), whole(tile.kilns)],
      [t("tile.candidates"), whole(tile.candidates)],
      [t("tile.looks"), decimals(tile.clear_looks, 1)],
      [t("area.size"), squareKilometres(tile.area_km2)],
      [t("tile.acquired"), squareKilometres(tile.acquired_km2)],
      [t("tile.dates"), tile.dates && ltr(tile.dates)],
    ]),
  ];
}

export function sourceSheet({ row }) {
  const of = (column) => extra.sources.get(row, column);
  const one = sourceKinds().find(({ name }) => name === (of("kind") ?? ""));
  const pollutants = ["pm25", "so2", "nox", "co", "bc", "co2"];
  return [
    kind(shapeIcon(one.shape, one.colour), one.title),
    heading(el("bdi", {}, of("name") || one.title)),
    facts([
      [t("source.status"), worded("source_status", of("status"))],
      [t("source.fuel"), of("fuel")],
      [
        t("source.capacity"),
        isNumber(of("capacity")) ? `${number(of("capacity"))} ${of("capacity_unit") ?? ""}` : null,
      ],
      [t("source.owner"), of("owner") && el("bdi", {}, of("owner"))],
      [t("kiln.place"), [of("state"), of("country")].filter(Boolean).join(", ")],
      [t("kiln.position"), position(of("lon"), of("lat"))],
      [t("source.year"), isNumber(of("year")) ? String(of("year")) : of("year")],
    ]),
    part(t("emissions.title"), facts(pollutants.map((name) => [t(`pollutant.${name}`), tonnes(of(`${name}_t`))]))),
    el("p", { class: "small" }, [of("source"), of("licence")].filter(Boolean).join(" · ")),
  ];
}

export function reportSheet({ row }) {
  const report = reportFacts(row);
  const { shape, colour } = reportIcon(report.saw);
  const open = () => change({ selected: report.kiln });
  return [
    kind(shapeIcon(shape, colour), t("report")),
    heading(reportLine(report)),
    report.verdict ? el("p", {}, worded("verdict", report.verdict)) : null,
    kilns.rowOf.has(report.kiln)
      ? el("p", {}, el("button", { type: "button", onclick: open }, t("kiln"), " ", ltr(report.kiln)))
      : null,
    el("p", { class: "small" }, t("report.note")),
  ];
}

/** A kiln that an earlier atlas has and this one has not. */
export function goneSheet({ row }) {
  const of = (column) => extra.gone.get(row, column);
  const { name, shape, colour } = goneIcon(of("change"));
  return [
    kind(hollowIcon(shape, colour), changeName(of("change"))),
    heading(`${t("kiln")} `, ltr(of("id"))),
    el("p", {}, t(`gone.note.${name}`)),
    facts([
      [t("column.type"), of("type") && typeOf(of("type")).name],
      [t("change.score_before"), percent(of("score"))],
      [t("kiln.place"), [of("area"), of("state"), of("country")].filter(Boolean).join(", ")],
      [t("kiln.position"), position(of("lon"), of("lat"))],
      [t("column.first_seen"), of("first_seen") && ltr(of("first_seen"))],
      [t("column.last_seen"), of("last_seen") && ltr(of("last_seen"))],
      [t("change.last_found"), of("last_found") && el("bdi", {}, of("last_found"))],
    ]),
    ...changeNotes(of("change"), of("reason")),
  ];
}

export function areaSheet({ row, fly }, map) {
  const feature = areaFeatures().features[row];
  const area = feature.properties;
  const bounds = boundsOf(feature.geometry);
  if (fly) setTimeout(() => flyToBounds(map, bounds, 11)); // when the sheet has taken its room
  for (const { id } of areaFeatures().features) map.setFeatureState({ source: "areas", id }, { chosen: id === row });
  const emitted = new Set(["kilns", "estimated", "kilns_100km2", "broken", "people_1km"]);
  const rest = metrics().filter(([name]) => !emitted.has(name) && !name.endsWith("_t"));
  const onlyThese = () => change({ areas: new Set([area.key]) });
  return [
    kind(el("i", { class: "patch areas" }), t("area")),
    heading(el("bdi", {}, area.area)),
    el("p", {}, [area.state, area.country].filter(Boolean).join(", ")),
    facts([
      [t("metric.kilns"), whole(area.kilns)],
      [t("metric.estimated"), estimated(area.estimated, area.estimated_low, area.estimated_high)],
      [t("area.size"), squareKilometres(area.area_km2)],
      [t("area.mapped"), percent(area.mapped)],
      [t("metric.kilns_100km2"), number(area.kilns_100km2)],
      [t("metric.broken"), whole(area.broken)],
      [t("metric.people_1km"), whole(area.people_1km)],
    ]),
    isNumber(area.estimated) ? el("p", { class: "small estimated" }, estimateNote(area.estimated_basis)) : null,
    part(
      t("emissions.title"),
      facts(emissionsOf((column) => area[column])),
      el("p", { class: "small" }, t("emissions.note")),
    ),
    part(t("area.more"), facts(rest.map(([name]) => [metricTitle(name), number(area[name])]))),
    el(
      "div",
      { class: "actions" },
      kilns.has("area") ? el("button", { type: "button", onclick: onlyThese }, t("area.only")) : null,
      el("button", { type: "button", onclick: () => flyToBounds(map, bounds, 13) }, t("area.zoom")),
    ),
  ];
}

/** How the number of kilns was estimated, and whether the area's own sample was too small for it. */
function estimateNote(basis) {
  const borrowed = basis === "model" || basis === "partly model" ? t("area.estimated.borrowed") : "";
  return [t("area.estimated.note"), borrowed].filter(Boolean).join(" ");
}

export function boundsOf(geometry) {
  const bounds = [180, 90, -180, -90];
  const visit = (value) => {
    if (typeof value[0] !== "number") return value.forEach(visit);
    bounds[0] = Math.min(bounds[0], value[0]);
    bounds[1] = Math.min(bounds[1], value[1]);
    bounds[2] = Math.max(bounds[2], value[0]);
    bounds[3] = Math.max(bounds[3], value[1]);
  };
  visit(geometry.coordinates);
  return bounds;
}

/** Kilns as buttons, with how far each is. @param {[number, number][]} found rows and km */
export function kilnList(found, most = 50) {
  const lines = found.slice(0, most).map(([row, km]) => {
    const id = kilns.get(row, "id");
    const { colour, name } = types.get(kilns.get(row, "type") ?? "");
    return el(
      "li",
      {},
      el("i", { class: "dot", title: name, style: { background: colour } }),
      el("button", { type: "button", class: "quiet", onclick: () => change({ selected: id }) }, ltr(id)),
      el("span", { class: "number" }, kilometres(km)),
    );
  });
  return [
    el("ul", { class: "plain" }, ...lines),
    found.length > most ? el("p", { class: "small" }, t("more", { n: found.length - most })) : null,
  ];
}

/** Kilns that stand on one place of the map, as in an edition with coarse places. */
export function groupSheet({ lon, lat }) {
  const found = within(kilns, passing(), lon, lat, 0.02);
  const many = kilns.has("length_m") ? null : el("p", {}, t("group.coarse"));
  return [heading(t("kilns", { n: found.length })), many, ...kilnList(found)];
}
