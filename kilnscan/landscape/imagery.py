"""The landscape as seen from above at 0.5 m: four sheets of red, green and blue."""

from datetime import date
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster

from kilnscan.files import replacing
from kilnscan.landscape.materials import Palette
from kilnscan.landscape.plan import CENTRE, EPSG, Bounds, Landscape
from kilnscan.landscape.shapes import PIXEL_M
from kilnscan.landscape.texture import LEVELS, PERIOD, SCALE, Relief, textures

SHEETS = ("nw", "ne", "sw", "se")
DAY = date(2024, 2, 18)
"""The day the imagery was taken, in the first season."""
ANOTHER = 1000
"""Added to the seed of the textures: the same ground a year later is rough in another way."""
BLOCK = 1000  # pixels rendered at a time
MARGIN = 1  # pixels around a block that softening needs


def write_sheet(landscape: Landscape, sheet: str, path: str | Path) -> None:
    """Render one of SHEETS as a COG of uint8 red, green, blue at 0.5 m (JPEG inside), in EPSG:32645.

    Raises ValueError if there is no such sheet.
    """
    bounds = left, _, _, top = sheet_bounds(landscape, sheet)
    pixels = render(landscape, bounds)
    profile = {
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "count": 3,
        "dtype": "uint8",
        "photometric": "RGB",
        "interleave": "pixel",
        "tiled": True,
        "crs": f"EPSG:{EPSG}",
        "transform": Affine(PIXEL_M, 0, left, 0, -PIXEL_M, top),
    }
    with replacing(path) as temporary, MemoryFile() as memory:
        with memory.open(driver="GTiff", **profile) as target:
            target.write(np.moveaxis(pixels, 2, 0))
            target.update_tags(SYNTHETIC="yes", ACQUIRED=DAY.replace(year=DAY.year + landscape.years).isoformat())
            target.build_overviews([2, 4, 8, 16], Resampling.average)  # twice as fast as leaving it to the COG driver
        del pixels
        with memory.open() as source:
            copy_raster(source, temporary, driver="COG", compress="JPEG", quality=82, overview_quality=75)


def sheet_bounds(landscape: Landscape, sheet: str) -> Bounds:
    """Left, bottom, right, top of a sheet in metres of EPSG:32645."""
    if sheet not in SHEETS:
        raise ValueError(f"There is no sheet {sheet!r}; there are {', '.join(SHEETS)}.")
    left, bottom, right, top = landscape.sheet_bounds
    (x, y), (north, west) = CENTRE, (sheet[0] == "n", sheet[1] == "w")
    return left if west else x, y if north else bottom, x if west else right, top if north else y


def render(landscape: Landscape, bounds: Bounds) -> np.ndarray:
    """Pixels uint8 (row, column, red-green-blue) of `bounds` (metres of EPSG:32645, multiples of 0.5 m)."""
    left, bottom, right, top = bounds
    west, north = round((left - CENTRE[0]) / PIXEL_M), round((CENTRE[1] - top) / PIXEL_M)
    width, height = round((right - left) / PIXEL_M), round((top - bottom) / PIXEL_M)
    pixels = np.empty((height, width, 3), np.uint8)
    tiles, ramp = textures(landscape.seed + ANOTHER * landscape.years).ravel(), colours(landscape.palette)
    first = landscape.palette.texture.astype(np.int32) * PERIOD**2
    relief = Relief(landscape.seed, landscape.half_width_m + 1000)
    for row in range(0, height, BLOCK):
        for column in range(0, width, BLOCK):
            y, x = north + row - MARGIN, west + column - MARGIN
            high, wide = min(BLOCK, height - row) + 2 * MARGIN, min(BLOCK, width - column) + 2 * MARGIN
            codes = landscape.patches.rasterise(x, y, wide, high)
            rows, columns = np.arange(y, y + high) % PERIOD, np.arange(x, x + wide) % PERIOD
            place = (rows[:, None] * PERIOD + columns).astype(np.int32)
            level = tiles.take(first.take(codes) + place)
            level += (relief.at(x, y, wide, high) * SCALE + LEVELS // 2).astype(np.int8)
            colour = softened(ramp.take(codes * LEVELS + level))
            pixels[row : row + BLOCK, column : column + BLOCK] = colour.view(np.uint8).reshape(*colour.shape, 4)[
                ..., :3
            ]
    return pixels


def softened(colour: np.ndarray) -> np.ndarray:
    """Packed colours (row, column) blurred by weights 1 2 1 both ways, as by a telescope; one pixel less all round."""
    for _ in range(2):
        colour = _mean(colour[:, 1:], colour[:, :-1])
        colour = _mean(colour[1:], colour[:-1])
    return colour


def _mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean of packed colours, all four bytes at once."""
    return (a & b) + (((a ^ b) & np.uint32(0xFEFEFEFE)) >> np.uint32(1))


def colours(palette: Palette) -> np.ndarray:
    """Colour of every code at every level of texture, four bytes red, green, blue, 0 in one uint32."""
    visible = palette.reflectance(DAY)[:, [2, 1, 0]]
    step = (np.arange(LEVELS) - LEVELS // 2) / SCALE
    shade = np.exp(palette.contrast[:, None] * step)
    reflectance = visible[:, None, :] * shade[:, :, None]
    rgb = np.clip(255 * (reflectance / 0.38) ** 0.58, 0, 255)
    packed = np.zeros((*rgb.shape[:2], 4), np.uint8)
    packed[..., :3] = np.round(rgb)
    return packed.reshape(-1, 4).view(np.uint32).ravel()
