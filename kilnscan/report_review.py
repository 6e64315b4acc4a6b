"""The table in which a person accepts or rejects reports, and what comes back of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyproj import Geod

from kilnscan.errors import AnswerError
from kilnscan.files import replacing
from kilnscan.formulas import inert
from kilnscan.report_layouts import csv_rows

COLUMNS = (
    "report", "verdict", "kiln", "distance_m", "ambiguous", "date", "saw", "type", "working", "lon", "lat",
    "accuracy_m", "note", "photo", "photo_problem", "decision", "who", "when", "kiln_lon", "kiln_lat",
)  # fmt: skip
DECISIONS = ("accept", "reject")
FARTHEST_M = 2000.0
"""A kiln that a report speaks of lies no farther from it."""
_ANSWERS = ("report", "decision", "who", "when")
_WHO = re.compile(r"\w[\w .,@'+-]{0,79}")
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Verdict:
    """What a person decided of a report; all empty if nobody did."""

    decision: str = ""
    who: str = ""
    when: str = ""
    place: tuple[float, float] | None = None
    """Middle of the kiln, longitude and latitude, where the reviewer found it."""


def write_review(path: str | Path, reports: gpd.GeoDataFrame, verdicts: Sequence[Verdict]) -> None:
    """Write reports with what was decided so far: undecided ones first, then by verdict and id.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    table = pd.DataFrame(reports.drop(columns="geometry")).rename(columns={"id": "report"})
    table = table.assign(
        lon=reports.geometry.x.to_numpy(),
        lat=reports.geometry.y.to_numpy(),
        who=[verdict.who for verdict in verdicts],
        when=[verdict.when for verdict in verdicts],
        kiln_lon=[verdict.place[0] if verdict.place else "" for verdict in verdicts],
        kiln_lat=[verdict.place[1] if verdict.place else "" for verdict in verdicts],
    )
    for name in ("note", "photo", "who", "kiln", "ambiguous"):
        table[name] = table[name].map(inert)
    order = table.assign(done=table["decision"] != "").sort_values(["done", "verdict", "report"], kind="stable").index
    with replacing(path) as temporary:
        table.loc[order, list(COLUMNS)].to_csv(temporary, index=False)


def read_review(paths: Sequence[str], places: Mapping[str, tuple[float, float]]) -> dict[str, Verdict]:
    """Decisions by report of filled-in review files; rows without decision count for nothing.

    `places` are longitude and latitude of each known report. Raises AnswerError that names the row.
    """
    verdicts: dict[str, Verdict] = {}
    for path in paths:
        for number, header, cells in csv_rows(path, COLUMNS):
            if not {"report", "decision"} <= {name.strip() for name in header}:
                _refuse(path, "first row", "there are no columns `report` and `decision`", "fill in review.csv")
            row = {name.strip(): cell.strip() for name, cell in zip(header, cells, strict=False)}
            verdict = _verdict(path, f"row {number}", row, places)
            if verdict and verdicts.setdefault(row["report"], verdict) != verdict:
                _refuse(path, f"row {number}", "its report was decided otherwise before", "keep one of the rows")
    return verdicts


def _verdict(path: str, where: str, row: dict[str, str], places: Mapping[str, tuple[float, float]]) -> Verdict | None:
    decision = row.get("decision", "")
    if not decision:
        return None
    if decision not in DECISIONS:
        _refuse(path, where, f"{decision[:40]!r} is no decision", f"write {' or '.join(DECISIONS)}")
    if row["report"] not in places:
        _refuse(path, where, f"there is no report {row['report'][:40]!r}", "keep the column `report` as it was")
    who, when = row.get("who", "").removeprefix("'"), row.get("when", "")
    if who and not _WHO.fullmatch(who):
        _refuse(path, where, f"{who[:40]!r} is no name", "use letters, digits and . , @ ' + - only")
    try:
        when = date.fromisoformat(when).isoformat() if when else ""
    except ValueError:
        _refuse(path, where, f"{when[:40]!r} is no day", "write it as 2026-11-24")
    return Verdict(decision, who, when, _place(path, where, row, places[row["report"]]))


def _place(path: str, where: str, row: dict[str, str], report: tuple[float, float]) -> tuple[float, float] | None:
    told = row.get("kiln_lon", ""), row.get("kiln_lat", "")
    if told == ("", ""):
        return None
    try:
        lon, lat = (float(text) for text in told)
        inside = -180 <= lon <= 180 and -90 <= lat <= 90
        metres = _GEOD.inv(*report, lon, lat)[2] if inside else FARTHEST_M + 1
    except ValueError:
        metres = FARTHEST_M + 1
    if not metres <= FARTHEST_M:
        _refuse(
            path, where, f"`kiln_lon`, `kiln_lat` are no place within {FARTHEST_M:.0f} m of the report", "correct them"
        )
    return lon, lat


def _refuse(path: str, where: str, problem: str, remedy: str) -> None:
    raise AnswerError(f"`ground_reports.review` {path}, {where}: {problem}; {remedy}.")
