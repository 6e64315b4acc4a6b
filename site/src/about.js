// The dialog on method, accuracy, sources, rules and licences.

import { extra, meta } from "./data.js";
import { byId, closeButton, el, facts, save } from "./dom.js";
import { boundariesNote } from "./parts.js";
import { estimated, isNumber, percent, percents } from "./format.js";
import { language, languages, t } from "./words.js";
import { title } from "./state.js";

let made = false;

export function makeAbout() {
  const dialog = byId("about");
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  byId("about-button").addEventListener("click", () => openAbout());
}

/** Open the dialog, at one of its headings if that is named. */
export function openAbout(at) {
  const dialog = byId("about");
  if (!made) dialog.append(...contents(dialog));
  made = true;
  dialog.showModal();
  const head = at && byId(at);
  if (head) {
    head.scrollIntoView();
    head.focus({ preventScroll: true });
  } else dialog.scrollTop = 0;
}

const head = (name) => el("h3", { id: `about-${name}`, tabindex: -1 }, t(`about.${name}`));

function contents(dialog) {
  return [
    closeButton(t("close"), () => dialog.close()),
    el("h2", { id: "about-title" }, title),
    meta.synthetic ? el("p", { class: "notice" }, el("strong", {}, t("synthetic")), " ", t("synthetic.long")) : null,
    head("method"),
    el("ol", {}, ...[1, 2, 3].map((step) => el("li", {}, t(`about.method.${step}`)))),
    head("accuracy"),
    ...accuracy(),
    ...emissions(),
    ...rules(),
    ...listOf("models", meta.models, model),
    ...listOf("downloads", meta.downloads, download),
    ...listOf("credits", [...(meta.credits ?? []), ...(meta.attribution ?? [])], (text) =>
      el("li", {}, el("bdi", {}, text)),
    ),
    boundariesNote() ? head("boundaries") : null,
    boundariesNote() ? el("p", {}, el("bdi", {}, boundariesNote())) : null,
    ...listOf("licences", meta.licences, (text) => el("li", {}, el("bdi", {}, text))),
    head("languages"),
    el("p", {}, t("about.words"), " ", dictionaryButton()),
    el(
      "p",
      { class: "small" },
      [t("made_by"), meta.version, meta.commit ? t("about.commit", { commit: meta.commit }) : null]
        .filter(Boolean)
        .join(" "),
      ". ",
      el("a", { href: "licences.txt" }, t("about.code_licences")),
    ),
  ].filter(Boolean);
}

/** A measure with its 95 % interval, if that was given: a number, or {value, ci95: [low, high]}. */
function measure(given) {
  const value = isNumber(given) ? given : given?.value;
  const interval = Array.isArray(given?.ci95) ? given.ci95 : given?.interval;
  if (!isNumber(value)) return null;
  if (!Array.isArray(interval) || !interval.every(isNumber)) return percent(value);
  return `${percent(value)} (${percents(interval[0], interval[1])})`;
}

/** How far the map can be trusted, in one sentence. */
export function accuracyLine() {
  const { precision, recall } = meta.metrics ?? {};
  if (!measure(precision) && !measure(recall)) return t("accuracy.unknown");
  return t("accuracy.line", { precision: measure(precision) ?? "–", recall: measure(recall) ?? "–" });
}

function accuracy() {
  const { precision, recall, f1, n } = meta.metrics ?? {};
  const measured = [precision, recall, f1].some(measure)
    ? [
        el("p", {}, isNumber(n) ? t("accuracy.compared", { n }) : t("accuracy.compared_some")),
        facts([
          [t("accuracy.precision"), measure(precision)],
          [t("accuracy.recall"), measure(recall)],
          [t("accuracy.f1"), measure(f1)],
        ]),
      ]
    : [el("p", {}, t("accuracy.unknown"))];
  return [...measured, ...sampled(), el("p", {}, t("accuracy.score")), ...coverage()];
}

/** What a sample that people checked says of the whole region. */
function sampled() {
  const { kilns, precision, recall } = meta.estimated ?? {};
  if (!isNumber(kilns?.value)) return [];
  return [
    el("p", {}, t("accuracy.sampled")),
    facts([
      [t("metric.estimated"), estimated(kilns.value, ...(kilns.ci95 ?? []))],
      [t("accuracy.precision"), measure(precision)],
      [t("accuracy.recall"), measure(recall)],
    ]),
  ];
}

function coverage() {
  const tiles = extra.coverage.features.map((feature) => feature.properties);
  if (!tiles.length) return [];
  const km2 = (list) => list.reduce((sum, tile) => sum + (tile.area_km2 || 0), 0);
  const missed = tiles.filter(({ status }) => status === "cloudy" || status === "failed");
  const share = km2(tiles) ? 1 - km2(missed) / km2(tiles) : 1 - missed.length / tiles.length;
  const statuses = ["ok", "empty", "cloudy", "failed"]
    .map((status) => [t(`status.${status}`), tiles.filter((tile) => tile.status === status).length])
    .filter(([, number]) => number);
  return [
    el("p", {}, missed.length ? t("coverage.holes", { x: percent(share) }) : t("coverage.all", { n: tiles.length })),
    facts(statuses.map(([name, number]) => [name, t("tiles", { n: number })])),
  ];
}

function emissions() {
  if (!meta.emissions?.length) return [];
  return [
    head("emissions"),
    el("p", {}, t("about.emissions.how")),
    el("ul", {}, ...meta.emissions.map((one) => el("li", {}, el("bdi", {}, cited(one))))),
  ];
}

const cited = (one) =>
  typeof one === "string" ? one : [one?.name, one?.citation, one?.licence].filter(Boolean).map(String).join(". ");

function rules() {
  if (!meta.rules?.length) return [];
  return [
    head("rules"),
    el("p", {}, t("about.rules.how")),
    el(
      "ul",
      {},
      ...meta.rules.map(({ id, title: name, citation, source }) =>
        el(
          "li",
          {},
          el("strong", {}, el("bdi", {}, name || String(id))),
          " ",
          el("bdi", { class: "small" }, [citation, source].filter(Boolean).join(" · ")),
        ),
      ),
    ),
  ];
}

function listOf(name, values, item) {
  if (!Array.isArray(values) || !values.length) return [];
  return [head(name), el("ul", {}, ...values.map(item))];
}

function model({ name, sha256, card }) {
  const mark = sha256 ? el("code", { title: sha256, dir: "ltr" }, String(sha256).slice(0, 12)) : null;
  return el(
    "li",
    {},
    el("strong", {}, el("bdi", {}, name ?? "")),
    " ",
    mark,
    card ? el("details", {}, el("summary", {}, t("about.card")), el("pre", { dir: "ltr", tabindex: 0 }, card)) : null,
  );
}

function download(name) {
  return el("li", {}, el("a", { href: `downloads/${encodeURIComponent(name)}`, download: name, dir: "ltr" }, name));
}

/** The dictionary as a file, for those who want to mend or translate it. */
function dictionaryButton() {
  const words = languages.find(({ code }) => code === language.code)?.words ?? {};
  const onclick = () => save(`${language.code}.json`, "application/json", `${JSON.stringify(words, null, 2)}\n`);
  return el("button", { type: "button", class: "quiet", id: "dictionary", onclick }, t("about.dictionary"));
}
