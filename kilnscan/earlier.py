"""What each kiln's place looked like before: small pictures from an earlier composite."""

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
from kilnscan.mosaic import open_mosaic, read_mosaic
from kilnscan.pictures import CHIP_PX, Bounds

PER_M = CHIP_PX / CHIP_M  # pixels
GROUND = 200
"""Grey where nothing was seen."""


def write_earlier(folder: Path, kilns: gpd.GeoDataFrame, config: Earlier) -> list[str]:
    """A JPEG (320 px, 160 m) of each kiln's place, with today's box; the files' names, empty where nothing was seen.

    `kilns` in EPSG:4326, with id, lon and lat. Like today's pictures these are stretched to the brightness of the 320 m
    around; north is up in the kiln's UTM zone. Of several files each pixel is of the first that has it. Raises
    ImageryError for a composite that cannot be used.
    """
    indexes = config.indexes
    extents = [(path, _extent(path, max(indexes))) for path in config.files]
    if not extents:
        raise ImageryError(f"`map.earlier.path` {config.path} matches no file: check the folder and the spelling.")
    names = []
    for name, lon, lat, polygon in zip(kilns["id"], kilns["lon"], kilns["lat"], kilns.geometry, strict=True):
        picture = _picture([path for path, extent in extents if _holds(extent, lon, lat)], indexes, lon, lat, polygon)
        names.append(f"{name}-before.jpg" if picture else "")
        if picture:
            with replacing(folder / names[-1]) as temporary:
                picture.save(temporary, quality=85)
    return names


def _extent(path: str, bands: int) -> Bounds:
    """West, south, east, north in degrees; west > east across the antimeridian."""
    with open_mosaic(path, bands) as source:
        return transform_bounds(source.crs, "EPSG:4326", *source.bounds)


def _holds(extent: Bounds, lon: float, lat: float) -> bool:
    west, south, east, north = extent
    return south <= lat <= north and (lon - west) % 360 <= (east - west if east >= west else east - west + 360)


def _picture(
    paths: list[str], indexes: list[int], lon: float, lat: float, polygon: shapely.Geometry
) -> Image.Image | None:
    """The picture of a place; None where less than half of it was seen."""
    epsg = zone_of(lon, lat)
    project = transformer(4326, epsg).transform
    x, y = project(lon, lat)
    left, top, side = x - CHIP_M, y + CHIP_M, 2 * CHIP_PX
    pixels, seen = np.zeros((3, side, side), np.int64), np.zeros((side, side), bool)
    for path in paths:
        if not seen.all():
            found, valid = read_mosaic(path, epsg, (left, y - CHIP_M, x + CHIP_M, top), 1 / PER_M, indexes)
            pixels = np.where(seen | ~valid, pixels, found)
            seen |= valid
    middle = slice(side // 4, side // 4 + CHIP_PX)
    if seen[middle, middle].mean() < 0.5:
        return None
    low, high = np.percentile(pixels[:, seen], (1, 99))
    shown = np.where(seen, np.clip((pixels - low) / max(high - low, 1) * 255, 0, 255), GROUND)
    picture = Image.fromarray(shown.astype(np.uint8).transpose(1, 2, 0))
    corners = shapely.get_coordinates(shapely.transform(polygon, project, interleaved=False))
    ring = [((east - left) * PER_M, (top - north) * PER_M) for east, north in corners]
    ImageDraw.Draw(picture).line(ring, fill=(255, 255, 255), width=2)
    return picture.crop((middle.start, middle.start, middle.stop, middle.stop))
