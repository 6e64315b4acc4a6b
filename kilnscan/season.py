"""A tile's composite as a file, for people and for other software; the workflow itself never stores it."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window

from kilnscan.composite import read_looks, read_patiently, strips, traffic
from kilnscan.console import Progress
from kilnscan.files import replacing
from kilnscan.grid import PIXEL_M, Tile
from kilnscan.reader import MosaicReader, Reader

STRIP_ROWS = 1024
OVERVIEWS = (4, 16, 64)


def write_composite(scenes: dict[str, Any], path: Path, threads: int = 1) -> list[dict[str, str]]:
    """Write what a tile's scene list amounts to; return the scenes that had to be left out, with the reasons.

    A tiled GeoTIFF of uint16 on the tile's 10 m grid, with overviews: each band as reflectance times 10,000 (0 where
    nothing was seen; a composite's own values are kept), then `looks`, the number of clear looks. A composite of int16
    or floats is written as int16, with -32768 where nothing was seen.
    """

    def work(reader: Reader, _: dict[str, Any]) -> None:
        _write(reader, Tile.from_spec(scenes["tile"]), path, threads)

    return read_patiently(scenes, work, threads)[1]


def _write(reader: Reader, tile: Tile, path: Path, threads: int) -> None:
    bounds = tile.read_bounds(0)
    left, bottom, right, top = bounds
    width, height = round((right - left) / PIXEL_M), round((top - bottom) / PIXEL_M)
    names = [*reader.bands, "looks"]
    signed = isinstance(reader, MosaicReader) and reader.signed
    dtype, nodata = ("int16", -32768) if signed else ("uint16", 0)
    profile = {
        "driver": "GTiff", "dtype": dtype, "count": len(names), "width": width, "height": height,
        "crs": f"EPSG:{tile.epsg}", "transform": Affine(PIXEL_M, 0, left, 0, -PIXEL_M, top), "nodata": nodata,
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "predictor": 2,
        "interleave": "band", "bigtiff": "if_safer", "num_threads": threads,
    }  # fmt: skip
    progress = Progress(f"composite of {tile.id}")
    with replacing(path) as temporary:
        with rasterio.open(temporary, "w", **profile) as target:
            target.descriptions = names
            for strip in strips(bounds, STRIP_ROWS):
                row = round((top - strip[3]) / PIXEL_M)
                pixels, looks = read_looks(reader, strip)
                window = Window(0, row, width, looks.shape[0])
                pixels = np.where(looks > 0, pixels, nodata)
                target.write(np.concatenate([pixels, looks[None]]).astype(dtype), window=window)
                progress((row + looks.shape[0]) / height, traffic(reader))
        with rasterio.open(temporary, "r+") as target:
            target.build_overviews([factor for factor in OVERVIEWS if factor < min(width, height)], Resampling.nearest)
