// Names and colours of kiln types. The colours are told apart by colour-blind people, on fields and on soil.

import { t } from "./words.js";

const known = { FCBK: "#c8441b", CFCBK: "#8a3ffc", zigzag: "#1668c7", clamp: "#b0146b" };
const spare = ["#00796b", "#7a4a00", "#4d5b69", "#5d7a00"];

/** One entry per type in the data, in a fixed order. @param {string[]} names @returns {Map<string, {name: string, colour: string}>} */
export function typesOf(names) {
  let next = 0;
  const order = Object.keys(known);
  const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  const sorted = [...new Set(names)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return new Map(
    sorted.map((type) => [
      type,
      Object.hasOwn(known, type)
        ? { name: t(`type.${type}`), colour: known[type] }
        : { name: type || t("type.unknown"), colour: spare[next++ % spare.length] },
    ]),
  );
}
