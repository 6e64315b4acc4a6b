// The dialog on method, models, accuracy and licences.

import { coverage, meta } from "./data.js";
import { byId, closeButton, el, facts } from "./dom.js";
import { count, isNumber, percent } from "./format.js";
import { title } from "./state.js";

const METHOD = [
  "The area is cut into tiles. In every tile all clear Sentinel-2 looks are combined into one picture, and a random forest gives each 10 m pixel a probability of belonging to a kiln.",
  "Groups of likely pixels become candidates. Only around these is a second, finer picture looked at: a neural network draws an oriented box round each kiln and names its type.",
  "Boxes of the same kiln from neighbouring pictures are merged, and each kiln keeps its identifier from one run to the next.",
];

export function makeAbout() {
  const dialog = byId("about");
  dialog.append(
    closeButton("Close", () => dialog.close()),
    el("h2", { id: "about-title" }, title),
    meta.synthetic
      ? el(
          "p",
          { class: "notice" },
          el("strong", {}, "Synthetic demo data. "),
          "The landscape, the images and the kilns are invented to show the workflow. Do not use them for anything else.",
        )
      : null,
    el("h3", {}, "How it was made"),
    el("ol", {}, ...METHOD.map((step) => el("li", {}, step))),
    el("h3", {}, "How accurate it is"),
    ...accuracy(),
    ...listOf("Models", meta.models, model),
    ...downloads(),
    ...listOf("Licences", meta.licences, (text) => el("li", {}, text)),
    ...listOf("Attribution", meta.attribution, (text) => el("li", {}, text)),
    el(
      "p",
      { class: "small" },
      meta.commit ? `Made by kilnscan, commit ${meta.commit}. ` : "Made by kilnscan. ",
      el("a", { href: "licences.txt" }, "Licences of the map's own code"),
    ),
  );
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  byId("about-button").addEventListener("click", () => dialog.showModal());
}

function accuracy() {
  const { precision, recall, f1, n } = meta.metrics ?? {};
  const statuses = coverage.features.map((feature) => feature.properties.status);
  const missed = statuses.filter((status) => status === "cloudy" || status === "failed").length;
  const holes = missed
    ? `${count(missed)} of ${count(statuses.length)} tiles could not be searched; they are striped on the map.`
    : `All ${count(statuses.length)} tiles were searched.`;
  const measured = [precision, recall, f1].some(isNumber)
    ? [
        el("p", {}, `Compared with ${isNumber(n) ? count(n) : "the"} reference kilns, matched one to one within 50 m:`),
        facts([
          ["Precision (shown kilns that are real)", percent(precision)],
          ["Recall (real kilns that are shown)", percent(recall)],
          ["F1", percent(f1)],
        ]),
      ]
    : [
        el(
          "p",
          {},
          "No reference was given for this region, so the accuracy here is not known. The model cards say how the models did elsewhere.",
        ),
      ];
  return [...measured, el("p", {}, holes)];
}

function listOf(name, values, item) {
  if (!Array.isArray(values) || !values.length) return [];
  return [el("h3", {}, name), el("ul", {}, ...values.map(item))];
}

function model({ name, sha256, card }) {
  const mark = sha256 ? el("code", { title: sha256 }, String(sha256).slice(0, 12)) : null;
  return el(
    "li",
    {},
    el("strong", {}, name ?? "model"),
    " ",
    mark,
    card ? el("details", {}, el("summary", {}, "Model card"), el("pre", {}, card)) : null,
  );
}

function downloads() {
  return listOf("Downloads", meta.downloads, (name) =>
    el("li", {}, el("a", { href: `downloads/${encodeURIComponent(name)}`, download: name }, name)),
  );
}
