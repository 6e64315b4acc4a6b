"""Synthetic Sentinel-2 granules as Earth Search keeps them: COGs of a square and date, and their STAC item."""

import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from shapely import box, get_coordinates
from shapely.geometry import mapping

from kilnscan.catalogue import ASSET_NAMES
from kilnscan.grid import square_name, to_crs

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12", "SCL")
PIXEL_M = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20, "B12": 20, "SCL": 20}
FULL_PX = 10_980
LEVEL = {"B02": 900, "B03": 1100, "B04": 1300, "B08": 2600, "B11": 2300, "B12": 1700}
"""Usual reflectance of dry fields, in 1/10000."""
CLOUD_LEVEL = 5500
NOISE = 25
SCL_NODATA, SCL_VEGETATION, SCL_SOIL, SCL_CLOUD = 0, 4, 5, 9
PREFIX = {"sentinel-2-l2a": "sentinel-s2-l2a-cogs", "sentinel-2-c1-l2a": "sentinel-2-c1-l2a"}


@dataclass(frozen=True)
class Square:
    """Where a granule lies: the MGRS square's name, its zone and the granule's corner (metres)."""

    name: str
    epsg: int
    left: int
    top: int

    @classmethod
    def at(cls, epsg: int, easting: float, northing: float) -> "Square":
        """The square that holds a place. Its granule starts at whole 60 m outside: 399960 for 400000."""
        west, north = int(easting // 100_000) * 100_000, (int(northing // 100_000) + 1) * 100_000
        return cls(square_name(epsg, easting, northing), epsg, west // 60 * 60, -(-north // 60) * 60)


def make_granule(
    folder: Path,
    square: Square,
    time: str = "2024-02-10T04:40:31Z",
    *,
    base_url: str = "",
    size_px: int = 1098,
    collection: str = "sentinel-2-l2a",
    bands: tuple[str, ...] = BANDS,
    clouds: float | np.ndarray = 0.0,
    pixels: dict[str, np.ndarray] | None = None,
    empty_west: float = 0.0,
    stored_offset: int = 0,
    declared_offset: float = 0.0,
    boa_offset_applied: bool | None = None,
    baseline: str = "05.10",
    satellite: str = "S2A",
    sequence: int = 0,
) -> dict:
    """Write a granule's files and item under `folder` and return the item, whose links start with `base_url`.

    The granule is `size_px` wide at 10 m (10980 in truth; an even number) from the square's corner. `clouds` is their
    share or their mask at 20 m; `pixels` gives bands as reflectance in 1/10000 (SCL: classes) in place of made-up
    ones; the western share `empty_west` has no data. Files hold reflectance plus `stored_offset` (1000 since baseline
    04.00 where nobody took it off), the item declares `declared_offset` (-0.1) and `boa_offset_applied`.
    """
    moment = datetime.fromisoformat(time)
    id_, path = _names(square, moment, collection, satellite, sequence)
    target = folder / path
    target.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(zlib.crc32(id_.encode()))
    coarse = size_px // 2
    cloudy = _cloud_mask(clouds, coarse, draw)
    empty = np.zeros((coarse, coarse), bool)
    empty[:, : round(coarse * empty_west)] = True
    scl = np.where(_relief(square, coarse) > 0, SCL_VEGETATION, SCL_SOIL).astype(np.uint8)
    scl[cloudy] = SCL_CLOUD
    scl[empty] = SCL_NODATA
    given = pixels or {}
    for band in bands:
        if band == "SCL":
            image = given.get(band, scl).astype(np.uint8)
        else:
            repeat = 20 // PIXEL_M[band]
            blank = empty.repeat(repeat, 0).repeat(repeat, 1)
            if band in given:
                image = given[band].astype(np.int32)
            else:
                image = _surface(square, band, cloudy.repeat(repeat, 0).repeat(repeat, 1), draw)
            image = np.where(blank, 0, np.clip(image + stored_offset, 1, 65_535)).astype(np.uint16)
        _write_cog(target / f"{band}.tif", image, square, PIXEL_M[band])
    item = _item(id_, square, moment, collection, satellite, sequence, baseline)
    seen = box(square.left + 20 * round(coarse * empty_west), square.top - 10 * size_px,
               square.left + 10 * size_px, square.top)  # fmt: skip
    shape = to_crs(seen, square.epsg, 4326)
    ring = get_coordinates(shape)
    item["geometry"] = mapping(shape)
    item["bbox"] = [*ring.min(axis=0).tolist(), *ring.max(axis=0).tolist()]
    final = given.get("SCL", scl)
    item["properties"]["eo:cloud_cover"] = round(100 * float(np.isin(final, (8, 9, 10)).sum() / (~empty).sum()), 6)
    item["properties"]["s2:nodata_pixel_percentage"] = round(100 * float(empty.mean()), 6)
    if boa_offset_applied is not None:
        item["properties"]["earthsearch:boa_offset_applied"] = boa_offset_applied
    for band in bands:
        href = f"{base_url.rstrip('/')}/{path}/{band}.tif" if base_url else str(target / f"{band}.tif")
        item["assets"][ASSET_NAMES[band]] = _asset(href, band, square, size_px, declared_offset)
    (target / f"{id_}.json").write_text(json.dumps(item))
    return item


def _names(square: Square, moment: datetime, collection: str, satellite: str, sequence: int) -> tuple[str, str]:
    """Id and folder of a granule in Earth Search's bucket."""
    zone, band, cell = square.name[:-3], square.name[-3], square.name[-2:]
    if collection == "sentinel-2-c1-l2a":
        id_ = f"{satellite}_T{square.name}_{moment:%Y%m%dT%H%M%S}_L2A"
    else:
        id_ = f"{satellite}_{square.name}_{moment:%Y%m%d}_{sequence}_L2A"
    return id_, f"{PREFIX[collection]}/{int(zone)}/{band}/{cell}/{moment.year}/{moment.month}/{id_}"


def _relief(square: Square, size: int) -> np.ndarray:
    """A smooth field from -1 to 1 that every date of a square shares."""
    step = np.arange(size, dtype=np.float32) * (20 / 1000)
    phase = zlib.crc32(square.name.encode()) % 100
    rows, columns = np.sin(step * 1.7 + phase), np.cos(step * 2.3 + phase)
    return rows[:, None] * columns[None, :]


def _surface(square: Square, band: str, cloudy: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Fields, noise and clouds at the band's own resolution; reflectance in 1/10000."""
    size = cloudy.shape[0]
    repeat = 20 // PIXEL_M[band]
    relief = _relief(square, size // repeat).repeat(repeat, 0).repeat(repeat, 1)
    fields = np.random.default_rng(zlib.crc32(f"{square.name}{band}".encode())).integers(-150, 150, (40, 40))
    side = -(-size // 40)
    patch = fields.repeat(side, 0)[:size].repeat(side, 1)[:, :size]
    noise = draw.normal(0, NOISE, (min(size, 1024), min(size, 1024))).astype(np.int16)
    times = -(-size // noise.shape[0])
    image = (LEVEL[band] * (1 + 0.25 * relief)).astype(np.int32)
    image += patch
    image += np.tile(noise, (times, times))[:size, :size]
    image[cloudy] += CLOUD_LEVEL
    return image


def _cloud_mask(clouds: float | np.ndarray, size: int, draw: np.random.Generator) -> np.ndarray:
    """The mask given, or blobs that cover the share given."""
    if isinstance(clouds, np.ndarray):
        assert clouds.shape == (size, size), f"the cloud mask is {clouds.shape}, the granule {size} px of 20 m"
        return clouds.astype(bool)
    if not 0 < clouds < 1:
        return np.full((size, size), clouds >= 1)
    cells = draw.random((24, 24))
    side = -(-size // 24)
    return (cells <= np.quantile(cells, clouds)).repeat(side, 0)[:size].repeat(side, 1)[:, :size]


def _write_cog(path: Path, image: np.ndarray, square: Square, pixel: int) -> None:
    """A cloud-optimised GeoTIFF with Earth Search's tiling and compression."""
    with rasterio.open(
        path, "w", driver="COG", dtype=image.dtype, count=1, height=image.shape[0], width=image.shape[1],
        crs=f"EPSG:{square.epsg}", transform=Affine(pixel, 0, square.left, 0, -pixel, square.top), nodata=0,
        compress="DEFLATE", predictor=2, blocksize=1024, num_threads=2,
        overview_resampling="NEAREST" if image.dtype == np.uint8 else "AVERAGE",
    ) as cog:  # fmt: skip
        cog.write(image, 1)


def _asset(href: str, band: str, square: Square, size_px: int, offset: float) -> dict:
    pixel = PIXEL_M[band]
    raster = {"nodata": 0, "data_type": "uint8" if band == "SCL" else "uint16", "spatial_resolution": pixel}
    asset = {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "title": "Scene classification map (SCL)" if band == "SCL" else f"{ASSET_NAMES[band]} - {pixel}m",
        "proj:shape": [size_px * 10 // pixel] * 2,
        "proj:transform": [pixel, 0, square.left, 0, -pixel, square.top],
        "raster:bands": [raster],
        "roles": ["data", "reflectance"],
    }
    if band != "SCL":
        raster.update(bits_per_sample=15, scale=0.0001, offset=offset)
        asset["eo:bands"] = [{"name": ASSET_NAMES[band], "common_name": ASSET_NAMES[band]}]
        asset["gsd"] = pixel
    return asset


def _item(
    id_: str, square: Square, moment: datetime, collection: str, satellite: str, sequence: int, baseline: str
) -> dict:
    """The item without its place and its assets."""
    zone, band, cell = square.name[:-3], square.name[-3], square.name[-2:]
    stamp = (moment + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    is_c1 = collection == "sentinel-2-c1-l2a"
    code = {"proj:code": f"EPSG:{square.epsg}"} if is_c1 else {"proj:epsg": square.epsg}
    extensions = ("eo/v1.0.0", "raster/v1.1.0", "grid/v1.0.0", "mgrs/v1.0.0")
    extensions += (f"projection/v{2 if is_c1 else 1}.0.0",)
    short = f"{int(baseline.replace('.', '')):04d}"
    product = f"{satellite}_MSIL2A_{moment:%Y%m%dT%H%M%S}_N{short}_R033_T{square.name}_{moment:%Y%m%dT%H%M%S}.SAFE"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": id_,
        "stac_extensions": [f"https://stac-extensions.github.io/{name}/schema.json" for name in extensions],
        "collection": collection,
        "properties": {
            "datetime": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "created": stamp,
            "updated": stamp,
            "platform": f"sentinel-{satellite[1:].lower()}",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            **code,
            "mgrs:utm_zone": int(zone),
            "mgrs:latitude_band": band,
            "mgrs:grid_square": cell,
            "grid:code": f"MGRS-{square.name}",
            "s2:processing_baseline": baseline,
            "s2:product_type": "S2MSI2A",
            "s2:product_uri": product,
            "s2:sequence": str(sequence),
        },
        "links": [],
        "assets": {},
    }
