"""Every kiln comes out once: duplicates merge, real neighbours stay, order and tiling change nothing."""

import numpy as np
import pytest
import shapely

from kilnscan.merge import merge, near_pairs

LAT = 28.7
NORTH = 1 / 111_195  # degrees per metre
EAST = NORTH / np.cos(np.radians(LAT))


def boxes(east, north, lon=77.3, length=100, width=45, turn=0.0):
    """Oriented boxes in degrees centred `east` and `north` metres from a place."""
    shapes = []
    for e, n in zip(east, north, strict=True):
        ring = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (length / 2, width / 2)
        ring = ring @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        shapes.append(shapely.Polygon(np.add(ring, (e, n)) * (EAST, NORTH) + (lon, LAT)))
    return np.array(shapes)


def merged(east, north, score, **kwargs):
    shapes = boxes(np.asarray(east, float), np.asarray(north, float), **kwargs)
    centre = shapely.centroid(shapes)
    return merge(shapely.get_x(centre), shapely.get_y(centre), shapes, np.asarray(score, float), 40, 0.3)


def test_near_duplicates_become_the_best_of_them():
    assert merged([0, 12, 25], [0, 5, 0], [0.5, 0.9, 0.7]).tolist() == [1, 1, 1]


def test_neighbours_seventy_metres_apart_stay_two_kilns():
    assert merged([0, 0], [0, 70], [0.9, 0.8]).tolist() == [0, 1]


def test_long_boxes_that_overlap_are_one_kiln_although_their_centres_are_apart():
    assert merged([0, 45], [0, 0], [0.9, 0.8]).tolist() == [0, 0]


def test_a_chain_is_cut_where_the_better_one_no_longer_reaches():
    # the middle one goes to the better end; the other end is too far from it and stays
    assert merged([0, 0, 0], [0, 35, 70], [0.9, 0.5, 0.8]).tolist() == [0, 0, 2]


def test_one_alone_and_none_at_all():
    assert merged([0], [0], [0.5]).tolist() == [0]
    assert merged([], [], []).tolist() == []


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(3)
    east, north = rng.uniform(0, 2000, 300), rng.uniform(0, 2000, 300)
    score = np.round(rng.random(300), 1)  # many ties
    first = merged(east, north, score)
    shuffle = rng.permutation(300)
    second = merged(east[shuffle], north[shuffle], score[shuffle])
    assert (shuffle[second] == first[shuffle]).all()


def test_distances_hold_across_the_antimeridian_and_near_the_pole():
    pairs, metres = near_pairs(np.array([179.9999, -179.9999]), np.array([70.0, 70.0]), 50)
    assert len(pairs) == 1 and metres[0] == pytest.approx(2e-4 * 111_195 * np.cos(np.radians(70)), rel=1e-3)
