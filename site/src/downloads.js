// The kilns that pass the filters, as files.

import { corners, hasBoxes } from "./boxes.js";
import { kilns, meta } from "./data.js";
import { save } from "./dom.js";
import { passing } from "./state.js";

/** Text of the filtered kilns, RFC 4180. */
function csv() {
  const lines = [kilns.names];
  for (const row of passing()) lines.push(kilns.names.map((column) => kilns.get(row, column)));
  return lines.map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  // a spreadsheet would run text that starts like a formula
  const text = /^\s*[=+\-@]|^[\t\r\n]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The filtered kilns as GeoJSON (RFC 7946): their boxes, or points where sizes are not given. */
function geojson() {
  const features = Array.from(passing(), (row) => {
    const properties = Object.fromEntries(kilns.names.map((column) => [column, kilns.get(row, column)]));
    const point = { type: "Point", coordinates: [properties.lon, properties.lat] };
    const box = hasBoxes && { type: "Polygon", coordinates: [corners(row).map(degrees).reverse()] };
    return { type: "Feature", id: properties.id, geometry: box || point, properties };
  });
  return JSON.stringify({ type: "FeatureCollection", features });
}

const degrees = (corner) => corner.map((x) => Number(x.toFixed(7)));
const fileName = (end) => `kilns-${String(meta.region ?? "").replace(/[^\p{L}\p{N}_-]+/gu, "-") || "region"}.${end}`;

export const downloadCsv = () => save(fileName("csv"), "text/csv", csv());
export const downloadGeojson = () => save(fileName("geojson"), "application/geo+json", geojson());
