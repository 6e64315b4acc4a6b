"""Candidates of a whole tile, from its screen raster read block by block."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.errors import RasterioError
from rasterio.windows import Window

from kilnscan.blocks import paste
from kilnscan.candidates import HALO, find_candidates
from kilnscan.errors import TableError
from kilnscan.grid import PIXEL_M, SCREEN_HALO_M, SQUARE_M, Bounds, Tile

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
    source: rasterio.DatasetReader, bounds: Bounds, own: shapely.Geometry, epsg: int, threshold: float
) -> gpd.GeoDataFrame:
    origin = round(bounds[0] / PIXEL_M) - HALO, round(-bounds[3] / PIXEL_M) - HALO
    return find_candidates(*read_screen(source, bounds, HALO), origin, threshold, own, epsg)


def read_screen(source: rasterio.DatasetReader, bounds: Bounds, halo: int) -> tuple[np.ndarray, np.ndarray]:
    """Probability (uint8) and validity (row, column) of `bounds` (UTM metres) and `halo` pixels on every side.

    Beyond the raster nothing is valid.
    """
    left, bottom, right, top = bounds
    column = round((left - source.transform.c) / PIXEL_M) - halo
    row = round((source.transform.f - top) / PIXEL_M) - halo
    rows, columns = round((top - bottom) / PIXEL_M) + 2 * halo, round((right - left) / PIXEL_M) + 2 * halo
    probability, mask = np.zeros((2, rows, columns), np.uint8)
    first_row, first_column = max(row, 0), max(column, 0)
    last_row, last_column = min(row + rows, source.height), min(column + columns, source.width)
    if first_row < last_row and first_column < last_column:
        part = Window(first_column, first_row, last_column - first_column, last_row - first_row)
        paste(probability, source.read(1, window=part), first_row - row, first_column - column)
        paste(mask, source.read_masks(1, window=part), first_row - row, first_column - column)
    return probability, mask > 0
