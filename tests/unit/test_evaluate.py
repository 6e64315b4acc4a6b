"""Precision and recall count each kiln once, within the distance, inside the area."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.errors import VectorError
from kilnscan.evaluate import evaluate, match, next_region, wilson

NORTH = 1 / 111_195


def places(metres):
    return np.zeros(len(metres)), np.asarray(metres, float) * NORTH


def test_the_next_region_is_foretold_by_regions_not_by_kilns():
    told = next_region([0.8, 0.9, 1.0])
    half = 4.302653 * 0.1 * (1 + 1 / 3) ** 0.5  # Student's t of 2 degrees of freedom
    assert (told["mean"], told["least"], told["high"]) == (0.9, 0.8, 1.0)
    assert told["low"] == pytest.approx(0.9 - half, abs=0.001)
    assert next_region([0.7]) == {"mean": 0.7, "least": 0.7, "low": None, "high": None}


def test_matches_are_one_to_one_and_nearest_first():
    found, known = match(*places([0, 30]), *places([20]), 50)
    assert (found.tolist(), known.tolist()) == ([1], [0])


def test_two_kilns_near_two_references_are_both_matched():
    found, known = match(*places([0, 60]), *places([10, 55]), 50)
    assert sorted(zip(found, known, strict=True)) == [(0, 0), (1, 1)]


def test_what_lies_farther_than_the_distance_does_not_match():
    assert match(*places([0]), *places([50.5]), 50)[0].tolist() == []


def test_wilson_intervals_agree_with_published_ones():
    # Newcombe 1998, table I: 81/263 -> .2553 to .3662; 15/148 -> .0624 to .1605; 0/20 -> 0 to .1611
    assert wilson(81, 263) == pytest.approx([0.2553, 0.3662], abs=1e-4)
    assert wilson(15, 148) == pytest.approx([0.0624, 0.1605], abs=1e-4)
    assert wilson(0, 20) == pytest.approx([0, 0.1611], abs=1e-4)
    assert wilson(0, 0) is None


def table(metres, half=20, **columns):
    _, lat = places(metres)
    shapes = [shapely.box(-half * NORTH, y - half * NORTH, half * NORTH, y + half * NORTH) for y in lat]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)


def evaluated(kilns, candidates, reference, **columns):
    seen = {
        "keeper": [True] * len(kilns),
        "owner": ["t"] * len(kilns),
        "place_score": np.linspace(0.9, 0.5, len(kilns)),
    }
    kilns = table(kilns, type=["FCBK"] * len(kilns), **seen)
    coverage = table([0], half=1000, area_km2=[4.0])
    acquired = table([0], half=100, area_km2=[0.04])
    return evaluate(kilns, table(candidates), acquired, coverage, kilns, table(reference, **columns), 50)


def test_each_stage_is_measured_and_reference_outside_the_area_does_not_count():
    result = evaluated(kilns=[5, 600], candidates=[0, 90], reference=[0, 80, 500, 5000])
    assert result["reference_kilns"] == 3
    assert result["screen"]["recall_matched"]["of"] == [2, 3]
    assert result["screen"]["recall_acquired"]["of"] == [2, 3]
    assert result["screen"]["acquired_share"] == 0.01
    assert result["atlas"]["precision"]["of"] == [1, 2]
    assert result["atlas"]["recall"]["of"] == [1, 3]
    assert result["atlas"]["f1"] == 0.4


def test_an_empty_atlas_has_no_precision_and_no_recall():
    result = evaluated(kilns=[], candidates=[], reference=[0])
    assert result["atlas"]["precision"]["value"] is None and result["atlas"]["recall"]["value"] == 0


def test_a_reference_elsewhere_is_refused():
    with pytest.raises(VectorError, match="inside the area of interest"):
        evaluated(kilns=[0], candidates=[], reference=[90_000])


def test_boxes_count_by_their_overlap_and_types_by_their_name():
    result = evaluated(kilns=[5, 90, 600], candidates=[0], reference=[0, 80, 500], kiln_type=["fcbk", "zigzag", None])
    assert result["atlas"]["type_accuracy"]["of"] == [1, 2]
    # boxes of 40 m moved by 5 m and 10 m overlap by 7/9 and 3/5: two of three references, before the false one
    assert result["atlas"]["ap50"] == pytest.approx(2 / 3, abs=1e-4)


def test_points_without_types_say_nothing_of_boxes_and_types():
    coverage, acquired = table([0], half=1000, area_km2=[4.0]), table([0], half=100, area_km2=[0.04])
    kilns = table([0], type=["FCBK"], keeper=[True], owner=["t"], place_score=[0.9])
    points = gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326)
    result = evaluate(kilns, table([0]), acquired, coverage, kilns, points, 50)
    assert result["atlas"]["ap50"] is None and result["atlas"]["type_accuracy"] is None
