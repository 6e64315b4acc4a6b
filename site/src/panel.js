// The sheet that says all that is known of one kiln, candidate or tile.

import { chipOf, kilns } from "./data.js";
import { announce, byId, closeButton, el, facts } from "./dom.js";
import { axis, count, decimals, isNumber, metres, percent, period, position, squareKilometres } from "./format.js";
import { copy } from "./share.js";
import { change, state, subscribe, types } from "./state.js";
import { STATUSES } from "./legend.js";

let openedFrom = null; // where the keyboard goes back to

export function makePanel() {
  subscribe((changed) => {
    if (!changed.has("selected")) return;
    const row = kilns.byId.get(state.selected);
    if (row === undefined) hide();
    else show(kilnSheet(row));
  });
  byId("panel").addEventListener("keydown", ({ key }) => key === "Escape" && close());
}

/** Show facts of something that is not a kiln; nothing closes the sheet. */
export function openFacts(kind, properties) {
  change({ selected: null });
  if (kind === "candidates") show(candidateSheet(properties));
  else if (kind === "coverage") show(tileSheet(properties));
}

function close() {
  change({ selected: null });
  hide();
  openedFrom?.focus();
}

function hide() {
  byId("panel").hidden = true;
  document.body.classList.remove("has-panel");
}

function show(children) {
  const panel = byId("panel");
  if (panel.hidden) openedFrom = document.activeElement;
  panel.replaceChildren(closeButton("Close", close), ...children.filter(Boolean));
  panel.hidden = false;
  panel.scrollTop = 0;
  document.body.classList.add("has-panel");
  byId("panel-title").focus({ preventScroll: true });
}

const heading = (text) => el("h2", { id: "panel-title", tabindex: -1 }, text);

function kilnSheet(row) {
  const of = (column) => kilns.get(row, column);
  const id = of("id");
  const type = types.get(of("type"));
  const size = isNumber(of("length_m")) ? `${metres(of("length_m"))} × ${metres(of("width_m"))}` : null;
  const chip = chipOf(row);
  const rights = [of("provider"), of("licence")].filter(Boolean).join(", ");
  return [
    chip &&
      el(
        "figure",
        { class: "chip" },
        el("img", {
          src: chip,
          alt: `Image of kiln ${id} from above`,
          onerror: ({ target }) => target.closest("figure").remove(),
        }),
        el("figcaption", {}, of("attribution") || rights),
      ),
    el("p", { class: "kind" }, el("i", { class: "dot", style: { background: type.colour } }), type.name),
    heading(`Kiln ${id}`),
    meter("Score", of("score"), "of both stages together"),
    facts([
      ["Size", size],
      ["Long axis", axis(of("azimuth_deg"))],
      ["Position", position(of("lon"), of("lat"))],
      ["Seen", period(of("first_seen"), of("last_seen"))],
      ["Screening score", percent(of("screen_score"))],
      ["Detections merged", isNumber(of("detections")) ? count(of("detections")) : null],
      ["Schools within 1 km", isNumber(of("schools_1km")) ? count(of("schools_1km")) : null],
      ["People within 1 km", isNumber(of("population_1km")) ? count(of("population_1km")) : null],
      ["Tile", of("tile")],
      ["Imagery", rights],
      ["Attribution", chip ? null : of("attribution")],
    ]),
    el(
      "div",
      { class: "actions" },
      copyButton("Copy id", () => id),
      copyButton("Copy link", () => location.href),
    ),
  ];
}

function copyButton(label, text) {
  const onclick = async ({ currentTarget: button }) => {
    const done = (await copy(text())) ? "Copied" : "Copying was refused";
    button.textContent = done;
    announce(done);
    setTimeout(() => (button.textContent = label), 1500);
  };
  return el("button", { type: "button", onclick }, label);
}

function meter(name, value, of) {
  if (!isNumber(value)) return null;
  return el(
    "div",
    { class: "meter" },
    el("span", { class: "meter-value" }, percent(value)),
    el("span", { class: "meter-name" }, el("strong", {}, name), ` ${of}`),
    el("span", { class: "meter-bar", "aria-hidden": "true" }, el("i", { style: { width: `${100 * value}%` } })),
  );
}

function candidateSheet({ id, score, area_m2: area, elongation, tile }) {
  return [
    el("p", { class: "kind" }, el("i", { class: "dot candidates" }), "Candidate"),
    heading(`Candidate ${id ?? ""}`),
    el(
      "p",
      {},
      "Screening found this place kiln-like in Sentinel-2. Only what the second look confirms becomes a kiln.",
    ),
    meter("Screening score", score, "of the pixels"),
    facts([
      ["Area", isNumber(area) ? `${count(area)} m²` : null],
      ["Elongation", decimals(elongation, 2)],
      ["Tile", tile],
    ]),
  ];
}

function tileSheet(tile) {
  const status = (Object.hasOwn(STATUSES, tile.status) && STATUSES[tile.status]) || { name: tile.status, note: "" };
  return [
    el(
      "p",
      { class: "kind" },
      el("i", { class: `patch ${Object.hasOwn(STATUSES, tile.status) ? tile.status : ""}` }),
      status.name,
    ),
    heading(`Tile ${tile.tile}`),
    el("p", {}, tile.reason || status.note),
    facts([
      ["Kilns", isNumber(tile.kilns) ? count(tile.kilns) : null],
      ["Candidates", isNumber(tile.candidates) ? count(tile.candidates) : null],
      ["Clear looks", decimals(tile.clear_looks, 1)],
      ["Area", squareKilometres(tile.area_km2)],
      ["Second look at", squareKilometres(tile.acquired_km2)],
      ["Dates", tile.dates],
    ]),
  ];
}
