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
from kilnscan.grid import PIXEL_M, SCREEN_HALO_M, SQUARE_M, Tile

BLOCK = 2048
"""Pixels on a side: candidates are local, so blocks change memory and nothing else."""


CLAIM_M = 30.0
"""How far beyond the edge of its 100 km square a tile keeps candidates. There its neighbour reads other granules and
may see a candidate's centre on the other side of the edge: rather twice than never."""


def claimed(tile: Tile) -> shapely.Geometry:
    """The land (UTM metres) whose candidates a tile keeps: what it owns, and a hem beyond the edge of its square."""
    left, bottom = (edge // SQUARE_M * SQUARE_M for edge in tile.bounds[:2])
    square = shapely.box(left, bottom, left + SQUARE_M, bottom + SQUARE_M)
    return tile.own.union(tile.own.buffer(CLAIM_M, join_style="mitre").difference(square))


def candidates_of_tile(screen: str | Path, tile: Tile, threshold: float) -> gpd.GeoDataFrame:
    """Candidates that a tile keeps, in UTM metres. Raises TableError if the raster is damaged."""
    if HALO * PIXEL_M + CLAIM_M > SCREEN_HALO_M:
        raise ValueError("candidates look farther than screen rasters reach")
    land = claimed(tile)
    left, bottom, right, top = tile.read_bounds(CLAIM_M)
    tables = []
    try:
        with rasterio.open(screen) as source:
            for x in np.arange(left, right, BLOCK * PIXEL_M):
                for y in np.arange(top, bottom, -BLOCK * PIXEL_M):
                    block = shapely.box(x, max(y - BLOCK * PIXEL_M, bottom), min(x + BLOCK * PIXEL_M, right), y)
                    own = land.intersection(block)
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
