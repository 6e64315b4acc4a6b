"""The lattice of chips: every candidate is seen whole, and what is bought is shared."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from kilnscan.lattice import chip_bounds, chips_of, chips_of_window, covered, nearest_vertex, window_bounds, windows_of


def candidates(*boxes: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[box(*bounds) for bounds in boxes], crs="EPSG:32643")


def test_an_isolated_kiln_costs_one_window_of_four_chips():
    windows = windows_of(candidates((700_010, 3_200_020, 700_070, 3_200_120)))
    assert windows == [(4375, 20000)]
    assert window_bounds(windows[0]) == (699_840, 3_199_840, 700_160, 3_200_160)
    assert len(chips_of(windows)) == 4


def test_a_window_is_exactly_its_chips():
    chips = [chip_bounds(chip) for chip in chips_of_window((10, -3))]
    left, bottom, right, top = zip(*chips, strict=True)
    assert (min(left), min(bottom), max(right), max(top)) == window_bounds((10, -3))


@pytest.mark.parametrize("seed", range(3))
def test_points_lie_at_least_half_a_chip_inside_their_window(seed: int):
    for x, y in np.random.default_rng(seed).uniform(-1e6, 1e6, (200, 2)):
        left, bottom, right, top = window_bounds(nearest_vertex(x, y))
        assert min(x - left, y - bottom, right - x, top - y) >= 80


def test_a_candidate_too_large_for_one_window_gets_more_that_cover_it():
    wide = (1000.0, 1000.0, 1500.0, 1060.0)
    windows = windows_of(candidates(wide))
    assert len(windows) > 1
    bought = [box(*chip_bounds(chip)) for chip in chips_of(windows)]
    assert gpd.GeoSeries(bought).union_all().covers(box(*wide))


def test_neighbours_share_windows_and_chips():
    one = windows_of(candidates((0, 0, 50, 50)))
    assert windows_of(candidates((0, 0, 50, 50), (20, -40, 70, 10))) == one
    beside = windows_of(candidates((0, 0, 50, 50), (150, 0, 200, 50)))
    assert len(beside) == 2 and len(chips_of(beside)) == 6


def test_no_candidates_need_nothing():
    assert windows_of(candidates()) == []
    assert chips_of([]) == []


def test_covered_tells_which_points_are_bought():
    chips = chips_of([(0, 0)])
    assert covered(np.array([-160.0, 159.9, 160.0]), np.array([0.0, -160.0, 0.0]), chips).tolist() == [
        True,
        True,
        False,
    ]
