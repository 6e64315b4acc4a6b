// Find a kiln by its id, or a place by its coordinates.

import { kilns } from "./data.js";
import { announce, el } from "./dom.js";
import { flyToKiln, showPlace } from "./map.js";
import { plural, position } from "./format.js";
import { change, types } from "./state.js";

const MOST = 6;

export function searchBox(map) {
  const results = el("ul", { id: "results", hidden: true });
  const input = el("input", {
    type: "search",
    id: "search",
    placeholder: "Kiln id, or latitude, longitude",
    "aria-label": "Search by kiln id or by latitude, longitude",
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
  const found = place ? [] : kilnsNamed(text);
  const choices = found.map((row) => {
    const onclick = () => {
      hide(results);
      change({ selected: kilns.get(row, "id") });
      flyToKiln(map, row);
    };
    const { colour } = types.get(kilns.get(row, "type"));
    return el(
      "button",
      { type: "button", onclick },
      el("i", { class: "dot", style: { background: colour } }),
      kilns.get(row, "id"),
    );
  });
  if (place) {
    const onclick = () => {
      hide(results);
      showPlace(map, ...place);
    };
    choices.push(el("button", { type: "button", onclick }, `Go to ${position(...place)}`));
  }
  const none = el("span", {}, "No kiln has this id. Coordinates are written like 28.61, 77.21.");
  results.append(...(choices.length ? choices : [none]).map((choice) => el("li", {}, choice)));
  results.hidden = false;
  announce(choices.length ? plural(choices.length, "result") : none.textContent);
}

/** The first rows whose id contains `text`, those that start with it first. */
function kilnsNamed(text) {
  const wanted = text.toLowerCase();
  const starts = [];
  const contains = [];
  for (const row of kilns.rows) {
    const at = kilns.get(row, "id").toLowerCase().indexOf(wanted);
    if (at === 0) starts.push(row);
    else if (at > 0 && contains.length < MOST) contains.push(row);
    if (starts.length === MOST) break;
  }
  return [...starts, ...contains].slice(0, MOST);
}

/** "28.61, 77.21" as [longitude, latitude], or null. */
export function coordinates(text) {
  const match = text.match(/^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,;\s]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/);
  if (!match) return null;
  const [lat, lon] = [Number(match[1]), Number(match[2])];
  return Math.abs(lat) <= 85 && Math.abs(lon) <= 180 ? [lon, lat] : null;
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
