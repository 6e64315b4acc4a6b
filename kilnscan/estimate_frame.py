"""The units that an estimate rests on: every kiln of the atlas and every chip of land, with what was found in them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.audit import strata_names, stratum_of
from kilnscan.check_sample import DOUBTED, HELD, chips_of_places, land_strata, with_answers
from kilnscan.estimate import ACQUIRED, KILNS, REJECTED
from kilnscan.grid import transformer
from kilnscan.lattice import CHIP_M

SEASONS = ("Dec-Feb", "Mar-May", "Jun-Aug", "Sep-Nov")
LABELS = ("lon", "lat", "tile", "type")
PLACE = ["epsg", "i", "j"]
MOST = 1_000_000
"""Chips that are in memory at a time, or those of the largest tile."""


def owned_units(paths: dict[str, str], most: int = MOST) -> Iterator[pd.DataFrame]:
    """The chips that tiles own, from the table of each tile: epsg, i, j, score, hint, tile; no chip twice.

    Some tiles at a time, about `most` chips: a country has tens of millions. A chip's score is the highest that any
    tile's candidates give it, also beyond the tile's own land.
    """
    lent = _lent(paths)
    tables: list[pd.DataFrame] = []
    for tile, path in paths.items():
        own = pd.read_parquet(path, filters=[("own", "==", True)]).drop(columns="own").assign(tile=tile)
        more = own[PLACE].merge(lent, on=PLACE, how="left")["score"].to_numpy()
        tables.append(own.assign(score=np.fmax(own["score"].to_numpy(), more)))
        if sum(map(len, tables)) >= most:
            yield pd.concat(tables, ignore_index=True)
            tables = []
    if tables:
        yield pd.concat(tables, ignore_index=True)


def _lent(paths: dict[str, str]) -> pd.DataFrame:
    """The highest score that tiles give each chip which they do not own: epsg, i, j, score."""
    tables = [pd.read_parquet(path, filters=[("own", "==", False)])[[*PLACE, "score"]] for path in paths.values()]
    return pd.concat(tables, ignore_index=True).groupby(PLACE, as_index=False).max()


def held_chips(
    kilns: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, epsg: dict[str, int]
) -> dict[tuple[int, int, int], str]:
    """Strata of the chips (epsg, i, j) that hold a kiln, or else a box too faint to be one.

    Tables are the atlas' in EPSG:4326; `epsg` is that of each tile.
    """
    faint = detections[detections["keeper"] & (detections["kiln"] == "") & (detections["owner"] != "")]
    held: dict[tuple[int, int, int], str] = {}
    for table, tile, stratum in ((faint, "owner", DOUBTED), (kilns, "tile", HELD)):
        places = (table["lon"].to_numpy(), table["lat"].to_numpy(), table[tile].map(epsg).to_numpy())
        held |= dict.fromkeys(chips_of_places(*places), stratum)
    return held


def with_strata(units: pd.DataFrame, threshold: float, held: dict[tuple[int, int, int], str]) -> pd.DataFrame:
    """Chips with their kind and stratum; `held` is of `held_chips`."""
    number, names = stratum_of(units, threshold), np.array(strata_names(threshold), dtype=object)
    acquired = number < 0
    stratum = names[np.where(acquired, 0, number)]
    stratum[acquired] = land_strata(units[acquired], held)
    return units.assign(kind=np.where(acquired, ACQUIRED, REJECTED), stratum=stratum)


def acquired_units(paths: dict[str, str], threshold: float, held: dict[tuple[int, int, int], str]) -> pd.DataFrame:
    """The acquired chips that tiles own: epsg, i, j, stratum."""
    tables = [with_strata(units[stratum_of(units, threshold) < 0], threshold, held) for units in owned_units(paths)]
    return pd.concat(tables, ignore_index=True)[[*PLACE, "stratum"]]


def land_units(units: pd.DataFrame, looked: dict[tuple[int, int, int], int | None]) -> pd.DataFrame:
    """Chips (`with_strata`) as units of the estimate: kind, stratum, found, lon, lat, tile, type (which is empty).

    `looked` holds the kilns found in chips that were looked at, beyond those of the atlas, None where nobody looked.
    """
    rows = [(*place, count) for place, count in looked.items() if count is not None]
    seen = pd.DataFrame(rows, columns=[*PLACE, "found"]).astype(dict.fromkeys(PLACE, "int64") | {"found": "float64"})
    land = units[[*PLACE, "tile", "kind", "stratum"]].merge(seen, on=PLACE, how="left")
    land = land.assign(type="", lon=np.nan, lat=np.nan)
    for code, rows in land.groupby("epsg").groups.items():
        x, y = ((land.loc[rows, name].to_numpy() + 0.5) * CHIP_M for name in ("i", "j"))
        land.loc[rows, "lon"], land.loc[rows, "lat"] = transformer(int(code), 4326).transform(x, y)
    return land.drop(columns=PLACE)


def atlas_units(
    kilns: gpd.GeoDataFrame, min_score: float, drawn: dict[str, int | None], said: np.ndarray
) -> pd.DataFrame:
    """The kilns of the atlas as units of the estimate: kind, stratum, found, lon, lat, tile, type."""
    answered = with_answers(kilns.reset_index(drop=True), min_score, drawn, said)
    return pd.DataFrame(kilns[list(LABELS)].reset_index(drop=True)).join(answered).assign(kind=KILNS)


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
