// What volunteers saw.

import { collection } from "./boxes.js";
import { extra } from "./data.js";

export const REPORT_ICONS = [
  { name: "kiln", shape: "star", colour: "#0a7d3b" },
  { name: "no-kiln", shape: "cross", colour: "#b02a37" },
  { name: "unsure", shape: "diamond", colour: "#7a6a00" },
];

export const reportIcon = (saw) => REPORT_ICONS.find(({ name }) => name === saw) ?? REPORT_ICONS[2];

export function reportFeatures() {
  const { reports } = extra;
  return collection(
    Array.from({ length: reports.length }, (_, row) => ({
      type: "Feature",
      properties: { row, icon: `report-${reportIcon(reports.get(row, "saw")).name}` },
      geometry: { type: "Point", coordinates: [reports.get(row, "lon"), reports.get(row, "lat")] },
    })),
  );
}

/** A report in words that can be told one by one. */
export function reportFacts(row) {
  const of = (column) => extra.reports.get(row, column);
  return {
    date: of("date"),
    saw: of("saw"),
    type: of("type"),
    working: of("working"),
    verdict: of("verdict"),
    kiln: of("kiln"),
  };
}

/** Reports on a kiln, newest first. */
export function reportsOn(id) {
  const rows = [];
  for (let row = 0; row < extra.reports.length; row++) if (extra.reports.get(row, "kiln") === id) rows.push(row);
  return rows.map(reportFacts).sort((a, b) => ((a.date ?? "") < (b.date ?? "") ? 1 : -1));
}
