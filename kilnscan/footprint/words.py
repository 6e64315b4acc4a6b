"""The report for a terminal and as CSV."""

import csv
import io
from typing import Any

COLUMNS = ("jobs", "wall_h", "cpu_h", "gpu_h", "machine_h", "kwh", "operational_g", "embodied_g", "co2e_g", "money")
NAMES = {"done": "the products", "lost": "lost to failures", "superseded": "done again later"}


def table_csv(report: dict[str, Any]) -> str:
    """A line for each rule, each fate and the total; ranges in two columns, empty where unknown."""
    ranges = COLUMNS[4:]
    head = ["part", "name", *COLUMNS[:4], *(f"{name}_{end}" for name in ranges for end in ("low", "high"))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    sums = [("rule", rule, told) for rule, told in report["rules"].items()]
    sums += [("fate", fate, told) for fate, told in report["fates"].items()] + [("total", "", report["total"])]
    for part, name, told in sums:
        safe = f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t") else name  # spreadsheets would run it
        writer.writerow([part, safe, *(told[key] for key in COLUMNS[:4]),
                         *(end for key in ranges for end in told[key] or ("", ""))])  # fmt: skip
    return out.getvalue()


def table_words(report: dict[str, Any]) -> str:
    """The report as a page of text."""
    parts = [_plain(report["title"]), _sums(report), _per_unit(report)]
    if report.get("imagery"):
        parts.append(_plain(f"Imagery: {report['imagery']['words']}"))
    if report.get("naive"):
        rows = [(r["against"], r["naive"], r["run"], r["saving"]) for r in report["naive"]]
        parts.append("Against a naive design:\n" + align([("", "naive", "this run", "saving"), *rows]))
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


def row_of(told: dict[str, Any]) -> tuple[str, ...]:
    """Jobs, hours, energy, emissions and money of a sum."""
    return (
        str(told["jobs"]),
        f"{told['wall_h']:.3f}",
        f"{told['cpu_h']:.3f}",
        f"{told['gpu_h']:.3f}" if told["gpu_h"] else "",
        watt_hours(told["kwh"]),
        span(told["operational_g"]),
        span(told["embodied_g"]),
        span(told["money"]),
    )


def head_of(report: dict[str, Any]) -> tuple[str, ...]:
    """The columns of `row_of`."""
    return ("jobs", "hours", "CPU h", "GPU h", "Wh", "g CO2e electricity", "g CO2e making", report["currency"])


def _sums(report: dict[str, Any]) -> str:
    rows = [("", *head_of(report))]
    rows += [(rule, *row_of(told)) for rule, told in report["rules"].items()]
    rows += [(NAMES[fate], *row_of(told)) for fate, told in report["fates"].items() if told["jobs"] or fate == "done"]
    return align([*rows, ("all", *row_of(report["total"]))])


def _per_unit(report: dict[str, Any]) -> str:
    rows = [(f"per {unit['unit']}", watt_hours(unit["kwh"]), span(unit["co2e_g"]), span(unit["money"]))
            for unit in report["units"]]  # fmt: skip
    return align([("", "Wh", "g CO2e", report["currency"]), *rows]) if rows else ""


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
