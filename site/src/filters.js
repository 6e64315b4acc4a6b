// The card of search, filters and layers.

import { kilns } from "./data.js";
import { announce, byId, closeButton, el, svg } from "./dom.js";
import { count } from "./format.js";
import { downloadCsv } from "./csv.js";
import { legend } from "./legend.js";
import { searchBox } from "./search.js";
import { change, countsByType, isFiltered, passing, state, subscribe, types } from "./state.js";

export function makeFilters(map, archives) {
  const shown = el("strong", { id: "shown" });
  const reset = el("button", { type: "button", class: "quiet", onclick: clear }, "Clear");
  byId("filters").append(
    closeButton("Close filters", () => togglePhone(false)),
    searchBox(map),
    el("p", { class: "tally" }, shown, el("span", {}, ` of ${count(kilns.length)} kilns`), reset),
    typeFilter(),
    scoreFilter(),
    legend(archives),
    el("button", { type: "button", id: "csv", class: "wide", onclick: downloadCsv }, "Download these kilns (CSV)"),
  );
  byId("filters-button").addEventListener("click", () => togglePhone());
  const update = (changed) => {
    shown.textContent = count(passing().length);
    reset.hidden = !isFiltered();
    if (changed) announce(`${count(passing().length)} of ${count(kilns.length)} kilns shown`);
  };
  subscribe((changed) => (changed.has("types") || changed.has("score")) && update(changed));
  update();
}

/** On a phone the card is a sheet that is opened and closed. */
export function togglePhone(open = !document.body.classList.contains("has-filters")) {
  document.body.classList.toggle("has-filters", open);
  byId("filters-button").setAttribute("aria-expanded", String(open));
}

function clear() {
  change({ types: new Set(types.keys()), score: 0 });
}

function typeFilter() {
  const rows = [...types].map(([type, { name, colour }]) => {
    const number = el("output", { class: "number", "data-type": type });
    const box = el("input", {
      type: "checkbox",
      name: "type",
      value: type,
      onchange: ({ target }) => choose(type, target.checked),
    });
    const label = el(
      "label",
      {},
      box,
      el("i", { class: "dot", style: { background: colour } }),
      el("span", {}, name),
      number,
    );
    return { type, box, number, label };
  });
  const update = () => {
    const counts = countsByType();
    for (const { type, box, number } of rows) {
      box.checked = state.types.has(type);
      number.textContent = count(counts.get(type));
    }
  };
  subscribe(update);
  update();
  return el("fieldset", { class: "types" }, el("legend", {}, "Type"), ...rows.map(({ label }) => label));
}

function choose(type, on) {
  const chosen = new Set(state.types);
  if (on) chosen.add(type);
  else chosen.delete(type);
  change({ types: chosen });
}

function scoreFilter() {
  const value = el("output", { for: "score" });
  const slider = el("input", {
    id: "score",
    type: "range",
    min: 0,
    max: 1,
    step: 0.01,
    oninput: ({ target }) => change({ score: Number(target.value) }),
  });
  const bars = histogram();
  const update = () => {
    slider.value = String(state.score);
    value.textContent = state.score > 0 ? `${Math.round(100 * state.score)} % or more` : "any";
    slider.setAttribute("aria-valuetext", value.textContent);
    bars.forEach((bar, bin) => bar.classList.toggle("out", (bin + 1) / bars.length <= state.score));
  };
  subscribe(update);
  update();
  return el(
    "div",
    { class: "score" },
    el("label", { for: "score" }, "Score", value),
    svg("svg", { viewBox: "0 0 200 32", preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars),
    slider,
  );
}

/** Bars of how many kilns have which score. */
function histogram(bins = 25) {
  const numbers = new Array(bins).fill(0);
  for (const row of kilns.rows) numbers[Math.min(bins - 1, Math.floor((kilns.get(row, "score") ?? 0) * bins))]++;
  const highest = Math.max(1, ...numbers);
  const width = 200 / bins;
  return numbers.map((number, bin) => {
    const height = number ? Math.max(2, (32 * number) / highest) : 0;
    return svg("rect", { x: bin * width + 0.5, y: 32 - height, width: width - 1, height, rx: 1 });
  });
}
