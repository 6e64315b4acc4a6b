"""Where reports of volunteers lie: whether in the region, and at which kiln of the atlas."""

from collections.abc import Callable, Iterable, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from kilnscan.antimeridian import together
from kilnscan.grid import Tile, transformer, zone_of
from kilnscan.merge import EARTH_M, unit_vectors
from kilnscan.tables import centres

WORST_M = 200.0
"""A place less accurate than this is none."""


def match_reports(reports: gpd.GeoDataFrame, kilns: gpd.GeoDataFrame, match_m: float | np.ndarray) -> gpd.GeoDataFrame:
    """Reports (points; `saw`, `accuracy_m`) with `kiln`, `distance_m`, `verdict` and `ambiguous`; both EPSG:4326.

    `kiln` is the id of the nearest one whose box lies within `match_m` plus the place's accuracy, `distance_m` that to
    its box, 0 inside and NaN without kiln. `ambiguous` is the second nearest where the accuracy cannot tell them apart.
    What was seen confirms or disagrees with the atlas, is new, or unsure; no kiln seen where none is mapped confirms.
    """
    count = len(reports)
    kiln, other = np.full(count, "", object), np.full(count, "", object)
    nearest, second = np.full(count, np.nan), np.full(count, np.nan)
    reach = reports["accuracy_m"].to_numpy(float) + match_m
    for report, index, metres in _near(reports, kilns, reach):
        name = kilns["id"].iloc[index]
        if not kiln[report]:
            kiln[report], nearest[report] = name, metres
        elif not other[report]:
            other[report], second[report] = name, metres
    other[~(second - nearest <= reports["accuracy_m"].to_numpy(float))] = ""
    verdicts = [_verdict(saw, bool(near)) for saw, near in zip(reports["saw"], kiln, strict=True)]
    return reports.assign(
        kiln=pd.Series(kiln, reports.index, dtype="str"),
        distance_m=np.round(nearest, 1),
        verdict=pd.Series(verdicts, reports.index, dtype="str"),
        ambiguous=pd.Series(other, reports.index, dtype="str"),
    )


def _verdict(saw: str, near: bool) -> str:
    if saw == "unsure":
        return "unsure"
    if saw == "kiln":
        return "confirms" if near else "new"
    return "disagrees" if near else "confirms"


def _near(reports: gpd.GeoDataFrame, kilns: gpd.GeoDataFrame, reach_m: np.ndarray) -> Iterable[tuple[int, int, float]]:
    """Row of a report, row of a kiln within its reach, and metres between them: by report, distance and kiln's id."""
    if reports.empty or kilns.empty:
        return []
    boxes = [together(box, box.bounds[0]) if box.bounds[2] - box.bounds[0] > 180 else box for box in kilns.geometry]
    middles = unit_vectors(*centres(gpd.GeoSeries(boxes)))
    corners, owner = shapely.get_coordinates(boxes, return_index=True)
    widest = EARTH_M * np.linalg.norm(unit_vectors(*corners.T) - middles[owner], axis=1).max()
    lon, lat = reports.geometry.x.to_numpy(), reports.geometry.y.to_numpy()
    chords = 2 * np.sin((1.01 * reach_m + widest) / EARTH_M / 2)  # the sphere is half a per cent off at worst
    found = cKDTree(middles).query_ball_point(unit_vectors(lon, lat), chords)
    near = []
    for report, indices in enumerate(found):
        project = transformer(4326, zone_of(lon[report], lat[report])).transform
        place = shapely.Point(project(lon[report], lat[report]))
        for index in indices:
            metres = shapely.transform(kilns.geometry.iloc[index], project, interleaved=False).distance(place)
            if metres <= reach_m[report]:
                near.append((report, index, round(metres, 2)))  # ties are ties
    ids = kilns["id"].to_numpy()
    return sorted(near, key=lambda pair: (pair[0], pair[2], ids[pair[1]]))


def region_of(tiles: Sequence[Tile]) -> Callable[[float, float], bool]:
    """A test whether a place (degrees) lies in the region, or as near to it as a place may be inaccurate."""
    trees = {epsg: shapely.STRtree([t.own for t in tiles if t.epsg == epsg]) for epsg in {t.epsg for t in tiles}}

    def known(lon: float, lat: float) -> bool:
        for epsg, tree in trees.items():
            if abs((lon - (epsg % 100 * 6 - 183) + 180) % 360 - 180) > 10:
                continue  # no tile of that zone comes near
            place = shapely.Point(transformer(4326, epsg).transform(lon, lat))
            if len(tree.query(place, predicate="dwithin", distance=WORST_M)):
                return True
        return False

    return known
