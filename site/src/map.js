// The map itself: made once, told of changes, and asking to open what is clicked.

import { LngLatBounds, Map as GlMap, NavigationControl, ScaleControl, addProtocol, setWorkerUrl } from "maplibre-gl";
import { Protocol } from "pmtiles";
import workerText from "worker:maplibre-gl/dist/maplibre-gl-worker.mjs";
import { areaFeatures, areaPaint } from "./areas.js";
import { openArchive } from "./archives.js";
import { boxFeatures, hasBoxes, nothing } from "./boxes.js";
import { GONE_ICONS, goneFeatures } from "./changes.js";
import { extra, kilns, load, loadExtras, meta, offers } from "./data.js";
import { circle } from "./geo.js";
import { colourOf, pointFeatures } from "./points.js";
import { reportFeatures, REPORT_ICONS } from "./reports.js";
import { drawn } from "./shapes.js";
import { iconOf, sourceFeatures, sourceKinds } from "./sources.js";
import { FACETS, change, state, subscribe } from "./state.js";
import { BOX_ZOOM, archiveLayers, groups, papers, picture, stripes, style } from "./style.js";
import { rtl, t } from "./words.js";

const protocol = new Protocol();

/**
 * Make the map. `view` is where the address points, if it does; `open` shows facts of what is clicked.
 * @returns {Promise<GlMap>} when it has drawn
 */
export async function makeMap(view, open) {
  setWorkerUrl(workerUrl());
  addProtocol("pmtiles", protocol.tile);
  const extras = loadExtras();
  const bounds = view.center ? undefined : (meta.bounds ?? (await extras.then(boundsOfData)));
  const map = new GlMap({
    container: "map",
    style: style(),
    bounds,
    fitBoundsOptions: { padding: room(), maxZoom: 15 },
    ...view,
    attributionControl: false, // it would parse the data's attribution as HTML; #credit shows it as text
    dragRotate: false,
    touchPitch: false,
    maxZoom: 18.5,
    renderWorldCopies: false,
    locale: {
      "Map.Title": t("map.label"),
      "NavigationControl.ZoomIn": t("map.zoom_in"),
      "NavigationControl.ZoomOut": t("map.zoom_out"),
    },
  });
  map.touchZoomRotate.disableRotation();
  const corner = rtl ? "bottom-left" : "bottom-right";
  map.addControl(new ScaleControl({ maxWidth: 120 }), corner);
  map.addControl(new NavigationControl({ showCompass: false }), corner);
  map.on("error", ({ error }) => console.warn(error?.message ?? error));
  await new Promise((resolve) => map.once("load", resolve));
  addImages(map);
  redraw(map, new Set(["layers", "base", "selected", "around", "types"]));
  await extras;
  showExtras(map);
  listen(map, open);
  return map;
}

/** A blob: worker is refused to pages on disk, a data: worker is not. */
function workerUrl() {
  if (location.protocol === "file:") return `data:text/javascript;charset=utf-8,${encodeURIComponent(workerText)}`;
  return URL.createObjectURL(new Blob([workerText], { type: "text/javascript" }));
}

/** Around the tiles and the kilns. */
function boundsOfData() {
  const bounds = new LngLatBounds();
  const visit = (value) => (typeof value[0] === "number" ? bounds.extend(value) : value.forEach(visit));
  for (const { geometry } of extra.coverage.features) visit(geometry.coordinates);
  for (let row = 0; row < kilns.length; row++) bounds.extend([kilns.get(row, "lon"), kilns.get(row, "lat")]);
  return bounds.isEmpty() ? [-180, -60, 180, 75] : bounds;
}

const isPhone = () => matchMedia("(max-width: 760px)").matches;
const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Space that panels take from the map. */
export function room() {
  if (isPhone()) return { top: 24, right: 16, bottom: 90, left: 16 };
  const [start, end] = [364, document.body.classList.contains("has-panel") ? 412 : 40];
  return { top: 32, bottom: 40, left: rtl ? end : start, right: rtl ? start : end };
}

function addImages(map) {
  map.addImage("cloudy", stripes([96, 116, 138], 1));
  map.addImage("failed", stripes([176, 42, 55], -1));
}

function showExtras(map) {
  for (const kind of sourceKinds()) map.addImage(`source-${kind.name}`, iconOf(kind), { pixelRatio: 2 });
  for (const icon of REPORT_ICONS) map.addImage(`report-${icon.name}`, iconOf(icon), { pixelRatio: 2 });
  for (const { name, shape, colour } of GONE_ICONS) map.addImage(`gone-${name}`, drawn(shape, colour, true), { pixelRatio: 2 });
  map.getSource("coverage").setData(extra.coverage);
  map.getSource("sources").setData(sourceFeatures());
  map.getSource("reports").setData(reportFeatures());
  map.getSource("gone").setData(goneFeatures());
  if (extra.areas) map.getSource("areas").setData(areaFeatures());
  if (extra.boundaries) {
    const geometry = { type: "MultiLineString", coordinates: extra.boundaries };
    map.getSource("boundaries").setData({ type: "Feature", properties: {}, geometry });
  }
  redraw(map, new Set(["metric"]));
}

const opened = new Map();
/** Read an archive when its layer is first switched on. */
function addArchive(map, name) {
  if (!opened.has(name))
    opened.set(
      name,
      openArchive(name).then((archive) => archive && draw(archive)),
    );
  const draw = (archive) => {
    protocol.add(archive);
    map.addSource(name, { type: "vector", url: `pmtiles://${name}` });
    const visibility = state.layers.has(name) ? "visible" : "none";
    for (const layer of archiveLayers(name)) map.addLayer({ ...layer, layout: { visibility } }, "archives-below");
  };
  return opened.get(name);
}

let pictured = null;
/** The picture is the largest part of many maps: it is read after everything else, and only when it is wanted. */
function addPicture(map) {
  pictured ??= load("basemap").then((content) => {
    if (!content) return;
    const { source, layer } = picture(content);
    map.addSource("basemap", source);
    map.addLayer(layer, "areas-fill");
    map.setLayoutProperty("basemap", "visibility", state.base === "picture" ? "visible" : "none");
  });
  return pictured;
}

function redraw(map, changed) {
  const filtered = FACETS.some((facet) => changed.has(facet));
  if (changed.has("measure") || filtered) drawKilns(map);
  if (filtered || changed.has("layers")) map.getSource("gone").setData(goneFeatures());
  if (changed.has("layers")) {
    for (const [group, layers] of Object.entries(groups)) {
      for (const layer of layers) show(map, layer, state.layers.has(group));
    }
    for (const name of ["acquired", "candidates"]) if (state.layers.has(name) && offers(name)) addArchive(map, name);
  }
  if (changed.has("base")) {
    map.setPaintProperty("paper", "background-color", papers[state.base]);
    if (state.base === "picture") addPicture(map);
    show(map, "basemap", state.base === "picture");
    show(map, "satellite", state.base === "satellite");
  }
  if (changed.has("kinds") || changed.has("statuses")) map.getSource("sources").setData(sourceFeatures());
  if (changed.has("metric") && extra.areas) map.setPaintProperty("areas-fill", "fill-color", areaPaint());
  if (changed.has("around")) {
    const { lon, lat, km } = state.around ?? {};
    map.getSource("around").setData(state.around ? polygon(circle(lon, lat, km)) : nothing);
  }
  if (changed.has("selected")) {
    const row = kilns.rowOf.get(state.selected);
    map.getSource("chosen").setData(row === undefined ? nothing : point(kilns.get(row, "lon"), kilns.get(row, "lat")));
  }
}

function show(map, layer, on) {
  if (map.getLayer(layer)) map.setLayoutProperty(layer, "visibility", on ? "visible" : "none");
}

function drawKilns(map) {
  const [bounds, zoom] = [map.getBounds(), map.getZoom()];
  map.getSource("kilns").setData(zoom < BOX_ZOOM || !hasBoxes ? pointFeatures(bounds, zoom) : nothing);
  map.getSource("boxes").setData(hasBoxes && zoom >= BOX_ZOOM - 0.5 ? boxFeatures(bounds, colourOf) : nothing);
}

function point(lon, lat) {
  return { type: "Feature", properties: {}, geometry: { type: "Point", coordinates: [lon, lat] } };
}
function polygon(ring) {
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}

function fly(map, options) {
  if (isStill()) map.jumpTo(options);
  else map.flyTo({ maxDuration: 1500, ...options });
}

/** Fly so that a place lies in the free part of the map. */
export function flyTo(map, lon, lat, zoom = 15.5) {
  // sheets and the table cover the lower half; the cards at the sides are about as wide as each other
  const covered = isPhone() || document.body.classList.contains("has-table");
  const offset = [0, covered ? -map.getContainer().clientHeight / 4 : 0];
  fly(map, { center: [lon, lat], zoom: Math.max(map.getZoom(), zoom), offset });
}

export const flyToKiln = (map, row, table = kilns) => flyTo(map, table.get(row, "lon"), table.get(row, "lat"));

/** Mark a place that was searched for by coordinates. */
export function showPlace(map, lon, lat) {
  map.getSource("place").setData(point(lon, lat));
  flyTo(map, lon, lat, 14);
}

/** Show all between west, south, east and north. */
export function flyToBounds(map, [west, south, east, north], maxZoom = 15) {
  const around = [
    [west, south],
    [east, north],
  ];
  map.fitBounds(around, { padding: room(), maxZoom, animate: !isStill(), maxDuration: 1500 });
}

const TOUCHABLE = [
  ...["kilns-points", "boxes-fill", "kilns-clusters", "gone-points", "sources-points", "sources-clusters", "reports-points"],
  ...["candidates-fill", "areas-fill", "coverage-touch"],
];

function listen(map, open) {
  const at = (where) => {
    const reach = isPhone() ? 10 : 4;
    const box = [
      [where.x - reach, where.y - reach],
      [where.x + reach, where.y + reach],
    ];
    const found = map.queryRenderedFeatures(box, { layers: TOUCHABLE.filter((layer) => map.getLayer(layer)) });
    return found.sort((a, b) => TOUCHABLE.indexOf(a.layer.id) - TOUCHABLE.indexOf(b.layer.id))[0];
  };
  map.on("click", async ({ point: where, lngLat }) => {
    if (document.body.classList.contains("has-around")) return open("around", lngLat);
    const feature = at(where);
    if (!feature) return open(null);
    const { properties, geometry, layer } = feature;
    if (layer.id === "kilns-clusters") return openGroup(map, properties, open);
    if (layer.id === "sources-clusters") {
      const zoom = await map.getSource("sources").getClusterExpansionZoom(properties.cluster_id);
      return fly(map, { center: geometry.coordinates, zoom: zoom + 0.3 });
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
  let level = Math.floor(map.getZoom());
  const moved = () => {
    level = Math.floor(map.getZoom());
    drawKilns(map);
  };
  map.on("moveend", moved);
  map.on("zoom", () => Math.floor(map.getZoom()) !== level && moved());
  subscribe((changed) => redraw(map, changed));
}

/** Nearer to a group of circles; a list where its kilns share one place. */
function openGroup(map, { bounds }, open) {
  const [west, south, east, north] = bounds.split(",").map(Number);
  const together = Math.max(east - west, north - south) < 1e-4;
  if (together) return open("group", { lon: west, lat: south });
  const camera = map.cameraForBounds([west, south, east, north], { padding: room(), maxZoom: 17 });
  fly(map, { center: camera.center, zoom: Math.max(camera.zoom, map.getZoom() + 1) });
}
