// The same kilns as a table: sortable, and reachable by keyboard, which points on a map are not.

import { kilns } from "./data.js";
import { announce, byId, closeButton, el } from "./dom.js";
import { count, metres, percent, plural } from "./format.js";
import { flyToKiln } from "./map.js";
import { change, passing, state, subscribe, types } from "./state.js";

const PAGE = 100;
const COLUMNS = [
  { name: "id", title: "Kiln" },
  { name: "type", title: "Type", show: (type) => types.get(type).name },
  { name: "score", title: "Score", show: percent, number: true },
  { name: "length_m", title: "Length", show: metres, number: true },
  { name: "width_m", title: "Width", show: metres, number: true },
  { name: "first_seen", title: "First seen" },
  { name: "last_seen", title: "Last seen" },
  { name: "schools_1km", title: "Schools in 1 km", show: count, number: true },
  { name: "population_1km", title: "People in 1 km", show: count, number: true },
  { name: "tile", title: "Tile" },
];

let sorting = { name: "score", down: true };
let limit = PAGE;

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
    if (changed.has("types") || changed.has("score")) draw();
    else if (changed.has("selected")) mark(section);
  });
}

function toggle(open) {
  byId("table").hidden = !open;
  byId("table-button").setAttribute("aria-expanded", String(open));
  document.body.classList.toggle("has-table", open);
}

function contents(map, draw) {
  const columns = COLUMNS.filter(({ name }) => kilns.names.includes(name));
  const rows = sorted(passing());
  const more = () => {
    limit += PAGE;
    draw();
  };
  const close = () => {
    toggle(false);
    byId("table-button").focus();
  };
  return [
    el("div", { class: "table-top" }, el("h2", {}, plural(rows.length, "kiln")), closeButton("Close the table", close)),
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, ...columns.map((column) => header(column, draw)))),
        el("tbody", {}, ...rows.slice(0, limit).map((row, index) => line(row, columns, map, index === 0))),
      ),
      rows.length > limit ? el("button", { type: "button", class: "wide", onclick: more }, `Show ${PAGE} more`) : null,
    ),
  ];
}

function header({ name, title, number }, draw) {
  const active = sorting.name === name;
  const onclick = () => {
    sorting = { name, down: active ? !sorting.down : Boolean(number) };
    draw();
    byId("table").querySelector(`th[data-name="${name}"] button`).focus();
    announce(`Sorted by ${title}, ${sorting.down ? "descending" : "ascending"}`);
  };
  const order = active ? (sorting.down ? "descending" : "ascending") : "none";
  return el(
    "th",
    { scope: "col", "data-name": name, "aria-sort": order, class: number ? "number" : null },
    el(
      "button",
      { type: "button", onclick },
      title,
      el("span", { "aria-hidden": "true" }, active ? (sorting.down ? " ↓" : " ↑") : ""),
    ),
  );
}

function line(row, columns, map, first) {
  const id = kilns.get(row, "id");
  const open = () => {
    change({ selected: id });
    flyToKiln(map, row);
  };
  const cells = columns.map(({ name, show, number }) => {
    const value = kilns.get(row, name);
    if (name === "id") {
      return el("th", { scope: "row" }, el("button", { type: "button", tabindex: first ? 0 : -1, onclick: open }, id));
    }
    return el(
      "td",
      { class: number ? "number" : null },
      value === null || value === "" ? "–" : (show?.(value) ?? String(value)),
    );
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
  for (const line of section.querySelectorAll("tbody tr")) {
    if (line.dataset.id === state.selected) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }
}

function sorted(rows) {
  const { name, down } = sorting;
  const way = down ? -1 : 1;
  const compare = (a, b) => {
    const [one, two] = [kilns.get(a, name), kilns.get(b, name)];
    if (one === two) return a - b;
    if (one === null || one === "") return 1; // what is not known comes last, whichever way
    if (two === null || two === "") return -1;
    return one < two ? -way : way;
  };
  return [...rows].sort(compare);
}
