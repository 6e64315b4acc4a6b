// The data come as scripts (`data/*.js`), because a page opened by a double click may not fetch files.

const given = (globalThis.kilnscanData ??= {});

export const meta = given.meta ?? {};
export const site = meta.site ?? {};
export const spoken = given.words ?? {};

/** Whether the folder has this layer. */
export const offers = (layer) => (site.layers ?? []).includes(layer);

/** Run `data/<file>.js` and take what it hands over; null if it is not there. */
export function load(file, name = file) {
  return new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = `data/${file}.js`;
    const done = () => {
      const content = given[name] ?? null;
      delete given[name];
      script.remove();
      resolve(content);
    };
    script.onload = done;
    script.onerror = done;
    document.head.append(script);
  });
}

const ARRAYS = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  f64: Float64Array,
};
const MISSING = { i8: -128, i16: -32768, i32: -2147483648 };

function array({ type, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return new ARRAYS[type](bytes.buffer);
}

/** A table by column, as `columnar` of kilnscan/site_tables.py writes it; columns are unpacked when first asked for. */
export class Table {
  #columns;
  #readers = new Map();
  #numbers = new Map();
  #coded = new Map();

  constructor(content) {
    const { length = 0, columns = {} } = content ?? {};
    this.length = length;
    this.#columns = new Map(Object.entries(columns));
    this.names = [...this.#columns.keys()];
  }

  has(column) {
    return this.#columns.has(column);
  }

  /** The value, or null where the column or the value is missing. */
  get(row, column) {
    let read = this.#readers.get(column);
    if (!read) {
      read = reader(this.#columns.get(column));
      this.#readers.set(column, read);
    }
    return read(row) ?? null;
  }

  /** A column of numbers; NaN where one is missing. */
  numbers(column) {
    if (!this.#numbers.has(column)) {
      const values = new Float64Array(this.length);
      for (let row = 0; row < this.length; row++) values[row] = this.get(row, column) ?? NaN;
      this.#numbers.set(column, values);
    }
    return this.#numbers.get(column);
  }

  /** A column of text as distinct words, in order, and their number for each row. */
  coded(column) {
    if (!this.#coded.has(column)) this.#coded.set(column, this.#code(column));
    return this.#coded.get(column);
  }

  #code(column) {
    const packed = this.#columns.get(column);
    if (packed?.words && packed.words.every((word) => typeof word === "string")) {
      return { words: packed.words, codes: array(packed) };
    }
    const texts = Array.from({ length: this.length }, (_, row) => String(this.get(row, column) ?? ""));
    return code(texts);
  }
}

/** Number texts by their place among the distinct ones. @param {string[]} texts */
export function code(texts) {
  const words = [...new Set(texts)].sort();
  const numbers = new Map(words.map((word, index) => [word, index]));
  return { words, codes: Uint32Array.from(texts, (text) => numbers.get(text)) };
}

function reader(packed) {
  if (!packed) return () => null;
  if (packed.values) return (row) => packed.values[row];
  const values = array(packed);
  if (packed.words) return (row) => packed.words[values[row]];
  if (packed.type === "f64") return (row) => (Number.isNaN(values[row]) ? null : values[row]);
  return (row) => (values[row] === MISSING[packed.type] ? null : values[row] / packed.scale);
}

export const kilns = new Table(given.kilns);
delete given.kilns;
kilns.rowOf = new Map(Array.from({ length: kilns.length }, (_, row) => [kilns.get(row, "id"), row]));

/** What is read after the map has been drawn: other layers, as far as the folder has them. */
export const extra = { coverage: { type: "FeatureCollection", features: [] }, areas: null, boundaries: null };
extra.sources = new Table();
extra.reports = new Table();
extra.gone = new Table(); // kilns of earlier atlases that are not among the kilns
const TABLES = ["sources", "reports", "gone"];

export async function loadExtras() {
  const names = ["coverage", "areas", "boundaries", ...TABLES].filter(offers);
  const contents = await Promise.all(names.map((name) => load(name)));
  names.forEach((name, at) => {
    if (!contents[at]) return;
    extra[name] = TABLES.includes(name) ? new Table(contents[at]) : contents[at];
  });
}

const SHARD = 500; // as in kilnscan/site_tables.py
const shards = new Map();

/** All that is told of one kiln: `{of: column => value, siting: [{rule, status, ...}]}`; null if it cannot be read. */
export async function details(row) {
  const shard = Math.floor(row / SHARD);
  if (!shards.has(shard)) shards.set(shard, load(`details/${shard}`, `details_${shard}`).then(unpack));
  const content = await shards.get(shard);
  if (!content) {
    shards.delete(shard); // a network may come back
    return null;
  }
  const { rest, siting } = content;
  const rules = [];
  for (let at = 0; at < siting.length; at++) {
    if (siting.get(at, "row") !== row) continue;
    rules.push(Object.fromEntries(siting.names.map((name) => [name, siting.get(at, name)])));
  }
  return { of: (column) => rest.get(row % SHARD, column), siting: rules };
}

function unpack(content) {
  return content && { rest: new Table(content.kilns), siting: new Table(content.siting) };
}

/** An image of the site, or null: whatever else stands in the data is not an address to load. */
export function chip(path) {
  return /^chips\/[\w-][\w.-]*\.(jpe?g|png|webp)$/i.test(path ?? "") ? path : null;
}
