"""Every kiln comes out once: duplicates merge, real neighbours stay, order and tiling change nothing."""

from itertools import permutations

import numpy as np
import pytest
import shapely

from kilnscan import obb
from kilnscan.merge import _iou, merge, near_pairs

NORTH = 1 / 111_195  # degrees per metre


def boxes(east, north, lon=77.3, lat=28.7, length=100, width=45, turn=0.0):
    """Oriented boxes in degrees centred `east` and `north` metres from a place."""
    count = len(east)
    shape = [np.full(count, value, float) if np.isscalar(value) else value for value in (length, width, turn)]
    rings = obb.corners(np.column_stack([east, north, *shape]))
    return shapely.polygons(rings * (NORTH / np.cos(np.radians(lat)), NORTH) + (lon, lat))


def centre(shapes):
    places = shapely.centroid(shapes)
    return shapely.get_x(places), shapely.get_y(places)


def merged(east, north, score, **kwargs):
    shapes = boxes(np.asarray(east, float), np.asarray(north, float), **kwargs)
    return merge(*centre(shapes), shapes, np.asarray(score, float), 40, 0.3)


def test_near_duplicates_become_the_best_of_them():
    assert merged([0, 12, 25], [0, 5, 0], [0.5, 0.9, 0.7]).tolist() == [1, 1, 1]


def test_neighbours_seventy_metres_apart_stay_two_kilns():
    assert merged([0, 0], [0, 70], [0.9, 0.8]).tolist() == [0, 1]


def test_long_boxes_that_overlap_are_one_kiln_although_their_centres_are_apart():
    assert merged([0, 45], [0, 0], [0.9, 0.8]).tolist() == [0, 0]


def test_a_chain_is_cut_where_the_better_one_no_longer_reaches():
    # the middle one goes to the better end; the other end is too far from it and stays
    assert merged([0, 0, 0], [0, 35, 70], [0.9, 0.5, 0.8]).tolist() == [0, 0, 2]


def test_what_nobody_stands_for_stands_for_others_again():
    # the second goes to the first, and so leaves the third to stand for itself and for the fourth
    assert merged([0, 0, 0, 0], [0, 35, 70, 105], [0.9, 0.8, 0.7, 0.6]).tolist() == [0, 0, 2, 2]


def test_one_alone_and_none_at_all():
    assert merged([0], [0], [0.5]).tolist() == [0]
    assert merged([], [], []).tolist() == []


def test_neighbours_that_touch_stay_two_kilns():
    assert merged([0, 0], [0, 45], [0.9, 0.8]).tolist() == [0, 1]
    assert merged([0, 100], [0, 0], [0.9, 0.8]).tolist() == [0, 1]


def test_slanted_kilns_side_by_side_stay_two_although_their_upright_bounds_overlap():
    turn = np.pi / 4
    apart = 48 * np.array([-np.sin(turn), np.cos(turn)])
    shapes = boxes([0, apart[0]], [0, apart[1]], turn=turn, length=120)
    bounds = shapely.box(*shapely.bounds(shapes).T)
    upright = shapely.intersection(*bounds).area / shapely.union(*bounds).area
    assert upright > 0.3 and shapely.intersection(*shapes).area == 0
    assert merge(*centre(shapes), shapes, np.array([0.9, 0.8]), 40, 0.3).tolist() == [0, 1]


def test_slanted_boxes_of_one_kiln_are_one_although_their_centres_are_apart():
    along = 45 * np.array([np.cos(1), np.sin(1)])
    assert merged([0, along[0]], [0, along[1]], [0.8, 0.9], turn=1.0).tolist() == [1, 1]


def test_large_boxes_that_overlap_are_one_however_far_apart_their_centres_are():
    assert merged([0, 300], [0, 0], [0.9, 0.8], length=1000).tolist() == [0, 0]


def test_distances_of_exactly_the_limit_do_not_merge():
    pairs, metres = near_pairs(*centre(boxes([0, 0], [0, 40], length=20, width=20)), 50)
    assert len(pairs) == 1
    shapes = boxes([0, 0], [0, 40], length=20, width=20)
    assert merge(*centre(shapes), shapes, np.array([0.9, 0.8]), metres[0], 0.3).tolist() == [0, 1]
    assert merge(*centre(shapes), shapes, np.array([0.9, 0.8]), metres[0] + 1e-6, 0.3).tolist() == [0, 0]


def test_of_equal_scores_the_place_decides_and_of_equal_places_the_shape_whatever_the_order_of_rows():
    east, turn = np.array([0.0, 0.0, 10.0, 30.0]), np.array([0.1, 0.4, 0.2, 0.3])
    shapes = boxes(east, np.zeros(4), turn=turn)
    lon, lat = 77.3 + east * NORTH, np.full(4, 28.7)
    keepers = set()
    for order in map(list, permutations(range(4))):
        keeper = merge(lon[order], lat[order], shapes[order], np.full(4, 0.5), 40, 0.3)
        keepers.add(tuple(np.array(order)[keeper][np.argsort(order)]))
    assert len(keepers) == 1


def test_every_order_of_a_chain_gives_the_same_kilns():
    north, score = np.arange(5) * 35.0, np.array([0.5, 0.9, 0.5, 0.9, 0.5])
    found = {tuple(sorted(north[list(order)][merged(np.zeros(5), north[list(order)], score[list(order)])]))
             for order in permutations(range(5))}  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize("lat", [28.7, -0.0003, -33.9, 70])
def test_the_order_of_rows_changes_nothing_in_the_north_or_south(lat):
    rng = np.random.default_rng(3)
    east, north, turn = rng.uniform(0, 2000, 300), rng.uniform(0, 2000, 300), rng.uniform(0, np.pi, 300)
    score = np.round(rng.random(300), 1)  # many ties
    first = merged(east, north, score, lat=lat, turn=turn)
    shuffle = rng.permutation(300)
    second = merged(east[shuffle], north[shuffle], score[shuffle], lat=lat, turn=turn[shuffle])
    assert (shuffle[second] == first[shuffle]).all()


def test_land_cut_in_two_where_no_box_reaches_across_gives_the_same_kilns():
    rng = np.random.default_rng(5)
    east, north = rng.uniform(0, 3000, 400), rng.uniform(0, 1000, 400)
    east[east > 1500] += 200
    score = rng.random(400)
    whole = merged(east, north, score)
    for side in (east <= 1500, east > 1500):
        rows = np.flatnonzero(side)
        assert (rows[merged(east[rows], north[rows], score[rows])] == whole[rows]).all()


def test_across_the_antimeridian_boxes_merge_as_elsewhere():
    east, north, score = [-60, -20, 25, 60], [0, 10, 0, 200], [0.9, 0.8, 0.7, 0.6]
    here = boxes(east, north, lon=100)
    there = shapely.transform(here, lambda points: np.column_stack([(points[:, 0] + 260) % 360 - 180, points[:, 1]]))
    lon, lat = centre(here)
    expected = merge(lon, lat, here, np.array(score), 40, 0.3)
    assert merge((lon + 260) % 360 - 180, lat, there, np.array(score), 40, 0.3).tolist() == expected.tolist()


def test_distances_hold_across_the_antimeridian_and_near_the_pole():
    pairs, metres = near_pairs(np.array([179.9999, -179.9999]), np.array([70.0, 70.0]), 50)
    assert len(pairs) == 1 and metres[0] == pytest.approx(2e-4 * 111_195 * np.cos(np.radians(70)), rel=1e-3)


def test_the_overlap_is_that_of_exact_geometry_whichever_way_round_the_corners_go():
    rng = np.random.default_rng(6)
    for _ in range(300):
        first, second = boxes(
            rng.uniform(-40, 40, 2),
            rng.uniform(-40, 40, 2),
            turn=rng.uniform(0, np.pi, 2),
            width=rng.uniform(10, 90, 2),
        )
        exact = first.intersection(second).area / first.union(second).area
        ring, other = (shapely.get_coordinates(shape)[:4] for shape in (first, second))
        assert _iou(ring, other) == pytest.approx(exact, abs=1e-9)
        assert _iou(ring[::-1], other) == pytest.approx(exact, abs=1e-9)


def test_the_overlap_with_itself_is_one_and_without_area_none():
    ring = shapely.get_coordinates(boxes([0], [0], turn=0.3)[0])[:4]
    assert _iou(ring, ring) == pytest.approx(1) and _iou(ring, np.roll(ring, 1, axis=0)) == pytest.approx(1)
    assert _iou(np.zeros((4, 2)), np.zeros((4, 2))) == 0 and _iou(ring, ring[[0, 0, 1, 1]]) == 0
