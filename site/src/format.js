// How values are written for people.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (n) => whole.format(n);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const percent = (x) => (isNumber(x) ? `${(100 * x).toFixed(0)} %` : null);
export const metres = (x) => (isNumber(x) ? `${whole.format(x)} m` : null);
export const decimals = (x, n) => (isNumber(x) ? x.toFixed(n) : null);
export const isNumber = (x) => typeof x === "number" && Number.isFinite(x);

export function squareKilometres(x) {
  return isNumber(x) ? `${x >= 100 ? whole.format(x) : x.toFixed(1)} km²` : null;
}

/** "from 2023-11-02 to 2024-01-10", or as much of it as is known. */
export function period(first, last) {
  if (!first && !last) return null;
  if (!first || !last || first === last) return first || last;
  return `${first} to ${last}`;
}

const points = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];

/** "32° (NE–SW)": the long axis of a kiln has no front, hence two compass points. */
export function axis(degrees) {
  if (!isNumber(degrees)) return null;
  const one = Math.round(degrees / 45) % 8;
  return `${whole.format(degrees)}° (${points[one]}–${points[(one + 4) % 8]})`;
}

export function position(lon, lat) {
  return `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
}
