// The kilns that pass the filters, as a table for spreadsheets.

import { kilns, meta } from "./data.js";
import { el } from "./dom.js";
import { passing } from "./state.js";

/** Text of the filtered kilns, RFC 4180. */
export function csv() {
  const columns = kilns.names.filter((name) => name !== "chip");
  const lines = [columns, ...passing().map((row) => columns.map((column) => kilns.get(row, column)))];
  return lines.map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  // a spreadsheet would run text that starts like a formula
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function downloadCsv() {
  const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  const name = `kilns-${String(meta.region ?? "").replace(/[^\w-]+/g, "-") || "region"}.csv`;
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
