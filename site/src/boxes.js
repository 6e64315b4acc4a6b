// GeoJSON of kilns: points for the whole table, oriented boxes for what is on the screen.

import { kilns } from "./data.js";
import { passing } from "./state.js";

const METRES_PER_DEGREE = 111320;

/** Points of all kilns that pass the filters. */
export function pointFeatures() {
  return collection(
    passing().map((row) => ({
      type: "Feature",
      properties: { row, type: kilns.get(row, "type") },
      geometry: { type: "Point", coordinates: [kilns.get(row, "lon"), kilns.get(row, "lat")] },
    })),
  );
}

/** Boxes of the kilns that pass the filters inside `bounds` (a LngLatBounds). */
export function boxFeatures(bounds) {
  const [west, east] = [bounds.getWest(), bounds.getEast()];
  const [south, north] = [bounds.getSouth(), bounds.getNorth()];
  const inside = passing().filter((row) => {
    const [lon, lat] = [kilns.get(row, "lon"), kilns.get(row, "lat")];
    return lon >= west && lon <= east && lat >= south && lat <= north;
  });
  return collection(
    inside.map((row) => ({
      type: "Feature",
      properties: { row, type: kilns.get(row, "type") },
      geometry: { type: "Polygon", coordinates: [corners(row)] },
    })),
  );
}

/** Ring of the oriented box of a kiln, longitude and latitude. */
export function corners(row) {
  const [lon, lat] = [kilns.get(row, "lon"), kilns.get(row, "lat")];
  const length = kilns.get(row, "length_m") || 0;
  const width = kilns.get(row, "width_m") || 0;
  const turn = ((kilns.get(row, "azimuth_deg") || 0) * Math.PI) / 180;
  const [alongEast, alongNorth] = [Math.sin(turn), Math.cos(turn)];
  const ring = [
    [1, 1],
    [1, -1],
    [-1, -1],
    [-1, 1],
  ].map(([along, across]) => {
    const east = (along * length * alongEast + across * width * alongNorth) / 2;
    const north = (along * length * alongNorth - across * width * alongEast) / 2;
    return [lon + east / (METRES_PER_DEGREE * Math.cos((lat * Math.PI) / 180)), lat + north / METRES_PER_DEGREE];
  });
  return [...ring, ring[0]];
}

const collection = (features) => ({ type: "FeatureCollection", features });
export const nothing = collection([]);
