"""Recall against area: what thresholds keep and acquire, and which one follows."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from kilnscan.recall import Curve, chip_scores, choose_threshold, kept_at, threshold_interval

CHIP = 160.0


def curve(kept: list[float], chips: list[float]) -> Curve:
    return Curve("somewhere", np.array(kept), np.array(chips), np.array(chips[::4]), 100.0, 1.0)


def candidates(*rows: tuple[float, float, float]) -> gpd.GeoDataFrame:
    """Candidates of 40 m about (x, y) with a score."""
    shapes = [box(x - 20, y - 20, x + 20, y + 20) for x, y, _ in rows]
    return gpd.GeoDataFrame({"score": [score for *_, score in rows]}, geometry=shapes, crs=32643)


def test_a_chip_is_acquired_by_the_best_of_its_candidates():
    scores = chip_scores(candidates((1600, 1600, 0.3), (1760, 1600, 0.8)))
    assert scores[(9, 9)] == 0.3 and scores[(10, 9)] == 0.8 and (12, 9) not in scores


def test_a_kiln_is_kept_only_whole():
    scores = chip_scores(candidates((1600, 1600, 0.3), (1920, 1600, 0.8)))
    inside, across, outside = box(1500, 1590, 1600, 1640), box(1700, 1590, 1800, 1640), box(1400, 1590, 1500, 1640)
    assert kept_at(np.array([inside, across, outside]), scores).tolist() == [0.3, 0.3, 0.0]


def test_an_edge_on_a_chip_border_needs_no_more_than_it_covers():
    assert kept_at(np.array([box(1600, 1600, 1760, 1650)]), {(10, 10): 0.5}).tolist() == [0.5]


def test_curves_count_what_a_threshold_keeps():
    at = curve([0.2, 0.4, 0.0], [0.1, 0.2, 0.2, 0.4]).at(0.2)
    assert (at["kept"], at["kilns"], at["acquired_km2"]) == (2, 3, pytest.approx(3 * 0.0256, abs=1e-3))


def test_the_threshold_keeps_enough_kilns_over_all_regions():
    kept = [0.1] + [0.2] * 9 + [0.3] * 90
    chips = [0.1] * 1000 + [0.2] * 100 + [0.3] * 100
    curves = [curve(kept, chips), curve([0.3], [0.3])]
    assert [choose_threshold(curves, target) for target in (0.8, 0.95, 1.0)] == [0.21, 0.11, 0.05]


def test_the_threshold_goes_lower_where_that_costs_nearly_nothing():
    assert choose_threshold([curve([0.3] * 10, [0.1] * 100 + [0.2] * 2 + [0.3] * 98)], 1.0) == 0.11


def test_kilns_that_nothing_keeps_do_not_drag_the_threshold_down():
    assert choose_threshold([curve([0.0, 0.3, 0.5], [0.3] * 50 + [0.05] * 9)], 1.0) == 0.06


@pytest.mark.parametrize("target", [0.9, 0.95])
def test_the_thresholds_interval_holds_the_true_one_about_95_times_in_100(target: float):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        low, high = threshold_interval(rng.random(150), target)
        hits += low <= 1 - target <= high
    assert 0.92 <= hits / 400 <= 1
