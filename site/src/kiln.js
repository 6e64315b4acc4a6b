// The sheet of one kiln.

import { openAbout } from "./about.js";
import { changeMark, changeName } from "./changes.js";
import { chip, details, extra, kilns, meta, site } from "./data.js";
import { el, facts, ltr, sayingButton } from "./dom.js";
import { fillEvidence } from "./evidence.js";
import { axis, chance, isNumber, kilometres, length, metres, percent, period, position, whole, worded } from "./format.js";
import { within } from "./geo.js";
import { emissionsOf, grid, heading, kind, meter, part } from "./parts.js";
import { reportIcon, reportsOn } from "./reports.js";
import { shapeIcon } from "./shapes.js";
import { sourceKinds } from "./sources.js";
import { copied } from "./share.js";
import { state, typeOf, types } from "./state.js";
import { t } from "./words.js";

export const KM = [1, 2, 5];
export const NEAR_KM = 5;
const nothing = { of: () => null, siting: [] };

/** All that is known of a kiln, from both tables: `of(column)`, its rules, reports and the sources near it. */
function known(row, detail) {
  const of = (column) => kilns.get(row, column) ?? detail.of(column);
  const rules = detail.siting.map((one) => ({ ...one, about: aboutRule(one.rule) }));
  return { row, id: of("id"), of, rules, near: nearSources(of), reports: reportsOn(of("id")) };
}

const aboutRule = (id) => (meta.rules ?? []).find((rule) => String(rule.id) === String(id)) ?? {};

function nearSources(of) {
  const { sources } = extra;
  const rows = Array.from({ length: sources.length }, (_, at) => at);
  return within(sources, rows, of("lon"), of("lat"), NEAR_KM);
}

/** The sheet; what is read from the file of details is put in when it is there. */
export function kilnSheet(row) {
  const pictures = el("div", { class: "pictures" });
  const body = el("div", { class: "kiln-facts", "aria-busy": "true" });
  const first = known(row, nothing);
  fill(first, pictures, body);
  details(row).then((detail) => {
    if (state.selected !== first.id) return;
    body.removeAttribute("aria-busy");
    const all = known(row, detail ?? nothing);
    fill(all, pictures, body);
    if (!detail) body.prepend(el("p", { class: "notice" }, t("kiln.no_details")));
    fillEvidence(all);
  });
  const type = types.get(first.of("type") ?? "");
  return [
    pictures,
    kind(el("i", { class: "dot", style: { background: type.colour } }), type.name),
    heading(`${t("kiln")} `, ltr(first.id)),
    meter(t("score"), first.of("score"), t("score.of"), sureLink()),
    body,
    el(
      "div",
      { class: "actions" },
      sayingButton(t("copy.id"), () => copied(first.id)),
      sayingButton(t("copy.link"), () => copied(location.href)),
      el("button", { type: "button", id: "print", onclick: print }, t("print")),
    ),
  ];
}

const sureLink = () =>
  el("button", { type: "button", class: "quiet", onclick: () => openAbout("about-accuracy") }, t("score.sure"));

/** Print when the picture is there. */
async function print() {
  const images = [...document.querySelectorAll("#evidence img")];
  await Promise.all(images.map((image) => image.decode().catch(() => {})));
  window.print();
}

function fill(kiln, pictures, body) {
  const { of } = kiln;
  pictures.replaceChildren(...figures(kiln));
  const size = isNumber(of("length_m")) ? `${metres(of("length_m"))} × ${metres(of("width_m"))}` : null;
  const place = [of("area"), of("state"), of("country")].filter(Boolean).join(", ");
  const rights = [of("provider"), of("licence")].filter(Boolean).join(", ");
  body.replaceChildren(
    ...[
      facts([
        [t("kiln.place"), place ? el("bdi", {}, place) : null],
        [t("kiln.position"), position(of("lon"), of("lat"))],
        [t("kiln.seen"), of("change") ? null : period(of("first_seen"), of("last_seen"))], // else told below
        [t("kiln.size"), size],
        [t("kiln.axis"), axis(of("azimuth_deg"))],
      ]),
      changed(of),
      emissions(of),
      part(t("near.title"), people(of)),
      part(t("siting.title"), kiln.rules.length ? el("ul", { class: "rules" }, ...kiln.rules.map(rule)) : summary(of)),
      part(t("near.sources", { km: NEAR_KM }), sources(kiln.near)),
      part(t("report.title"), kiln.reports.length ? el("ul", { class: "plain" }, ...kiln.reports.map(report)) : null),
      part(
        t("kiln.evidence"),
        facts([
          [t("kiln.screen_score"), percent(of("screen_score"))],
          [t("kiln.detections"), whole(of("detections"))],
          [t("tile"), of("tile") ? ltr(of("tile")) : null],
          [t("kiln.imagery"), rights],
          [t("kiln.attribution"), chip(of("chip")) ? null : of("attribution")],
        ]),
      ),
    ].filter(Boolean),
  );
}

/** What became of it since earlier seasons, and why it is thought so. */
function changed(of) {
  if (!of("change")) return null;
  return part(
    t("change.title"),
    el("p", { class: "change" }, changeMark(of("change")), el("strong", {}, changeName(of("change")))),
    facts([
      [t("column.first_seen"), of("first_seen") && ltr(of("first_seen"))],
      [t("column.last_seen"), of("last_seen") && ltr(of("last_seen"))],
      [t("change.type_before"), of("type_before") && typeOf(of("type_before")).name],
      [t("change.moved_by"), metres(of("moved_m"))],
    ]),
    ...changeNotes(of("change"), of("change_reason")),
  );
}

/** Why it is thought so, and what to beware of. */
export const changeNotes = (word, reason) =>
  [
    reason && el("p", { class: "small" }, el("bdi", { lang: "en" }, reason)),
    word !== "persisting" && el("p", { class: "small" }, t("change.note")),
  ].filter(Boolean);

function figures({ id, of }) {
  const [before, now] = [chip(of("chip_before")), chip(of("chip"))];
  const rights = of("attribution") || [of("provider"), of("licence")].filter(Boolean).join(", ");
  const figure = (source, words, ...told) =>
    el(
      "figure",
      { class: "chip" },
      el("img", { src: source, alt: t(words, { id }), onerror: ({ target }) => target.closest("figure").remove() }),
      el("figcaption", {}, told.filter(Boolean).join(" · ")),
    );
  const { date, attribution } = site.earlier ?? {};
  return [
    before && figure(before, "kiln.image_before", t("kiln.before"), date, attribution),
    now && figure(now, "kiln.image", before && t("kiln.now"), rights),
  ].filter(Boolean);
}

function emissions(of) {
  const list = facts(emissionsOf(of));
  if (!list) return null;
  const link = el(
    "button",
    { type: "button", class: "quiet", onclick: () => openAbout("about-emissions") },
    t("emissions.how"),
  );
  return part(t("emissions.title"), list, el("p", { class: "small" }, t("emissions.note"), " ", link));
}

export function people(of) {
  const heads = KM.map((km) => kilometres(km));
  const line = (name) => [t(`near.${name}`), ...KM.map((km) => whole(of(`${name}_${km}km`)))];
  return grid(heads, ["people", "schools", "clinics"].map(line));
}

const badge = (status) => el("span", { class: `badge siting-${status}` }, worded("siting", status));

function summary(of) {
  const status = of("siting");
  if (!status) return null;
  const broken = (of("rules_broken") ?? "").split(" ").filter(Boolean);
  return el("p", {}, badge(status), " ", broken.map((id) => aboutRule(id).title || id).join(", "));
}

function rule({ rule: id, status, about, ...measured }) {
  return el(
    "li",
    {},
    el("p", { class: "rule-head" }, el("strong", {}, el("bdi", {}, about.title || id)), badge(status)),
    el("p", {}, ruleMeasure(measured)),
    about.citation ? el("p", { class: "small" }, el("bdi", {}, about.citation)) : null,
  );
}

/** What was measured for a rule, in one line of words. */
export function ruleMeasure({ distance_m, limit_m, probability, nearest, reason }) {
  const words = [];
  if (isNumber(distance_m) && isNumber(limit_m)) {
    words.push(t("siting.distance", { distance: length(distance_m), limit: length(limit_m) }));
  }
  if (nearest) words.push(t("siting.nearest", { name: nearest }));
  if (isNumber(probability)) words.push(t("siting.probability", { x: chance(probability) }));
  if (!words.length && reason) words.push(String(reason));
  return words.join(" · ");
}

function sources(near) {
  if (!extra.sources.length) return null;
  if (!near.length) return el("p", {}, t("near.no_sources"));
  const kinds = new Map(sourceKinds().map((one) => [one.name, one]));
  const most = 12;
  return [
    el(
      "ul",
      { class: "plain" },
      ...near.slice(0, most).map(([row, km]) => {
        const one = kinds.get(extra.sources.get(row, "kind") ?? "");
        return el(
          "li",
          {},
          shapeIcon(one.shape, one.colour),
          el("span", {}, el("bdi", {}, extra.sources.get(row, "name") || one.title), el("small", {}, ` ${one.title}`)),
          el("span", { class: "number" }, kilometres(km)),
        );
      }),
    ),
    near.length > most ? el("p", { class: "small" }, t("more", { n: near.length - most })) : null,
  ];
}

function report(one) {
  const { shape, colour } = reportIcon(one.saw);
  return el("li", {}, shapeIcon(shape, colour), el("span", {}, reportLine(one)));
}

export function reportLine({ date, saw, type, working }) {
  return [
    date,
    t(`saw.${["kiln", "no-kiln"].includes(saw) ? saw.replace("-", "_") : "unsure"}`),
    type && typeName(type),
    working && t(`working.${working === "yes" ? "yes" : "no"}`),
  ]
    .filter(Boolean)
    .join(" · ");
}

const typeName = (type) => worded("type", type);
