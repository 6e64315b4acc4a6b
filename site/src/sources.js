// Other sources of pollution: points by kind.

import { collection } from "./boxes.js";
import { extra } from "./data.js";
import { worded } from "./format.js";
import { drawn, SHAPES } from "./shapes.js";
import { chosenSources } from "./state.js";

const COLOURS = ["#33414e", "#6a3d9a", "#00695c", "#9c5a00", "#1f5fa8", "#8c1d4f", "#4f6b00", "#5a4a42"];

/** Kinds in the data, most frequent first, each with shape, colour and number. */
export function sourceKinds() {
  const { words, codes } = extra.sources.coded("kind");
  const numbers = new Array(words.length).fill(0);
  for (const at of codes) numbers[at]++;
  return words
    .map((name, at) => ({ name, number: numbers[at] }))
    .sort((a, b) => b.number - a.number || (a.name < b.name ? -1 : 1))
    .map((kind, at) => ({
      ...kind,
      title: worded("kind", kind.name) || worded("kind", "other"),
      shape: Object.keys(SHAPES)[at % Object.keys(SHAPES).length],
      colour: COLOURS[at % COLOURS.length],
    }));
}

export const iconOf = ({ shape, colour }) => drawn(shape, colour);

export function sourceFeatures() {
  const { sources } = extra;
  return collection(
    chosenSources().map((row) => ({
      type: "Feature",
      properties: { row, icon: `source-${sources.get(row, "kind") ?? ""}` },
      geometry: { type: "Point", coordinates: [sources.get(row, "lon"), sources.get(row, "lat")] },
    })),
  );
}
