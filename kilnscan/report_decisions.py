"""What accepted reports say of labels, in the table that the answers of reviewers make too (kilnscan.decisions)."""

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from kilnscan.antimeridian import together
from kilnscan.corrections import BOX, COLUMNS, KILN, WHOLE
from kilnscan.grid import to_crs, transformer, zone_of
from kilnscan.lattice import nearest_vertex
from kilnscan.report_review import Verdict
from kilnscan.review_marks import NOT_KILN, UNSURE, Window

STANDARD_M = 100.0, 50.0
"""Length and width of the box drawn for a kiln of which only the middle is known, along and across north."""


def decisions_of(
    reports: gpd.GeoDataFrame, verdicts: Sequence[Verdict], kilns: gpd.GeoDataFrame, types: Sequence[str]
) -> gpd.GeoDataFrame:
    """The table of decisions, EPSG:4326, that accepted reports make; sorted.

    The box of a mapped kiln becomes a kiln or none. For a new kiln a box is drawn where the reviewer placed its middle;
    unplaced it stays a window that holds a kiln somewhere, which labels nothing: a volunteer stands beside a kiln, not
    in its middle. One report does not answer for the window round it, so each window has a row `unsure` too, which
    keeps labels that stand there unmarked. Reports that contradict each other about a kiln are disputed.
    """
    boxes = dict(zip(kilns["id"], kilns.geometry, strict=True)) if len(kilns) else {}
    kinds = dict(zip(kilns["id"], kilns["type"], strict=True)) if len(kilns) else {}
    rows: dict[tuple, dict[str, Any]] = {}
    order = sorted(range(len(verdicts)), key=lambda at: (verdicts[at].when, reports["id"].iloc[at]))
    for at in order:
        report, verdict = reports.iloc[at], verdicts[at]
        if verdict.decision != "accept" or report["saw"] == UNSURE:
            continue
        told = {"who": verdict.who, "when": verdict.when, "source": f"ground report {report['id']}", "disputed": False}
        if report["kiln"]:
            window, shape = _whole_box(boxes[report["kiln"]])
            decision = KILN if report["saw"] == "kiln" else NOT_KILN
            kind = report["type"] if report["type"] in types else kinds[report["kiln"]]
            rows[report["kiln"], decision] = told | {
                "window": window.name, "what": BOX, "decision": decision,
                "type": kind if decision == KILN else "", "geometry": shape,
            }  # fmt: skip
        elif report["saw"] == "kiln" and verdict.place:
            window, shape = _standard_box(*verdict.place)
            kind = report["type"] if report["type"] in types else ""
            rows[report["id"], KILN] = told | {
                "window": window.name, "what": BOX, "decision": KILN, "type": kind, "geometry": shape,
            }  # fmt: skip
        elif report["saw"] == "kiln":
            window = _window(report.geometry.x, report.geometry.y)
            rows[window.name, WHOLE] = told | _row(window, KILN)
            continue
        else:
            continue  # nobody says that there is a kiln
        rows.setdefault((window.name, WHOLE), told | _row(window, UNSURE))
    for name, decision in rows:
        if decision in (KILN, NOT_KILN) and {(name, KILN), (name, NOT_KILN)} <= set(rows):
            rows[name, decision]["disputed"] = True
    listed = sorted(rows.values(), key=lambda row: (row["window"], row["what"], row["source"]))
    table = gpd.GeoDataFrame(listed, columns=[*COLUMNS, "geometry"], geometry="geometry", crs=4326)
    return table.astype({name: "bool" if name == "disputed" else "str" for name in COLUMNS})


def _row(window: Window, decision: str) -> dict[str, Any]:
    """A row that says something of a whole window."""
    return {"window": window.name, "what": WHOLE, "decision": decision, "type": "", "geometry": window.middle}


def _window(lon: float, lat: float) -> Window:
    """The window whose middle a place lies in."""
    epsg = zone_of(lon, lat)
    return Window(epsg, *nearest_vertex(*transformer(4326, epsg).transform(lon, lat)))


def _whole_box(box: BaseGeometry) -> tuple[Window, shapely.Polygon]:
    """Window and box of a mapped kiln; one that the antimeridian splits is made whole, its longitudes running on."""
    point = shapely.get_coordinates(box)[0]
    epsg = zone_of(*point)
    metres = to_crs(box, 4326, epsg)
    if metres.geom_type != "Polygon":
        metres = shapely.minimum_rotated_rectangle(metres)
        box = together(to_crs(metres, epsg, 4326), point[0])
    middle = transformer(epsg, 4326).transform(metres.centroid.x, metres.centroid.y)
    return _window(*middle), box


def _standard_box(lon: float, lat: float) -> tuple[Window, shapely.Polygon]:
    """Window and box of a kiln of which only the middle is known."""
    window = _window(lon, lat)
    x, y = transformer(4326, window.epsg).transform(lon, lat)
    across, along = STANDARD_M[1] / 2, STANDARD_M[0] / 2
    box = to_crs(shapely.box(x - across, y - along, x + across, y + along), window.epsg, 4326)
    return window, together(box, lon)
