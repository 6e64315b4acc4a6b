"""The units that an estimate rests on: every kiln of the atlas and every chip of land, with what was found in them."""

from collections import Counter
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.audit import strata_names, stratum_of
from kilnscan.audit_units import join_units
from kilnscan.check_sample import chips_of_places, land_strata, with_answers
from kilnscan.estimate import ACQUIRED, KILNS, REJECTED
from kilnscan.grid import transformer
from kilnscan.lattice import CHIP_M

SEASONS = ("Dec-Feb", "Mar-May", "Jun-Aug", "Sep-Nov")
LABELS = ("lon", "lat", "tile", "type")


def owned_units(paths: dict[str, str]) -> pd.DataFrame:
    """The chips that tiles own, from the table of each tile: epsg, i, j, score, hint, tile; sorted by place."""
    tables = {tile: pd.read_parquet(path) for tile, path in paths.items()}
    units = join_units(list(tables.values()))
    own = [table.loc[table["own"], ["epsg", "i", "j"]].assign(tile=tile) for tile, table in tables.items()]
    return units[units["own"]].merge(pd.concat(own), on=["epsg", "i", "j"]).drop(columns="own").reset_index(drop=True)


def chip_strata(
    units: pd.DataFrame, threshold: float, kilns: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, epsg: dict[str, int]
) -> pd.DataFrame:
    """Kind and stratum of each chip of `units`; `epsg` is that of each tile. Tables of the atlas in EPSG:4326."""
    number, names = stratum_of(units, threshold), np.array(strata_names(threshold), dtype=object)
    acquired = number < 0
    faint = detections[detections["keeper"] & (detections["kiln"] == "") & (detections["owner"] != "")]
    holding = [
        chips_of_places(table["lon"].to_numpy(), table["lat"].to_numpy(), table[tile].map(epsg).to_numpy())
        for table, tile in ((kilns, "tile"), (faint, "owner"))
    ]
    stratum = names[np.where(acquired, 0, number)]
    stratum[acquired] = land_strata(units[acquired], *holding)
    return pd.DataFrame({"kind": np.where(acquired, ACQUIRED, REJECTED), "stratum": stratum})


def frame_of(
    kilns: pd.DataFrame, units: pd.DataFrame, strata: pd.DataFrame, looked: dict[tuple[int, int, int], int | None]
) -> pd.DataFrame:
    """All units in one table: kind, stratum, found, lon, lat, tile, type (empty for land).

    `kilns` has stratum, found and the labels; `units` and `strata` are as above; `looked` holds the kilns found in
    chips that were looked at, beyond those of the atlas.
    """
    land = units[["epsg", "i", "j", "tile"]].join(strata)
    rows = [(*place, count) for place, count in looked.items() if count is not None]
    seen = pd.DataFrame(rows, columns=["epsg", "i", "j", "found"]).astype({"epsg": int, "i": int, "j": int})
    land = land.merge(seen.astype({"found": "float64"}), on=["epsg", "i", "j"], how="left")
    land = land.assign(type="", lon=np.nan, lat=np.nan)
    for code, rows in land.groupby("epsg").groups.items():
        x, y = ((land.loc[rows, name].to_numpy() + 0.5) * CHIP_M for name in ("i", "j"))
        land.loc[rows, "lon"], land.loc[rows, "lat"] = transformer(int(code), 4326).transform(x, y)
    columns = ["kind", "stratum", "found", *LABELS]
    tables = [table[columns] for table in (kilns.assign(kind=KILNS), land) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else land[columns]


def atlas_units(
    kilns: gpd.GeoDataFrame, min_score: float, drawn: dict[str, int | None], said: np.ndarray
) -> pd.DataFrame:
    """The kilns of the atlas as units: stratum, found and labels."""
    answered = with_answers(kilns.reset_index(drop=True), min_score, drawn, said)
    return pd.DataFrame(kilns[list(LABELS)].reset_index(drop=True)).join(answered)


def seasons(coverage: pd.DataFrame) -> dict[str, str]:
    """The quarter of the year in which most of each tile's scenes were taken; "unknown" without a date."""
    told = {}
    for tile, dates in zip(coverage["tile"], coverage["dates"], strict=True):
        months = [int(day[5:7]) for day in str(dates).split(", ") if len(day) >= 7 and day[5:7].isdigit()]
        quarters = Counter(month % 12 // 3 for month in months)
        most = min(quarters, key=lambda quarter: (-quarters[quarter], quarter), default=None)
        told[tile] = "unknown" if most is None else SEASONS[most]
    return told


def company_of(kilns: gpd.GeoDataFrame, epsg: dict[str, int]) -> float:
    """Kilns in the chip of an average kiln of the atlas: how much kilns stand together; 1 without any."""
    if kilns.empty:
        return 1.0
    places = (kilns["lon"].to_numpy(), kilns["lat"].to_numpy(), kilns["tile"].map(epsg).to_numpy())
    counts: Any = np.array(list(Counter(chips_of_places(*places)).values()))
    return float((counts**2).sum() / counts.sum())
