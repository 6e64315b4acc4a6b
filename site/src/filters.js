// The card of search, filters and layers.

import { changeMark, changeName, changesThere } from "./changes.js";
import { chooser } from "./chooser.js";
import { extra, kilns, meta } from "./data.js";
import { announce, byId, closeButton, el, svg } from "./dom.js";
import { downloadCsv, downloadGeojson } from "./downloads.js";
import { percent } from "./format.js";
import { backgrounds, layerSwitches, measures } from "./legend.js";
import { searchBox } from "./search.js";
import { FACETS, SITING, areaCodes, change, countsBy, countsByChange, isFiltered, passing } from "./state.js";
import { shownGone, state, subscribe, toggled, types, unfiltered, years } from "./state.js";
import { count, t } from "./words.js";

export function makeFilters(map) {
  const shown = el("strong", { id: "shown" });
  const lost = el("p", { class: "small", id: "shown-gone" });
  const reset = el(
    "button",
    { type: "button", class: "quiet", onclick: () => change(unfiltered()) },
    t("filters.clear"),
  );
  byId("filters").append(
    closeButton(t("filters.close"), () => togglePhone(false)),
    searchBox(map),
    el("p", { class: "tally" }, shown, el("span", {}, t("filters.of", { n: kilns.length })), reset),
    lost,
    typeFilter(),
    ...[kilns.has("score") ? scoreFilter() : null, measures(), placeFilter(), sitingFilter(), changeFilter()].filter(Boolean),
    layerSwitches(),
    backgrounds(),
    el(
      "div",
      { class: "downloads" },
      el("span", { id: "download-label" }, t("download.title")),
      el("button", { type: "button", id: "csv", onclick: downloadCsv, "aria-describedby": "download-label" }, "CSV"),
      el(
        "button",
        { type: "button", id: "geojson", onclick: downloadGeojson, "aria-describedby": "download-label" },
        "GeoJSON",
      ),
    ),
  );
  byId("filters-button").addEventListener("click", () => togglePhone());
  const update = (changed) => {
    shown.textContent = count(passing().length);
    reset.hidden = !isFiltered();
    const n = shownGone().length;
    lost.textContent = n ? t("gone", { n }) : "";
    lost.hidden = !n;
    if (changed) announce(t("filters.shown", { shown: passing().length, n: kilns.length }));
  };
  subscribe((changed) => (changed.has("layers") || FACETS.some((facet) => changed.has(facet))) && update(changed));
  update();
}

/** On a phone the card is a sheet that is opened and closed. */
export function togglePhone(open = !document.body.classList.contains("has-filters")) {
  document.body.classList.toggle("has-filters", open);
  byId("filters-button").setAttribute("aria-expanded", String(open));
}

/** Boxes to tick, with how many kilns each adds. */
function ticks(facet, title, rows, counts, chosen) {
  const lines = rows.map(({ word, name, mark }) => {
    const number = el("output", { class: "number", "data-word": word });
    const box = el("input", {
      type: "checkbox",
      name: facet,
      value: word,
      onchange: ({ target }) => change({ [facet]: toggled(state[facet], word, target.checked) }),
    });
    return { word, box, number, label: el("label", {}, box, mark, el("span", {}, name), number) };
  });
  const update = () => {
    const now = counts();
    for (const { word, box, number } of lines) {
      box.checked = chosen(word);
      number.textContent = count(now.get(word) ?? 0);
    }
  };
  subscribe((changed) => FACETS.some((one) => changed.has(one)) && update());
  update();
  return el("fieldset", { class: facet }, el("legend", {}, title), ...lines.map(({ label }) => label));
}

function typeFilter() {
  const rows = [...types].map(([word, { name, colour }]) => ({
    word,
    name,
    mark: el("i", { class: "dot", style: { background: colour } }),
  }));
  const counts = () => countsBy("types", kilns.coded("type"));
  return ticks("types", t("filters.type"), rows, counts, (word) => state.types.has(word));
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
    value.textContent = state.score > 0 ? t("filters.or_more", { x: percent(state.score) }) : t("filters.any");
    slider.setAttribute("aria-valuetext", value.textContent);
    bars.forEach((bar, bin) => bar.classList.toggle("out", (bin + 1) / bars.length <= state.score));
  };
  subscribe((changed) => changed.has("score") && update());
  update();
  return el(
    "div",
    { class: "score" },
    el("label", { for: "score" }, t("score"), value),
    svg("svg", { viewBox: "0 0 200 32", preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars),
    slider,
  );
}

/** Bars of how many kilns have which score. */
function histogram(bins = 25) {
  const numbers = new Array(bins).fill(0);
  for (const score of kilns.numbers("score")) numbers[Math.min(bins - 1, Math.floor((score || 0) * bins))]++;
  const highest = Math.max(1, ...numbers);
  const width = 200 / bins;
  return numbers.map((number, bin) => {
    const height = number ? Math.max(2, (32 * number) / highest) : 0;
    return svg("rect", { x: bin * width + 0.5, y: 32 - height, width: width - 1, height, rx: 1 });
  });
}

/** A part of the card that is folded away until it is wanted, or in use. */
function folded(name, title, children, inUse) {
  const part = el("details", { class: "part", id: `part-${name}`, open: inUse }, el("summary", {}, title), ...children);
  return children.length ? part : null;
}

function placeFilter() {
  const several = (column) => kilns.has(column) && kilns.coded(column).words.filter(Boolean).length > 1;
  const children = [yearFilter()];
  if (several("country")) {
    const counts = () => countsBy("countries", kilns.coded("country"));
    children.push(chooser("countries", t("filters.country"), counts));
  }
  if (several("state"))
    children.push(chooser("states", t("filters.state"), () => countsBy("states", kilns.coded("state"))));
  if (several("area")) children.push(chooser("areas", t("filters.area"), () => countsBy("areas", areaCodes())));
  const inUse = state.years || state.countries.size || state.states.size || state.areas.size;
  return folded("place", t("filters.place"), children.filter(Boolean), Boolean(inUse));
}

function yearFilter() {
  const known = [...new Set(years)].filter(Number.isFinite).sort();
  if (known.length < 2) return null;
  const [first, last] = [known[0], known.at(-1)];
  const range = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const select = (name, at) =>
    el(
      "select",
      { id: `year-${name}`, "aria-label": t(`filters.year_${name}`), onchange: choose(at) },
      ...range.map((year) => el("option", { value: year }, String(year))),
    );
  const choose = (at) => (event) => {
    const chosen = state.years ? [...state.years] : [first, last];
    chosen[at] = Number(event.target.value);
    if (chosen[0] > chosen[1]) chosen[1 - at] = chosen[at];
    change({ years: chosen[0] === first && chosen[1] === last ? null : chosen });
  };
  const [from, to] = [select("from", 0), select("to", 1)];
  const update = () => {
    [from.value, to.value] = (state.years ?? [first, last]).map(String);
  };
  subscribe((changed) => changed.has("years") && update());
  update();
  return el("fieldset", { class: "years" }, el("legend", {}, t("filters.first_seen")), el("div", {}, from, "–", to));
}

function sitingFilter() {
  if (!kilns.has("siting")) return null;
  const counts = () => countsBy("siting", kilns.coded("siting"));
  const present = new Set(kilns.coded("siting").words);
  const rows = SITING.filter((word) => present.has(word)).map((word) => ({
    word,
    name: t(`siting.${word || "none"}`),
    mark: el("i", { class: `patch siting-${word || "none"}` }),
  }));
  const children = [ticks("siting", t("filters.siting"), rows, counts, (word) => state.siting.has(word))];
  const rules = [...new Set(kilns.coded("rules_broken").words.flatMap((word) => word.split(" ")))].filter(Boolean);
  if (rules.length) {
    const titles = new Map((meta.rules ?? []).map((rule) => [String(rule.id), rule.title]));
    const lines = rules.sort().map((word) => ({ word, name: el("bdi", {}, titles.get(word) || word), mark: null }));
    children.push(
      ticks(
        "rules",
        t("filters.rule"),
        lines,
        () => brokenBy(rules),
        (word) => state.rules.has(word),
      ),
    );
  }
  return folded("siting", t("filters.rules"), children, state.siting.size > 0 || state.rules.size > 0);
}

function changeFilter() {
  if (!kilns.has("change") && !extra.gone.length) return null;
  const rows = changesThere().map((word) => ({ word, name: changeName(word), mark: changeMark(word) }));
  const states = ticks("changes", t("filters.change"), rows, countsByChange, (word) => state.changes.has(word));
  let before = state.changes.has("gone");
  subscribe((changed) => {
    if (!changed.has("changes")) return;
    const asked = state.changes.has("gone") && !before; // then they are to be seen
    before = state.changes.has("gone");
    if (asked && !state.layers.has("gone")) change({ layers: toggled(state.layers, "gone", true) });
  });
  return folded("change", t("change.title"), rows.length ? [states] : [], state.changes.size > 0);
}

/** How many kilns break each rule, with all other filters. */
function brokenBy(rules) {
  const byWord = countsBy("rules", kilns.coded("rules_broken"));
  const numbers = new Map(rules.map((rule) => [rule, 0]));
  for (const [word, n] of byWord)
    for (const rule of word.split(" ")) if (rule) numbers.set(rule, numbers.get(rule) + n);
  return numbers;
}
