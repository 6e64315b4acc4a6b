// Oriented boxes of kilns, for what is on the screen.

import { kilns } from "./data.js";
import { passing } from "./state.js";

const METRES_PER_DEGREE = 111320;

/** Whether kilns have sizes: a public edition has places only, and coarse ones. */
export const hasBoxes = kilns.has("length_m") && kilns.has("width_m");

/** Boxes of the kilns that pass the filters inside `bounds` (a LngLatBounds), in the colour of each. */
export function boxFeatures(bounds, colourOf) {
  const [west, east] = [bounds.getWest(), bounds.getEast()];
  const [south, north] = [bounds.getSouth(), bounds.getNorth()];
  const [lons, lats] = [kilns.numbers("lon"), kilns.numbers("lat")];
  const inside = passing().filter(
    (row) => lons[row] >= west && lons[row] <= east && lats[row] >= south && lats[row] <= north,
  );
  return collection(
    Array.from(inside, (row) => ({
      type: "Feature",
      properties: { row, colour: colourOf(row) },
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

export const collection = (features) => ({ type: "FeatureCollection", features });
export const nothing = collection([]);
