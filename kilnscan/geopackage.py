"""One GeoPackage with every layer: data, styles for QGIS, descriptions of columns, and metadata of the whole."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from kilnscan.dictionary import Column, as_table
from kilnscan.errors import KilnscanError
from kilnscan.files import replacing
from kilnscan.styles import style_of

# GeoPackage stamps every layer with the time of writing. A constant keeps the bytes a function of the content.
STAMP = "2000-01-01T00:00:00.000Z"

KINDS = {
    "kilns": "Polygon",
    "candidates": "Polygon",
    "acquired": "MultiPolygon",
    "coverage": "MultiPolygon",
    "areas": "MultiPolygon",
    "sources": "Point",
    "orders": "MultiPolygon",
    "reports": "Point",
    "estimates": "MultiPolygon",
    "reconciled": "Point",
    "disagreement": "Polygon",
    "change": "Point",
}
"""Layers and the geometry each has; those of mixed Polygon and MultiPolygon become the latter."""
WORDS = {
    "kilns": "Brick kilns",
    "candidates": "Places that the screen took for kilns",
    "acquired": "Land of which imagery was acquired",
    "coverage": "Every tile: searched, cloudy or without imagery",
    "areas": "Administrative areas with sums over their kilns",
    "sources": "Other sources of pollution",
    "orders": "Imagery orders, planned",
    "reports": "Reports of volunteers",
    "estimates": "Administrative areas with the estimated number of kilns",
    "reconciled": "Places of kilns, and which inventory has them",
    "disagreement": "Where inventories disagree, by cells",
    "change": "What became of each kiln since earlier atlases",
    "siting": "Siting rules by kiln",
    "metadata": "What the data were made from: keys and JSON values",
    "data_dictionary": "Meaning, unit, source and uncertainty of every column",
}

# Tables of GeoPackage 1.3: its extensions for metadata and schema; and the table that QGIS looks for styles in.
TABLES = """
CREATE TABLE gpkg_metadata (
    id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
    md_scope TEXT NOT NULL DEFAULT 'dataset',
    md_standard_uri TEXT NOT NULL,
    mime_type TEXT NOT NULL DEFAULT 'text/xml',
    metadata TEXT NOT NULL DEFAULT ''
);
CREATE TABLE gpkg_metadata_reference (
    reference_scope TEXT NOT NULL,
    table_name TEXT,
    column_name TEXT,
    row_id_value INTEGER,
    timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    md_file_id INTEGER NOT NULL,
    md_parent_id INTEGER,
    CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
    CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id)
);
CREATE TABLE gpkg_data_columns (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    name TEXT,
    title TEXT,
    description TEXT,
    mime_type TEXT,
    constraint_name TEXT,
    CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
    CONSTRAINT gdc_tn UNIQUE (table_name, name)
);
CREATE TABLE gpkg_data_column_constraints (
    constraint_name TEXT NOT NULL,
    constraint_type TEXT NOT NULL,
    value TEXT,
    min NUMERIC,
    min_is_inclusive BOOLEAN,
    max NUMERIC,
    max_is_inclusive BOOLEAN,
    description TEXT,
    CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value)
);
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256),
    f_table_schema TEXT(256),
    f_table_name TEXT(256),
    f_geometry_column TEXT(256),
    styleName TEXT(30),
    styleQML TEXT,
    styleSLD TEXT,
    useAsDefault BOOLEAN,
    description TEXT,
    owner TEXT(30),
    ui TEXT(30),
    update_time DATETIME DEFAULT CURRENT_TIMESTAMP
);
"""
EXTENSIONS = {
    "gpkg_metadata": ("gpkg_metadata", "http://www.geopackage.org/spec121/#extension_metadata"),
    "gpkg_metadata_reference": ("gpkg_metadata", "http://www.geopackage.org/spec121/#extension_metadata"),
    "gpkg_data_columns": ("gpkg_schema", "http://www.geopackage.org/spec121/#extension_schema"),
    "gpkg_data_column_constraints": ("gpkg_schema", "http://www.geopackage.org/spec121/#extension_schema"),
}


def write_geopackage(
    path: str | Path,
    tables: Mapping[str, pd.DataFrame],
    meta: Mapping[str, Any],
    dictionary: Iterable[Column] = (),
    points: Iterable[str] = (),
) -> None:
    """Write one GeoPackage with a layer or plain table for each of `tables`, all of them in EPSG:4326.

    It also gets `metadata` (keys of `meta` and JSON values), `data_dictionary`, a style for each layer, and a Dublin
    Core record. `points` are layers that are points where they usually are polygons. Raises KilnscanError if GDAL
    cannot write.
    """
    entries = list(dictionary)
    kinds = KINDS | dict.fromkeys(points, "Point")
    layers = {name: table for name, table in tables.items() if isinstance(table, gpd.GeoDataFrame)}
    plain = {name: table for name, table in tables.items() if name not in layers}
    plain |= {"metadata": _metadata(meta), "data_dictionary": as_table(entries)}
    with replacing(path) as temporary:
        try:
            with _gdal_clock_stopped():
                for name, table in layers.items():
                    _write_layer(temporary, name, table, kinds[name])
                for name, table in plain.items():
                    pyogrio.write_dataframe(table, temporary, name, "GPKG", DESCRIPTION=WORDS[name])
            styles = {name: style_of(name, table, kinds[name] == "Point") for name, table in layers.items()}
            _add_words(temporary, meta, entries, styles)
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError, sqlite3.Error) as error:
            raise KilnscanError(f"Cannot write the GeoPackage {path}: {error}. Check free space and rights.") from error


def _write_layer(path: Path, name: str, table: gpd.GeoDataFrame, kind: str) -> None:
    pyogrio.write_dataframe(
        table, path, name, "GPKG", geometry_type=kind, promote_to_multi=kind == "MultiPolygon", DESCRIPTION=WORDS[name],
        dataset_options={} if path.exists() else {"VERSION": "1.3"},  # of 1.4 older QGIS and GDAL warn
    )  # fmt: skip


def _metadata(meta: Mapping[str, Any]) -> pd.DataFrame:
    values = [json.dumps(meta[key], sort_keys=True, ensure_ascii=False) for key in sorted(meta)]
    return pd.DataFrame({"key": sorted(meta), "value": values}, dtype=object)


def _add_words(path: Path, meta: Mapping[str, Any], entries: list[Column], styles: Mapping[str, str]) -> None:
    """Add metadata, descriptions of columns and styles to a GeoPackage that GDAL wrote.

    The header names the SQLite that wrote last. GDAL's own is pinned, the one of Python is the machine's: the former
    stays there, so that the bytes are the same on every machine.
    """
    writer = _writer(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = OFF")
        base.executescript(TABLES)
        base.executemany(
            "INSERT INTO gpkg_extensions VALUES (?, NULL, ?, ?, 'read-write')",
            [(table, *extension) for table, extension in EXTENSIONS.items()],
        )
        base.execute(
            "INSERT INTO gpkg_metadata VALUES (1, 'dataset', 'http://purl.org/dc/terms/', 'application/ld+json', ?)",
            [json.dumps(_dublin_core(meta), sort_keys=True, ensure_ascii=False)],
        )
        base.execute("INSERT INTO gpkg_metadata_reference VALUES ('geopackage', NULL, NULL, NULL, ?, 1, NULL)", [STAMP])
        base.executemany(
            "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, NULL, ?, NULL, NULL)",
            [(entry.layer, _stored(entry.column), entry.column, entry.words) for entry in entries],
        )
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles for QGIS', ?, 0)",
            [STAMP],
        )
        base.executemany(
            "INSERT INTO layer_styles VALUES (NULL, '', '', ?, 'geom', ?, ?, '', 1, ?, '', NULL, ?)",
            [(layer, layer, style, WORDS[layer], STAMP) for layer, style in styles.items()],
        )
    _writer(path, writer)


def _writer(path: Path, version: bytes = b"") -> bytes:
    """The four bytes of the header that tell the version of the SQLite that wrote last; `version` replaces them."""
    with path.open("r+b") as handle:
        handle.seek(96)
        before = handle.read(4)
        if version:
            handle.seek(96)
            handle.write(version)
    return before


def _stored(column: str) -> str:
    return "geom" if column == "geometry" else column


def _dublin_core(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What catalogues ask of a data set, in the terms of Dublin Core."""
    record = {
        "title": f"Brick kilns: {meta.get('title') or meta.get('region', '')}",
        "description": "Brick kilns found in satellite imagery, and what follows from them. "
        + ("The landscape is synthetic: no kiln of it exists." if meta.get("synthetic") else ""),
        "identifier": str(meta.get("region", "")),
        "license": list(meta.get("licences") or []),
        "rightsHolder": list(meta.get("attribution") or []),
        "provenance": f"kilnscan {meta.get('commit', '')}".strip(),
        "spatial": list(meta.get("bounds") or []),
        "type": "Dataset",
    }
    return {"@context": {"dcterms": "http://purl.org/dc/terms/"}} | {
        f"dcterms:{term}": value.strip() if isinstance(value, str) else value for term, value in record.items()
    }


@contextmanager
def _gdal_clock_stopped() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
