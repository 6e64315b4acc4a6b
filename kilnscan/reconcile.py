"""Which kilns which inventory has: lists matched one to one at some distance, however many there are."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.grid import mgrs_10m
from kilnscan.kilns import DEGREE_DIGITS
from kilnscan.merge import EARTH_M, merge, near_pairs, unit_vectors
from kilnscan.public import DEGREE_M, cells

HALF_M = 5.0  # of the square that stands for a point while copies are merged
HAD, ID = "in_", "id_"
COMMON = ("id", "lon", "lat", "type", "types_agree", "lists", "spread_m")
"""Columns of the reconciled table before those of each list."""


def plain_type(name: Any) -> str:
    """A kiln type by its letters and digits, in small letters: FCBK and fcbk, Zig-zag and zigzag are the same."""
    return "".join(c for c in str(name or "").casefold() if c.isalnum())


def without_copies(table: pd.DataFrame, distance_m: float) -> pd.DataFrame:
    """Rows (id, lon, lat, type) of one list, each kiln once: of those within `distance_m` the one that comes first.

    "First" is by place, so that the order of the rows does not matter.
    """
    table = table.sort_values(["lon", "lat", "id", "type"], kind="stable").reset_index(drop=True)
    lon, lat = table["lon"].to_numpy(float), table["lat"].to_numpy(float)
    north = HALF_M / DEGREE_M
    east = north / np.maximum(np.cos(np.radians(lat)), 0.01)
    keeper = merge(lon, lat, shapely.box(lon - east, lat - north, lon + east, lat + north), np.ones(len(lon)),
                   distance_m, 1.0)  # fmt: skip
    return table.iloc[np.unique(keeper)].reset_index(drop=True)


def reconcile(lists: Mapping[str, pd.DataFrame], match_m: float) -> gpd.GeoDataFrame:
    """One row per place (points in EPSG:4326, sorted by id), and for each list whether it has it (`in_`), and as what.

    `lists` are tables without copies: id, lon, lat (degrees), type (`plain_type`). The nearest pairs are joined first,
    as in kilnscan.evaluate; a kiln joins others only if all of them are of other lists and within `match_m` of it. So
    no place has two kilns of one list, and neither the order of rows nor that of lists matters. `spread_m` is the
    largest distance within a place, NaN where one list has it. `type` is what the lists that tell one agree on.
    """
    names = sorted(lists)
    parts = [lists[name].assign(list=number) for number, name in enumerate(names)]
    every = pd.concat(parts, ignore_index=True).sort_values(
        ["lon", "lat", "list", "id"], kind="stable", ignore_index=True
    )
    lon, lat, of = every["lon"].to_numpy(float), every["lat"].to_numpy(float), every["list"].to_numpy()
    place, spread = _join(lon, lat, of, match_m)
    middle = np.zeros((place.max(initial=-1) + 1, 3))
    np.add.at(middle, place, unit_vectors(lon, lat))
    x, y = (
        np.degrees(np.arctan2(middle[:, 1], middle[:, 0])),
        np.degrees(np.arctan2(middle[:, 2], np.hypot(*middle[:, :2].T))),
    )
    x, y = x.round(DEGREE_DIGITS), y.round(DEGREE_DIGITS)
    table = pd.DataFrame({"lon": x, "lat": y, "spread_m": spread})
    types = every["type"].to_numpy(object)
    told = [[] for _ in x]
    for row in np.flatnonzero(types != ""):
        told[place[row]].append(types[row])
    table["type"] = [kinds[0] if len(set(kinds)) == 1 else "" for kinds in told]
    table["types_agree"] = ["" if len(kinds) < 2 else "yes" if len(set(kinds)) == 1 else "no" for kinds in told]
    table["lists"] = np.bincount(place, minlength=len(x))
    for number, name in enumerate(names):
        rows = np.flatnonzero(of == number)
        ids = np.full(len(x), "", dtype=object)
        ids[place[rows]] = every["id"].to_numpy(object)[rows]
        table[f"{HAD}{name}"], table[f"{ID}{name}"] = np.isin(np.arange(len(x)), place[rows]), ids
    table.insert(0, "id", [mgrs_10m(*position) for position in zip(x, y, strict=True)])
    columns = [*COMMON, *(f"{HAD}{name}" for name in names), *(f"{ID}{name}" for name in names)]
    table = table[columns].sort_values(["id", "lon", "lat"], kind="stable").reset_index(drop=True)
    texts = dict.fromkeys(["id", "type", "types_agree", *(f"{ID}{name}" for name in names)], "str")
    return gpd.GeoDataFrame(table.astype(texts), geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs=4326)


def _join(lon: np.ndarray, lat: np.ndarray, of: np.ndarray, match_m: float) -> tuple[np.ndarray, np.ndarray]:
    """The place of each kiln (numbers from 0), and of each place the largest distance in it; `of` is the list."""
    pairs, metres = near_pairs(lon, lat, match_m)
    mixed = of[pairs[:, 0]] != of[pairs[:, 1]]
    pairs, metres = pairs[mixed], metres[mixed]
    points = unit_vectors(lon, lat)
    root = np.arange(len(lon))
    members: list[list[int]] = [[row] for row in range(len(lon))]
    widest = np.full(len(lon), np.nan)
    for pair in np.lexsort((pairs[:, 1], pairs[:, 0], metres.round(6))):
        a, b = root[pairs[pair]]
        if a == b or {of[row] for row in members[a]} & {of[row] for row in members[b]}:
            continue
        chord = np.linalg.norm(points[members[a]][:, None] - points[members[b]][None], axis=-1).max()
        apart = 2 * EARTH_M * np.arcsin(chord / 2)
        if apart <= match_m:
            first, second = min(a, b), max(a, b)
            root[members[second]] = first
            members[first], members[second] = members[first] + members[second], []
            widest[first] = np.nanmax([widest[a], widest[b], apart])
    kept, place = np.unique(root, return_inverse=True)
    return place, widest[kept].round(2)


def patterns(table: pd.DataFrame, names: list[str]) -> dict[str, int]:
    """Places by the lists that have them, as "a+b": how many."""
    had = table[[f"{HAD}{name}" for name in names]].to_numpy(bool)
    rows, counts = np.unique(had, axis=0, return_counts=True)
    told = {"+".join(np.array(names)[row]): int(count) for row, count in zip(rows, counts, strict=True) if row.any()}
    return dict(sorted(told.items()))


def agreement(table: pd.DataFrame, lists: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """For each two lists: places in both and in one, shares, distances and types of those in both.

    `distance_m` is the median, `distance_p90_m` the 90th percentile; `shift_m`, the median east and north from the
    first to the second, shows a list that lies off as a whole; `within_1_m` counts positions that only a copy has;
    `same_type` is of places where both tell one.
    """
    told = []
    for one, other in combinations(sorted(lists), 2):
        a, b = table[f"{HAD}{one}"].to_numpy(), table[f"{HAD}{other}"].to_numpy()
        both = table[a & b]
        first, second = (lists[name].set_index("id").loc[both[f"{ID}{name}"]] for name in (one, other))
        metres, shift = _apart(*(t[["lon", "lat"]].to_numpy(float).T for t in (first, second)))
        typed = (first["type"].to_numpy() != "") & (second["type"].to_numpy() != "")
        same = (first["type"].to_numpy() == second["type"].to_numpy()) & typed
        told.append(
            {
                "lists": [one, other],
                "both": len(both),
                f"only_{one}": int((a & ~b).sum()),
                f"only_{other}": int((b & ~a).sum()),
                "jaccard": round(len(both) / max(int((a | b).sum()), 1), 4),
                "share_of_first_in_second": round(len(both) / max(int(a.sum()), 1), 4),
                "share_of_second_in_first": round(len(both) / max(int(b.sum()), 1), 4),
                "distance_m": round(float(np.median(metres)), 2) if len(metres) else None,
                "distance_p90_m": round(float(np.quantile(metres, 0.9)), 2) if len(metres) else None,
                "shift_m": [round(float(part), 1) for part in np.median(shift, axis=0)] if len(metres) else None,
                "within_1_m": int((metres < 1).sum()),
                "same_type": [int(same.sum()), int(typed.sum())],
            }
        )
    return told


def _apart(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres (n,) between places (2, n) in degrees, and the way (n, 2) east and north from the one to the other."""
    chord = np.linalg.norm(unit_vectors(*one) - unit_vectors(*other), axis=1)
    east, north = (other[0] - one[0] + 180) % 360 - 180, other[1] - one[1]
    way = np.column_stack([east * np.cos(np.radians(one[1])), north]) * DEGREE_M
    return 2 * EARTH_M * np.arcsin(chord / 2), way


def disagreement(table: gpd.GeoDataFrame, names: list[str], cell_km: float) -> gpd.GeoDataFrame:
    """Cells of about `cell_km` with any place: how many places all lists have, some, one; how many each has.

    Boxes in EPSG:4326, sorted by cell; none lies across the antimeridian. `agreed` is the share that all lists have.
    """
    row, column, lon, lat = cells(table["lon"].to_numpy(), table["lat"].to_numpy(), cell_km * 1000)
    lists = table["lists"].to_numpy()
    flat = pd.DataFrame(
        {
            "row": row, "column": column, "lon": lon, "lat": lat, "places": 1, "all": lists == len(names),
            "some": (lists > 1) & (lists < len(names)), "one": (lists == 1) & (len(names) > 1),
            **{f"{HAD}{name}": table[f"{HAD}{name}"].to_numpy() for name in names},
        }
    )  # fmt: skip
    sums = flat.groupby(["row", "column", "lon", "lat"], as_index=False).sum().sort_values(["row", "column"])
    rows = int(180 * DEGREE_M / (cell_km * 1000))
    columns = np.maximum((360 * DEGREE_M * np.cos(np.radians(sums["lat"])) / (cell_km * 1000)).astype(int), 1)
    east, north = 180 / columns.to_numpy(), 90 / rows
    x, y = sums["lon"].to_numpy(), sums["lat"].to_numpy()
    shapes = shapely.box(*(edge.round(DEGREE_DIGITS) for edge in (x - east, y - north, x + east, y + north)))
    cell = [f"{r}-{c}" for r, c in zip(sums["row"], sums["column"], strict=True)]
    told = sums.drop(columns=["row", "column", "lon", "lat"]).astype("int64")
    told = told.rename(columns={f"{HAD}{name}": f"{name}_kilns" for name in names})
    told.insert(0, "cell", pd.array(cell, dtype="str"))
    told.insert(5, "agreed", (told["all"] / told["places"]).round(4))
    return gpd.GeoDataFrame(told, geometry=shapes, crs=4326)
