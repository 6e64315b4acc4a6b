"""Candidates of a tile do not depend on how it is cut into blocks or tiles."""

import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter

from kilnscan import screened
from kilnscan.atlas import _once
from kilnscan.errors import TableError
from kilnscan.grid import SCREEN_HALO_M, Tile
from kilnscan.screened import candidates_of_tile

SIDE = 400  # pixels
LEFT, TOP = 448_000, 2_098_000
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


def test_at_the_edge_of_a_square_a_candidate_is_kept_by_both_tiles_rather_than_by_none(raster):
    halo, side = round(SCREEN_HALO_M / 10), 300
    tables = []
    for left, edge, shift in ((497_000, halo + side, -1), (500_000, halo, 1)):
        # each sees the kiln's centre beyond the edge, on the other's land
        pixels = np.zeros((1, 100 + 2 * halo, side + 2 * halo), np.uint8)
        column = edge - 3 - shift
        pixels[0, halo + 40 : halo + 50, column : column + 6] = 255
        path = raster(f"{left}.tif", pixels, left=left - SCREEN_HALO_M, top=TOP + SCREEN_HALO_M)
        bounds = (left, TOP - 1000, left + side * 10, TOP)
        tables.append(candidates_of_tile(path, Tile(str(left), 32645, bounds, shapely.box(*bounds)), 0.2))
    assert [len(table) for table in tables] == [1, 1]
    assert tables[0].centroid.x[0] > 500_000 > tables[1].centroid.x[0]
    degrees = [table.centroid.to_crs(4326) for table in tables]
    lon, lat = (np.concatenate([getattr(points, axis) for points in degrees]) for axis in "xy")
    assert _once(lon, lat, np.array([0.4, 0.5]), np.array(["a", "b"])).tolist() == [False, True]
    assert _once(lon, lat, np.array([0.5, 0.5]), np.array(["b", "a"])).tolist() == [False, True]
    assert _once(lon, lat, np.array([0.5, 0.5]), np.array(["a", "a"])).tolist() == [True, True]
