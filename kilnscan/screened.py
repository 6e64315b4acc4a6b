"""Candidates of a whole tile, from its screen raster read block by block."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.errors import RasterioError
from rasterio.windows import Window

from kilnscan.candidates import HALO, find_candidates
from kilnscan.errors import TableError
from kilnscan.grid import PIXEL_M, SCREEN_HALO_M, Tile

BLOCK = 2048
"""Pixels on a side: candidates are local, so blocks change memory and nothing else."""


def candidates_of_tile(screen: str | Path, tile: Tile, threshold: float) -> gpd.GeoDataFrame:
    """Candidates that a tile owns, in UTM metres. Raises TableError if the raster is damaged."""
    if HALO * PIXEL_M > SCREEN_HALO_M:
        raise ValueError("candidates look farther than screen rasters reach")
    left, bottom, right, top = tile.read_bounds(0)
    tables = []
    try:
        with rasterio.open(screen) as source:
            for x in np.arange(left, right, BLOCK * PIXEL_M):
                for y in np.arange(top, bottom, -BLOCK * PIXEL_M):
                    block = shapely.box(x, max(y - BLOCK * PIXEL_M, bottom), min(x + BLOCK * PIXEL_M, right), y)
                    own = tile.own.intersection(block)
                    if own.area > 0:
                        tables.append(_in_block(source, block.bounds, own, tile.epsg, threshold))
    except RasterioError as error:
        raise TableError(f"The screen raster {screen} is damaged ({error}): delete it and run again.") from error
    table = gpd.GeoDataFrame(pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True), crs=tile.epsg)
    return table.sort_values(["seed_y", "seed_x"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _in_block(
    source: rasterio.DatasetReader,
    bounds: tuple[float, float, float, float],
    own: shapely.Geometry,
    epsg: int,
    threshold: float,
) -> gpd.GeoDataFrame:
    left, bottom, right, top = bounds
    column, row = round(left / PIXEL_M) - HALO, round(-top / PIXEL_M) - HALO
    window = Window(
        column - round(source.transform.c / PIXEL_M),
        row + round(source.transform.f / PIXEL_M),
        round((right - left) / PIXEL_M) + 2 * HALO,
        round((top - bottom) / PIXEL_M) + 2 * HALO,
    )
    valid = source.read_masks(1, window=window) > 0
    return find_candidates(source.read(1, window=window), valid, (column, row), threshold, own, epsg)
