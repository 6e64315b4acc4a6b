// How values are written for people.

import { count, isolate, known, locale, t } from "./words.js";

export { count };

export const isNumber = (x) => typeof x === "number" && Number.isFinite(x);
const significant = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const fixed = (n) => new Intl.NumberFormat(locale, { minimumFractionDigits: n, maximumFractionDigits: n });
const unit = (name, text) => t(`unit.${name}`, { x: text });

export const percent = (x) => (isNumber(x) ? isolate(unit("percent", count(100 * x))) : null);
/** A probability, never quite 0 or 100 %. */
export const chance = (x) => (x < 0.01 ? `<${percent(0.01)}` : x > 0.99 ? `>${percent(0.99)}` : percent(x));
/** "89–99 %" */
export const percents = (low, high) => isolate(`${count(100 * low)}–${count(100 * high)} %`);
export const metres = (x) => (isNumber(x) ? unit("m", count(x)) : null);
export const kilometres = (x) => (isNumber(x) ? unit("km", significant.format(x)) : null);
export const number = (x) => (isNumber(x) ? significant.format(x) : null);
/** Short, for circles on the map: 1.2K. */
export const short = (x) => compact.format(x);
export const decimals = (x, n) => (isNumber(x) ? fixed(n).format(x) : null);
export const whole = (x) => (isNumber(x) ? count(x) : null);
export const length = (m) => (isNumber(m) ? (m >= 1000 ? kilometres(m / 1000) : metres(m)) : null);

/** A whole number and the range in which the truth lies with 95 % probability, which may have no upper end: 67 (67–100). */
export function estimated(x, low, high) {
  if (!isNumber(x)) return null;
  if (!isNumber(low)) return count(x);
  const range = isNumber(high) ? isolate(`${count(low)}–${count(high)}`) : t("legend.from", { x: count(low) });
  return `${count(x)} (${range})`;
}

export function squareKilometres(x) {
  return isNumber(x) ? unit("km2", x >= 100 ? count(x) : decimals(x, 1)) : null;
}

/** Tonnes a year, with the range in which the truth lies with 95 % probability, if it is given. */
export function tonnes(x, low, high) {
  if (!isNumber(x)) return null;
  const text = unit("t", significant.format(x));
  if (!isNumber(low) || !isNumber(high)) return text;
  return `${text} (${isolate(`${significant.format(low)}–${significant.format(high)}`)})`;
}

/** "2023-11-02 to 2024-01-10", or as much of it as is known. */
export function period(first, last) {
  if (!first && !last) return null;
  if (!first || !last || first === last) return isolate(first || last);
  return t("period", { first, last });
}

const points = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];

/** "32° (NE–SW)": the long axis of a kiln has no front, hence two compass points. */
export function axis(degrees) {
  if (!isNumber(degrees)) return null;
  const one = Math.round(degrees / 45) % 8;
  return isolate(`${count(degrees)}° (${points[one]}–${points[(one + 4) % 8]})`);
}

export function position(lon, lat) {
  return isNumber(lon) && isNumber(lat) ? isolate(`${lat.toFixed(5)}, ${lon.toFixed(5)}`) : null;
}

/** A word of the data in the language of the page, if the dictionary has it; else as it is. */
export function worded(family, word) {
  const key = `${family}.${String(word).replaceAll(/[ -]/g, "_")}`;
  return word && known(key) ? t(key) : String(word ?? "");
}
