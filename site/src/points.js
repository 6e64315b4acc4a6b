// What is drawn of kilns: circles, and groups of them where they would lie on each other. Groups are made here, for
// what is on the screen only: so filters act at once, on a hundred thousand kilns too.

import { kilns } from "./data.js";
import { breaksOf, classOf, coloursOf, UNKNOWN } from "./classes.js";
import { count, short } from "./format.js";
import { hasBoxes } from "./boxes.js";
import { changeColour } from "./changes.js";
import { passing, state, types } from "./state.js";

const REACH = 46; // pixels: nearer circles become one
const LAST_GROUPED = 11; // zoom; beyond, single kilns are told apart, as long as their places are exact

/** Mercator, 0 to 1 from west and from north. */
const xs = kilns.numbers("lon").map((lon) => lon / 360 + 0.5);
const ys = kilns.numbers("lat").map(mercatorY);
function mercatorY(lat) {
  const sine = Math.sin((Math.min(85, Math.max(-85, lat)) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}
const lonOf = (x) => (x - 0.5) * 360;
const latOf = (y) => (360 / Math.PI) * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - 90;

const scales = new Map();
/** Values, breaks and colours of a pollutant. */
export function scaleOf(pollutant) {
  if (!scales.has(pollutant)) {
    const values = kilns.numbers(`${pollutant}_t`);
    const breaks = breaksOf(values);
    scales.set(pollutant, { values, breaks, colours: coloursOf(breaks) });
  }
  return scales.get(pollutant);
}

/** Whether circles show words, not amounts. */
const isWord = () => state.measure === "type" || state.measure === "change";

/** Colour of one kiln by what circles show. */
export function colourOf(row) {
  if (state.measure === "change") return changeColour(kilns.get(row, "change"));
  if (state.measure === "type") return types.get(kilns.get(row, "type") ?? "").colour;
  const { values, breaks, colours } = scaleOf(state.measure);
  return colours[classOf(values[row], breaks)] ?? UNKNOWN;
}

function radiusOf(row, zoom) {
  const usual = 4 + (3 * Math.min(7, Math.max(0, zoom - 5))) / 7;
  if (isWord()) return usual;
  const { values, breaks } = scaleOf(state.measure);
  return usual + 1.5 * Math.max(0, classOf(values[row], breaks));
}

/** Circles and groups inside `bounds` (a LngLatBounds) at `zoom`. */
export function pointFeatures(bounds, zoom) {
  const level = Math.floor(zoom);
  const cell = REACH / (512 * 2 ** level);
  const [left, right] = [bounds.getWest() / 360 + 0.5, bounds.getEast() / 360 + 0.5];
  const [top, bottom] = [mercatorY(bounds.getNorth()), mercatorY(bounds.getSouth())];
  const [wide, high] = [(right - left) / 2, (bottom - top) / 2]; // so much more, for when the map is moved
  const inside = (row) =>
    xs[row] >= left - wide && xs[row] <= right + wide && ys[row] >= top - high && ys[row] <= bottom + high;
  const rows = passing().filter(inside);
  const grouped = !hasBoxes || level <= LAST_GROUPED;
  const groups = grouped ? merged(cells(rows, cell), cell) : Array.from(rows, alone);
  const most = Math.max(0, ...groups.map((group) => group.sum));
  return collection(groups.map((group) => (group.n === 1 ? single(group.row, zoom) : several(group, most))));
}

const weightOf = () => (isWord() ? null : scaleOf(state.measure).values);
const alone = (row) => ({ row, n: 1, sum: 0, known: 0 });

function cells(rows, size) {
  const found = new Map();
  const weights = weightOf();
  for (const row of rows) {
    const [column, line] = [Math.floor(xs[row] / size), Math.floor(ys[row] / size)];
    const key = column * 4194304 + line;
    let group = found.get(key);
    if (!group) {
      group = { key, row, n: 0, x: 0, y: 0, sum: 0, known: 0, left: 1, right: 0, top: 1, bottom: 0 };
      found.set(key, group);
    }
    const [weight, told] = Number.isNaN(weights?.[row] ?? NaN) ? [0, 0] : [weights[row], 1];
    add(group, 1, xs[row], ys[row], weight, told, xs[row], xs[row], ys[row], ys[row]);
  }
  return found;
}

function add(group, n, x, y, sum, known, left, right, top, bottom) {
  group.n += n;
  group.x += x;
  group.y += y;
  group.sum += sum;
  group.known += known;
  group.left = Math.min(group.left, left);
  group.right = Math.max(group.right, right);
  group.top = Math.min(group.top, top);
  group.bottom = Math.max(group.bottom, bottom);
}

/** Groups of cells: a full cell takes in those beside it whose middle is near its own. */
function merged(found, size) {
  const left = [...found.values()].sort((a, b) => b.n - a.n || a.key - b.key);
  const groups = [];
  for (const group of left) {
    if (!found.delete(group.key)) continue;
    const [x, y] = [group.x / group.n, group.y / group.n];
    for (let column = -1; column <= 1; column++) {
      for (let line = -1; line <= 1; line++) {
        const other = found.get(group.key + column * 4194304 + line);
        if (!other || Math.hypot(other.x / other.n - x, other.y / other.n - y) > size) continue;
        found.delete(other.key);
        const { n, sum, known, left: west, right: east, top, bottom } = other;
        add(group, n, other.x, other.y, sum, known, west, east, top, bottom);
      }
    }
    groups.push(group);
  }
  return groups;
}

function single(row, zoom) {
  return {
    type: "Feature",
    properties: { row, colour: colourOf(row), radius: radiusOf(row, zoom) },
    geometry: { type: "Point", coordinates: [kilns.get(row, "lon"), kilns.get(row, "lat")] },
  };
}

function several({ n, x, y, sum, known, left, right, top, bottom }, most) {
  const byCount = isWord();
  const share = byCount ? Math.min(1, Math.sqrt(n) / 30) : Math.sqrt(sum / (most || 1));
  return {
    type: "Feature",
    properties: {
      kilns: n,
      label: byCount ? (n < 10000 ? count(n) : short(n)) : known ? short(sum) : "–",
      radius: 12 + 22 * share,
      bounds: [lonOf(left), latOf(bottom), lonOf(right), latOf(top)].join(),
    },
    geometry: { type: "Point", coordinates: [lonOf(x / n), latOf(y / n)] },
  };
}

const collection = (features) => ({ type: "FeatureCollection", features });
