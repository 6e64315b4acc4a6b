"""Choose the scenes of a tile and write them down: a small list that everything after it hangs on.

A STAC catalogue comes from strangers: only the fields below are read, each is checked, and asset links may only
be web or S3 addresses or files beside the catalogue.
"""

import json
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kilnscan.config import Mosaic, Stac
from kilnscan.errors import CatalogueError
from kilnscan.files import content_name, digest
from kilnscan.grid import SQUARE_M, Tile

HALO_M = 1500.0
"""How far beyond its own land a tile may look, in metres; every stage's halo fits into it."""

ASSET_NAMES = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
    "SCL": "scl",
}


class _Asset(BaseModel):
    href: str = Field(max_length=4096)
    shape: tuple[int, int] = Field(alias="proj:shape")
    transform: list[float] = Field(alias="proj:transform", min_length=6, max_length=9)
    raster_bands: list[dict[str, Any]] = Field([], alias="raster:bands")


class _Properties(BaseModel):
    datetime: datetime
    cloud: float = Field(0, alias="eo:cloud_cover", ge=0, le=100)
    epsg: int | None = Field(None, alias="proj:epsg")
    code: str | None = Field(None, alias="proj:code", pattern=r"^EPSG:\d{4,6}$")
    offset_applied: bool | None = Field(None, alias="earthsearch:boa_offset_applied")
    synthetic: bool = Field(False, alias="kilnscan:synthetic")


class Item(BaseModel):
    """The part of a STAC item that kilnscan reads."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")
    collection: str = ""
    properties: _Properties
    assets: dict[str, Any]

    @property
    def epsg(self) -> int | None:
        """EPSG code of the item's grid."""
        code = self.properties.code
        return self.properties.epsg or (int(code[5:]) if code else None)

    def asset(self, band: str) -> _Asset:
        """The asset of a Sentinel-2 band, under its Earth Search or its native name."""
        raw = self.assets.get(ASSET_NAMES.get(band, band)) or self.assets.get(band)
        if raw is None:
            raise CatalogueError(
                f"STAC item {self.id} has no band {band}: leave it out of `sentinel2.bands` or fix the catalogue."
            )
        try:
            return _Asset.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise CatalogueError(f"Band {band} of STAC item {self.id} is malformed: {place}: {first['msg']}.") from None


def read_catalog(path: str | Path) -> list[Item]:
    """Items of a STAC item collection. Raises CatalogueError naming the first item that is malformed."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        features = content["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogueError(
            f"The STAC catalogue {path} is not a readable item collection: {error!r}. Check `sentinel2.catalog`."
        ) from error
    items = []
    for index, feature in enumerate(features):
        try:
            items.append(Item.model_validate(feature))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise CatalogueError(
                f"Item {index + 1} of the STAC catalogue {path} is malformed: {place}: {first['msg']}."
            ) from None
    return items


def choose_scenes(tile: Tile, source: Stac, items: list[Item]) -> dict[str, Any]:
    """The scene list of a tile: dates with their granules, links resolved, reflectance offsets settled.

    A date holds every granule in the tile's zone that meets the land the tile reads, because a granule ends 40 m
    past two sides of its square. Dates are the least cloudy ones of the tile's whole MGRS square, so that they do not
    depend on how it is subdivided, listed in time order.
    """
    west, south = (value // SQUARE_M * SQUARE_M for value in tile.bounds[:2])
    square = shapely.box(west, south, west + SQUARE_M, south + SQUARE_M)
    by_date: dict[date, list[Item]] = defaultdict(list)
    for item in items:
        day = item.properties.datetime.date()
        if item.epsg == tile.epsg and source.start <= day <= source.end and _extent(item).intersects(square):
            by_date[day].append(item)
    cloud = {day: sum(i.properties.cloud for i in group) / len(group) for day, group in by_date.items()}
    days = sorted((day for day in by_date if cloud[day] <= source.max_cloud), key=lambda day: (cloud[day], day))
    folder = Path(source.catalog).parent
    reach = shapely.box(*tile.read_bounds(HALO_M))
    chosen = [
        {
            "date": day.isoformat(),
            "items": [
                _granule(item, source.bands, folder)
                for item in sorted(by_date[day], key=lambda i: i.id)
                if _extent(item).intersects(reach)
            ],
        }
        for day in sorted(days[: source.max_dates])
    ]
    chosen = [day for day in chosen if day["items"]]  # granules of the square may not reach this part of it
    return _finish(
        {
            "tile": tile.spec(),
            "source": "stac",
            "bands": source.bands,
            "mask_classes": source.mask_classes,
            "synthetic": any(i.properties.synthetic for group in by_date.values() for i in group),
            "dates": chosen,
        }
    )


def choose_mosaic(tile: Tile, source: Mosaic) -> dict[str, Any]:
    """The scene list of a tile that is read from composites: their paths and content."""
    return _finish(
        {
            "tile": tile.spec(),
            "source": "mosaic",
            "bands": source.bands,
            "synthetic": False,
            "dates": [{"date": source.date, "items": []}],
            "mosaics": [{"path": path, "content": content_name(path)} for path in source.paths],
        }
    )


def _finish(scenes: dict[str, Any]) -> dict[str, Any]:
    return scenes | {"fingerprint": digest(scenes)}


def _extent(item: Item) -> shapely.Polygon:
    """Ground covered by an item in metres of its own grid."""
    asset = item.asset("B04")
    a, _, left, _, e, top = asset.transform[:6]
    rows, columns = asset.shape
    return shapely.box(left, top + e * rows, left + a * columns, top)


def _granule(item: Item, bands: list[str], folder: Path) -> dict[str, Any]:
    return {
        "id": item.id,
        "assets": {band: _resolve(item, item.asset(band).href, folder) for band in [*bands, "SCL"]},
        "radiometry": {band: _radiometry(item, band) for band in bands},
    }


def _radiometry(item: Item, band: str) -> list[float]:
    """Factor and offset from DN to reflectance times 10,000.

    Earth Search's `sentinel-2-l2a` declares the offset of processing baseline 04.00 (-1000 DN) also where it has
    already been applied; `earthsearch:boa_offset_applied` tells (cirrus-earth-search#33, earth-search#66).
    """
    declared = item.asset(band).raster_bands
    scale, offset = (declared[0].get("scale", 0.0001), declared[0].get("offset", 0)) if declared else (0.0001, 0)
    numbers = isinstance(scale, (int, float)) and isinstance(offset, (int, float))
    if not (numbers and 0 < scale < 1 and -1 < offset < 1):
        raise CatalogueError(
            f"STAC item {item.id} declares scale {scale!r} and offset {offset!r} for {band}, "
            "which cannot be reflectance."
        )
    if item.properties.offset_applied and item.collection != "sentinel-2-c1-l2a":
        offset = 0
    return [round(scale * 10_000, 6), round(offset * 10_000, 6)]


def _resolve(item: Item, href: str, folder: Path) -> str:
    """A link that GDAL may open: https, S3, or a file beside the catalogue."""
    if href.startswith("https://"):
        return f"/vsicurl/{href}"
    if href.startswith("s3://"):
        return f"/vsis3/{href[5:]}"
    relative = PurePosixPath(href)
    if "://" in href or href.startswith("/") or ".." in relative.parts:
        raise CatalogueError(
            f"STAC item {item.id} links to {href!r}: only https, s3 and files beside the catalogue are read."
        )
    return (folder / relative).as_posix()
