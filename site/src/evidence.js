// One page of paper for a kiln: hidden on the screen, alone in print.

import { accuracyLine } from "./about.js";
import { changeName } from "./changes.js";
import { chip, extra, meta } from "./data.js";
import { byId, el, facts, ltr } from "./dom.js";
import { axis, isNumber, kilometres, metres, percent, period, position, worded } from "./format.js";
import { NEAR_KM, people, reportLine, ruleMeasure } from "./kiln.js";
import { emissionsOf, part } from "./parts.js";
import { title, types } from "./state.js";
import { t } from "./words.js";

const MOST = { rules: 7, near: 4, reports: 2, text: 150 }; // what fits on one page; the map tells the rest

/** Write the sheet; printing the page then prints it. */
export function fillEvidence({ id, of, rules, near, reports }) {
  const size = isNumber(of("length_m")) ? `${metres(of("length_m"))} × ${metres(of("width_m"))}` : null;
  const place = [of("area"), of("state"), of("country")].filter(Boolean).join(", ");
  const picture = chip(of("chip"));
  const rights = [of("attribution"), of("provider"), of("licence")].filter(Boolean).map(cut).join(" · ");
  byId("evidence").replaceChildren(
    ...[
      el("header", {}, el("p", {}, cut(title)), meta.synthetic ? el("p", { class: "warning" }, t("synthetic")) : null),
      el("h1", {}, `${t("kiln")} `, ltr(cut(id))),
      el(
        "div",
        { class: "evidence-top" },
        picture
          ? el("figure", {}, el("img", { src: picture, alt: t("kiln.image", { id }) }), el("figcaption", {}, rights))
          : null,
        facts([
          [t("column.type"), cut(types.get(of("type") ?? "").name)],
          [t("score"), percent(of("score"))],
          [t("kiln.position"), position(of("lon"), of("lat"))],
          [t("kiln.place"), place && el("bdi", {}, cut(place))],
          [t("kiln.seen"), period(of("first_seen") && cut(of("first_seen")), of("last_seen") && cut(of("last_seen")))],
          [t("change.state"), of("change") && cut(changeName(of("change")))],
          [t("kiln.size"), size],
          [t("kiln.axis"), axis(of("azimuth_deg"))],
        ]),
      ),
      el(
        "div",
        { class: "evidence-columns" },
        part(t("emissions.title"), facts(emissionsOf(of))),
        part(t("near.title"), people(of)),
      ),
      part(t("siting.title"), rules.length ? ruleTable(rules) : null),
      part(t("near.sources", { km: NEAR_KM }), near.length ? el("p", {}, nearLine(near)) : null),
      part(
        t("report.title"),
        reports.slice(0, MOST.reports).map((report) => el("p", {}, cut(reportLine(report)))),
      ),
      el(
        "footer",
        {},
        el("p", {}, t("print.method"), " ", accuracyLine()),
        rules.length ? el("p", {}, t("about.rules.how")) : null,
        of("pm25_t") === null ? null : el("p", {}, t("emissions.note"), " ", cut(factorLine())),
        el("p", {}, [...(meta.licences ?? []), ...(meta.attribution ?? [])].slice(0, 4).map(cut).join(" · ")),
        el("p", {}, [t("made_by"), meta.version, meta.commit].filter(Boolean).map(cut).join(" ")),
        location.protocol.startsWith("http") ? el("p", {}, ltr(location.href.slice(0, 300))) : null,
      ),
    ].filter(Boolean),
  );
}

/** Text of the data, not so long that it would push the rest off the page. */
function cut(text) {
  const words = String(text);
  return words.length > MOST.text ? `${words.slice(0, MOST.text - 1)}…` : words;
}

function factorLine() {
  return (meta.emissions ?? [])
    .slice(0, 3)
    .map((one) => (typeof one === "string" ? one : (one.citation ?? one.name ?? "")))
    .join("; ");
}

const ORDER = ["breaks", "grandfathered", "unknown", "meets"];
function ruleTable(rules) {
  const ordered = [...rules].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  const lines = ordered
    .slice(0, MOST.rules)
    .map(({ rule, status, about, ...measured }) =>
      el(
        "tr",
        {},
        el("td", {}, worded("siting", status)),
        el("td", {}, el("strong", {}, cut(about.title || rule)), el("br"), cut(ruleMeasure(measured))),
        el("td", {}, cut(about.citation ?? "")),
      ),
    );
  const more = rules.length - lines.length;
  return [el("table", {}, el("tbody", {}, ...lines)), more > 0 ? el("p", {}, t("more", { n: more })) : null];
}

function nearLine(near) {
  const names = near.slice(0, MOST.near).map(([row, km]) => {
    const kind = worded("kind", extra.sources.get(row, "kind"));
    return `${cut(extra.sources.get(row, "name") || kind)} (${[kind, kilometres(km)].filter(Boolean).join(", ")})`;
  });
  const more = near.length - names.length;
  return [...names, more > 0 ? t("more", { n: more }) : ""].filter(Boolean).join("; ");
}
