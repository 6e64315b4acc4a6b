"""Read and write the workflow's own tables and rasters, whole and byte for byte reproducible."""

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow
import shapely

from kilnscan.errors import TableError, VectorError
from kilnscan.files import replacing


def write_table(path: str | Path, table: gpd.GeoDataFrame) -> None:
    """Write a GeoParquet table; rows are expected in a fixed order."""
    with replacing(path) as temporary:
        table.reset_index(drop=True).to_parquet(temporary, index=False, compression="zstd", write_covering_bbox=False)


def read_table(path: str | Path) -> gpd.GeoDataFrame:
    """Read a table that the workflow wrote. Raises TableError if it is damaged."""
    try:
        return gpd.read_parquet(path)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise TableError(f"The table {path} is damaged ({error}): delete it and run again.") from error


def concat(tables: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Rows of several tables in one CRS and with the same columns."""
    filled = [table for table in tables if len(table)] or tables[:1]  # empty ones may have other types
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), geometry="geometry", crs=tables[0].crs)


def read_vector(
    paths: list[str], what: str, check: Callable[[gpd.GeoDataFrame, str], None] | None = None
) -> gpd.GeoDataFrame:
    """Rows with a geometry of vector files that people bring, in EPSG:4326; `check` is shown those of each file.

    Raises VectorError if a file is missing, unreadable, empty, without geometry or without CRS, and what `check` does.
    """
    tables = []
    for path in paths:
        if Path(path).is_file() and not Path(path).stat().st_size:
            raise VectorError(f"The {what} {path} is empty, a file of 0 bytes: save it again, or leave it out.")
        try:
            table = gpd.read_file(path)
        except Exception as error:  # OGR drivers raise whatever their formats do
            raise VectorError(
                f"The {what} {path} cannot be read: {error}. Save it as GeoJSON or GeoPackage."
            ) from error
        if table.empty:
            raise VectorError(f"The {what} {path} is empty: it holds no features; save it again, or leave it out.")
        if not isinstance(table, gpd.GeoDataFrame) or table.geometry.isna().all():
            raise VectorError(f"The {what} {path} has no geometry: give points or polygons, for example as GeoJSON.")
        if table.crs is None:
            raise VectorError(f"The {what} {path} has no CRS: assign one, for example EPSG:4326, and save it again.")
        tables.append(table[~(table.geometry.isna() | table.geometry.is_empty)].to_crs(4326))
        if check:
            check(tables[-1], path)
    if not tables:
        raise VectorError(f"The {what} matches no file: check the folder and the spelling.")
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), geometry="geometry", crs=4326)


def centres(geometry: gpd.GeoSeries) -> tuple:
    """Longitude and latitude of the centroids of geometries in degrees."""
    points = shapely.centroid(geometry.array)
    return shapely.get_x(points), shapely.get_y(points)
