// The same kilns as a table: sortable, and reachable by keyboard, which points on a map are not.

import { changeName } from "./changes.js";
import { extra, kilns } from "./data.js";
import { announce, byId, closeButton, el, ltr } from "./dom.js";
import { metres, number, percent, whole, worded } from "./format.js";
import { flyToKiln } from "./map.js";
import { openFacts } from "./panel.js";
import { FACETS, change, passing, shownGone, state, subscribe, typeOf } from "./state.js";
import { t } from "./words.js";

const PAGE = 100;
const COLUMNS = [
  { name: "id" },
  { name: "type", show: (type) => typeOf(type).name },
  { name: "score", show: percent, number: true },
  { name: "change", show: changeName },
  { name: "country" },
  { name: "state" },
  { name: "area" },
  { name: "pm25_t", show: number, number: true },
  { name: "siting", show: (siting) => worded("siting", siting) },
  { name: "length_m", show: metres, number: true },
  { name: "width_m", show: metres, number: true },
  { name: "first_seen", plain: true },
  { name: "last_seen", plain: true },
  { name: "people_1km", show: whole, number: true },
  { name: "schools_1km", show: whole, number: true },
  { name: "clinics_1km", show: whole, number: true },
  { name: "tile", plain: true },
];

let sorting = { name: kilns.has("score") ? "score" : "id", down: kilns.has("score") };
let page = 0;

export function makeTable(map) {
  const section = byId("table");
  const draw = () => !section.hidden && section.replaceChildren(...contents(map, draw));
  byId("table-button").addEventListener("click", () => {
    toggle(section.hidden);
    draw();
    if (!section.hidden) section.querySelector("tbody button")?.focus();
  });
  section.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      toggle(false);
      byId("table-button").focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event, section);
  });
  subscribe((changed) => {
    if (changed.has("layers") || FACETS.some((facet) => changed.has(facet))) {
      page = 0;
      draw();
    } else if (changed.has("selected")) mark(section);
  });
}

function toggle(open) {
  byId("table").hidden = !open;
  byId("table-button").setAttribute("aria-expanded", String(open));
  document.body.classList.toggle("has-table", open);
}

function contents(map, draw) {
  const columns = COLUMNS.filter(({ name }) => kilns.has(name));
  const [rows, lost] = [sorted(kilns, passing()), sorted(extra.gone, shownGone())]; // those no longer found come last
  const length = rows.length + lost.length;
  page = Math.min(page, Math.max(0, Math.ceil(length / PAGE) - 1));
  const close = () => {
    toggle(false);
    byId("table-button").focus();
  };
  const places = Array.from({ length: Math.min(PAGE, length - page * PAGE) }, (_, at) => page * PAGE + at);
  const lines = places.map((at) => (at < rows.length ? [kilns, rows[at]] : [extra.gone, lost[at - rows.length]]));
  const title = [t("kilns", { n: rows.length }), lost.length ? t("gone", { n: lost.length }) : ""].filter(Boolean);
  return [
    el(
      "div",
      { class: "table-top" },
      el("h2", {}, title.join(" · ")),
      length > PAGE ? pager(length, draw) : null,
      closeButton(t("table.close"), close),
    ),
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        { "aria-label": t("table.label") },
        el("thead", {}, el("tr", {}, ...columns.map((column) => header(column, draw)))),
        el("tbody", {}, ...lines.map(([table, row], index) => line(table, row, columns, map, index === 0))),
      ),
    ),
  ];
}

function pager(length, draw) {
  const last = Math.ceil(length / PAGE) - 1;
  const turn = (to, id) => () => {
    page = to;
    draw();
    const button = byId(id);
    if (button.disabled) byId("table").querySelector("tbody button")?.focus();
    else button.focus();
    announce(place());
  };
  const place = () => t("table.page", { from: page * PAGE + 1, to: Math.min(length, (page + 1) * PAGE), n: length });
  const button = (id, to, mark) =>
    el(
      "button",
      {
        type: "button",
        id,
        disabled: to < 0 || to > last,
        "aria-label": t(`table.${id.slice(5)}`),
        onclick: turn(to, id),
      },
      el("span", { class: "turn", "aria-hidden": "true" }, mark),
    );
  return el(
    "div",
    { class: "pager" },
    button("page-back", page - 1, "‹"),
    el("span", {}, place()),
    button("page-next", page + 1, "›"),
  );
}

function header({ name, number: numeric }, draw) {
  const active = sorting.name === name;
  const title = t(`column.${name}`);
  const onclick = () => {
    sorting = { name, down: active ? !sorting.down : Boolean(numeric) };
    page = 0;
    draw();
    byId("table").querySelector(`th[data-name="${name}"] button`).focus();
    announce(t(sorting.down ? "table.sorted_down" : "table.sorted_up", { column: title }));
  };
  const order = active ? (sorting.down ? "descending" : "ascending") : "none";
  return el(
    "th",
    { scope: "col", "data-name": name, "aria-sort": order, class: numeric ? "number" : null },
    el(
      "button",
      { type: "button", onclick },
      title,
      el("span", { "aria-hidden": "true" }, active ? (sorting.down ? " ↓" : " ↑") : ""),
    ),
  );
}

function line(table, row, columns, map, first) {
  const id = table.get(row, "id");
  const open = () => {
    if (table === kilns) change({ selected: id });
    else openFacts("gone", { row });
    flyToKiln(map, row, table);
  };
  const cells = columns.map(({ name, show, number: numeric, plain }) => {
    const value = table.get(row, name);
    if (name === "id") {
      const button = el("button", { type: "button", tabindex: first ? 0 : -1, onclick: open }, ltr(id));
      return el("th", { scope: "row" }, button);
    }
    const text = value === null || value === "" ? "–" : (show?.(value) ?? String(value));
    return el("td", { class: numeric ? "number" : null }, plain ? ltr(text) : el("bdi", {}, text));
  });
  return el("tr", { "data-id": id, "aria-current": id === state.selected ? "true" : null }, ...cells);
}

/** One row can be reached by Tab; the arrows move along the rows. */
function step(event, section) {
  const buttons = [...section.querySelectorAll("tbody button")];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0 && event.target.closest("thead") && event.key === "ArrowUp") return;
  const next = buttons[Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1))];
  event.preventDefault();
  if (!next) return;
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
}

function mark(section) {
  for (const one of section.querySelectorAll("tbody tr")) {
    if (one.dataset.id === state.selected) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
}

/** Rows by the chosen column; what is not known comes last, whichever way. */
function sorted(table, rows) {
  const { name, down } = sorting;
  const numeric = COLUMNS.find((column) => column.name === name).number;
  const { words, codes } = numeric ? {} : table.coded(name);
  const keys = numeric ? table.numbers(name) : codes;
  const unknown = (row) => (numeric ? Number.isNaN(keys[row]) : words[keys[row]] === "");
  const way = down ? -1 : 1;
  const known = rows.filter((row) => !unknown(row)).sort((a, b) => way * (keys[a] - keys[b]) || a - b);
  const rest = rows.filter(unknown);
  const all = new Uint32Array(rows.length);
  all.set(known);
  all.set(rest, known.length);
  return all;
}
