"""Administrative areas: where each kiln lies, and what each area holds."""

import csv
import math
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.config_impact import Areas, AreaTable
from kilnscan.countries import BOUNDARIES
from kilnscan.errors import VectorError
from kilnscan.tables import read_vector

OFF_COAST_KM = 10.0
"""A kiln this near to a country is taken for its own: the boundaries are generalised by some kilometres."""
COLUMNS = ["area", "state", "country"]
LARGEST_TABLE = 1 << 26  # bytes


def read_areas(config: Areas) -> gpd.GeoDataFrame:
    """Areas (area, state, country, polygons in EPSG:4326), sorted; parts of one area are one row.

    Names are trimmed; `state` and `country` are empty where the configuration names no column for them. Invalid
    polygons are mended. Raises VectorError if a file cannot be read, lacks a column or holds no polygon.
    """
    table = read_vector(config.path if isinstance(config.path, list) else [config.path], "file of areas")
    columns = {"area": config.name, "state": config.parent, "country": config.country}
    for column in filter(None, columns.values()):
        if column not in table.columns:
            there = ", ".join(str(name) for name in table.columns.drop("geometry"))
            raise VectorError(f"The file of areas {config.path} has no column {column!r}; it has: {there}.")
    polygons = shapely.get_type_id(table.geometry.array)
    table = table[np.isin(polygons, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))]
    if table.empty:
        raise VectorError(f"The file of areas {config.path} holds no polygon.")
    named = {name: _texts(table[column]) if column else "" for name, column in columns.items()}
    shapes = shapely.make_valid(table.geometry.array)
    areas = gpd.GeoDataFrame(named, geometry=shapes, crs=4326, index=range(len(table)))
    areas = areas.dissolve(COLUMNS, as_index=False) if areas.duplicated(COLUMNS).any() else areas
    return areas[[*COLUMNS, "geometry"]].sort_values(COLUMNS, kind="stable").reset_index(drop=True)


def add_areas(kilns: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Add country (ISO 3166 alpha-3), state and area of each kiln's centre (lon, lat); empty where none is known.

    A centre on a border belongs to the first of its areas. The country is the area's where that names one, else that of
    facts/countries.geojson, the nearest within 10 km where the centre lies off a generalised coast.
    """
    points = shapely.points(kilns["lon"].to_numpy(float), kilns["lat"].to_numpy(float))
    told = {name: np.full(len(kilns), "", object) for name in COLUMNS}
    if areas is not None:
        at = _first_within(points, areas.geometry.array)
        for name in COLUMNS:
            told[name][at >= 0] = areas[name].to_numpy(object)[at[at >= 0]]
    unknown = told["country"] == ""
    if unknown.any():
        told["country"][unknown] = _countries(points[unknown])
    return kilns.assign(country=told["country"], state=told["state"], area=told["area"]).astype(
        dict.fromkeys(COLUMNS, "str")
    )


def area_keys(areas: gpd.GeoDataFrame, kilns: gpd.GeoDataFrame) -> np.ndarray:
    """The row of `areas` that each kiln lies in, -1 for none."""
    points = shapely.points(kilns["lon"].to_numpy(float), kilns["lat"].to_numpy(float))
    return _first_within(points, areas.geometry.array)


def area_table(
    areas: gpd.GeoDataFrame, kilns: gpd.GeoDataFrame, sums: pd.DataFrame, tables: list[AreaTable]
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """A row per area, also of those without kilns, and sentences on what of the users' tables could not be used.

    Columns: area, state, country, kilns, breaks (kilns that break a rule), area_km2 (geodesic), those of `sums` (by row
    of `areas`, without its own `kilns`), and those of the tables.
    """
    at = area_keys(areas, kilns)
    geod = areas.crs.get_geod()
    table = areas.assign(
        kilns=np.bincount(at[at >= 0], minlength=len(areas)),
        area_km2=[round(abs(geod.geometry_area_perimeter(shape)[0]) / 1e6, 3) for shape in areas.geometry],
    )
    breaks = (kilns["siting"] == "breaks").to_numpy() if "siting" in kilns else np.zeros(len(kilns), bool)
    table["breaks"] = np.bincount(at[(at >= 0) & breaks], minlength=len(areas))
    more = sums.drop(columns="kilns", errors="ignore").reindex(range(len(areas)))
    left_out = [name for name in more if name.endswith("_left_out")]
    table = table.assign(**more).astype(dict.fromkeys(left_out, "float64"))
    table[left_out] = table[left_out].fillna(0).astype("int64")
    said: list[str] = []
    for given in tables:
        columns, sentences = _read_table(given, areas)
        table = table.assign(**columns)
        said += sentences
    geometry = table.pop("geometry")
    return gpd.GeoDataFrame(table, geometry=geometry, crs=4326), said


def _first_within(points: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Index of the first of `shapes` that each point meets, -1 for none."""
    at = np.full(len(points), -1)
    point, shape = shapely.STRtree(shapes).query(points, predicate="intersects")
    order = np.lexsort((shape, point))[::-1]
    at[point[order]] = shape[order]
    return at


def _countries(points: np.ndarray) -> np.ndarray:
    table = gpd.read_file(BOUNDARIES)
    codes = table["iso3"].fillna("").to_numpy(object)
    shapes = table.geometry.to_numpy()
    at = _first_within(points, shapes)
    off = np.flatnonzero(at < 0)
    # degrees of longitude shrink towards the poles: ask widely, then measure in a frame of each point
    reach = np.degrees(OFF_COAST_KM / 6371.0088)
    for index in off:
        x, y = shapely.get_coordinates(points[index])[0]
        near = shapely.STRtree(shapes).query(shapely.box(x - 2 * reach, y - reach, x + 2 * reach, y + reach))
        if len(near):
            scaled = [
                shapely.transform(shapes[n], lambda xy, x=x, y=y: (xy - (x, y)) * (np.cos(np.radians(y)), 1))
                for n in near
            ]
            distance = shapely.distance(np.array(scaled, object), shapely.Point(0, 0))
            if distance.min() <= reach:
                at[index] = near[int(distance.argmin())]
    found = np.full(len(points), "", object)
    found[at >= 0] = codes[at[at >= 0]]
    return found


def _read_table(given: AreaTable, areas: gpd.GeoDataFrame) -> tuple[dict[str, np.ndarray], list[str]]:
    """Columns of a user's table by row of `areas`, and what of it could not be used."""
    columns = {name: np.full(len(areas), np.nan) for name in given.columns}
    named: dict[str, list[int]] = {}
    for index, name in enumerate(areas["area"]):
        named.setdefault(_plain(name), []).append(index)
    said, found = [], set()
    for line, row in enumerate(_rows(given), 2):
        where, name = f"{given.path}, line {line}", str(row.get(given.name) or "").strip()
        at = named.get(_plain(name), [])
        if len(at) != 1:
            why = "is no area of the map" if not at else f"is the name of {len(at)} areas"
            said.append(f"{where}: {name[:60]!r} {why}; the line is left out.")
            continue
        if at[0] in found:
            said.append(f"{where}: {name[:60]!r} stands twice; the first line counts.")
            continue
        found.add(at[0])
        for ours, theirs in given.columns.items():
            cell = str(row.get(theirs) or "").strip()
            number = _number(cell)
            if cell and number is None:
                said.append(f"{where}: {cell[:40]!r} in {theirs!r} is no number; it is left out.")
            elif number is not None:
                columns[ours][at[0]] = number
    if len(areas) > len(found):
        said.append(f"{given.path}: {len(areas) - len(found)} of {len(areas)} areas have no line.")
    return columns, said


def _rows(given: AreaTable) -> Iterator[Mapping[str, Any]]:
    """Rows of a CSV. Raises VectorError if it cannot be read or lacks a column."""
    path = Path(given.path)
    if path.stat().st_size > LARGEST_TABLE:
        raise VectorError(
            f"The table {path} is larger than 64 MiB: keep the rows and columns that `areas.tables` names."
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            there = [str(name).strip() for name in reader.fieldnames or []]
            missing = [name for name in (given.name, *given.columns.values()) if name not in there]
            if missing:
                raise VectorError(f"The table {path} has no column {missing[0]!r}; it has: {', '.join(there)[:400]}.")
            reader.fieldnames = there
            yield from reader
    except (csv.Error, UnicodeDecodeError) as error:
        raise VectorError(f"The table {path} cannot be read: {error}. Save it as CSV in UTF-8.") from error


def _number(cell: str) -> float | None:
    """A cell as a finite number, thousands separators apart; None if it is none."""
    try:
        number = float(cell.replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _texts(column: pd.Series) -> list[str]:
    """Cells as short trimmed text without control characters."""
    return ["".join(c for c in str(cell).strip() if c.isprintable())[:120] for cell in column.fillna("")]


def _plain(name: str) -> str:
    """A name without case, accents and signs."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())
