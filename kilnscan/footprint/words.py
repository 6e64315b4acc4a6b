"""The report for a terminal and as CSV."""

import csv
import io
from typing import Any

COLUMNS = ("jobs", "wall_h", "cpu_h", "gpu_h", "machine_h", "kwh", "operational_g", "embodied_g", "co2e_g", "money")
LOST = {"lost": "lost to failures", "superseded": "done again later"}
AGAINST = ("against", "unit", "naive", "run", "times", "basis")
SHORT_H = {"s": 1 / 12, "min": 5.0}
"""Times below five minutes are told in seconds, below five hours in minutes."""
PER_HOUR = {"s": 3600.0, "min": 60.0, "h": 1.0}


def table_csv(report: dict[str, Any]) -> str:
    """A line for each rule, sum and unit of work, the total last; ranges in two columns, empty where unknown."""
    ranges = COLUMNS[4:]
    head = ["part", "name", *COLUMNS[:4], *(f"{name}_{end}" for name in ranges for end in ("low", "high"))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    sums = [("rule", rule, told) for rule, told in report["rules"].items()]
    sums += [("rule besides", rule, told) for rule, told in report["rules_besides"].items()]
    sums += [("fate", fate, told) for fate, told in report["fates"].items()]
    sums += [("per", unit["unit"], unit) for unit in report["units"]]
    sums += [("products", report["named"], report["products"]), ("besides", "", report["besides"])]
    for part, name, told in [*sums, ("total", "", report["total"])]:
        writer.writerow([part, _cell(name), *(told.get(key, "") for key in COLUMNS[:4]),
                         *(end for key in ranges for end in told.get(key) or ("", ""))])  # fmt: skip
    return out.getvalue()


def naive_csv(report: dict[str, Any]) -> str:
    """A line for each comparison with a naive design: both amounts in `unit`, how many times, what it supposes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(AGAINST)
    for row in report["naive"]:
        naive, run = row["values"]
        times = f"{naive / run:.3g}" if run else ""
        writer.writerow(map(_cell, (row["against"], row["unit"], naive, run, times, row["basis"])))
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A text that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def table_words(report: dict[str, Any]) -> str:
    """The report as a page of text."""
    parts = [_plain(report["title"]), _sums(report), _per_unit(report)]
    if report.get("imagery"):
        parts.append(_plain(f"Imagery: {report['imagery']['words']}"))
    if report.get("naive"):
        parts.append(_naive(report["naive"]))
    parts.append(_elsewhere(report))
    if report["hints"]:
        rows = [(h["rule"], f"{h['asked_mb']} MB", f"{h['peak_mb']} MB", h["advice"]) for h in report["hints"]]
        parts.append("Sizes:\n" + align([("rule", "asked", "used", ""), *rows]))
    parts.append("\n".join(f"- {_plain(note)}" for note in report["notes"]))
    return "\n\n".join(part for part in parts if part) + "\n"


def watt_hours(kwh: list[float] | None) -> str:
    """Energy as tables show it."""
    return span(kwh and [1000 * end for end in kwh])


def span(pair: list[float] | None, unit: str = "") -> str:
    """A range in words; `unknown` if there is none."""
    if pair is None:
        return "unknown"
    low, high = (_figure(value) for value in pair)
    said = low if low == high else f"{low} to {high}"
    return f"{said} {unit}".rstrip()


def _figure(value: float) -> str:
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 10 else f"{value:.3g}" if value >= 1e-4 else f"{value:.1e}"


def time_unit(hours: float) -> str:
    """The unit in which so many hours are told: s, min or h."""
    return next((unit for unit, most in SHORT_H.items() if hours < most), "h")


def lasting(hours: float, kind: str = "") -> str:
    """A time in words, such as `12.30 CPU s` if `kind` is CPU."""
    unit = time_unit(hours)
    return " ".join(filter(None, (_figure(hours * PER_HOUR[unit]), kind, unit)))


def row_of(told: dict[str, Any], unit: str) -> tuple[str, ...]:
    """Jobs, times in `unit`, energy, emissions and money of a sum."""
    wall, cpu, gpu = (_figure(told[name] * PER_HOUR[unit]) for name in ("wall_h", "cpu_h", "gpu_h"))
    return (
        str(told["jobs"]),
        wall,
        cpu,
        gpu if told["gpu_h"] else "",
        watt_hours(told["kwh"]),
        span(told["operational_g"]),
        span(told["embodied_g"]),
        span(told["money"]),
    )


def unit_of(report: dict[str, Any]) -> str:
    """The one unit of time of a report's tables."""
    return time_unit(max(report["total"]["wall_h"], report["total"]["cpu_h"]))


def head_of(report: dict[str, Any]) -> tuple[str, ...]:
    """The columns of `row_of`, in the report's unit."""
    unit = unit_of(report)
    times = (unit, f"CPU {unit}", f"GPU {unit}")
    return ("jobs", *times, "Wh", "g CO2e electricity", "g CO2e making", report["currency"])


def sum_rows(report: dict[str, Any]) -> list[tuple[bool, tuple[str, ...]]]:
    """Rules, then what they come to: first what the products need, then what is besides; (whether a sum, row)."""
    unit, side = unit_of(report), report["besides"]["jobs"]
    rows = [(False, rule, told) for rule, told in report["rules"].items()]
    if side:
        rows.append((True, report["named"], report["products"]))
    rows += [(True, name, report["fates"][fate]) for fate, name in LOST.items() if report["fates"][fate]["jobs"]]
    if side:
        rows += [(False, rule, told) for rule, told in report["rules_besides"].items()]
        rows.append((True, "besides", report["besides"]))
    rows.append((True, "all", report["total"]))
    return [(is_sum, (name, *row_of(told, unit))) for is_sum, name, told in rows]


def _sums(report: dict[str, Any]) -> str:
    return align([("", *head_of(report)), *(row for _, row in sum_rows(report))])


def _naive(rows: list[dict[str, Any]]) -> str:
    table = align(
        [("", "naive", "this run", "saving"), *((r["against"], r["naive"], r["run"], r["saving"]) for r in rows)]
    )
    of: dict[str, list[str]] = {}
    for row in rows:
        of.setdefault(row["basis"], []).append(row["against"].partition(":")[0])
    supposed = [_plain(f"- {names[0]}: {basis}.") for basis, names in of.items()]
    return "\n".join(("Against a naive design:", table, *supposed))


def _per_unit(report: dict[str, Any]) -> str:
    rows = [(f"per {unit['unit']}", watt_hours(unit["kwh"]), span(unit["co2e_g"]), span(unit["money"]))
            for unit in report["units"]]  # fmt: skip
    alone = f"{report['named']} alone" if report["besides"]["jobs"] else ""
    return align([(alone, "Wh", "g CO2e", report["currency"]), *rows]) if rows else ""


def _elsewhere(report: dict[str, Any]) -> str:
    rows = [
        (w["region"], w["family"], span(w["on_demand"]), span(w["spot"]), watt_hours(w["kwh"]), span(w["co2e_g"]))
        for w in report["what_if"]
    ]
    currency = report["currency"]
    head = ("region", "family", f"{currency} on demand", f"{currency} Spot", "Wh", "g CO2e")
    return "The same jobs elsewhere, perfectly packed:\n" + align([head, *rows]) if rows else ""


def align(rows: list[tuple[str, ...]]) -> str:
    """Rows as text; the first column to the left, the others to the right."""
    plain = [tuple(map(_plain, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    lines = []
    for row in plain:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))
