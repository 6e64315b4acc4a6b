// Layers with their colours: the legend and the switches are one thing.

import { areaScale, metrics } from "./areas.js";
import { chooser } from "./chooser.js";
import { GONE_ICONS, changeColour, changeName, changesThere } from "./changes.js";
import { coloursOf, UNKNOWN } from "./classes.js";
import { extra, kilns, meta, offers } from "./data.js";
import { el } from "./dom.js";
import { boundariesNote } from "./parts.js";
import { number, worded } from "./format.js";
import { scaleOf } from "./points.js";
import { REPORT_ICONS } from "./reports.js";
import { hollowIcon, shapeIcon } from "./shapes.js";
import { sourceKinds } from "./sources.js";
import { FACETS, MEASURES, bases, change, chosenSources, passingGone, state, subscribe, toggled } from "./state.js";
import { count, t } from "./words.js";

export const STATUSES = ["ok", "empty", "cloudy", "failed"];

/** Switches of the layers that this map has. */
export function layerSwitches() {
  const entries = [
    ["gone", "gone", goneLegend],
    ["areas", "areas", areaLegend],
    ["sources", "sources", sourceLegend],
    ["reports", "reports", reportLegend],
    ["candidates", "candidates", null],
    ["acquired", "acquired", null],
    ["coverage", "tiles", statusList],
    ["boundaries", "borders", null],
  ].filter(([layer]) => offers(layer));
  if (!entries.length) return "";
  return el(
    "fieldset",
    { class: "layers" },
    el("legend", {}, t("layers")),
    ...entries.flatMap(([layer, look, more]) => {
      const box = el("input", {
        type: "checkbox",
        name: layer,
        onchange: ({ target }) => change({ layers: toggled(state.layers, layer, target.checked) }),
      });
      const below = more?.() ?? null;
      const update = () => {
        box.checked = state.layers.has(layer);
        if (below && layer !== "coverage") below.hidden = !box.checked;
      };
      subscribe((changed) => changed.has("layers") && update());
      update();
      return [el("label", {}, box, el("i", { class: `patch ${look}` }), el("span", {}, t(`layer.${layer}`))), below];
    }),
  );
}

/** How many tiles have which status: holes are named, not hidden. */
function statusList() {
  const tiles = extra.coverage.features.map((feature) => feature.properties.status);
  const present = STATUSES.filter((status) => tiles.includes(status));
  return el(
    "ul",
    { class: "legend" },
    ...present.map((status) => {
      const n = tiles.filter((one) => one === status).length;
      return el(
        "li",
        {},
        el("i", { class: `patch ${status}` }),
        t("layer.tiles", { status: t(`status.${status}`), n }),
      );
    }),
  );
}

function classList(breaks, colours, missing, look) {
  const limits = [null, ...breaks];
  const words = colours.map((_, at) => {
    const [from, to] = [limits[at], breaks[at]];
    if (from === null) return to === undefined ? t("legend.all") : t("legend.below", { x: number(to) });
    return to === undefined
      ? t("legend.from", { x: number(from) })
      : t("legend.between", { from: number(from), to: number(to) });
  });
  const lines = colours.map((colour, at) => [colour, words[at]]);
  if (missing) lines.push([UNKNOWN, t("legend.missing")]);
  return lines.map(([colour, text]) => el("li", {}, el("i", { class: look, style: { background: colour } }), text));
}

function areaLegend() {
  const offered = metrics();
  if (!offered.some(([name]) => name === state.metric)) change({ metric: offered[0]?.[0] ?? "kilns" });
  const list = el("ul", { class: "legend classes" });
  const select = el(
    "select",
    { id: "metric", "aria-label": t("layer.metric"), onchange: ({ target }) => change({ metric: target.value }) },
    ...offered.map(([name, title]) => el("option", { value: name }, title)),
  );
  const update = () => {
    select.value = state.metric;
    const { breaks, colours, missing } = areaScale();
    list.replaceChildren(...classList(breaks, colours, missing, "patch"));
  };
  subscribe((changed) => changed.has("metric") && update());
  update();
  return el("div", { class: "below" }, select, list);
}

function sourceLegend() {
  const kinds = sourceKinds();
  const all = new Set(kinds.map(({ name }) => name));
  const lines = kinds.map((kind) => {
    const box = el("input", {
      type: "checkbox",
      name: "kinds",
      value: kind.name,
      onchange: ({ target }) => {
        const chosen = toggled(state.kinds ?? all, kind.name, target.checked);
        change({ kinds: chosen.size === all.size ? null : chosen });
      },
    });
    const n = el("output", { class: "number" });
    return {
      kind,
      box,
      n,
      label: el("label", {}, box, shapeIcon(kind.shape, kind.colour), el("span", {}, kind.title), n),
    };
  });
  const update = () => {
    const numbers = new Map();
    for (const row of chosenSources()) {
      const name = extra.sources.get(row, "kind") ?? "";
      numbers.set(name, (numbers.get(name) ?? 0) + 1);
    }
    for (const { kind, box, n } of lines) {
      box.checked = !state.kinds || state.kinds.has(kind.name);
      n.textContent = count(box.checked ? (numbers.get(kind.name) ?? 0) : 0);
    }
  };
  subscribe((changed) => (changed.has("kinds") || changed.has("statuses")) && update());
  update();
  return el("div", { class: "below" }, ...lines.map(({ label }) => label), statusChooser());
}

function statusChooser() {
  const { words, codes } = extra.sources.coded("status");
  if (words.filter(Boolean).length < 2) return null;
  const numbers = new Map(words.map((word) => [word, 0]));
  for (const at of codes) numbers.set(words[at], numbers.get(words[at]) + 1);
  return chooser(
    "statuses",
    t("layer.source_status"),
    () => numbers,
    (word) => worded("source_status", word),
  );
}

function reportLegend() {
  return el(
    "ul",
    { class: "legend" },
    ...REPORT_ICONS.map(({ name, shape, colour }) =>
      el("li", {}, shapeIcon(shape, colour), t(`saw.${name.replace("-", "_")}`)),
    ),
  );
}

/** Marks of kilns no longer found, and how many of each pass the filters. */
function goneLegend() {
  const there = new Set(extra.gone.coded("change").words);
  const lines = GONE_ICONS.filter(({ name }) => there.has(name)).map(({ name, shape, colour }) => {
    const n = el("output", { class: "number" });
    return { name, n, line: el("li", {}, hollowIcon(shape, colour), changeName(name), n) };
  });
  const update = () => {
    const words = Array.from(passingGone(), (row) => extra.gone.get(row, "change"));
    for (const { name, n } of lines) n.textContent = count(words.filter((word) => word === name).length);
  };
  subscribe((changed) => FACETS.some((facet) => changed.has(facet)) && update());
  update();
  return el("ul", { class: "legend" }, ...lines.map(({ line }) => line));
}

/** What circles show: the type, what changed, or how much of a pollutant a kiln emits. */
export function measures() {
  if (MEASURES.length < 2) return null;
  const select = el(
    "select",
    { id: "measure", onchange: ({ target }) => change({ measure: target.value }) },
    ...MEASURES.map((name) => el("option", { value: name }, measureName(name))),
  );
  const list = el("ul", { class: "legend classes" });
  const update = () => {
    select.value = state.measure;
    list.hidden = state.measure === "type";
    if (list.hidden) return;
    if (state.measure === "change") return list.replaceChildren(...changeList());
    const { breaks, values } = scaleOf(state.measure);
    list.replaceChildren(...classList(breaks, coloursOf(breaks), values.some(Number.isNaN), "dot"));
  };
  subscribe((changed) => changed.has("measure") && update());
  update();
  return el("div", { class: "measure" }, el("label", { for: "measure" }, t("measure")), select, list);
}

const measureName = (name) =>
  name === "type" || name === "change"
    ? t(`measure.${name}`)
    : t("measure.pollutant", { pollutant: t(`pollutant.${name}`) });

function changeList() {
  const there = new Set(kilns.coded("change").words);
  const words = changesThere().filter((word) => there.has(word));
  return words.map((word) =>
    el("li", {}, el("i", { class: "dot", style: { background: changeColour(word) } }), changeName(word)),
  );
}

/** Light, dark, the screen's picture, or the satellite service if one was configured. */
export function backgrounds() {
  const boxes = bases.map((base) => {
    const box = el("input", { type: "radio", name: "base", value: base, onchange: () => change({ base }) });
    const name = base === "picture" && meta.synthetic ? "synthetic" : base;
    return [base, box, el("label", {}, box, el("span", {}, t(`base.${name}`)))];
  });
  const update = () => boxes.forEach(([base, box]) => (box.checked = state.base === base));
  subscribe((changed) => changed.has("base") && update());
  update();
  const note = bases.includes("satellite") ? el("p", { class: "small" }, t("base.network")) : null;
  return el(
    "fieldset",
    { class: "bases" },
    el("legend", {}, t("base")),
    el("div", {}, ...boxes.map(([, , label]) => label)),
    note,
    boundariesNote() ? el("p", { class: "small" }, boundariesNote()) : null,
  );
}
