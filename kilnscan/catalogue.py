"""Sentinel-2 items of a STAC API, a static catalogue or an item collection, checked field by field.

A STAC catalogue comes from strangers: only the fields below are read, each is checked, and links may only lead to
https, S3, the catalogue's own host, or files beside the catalogue.
"""

import ipaddress
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

import pystac
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO
from shapely.geometry.base import BaseGeometry

from kilnscan.config_parts import is_remote
from kilnscan.config_sentinel2 import Stac
from kilnscan.errors import CatalogueError, SourceError
from kilnscan.web import PassingError, Web, plain

PAGE_ITEMS = 100
MOST_ITEMS = 20_000
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
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


Metres = Annotated[float, Field(ge=-1e8, le=1e8, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=1 << 16)]


class Asset(BaseModel):
    """One band's file."""

    href: str = Field(max_length=4096)
    shape: tuple[Size, Size] = Field(alias="proj:shape")
    transform: list[Metres] = Field(alias="proj:transform", min_length=6, max_length=9)
    raster_bands: list[dict[str, Any]] = Field([], alias="raster:bands")
    scale: float | None = Field(None, alias="raster:scale")
    offset: float | None = Field(None, alias="raster:offset")


class _Properties(BaseModel):
    datetime: datetime
    cloud: float = Field(0, alias="eo:cloud_cover", ge=0, le=100)
    epsg: int | None = Field(None, alias="proj:epsg")
    code: str | None = Field(None, alias="proj:code", pattern=r"^EPSG:\d{4,6}$")
    baseline: str = Field("", alias="s2:processing_baseline", pattern=r"^(\d\d\.\d\d)?$")
    offset_applied: bool | None = Field(None, alias="earthsearch:boa_offset_applied")
    synthetic: bool = Field(False, alias="kilnscan:synthetic")
    settled: bool = Field(False, alias="kilnscan:settled")
    chosen_for: list[tuple[int, int]] | None = Field(None, alias="kilnscan:cells", max_length=10_000)


class Item(BaseModel):
    """The part of a STAC item that kilnscan reads."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")
    collection: str = Field("", max_length=200)
    geometry: dict[str, Any] | None = None
    properties: _Properties
    assets: dict[str, Any]
    base: str = Field("", exclude=True)
    """Where relative links start: the URL or path of the document that holds the item."""

    @property
    def day(self) -> date:
        """Day of the overflight (UTC)."""
        return self.properties.datetime.date()

    @property
    def epsg(self) -> int | None:
        """EPSG code of the item's grid."""
        code = self.properties.code
        return self.properties.epsg or (int(code[5:]) if code else None)

    @cached_property
    def extent(self) -> shapely.Polygon:
        """Ground covered by its granule in metres of its own grid."""
        asset = self.asset(next((band for band in ASSET_NAMES if self.has(band)), "B04"))
        a, _, left, _, e, top = asset.transform[:6]
        rows, columns = asset.shape
        return shapely.box(left, top + e * rows, left + a * columns, top)

    @cached_property
    def footprint(self) -> BaseGeometry | None:
        """Where it has data, EPSG:4326, if the item says so in a way that can be used."""
        return usable_shape(self.geometry)

    def has(self, band: str) -> bool:
        """Whether there is a file of a Sentinel-2 band."""
        return band in self.assets or ASSET_NAMES.get(band) in self.assets

    def asset(self, band: str) -> Asset:
        """The asset of a Sentinel-2 band, under its Earth Search or its native name."""
        raw = self.assets.get(ASSET_NAMES.get(band, band)) or self.assets.get(band)
        if raw is None:
            raise CatalogueError(
                f"STAC item {self.id} has no band {band}: leave it out of `sentinel2.bands` or fix the catalogue."
            )
        try:
            return Asset.model_validate(raw)
        except ValidationError as error:
            raise CatalogueError(f"Band {band} of STAC item {self.id} is malformed: {_first(error)}.") from None

    def link(self, band: str, catalog: str) -> str:
        """Link of a band's file that may be read: an https or s3 URL, one on the catalogue's host, or a path."""
        return safe_link(self.id, self.base, self.asset(band).href, catalog)


def usable_shape(geometry: dict[str, Any] | None) -> BaseGeometry | None:
    """A stranger's GeoJSON geometry (EPSG:4326) as a shape; None if it is broken, empty or torn at the antimeridian."""
    try:
        shape = shapely.geometry.shape(geometry) if geometry else None
        usable = shape is not None and shape.is_valid and shape.area > 0
    except Exception:  # it may break in any way
        return None
    # an image is a degree or two wide, more near the poles: a wider one was torn at the antimeridian
    return shape if usable and shape.bounds[2] - shape.bounds[0] < 90 else None


def safe_link(item: str, base: str, href: str, catalog: str) -> str:
    """The full link of an item's file, in the document `base`, if it may be read.

    Raises CatalogueError unless it is an https or s3 URL, one on the catalogue's host, or a file beside the catalogue.
    """
    refusal = CatalogueError(
        f"STAC item {item} links to {plain(href)!r}: only https, s3, the catalogue's own host and files beside the "
        "catalogue are read."
    )
    try:
        full = href if href.startswith("s3://") else _join(base, href)
        parts = urlsplit(full)
        host = parts.hostname or ""
    except ValueError:
        raise refusal from None
    if "://" not in full:
        inside = Path(full).resolve().is_relative_to(Path(catalog).resolve().parent)
        if is_remote(catalog) or href.startswith("/") or not inside:
            raise refusal
        return Path(full).as_posix()
    own = host == urlsplit(catalog).hostname if is_remote(catalog) else host in LOOPBACK
    if "@" in parts.netloc or not host or not (own or (parts.scheme in ("https", "s3") and _is_public(host))):
        raise refusal
    if parts.scheme not in ("http", "https", "s3"):
        raise refusal
    return full


def find_items(source: Stac, area: BaseGeometry) -> tuple[list[Item], dict[str, str]]:
    """Items of the configured collections, season and cloud limit that may meet `area` (EPSG:4326).

    The second result are items that cannot be used, by id, with the reason.
    Raises CatalogueError if the catalogue cannot be reached or none of its items can be used.
    """
    items: list[Item] = []
    refused: dict[str, str] = {}
    days = set(source.days())
    for raw, base in documents(source, area):
        try:
            item = _parse(raw, base)
            if (
                item.day in days
                and item.collection in ("", *source.collections)
                and item.properties.cloud <= source.max_cloud
            ):
                for band in [*source.raw_bands, "SCL"]:
                    item.link(band, source.catalog)
                items.append(item)
        except CatalogueError as error:
            name = raw.get("id") if isinstance(raw, dict) else None
            refused[str(name)[:200]] = str(error)
    if refused and not items:
        raise CatalogueError(next(iter(refused.values())))
    return items, refused


class Search(Protocol):
    """What a catalogue is asked for."""

    catalog: str
    collections: list[str]
    max_cloud: float
    section: str
    """Where the configuration says so, for messages."""

    def days(self) -> list[date]:
        """Days, in order, on which what is sought was seen."""


def season_windows(source: Search) -> list[tuple[date, date]]:
    """First and last days of the stretches of time that the configured season consists of."""
    runs = groupby(enumerate(source.days()), key=lambda pair: pair[1] - timedelta(pair[0]))
    return [((run := [day for _, day in group])[0], run[-1]) for _, group in runs]


def documents(
    source: Search, area: BaseGeometry, headers: Mapping[str, str] | None = None
) -> Iterator[tuple[dict[str, Any], str]]:
    """Raw items that may meet `area` (EPSG:4326), each with the place its relative links start from.

    `headers` go along with every request. Raises CatalogueError if the catalogue cannot be reached or is none.
    """
    catalog = source.catalog
    io = _io(catalog, tuple(sorted((headers or {}).items())))
    try:
        content = json.loads(io.read_text(catalog))
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
        if content.get("type") == "FeatureCollection" or "features" in content:
            yield from ((feature, catalog) for feature in content["features"])
        elif "conformsTo" in content:
            yield from ((feature, catalog) for feature in _search(io, source, area))
        else:
            yield from _walk(io, source)
    except SourceError as error:
        raise CatalogueError(
            f"The STAC catalogue {catalog} does not answer: {error}. Check the network, `{source.section}.catalog` and "
            f"`{source.section}.collections`; a list in a file needs no network (config/README.md)."
        ) from error
    except Exception as error:  # a stranger's catalogue may break its reader in any way
        raise CatalogueError(
            f"The STAC catalogue {catalog} is no STAC API, catalogue or item collection: {_words(error)}. "
            f"Check `{source.section}.catalog`."
        ) from error


def _search(io: "_PatientIO", source: Search, area: BaseGeometry) -> Iterator[dict[str, Any]]:
    client = Client.open(source.catalog, stac_io=io)
    query = {"eo:cloud_cover": {"lte": source.max_cloud}} if client.conforms_to("QUERY") else None
    count = 0
    for first, last in season_windows(source):
        search = client.search(
            collections=source.collections,
            intersects=shapely.geometry.mapping(area),
            datetime=f"{first}T00:00:00Z/{last}T23:59:59Z",
            query=query,
            limit=PAGE_ITEMS,
        )
        for page in search.pages_as_dicts():
            count += len(page["features"])
            if count > MOST_ITEMS:
                raise ValueError(f"it lists more than {MOST_ITEMS} scenes of one tile")
            yield from page["features"]


def _walk(io: "_PatientIO", source: Search) -> Iterator[tuple[dict[str, Any], str]]:
    """Items of a static catalogue with their addresses; branches that are other collections are not entered."""
    todo, known = [source.catalog], {source.catalog}
    while todo:
        href = todo.pop()
        branch = json.loads(io.read_text(href))
        if branch["type"] == "Feature":
            yield branch, href
        elif branch["type"] == "Catalog" or branch["id"] in source.collections:
            for link in branch["links"]:
                target = _join(href, link["href"])
                if link["rel"] in ("child", "item") and target not in known:
                    known.add(target)
                    todo.append(target)
        if len(known) > MOST_ITEMS:
            raise ValueError(f"it lists more than {MOST_ITEMS} scenes")


def _join(base: str, href: str) -> str:
    """Address of a link in the document `base`."""
    if is_remote(base):
        return urljoin(base, href)
    return href if "://" in href else os.path.normpath(Path(base).parent / href)


def _is_public(host: str) -> bool:
    """Whether a host is a name, or an address that is nobody's private network."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return host not in LOOPBACK


class _PatientIO(StacApiIO):
    """Reads a catalogue's documents: patiently, and nothing that lies elsewhere."""

    def __init__(self, catalog: str, extra: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__()
        self.catalog, self.extra, self.web = catalog, dict(extra), Web()

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        href = str(source.get_absolute_href() if isinstance(source, pystac.Link) else source)
        if is_remote(self.catalog) or is_remote(href):
            return self.request(href)
        if not Path(href).resolve().is_relative_to(Path(self.catalog).resolve().parent):
            raise ValueError(f"it links to {href!r}, which lies elsewhere")
        return Path(href).read_text(encoding="utf-8")

    def request(
        self, href: Any, method: str | None = None, headers: dict[str, str] | None = None, parameters: Any = None
    ) -> str:
        url = str(href.get_absolute_href() if isinstance(href, pystac.Link) else href)
        if urlsplit(url)[:2] != urlsplit(self.catalog)[:2]:
            raise ValueError(f"it links to {plain(url)!r}, which lies elsewhere")
        body, headers = None, {**(headers or {}), **self.extra}
        if method == "POST":
            body = json.dumps(parameters).encode()
            headers["Content-Type"] = "application/json"
        elif parameters:
            url += f"?{urlencode(parameters)}"
        return self.web.document(url, method or "GET", headers, body, _check_json).decode("utf-8")


def _check_json(content: bytes) -> None:
    try:
        json.loads(content)
    except ValueError as error:
        raise PassingError(f"its answer is no JSON ({error})") from error


@cache
def _io(catalog: str, extra: tuple[tuple[str, str], ...] = ()) -> _PatientIO:
    return _PatientIO(catalog, extra)


def _parse(raw: Any, base: str) -> Item:
    try:
        return Item.model_validate(raw | {"base": base})
    except (ValidationError, TypeError) as error:
        name = str(raw.get("id", "without id"))[:200] if isinstance(raw, dict) else "without id"
        reason = _first(error) if isinstance(error, ValidationError) else "it is no JSON object"
        raise CatalogueError(f"STAC item {name!r} of {base} is malformed: {reason}.") from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _words(error: Exception) -> str:
    """The first line of an error, not too long, or its name."""
    return (str(error).splitlines() or [""])[0][:300] or type(error).__name__


def newest_first(items: Iterable[Item]) -> list[Item]:
    """Items by processing baseline, newest first, then by id."""
    return sorted(sorted(items, key=lambda item: item.id), key=lambda item: item.properties.baseline, reverse=True)
