"""Read earlier atlases: runs of kilnscan, what they published, or inventories of others, which are not trusted."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow
import pyogrio

from kilnscan.config_change import BESIDE, Change, EarlierAtlas
from kilnscan.errors import VectorError
from kilnscan.grid import mgrs_10m
from kilnscan.source_cells import harmless
from kilnscan.tables import centres, read_vector

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""An id that may become part of a file's name; other kilns are named by their place."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
TEXT_LENGTH = 40
SHARES = {"coverage": "clear_share", "detections": "place_score"}
"""Columns of tables beside the kilns that are reckoned with."""


def read_kilns(atlas: EarlierAtlas) -> pd.DataFrame:
    """The kilns of an earlier atlas: id, lon, lat, type, score, first_seen, last_seen.

    Texts that are no id or no day count as missing, scores outside 0 to 1 as NaN; of kilns with the same id the first
    keeps it. Raises VectorError if the file cannot be used or has places that are not on the globe.
    """
    table = _read(atlas.path, "kilns", f"earlier atlas ({atlas.season})")
    lon, lat = centres(table.geometry)
    lost = ~(np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (lat > -80) & (lat < 84))
    if lost.any():
        raise VectorError(
            f"The earlier atlas {atlas.path} has {lost.sum()} kilns that are not between 80 S and 84 N, the first in "
            f"row {int(lost.argmax()) + 1}: are the coordinates really in its CRS, longitude first?"
        )
    score = pd.to_numeric(_column(table, "score"), errors="coerce").to_numpy(float, na_value=np.nan)
    kilns = pd.DataFrame(
        {
            "id": _ids(_texts(table, "id"), lon, lat),
            "lon": lon,
            "lat": lat,
            "type": [harmless(text, TEXT_LENGTH) for text in _texts(table, "type", "kiln_type")],
            "score": np.where((score >= 0) & (score <= 1), score, np.nan),
            **{name: [_day(text) for text in _texts(table, name)] for name in ("first_seen", "last_seen")},
        }
    )
    texts = dict.fromkeys(("id", "type", "first_seen", "last_seen"), "str")
    return kilns.astype(texts).sort_values(["lon", "lat", "id"], kind="stable").reset_index(drop=True)


def read_atlases(config: Change) -> list[pd.DataFrame]:
    """The kilns of every earlier atlas, the oldest first."""
    return [read_kilns(atlas) for atlas in config.earlier]


def read_beside(atlas: EarlierAtlas) -> dict[str, gpd.GeoDataFrame]:
    """Those of the tables `BESIDE` that an earlier atlas has, EPSG:4326.

    Raises VectorError if one cannot be read, or has text where a share belongs.
    """
    what = f"table of the earlier atlas ({atlas.season})"
    files = {name: path for name, path in atlas.files.items() if name != "kilns"}
    if Path(atlas.path).suffix.lower() == ".gpkg":
        files = {name: atlas.path for name in BESIDE if name in _layers(atlas.path)} | files
    tables = {name: _read(path, name, what) for name, path in files.items()}
    for name, column in SHARES.items():
        if name in tables and column in tables[name]:
            tables[name][column] = _shares(tables[name][column], f"{what} {files[name]}")
    return tables


def _shares(column: pd.Series, what: str) -> list[float]:
    """A column as numbers, NaN where it is empty. Raises VectorError for anything else than shares."""
    shares = []
    for row, (value, empty) in enumerate(zip(column, column.isna(), strict=True), start=1):
        share = np.nan
        if not empty and str(value).strip():
            with suppress(TypeError, ValueError):
                share = float(value)
            if not 0 <= share <= 1:
                raise VectorError(
                    f"The {what} has {harmless(str(value), TEXT_LENGTH)!r} as {column.name} in row {row}: write a "
                    "number from 0 to 1, or leave it empty."
                )
        shares.append(share)
    return shares


def _read(path: str, layer: str, what: str) -> gpd.GeoDataFrame:
    """Rows with a geometry of a vector file, of a GeoPackage those of `layer` if it has it; EPSG:4326."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".parquet", ".geoparquet") and not (suffix == ".gpkg" and layer in _layers(path)):
        return read_vector([path], what)
    try:
        table = gpd.read_file(path, layer=layer) if suffix == ".gpkg" else gpd.read_parquet(path)
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException, pyogrio.errors.DataSourceError) as error:
        raise VectorError(f"The {what} {path} cannot be read: {error}. Is it the file of a finished run?") from error
    if table.crs is None:
        raise VectorError(f"The {what} {path} has no CRS: assign one, for example EPSG:4326, and save it again.")
    return table[~(table.geometry.isna() | table.geometry.is_empty)].to_crs(4326).reset_index(drop=True)


def _layers(path: str) -> Sequence[str]:
    try:
        return [name for name, _ in pyogrio.list_layers(path)]
    except (pyogrio.errors.DataSourceError, OSError):
        return []


def _column(table: pd.DataFrame, *names: str) -> pd.Series:
    """The first of some columns that a table has, or nothing but missing values."""
    found = [name for name in names if name in table.columns]
    return table[found[0]] if found else pd.Series([None] * len(table), dtype=object, index=table.index)


def _texts(table: pd.DataFrame, *names: str) -> list[str]:
    column = _column(table, *names).astype(object)
    return ["" if pd.isna(value) else str(value).strip() for value in column]


def _ids(named: list[str], lon: np.ndarray, lat: np.ndarray) -> list[str]:
    """Ids, each once: as named, or by place, with a number where that is taken."""
    ids, used = [], set(named)
    met: set[str] = set()
    for name, x, y in zip(named, lon, lat, strict=True):
        fits = ID.fullmatch(name) and name not in met
        chosen, number = name if fits else mgrs_10m(x, y), 2
        base = chosen
        while not fits and chosen in used:
            chosen, number = f"{base}-{number}", number + 1
        met.add(chosen)
        used.add(chosen)
        ids.append(chosen)
    return ids


def _day(text: str) -> str:
    """The day that a text begins with; empty if it is none of the calendar."""
    with suppress(ValueError):
        return date.fromisoformat(text[:10]).isoformat() if DAY.match(text) else ""
    return ""
