"""What each kiln's place looked like before: small pictures from an earlier composite."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from PIL import Image, ImageDraw
from rasterio.warp import transform_bounds

from kilnscan.config_impact import Earlier
from kilnscan.errors import ImageryError
from kilnscan.files import replacing
from kilnscan.grid import transformer, zone_of
from kilnscan.lattice import CHIP_M
from kilnscan.mosaic import native_resolution_m, open_mosaic, read_mosaic
from kilnscan.pictures import CHIP_PX, Bounds

PER_M = CHIP_PX / CHIP_M  # pixels
STEPS_M = (2.5, 1.0, 0.5)
"""Pixels that a composite is read at: a quarter of its own, and no finer than the picture's."""
GROUND = 200
"""Grey where nothing was seen."""


def write_earlier(folder: Path, kilns: gpd.GeoDataFrame, config: Earlier) -> list[str]:
    """A JPEG (320 px, 160 m) of each kiln's place, with today's box; the files' names, empty where nothing was seen.

    `kilns` in EPSG:4326, with id, lon and lat. Like today's pictures these are stretched to the brightness of the 320 m
    around; north is up in the kiln's UTM zone. Of several files each pixel is of the first that has it. Raises
    ImageryError for a composite that cannot be used.
    """
    composites = [_composite(path, max(config.indexes)) for path in config.files]
    if not composites:
        raise ImageryError(f"`map.earlier.path` {config.path} matches no file: check the folder and the spelling.")
    names = []
    for name, lon, lat, polygon in zip(kilns["id"], kilns["lon"], kilns["lat"], kilns.geometry, strict=True):
        here = [composite for composite in composites if _holds(composite.extent, lon, lat)]
        picture = _picture(here, config.indexes, lon, lat, polygon)
        names.append(f"{name}-before.jpg" if picture else "")
        if picture:
            with replacing(folder / names[-1]) as temporary:
                picture.save(temporary, quality=85)
    return names


@dataclass(frozen=True)
class _Composite:
    """A file, where it is, and how finely it is worth reading."""

    path: str
    extent: Bounds
    """West, south, east, north in degrees; west > east across the antimeridian."""
    step_m: float


def _composite(path: str, bands: int) -> _Composite:
    with open_mosaic(path, bands) as source:
        west, south, east, north = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
        middle = west + (east - west) % 360 / 2
        own = native_resolution_m(source, zone_of((middle + 180) % 360 - 180, (south + north) / 2))
    return _Composite(path, (west, south, east, north), next((s for s in STEPS_M if s <= own / 4), STEPS_M[-1]))


def _holds(extent: Bounds, lon: float, lat: float) -> bool:
    west, south, east, north = extent
    return south <= lat <= north and (lon - west) % 360 <= (east - west if east >= west else east - west + 360)


def _picture(
    composites: list[_Composite], indexes: list[int], lon: float, lat: float, polygon: shapely.Geometry
) -> Image.Image | None:
    """The picture of a place; None where less than half of it was seen."""
    epsg = zone_of(lon, lat)
    project = transformer(4326, epsg).transform
    x, y = project(lon, lat)
    around = (x - CHIP_M, y - CHIP_M, x + CHIP_M, y + CHIP_M)
    step = min((composite.step_m for composite in composites), default=STEPS_M[0])
    side = round(2 * CHIP_M / step)
    pixels, seen = np.zeros((3, side, side), np.int64), np.zeros((side, side), bool)
    for composite in composites:
        if not seen.all():
            found, valid = read_mosaic(composite.path, epsg, around, step, indexes)
            pixels = np.where(seen | ~valid, pixels, found)
            seen |= valid
    middle = slice(side // 4, side // 4 * 3)
    if seen[middle, middle].mean() < 0.5:
        return None
    low, high = np.percentile(pixels[:, seen], (1, 99))
    shown = np.where(seen, np.clip((pixels - low) / max(high - low, 1) * 255, 0, 255), GROUND)[:, middle, middle]
    picture = Image.fromarray(shown.astype(np.uint8).transpose(1, 2, 0))
    picture = picture.resize((CHIP_PX, CHIP_PX), Image.Resampling.BICUBIC)
    corners = shapely.get_coordinates(shapely.transform(polygon, project, interleaved=False))
    ring = [((east - x) * PER_M + CHIP_PX / 2, (y - north) * PER_M + CHIP_PX / 2) for east, north in corners]
    ImageDraw.Draw(picture).line(ring, fill=(255, 255, 255), width=2)
    return picture
