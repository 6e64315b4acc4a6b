"""Chips from the images that a STAC API or catalogue of high-resolution imagery lists (provider `stac`)."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kilnscan.catalogue import documents, safe_link, usable_shape
from kilnscan.config_imagery import Imagery
from kilnscan.config_sentinel2 import RGB
from kilnscan.errors import CatalogueError
from kilnscan.files import digest
from kilnscan.grid import to_lonlat
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds
from kilnscan.mosaic import read_mosaic
from kilnscan.prices import CHIP_KM2
from kilnscan.xyz import key_of

MOST_IMAGES = 3
"""At most so many images are read for a chip; the later ones fill what the earlier lack."""


class _Properties(BaseModel):
    taken: datetime | None = Field(None, alias="datetime")
    begun: datetime | None = Field(None, alias="start_datetime")
    cloud: float | None = Field(None, alias="eo:cloud_cover", ge=0, le=100)


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
    footprint: shapely.Geometry

    @property
    def path(self) -> str:
        """Its address as GDAL reads it."""
        scheme = urlsplit(self.href).scheme
        if scheme in ("http", "https"):
            return f"/vsicurl/{self.href}"
        return self.href.replace("s3://", "/vsis3/", 1)


class StacImages:
    """The provider `stac`. The catalogue is asked when a chip is not in the store, and not before."""

    dates: tuple[str, ...] = ()
    """Each chip has its own: `dates_of`."""

    def __init__(self, config: Imagery, epsg: int, chips: list[Vertex]) -> None:
        self.config, self.chips, self.epsg, self.resolution_m = config, chips, epsg, config.resolution_m
        self.price = config.price_per_km2 * CHIP_KM2
        self.key, self.home = key_of(config), urlsplit(config.catalog)[:2]
        self._read: dict[Vertex, list[str]] = {}

    @cached_property
    def _images(self) -> dict[Vertex, list[Image]]:
        land = {chip: to_lonlat(shapely.box(*chip_bounds(chip)), self.epsg) for chip in self.chips}
        images = find_images(self.config, shapely.union_all(list(land.values()))) if land else []
        return {chip: _best(images, shape) for chip, shape in land.items()}

    def source_of(self, chip: Vertex) -> str:
        """Content name of what is asked for, not of the answer: an image listed later is no reason to pay again."""
        told = self.config
        return digest([told.catalog, told.collections, told.asset, str(told.start), str(told.end), told.max_cloud])

    def dates_of(self, chip: Vertex) -> list[str]:
        """Days on which the pixels of a chip that was fetched were taken."""
        return sorted(set(self._read.get(chip, [])))

    def charges(self, names: Mapping[Vertex, str]) -> dict[str, float]:
        """Price of each chip by its name in the store."""
        return {name: self.price for chip, name in names.items() if self._images[chip]}

    def fetch(self, chips: list[Vertex]) -> Iterator[tuple[Vertex, np.ndarray, np.ndarray]]:
        """Read chip by chip, from each one's images until all of it is seen."""
        side = round(CHIP_M / self.resolution_m)
        for chip in chips:
            pixels, valid = np.zeros((3, side, side), np.uint8), np.zeros((side, side), bool)
            self._read[chip] = []
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
                self._read[chip] += [image.day] * bool(fill.any())
                if valid.all():
                    break
            yield chip, pixels, valid

    def _permission(self, image: Image) -> Any:
        """The user's key as bearer token, for the catalogue's own address and no other."""
        if self.key and urlsplit(image.href)[:2] == self.home:
            return rasterio.Env(GDAL_HTTP_HEADERS=f"Authorization: Bearer {self.key}")
        return nullcontext()


def _best(images: list[Image], land: shapely.Geometry) -> list[Image]:
    """The images to read for a piece of land, best first, at most MOST_IMAGES: footprints may promise too much."""
    return [image for image in images if shapely.intersects(image.footprint, land)][:MOST_IMAGES]


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
    footprint, taken = _footprint(item.geometry), item.properties.taken or item.properties.begun
    if footprint is None or taken is None:
        raise CatalogueError(f"STAC item {item.id} says in no usable way what it covers, or when it was taken.")
    if item.collection not in ("", *config.collections):
        raise CatalogueError(f"STAC item {item.id} belongs to {item.collection!r}, which was not asked for.")
    cloud = item.properties.cloud
    return Image(
        item.id, safe_link(item.id, base, href, config.catalog), taken.date().isoformat(),
        config.max_cloud if cloud is None else cloud, footprint,
    )  # fmt: skip


def _footprint(geometry: dict[str, Any]) -> shapely.Geometry | None:
    """What an item covers; in parts where it was split at the antimeridian."""
    if geometry.get("type") != "MultiPolygon" or not isinstance(geometry.get("coordinates"), list):
        return usable_shape(geometry)
    parts = [usable_shape({"type": "Polygon", "coordinates": rings}) for rings in geometry["coordinates"][:100]]
    return shapely.union_all(parts) if parts and None not in parts else None
