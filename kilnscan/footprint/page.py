"""The report as one HTML file: no script, no network, everything that comes from outside escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import zip_longest
from typing import Any

from .words import head_of, lasting, row_of, span, sum_rows, unit_of, watt_hours

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.86rem}
div.wide{overflow-x:auto}th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}
th:first-child,td:first-child{text-align:left}.words{white-space:normal;text-align:left;min-width:16rem}
tr.sum td{font-weight:600;border-top:2px solid #888}
dl{display:flex;flex-wrap:wrap;gap:1rem 2.5rem;margin:0}dt{color:#666;font-size:.8rem}dd{margin:0;font-size:1.15rem}
@media (prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}dt{color:#aaa}}
"""
BAR, LABEL, WIDTH = 22, 190, 1000
COLOURS = {"operational_g": ("electricity", "#2a6fb0"), "embodied_g": ("making the machines", "#d08a1d")}


def page(report: dict[str, Any]) -> str:
    """The whole page."""
    body = [
        f"<h1>{escape(report['title'])}</h1>",
        _headline(report),
        _section("Where it went", _chart(report["rules"] | report["rules_besides"]) + _sums(report)),
        _section(f"For each unit of work, {report['named']} alone", _units(report)),
        _section("Imagery", f"<p>{escape(report['imagery']['words'])}</p>" if report.get("imagery") else ""),
        _section("Against a naive design", _naive(report.get("naive") or [])),
        _section("The same jobs elsewhere", _elsewhere(report)),
        _section("Sizes", _hints(report)),
        _section("Machines", _machines(report)),
        _section("Storage and network", _kept(report)),
        _section("What to know", "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in report["notes"]) + "</ul>"),
        _section("Constants", _constants(report)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(report['title'])}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _section(name: str, content: str) -> str:
    return f"<h2>{escape(name)}</h2>\n{content}" if content else ""


def _headline(report: dict[str, Any]) -> str:
    if not report["besides"]["jobs"]:
        return _figures(report, report["total"])
    named = {report["named"]: report["products"], "besides": report["besides"]}
    return "".join(f"<h2>{escape(name)}</h2>{_figures(report, told)}" for name, told in named.items())


def _figures(report: dict[str, Any], told: dict[str, Any]) -> str:
    figures = {
        "jobs": f"{told['jobs']:,}",
        "CPU time": lasting(told["cpu_h"]),
        "GPU time": lasting(told["gpu_h"]) if told["gpu_h"] else "none",
        "machines": span(told["money"], report["currency"]),
        "energy": f"{watt_hours(told['kwh'])} Wh" if told["kwh"] else "unknown",
        "electricity": span(told["operational_g"], "g CO2e"),
        "making the machines": span(told["embodied_g"], "g CO2e"),
    }
    return (
        "<dl>" + "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in figures.items()) + "</dl>"
    )


def _chart(rules: dict[str, dict[str, Any]]) -> str:
    """Bars of the middle of each range, by rule, with a line from least to most."""
    known = {rule: {key: told[key] or [0, 0] for key in COLOURS} for rule, told in rules.items()}
    most = max((sum(pair[1] for pair in parts.values()) for parts in known.values()), default=0)
    if most <= 0:
        return ""
    scale, shapes = (WIDTH - LABEL - 10) / most, []
    for row, (rule, parts) in enumerate(known.items()):
        top, left = row * BAR, float(LABEL)
        shapes.append(f'<text x="{LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(rule[:28])}</text>')
        for key, (low, high) in parts.items():
            width = (low + high) / 2 * scale
            said = escape(span([low, high], "g"))
            shapes.append(
                f'<rect x="{left:.1f}" y="{top + 4}" width="{width:.1f}" height="14" fill="{COLOURS[key][1]}">'
                f"<title>{said}</title></rect>"
            )
            left += width
        ends = [LABEL + scale * sum(pair[side] for pair in parts.values()) for side in (0, 1)]
        shapes.append(f'<path d="M{ends[0]:.1f} {top + 11}H{ends[1]:.1f}" stroke="currentColor"/>')
    legend = "".join(f'<tspan fill="{colour}"> \u25a0 </tspan>{escape(name)}' for name, colour in COLOURS.values())
    height = len(known) * BAR
    said = f"g CO2e, middle of the range and its ends: {legend}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + 24}" width="100%" role="img" aria-label="g CO2e by rule" '
        f'font-size="12" fill="currentColor">{"".join(shapes)}<text x="{LABEL}" y="{height + 16}">{said}</text></svg>'
    )


def _sums(report: dict[str, Any]) -> str:
    sums, rows = zip(*sum_rows(report), strict=True)
    return _table(("rule", *head_of(report)), rows, sums=sums)


def _units(report: dict[str, Any]) -> str:
    measures = ("operational_g", "embodied_g", "money")
    rows = [
        (
            u["unit"],
            f"{u['count']:,.6g}",
            f"{u['cpu_h'] * 3600:,.3g}",
            watt_hours(u["kwh"]),
            *(span(u[name]) for name in measures),
        )
        for u in report["units"]
    ]
    head = ("per", "how many", "CPU s", "Wh", "g CO2e electricity", "g CO2e making", report["currency"])
    return _table(head, rows) if rows else ""


def _naive(rows: list[dict[str, Any]]) -> str:
    body = [(r["against"], r["naive"], r["run"], r["saving"], r["assumption"]) for r in rows]
    return _table(("against", "naive", "this run", "saving", "assumption"), body, words=True) if rows else ""


def _elsewhere(report: dict[str, Any]) -> str:
    prices, grams = ("on_demand", "spot"), ("operational_g", "embodied_g", "co2e_g")
    rows = [
        (w["region"], w["family"], *(span(w[n]) for n in prices), watt_hours(w["kwh"]), *(span(w[n]) for n in grams))
        for w in report["what_if"]
    ]
    markets = (f"{report['currency']} on demand", f"{report['currency']} Spot")
    head = ("region", "family", *markets, "Wh", "g CO2e electricity", "g CO2e making", "g CO2e")
    said = "Equal run times on every processor, perfectly packed machines. Prices only where a table tells them."
    return f"<p>{said}</p>{_table(head, rows)}" if rows else ""


def _hints(report: dict[str, Any]) -> str:
    rows = [(h["rule"], str(h["asked_mb"]), str(h["peak_mb"]), str(h["enough_mb"]), str(h["threads"]), h["busy"],
             h["advice"]) for h in report["hints"]]  # fmt: skip
    return _table(("rule", "asked MB", "used MB", "enough MB", "threads", "busy", ""), rows) if rows else ""


def _machines(report: dict[str, Any]) -> str:
    return _table(
        ("machine", *head_of(report)), [(n, *row_of(told, unit_of(report))) for n, told in report["machines"].items()]
    )


def _kept(report: dict[str, Any]) -> str:
    moved, kept = report["traffic"], report["storage"]
    rows = [
        ("read over networks", span([moved["gb"]] * 2, "GB"), watt_hours(moved["kwh"]), span(moved["operational_g"]))
    ]
    if kept:
        words = f"{span([kept['gb']] * 2, 'GB')} for {kept['days']:,.0f} days"
        rows.append(("kept", words, watt_hours(kept["kwh"]), span(kept["operational_g"])))
    return "<p>Not in the sums above.</p>" + _table(("", "", "Wh", "g CO2e"), rows)


def _constants(report: dict[str, Any]) -> str:
    rows = [(r["name"], r["low"], r["high"], r["unit"], r["date"], r["source"]) for r in report["constants"]]
    return _table(("", "low", "high", "unit", "date", "source"), rows, words=True)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], sums: Iterable[bool] = (), words: bool = False) -> str:
    """A table; `sums` says which rows are sums; with `words`, the last column is text that wraps."""

    def cells(kind: str, row: Sequence[str]) -> str:
        last = len(row) - 1 if words else None
        marks = (' class="words"' if index == last else "" for index in range(len(row)))
        return "".join(f"<{kind}{mark}>{escape(str(cell))}</{kind}>" for mark, cell in zip(marks, row, strict=True))

    marked = zip_longest(rows, sums, fillvalue=False)
    body = [f"<tr{' class=sum' if is_sum else ''}>{cells('td', row)}</tr>" for row, is_sum in marked]
    top = f"<thead><tr>{cells('th', head)}</tr></thead>"
    return f'<div class="wide"><table>{top}<tbody>{"".join(body)}</tbody></table></div>'
