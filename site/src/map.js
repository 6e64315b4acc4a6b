// The map itself: made once, told of changes, and asking to open what is clicked.

import { LngLatBounds, Map as GlMap, NavigationControl, ScaleControl, addProtocol, setWorkerUrl } from "maplibre-gl";
import { Protocol } from "pmtiles";
import workerText from "worker:maplibre-gl/dist/maplibre-gl-worker.mjs";
import { openArchive } from "./archives.js";
import { BOX_ZOOM, groups, stripes, style } from "./style.js";
import { boxFeatures, nothing, pointFeatures } from "./boxes.js";
import { coverage, kilns, meta } from "./data.js";
import { change, state, subscribe } from "./state.js";

/**
 * Make the map. `view` is where the address points, if it does; `open` shows facts of what is clicked.
 * @returns {Promise<{map: GlMap, archives: Set<string>}>} when it has drawn
 */
export async function makeMap(view, open) {
  setWorkerUrl(workerUrl());
  const protocol = new Protocol();
  addProtocol("pmtiles", protocol.tile);
  const opened = await Promise.all(["acquired", "candidates"].map(async (name) => [name, await openArchive(name)]));
  const archives = new Set();
  for (const [name, archive] of opened) {
    if (!archive) continue;
    protocol.add(archive);
    archives.add(name);
  }
  const map = new GlMap({
    container: "map",
    style: style(archives),
    bounds: view.center ? undefined : regionBounds(),
    fitBoundsOptions: { padding: room() },
    ...view,
    attributionControl: false, // it would parse the data's attribution as HTML; #credit shows it as text
    dragRotate: false,
    touchPitch: false,
    maxZoom: 18.5,
    renderWorldCopies: false,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new ScaleControl({ maxWidth: 120 }), "bottom-right");
  map.addControl(new NavigationControl({ showCompass: false }), "bottom-right");
  map.on("error", ({ error }) => console.warn(error?.message ?? error));
  map.on("styledata", () => addStripes(map));
  await new Promise((resolve) => map.once("load", resolve));
  redraw(map, new Set(["layers", "selected"]));
  drawBoxes(map);
  map.on("moveend", () => drawBoxes(map));
  subscribe((changed) => redraw(map, changed));
  listen(map, open);
  return { map, archives };
}

/** A blob: worker is refused to pages on disk, a data: worker is not. */
function workerUrl() {
  if (location.protocol === "file:") return `data:text/javascript;charset=utf-8,${encodeURIComponent(workerText)}`;
  return URL.createObjectURL(new Blob([workerText], { type: "text/javascript" }));
}

/** The area of interest: as told, else around the tiles and the kilns. */
function regionBounds() {
  if (meta.bounds) return meta.bounds;
  const bounds = new LngLatBounds();
  const visit = (value) => (typeof value[0] === "number" ? bounds.extend(value) : value.forEach(visit));
  for (const { geometry } of coverage.features) visit(geometry.coordinates);
  for (const row of kilns.rows) bounds.extend([kilns.get(row, "lon"), kilns.get(row, "lat")]);
  return bounds.isEmpty() ? [-180, -60, 180, 75] : bounds;
}

/** Space that panels take from the map. */
export function room() {
  const phone = matchMedia("(max-width: 760px)").matches;
  return phone ? { top: 24, right: 16, bottom: 90, left: 16 } : { top: 32, right: 40, bottom: 40, left: 364 };
}

function addStripes(map) {
  if (!map.hasImage("cloudy")) map.addImage("cloudy", stripes([96, 116, 138], 1));
  if (!map.hasImage("failed")) map.addImage("failed", stripes([176, 42, 55], -1));
}

function redraw(map, changed) {
  if (changed.has("types") || changed.has("score")) {
    map.getSource("kilns").setData(pointFeatures());
    drawBoxes(map);
  }
  if (changed.has("layers")) {
    for (const [group, layers] of Object.entries(groups)) {
      const visibility = state.layers.has(group) ? "visible" : "none";
      for (const layer of layers) if (map.getLayer(layer)) map.setLayoutProperty(layer, "visibility", visibility);
    }
  }
  if (changed.has("selected")) {
    const row = kilns.byId.get(state.selected);
    map.getSource("chosen").setData(row === undefined ? nothing : point(kilns.get(row, "lon"), kilns.get(row, "lat")));
  }
}

function drawBoxes(map) {
  map.getSource("boxes").setData(map.getZoom() >= BOX_ZOOM - 0.5 ? boxFeatures(map.getBounds()) : nothing);
}

function point(lon, lat) {
  return { type: "Feature", properties: {}, geometry: { type: "Point", coordinates: [lon, lat] } };
}

/** Fly so that a kiln lies in the free part of the map. */
export function flyToKiln(map, row) {
  const center = [kilns.get(row, "lon"), kilns.get(row, "lat")];
  // sheets and the table cover the lower half; the cards at the sides are about as wide as each other
  const covered = matchMedia("(max-width: 760px)").matches || document.body.classList.contains("has-table");
  const offset = [0, covered ? -map.getContainer().clientHeight / 4 : 0];
  map.flyTo({ center, zoom: Math.max(map.getZoom(), 15.5), offset, maxDuration: 1500 });
}

/** Mark a place that was searched for by coordinates. */
export function showPlace(map, lon, lat) {
  map.getSource("place").setData(point(lon, lat));
  map.flyTo({ center: [lon, lat], zoom: Math.max(map.getZoom(), 14), maxDuration: 1500 });
}

function listen(map, open) {
  const touchable = ["kilns-points", "boxes-fill", "kilns-clusters", "candidates-fill", "coverage-touch"];
  const at = (where) => {
    const reach = 4;
    const box = [
      [where.x - reach, where.y - reach],
      [where.x + reach, where.y + reach],
    ];
    const found = map.queryRenderedFeatures(box, { layers: touchable.filter((layer) => map.getLayer(layer)) });
    return found.sort((a, b) => touchable.indexOf(a.layer.id) - touchable.indexOf(b.layer.id))[0];
  };
  map.on("click", async ({ point: where }) => {
    const feature = at(where);
    if (!feature) return open(null);
    const { properties, geometry, layer } = feature;
    if (layer.id === "kilns-clusters") {
      const zoom = await map.getSource("kilns").getClusterExpansionZoom(properties.cluster_id);
      return map.easeTo({ center: geometry.coordinates, zoom: zoom + 0.3 });
    }
    if (layer.source === "kilns" || layer.source === "boxes")
      return change({ selected: kilns.get(properties.row, "id") });
    if (layer.source === "coverage" && !state.layers.has("coverage")) return open(null);
    open(layer.source, properties);
  });
  map.on("mousemove", ({ point: where }) => {
    const feature = at(where);
    map.getCanvas().style.cursor = feature && feature.layer.source !== "coverage" ? "pointer" : "";
  });
}
