// Layers with their colours: the legend and the switches are one thing.

import { basemap, coverage, meta } from "./data.js";
import { el } from "./dom.js";
import { plural } from "./format.js";
import { change, state } from "./state.js";

export const STATUSES = {
  ok: { name: "Searched", note: "Clear imagery was found and searched." },
  empty: { name: "Searched, no candidate", note: "The whole tile was searched and nothing kiln-like was found." },
  cloudy: { name: "Too cloudy, not searched", note: "There was no clear look: kilns here would be missed." },
  failed: { name: "Failed, not searched", note: "The tile could not be processed: kilns here would be missed." },
};

/** @param {Set<string>} archives the layers that could be opened */
export function legend(archives) {
  const entries = [
    ["candidates", "Candidates of the screening", "candidates", !archives.has("candidates")],
    ["acquired", "Areas given a second look", "acquired", !archives.has("acquired")],
    ["coverage", "Tiles and coverage", "tiles", false],
    ["basemap", meta.synthetic ? "Synthetic image" : "Satellite image", "image", !basemap],
  ];
  return el(
    "fieldset",
    { class: "layers" },
    el("legend", {}, "Layers"),
    ...entries.flatMap(([layer, name, look, absent]) => [
      el(
        "label",
        { class: absent ? "absent" : null },
        el("input", {
          type: "checkbox",
          name: layer,
          checked: state.layers.has(layer) && !absent,
          disabled: absent,
          onchange: ({ target }) => toggle(layer, target.checked),
        }),
        el("i", { class: `patch ${look}` }),
        absent ? `${name} (not available)` : name,
      ),
      layer === "coverage" ? statusList() : null,
    ]),
  );
}

function toggle(layer, on) {
  const layers = new Set(state.layers);
  if (on) layers.add(layer);
  else layers.delete(layer);
  change({ layers });
}

/** How many tiles have which status: holes are named, not hidden. */
function statusList() {
  const tiles = coverage.features.map((feature) => feature.properties.status);
  const present = Object.keys(STATUSES).filter((status) => tiles.includes(status));
  return el(
    "ul",
    { class: "statuses" },
    ...present.map((status) => {
      const number = tiles.filter((one) => one === status).length;
      return el("li", {}, el("i", { class: `patch ${status}` }), `${STATUSES[status].name}: ${plural(number, "tile")}`);
    }),
  );
}
