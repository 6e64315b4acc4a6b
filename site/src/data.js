// The data come as scripts (`data/*.js`), because a page opened by a double click may not fetch files.

const given = globalThis.kilnscanData ?? {};

export const meta = given.meta ?? {};
export const coverage = given.coverage ?? { type: "FeatureCollection", features: [] };
export const basemap = given.basemap ?? null;

/** Kilns by column: `kilns.get(row, column)`. Repeated words are stored once and numbered. */
export class Kilns {
  #columns;

  constructor({ length = 0, columns = {} } = {}) {
    this.length = length;
    this.names = Object.keys(columns);
    this.#columns = new Map(
      Object.entries(columns).map(([name, { values, words, codes }]) => [
        name,
        words ? (row) => words[codes[row]] : (row) => values[row],
      ]),
    );
    this.rows = Array.from({ length }, (_, row) => row);
    this.byId = new Map(this.rows.map((row) => [this.get(row, "id"), row]));
  }

  /** The value, or null where the column or the value is missing. */
  get(row, column) {
    return this.#columns.get(column)?.(row) ?? null;
  }
}

export const kilns = new Kilns(given.kilns);

/** An image of the site, or null: whatever else stands in the data is not an address to load. */
export function chipOf(row) {
  const path = kilns.get(row, "chip") ?? "";
  return /^chips\/[\w-][\w.-]*\.(jpe?g|png|webp)$/i.test(path) ? path : null;
}
