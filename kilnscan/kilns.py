"""From detections to kilns: the places where they merge, the kilns among these, and what became of each detection."""

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.calibration import Calibration
from kilnscan.config import Atlas
from kilnscan.grid import Tile, mgrs_10m, transformer
from kilnscan.merge import merge, near_pairs
from kilnscan.tables import centres, concat, read_table

DEGREE_DIGITS = 7  # a centimetre
SCREEN_REACH_M = 160.0
SHAPE = ["lon", "lat", "length_m", "width_m", "azimuth_deg"]
DETECTION = ["type", "score", *SHAPE, "tile", "window_i", "window_j"]


def read_detections(names: list[str], paths: list[str]) -> gpd.GeoDataFrame:
    """Detections of the tiles `names`, each once, with centre and tile; EPSG:4326, in a fixed order.

    Two tiles with candidates on either side of their border look at the same window, and see the same there: it counts
    once, for the first of them.
    """
    tables = []
    for name, path in zip(names, paths, strict=True):
        table = read_table(path)
        lon, lat = transformer(table.crs.to_epsg(), 4326).transform(table["x"].to_numpy(), table["y"].to_numpy())
        tables.append(table.to_crs(4326).assign(lon=lon, lat=lat, tile=name))
    table = concat(tables)
    seen = [column for column in DETECTION if column != "tile"]
    return table.sort_values([*seen, "tile"]).drop_duplicates(seen).reset_index(drop=True)


def trace(
    detections: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    tiles: list[Tile],
    config: Atlas,
    calibration: Calibration | None = None,
) -> gpd.GeoDataFrame:
    """What became of each detection: one row each, sorted by place, the one that stands for it first; EPSG:4326.

    Detections that are one kiln share a `place`, named by the centre of the best of them, its `keeper`. The place lies
    on the land of the tile `owner`, or outside the area of interest where that is empty. `place_score` is the
    probability that a `calibration` makes of what the detector says of the keeper and the screen of its surroundings
    (`screen_score`), or without one their mean: on regions left out of training both rank better than the detector
    alone. Inside the area and at least `config.min_score`, the place is
    the kiln of that id, `kiln`; else `kiln` is empty. The other columns are the detection's own, `tile` is the tile
    that looked.
    """
    lon, lat, score = (detections[name].to_numpy() for name in ("lon", "lat", "score"))
    keeper = merge(lon, lat, detections.geometry.array, score, config.merge_distance_m, config.merge_overlap)
    chosen, member = np.unique(keeper, return_inverse=True)
    place = np.array([mgrs_10m(x, y) for x, y in zip(lon[chosen], lat[chosen], strict=True)], dtype=object)
    owner = owner_of(tiles, lon[chosen], lat[chosen])
    screen_score = _screen_score(lon[chosen], lat[chosen], candidates)
    if calibration:
        place_score = np.round(calibration.probability(score[chosen], screen_score), 4)
    else:
        place_score = np.round((score[chosen] + screen_score) / 2, 4)
    kiln = np.where((owner != "") & (place_score >= config.min_score), place, "")
    fate = pd.DataFrame(
        {
            "kiln": pd.array(kiln[member], dtype="str"),
            "place": pd.array(place[member], dtype="str"),
            "keeper": keeper == np.arange(len(keeper)),
            "place_score": place_score[member],
            "screen_score": screen_score[member],
            "owner": pd.array(owner[member], dtype="str"),
        }
    )
    own = detections[DETECTION].reset_index(drop=True).astype({"type": "str", "tile": "str"})
    own = own.assign(lon=own["lon"].round(DEGREE_DIGITS), lat=own["lat"].round(DEGREE_DIGITS))
    geometry = shapely.set_precision(detections.geometry.array, 10**-DEGREE_DIGITS, mode="pointwise")
    table = gpd.GeoDataFrame(pd.concat([fate, own], axis=1), geometry=geometry, crs=4326)
    order = ["place", "keeper", "score"]
    return table.sort_values(order, ascending=[True, False, False], kind="stable").reset_index(drop=True)


def build_kilns(traced: gpd.GeoDataFrame, facts: dict[str, Any]) -> gpd.GeoDataFrame:
    """One row per kiln of what `trace` made, sorted by id, EPSG:4326.

    A kiln looks like its keeper. `facts` are columns that are the same for all rows: provider, licence, attribution.
    """
    found = traced[traced["kiln"] != ""]
    rows = found[found["keeper"]].reset_index(drop=True)
    count = found.groupby("kiln", sort=False).size()
    kilns = pd.DataFrame(
        {
            "id": rows["kiln"],
            "type": rows["type"],
            "score": rows["place_score"],
            **{name: rows[name] for name in SHAPE},
            "detector_score": rows["score"],
            "screen_score": rows["screen_score"],
            "tile": rows["owner"],
            "detections": count.reindex(rows["kiln"]).to_numpy().astype("int64"),
            **facts,
        }
    )
    return gpd.GeoDataFrame(kilns, geometry=rows.geometry.array, crs=4326)


def owner_of(tiles: list[Tile], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Id of the tile that owns each place (degrees); empty where the place lies outside the area of interest."""
    owner = np.full(len(lon), "", dtype=object)
    for epsg in {tile.epsg for tile in tiles}:
        x, y = map(np.asarray, transformer(4326, epsg).transform(lon, lat))
        for tile in tiles:
            if tile.epsg == epsg:
                owner[tile.owns(x, y)] = tile.id
    return owner


def _screen_score(lon: np.ndarray, lat: np.ndarray, candidates: gpd.GeoDataFrame) -> np.ndarray:
    """Score of the nearest candidate within reach of each place; 0 where there is none."""
    result = np.zeros(len(lon))
    if len(lon) and len(candidates):
        x, y = centres(candidates.geometry)
        pairs, metres = near_pairs(np.concatenate([lon, x]), np.concatenate([lat, y]), SCREEN_REACH_M)
        mixed = (pairs[:, 0] < len(lon)) & (pairs[:, 1] >= len(lon))
        score = candidates["score"].to_numpy()[pairs[mixed, 1] - len(lon)]
        order = np.lexsort((score, -metres[mixed]))  # farthest first: the nearest is written last
        result[pairs[mixed, 0][order]] = score[order]
    return np.round(result, 4)
