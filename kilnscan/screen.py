"""The first stage: kiln probability of every 10 m pixel of a tile, streamed in strips."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.windows import Window

from kilnscan import features
from kilnscan.composite import average, read_looks, read_patiently, strips, traffic
from kilnscan.config_sentinel2 import RGB
from kilnscan.console import Progress
from kilnscan.errors import ModelError
from kilnscan.files import replacing, sha256_file
from kilnscan.forest import Forest
from kilnscan.grid import PIXEL_M, SCREEN_HALO_M, Tile
from kilnscan.reader import Reader

STRIP_ROWS = 512
QUICKLOOK_M = 40


def screen_tile(
    scenes: dict[str, Any], forest: Forest, screen: Path, quicklook: Path, threads: int = 1
) -> dict[str, Any]:
    """Write the probability raster and a small RGB picture of a tile; return how well it was seen.

    `screen`: uint8, probability times 255, with a mask of pixels seen, 10 m UTM grid, wider than the tile by the
    candidates' halo. `quicklook`: uint16 RGB at 40 m. Memory is bounded by a strip, not by the tile. A scene that
    stays unreadable is left out of all of it and listed under `lost`.
    Raises ModelError if the forest was trained on other bands.
    """
    if forest.bands != scenes["bands"]:
        raise ModelError(
            f"The screen model was trained on bands {forest.bands} but `sentinel2.bands` gives {scenes['bands']}: "
            "choose a fitting model in `screen.model` or train one with `snakemake train`."
        )

    def work(reader: Reader, listed: dict[str, Any]) -> dict[str, Any]:
        return _screen(reader, forest, Tile.from_spec(scenes["tile"]), screen, quicklook, threads) | {
            "dates": [day["date"] for day in listed["dates"]]
        }

    seen, lost = read_patiently(scenes, work, threads)
    return seen | {
        "lost": [*scenes.get("lost", []), *lost],
        "sha256": {"screen": sha256_file(screen), "quicklook": sha256_file(quicklook)},
    }


def _screen(reader: Reader, forest: Forest, tile: Tile, screen: Path, quicklook: Path, threads: int) -> dict[str, Any]:
    bounds = tile.read_bounds(SCREEN_HALO_M)
    halo = features.HALO * PIXEL_M
    left, bottom, right, top = bounds
    width, height = round((right - left) / PIXEL_M), round((top - bottom) / PIXEL_M)
    seen, looks_sum, owned = 0, 0, 0
    profile = {
        "driver": "GTiff", "dtype": "uint8", "count": 1, "width": width, "height": height, "crs": f"EPSG:{tile.epsg}",
        "transform": Affine(PIXEL_M, 0, left, 0, -PIXEL_M, top), "tiled": True, "blockxsize": 512, "blockysize": 512,
        "compress": "deflate",
    }  # fmt: skip
    overview = np.zeros((3, -(-height // 4), -(-width // 4)), np.uint16)
    progress = Progress(f"screen of {tile.id}")
    with (
        replacing(screen) as temporary,
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(temporary, "w", **profile) as target,
    ):
        for strip in strips(bounds, STRIP_ROWS):
            row = round((top - strip[3]) / PIXEL_M)
            pixels, looks = read_looks(reader, (left - halo, strip[1] - halo, right + halo, strip[3] + halo))
            inner = tuple(slice(features.HALO, size - features.HALO) for size in looks.shape)
            origin = round((left - halo) / PIXEL_M), -round((strip[3] + halo) / PIXEL_M)
            probability = forest.screen(pixels, looks > 0, inner, threads, origin)
            looks = looks[inner]
            window = Window(0, row, width, looks.shape[0])
            target.write(np.where(looks > 0, probability, 0).astype(np.uint8), 1, window=window)
            target.write_mask(looks > 0, window=window)
            own = ~geometry_mask([tile.own], looks.shape, Affine(PIXEL_M, 0, left, 0, -PIXEL_M, strip[3]))
            owned += int(own.sum())
            seen += int((own & (looks > 0)).sum())
            looks_sum += int(looks[own].sum())
            _shrink_into(overview, pixels[(slice(None), *inner)], looks > 0, row, forest.bands)
            progress((row + looks.shape[0]) / height, traffic(reader))
    _write_quicklook(quicklook, overview, profile)
    return {
        "tile": tile.id,
        "clear": round(seen / owned, 6) if owned else 0.0,
        "looks": round(looks_sum / owned, 4) if owned else 0.0,
    }


def _shrink_into(overview: np.ndarray, pixels: np.ndarray, valid: np.ndarray, row: int, bands: list[str]) -> None:
    """Put the means of 4 by 4 pixels of a strip (band, row, column) into the overview; strips begin at whole fours.

    In natural colours where the bands allow, else in those of the first three bands; signed numbers are lifted above 0.
    """
    shown = RGB if set(RGB) <= set(bands) else (bands * 3)[:3]
    rgb = pixels[[bands.index(band) for band in shown]]
    if rgb.dtype == np.int16:
        rgb = (rgb.astype(np.int32) - np.iinfo(np.int16).min).astype(np.uint16)
    rows, columns = (size - size % 4 for size in rgb.shape[1:])
    rgb = average(rgb[:, :rows, :columns], 4) * valid[:rows:4, :columns:4]
    overview[:, row // 4 : row // 4 + rgb.shape[1], : rgb.shape[2]] = rgb


def _write_quicklook(path: Path, overview: np.ndarray, profile: dict[str, Any]) -> None:
    profile = profile | {
        "dtype": "uint16", "count": 3, "height": overview.shape[1], "width": overview.shape[2], "nodata": 0,
        "transform": profile["transform"] @ Affine.scale(QUICKLOOK_M / PIXEL_M), "blockxsize": 256, "blockysize": 256,
    }  # fmt: skip
    with replacing(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        target.write(overview)
