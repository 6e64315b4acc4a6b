import numpy as np
import pytest
import shapely

from kilnscan import obb

UPRIGHT = [100.0, 50.0, 40.0, 20.0, 0.0]


def some_boxes(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.uniform(5, 60, (count, 2)))[:, ::-1]
    return np.column_stack([rng.uniform(0, 200, (count, 2)), sizes, rng.uniform(0, np.pi, count)])


def test_corners_surround_the_centre():
    assert sorted(map(tuple, obb.corners([UPRIGHT])[0])) == [(80, 40), (80, 60), (120, 40), (120, 60)]


def test_angles_turn_from_x_towards_y():
    first_corner = obb.corners([[0, 0, 10, 0, np.pi / 6]])[0, 0]
    assert first_corner == pytest.approx([5 * np.cos(np.pi / 6), 2.5])


def test_a_box_survives_the_way_through_its_polygon():
    boxes = some_boxes(50)
    again = obb.from_polygons(obb.polygons(boxes))
    assert again[:, :4] == pytest.approx(boxes[:, :4])
    assert np.sin(again[:, 4] - boxes[:, 4]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("angle", [-1e-17, -0.5, 0.0, 1.0, 4.0])
def test_canonical_boxes_are_long_before_wide_and_turn_less_than_half(angle: float):
    box = obb.canonical([[0, 0, 10, 20, angle]])[0]
    assert box[2] >= box[3]
    assert 0 <= box[4] < np.pi
    same = shapely.symmetric_difference(*obb.polygons([box, [0, 0, 10, 20, angle]]))
    assert same.area == pytest.approx(0, abs=1e-6)


def test_overlap_of_known_boxes():
    others = [UPRIGHT, [120, 50, 40, 20, 0], [100, 50, 20, 20, 0], [300, 300, 40, 20, 0], [100, 50, 40, 20, np.pi]]
    assert obb.iou([UPRIGHT], others)[0] == pytest.approx([1, 1 / 3, 1 / 2, 0, 1])


def test_overlap_of_a_crossed_pair():
    assert obb.iou([UPRIGHT], [[100, 50, 40, 20, np.pi / 2]])[0, 0] == pytest.approx(400 / 1200)


def test_boxes_without_area_overlap_nothing():
    assert obb.iou([[0, 0, 0, 0, 0]], [[0, 0, 0, 0, 0]])[0, 0] == 0


def test_of_overlapping_boxes_the_best_stays():
    boxes = np.array([UPRIGHT, [104, 50, 40, 20, 0.1], [200, 50, 40, 20, 0]])
    assert obb.suppress(boxes, [0.5, 0.9, 0.3]).tolist() == [1, 2]


def test_of_close_boxes_the_best_stays_even_without_overlap():
    boxes = np.array([[0, 0, 4, 2, 0], [0, 10, 4, 2, 0]])
    assert obb.suppress(boxes, [0.5, 0.9]).tolist() == [1, 0]
    assert obb.suppress(boxes, [0.5, 0.9], min_distance=11).tolist() == [1]


def test_what_stays_does_not_depend_on_the_order_of_the_rows():
    boxes, scores = some_boxes(80), np.round(np.random.default_rng(1).uniform(0, 1, 80), 1)  # many equal scores
    kept = boxes[obb.suppress(boxes, scores)]
    order = np.random.default_rng(2).permutation(80)
    assert np.array_equal(boxes[order][obb.suppress(boxes[order], scores[order])], kept)


def test_nothing_in_nothing_out():
    empty = np.empty((0, 5))
    assert obb.corners(empty).shape == (0, 4, 2)
    assert obb.from_polygons(obb.polygons(empty)).shape == (0, 5)
    assert obb.iou(empty, some_boxes(3)).shape == (0, 3)
    assert obb.suppress(empty, np.empty(0)).shape == (0,)
