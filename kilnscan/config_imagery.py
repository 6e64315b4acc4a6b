"""Sections of a region file: imagery of the second stage and its orders."""

import re
from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from kilnscan.config_parts import Day, Paths, Section, files_named, is_remote
from kilnscan.shipped import ShippedPath

SAFE = r"https://|http://(localhost|127\.0\.0\.1)[:/]"
"""How an address begins to which a key may go."""


class Imagery(Section):
    """The second stage's imagery."""

    provider: Literal["sentinel2", "cog", "stac", "xyz"] = Field(
        "sentinel2",
        description="`sentinel2`: the screen's own pixels, free; `cog`: files or URLs; `stac`: images of a STAC "
        "catalogue; `xyz`: a web tile service. For all but the first you need a licence of your own.",
    )
    paths: Paths = Field([], description="`cog`: RGB GeoTIFFs or URLs; globs allowed for files.")
    catalog: str = Field("", description="`stac`: a STAC API, a static catalogue or an item collection: URL or file.")
    collections: list[str] = Field([], description="`stac`: collections searched.")
    asset: str = Field("visual", description="`stac`: the asset that is a GeoTIFF in red, green and blue.")
    start: date | None = Field(None, description="`stac`: first day.")
    end: date | None = Field(None, description="`stac`: last day.")
    max_cloud: float = Field(10, ge=0, le=100, description="`stac`: cloudier images are left out (per cent).")
    url: str = Field(
        "", description="`xyz`: address of a tile with {z}, {x}, {y} and, where the key goes, {key}; https only."
    )
    zoom: int | None = Field(
        None, ge=0, le=24, description="`xyz`: zoom level; the one that suits `resolution_m` if empty."
    )
    tile_px: Literal[256, 512] = Field(256, description="`xyz`: pixels along a tile's edge.")
    requests_per_second: float = Field(2, gt=0, le=100, description="`xyz`: no more requests than this.")
    terms: str = Field("", description="`xyz`: where the terms stand by which you may fetch, keep and analyse tiles.")
    key_env: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="`xyz`, `stac`: name of the environment variable that holds your key; never the key itself.",
    )
    resolution_m: float = Field(0.5, gt=0, le=10, description="Pixel size at which bought chips are stored, in metres.")
    licence: str = Field(
        "Contains modified Copernicus Sentinel data", description="Licence that travels with every chip to the map."
    )
    attribution: str = Field("Copernicus Sentinel data", description="Who must be named beside the pictures.")
    date: Day = Field("", description="`cog`, `xyz`: when it was taken, YYYY-MM-DD.")
    show: bool = Field(True, description="Whether the licence allows showing small pictures on the map.")
    price_per_km2: float = Field(
        0, ge=0, description="`cog`, `stac`: what you pay for a km2 of pixels; 0 if nothing, or if it is paid already."
    )
    price_per_1000_requests: float = Field(0, ge=0, description="`xyz`: what you pay for a thousand tiles.")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="Of the prices and of `budget`.")
    budget: float | None = Field(
        None, ge=0, description="Acquisition stops before the region has cost more than this in all."
    )

    @model_validator(mode="after")
    def _provider_has_what_it_needs(self) -> "Imagery":
        needed = _NEEDED[self.provider]
        missing = [key for key in needed if key not in self.model_fields_set or not getattr(self, key)]
        if missing:
            raise ValueError(
                f"provider `{self.provider}` needs `imagery.{missing[0]}`"
                + (": it goes to the map" if missing[0] in ("licence", "attribution") else "")
            )
        given = {key for key in self.model_fields_set if getattr(self, key) != type(self).model_fields[key].default}
        foreign = sorted((given & set().union(*_OWN_KEYS.values())) - _OWN_KEYS[self.provider])
        if foreign:
            raise ValueError(f"`imagery.{foreign[0]}` is of no use to provider `{self.provider}`")
        return self

    @model_validator(mode="after")
    def _address_of_tiles(self) -> "Imagery":
        if self.url:
            lacking = [mark for mark in ("{z}", "{x}", "{y}") if mark not in self.url]
            if lacking:
                raise ValueError(f"`imagery.url` lacks {lacking[0]}")
            if not re.match(SAFE, self.url):
                raise ValueError("`imagery.url` must begin with https://: your key would travel in the clear")
            if ("{key}" in self.url) != bool(self.key_env):
                raise ValueError("`imagery.url` holds {key} just if `imagery.key_env` names where your key is")
        if self.start and self.end and self.end < self.start:
            raise ValueError("imagery.end lies before imagery.start")
        if self.key_env and is_remote(self.catalog) and not re.match(SAFE, self.catalog):
            raise ValueError("`imagery.catalog` must begin with https://: your key would travel in the clear")
        if self.budget is not None and not (self.price_per_km2 or self.price_per_1000_requests):
            raise ValueError("`imagery.budget` needs `imagery.price_per_km2` or `imagery.price_per_1000_requests`")
        return self

    @property
    def files(self) -> list[str]:
        """Files and URLs that `paths` names, in a fixed order."""
        return files_named(self.paths)


_NEEDED = {
    "sentinel2": (),
    "cog": ("paths", "licence", "attribution"),
    "stac": ("catalog", "collections", "start", "end", "licence", "attribution"),
    "xyz": ("url", "terms", "licence", "attribution"),
}
"""Keys that must be given for each provider."""
_OWN_KEYS = {
    "sentinel2": set(),
    "cog": {"paths", "date", "price_per_km2"},
    "stac": {"catalog", "collections", "asset", "start", "end", "max_cloud", "key_env", "price_per_km2"},
    "xyz": {
        "url", "zoom", "tile_px", "requests_per_second", "terms", "key_env", "date", "price_per_1000_requests",
    },
}  # fmt: skip
"""Keys that mean something to some providers only."""


class Plan(Section):
    """`snakemake plan`: orders and what they would cost, before anything is acquired."""

    prices: ShippedPath | None = Field(
        None, description="Price table with the columns of facts/imagery_prices.csv, which is used if empty."
    )
    products: list[str] = Field([], description="Products of the table to plan for; all if empty.")
    extent_km: float = Field(
        20, ge=1, le=1000, description="No order is wider or higher than this, so that one scene can hold it."
    )
    owned: Paths = Field(
        [], description="Vector files of areas bought before, such as earlier orders: they are not ordered again."
    )

    @property
    def owned_files(self) -> list[str]:
        """Files that `owned` names, in a fixed order."""
        return files_named(self.owned)
