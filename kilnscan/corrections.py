"""What people decided changes labels for training and the reference, by one rule.

A window answers for its middle, a square of 160 m that no other window answers for: what lies there and is not marked
is no kiln. Elsewhere in the picture marks count, and their absence says nothing.
"""

from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.errors import VectorError
from kilnscan.grid import transformer, zone_of
from kilnscan.lattice import nearest_vertex
from kilnscan.merge import merge, near_pairs
from kilnscan.review_marks import NOT_KILN, UNSURE, Window
from kilnscan.tables import centres, read_table, read_vector

NEAR_M = 50.0
"""A decision speaks of the label within this distance of its box; two people within it mean the same kiln."""
COLUMNS = ("window", "what", "decision", "type", "who", "when", "source", "disputed")
"""Columns of a table of decisions, beside its geometry (kilnscan.decisions)."""
KILN, BOX, WHOLE = "kiln", "box", "window"


def read_decisions(path: str | Path) -> gpd.GeoDataFrame:
    """A table of decisions as `snakemake review_answers` writes it. Raises VectorError if it is something else."""
    if not Path(path).is_file():
        raise VectorError(f"The decisions {path} do not exist: make them with `snakemake review_answers`.")
    table = read_table(path)
    if (
        not {*COLUMNS} <= set(table.columns)
        or not table["window"].map(lambda name: bool(Window.named(str(name)))).all()
    ):
        raise VectorError(f"{path} is no table of decisions: give the decisions.parquet of `snakemake review_answers`.")
    return table.to_crs(4326)


def answered_windows(tables: list[str]) -> set[str]:
    """Names of the windows that tables of decisions speak of."""
    return {name for path in tables for name in read_decisions(path)["window"]}


def corrected_reference(
    paths: list[str], decisions: str | None, type_column: str = "kiln_type", shift_m: tuple[float, float] = (0.0, 0.0)
) -> gpd.GeoDataFrame:
    """Known kilns of vector files, EPSG:4326, corrected by a table of decisions if there is one.

    `shift_m` (east, north) brings labels onto the pixels; what people marked there is moved back to where labels lie.
    """
    known = read_vector(paths, "reference")
    if not decisions:
        return known
    marked = moved(read_decisions(decisions), (-shift_m[0], -shift_m[1]))
    return apply_decisions(known, marked, type_column).labels


def moved(table: gpd.GeoDataFrame, shift_m: tuple[float, float]) -> gpd.GeoDataFrame:
    """A table (EPSG:4326) with its shapes moved by metres east and north, in the UTM zone of its middle."""
    if not any(shift_m) or table.empty:
        return table
    west, south, east, north = table.total_bounds
    metres = table.to_crs(zone_of((west + east) / 2, (south + north) / 2))
    return metres.set_geometry(metres.translate(*shift_m)).to_crs(4326)


class Corrected(NamedTuple):
    """Labels after people were heard, and where they saw that there is no kiln; both EPSG:4326."""

    labels: gpd.GeoDataFrame
    negatives: gpd.GeoDataFrame


def apply_decisions(labels: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame, type_column: str = "kiln_type") -> Corrected:
    """Labels (any CRS, points or polygons) corrected by a table of decisions, and the negatives for training.

    Confirmed kilns replace the labels within NEAR_M of them, or are added. Dropped are labels within NEAR_M of a
    rejected box, and unmarked ones in the middle of an answered window. What people are unsure of or dispute changes
    nothing. Negatives are rejected boxes and the middles of rejected windows, unless a kiln was confirmed there.
    """
    labels, settled = labels.to_crs(4326), decisions[~decisions["disputed"]]
    boxes, whole = settled[settled["what"] == BOX], settled[settled["what"] == WHOLE]
    kilns = _once(boxes[boxes["decision"] == KILN])
    rejected = settled[settled["decision"] == NOT_KILN]
    open_ = set(whole.loc[whole["decision"] != NOT_KILN, "window"])
    answered = {window for window in settled["window"] if window not in open_}
    drop = near(labels, kilns) | near(labels, rejected[rejected["what"] == BOX])
    drop |= (answering(labels, answered) != "") & ~near(labels, boxes[boxes["decision"] == UNSURE])
    confirmed = gpd.GeoDataFrame({type_column: kilns["type"]}, geometry=kilns.geometry, crs=4326)
    parts = [part for part in (labels[~drop], confirmed) if len(part)] or [labels[:0]]
    table = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=4326)
    held = set(answering(kilns, answered))  # by kilns that were marked in a neighbouring window's picture
    refuted = np.where(rejected["what"] == BOX, near(rejected, kilns), rejected["window"].isin(held))
    return Corrected(table, rejected.loc[~refuted.astype(bool), ["window", "what", "geometry"]].reset_index(drop=True))


def _once(kilns: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Confirmed kilns, each once: of boxes that overlapping windows' pictures both show, the one marked last."""
    kilns = kilns.sort_values(["when", "window"], ascending=False, kind="stable").reset_index(drop=True)
    order = -np.arange(len(kilns), dtype=float)
    keeper = merge(*centres(kilns.geometry), kilns.geometry.array, order, NEAR_M, 0.3)
    return kilns.iloc[np.unique(keeper)].reset_index(drop=True)


def near(table: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> np.ndarray:
    """Which rows have their centre within NEAR_M of one of `others`."""
    (lon, lat), (x, y) = centres(table.geometry), centres(others.geometry)
    pairs, _ = near_pairs(np.concatenate([lon, x]), np.concatenate([lat, y]), NEAR_M)
    found = np.zeros(len(table), bool)
    found[pairs[(pairs[:, 0] < len(lon)) & (pairs[:, 1] >= len(lon)), 0]] = True
    return found


def answering(table: gpd.GeoDataFrame, windows: set[str]) -> np.ndarray:
    """For each row the name of that one of `windows` in whose middle its centre lies; empty if there is none."""
    lon, lat = centres(table.geometry)
    names = np.full(len(table), "", dtype=object)
    for epsg in sorted({int(name.partition("_")[0]) for name in windows}):
        for row, point in enumerate(zip(*transformer(4326, epsg).transform(lon, lat), strict=True)):
            if np.isfinite(point).all() and (name := Window(epsg, *nearest_vertex(*point)).name) in windows:
                names[row] = name
    return names
