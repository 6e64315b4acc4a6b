"""Real inventories side by side: which overlap at all, who has what, and how many copies each holds of a kiln.

    .venv/bin/python benchmarks/reconcile_inventories.py DATA

DATA holds kiln_inventories/, s2_bangladesh_chips/ and embeddings/ (none of them part of the project). Prints the tables
of docs/accuracy.md.
"""

import sys
from itertools import combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.capture import doubts, estimate_missing
from kilnscan.grid import to_lonlat, transformer, zone_of
from kilnscan.merge import near_pairs
from kilnscan.reconcile import HAD, agreement, patterns, plain_type, reconcile, without_copies

CHIP_M = 1280.0  # 128 pixels of SentinelKilnDB
TYPES = ("cfcbk", "fcbk", "zigzag")
COPIES_M, MATCH_M = 40, 50


def main(data: Path) -> None:
    lists = _lists(data / "kiln_inventories")
    print("| inventory | rows | kilns, copies within 40 m merged | neighbours within 100 m left |\n|---|---|---|---|")
    for name, table in lists.items():
        once = without_copies(table, COPIES_M)
        near = len(np.unique(near_pairs(once["lon"].to_numpy(), once["lat"].to_numpy(), 100)[0]))
        print(f"| {name} | {len(table):,} | {len(once):,} | {near:,} |")
        lists[name] = once
    print()
    for one, other in combinations(lists, 2):
        common = {reach: _common(lists[one], lists[other], reach) for reach in (50, 100, 1000, 10_000)}
        words = ", ".join(f"{count} within {reach} m" for reach, count in common.items())
        print(f"{one} and {other}: kilns of the first near one of the second: {words}")
    chips, land = _chips(data / "s2_bangladesh_chips")
    more, square = _embeddings(data / "embeddings")
    apad = lists["apad_bangladesh"]
    for name, theirs, where in (("20 chips", chips, land), ("the square of the embeddings", more, square)):
        inside = apad[shapely.intersects_xy(where, apad["lon"], apad["lat"])]
        pair = {"apad": inside, "sentinelkilndb": without_copies(theirs, COPIES_M)}
        print(f"\n{name}: {len(theirs)} labels of SentinelKilnDB, {len(inside)} points of APAD")
        for reach in (MATCH_M, 100, 200):
            _told(pair, reach)


def _told(pair: dict[str, pd.DataFrame], reach: float) -> None:
    table, names = reconcile(pair, reach), sorted(pair)
    pairs = agreement(table, pair)
    had = table[[f"{HAD}{name}" for name in names]].to_numpy(bool)
    print(f"  at {reach} m: {patterns(table, names)}; {pairs[0]}")
    print(f"    {estimate_missing(had, names)['chapman']}")
    for doubt in doubts(had, names, pairs):
        print(f"    but: {doubt}")


def _lists(folder: Path) -> dict[str, pd.DataFrame]:
    apad = pd.read_csv(folder / "apad_bangladesh.csv")
    apad["type"] = apad["type"].replace({"ZZ": "zigzag"}).map(plain_type)
    eye, scale = pd.read_csv(folder / "kilneye_west_bengal.csv"), 128 / np.pi * 2**17
    lon = np.degrees(eye["bbox_pixel_xc"] / scale - np.pi)
    lat = np.degrees(2 * np.arctan(np.exp(np.pi - eye["bbox_pixel_yc"] / scale)) - np.pi / 2)
    labels = gpd.read_file(f"/vsigzip/{folder / 'sentinelkilndb_uttar_pradesh.geojson.gz'}")
    return {
        "apad_bangladesh": apad[["id", "lon", "lat", "type"]],
        "kilneye_west_bengal": _table(lon, lat, eye["class"].map(plain_type)),
        "sentinelkilndb_uttar_pradesh": _of_shapes(labels, labels["class"].map(dict(enumerate(TYPES)))),
    }


def _table(lon: np.ndarray, lat: np.ndarray, types: np.ndarray) -> pd.DataFrame:
    ids = [f"{number:05d}" for number in range(len(lon))]
    return pd.DataFrame({"id": ids, "lon": np.asarray(lon), "lat": np.asarray(lat), "type": np.asarray(types)})


def _of_shapes(labels: gpd.GeoDataFrame, types: pd.Series) -> pd.DataFrame:
    middle = shapely.centroid(labels.geometry.to_numpy())
    return _table(shapely.get_x(middle), shapely.get_y(middle), types)


def _common(one: pd.DataFrame, other: pd.DataFrame, reach: float) -> int:
    lon, lat = (np.concatenate([one[name], other[name]]) for name in ("lon", "lat"))
    pairs, _ = near_pairs(lon, lat, reach)
    return len(np.unique(pairs[(pairs[:, 0] < len(one)) & (pairs[:, 1] >= len(one)), 0]))


def _chips(folder: Path) -> tuple[pd.DataFrame, shapely.Geometry]:
    """Labels of the chips, and the land the chips show: names of files are their middles, lat_lon."""
    places, types, land = [], [], []
    for path in sorted(folder.glob("*/images/*.png")):
        lat, lon = map(float, path.stem.split("_"))
        epsg = zone_of(lon, lat)
        x, y = transformer(4326, epsg).transform(lon, lat)
        land.append(to_lonlat(shapely.box(x - CHIP_M / 2, y - CHIP_M / 2, x + CHIP_M / 2, y + CHIP_M / 2), epsg))
        labels = path.parent.parent / "labels" / f"{path.stem}.txt"
        for line in labels.read_text().splitlines() if labels.is_file() else []:
            kind, *corners = map(float, line.split())
            across, down = np.reshape(corners, (4, 2)).mean(axis=0)
            places.append(transformer(epsg, 4326).transform(x + (across - 0.5) * CHIP_M, y + (0.5 - down) * CHIP_M))
            types.append(TYPES[int(kind)])
    return _table(*np.array(places).T, np.array(types, dtype=object)), shapely.union_all(land)


def _embeddings(folder: Path) -> tuple[pd.DataFrame, shapely.Geometry]:
    labels = gpd.read_file(folder / "kilns.geojson").to_crs(4326)
    table = _of_shapes(labels, labels["class"].map(dict(enumerate(TYPES))).fillna(""))
    return table, shapely.box(*labels.total_bounds)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
