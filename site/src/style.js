// The MapLibre style: sources, layers and the colours of everything that is not a kiln type.

import { basemap, coverage } from "./data.js";
import { nothing, pointFeatures } from "./boxes.js";
import { types } from "./state.js";

export const BOX_ZOOM = 13;
export const colours = { candidates: "#e8a200", acquired: "#0b8f9c", ink: "#22303c", paper: "#efece6" };

/** Layers switched on and off together, by the name in `state.layers`. */
export const groups = {
  basemap: ["basemap"],
  coverage: ["coverage-veil", "coverage-cloudy", "coverage-failed", "coverage-casing", "coverage-line"],
  acquired: ["acquired-fill", "acquired-line"],
  candidates: ["candidates-fill", "candidates-line"],
  kilns: ["kilns-clusters", "kilns-counts", "kilns-points", "boxes-fill", "boxes-casing", "boxes-line", "chosen"],
};

/** Fill colour of a kiln by its type. */
function typeColour() {
  const pairs = [...types].flatMap(([type, { colour }]) => [type, colour]);
  return pairs.length ? ["match", ["get", "type"], ...pairs, colours.ink] : colours.ink;
}

/** @param {Set<string>} archives names of the PMTiles archives that can be read */
export function style(archives) {
  const sources = {
    coverage: { type: "geojson", data: coverage },
    kilns: { type: "geojson", data: pointFeatures(), cluster: true, clusterRadius: 38, clusterMaxZoom: 11 },
    boxes: { type: "geojson", data: nothing },
    chosen: { type: "geojson", data: nothing },
    place: { type: "geojson", data: nothing },
  };
  for (const name of archives) sources[name] = { type: "vector", url: `pmtiles://${name}` };
  const layers = [{ id: "paper", type: "background", paint: { "background-color": colours.paper } }];
  if (basemap) {
    const [west, south, east, north] = basemap.bounds;
    const coordinates = [
      [west, north],
      [east, north],
      [east, south],
      [west, south],
    ];
    sources.basemap = { type: "image", url: basemap.image, coordinates };
    const paint = { "raster-saturation": -0.15, "raster-brightness-min": 0.06, "raster-fade-duration": 0 };
    layers.push({ id: "basemap", type: "raster", source: "basemap", paint });
  }
  layers.push(...coverageLayers(), ...polygonLayers(archives), ...kilnLayers());
  return { version: 8, sources, layers };
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

function polygonLayers(archives) {
  const layers = [];
  const add = (name, fill, line) => {
    if (!archives.has(name)) return;
    const from = { source: name, "source-layer": name };
    layers.push({ id: `${name}-fill`, type: "fill", ...from, paint: fill });
    layers.push({ id: `${name}-line`, type: "line", ...from, paint: line });
  };
  const width = ["interpolate", ["linear"], ["zoom"], 8, 0.75, 14, 2];
  add(
    "acquired",
    { "fill-color": colours.acquired, "fill-opacity": 0.16 },
    { "line-color": colours.acquired, "line-width": width },
  );
  add(
    "candidates",
    { "fill-color": colours.candidates, "fill-opacity": ["interpolate", ["linear"], ["zoom"], 9, 0.55, 13, 0.12] },
    { "line-color": colours.candidates, "line-width": width },
  );
  return layers;
}

function kilnLayers() {
  const single = ["!", ["has", "point_count"]];
  return [
    {
      id: "kilns-clusters",
      type: "circle",
      source: "kilns",
      filter: ["has", "point_count"],
      paint: {
        "circle-color": "#ffffff",
        "circle-radius": ["interpolate", ["linear"], ["sqrt", ["get", "point_count"]], 1, 12, 5, 17, 30, 34],
        "circle-stroke-color": "#a8371a",
        "circle-stroke-width": 2.5,
        "circle-opacity": 0.94,
      },
    },
    {
      id: "kilns-counts",
      type: "symbol",
      source: "kilns",
      filter: ["has", "point_count"],
      layout: { "text-field": ["get", "point_count_abbreviated"], "text-size": 13, "text-allow-overlap": true },
      paint: { "text-color": colours.ink },
    },
    {
      id: "kilns-points",
      type: "circle",
      source: "kilns",
      filter: single,
      maxzoom: BOX_ZOOM,
      paint: {
        "circle-color": typeColour(),
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 5, 4, 12, 7],
        "circle-stroke-color": "#ffffff",
        "circle-stroke-width": 1.75,
      },
    },
    {
      id: "boxes-fill",
      type: "fill",
      source: "boxes",
      minzoom: BOX_ZOOM,
      paint: { "fill-color": typeColour(), "fill-opacity": 0.18 },
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
      paint: { "line-color": typeColour(), "line-width": ["interpolate", ["linear"], ["zoom"], 13, 2, 17, 3.5] },
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
