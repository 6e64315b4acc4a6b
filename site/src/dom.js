// Elements are made here and only here, always from text: nothing in the data is ever parsed as HTML.

/**
 * Make an element. `on*` functions become listeners; false, null and undefined attributes are left out.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node|string|null|undefined)} children
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on") && typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {string} id @returns {HTMLElement} */
export const byId = (id) => document.getElementById(id);

/** Tell people who cannot see the screen. */
export function announce(text) {
  byId("status").textContent = text;
}

/** A close button in the corner of a sheet. */
export function closeButton(label, onclick) {
  return el("button", { type: "button", class: "close", "aria-label": label, onclick }, "×");
}

/** Ids and the like, which read from left to right in every language. */
export const ltr = (text) => el("bdi", { dir: "ltr" }, text);

/** A definition list of [name, value] pairs; pairs without a value are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!shown.length) return null;
  return el("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

/** A button that says for a moment what became of it. */
export function sayingButton(label, act, attributes = {}) {
  const onclick = async ({ currentTarget: button }) => {
    const said = await act();
    button.textContent = said;
    announce(said);
    setTimeout(() => (button.textContent = label), 1500);
  };
  return el("button", { type: "button", ...attributes, onclick }, label);
}

/** A save-as of text. */
export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
