"""Chips from the images that a STAC API or catalogue of high-resolution imagery lists (provider `stac`)."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kilnscan.catalogue import documents, safe_link, usable_shape
from kilnscan.config import RGB, Imagery
from kilnscan.errors import CatalogueError
from kilnscan.files import digest
from kilnscan.grid import to_lonlat
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds
from kilnscan.mosaic import read_mosaic
from kilnscan.prices import CHIP_KM2
from kilnscan.web import plain
from kilnscan.xyz import key_of

MOST_IMAGES = 3
"""At most so many images are read for a chip; the later ones fill what the earlier lack."""


class _Properties(BaseModel):
    taken: datetime = Field(alias="datetime")
    cloud: float = Field(0, alias="eo:cloud_cover", ge=0, le=100)
    updated: str = Field("", max_length=64)


class _Item(BaseModel):
    """The part of a STAC item that is read."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")
    collection: str = Field("", max_length=200)
    geometry: dict[str, Any]
    properties: _Properties
    assets: dict[str, Any]


@dataclass(frozen=True)
class Search:
    """What `kilnscan.catalogue.documents` asks for."""

    catalog: str
    collections: list[str]
    start: date
    end: date
    max_cloud: float
    section: str = "imagery"

    def days(self) -> list[date]:
        """Every day from `start` to `end`."""
        return [self.start + timedelta(n) for n in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Image:
    """One image: where it is and what it covers (EPSG:4326)."""

    item: str
    href: str
    day: str
    cloud: float
    version: str
    footprint: shapely.Geometry

    @property
    def path(self) -> str:
        """Its address as GDAL reads it."""
        scheme = urlsplit(self.href).scheme
        if scheme in ("http", "https"):
            return f"/vsicurl/{self.href}"
        return self.href.replace("s3://", "/vsis3/", 1)


class StacImages:
    """The provider `stac`."""

    def __init__(self, config: Imagery, epsg: int, chips: list[Vertex]) -> None:
        self.resolution_m, self.epsg = config.resolution_m, epsg
        self.price = config.price_per_km2 * CHIP_KM2
        self.key, self.host = key_of(config), urlsplit(config.catalog).hostname
        land = {chip: to_lonlat(shapely.box(*chip_bounds(chip)), epsg) for chip in chips}
        images = find_images(config, shapely.union_all(list(land.values()))) if chips else []
        self._images = {chip: _best(images, shape) for chip, shape in land.items()}

    @property
    def dates(self) -> list[str]:
        """Days of the images that are used."""
        return sorted({image.day for images in self._images.values() for image in images})

    def source_of(self, chip: Vertex) -> str:
        """Content name of the images that the chip is cut from."""
        return digest([[image.item, plain(image.href), image.version] for image in self._images[chip]])

    def charges(self, names: Mapping[Vertex, str]) -> dict[str, float]:
        """Price of each chip by its name in the store."""
        return {name: self.price for chip, name in names.items() if self._images[chip]}

    def fetch(self, chips: list[Vertex]) -> Iterator[tuple[Vertex, np.ndarray, np.ndarray]]:
        """Read chip by chip, from each one's images until all of it is seen."""
        side = round(CHIP_M / self.resolution_m)
        for chip in chips:
            pixels, valid = np.zeros((3, side, side), np.uint8), np.zeros((side, side), bool)
            for image in self._images[chip]:
                with self._permission(image):
                    more, more_valid = read_mosaic(
                        image.path, self.epsg, chip_bounds(chip), self.resolution_m, [1, 2, 3], driver="GTiff"
                    )
                if more.dtype != pixels.dtype and not valid.any():
                    pixels = pixels.astype(more.dtype)
                fill = more_valid & ~valid if more.dtype == pixels.dtype else np.zeros_like(valid)
                pixels[:, fill] = more[:, fill]
                valid |= fill
                if valid.all():
                    break
            yield chip, pixels, valid

    def _permission(self, image: Image) -> Any:
        """The user's key as bearer token, for the catalogue's own host and nobody else."""
        if self.key and urlsplit(image.href).hostname == self.host:
            return rasterio.Env(GDAL_HTTP_HEADERS=f"Authorization: Bearer {self.key}")
        return nullcontext()


def _best(images: list[Image], land: shapely.Geometry) -> list[Image]:
    """The images to read for a piece of land, best first: as many as cover it, at most MOST_IMAGES."""
    chosen: list[Image] = []
    covered = shapely.Polygon()
    for image in images:
        if len(chosen) == MOST_IMAGES or shapely.covers(covered, land):
            break
        if shapely.intersects(image.footprint, land):
            chosen.append(image)
            covered = shapely.union(covered, image.footprint)
    return chosen


def find_images(config: Imagery, area: shapely.Geometry) -> list[Image]:
    """Images that may meet `area` (EPSG:4326): the clearest first, by ten per cent of cloud, then the newest.

    Raises CatalogueError if the catalogue cannot be reached or none of its items can be used.
    """
    search = Search(config.catalog, config.collections, config.start, config.end, config.max_cloud)
    images, refused = [], []
    headers = {"Authorization": f"Bearer {key_of(config)}"} if config.key_env else {}
    for raw, base in documents(search, shapely.convex_hull(area), headers):
        try:
            image = _image(raw, base, config)
            if config.start <= date.fromisoformat(image.day) <= config.end and image.cloud <= config.max_cloud:
                images.append(image)
        except CatalogueError as error:
            refused.append(str(error))
    if refused and not images:
        raise CatalogueError(refused[0])
    newest = sorted(sorted(images, key=lambda image: image.item), key=lambda image: image.day, reverse=True)
    return sorted(newest, key=lambda image: image.cloud // 10)


def _image(raw: Any, base: str, config: Imagery) -> Image:
    name = str(raw.get("id"))[:200] if isinstance(raw, dict) else "without id"
    try:
        item = _Item.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CatalogueError(f"STAC item {name!r} of {base} is malformed: {place}: {first['msg']}.") from None
    asset = item.assets.get(config.asset)
    href = asset.get("href") if isinstance(asset, dict) else None
    if not isinstance(href, str) or not 0 < len(href) <= 4096:
        raise CatalogueError(
            f"STAC item {item.id} has no asset {config.asset!r} with a link: `imagery.asset` names the picture in "
            f"{len(RGB)} colours."
        )
    footprint = usable_shape(item.geometry)
    if footprint is None:
        raise CatalogueError(f"STAC item {item.id} says in no usable way what it covers.")
    told = item.properties
    return Image(
        item.id, safe_link(item.id, base, href, config.catalog), told.taken.date().isoformat(), told.cloud,
        told.updated or told.taken.isoformat(), footprint,
    )  # fmt: skip
