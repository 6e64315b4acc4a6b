"""Other inventories beside the atlas: read, laid side by side, and told in one record."""

import re
from collections import Counter
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.areas import add_areas, area_keys, read_areas
from kilnscan.capture import doubts, estimate_missing
from kilnscan.config_impact import Areas
from kilnscan.config_sure import Inventory, Reconcile
from kilnscan.reconcile import HAD, agreement, disagreement, patterns, plain_type, reconcile, without_copies
from kilnscan.sources import read_source_files
from kilnscan.tables import read_vector

OURS = "kilnscan"
VARIES = re.compile(r"'[^']*'|\S*\d\S*")
"""Quoted cells, and numbers and names with digits, in the reason why a row was refused."""
SILENT = 10  # places that others have in an area where one list has none: it was hardly searched


def read_inventory(inventory: Inventory) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Kilns (id, lon, lat, type) of an inventory in degrees, the rows refused with reasons, and how many rows it has.

    Rows that are units of one plant make one kiln.

    Raises VectorError or ConfigError as `kilnscan.sources.read_sources` does.
    """
    table, rejected, files = read_source_files([inventory.source])
    types = {plain_type(theirs): plain_type(ours) for theirs, ours in inventory.types.items()}
    kinds = table["kind"].map(plain_type).replace("other", "")
    kilns = pd.DataFrame(
        {
            "id": table["id"],
            "lon": table.geometry.x,
            "lat": table.geometry.y,
            "type": kinds.map(lambda t: types.get(t, t)),
        }
    )
    return kilns, rejected, int(files["rows"].sum())


def side_by_side(
    kilns: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, config: dict[str, Any]
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, pd.DataFrame, dict[str, Any]]:
    """The reconciled table, the cells of disagreement, the rows refused, and the record.

    `kilns` and `coverage` are the atlas' (EPSG:4326); `config` holds the sections inventories, reconcile and areas.
    """
    inventories = [Inventory.model_validate(entry) for entry in config["inventories"]]
    settings, region = Reconcile.model_validate(config["reconcile"]), shapely.union_all(coverage.geometry.array)
    seen = shapely.union_all(coverage.geometry.array[(coverage["status"] != "cloudy").to_numpy()])
    ours = pd.DataFrame(kilns[["id", "lon", "lat"]]).assign(type=kilns["type"].map(plain_type))
    lists, covers, refused = {OURS: ours}, {OURS: seen}, []
    told: dict[str, Any] = {OURS: {"kilns": len(kilns)}}
    for inventory in inventories:
        read, rejected, rows = read_inventory(inventory)
        inside = read[shapely.intersects_xy(region, read["lon"], read["lat"])]
        lists[inventory.name] = without_copies(inside, settings.copies_m)
        covers[inventory.name] = _land(inventory, region)
        refused.append(rejected.assign(inventory=inventory.name))
        told[inventory.name] = {
            "rows": rows,
            "refused": len(rejected),
            "refused_because": _reasons(rejected["reason"]),
            "joined": rows - len(rejected) - len(read),
            "outside": len(read) - len(inside),
            "copies": len(inside) - len(lists[inventory.name]),
            "kilns": len(lists[inventory.name]),
            "licence": inventory.licence,
            "attribution": inventory.attribution,
        }
    names = sorted(lists)
    areas = read_areas(Areas.model_validate(config["areas"]))[0] if config["areas"] else None
    table = reconcile(lists, settings.match_m)
    columns = list(table.columns.drop("geometry"))
    table = add_areas(table, areas)[[*columns, "country", "state", "area", "geometry"]]
    common = shapely.intersection_all(list(covers.values()))
    compared = table[shapely.intersects_xy(common, table["lon"], table["lat"])]
    record = {
        "match_m": settings.match_m,
        "copies_m": settings.copies_m,
        "lists": told,
        "places": len(table),
        "patterns": patterns(table, names),
        "agreement": (pairs := agreement(table, lists)),
        "compared_places": len(compared),
        "missing": (missing := estimate_missing(_had(compared, names), names)),
        "doubts": [
            *doubts(_had(compared, names), names, pairs, missing["loglinear"]),
            *_silent(compared, areas, names),
        ],
        "areas": _by_area(compared, areas, names),
    }
    return table, disagreement(table, names, settings.cell_km), pd.concat(refused, ignore_index=True), record


def _reasons(reasons: pd.Series) -> dict[str, int]:
    """Why rows were refused and how many, the commonest first; what differs from row to row is left out."""
    kinds = Counter(VARIES.sub("...", reason) for reason in reasons)
    return dict(sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])))


def _had(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    return table[[f"{HAD}{name}" for name in names]].to_numpy(bool)


def _land(inventory: Inventory, region: shapely.Geometry) -> shapely.Geometry:
    """The land that an inventory claims to cover, or all of the region."""
    if not inventory.covered:
        return region
    return shapely.union_all(shapely.make_valid(read_vector(inventory.covered, "land of an inventory").geometry.array))


def _by_area(table: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None, names: list[str]) -> list[dict[str, Any]]:
    """Places and estimates of every area that has any; none without areas."""
    if areas is None:
        return []
    at = area_keys(areas, table)
    return [
        {"area": areas["area"].iloc[index], "state": areas["state"].iloc[index]}
        | {"patterns": patterns(table[at == index], names)}
        | estimate_missing(_had(table[at == index], names), names)
        for index in np.unique(at[at >= 0])
    ]


def _silent(table: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None, names: list[str]) -> list[str]:
    """Lists that have nothing in an area where others have many: sentences."""
    if areas is None:
        return []
    at, had, said = area_keys(areas, table), _had(table, names), []
    for number, name in enumerate(names):
        places = np.bincount(at[at >= 0], minlength=len(areas))
        own = np.bincount(at[(at >= 0) & had[:, number]], minlength=len(areas))
        empty = areas["area"].to_numpy(object)[(own == 0) & (places >= SILENT)]
        if len(empty):
            said.append(
                f"{name} has nothing in {len(empty)} area(s) where others have {SILENT} places or more, such as "
                f"{empty[0]}: if they were not searched, give `covers`, or the estimates are too high."
            )
    return said
