"""Administrative areas: where each kiln lies, and what each area holds."""

import re
from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Geod

from kilnscan.antimeridian import jumps, split
from kilnscan.area_tables import read_tables
from kilnscan.config_impact import Areas, AreaTable
from kilnscan.errors import VectorError
from kilnscan.siting_places import plain_name
from kilnscan.source_files import cell_text
from kilnscan.source_places import countries
from kilnscan.tables import read_vector

COLUMNS = ["area", "state", "country"]
MOST_NAMED = 5
EMITTED = re.compile(r"_t(_low|_high)?$")
GEOD = Geod(ellps="WGS84")


def read_areas(config: Areas) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Areas (area, state, country, polygons in EPSG:4326), sorted, and sentences on what was made of the file.

    Polygons of the same area, state and country are parts of one area and become one row; those without a name become
    one for each state and country. Names are on one line; `state` and `country` are empty where the configuration names
    no column for them. A country becomes its ISO 3166 alpha-3 code; other codes of three capitals stay, and what is
    neither is empty. Invalid polygons are mended, and split at the antimeridian where they cross it. Raises VectorError
    if a file cannot be read, lacks a column, or holds no polygon, no name, or what lies off the globe.
    """
    table = read_vector(config.path if isinstance(config.path, list) else [config.path], "file of areas")
    columns = {"area": config.name, "state": config.parent, "country": config.country}
    for column in filter(None, columns.values()):
        if column not in table.columns.drop("geometry"):
            there = ", ".join(str(name) for name in table.columns.drop("geometry"))
            raise VectorError(f"The file of areas {config.path} has no column {column!r}; it has: {there[:400]}.")
    table = table[table.geom_type.isin(["Polygon", "MultiPolygon"])]
    shapes = _shapes(table.geometry.to_numpy(), config)
    table, shapes = table[~shapely.is_empty(shapes)], shapes[~shapely.is_empty(shapes)]
    if table.empty:
        raise VectorError(f"The file of areas {config.path} holds no polygon: give areas, not points or lines.")
    named = {
        name: [plain_name(cell_text(cell)) for cell in table[column]] if column else [""] * len(table)
        for name, column in columns.items()
    }
    if not any(named["area"]):
        raise VectorError(f"The file of areas {config.path} has no name in its column {config.name!r}: name another.")
    named["country"], said = _codes(named["country"], config)
    areas = gpd.GeoDataFrame(named, geometry=shapes, crs=4326).astype(dict.fromkeys(COLUMNS, "str"))
    said += _said_of_names(areas, config)
    if areas.duplicated(COLUMNS).any():
        areas = areas.dissolve(COLUMNS, as_index=False)
    return areas[[*COLUMNS, "geometry"]].sort_values(COLUMNS, kind="stable").reset_index(drop=True), said


def add_areas(kilns: gpd.GeoDataFrame, areas: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Add country (ISO 3166 alpha-3), state and area of each kiln's centre (lon, lat); empty where none is known.

    A centre on a border belongs to the first of its areas. The country is the area's where that names one, else that of
    facts/countries.geojson, the nearest within a tenth of a degree where the centre lies off a generalised coast.
    """
    told = {name: np.full(len(kilns), "", object) for name in COLUMNS}
    if areas is not None:
        at = area_keys(areas, kilns)
        for name in COLUMNS:
            told[name][at >= 0] = areas[name].to_numpy(object)[at[at >= 0]]
    unknown = told["country"] == ""
    lon, lat = kilns["lon"].to_numpy(float), kilns["lat"].to_numpy(float)
    told["country"][unknown] = countries().at(lon[unknown], lat[unknown])
    return kilns.assign(**{name: told[name] for name in reversed(COLUMNS)}).astype(dict.fromkeys(COLUMNS, "str"))


def area_keys(areas: gpd.GeoDataFrame, kilns: pd.DataFrame) -> np.ndarray:
    """The row of `areas` that each kiln's centre (lon, lat) lies in, the first of several, -1 for none."""
    return first_within(kilns["lon"].to_numpy(float), kilns["lat"].to_numpy(float), areas.geometry.to_numpy())


def first_within(lon: np.ndarray, lat: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Index of the first of `shapes` (degrees) that each place (n,) lies in or on the edge of, -1 for none."""
    shape, point = shapely.STRtree(shapely.points(lon, lat)).query(shapes, predicate="intersects")
    at = np.full(len(lon), len(shapes))
    np.minimum.at(at, point, shape)
    return np.where(at < len(shapes), at, -1)


def area_table(
    areas: gpd.GeoDataFrame,
    kilns: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    sums: Sequence[pd.DataFrame],
    tables: list[AreaTable],
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """A row for each area that a tile of `coverage` meets, and sentences on what of the users' tables was left out.

    Columns: area, state, country, kilns, area_km2 (geodesic), mapped (the share of it in tiles that were not cloudy),
    breaks (kilns that break a rule), those of `sums` (by row of `areas`, without their own `kilns`), and those of the
    tables. Emissions are 0 where something was seen and no kiln found, and empty where `sums` have none.
    """
    at = area_keys(areas, kilns)
    km2 = np.array([area_km2(shape) for shape in areas.geometry])
    seen = _km2_in(areas, coverage[(coverage["status"] != "cloudy").to_numpy()])
    table = areas.assign(
        kilns=np.bincount(at[at >= 0], minlength=len(areas)),
        area_km2=km2.round(3),
        mapped=np.divide(seen, km2, out=np.zeros(len(areas)), where=km2 > 0).clip(0, 1).round(3),
    )
    breaks = (kilns["siting"] == "breaks").to_numpy() if "siting" in kilns else np.zeros(len(kilns), bool)
    table["breaks"] = np.bincount(at[(at >= 0) & breaks], minlength=len(areas))
    empty = ((table["kilns"] == 0) & (seen > 0)).to_numpy()
    for each in sums:
        table = table.assign(**_filled(each, len(areas), empty))
    rows = np.flatnonzero((_km2_in(areas, coverage) > 0) | (table["kilns"] > 0).to_numpy())
    columns, said = read_tables(table, tables, rows)
    geometry = table.pop("geometry")
    table = gpd.GeoDataFrame(table.assign(**columns), geometry=geometry, crs=4326)
    return table.iloc[rows].reset_index(drop=True), said


def _filled(sums: pd.DataFrame, count: int, empty: np.ndarray) -> pd.DataFrame:
    """Sums by area for each of so many areas; `empty` ones (area,) have no kilns, and so emit nothing."""
    table = sums.drop(columns="kilns", errors="ignore").reindex(range(count))
    counts = [name for name in table if name.endswith("_left_out")]
    table[counts] = table[counts].astype("float64").fillna(0).astype("int64")
    table.loc[empty, [name for name in table if EMITTED.search(name)]] = 0.0
    return table


def area_km2(shape: shapely.Geometry) -> float:
    """Area of polygons in degrees on the ellipsoid, whichever way their rings wind."""
    wound = shapely.orient_polygons(shape)
    return abs(GEOD.geometry_area_perimeter(wound)[0]) / 1e6


def _km2_in(areas: gpd.GeoDataFrame, tiles: gpd.GeoDataFrame) -> np.ndarray:
    """Square kilometres of each area that lie in tiles."""
    land = shapely.union_all(shapely.make_valid(tiles.geometry.to_numpy()))
    return np.array([area_km2(_polygons(shape)) for shape in shapely.intersection(areas.geometry.to_numpy(), land)])


def _shapes(shapes: np.ndarray, config: Areas) -> np.ndarray:
    """Valid polygons in two dimensions within -180 and 180 degrees. Raises VectorError."""
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    if not (np.isfinite(bounds).all() and (np.abs(bounds) <= (540, 90, 540, 90)).all()):
        raise VectorError(f"The file of areas {config.path} has coordinates outside the world: check its CRS.")
    if any(map(jumps, shapes)):
        raise VectorError(
            f"The file of areas {config.path} has an edge across more than 180 degrees of longitude: split its areas "
            "at 180, or let their longitudes run on beyond it."
        )
    mended = shapely.make_valid(shapely.force_2d(shapes), method="structure", keep_collapsed=False)
    return np.array([split(shape) for shape in mended], object)


def _codes(names: list[str], config: Areas) -> tuple[list[str], list[str]]:
    """Countries as alpha-3 codes, and a sentence for those that are not known."""
    known = {name: countries().code(name) or (name if re.fullmatch("[A-Z]{3}", name) else "") for name in set(names)}
    strange = sorted(name for name, code in known.items() if name and not code)
    if not strange:
        return [known[name] for name in names], []
    others = f", nor are {len(strange) - 1} others" if strange[1:] else ""
    said = (
        f"{config.path}: {strange[0]!r} in {config.country!r} is no country that kilnscan knows{others}; kilns there "
        "get theirs from facts/countries.geojson."
    )
    return [known[name] for name in names], [said]


def _said_of_names(areas: gpd.GeoDataFrame, config: Areas) -> list[str]:
    """Sentences on polygons without a name, and on names that several polygons have."""
    nameless = int((areas["area"] == "").sum())
    said = [f"{config.path}: {nameless} polygons have no name in {config.name!r}; each state's are one area."]
    named = areas[areas["area"] != ""]
    twice = sorted(set(named["area"][named.duplicated(COLUMNS)]))
    more = f" and {len(twice) - MOST_NAMED} more" if len(twice) > MOST_NAMED else ""
    merged = (
        f"{config.path}: polygons with the same name were taken for parts of one area: "
        f"{', '.join(twice[:MOST_NAMED])}{more}; `areas.parent` tells apart those of several states."
    )
    return (said if nameless else []) + ([merged] if twice else [])


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """What of a geometry has an area; where shapes only touch, they have lines and points in common."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])
