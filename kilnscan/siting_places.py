"""What siting rules measure distances to, and when kilns are known to have stood: files that people bring."""

import unicodedata
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.config_impact import Exposure, Siting
from kilnscan.config_parts import Paths, files_named
from kilnscan.errors import VectorError
from kilnscan.places import Check
from kilnscan.siting_distance import nearest
from kilnscan.tables import read_vector

NAMES = ("name", "Name", "NAME", "name:en", "name_en")
LONGEST_NAME = 120
JOINERS = "\u200c\u200d"  # scripts of South Asia need them
SAME_KILN_M = 100.0
YEARS = (1800, 2200)


@dataclass(frozen=True)
class Places:
    """Places of one kind: geometries (n,) in degrees, names (n,), and the share of all such places that they are."""

    geometry: np.ndarray
    name: np.ndarray
    completeness: float = 1.0


def read_places(config: Siting, exposure: Exposure, check: Check | None = None) -> dict[str, Places]:
    """Places by kind, sorted, from all files of the configuration; schools and clinics of `exposure` count.

    `check` is shown each file's. Where several files hold one kind, the most complete says how complete they are
    together. Raises VectorError if a file cannot be used.
    """
    named: list[tuple[str, Paths, float]] = [
        ("school", exposure.schools, config.schools_complete),
        ("clinic", exposure.clinics, config.clinics_complete),
        *((places.to, places.path, places.completeness) for places in config.places),
    ]
    read: dict[str, list[tuple[gpd.GeoDataFrame, float]]] = {}
    for kind, path, completeness in named:
        if path:
            read.setdefault(kind, []).append((_read(files_named(path), kind, check), completeness))
    return {kind: _together(tables, kind) for kind, tables in read.items()}


def plain_name(text: object) -> str:
    """A name of at most 120 characters on one line, without control and formatting characters."""
    if not isinstance(text, str):
        return ""
    shown = "".join(c if c in JOINERS or unicodedata.category(c)[0] not in "CZ" else " " for c in text)
    return " ".join(shown.split())[:LONGEST_NAME].rstrip()


def _read(files: list[str], kind: str, check: Check | None) -> gpd.GeoDataFrame:
    table = read_vector(files, f"file of places ({kind})", check)
    table.geometry = shapely.force_2d(table.geometry.array)
    _check_degrees(table, f"file of places ({kind}) {', '.join(files)}")
    return table


def _check_degrees(table: gpd.GeoDataFrame, what: str) -> None:
    bounds = shapely.bounds(table.geometry.array)
    if not (np.isfinite(bounds).all() and (np.abs(bounds) <= (540, 90, 540, 90)).all()):
        raise VectorError(f"The {what} has coordinates outside the world: check its CRS, and that x is the longitude.")


def _together(tables: list[tuple[gpd.GeoDataFrame, float]], kind: str) -> Places:
    geometry = np.concatenate([table.geometry.to_numpy() for table, _ in tables])
    names = np.concatenate([_names(table) for table, _ in tables])
    names[names == ""] = kind
    order = np.lexsort((*shapely.bounds(geometry).T, names.astype(str)))  # the order of files and rows changes nothing
    return Places(geometry[order], names[order], max(completeness for _, completeness in tables))


def _names(table: gpd.GeoDataFrame) -> np.ndarray:
    column = next((name for name in NAMES if name in table), None)
    if column is None:
        return np.full(len(table), "", dtype=object)
    return np.array([plain_name(name) for name in table[column]], dtype=object)


def known_ages(kilns: gpd.GeoDataFrame, built: str | None) -> tuple[np.ndarray, np.ndarray]:
    """For each kiln, a day by which it stood, and one on which it did not yet stand (datetime64[D]; NaT: not known).

    It stood when it was first seen, and by the last day of `year` of the nearest row within 100 m of the file `built`;
    it did not stand on the first day of that row's year `absent`. Where both cannot be true, it stood.
    Raises VectorError if the file or a year in it cannot be used.
    """
    stood = pd.to_datetime(kilns["first_seen"].astype(str), format="%Y-%m-%d", errors="coerce")
    stood = stood.to_numpy().astype("datetime64[D]")
    absent = np.full(len(kilns), "NaT", dtype="datetime64[D]")
    if built:
        known = read_vector(files_named(built), "table of earlier kilns (`siting.built`)")
        _check_degrees(known, f"table of earlier kilns {built}")
        year, gone = _years(known, "year", built), _years(known, "absent", built)
        known = known.assign(year=year, absent=gone)[~(np.isnan(year) & np.isnan(gone))]
        footprints, lon, lat = kilns.geometry.to_numpy(), kilns["lon"].to_numpy(), kilns["lat"].to_numpy()
        index = nearest(footprints, lon, lat, known.geometry.to_numpy(), SAME_KILN_M)[1]
        found = index >= 0
        year, gone = (known[name].to_numpy()[index[found]] for name in ("year", "absent"))
        stood[found] = np.fmin(stood[found], _days(year, "-12-31"))
        absent[found] = _days(gone, "-01-01")
        absent[absent > stood] = np.datetime64("NaT")
    return stood, absent


def _years(table: gpd.GeoDataFrame, column: str, path: str) -> np.ndarray:
    if column not in table:
        if column == "year":
            raise VectorError(f"The table of earlier kilns {path} has no column `year`: add the year each stood by.")
        return np.full(len(table), np.nan)
    years = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    filled = table[column].notna() & (table[column].astype(str).str.strip() != "")
    bad = filled.to_numpy() & ~((years >= YEARS[0]) & (years <= YEARS[1]) & (years % 1 == 0))
    if bad.any():
        raise VectorError(
            f"The table of earlier kilns {path} has {str(table[column].iloc[bad.argmax()])[:40]!r} as `{column}`: "
            "give years such as 2018, or leave it empty."
        )
    return years


def _days(years: np.ndarray, day: str) -> np.ndarray:
    return np.array(["NaT" if np.isnan(year) else f"{int(year)}{day}" for year in years], dtype="datetime64[D]")
