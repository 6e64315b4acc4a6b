// The address bar holds the view: #map=zoom/lat/lon&kiln=...&types=...&score=...&layers=...

import { kilns } from "./data.js";
import { LAYERS, change, state, subscribe, types } from "./state.js";

const usual = { layers: [...state.layers].sort().join() };

/** Read the view from the address. Unknown names are dropped. @returns {{center?: [number, number], zoom?: number}} */
export function readAddress() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const values = {};
  if (parameters.has("types")) {
    values.types = new Set(parameters.getAll("types").filter((type) => types.has(type)));
  }
  const score = Number(parameters.get("score"));
  if (score > 0 && score <= 1) values.score = score;
  if (parameters.has("layers")) {
    values.layers = new Set(
      parameters
        .get("layers")
        .split(",")
        .filter((layer) => LAYERS.includes(layer)),
    );
  }
  if (kilns.byId.has(parameters.get("kiln"))) values.selected = parameters.get("kiln");
  change(values);
  const [zoom, lat, lon] = (parameters.get("map") ?? "").split("/").map(Number);
  const valid = zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 85 && Math.abs(lon) <= 180;
  return valid ? { center: [lon, lat], zoom } : {};
}

/** Keep the address up to date with the map and the state. */
export function writeAddress(map) {
  const write = () => {
    const { lng, lat } = map.getCenter();
    const parameters = new URLSearchParams();
    if (state.selected) parameters.set("kiln", state.selected);
    if (state.types.size < types.size) {
      for (const type of state.types) parameters.append("types", type);
      if (!state.types.size) parameters.set("types", "");
    }
    if (state.score > 0) parameters.set("score", String(state.score));
    const layers = [...state.layers].sort().join();
    if (layers !== usual.layers) parameters.set("layers", layers);
    const rest = parameters.toString();
    const view = `map=${map.getZoom().toFixed(2)}/${lat.toFixed(5)}/${lng.toFixed(5)}`;
    // replaceState on file:// is refused by some browsers; the map works without it
    try {
      history.replaceState(null, "", `#${view}${rest ? `&${rest}` : ""}`);
    } catch {}
  };
  map.on("moveend", write);
  subscribe(write);
}

/** Copy text; resolves to whether it was copied. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}
