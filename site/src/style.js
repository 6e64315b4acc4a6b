// The MapLibre style: sources, layers and the colours of everything that is not a kiln type.

import { site } from "./data.js";
import { hasBoxes, nothing } from "./boxes.js";

export const BOX_ZOOM = 13;
export const colours = { candidates: "#e8a200", acquired: "#0b8f9c", ink: "#22303c" };
export const papers = { light: "#efece6", dark: "#1b2229", picture: "#dcd8cf", satellite: "#1b2229" };

/** Layers switched on and off together, by the name in `state.layers`. */
export const groups = {
  coverage: ["coverage-veil", "coverage-cloudy", "coverage-failed", "coverage-casing", "coverage-line"],
  acquired: ["acquired-fill", "acquired-line"],
  candidates: ["candidates-fill", "candidates-line"],
  areas: ["areas-fill", "areas-line"],
  boundaries: ["boundaries-casing", "boundaries-line"],
  sources: ["sources-clusters", "sources-counts", "sources-points"],
  reports: ["reports-points"],
  gone: ["gone-points"],
  kilns: ["kilns-clusters", "kilns-counts", "kilns-points", "boxes-fill", "boxes-casing", "boxes-line", "chosen"],
};

/** Everything the map may show, empty at first; data and archives are put in when they are there. */
export function style() {
  const sources = {};
  const given = ["coverage", "boundaries", "areas", "reports", "gone", "kilns", "boxes", "around", "chosen", "place"];
  for (const name of given) sources[name] = { type: "geojson", data: nothing };
  sources.sources = { type: "geojson", data: nothing, cluster: true, clusterRadius: 36, clusterMaxZoom: 9 };
  const layers = [{ id: "paper", type: "background", paint: { "background-color": papers.light } }];
  if (site.satellite) {
    const { url, max_zoom: maxzoom } = site.satellite;
    sources.satellite = { type: "raster", tiles: [url], tileSize: 256, maxzoom };
    layers.push({ id: "satellite", type: "raster", source: "satellite", layout: { visibility: "none" } });
  }
  layers.push(
    ...areaLayers(),
    ...coverageLayers(),
    ...boundaryLayers(),
    { id: "archives-below", type: "background", layout: { visibility: "none" } },
    ...aroundLayers(),
    ...otherLayers(),
    ...kilnLayers(),
  );
  return { version: 8, sources, layers };
}

/** The picture of the screen as source and layer. */
export function picture({ image, bounds: [west, south, east, north] }) {
  const coordinates = [
    [west, north],
    [east, north],
    [east, south],
    [west, south],
  ];
  const paint = { "raster-saturation": -0.15, "raster-brightness-min": 0.06, "raster-fade-duration": 0 };
  return {
    source: { type: "image", url: image, coordinates },
    layer: { id: "basemap", type: "raster", source: "basemap", paint },
  };
}

function areaLayers() {
  return [
    {
      id: "areas-fill",
      type: "fill",
      source: "areas",
      paint: { "fill-color": "#b9bec3", "fill-opacity": 0.62 },
    },
    {
      id: "areas-line",
      type: "line",
      source: "areas",
      paint: {
        "line-color": ["case", ["boolean", ["feature-state", "chosen"], false], colours.ink, "#ffffff"],
        "line-width": ["case", ["boolean", ["feature-state", "chosen"], false], 3, 1],
      },
    },
  ];
}

function boundaryLayers() {
  const layout = { "line-join": "round" };
  return [
    {
      id: "boundaries-casing",
      type: "line",
      source: "boundaries",
      layout,
      paint: { "line-color": "#ffffff", "line-width": 3, "line-opacity": 0.55 },
    },
    {
      id: "boundaries-line",
      type: "line",
      source: "boundaries",
      layout,
      paint: { "line-color": "#5d5468", "line-width": 1.2, "line-dasharray": [4, 2, 1, 2] },
    },
  ];
}

function aroundLayers() {
  return [
    { id: "around-fill", type: "fill", source: "around", paint: { "fill-color": "#1668c7", "fill-opacity": 0.09 } },
    {
      id: "around-casing",
      type: "line",
      source: "around",
      paint: { "line-color": "#ffffff", "line-width": 4, "line-opacity": 0.8 },
    },
    { id: "around-line", type: "line", source: "around", paint: { "line-color": "#1668c7", "line-width": 2 } },
  ];
}

function otherLayers() {
  return [
    {
      id: "sources-clusters",
      type: "circle",
      source: "sources",
      filter: ["has", "point_count"],
      paint: {
        "circle-color": "#33414e",
        "circle-radius": ["interpolate", ["linear"], ["sqrt", ["get", "point_count"]], 1, 10, 20, 20],
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 1.5,
      },
    },
    {
      id: "sources-counts",
      type: "symbol",
      source: "sources",
      filter: ["has", "point_count"],
      layout: { "text-field": ["get", "point_count_abbreviated"], "text-size": 11, "text-allow-overlap": true },
      paint: { "text-color": "#ffffff" },
    },
    {
      id: "sources-points",
      type: "symbol",
      source: "sources",
      filter: ["!", ["has", "point_count"]],
      layout: { "icon-image": ["get", "icon"], "icon-allow-overlap": true },
    },
    {
      id: "reports-points",
      type: "symbol",
      source: "reports",
      layout: { "icon-image": ["get", "icon"], "icon-allow-overlap": true },
    },
    {
      id: "gone-points",
      type: "symbol",
      source: "gone",
      layout: {
        "icon-image": ["get", "icon"],
        "icon-allow-overlap": true,
        "icon-size": ["interpolate", ["linear"], ["zoom"], 5, 0.45, 11, 0.8, 14, 1],
      },
    },
  ];
}

function coverageLayers() {
  const status = (name) => ["==", ["get", "status"], name];
  return [
    {
      id: "coverage-veil",
      type: "fill",
      source: "coverage",
      filter: status("empty"),
      paint: { "fill-color": "#ffffff", "fill-opacity": 0.35 },
    },
    {
      id: "coverage-cloudy",
      type: "fill",
      source: "coverage",
      filter: status("cloudy"),
      paint: { "fill-pattern": "cloudy" },
    },
    {
      id: "coverage-failed",
      type: "fill",
      source: "coverage",
      filter: status("failed"),
      paint: { "fill-pattern": "failed" },
    },
    {
      id: "coverage-casing",
      type: "line",
      source: "coverage",
      paint: { "line-color": "#ffffff", "line-width": 3, "line-opacity": 0.7 },
    },
    {
      id: "coverage-line",
      type: "line",
      source: "coverage",
      paint: { "line-color": "#5a6773", "line-width": 1 },
    },
    // clicks need a fill everywhere
    { id: "coverage-touch", type: "fill", source: "coverage", paint: { "fill-opacity": 0 } },
  ];
}

/** Layers of an archive of polygons, which is read only when it is wanted. */
export function archiveLayers(name) {
  const width = ["interpolate", ["linear"], ["zoom"], 8, 0.75, 14, 2];
  const fade = { acquired: 0.16, candidates: ["interpolate", ["linear"], ["zoom"], 9, 0.55, 13, 0.12] };
  const from = { source: name, "source-layer": name };
  return [
    { id: `${name}-fill`, type: "fill", ...from, paint: { "fill-color": colours[name], "fill-opacity": fade[name] } },
    { id: `${name}-line`, type: "line", ...from, paint: { "line-color": colours[name], "line-width": width } },
  ];
}

function kilnLayers() {
  const single = ["!", ["has", "kilns"]];
  return [
    {
      id: "kilns-clusters",
      type: "circle",
      source: "kilns",
      filter: ["has", "kilns"],
      paint: {
        "circle-color": "#ffffff",
        "circle-radius": ["get", "radius"],
        "circle-stroke-color": "#a8371a",
        "circle-stroke-width": 2.5,
        "circle-opacity": 0.94,
      },
    },
    {
      id: "kilns-counts",
      type: "symbol",
      source: "kilns",
      filter: ["has", "kilns"],
      layout: { "text-field": ["get", "label"], "text-size": 13, "text-allow-overlap": true },
      paint: { "text-color": colours.ink },
    },
    {
      id: "kilns-points",
      type: "circle",
      source: "kilns",
      filter: single,
      ...(hasBoxes ? { maxzoom: BOX_ZOOM } : {}),
      paint: {
        "circle-color": ["get", "colour"],
        "circle-radius": ["get", "radius"],
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 1.75,
      },
    },
    {
      id: "boxes-fill",
      type: "fill",
      source: "boxes",
      minzoom: BOX_ZOOM,
      paint: { "fill-color": ["get", "colour"], "fill-opacity": 0.18 },
    },
    {
      id: "boxes-casing",
      type: "line",
      source: "boxes",
      minzoom: BOX_ZOOM,
      layout: { "line-join": "round" },
      paint: {
        "line-color": "#ffffff",
        "line-opacity": 0.85,
        "line-width": ["interpolate", ["linear"], ["zoom"], 13, 4, 17, 7],
      },
    },
    {
      id: "boxes-line",
      type: "line",
      source: "boxes",
      minzoom: BOX_ZOOM,
      layout: { "line-join": "round" },
      paint: { "line-color": ["get", "colour"], "line-width": ["interpolate", ["linear"], ["zoom"], 13, 2, 17, 3.5] },
    },
    {
      id: "chosen",
      type: "circle",
      source: "chosen",
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 5, 12, 12, 16, 14, 34, 17, 120],
        "circle-opacity": 0,
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 3,
      },
    },
    {
      id: "place",
      type: "circle",
      source: "place",
      paint: {
        "circle-radius": 7,
        "circle-color": colours.ink,
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 3,
      },
    },
  ];
}

/** Diagonal stripes on a light veil, 12 pixels, as image data for `map.addImage`. */
export function stripes(colour, lean) {
  const size = 12;
  const data = new Uint8ClampedArray(size * size * 4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const on = (x + lean * y + size * size) % size < 5;
      data.set(on ? [...colour, 190] : [226, 231, 237, 150], 4 * (y * size + x));
    }
  }
  return { width: size, height: size, data };
}
