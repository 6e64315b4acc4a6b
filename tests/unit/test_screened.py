"""Candidates of a tile do not depend on how it is cut into blocks or tiles."""

import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter

from kilnscan import screened
from kilnscan.errors import TableError
from kilnscan.grid import SCREEN_HALO_M, Tile
from kilnscan.screened import candidates_of_tile

SIDE = 400  # pixels
LEFT, TOP = 448_000, 2_102_000
HALO = round(SCREEN_HALO_M / 10)


@pytest.fixture
def screens(raster):
    """Factory of screen rasters cut from one noisy probability field, as tiles would each write theirs."""
    rng = np.random.default_rng(5)
    field = gaussian_filter((rng.random((SIDE + 2 * HALO,) * 2) > 0.997).astype(float), 3)
    whole = np.clip(field / field.max() * 300, 0, 255).astype(np.uint8)

    def cut(column, row, columns, rows):
        left, top = LEFT + column * 10, TOP - row * 10
        pixels = whole[None, row : row + rows + 2 * HALO, column : column + columns + 2 * HALO]
        path = raster(f"{column}-{row}-{columns}.tif", pixels, left=left - SCREEN_HALO_M, top=top + SCREEN_HALO_M)
        bounds = (left, top - rows * 10, left + columns * 10, top)
        return path, Tile(f"{column}-{row}", 32645, bounds, shapely.box(*bounds))

    return cut


def rows_of(*parts, threshold=0.2):
    tables = [candidates_of_tile(path, tile, threshold) for path, tile in parts]
    return sorted(
        (row.seed_x, row.seed_y, row.score, row.geometry.wkt) for table in tables for row in table.itertuples()
    )


def test_tiled_equals_untiled(screens):
    untiled = rows_of(screens(0, 0, SIDE, SIDE))
    half = SIDE // 2
    tiled = rows_of(*(screens(c, r, half, half) for c in (0, half) for r in (0, half)))
    assert len(untiled) > 100 and tiled == untiled


def test_blocks_change_nothing(screens, monkeypatch):
    untiled = rows_of(screens(0, 0, SIDE, SIDE))
    monkeypatch.setattr(screened, "BLOCK", 137)
    assert rows_of(screens(0, 0, SIDE, SIDE)) == untiled


def test_a_raster_without_kilns_gives_an_empty_table_of_the_same_form(screens):
    path, tile = screens(0, 0, SIDE, SIDE)
    nothing = candidates_of_tile(path, tile, 0.999)
    something = candidates_of_tile(path, tile, 0.2)
    assert len(nothing) == 0 and (nothing.dtypes == something.dtypes).all()


def test_a_damaged_raster_says_what_to_do(screens, tmp_path):
    _, tile = screens(0, 0, SIDE, SIDE)
    (tmp_path / "half.tif").write_bytes(b"II*\x00")
    with pytest.raises(TableError, match="delete it and run again"):
        candidates_of_tile(tmp_path / "half.tif", tile, 0.2)
