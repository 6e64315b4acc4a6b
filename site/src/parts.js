// Pieces that several sheets are made of.

import { site } from "./data.js";
import { el } from "./dom.js";
import { isNumber, percent, tonnes } from "./format.js";
import { POLLUTANTS } from "./state.js";
import { t } from "./words.js";

/** What is said of the lines of countries: the user's words, or ours where there are none. */
export const boundariesNote = () => (site.boundaries_note === null ? t("boundaries.note") : site.boundaries_note);

export const kind = (mark, text) => el("p", { class: "kind" }, mark, text);
export const heading = (...children) => el("h2", { id: "panel-title", tabindex: -1 }, ...children);
export const part = (title, ...children) => {
  const shown = children.flat().filter(Boolean);
  return shown.length ? el("section", { class: "sheet-part" }, el("h3", {}, title), ...shown) : null;
};

export function meter(name, value, of, more = null) {
  if (!isNumber(value)) return null;
  return el(
    "div",
    { class: "meter" },
    el("span", { class: "meter-value" }, percent(value)),
    el("span", { class: "meter-name" }, el("strong", {}, name), ` ${of} `, more),
    el("span", { class: "meter-bar", "aria-hidden": "true" }, el("i", { style: { width: `${100 * value}%` } })),
  );
}

/**
 * A table of emissions: pollutant, median, range, and how many kilns a sum does not hold.
 * @param {(column: string) => number|null} of
 */
export function emissionsOf(of) {
  return POLLUTANTS.map((name) => {
    const told = tonnes(of(`${name}_t`), of(`${name}_t_low`), of(`${name}_t_high`));
    const without = of(`${name}_left_out`);
    return [t(`pollutant.${name}`), told && without ? `${told}, ${t("emissions.left_out", { n: without })}` : told];
  });
}

/** Rows of numbers with a heading for each column; rows without any number are left out. */
export function grid(heads, rows) {
  const shown = rows.filter(([, ...values]) => values.some((value) => value !== null));
  if (!shown.length) return null;
  return el(
    "table",
    { class: "grid" },
    el("thead", {}, el("tr", {}, el("td", {}), ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el(
      "tbody",
      {},
      ...shown.map(([name, ...values]) =>
        el("tr", {}, el("th", { scope: "row" }, name), ...values.map((value) => el("td", {}, value ?? "–"))),
      ),
    ),
  );
}
