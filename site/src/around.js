// Add up around a point: what stands within some kilometres, by mouse or by coordinates typed in.

import { changeName, changesThere } from "./changes.js";
import { extra, kilns } from "./data.js";
import { byId, el, facts } from "./dom.js";
import { kilometres, position } from "./format.js";
import { circle, coordinates, within } from "./geo.js";
import { flyToBounds } from "./map.js";
import { onHide, show } from "./panel.js";
import { emissionsOf, heading, part } from "./parts.js";
import { kilnList } from "./sheets.js";
import { shapeIcon } from "./shapes.js";
import { sourceKinds } from "./sources.js";
import {
  FACETS,
  SITING,
  change,
  chosenSources,
  isFiltered,
  passing,
  state,
  subscribe,
  types,
} from "./state.js";
import { count, t } from "./words.js";

const MOST_KM = 50;
let isOpen = false;

export function makeAround(map) {
  const button = byId("around-button");
  button.addEventListener("click", () => open(map));
  onHide(() => {
    isOpen = false;
    document.body.classList.remove("has-around");
    button.setAttribute("aria-expanded", "false");
  });
  subscribe((changed) => {
    if (changed.has("selected") && state.selected && state.around) change({ around: null });
    if (isOpen && (FACETS.some((facet) => changed.has(facet)) || changed.has("kinds") || changed.has("around"))) tell();
  });
}

/** The tool, at the place in the address or in the middle of the map. */
export function open(map) {
  const { lng, lat } = map.getCenter();
  const place = state.around ?? { lon: round(lng), lat: round(lat), km: 5 };
  change({ selected: null });
  show(sheet(map, place));
  isOpen = true;
  document.body.classList.add("has-around");
  byId("around-button").setAttribute("aria-expanded", "true");
  change({ around: place });
}

const round = (x) => Number(x.toFixed(5));

/** A click on the map moves the point. */
export function moveTo({ lng, lat }) {
  change({ around: { ...state.around, lon: round(lng), lat: round(lat) } });
}

function sheet(map, { lon, lat, km }) {
  const place = el("input", { id: "around-place", autocomplete: "off", dir: "ltr", value: `${lat}, ${lon}` });
  const radius = el("input", { id: "around-km", type: "number", min: 1, max: MOST_KM, step: 1, value: km, dir: "ltr" });
  const fault = el("p", { id: "around-fault", class: "notice", role: "alert", hidden: true });
  const onsubmit = (event) => {
    event.preventDefault();
    const [at, reach] = [coordinates(place.value), Number(radius.value)];
    const wrong = !at ? "around.bad_place" : reach >= 1 && reach <= MOST_KM ? null : "around.bad_km";
    fault.hidden = !wrong;
    if (wrong) {
      fault.textContent = t(wrong, { km: MOST_KM });
      return;
    }
    change({ around: { lon: at[0], lat: at[1], km: reach } });
    const ring = circle(at[0], at[1], reach, 4);
    flyToBounds(map, [ring[3][0], ring[2][1], ring[1][0], ring[0][1]]);
  };
  return [
    heading(t("around")),
    el("p", {}, t("around.note")),
    el(
      "form",
      { class: "around", novalidate: true, onsubmit },
      el("label", { for: "around-place" }, t("around.place")),
      place,
      el("label", { for: "around-km" }, t("around.radius")),
      radius,
      el("button", { type: "submit" }, t("around.go")),
    ),
    fault,
    el("div", { id: "around-sums", role: "region", "aria-live": "polite", "aria-label": t("around.sums") }),
  ];
}

/** Sums of what stands within the circle: kilns that pass the filters, sources that are chosen. */
export function sums({ lon, lat, km }) {
  const found = within(kilns, passing(), lon, lat, km);
  const known = (column) => found.map(([row]) => kilns.get(row, column)).filter((value) => value !== null);
  const total = (column) => {
    if (column.endsWith("_left_out")) return found.length - known(column.replace("_left_out", "_t")).length;
    const values = known(column);
    return values.length ? values.reduce((sum, value) => sum + value, 0) : null; // unknown is not nothing
  };
  const tally = (column) => {
    const numbers = new Map();
    for (const [row] of found) {
      const word = kilns.get(row, column) ?? "";
      numbers.set(word, (numbers.get(word) ?? 0) + 1);
    }
    return numbers;
  };
  return { found, total, tally };
}

function tell() {
  const box = byId("around-sums");
  if (!box || !state.around) return;
  const place = byId("around-place");
  if (document.activeElement !== place) place.value = `${state.around.lat}, ${state.around.lon}`;
  const { found, total, tally } = sums(state.around);
  const emitted = facts(emissionsOf(total));
  const [byType, bySiting] = [tally("type"), tally("siting")];
  const typeRows = [...types].map(([type, { name }]) => [name, byType.has(type) ? count(byType.get(type)) : null]);
  const sitingRows = SITING.filter((word) => bySiting.has(word)).map((word) => [
    t(`siting.${word || "none"}`),
    count(bySiting.get(word)),
  ]);
  const byChange = tally("change");
  const changeRows = changesThere().map((word) => [changeName(word), byChange.has(word) ? count(byChange.get(word)) : null]);
  const where = t("around.within", {
    km: kilometres(state.around.km),
    place: position(state.around.lon, state.around.lat),
  });
  box.replaceChildren(
    ...[
      el(
        "p",
        { class: "tally" },
        el("strong", { id: "around-kilns" }, count(found.length)),
        el("span", {}, t("around.kilns", { n: found.length })),
      ),
      el("p", { class: "small" }, where, isFiltered() ? ` ${t("around.filtered")}` : ""),
      facts(typeRows),
      emitted ? part(t("emissions.title"), emitted, el("p", { class: "small" }, t("emissions.sum_note"))) : null,
      kilns.has("siting") ? part(t("siting.title"), facts(sitingRows)) : null,
      kilns.has("change") ? part(t("change.title"), facts(changeRows)) : null,
      part(t("layer.sources"), sourceSums()),
      found.length ? part(t("around.list"), kilnList(found)) : null,
    ].filter(Boolean),
  );
}

function sourceSums() {
  if (!extra.sources.length) return null;
  const { lon, lat, km } = state.around;
  const numbers = new Map();
  for (const [row] of within(extra.sources, chosenSources(), lon, lat, km)) {
    const name = extra.sources.get(row, "kind") ?? "";
    numbers.set(name, (numbers.get(name) ?? 0) + 1);
  }
  if (!numbers.size) return el("p", {}, t("around.no_sources"));
  const kinds = sourceKinds().filter(({ name }) => numbers.has(name));
  return el(
    "ul",
    { class: "plain" },
    ...kinds.map(({ name, title, shape, colour }) =>
      el(
        "li",
        {},
        shapeIcon(shape, colour),
        el("span", {}, title),
        el("span", { class: "number" }, count(numbers.get(name))),
      ),
    ),
  );
}
