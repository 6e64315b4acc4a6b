"""What people decided, as one table made of all their answers."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from kilnscan.corrections import BOX, COLUMNS, KILN, NEAR_M, WHOLE
from kilnscan.evaluate import match
from kilnscan.files import replacing
from kilnscan.grid import Tile, to_lonlat, transformer
from kilnscan.review_answers import Answer
from kilnscan.review_marks import NOT_KILN, UNSURE, Window
from kilnscan.tables import write_table


def in_region(tiles: Sequence[Tile]) -> Callable[[Window], bool]:
    """A test whether a window meets the area of interest (`tiles`), fast for many windows."""
    trees = {epsg: shapely.STRtree([t.own for t in tiles if t.epsg == epsg]) for epsg in {t.epsg for t in tiles}}

    def known(window: Window) -> bool:
        tree = trees.get(window.epsg)
        return tree is not None and len(tree.query(shapely.box(*window.bounds), predicate="intersects")) > 0

    return known


def decide(answers: Iterable[Answer]) -> gpd.GeoDataFrame:
    """The table of decisions, EPSG:4326: a row per box or, where a person marked none, per window; sorted.

    `what` is box or window (the polygon of a window is its middle), `decision` kiln, not-kiln or unsure, `type` that of
    a kiln's box. Of a person's answers to a window the latest counts, and where people agree the latest of all. Where
    they do not, each one's latest is kept, `disputed`. Who is unsure disputes nothing.
    """
    latest: dict[Window, dict[str, Answer]] = {}
    for answer in sorted(answers, key=lambda answer: answer.when):  # stable: later files win a tie
        mine = latest.setdefault(answer.window, {})
        mine.pop(answer.who, None)
        mine[answer.who] = answer
    rows: list[dict[str, Any]] = []
    for window in sorted(latest):
        said = list(latest[window].values())
        sure = [answer for answer in said if not answer.unsure] or said
        disputed = not all(_agree(sure[0], other) for other in sure[1:])
        last = next((answer for answer in reversed(sure) if answer.marks), sure[-1])  # who marks nothing takes nothing
        for answer in sorted(sure, key=lambda answer: answer.who) if disputed else [last]:
            rows += [row | {"disputed": disputed} for row in _rows(answer)]
    table = gpd.GeoDataFrame(rows, columns=[*COLUMNS, "geometry"], geometry="geometry", crs=4326)
    return table.astype({name: "bool" if name == "disputed" else "str" for name in COLUMNS})


def _rows(answer: Answer) -> list[dict[str, Any]]:
    """The rows of one answer without `disputed`."""
    window = answer.window
    told = {"window": window.name, "who": answer.who, "when": answer.when, "source": answer.source}
    if answer.verdict or not answer.marks:
        return [told | {"what": WHOLE, "decision": answer.verdict or NOT_KILN, "type": "", "geometry": window.middle}]
    rows = []
    for mark in answer.marks:
        outline = shapely.Polygon(window.metres(mark.ring))
        box = outline if len(mark.ring) == 4 else shapely.minimum_rotated_rectangle(outline)
        shape = to_lonlat(box, window.epsg)
        other = mark.kind in (NOT_KILN, UNSURE)
        decision, kind = (mark.kind, "") if other else (KILN, mark.kind)
        rows.append(told | {"what": BOX, "decision": decision, "type": kind, "geometry": shape})
    return rows


def _agree(one: Answer, other: Answer) -> bool:
    """Whether two people mean the same kilns of a window; types, and boxes that are no kilns, do not matter."""
    if KILN in (one.verdict, other.verdict):  # said without boxes
        return all(answer.verdict == KILN or len(answer.kilns) for answer in (one, other))
    places = [transformer(one.window.epsg, 4326).transform(*answer.kilns.T) for answer in (one, other)]
    matched = len(match(*places[0], *places[1], NEAR_M)[0])
    return matched == len(one.kilns) == len(other.kilns)


def in_words(table: gpd.GeoDataFrame) -> str:
    """A table of decisions in one line."""
    settled = table[~table["disputed"]]
    boxes = settled.loc[settled["what"] == BOX, "decision"].value_counts()
    counts = ", ".join(f"{boxes.get(name, 0)} {name}" for name in (KILN, NOT_KILN, UNSURE))
    empty = int(((settled["what"] == WHOLE) & (settled["decision"] == NOT_KILN)).sum())
    disputed = table.loc[table["disputed"], "window"].nunique()
    return f"{table['window'].nunique()} windows answered: boxes {counts}; {empty} windows empty, {disputed} disputed"


def write_decisions(table: gpd.GeoDataFrame, parquet: str | Path, text: str | Path) -> None:
    """Write a table of decisions as GeoParquet, and as CSV with its polygons as WKT in degrees."""
    write_table(parquet, table)
    flat = table.drop(columns="geometry").assign(polygon=table.geometry.to_wkt(rounding_precision=7))
    with replacing(text) as temporary:
        flat.to_csv(temporary, index=False)
