// Find a kiln by its id, an area or another source by its name, or a place by its coordinates.

import { areaFeatures } from "./areas.js";
import { changeName, goneIcon } from "./changes.js";
import { extra, kilns } from "./data.js";
import { announce, el } from "./dom.js";
import { position } from "./format.js";
import { coordinates } from "./geo.js";
import { flyTo, flyToKiln, showPlace } from "./map.js";
import { openFacts } from "./panel.js";
import { hollowIcon, shapeIcon } from "./shapes.js";
import { sourceKinds } from "./sources.js";
import { change, types } from "./state.js";
import { t } from "./words.js";

const MOST = 6;

export function searchBox(map) {
  const results = el("ul", { id: "results", hidden: true });
  const input = el("input", {
    type: "search",
    id: "search",
    placeholder: t("search.hint"),
    "aria-label": t("search.label"),
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => list(input, results, map),
    onkeydown: (event) => {
      if (event.key === "ArrowDown") results.querySelector("button")?.focus();
      else if (event.key === "Escape") hide(results);
      else return;
      event.preventDefault();
    },
  });
  results.addEventListener("keydown", (event) => step(event, input, results));
  const onsubmit = (event) => {
    event.preventDefault();
    list(input, results, map);
    results.querySelector("button")?.click();
  };
  return el("form", { role: "search", onsubmit }, input, results);
}

function hide(results) {
  results.hidden = true;
  results.replaceChildren();
}

function list(input, results, map) {
  const text = input.value.trim();
  hide(results);
  if (!text) return;
  const place = coordinates(text);
  const found = place
    ? [{ name: t("search.go", { place: position(...place) }), go: () => showPlace(map, ...place) }]
    : [...kilnsNamed(text, map), ...goneNamed(text, map), ...areasNamed(text), ...sourcesNamed(text, map)];
  const choices = found.map(({ mark, name, note, go }) => {
    const onclick = () => {
      hide(results);
      go();
    };
    return el(
      "button",
      { type: "button", onclick },
      mark,
      el("bdi", {}, name),
      note ? el("span", { class: "note" }, note) : null,
    );
  });
  const none = el("span", {}, t("search.none"));
  results.append(...(choices.length ? choices : [none]).map((choice) => el("li", {}, choice)));
  results.hidden = false;
  announce(choices.length ? t("search.results", { n: choices.length }) : none.textContent);
}

/** The first rows whose text contains `text`, those that start with it first. */
function matching(length, textOf, text) {
  const wanted = text.toLowerCase();
  const starts = [];
  const contains = [];
  for (let row = 0; row < length; row++) {
    const at = String(textOf(row) ?? "")
      .toLowerCase()
      .indexOf(wanted);
    if (at === 0) starts.push(row);
    else if (at > 0 && contains.length < MOST) contains.push(row);
    if (starts.length === MOST) break;
  }
  return [...starts, ...contains].slice(0, MOST);
}

function kilnsNamed(text, map) {
  return matching(kilns.length, (row) => kilns.get(row, "id"), text).map((row) => ({
    mark: el("i", { class: "dot", style: { background: types.get(kilns.get(row, "type") ?? "").colour } }),
    name: kilns.get(row, "id"),
    go: () => {
      change({ selected: kilns.get(row, "id") });
      flyToKiln(map, row);
    },
  }));
}

function goneNamed(text, map) {
  const { gone } = extra;
  return matching(gone.length, (row) => gone.get(row, "id"), text).map((row) => {
    const { shape, colour } = goneIcon(gone.get(row, "change"));
    return {
      mark: hollowIcon(shape, colour),
      name: gone.get(row, "id"),
      note: changeName(gone.get(row, "change")),
      go: () => {
        openFacts("gone", { row });
        flyToKiln(map, row, gone);
      },
    };
  });
}

function areasNamed(text) {
  if (!extra.areas) return [];
  const { features } = areaFeatures();
  return matching(features.length, (row) => features[row].properties.key, text).map((row) => ({
    mark: el("i", { class: "patch areas" }),
    name: features[row].properties.key,
    go: () => openFacts("areas", { row, fly: true }),
  }));
}

function sourcesNamed(text, map) {
  const { sources } = extra;
  const kinds = new Map(sourceKinds().map((kind) => [kind.name, kind]));
  return matching(sources.length, (row) => sources.get(row, "name"), text).map((row) => {
    const kind = kinds.get(sources.get(row, "kind") ?? "");
    return {
      mark: shapeIcon(kind.shape, kind.colour),
      name: sources.get(row, "name"),
      note: kind.title,
      go: () => {
        openFacts("sources", { row });
        flyTo(map, sources.get(row, "lon"), sources.get(row, "lat"), 12);
      },
    };
  });
}

function step(event, input, results) {
  const buttons = [...results.querySelectorAll("button")];
  const next = buttons.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  if (event.key === "Escape") {
    hide(results);
    input.focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    (buttons[next] ?? (next < 0 ? input : buttons.at(-1))).focus();
    event.preventDefault();
  }
}
