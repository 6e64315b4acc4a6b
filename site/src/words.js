// Every word of the page, in the language that was chosen. The dictionaries are data (data/words.js).

import { spoken } from "./data.js";

export const languages = spoken.languages ?? [];

function chosen() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("lang");
  const of = (code) => languages.find((language) => language.code === code);
  return of(wanted) ?? of(spoken.first) ?? languages[0] ?? { code: "en", dir: "ltr", words: {} };
}

export const language = chosen();
export const first = spoken.first ?? "en";
export const rtl = language.dir === "rtl";

/** Numbers in Latin digits, grouped as the language does. */
export const locale = `${language.code}-u-nu-latn`;
const plurals = new Intl.PluralRules(language.code);
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });

export const count = (n) => whole.format(n);

export const known = (key) => Object.hasOwn(language.words, key);

/** The text for a key, with what stands in braces filled in; `n` chooses the plural form. */
export function t(key, values = {}) {
  let text = known(key) ? language.words[key] : key;
  if (typeof text === "object") text = text[plurals.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (brace, name) => (name in values ? isolate(values[name]) : brace));
}

/** Keep what is put into text of the other direction from turning it about. */
export function isolate(value) {
  const text = typeof value === "number" ? count(value) : String(value);
  if (!rtl) return text;
  return `${/^[\d\s.,:–−+%°≥<-]+$/.test(text) ? "\u2066" : "\u2068"}${text}\u2069`;
}

/** Put words where the page's own text belongs: `data-t` for content, `data-t-label` for names. */
export function speak(root) {
  document.documentElement.lang = language.code;
  document.documentElement.dir = language.dir;
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  }
}
