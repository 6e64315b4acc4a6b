"""Candidates: one per kiln, and the same ones whichever tile finds them."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point, box

from kilnscan.candidates import COLUMNS, HALO, find_candidates

EPSG = 32643
ORIGIN = (70_000, -317_000)  # column and row of the first pixel: x = 700 000 m, y = 3 170 000 m
EVERYWHERE = box(0, 0, 1e7, 1e7)


def scene(*kilns: tuple[int, int, int, int], size: int = 80, value: int = 230) -> np.ndarray:
    """Probability with rectangles (row, column, rows, columns)."""
    probability = np.zeros((size, size), np.uint8)
    for row, column, rows, columns in kilns:
        probability[row : row + rows, column : column + columns] = value
    return probability


def find(probability: np.ndarray, threshold: float = 0.3, own=EVERYWHERE, origin=ORIGIN) -> gpd.GeoDataFrame:
    return find_candidates(probability, np.ones(probability.shape, bool), origin, threshold, own, EPSG)


def noisy(seed: int, size: int = 400) -> np.ndarray:
    """A crowded scene of few distinct values, so that ties abound."""
    rng = np.random.default_rng(seed)
    probability = np.zeros((size, size), np.uint8)
    for _ in range(size // 2):
        row, column = rng.integers(0, size - 12, 2)
        rows, columns = rng.integers(3, 12, 2)
        probability[row : row + rows, column : column + columns] = rng.choice([100, 150, 250])
    return probability


def test_a_kiln_is_found_where_it_is():
    table = find(scene((30, 40, 5, 10)))
    assert list(table.columns) == [*COLUMNS, "geometry"] and table.crs.to_epsg() == EPSG
    kiln = table.iloc[0]
    assert len(table) == 1
    assert kiln.geometry.centroid.distance(Point(700_000 + 450, 3_170_000 - 325)) < 10
    assert 0.3 < kiln.score <= 1
    assert 2000 < kiln.area_m2 < 12_000


@pytest.mark.parametrize(("shape", "azimuth"), [((4, 12), 90), ((12, 4), 0)])
def test_the_long_axis_is_told_clockwise_from_north(shape: tuple[int, int], azimuth: float):
    kiln = find(scene((30, 30, *shape))).iloc[0]
    assert kiln.azimuth == pytest.approx(azimuth, abs=1)
    assert kiln.elongation > 1.3


@pytest.mark.parametrize("apart", [8, 10, 15])
def test_neighbours_75_to_150_m_apart_come_out_separate(apart: int):
    table = find(scene((30, 20, 10, 5), (30, 20 + apart, 10, 5)))
    assert len(table) == 2
    assert table.geometry.iloc[0].intersection(table.geometry.iloc[1]).area < 0.1 * table.geometry.iloc[0].area


def test_a_giant_is_cut_into_candidates_of_bounded_size():
    table = find(scene((10, 10, 60, 60)))
    assert (table.area_m2 <= 200 * 100).all()


def test_nothing_comes_from_nothing():
    assert find(scene()).empty
    assert list(find(scene()).columns) == [*COLUMNS, "geometry"]


def test_invalid_pixels_hold_no_candidates():
    probability = scene((30, 40, 5, 10))
    assert find_candidates(probability, np.zeros(probability.shape, bool), ORIGIN, 0.1, EVERYWHERE, EPSG).empty


def test_a_higher_threshold_only_drops_candidates():
    low, high = find(noisy(3), 0.2), find(noisy(3), 0.5)
    assert 0 < len(high) < len(low)
    pd.testing.assert_frame_equal(high, low[low.score >= 0.5].reset_index(drop=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [50, 130])
def test_tiles_together_find_what_the_whole_finds(seed: int, size: int):
    probability = noisy(seed)
    rows, columns = probability.shape
    parts = []
    for row in range(0, rows, size):
        for column in range(0, columns, size):
            north, west = max(row - HALO, 0), max(column - HALO, 0)
            window = probability[north : row + size + HALO, west : column + size + HALO]
            x, y = (ORIGIN[0] + column) * 10, -(ORIGIN[1] + row) * 10
            own = box(x, y - size * 10, x + size * 10, y)
            parts.append(find(window, own=own, origin=(ORIGIN[0] + west, ORIGIN[1] + north)))
    tiled = pd.concat(parts).sort_values(["seed_y", "seed_x"], ascending=[False, True]).reset_index(drop=True)
    whole = find(probability)
    assert len(whole) > 50
    pd.testing.assert_frame_equal(tiled, whole)
