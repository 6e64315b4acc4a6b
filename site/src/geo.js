// Distances and circles on the sphere.

const RADIUS_KM = 6371.0088; // mean radius of the Earth (IUGG)
const radians = (degrees) => (degrees * Math.PI) / 180;

/** Great-circle distance in km. */
export function distanceKm(lon1, lat1, lon2, lat2) {
  const north = Math.sin(radians(lat2 - lat1) / 2);
  const east = Math.sin(radians(lon2 - lon1) / 2);
  const h = north * north + Math.cos(radians(lat1)) * Math.cos(radians(lat2)) * east * east;
  return 2 * RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Rows of a table with `lon` and `lat` within `km` of a point, nearest first: [[row, km]]. */
export function within(table, rows, lon, lat, km) {
  const [lons, lats] = [table.numbers("lon"), table.numbers("lat")];
  const reach = km / 111; // degrees of latitude, a little too many
  const found = [];
  for (const row of rows) {
    if (!(Math.abs(lats[row] - lat) <= reach)) continue;
    const distance = distanceKm(lon, lat, lons[row], lats[row]);
    if (distance <= km) found.push([row, distance]);
  }
  return found.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
}

/** Ring of a circle of `km` around a point. */
export function circle(lon, lat, km, corners = 96) {
  const angle = km / RADIUS_KM;
  const ring = [];
  for (let corner = 0; corner <= corners; corner++) {
    const turn = (2 * Math.PI * corner) / corners;
    const up = Math.asin(
      Math.sin(radians(lat)) * Math.cos(angle) + Math.cos(radians(lat)) * Math.sin(angle) * Math.cos(turn),
    );
    const over = Math.atan2(
      Math.sin(turn) * Math.sin(angle) * Math.cos(radians(lat)),
      Math.cos(angle) - Math.sin(radians(lat)) * Math.sin(up),
    );
    ring.push([lon + (over * 180) / Math.PI, (up * 180) / Math.PI]);
  }
  return ring;
}

/** "28.61, 77.21" as [longitude, latitude], or null. */
export function coordinates(text) {
  const match = text.match(/^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,;\s]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/);
  if (!match) return null;
  const [lat, lon] = [Number(match[1]), Number(match[2])];
  return Math.abs(lat) <= 85 && Math.abs(lon) <= 180 ? [lon, lat] : null;
}
