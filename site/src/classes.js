// Classes of numbers and their colours, for circles and areas.

/** Five steps of one hue, light to dark; told apart by colour-blind people and in grey. */
export const RAMP = ["#fbe3c3", "#f5b878", "#e5813b", "#b94a1d", "#742109"];
export const UNKNOWN = "#b9bec3";

/** Rounded breaks that put about as many of `values` in each class; fewer where values repeat. */
export function breaksOf(values, classes = RAMP.length) {
  const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
  const breaks = [];
  for (let step = 1; step < classes; step++) {
    const value = rounded(sorted[Math.floor((step * sorted.length) / classes)]);
    if (Number.isFinite(value) && value > sorted[0] && value !== breaks.at(-1)) breaks.push(value);
  }
  return breaks;
}

const rounded = (x) => (Number.isFinite(x) ? Number(x.toPrecision(2)) : NaN);

/** Class of a value: the number of breaks that it reaches; -1 if there is no value. */
export function classOf(value, breaks) {
  if (!Number.isFinite(value)) return -1;
  let at = 0;
  while (at < breaks.length && value >= breaks[at]) at++;
  return at;
}

/** Colours of the classes, spread over the ramp. */
export function coloursOf(breaks) {
  const last = RAMP.length - 1;
  return Array.from(
    { length: breaks.length + 1 },
    (_, at) => RAMP[breaks.length ? Math.round((at * last) / breaks.length) : Math.floor(last / 2)],
  );
}
