"""The STAC record of an atlas: a collection with one item, whose assets are the products (STAC 1.1, self-contained)."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import geopandas as gpd
import shapely
from shapely.geometry import mapping

from kilnscan.dictionary import Column
from kilnscan.files import sha256_file, write_json, write_text

VERSION = "1.1.0"
EXTENSIONS = (
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.1.0/schema.json",
    "https://stac-extensions.github.io/table/v1.2.0/schema.json",
)
MEDIA = {
    ".gpkg": "application/geopackage+sqlite3",
    ".geoparquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".pmtiles": "application/vnd.pmtiles",
    ".json": "application/json",
    ".html": "text/html",
    ".txt": "text/plain",
}
KEYWORDS = ("brick kilns", "air pollution", "Sentinel-2", "oriented bounding boxes")
MOST_LINKS = 1000
"""Scenes linked one by one at most; more are counted, and listed in provenance.json."""
SHA256 = "1220"
"""Multihash prefix: SHA-256, 32 bytes."""
COPERNICUS = {
    "name": "European Union, ESA, Copernicus",
    "roles": ["licensor", "producer"],
    "url": "https://dataspace.copernicus.eu",
}

UNKNOWN = ("2015-06-23T00:00:00Z", "9999-12-31T23:59:59Z")
"""Of composites without a date: since the launch of Sentinel-2, with an open end (an item must name both)."""

Link = dict[str, Any]


@dataclass(frozen=True)
class Product:
    """A file that the record offers."""

    key: str
    path: Path
    title: str
    roles: tuple[str, ...] = ("data",)
    layer: str = ""
    """The layer whose columns the file has; empty where it has none or several."""


@dataclass(frozen=True)
class Record:
    """What the record tells besides the products."""

    meta: Mapping[str, Any]
    """As in the GeoPackage: region, title, synthetic, models, commit, licences, attribution."""
    provenance: Mapping[str, Any]
    """As in provenance.json."""
    lineage: str
    """In a sentence or two, how the products came about."""
    dates: tuple[str, str]
    """First and last day (YYYY-MM-DD) of the images; empty text where that is unknown."""
    coverage: gpd.GeoDataFrame
    scenes: Iterable[Link] = ()
    """Links to the STAC items of the scenes."""


def write_record(folder: str | Path, record: Record, products: list[Product], dictionary: list[Column]) -> None:
    """Write collection.json, <region>.json and licences.txt into `folder`; links and assets are relative to it."""
    folder = Path(folder)
    boxes = boxes_of(record.coverage)
    item = _item(folder, record, products, dictionary, boxes)
    write_text(folder / "licences.txt", _licences(record.meta))
    write_json(folder / _file(record.meta), item)
    write_json(folder / "collection.json", _collection(record, item, boxes))


def boxes_of(coverage: gpd.GeoDataFrame) -> list[list[float]]:
    """West, south, east, north of the coverage (degrees): two boxes where it crosses the antimeridian, none if empty.

    Parts are split where their longitudes jump from one half of the globe to the other, if nothing lies about 0.
    """
    parts = shapely.get_parts(coverage.geometry.dropna().to_numpy())
    bounds = shapely.bounds(parts[~shapely.is_empty(parts)])
    if not len(bounds):
        return []
    west, east = bounds[:, 0] >= 0, bounds[:, 2] <= 0
    crossing = bounds[:, 2].max() - bounds[:, 0].min() > 180 and (west | east).all()
    groups = [bounds[west], bounds[east & ~west]] if crossing and west.any() and (east & ~west).any() else [bounds]
    return [
        [round(float(value), 6) for value in (*group[:, :2].min(axis=0), *group[:, 2:].max(axis=0))] for group in groups
    ]


def scene_links(scenes: list[Mapping[str, Any]], catalog: str) -> list[Link]:
    """Links to the STAC items of all scenes, where they come from a STAC API (http, https) and are not too many.

    An address with a user or a query may hold a secret: it is not told. Names of items come from the catalogue.
    """
    address = urlsplit(catalog)
    if address.scheme not in ("https", "http") or address.path.endswith((".json", ".geojson")):
        return []
    if "@" in address.netloc or address.query:
        return []
    items = sorted(
        {(item["collection"], item["id"]) for entry in scenes for day in entry["dates"] for item in day["items"]}
    )
    if len(items) > MOST_LINKS:
        return []
    return [
        {
            "rel": "derived_from",
            "href": f"{catalog.rstrip('/')}/collections/{quote(collection, safe='')}/items/{quote(name, safe='')}",
            "type": "application/geo+json",
            "title": name,
        }
        for collection, name in items
    ]


def days_of(scenes: list[Mapping[str, Any]], kilns: gpd.GeoDataFrame) -> tuple[str, str]:
    """First and last day of all images: of the scenes, and those that kilns were seen in. Empty if none is known."""
    days = {day["date"] for entry in scenes for day in entry["dates"]}
    days |= {day for name in ("first_seen", "last_seen") if name in kilns for day in kilns[name].fillna("")}
    known = sorted(days - {"", None})
    return (known[0], known[-1]) if known else ("", "")


def _item(
    folder: Path, record: Record, products: list[Product], dictionary: list[Column], boxes: list[list[float]]
) -> dict[str, Any]:
    links = [
        {"rel": "root", "href": "./collection.json", "type": "application/json"},
        {"rel": "parent", "href": "./collection.json", "type": "application/json"},
        {"rel": "collection", "href": "./collection.json", "type": "application/json"},
        {"rel": "license", "href": "./licences.txt", "type": "text/plain"},
        *record.scenes,
    ]
    place: dict[str, Any] = {"geometry": None}
    if boxes:
        shapes = [shapely.box(*box) for box in boxes]
        whole = shapes[0] if len(shapes) == 1 else shapely.MultiPolygon(shapes)
        place = {"geometry": mapping(whole), "bbox": _bbox(boxes)}
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": record.meta["region"],
        "collection": _name(record.meta),
        **place,
        "properties": _properties(record, dictionary),
        "links": links,
        "assets": {product.key: _asset(folder, product, dictionary) for product in products},
    }


def _properties(record: Record, dictionary: list[Column]) -> dict[str, Any]:
    first, last = _times(record.dates)
    return {
        "title": _title(record.meta),
        "description": _description(record.meta),
        "datetime": None,
        "start_datetime": first or UNKNOWN[0],
        "end_datetime": last or UNKNOWN[1],
        "license": "other",
        "keywords": list(KEYWORDS),
        "table:columns": _columns("kilns", dictionary),
        "processing:lineage": record.lineage,
        "processing:software": _software(record.provenance),
        "kilnscan:scenes": len({name for entry in record.provenance["scenes"].values() for name in entry["items"]}),
        "kilnscan:models": [{"name": model["name"], "sha256": model["sha256"]} for model in record.meta["models"]],
        "kilnscan:synthetic": bool(record.meta["synthetic"]),
    }


def _collection(record: Record, item: Mapping[str, Any], boxes: list[list[float]]) -> dict[str, Any]:
    meta = record.meta
    extent = [_bbox(boxes), *(boxes if len(boxes) > 1 else [])] if boxes else [[-180, -90, 180, 90]]
    first, last = _times(record.dates)
    keeper = {
        "name": "kilnscan",
        "description": "Made by this software, run by whoever hands out this record.",
        "roles": ["processor"],
        "processing:lineage": record.lineage,
        "processing:software": item["properties"]["processing:software"],
    }
    owners = [{"name": name, "roles": ["licensor"]} for name in meta["attribution"] if name]
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": _name(meta),
        "title": _title(meta),
        "description": _description(meta),
        "license": "other",
        "keywords": list(KEYWORDS),
        "providers": [keeper, *owners, *([] if meta["synthetic"] else [COPERNICUS])],
        "extent": {"spatial": {"bbox": extent}, "temporal": {"interval": [[first or None, last or None]]}},
        "summaries": {"kilnscan:synthetic": [bool(meta["synthetic"])]},
        "item_assets": {
            key: {name: asset[name] for name in ("title", "type", "roles")} for key, asset in item["assets"].items()
        },
        "table:columns": item["properties"]["table:columns"],
        "links": [
            {"rel": "root", "href": "./collection.json", "type": "application/json"},
            {"rel": "item", "href": f"./{_file(meta)}", "type": "application/geo+json"},
            {"rel": "license", "href": "./licences.txt", "type": "text/plain"},
        ],
    }


def _asset(folder: Path, product: Product, dictionary: list[Column]) -> dict[str, Any]:
    asset = {
        "href": os.path.relpath(product.path, folder).replace(os.sep, "/"),
        "type": MEDIA[product.path.suffix],
        "title": product.title,
        "roles": list(product.roles),
        "file:size": product.path.stat().st_size,
        "file:checksum": SHA256 + sha256_file(product.path),
    }
    return asset | ({"table:columns": _columns(product.layer, dictionary)} if product.layer else {})


def _columns(layer: str, dictionary: list[Column]) -> list[dict[str, str]]:
    return [
        {"name": entry.column, "type": entry.type, "description": entry.words}
        for entry in dictionary
        if entry.layer == layer
    ]


def _software(provenance: Mapping[str, Any]) -> dict[str, str]:
    own = provenance["kilnscan"]
    name = f"{own['version']} ({own['commit']})" if own["commit"] else own["version"]
    return {"kilnscan": name} | {package: number for package, number in provenance["packages"].items() if number}


def _bbox(boxes: list[list[float]]) -> list[float]:
    """One box round all; west of it is east of its east where the antimeridian lies between."""
    return [boxes[0][0], min(box[1] for box in boxes), boxes[-1][2], max(box[3] for box in boxes)]


def _times(dates: tuple[str, str]) -> tuple[str, str]:
    first, last = dates
    return (f"{first}T00:00:00Z" if first else "", f"{last}T23:59:59Z" if last else "")


def _name(meta: Mapping[str, Any]) -> str:
    return f"kilnscan-{meta['region']}"


def _file(meta: Mapping[str, Any]) -> str:
    """The item's file; a region may be called `collection`, too."""
    return f"{meta['region']}.json" if meta["region"] != "collection" else "collection-item.json"


def _title(meta: Mapping[str, Any]) -> str:
    return f"Brick kilns: {meta['title']}"


def _description(meta: Mapping[str, Any]) -> str:
    invented = " The landscape is synthetic: no kiln of it exists." if meta["synthetic"] else ""
    coarse = " Places are coarse: kilns are in the middle of grid cells." if meta.get("public") else ""
    return f"Brick kilns found in satellite imagery, and what follows from them.{coarse}{invented}"


def _licences(meta: Mapping[str, Any]) -> str:
    lines = ["What these data were made from has these licences and owners.", ""]
    lines += [f"Licence: {licence}" for licence in meta["licences"] if licence]
    lines += [f"Attribution: {owner}" for owner in meta["attribution"] if owner]
    return "\n".join(lines) + "\n"
