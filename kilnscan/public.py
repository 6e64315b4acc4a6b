"""The public edition: kilns in grid cells instead of places, and nothing that would tell the place after all."""

import hashlib
import re
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.config_impact import Public
from kilnscan.dictionary import read_dictionary

DEGREE_M = 111_195
"""Metres of a degree on a sphere of 6,371 km."""
EMISSIONS = re.compile(r"(pm25|so2|co|bc|co2)_t(_low|_high)?")
NEAR = re.compile(r"(people|schools|clinics)_\d+km")
FEW = 5
"""Kilns of an area below which what is near them is not told: of one kiln, three such numbers tell the place."""
NEAR_DIGITS = 2
"""Significant digits of what is near the kilns of other areas: differences of sums must not tell the few after all."""
PLACED = ("id", "lon", "lat")
"""Columns that every kiln has; they are made anew."""
KEPT = ("coverage", "areas", "estimates")
"""Layers that hold no single kiln."""
INSIDE = ("orders", "reports", "reconciled")
"""Layers that stay with those who made the atlas: they tell what imagery costs, where volunteers stood, and row by row
what other inventories have, whose licences may forbid that."""


def public_edition(tables: Mapping[str, pd.DataFrame], config: Public) -> dict[str, pd.DataFrame]:
    """Tables (EPSG:4326) for everybody, from those of the full edition.

    Kilns are points in the middle of a grid cell and keep the columns that `config` names, and emissions, which follow
    from type and country alone. Their new names, `<row>-<column>-<number>`, tell the cell; rows are in the order of
    these names. Of siting stay kiln, rule and status, of sources the rows that may be shown. Candidates, acquired
    imagery, reports, orders, change and other inventories are left out. Tiles, which may be smaller than cells, do not
    count kilns, and areas with few kilns do not say who is near them.
    """
    kilns, names = _kilns(tables["kilns"], config)
    public: dict[str, pd.DataFrame] = {"kilns": kilns}
    public |= {layer: tables[layer].drop(columns=_closed(layer), errors="ignore") for layer in KEPT if layer in tables}
    if "areas" in public:
        public["areas"] = _areas(public["areas"])
    if "sources" in tables:
        public["sources"] = shown(tables["sources"])
    if "siting" in tables:
        public["siting"] = _siting(tables["siting"], names)
    return public


def public_people(people: Mapping[str, int | None], kilns: int) -> dict[str, int | None]:
    """People near any of so many kilns, told as those of areas are; counts of kilns stay."""
    return {
        name: (_rounded(count) if kilns >= FEW and count is not None else None) if NEAR.fullmatch(name) else count
        for name, count in people.items()
    }


def handed_out(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Tables as whoever opens the map may have them: none of `INSIDE`, of sources the rows to be shown, and of cells
    where inventories disagree not how many kilns each of them has."""
    told = {name: table for name, table in tables.items() if name not in INSIDE}
    open_ = {"sources": shown, "disagreement": _without_lists}
    return told | {name: trim(told[name]) for name, trim in open_.items() if name in told}


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that may be published, by their column `show`."""
    return table[table["show"].astype(bool)].reset_index(drop=True)


def cells(lon: np.ndarray, lat: np.ndarray, grid_m: float) -> tuple[np.ndarray, ...]:
    """Row and column of the grid cell of each place, and longitude and latitude of its middle (degrees).

    Rows are counted from the south pole, columns from 180 W. Cells are at least `grid_m` high, and as wide in the
    middle of their row; a whole number of them goes round the globe, so that none lies across the antimeridian.
    """
    rows = int(180 * DEGREE_M / grid_m)
    row = np.clip(np.floor((np.asarray(lat) + 90) * rows / 180).astype(int), 0, rows - 1)
    middle = (row + 0.5) * 180 / rows - 90
    columns = np.maximum((360 * DEGREE_M * np.cos(np.radians(middle)) / grid_m).astype(int), 1)
    column = np.floor((np.asarray(lon) + 180) * columns / 360).astype(int) % columns
    return row, column, (column + 0.5) * 360 / columns - 180, middle


def _kilns(kilns: gpd.GeoDataFrame, config: Public) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """The coarse kilns, and the new name of each old one."""
    shown = kilns[~(kilns["score"] < config.min_score).to_numpy()]
    row, column, lon, lat = cells(shown["lon"].to_numpy(float), shown["lat"].to_numpy(float), config.grid_m)
    place = pd.DataFrame({"old": shown["id"].astype(str).to_numpy(), "row": row, "column": column})
    place["order"] = [hashlib.sha256(name.encode()).hexdigest() for name in place["old"]]
    number = place.sort_values("order").groupby(["row", "column"]).cumcount() + 1
    new = [
        f"{row}-{column}-{number}"
        for row, column, number in zip(place["row"], place["column"], number.sort_index(), strict=True)
    ]
    columns = {name: shown[name].to_numpy() for name in _columns(shown, config)}
    coarse = pd.DataFrame(columns | {"id": new, "lon": lon.round(6), "lat": lat.round(6)})
    coarse = coarse[[*PLACED, *(name for name in columns if name not in PLACED)]]
    coarse = coarse.sort_values("id").reset_index(drop=True)
    points = gpd.points_from_xy(coarse["lon"], coarse["lat"])
    return gpd.GeoDataFrame(coarse, geometry=points, crs=4326), dict(zip(place["old"], new, strict=True))


def _columns(kilns: gpd.GeoDataFrame, config: Public) -> list[str]:
    """The columns that stay, in the order of the table."""
    return [name for name in kilns.columns if name in config.columns or EMISSIONS.fullmatch(name)]


def _closed(layer: str) -> list[str]:
    """Columns of a layer that the data dictionary keeps from the public."""
    return [entry.column for entry in read_dictionary() if entry.layer == layer and entry.public == "no"]


def _areas(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    near = [name for name in areas.columns if NEAR.fullmatch(name)]
    enough = areas["kilns"] >= FEW
    return areas.assign(**{name: areas[name].astype(float).map(_rounded).where(enough) for name in near})


def _without_lists(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cells without the columns of single inventories, which the dictionary knows by their names only."""
    of_all = {entry.column for entry in read_dictionary() if entry.layer == "disagreement"}
    return cells[[name for name in cells.columns if name in of_all]]


def _rounded(count: float) -> float:
    return count if np.isnan(count) else round(float(f"{count:.{NEAR_DIGITS}g}"))


def _siting(siting: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    kept = siting.loc[siting["kiln"].isin(list(names)), ["kiln", "rule", "status"]]
    kept = kept.assign(kiln=kept["kiln"].map(names).astype(object))
    return kept.sort_values(["kiln", "rule"]).reset_index(drop=True)
