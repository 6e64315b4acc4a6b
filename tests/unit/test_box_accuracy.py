"""Average precision and type accuracy of oriented boxes."""

import math

import numpy as np
import pytest
import shapely
from shapely import affinity, box

from kilnscan import obb
from kilnscan.box_accuracy import average_precision, match_boxes, type_accuracy


def kiln(x: float, y: float = 0.0, turned: float = 0.0) -> shapely.Polygon:
    """A box of 100 by 50 m, turned by so many degrees."""
    return affinity.rotate(box(x - 50, y - 25, x + 50, y + 25), turned)


KILNS = [kiln(0), kiln(1000), kiln(2000)]


# --- by hand ---


def test_all_found_and_nothing_else():
    assert average_precision(KILNS, [0.9, 0.8, 0.7], KILNS) == 1


def test_nothing_found():
    assert average_precision([], [], KILNS) == 0
    assert average_precision([kiln(5000)], [0.9], KILNS) == 0


def test_without_reference_there_is_no_answer():
    assert math.isnan(average_precision(KILNS, [0.9, 0.8, 0.7], []))


def test_a_false_alarm_costs_what_comes_after_it():
    # hit, false, hit; the third kiln is never found: precision 1 up to recall 1/3, 2/3 up to 2/3, then 0
    boxes = [kiln(0), kiln(9000), kiln(2000)]
    assert average_precision(boxes, [0.9, 0.8, 0.7], KILNS) == pytest.approx((1 + 2 / 3) / 3)
    # false, hit, hit: precision 1/2, then 2/3, which counts for the first as well
    assert average_precision(boxes, [0.8, 0.9, 0.7], KILNS) == pytest.approx((2 / 3 + 2 / 3) / 3)
    # the false alarm comes last and costs nothing
    assert average_precision(boxes, [0.9, 0.1, 0.7], KILNS) == pytest.approx(2 / 3)


def test_a_second_box_on_a_kiln_is_a_false_alarm():
    assert average_precision([kiln(0), kiln(1), kiln(1000)], [0.9, 0.8, 0.7], KILNS[:2]) == pytest.approx(
        (1 + 2 / 3) / 2
    )


def test_overlap_is_that_of_the_turned_boxes():
    # turned by a quarter, two boxes of 100 by 50 share 50 by 50: 2500 / 7500
    assert average_precision([kiln(0, 0, 90)], [0.9], [kiln(0)]) == 0
    assert average_precision([kiln(0, 0, 90)], [0.9], [kiln(0)], min_iou=1 / 3 - 1e-9) == 1
    # their bounds are the same, but turned to either side they share a rhombus only
    assert average_precision([kiln(0, 0, 30)], [0.9], [kiln(0, 0, -30)]) == 0
    assert average_precision([kiln(0, 0, 30)], [0.9], [kiln(0, 0, 30)]) == 1


def test_half_the_overlap_is_enough():
    # shifted by a third of the length they share two thirds: 2/3 / (4/3) = 1/2, which is enough
    assert match_boxes([box(0, 0, 3, 1)], [0.9], [box(1, 0, 4, 1)])[0].tolist() == [0]
    assert match_boxes([box(0, 0, 3, 1)], [0.9], [box(1, 0, 4, 1)], min_iou=0.51)[0].tolist() == []


def test_the_better_score_chooses_first_and_takes_what_it_overlaps_most():
    boxes, reference = [kiln(10), kiln(-15)], [kiln(0), kiln(25)]
    found, known = match_boxes(boxes, [0.5, 0.9], reference)
    assert list(zip(found, known, strict=True)) == [(1, 0), (0, 1)]


def test_a_box_whose_best_kiln_is_taken_may_have_the_next():
    found, known = match_boxes([kiln(0), kiln(5)], [0.9, 0.8], [kiln(2), kiln(30)])
    assert list(zip(found, known, strict=True)) == [(0, 0), (1, 1)]


def test_the_order_of_the_rows_does_not_matter():
    boxes, scores, reference = some(40, 1)
    expected = average_precision(boxes, scores, reference)
    order = np.random.default_rng(5).permutation(40)
    assert average_precision(boxes[order], scores[order], reference[::-1]) == expected


def test_a_score_for_each_box():
    with pytest.raises(ValueError, match="3 boxes have 2 scores"):
        average_precision(KILNS, [0.9, 0.8], KILNS)


def test_types_are_compared_where_the_reference_has_one():
    types, known = ["zigzag", "FCBK", "zigzag", "FCBK"], ["Zigzag", "zigzag", None, float("nan"), "FCBK"]
    assert type_accuracy(types, known, np.array([0, 1, 2, 3]), np.array([0, 1, 2, 3])) == (1, 2)
    assert type_accuracy(types, known, np.array([3, 0]), np.array([4, 1])) == (2, 2)
    assert type_accuracy(types, known, np.array([], int), np.array([], int)) == (0, 0)


# --- against a brute-force implementation ---


def some(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kilns at random places, and boxes that are kilns moved, turned and resized a little, or nothing of the sort."""
    rng = np.random.default_rng(seed)
    kilns = np.column_stack([rng.uniform(0, 900, (25, 2)), np.tile([110, 50], (25, 1)), rng.uniform(0, np.pi, 25)])
    boxes = kilns[rng.integers(25, size=count)] * [1, 1, 1.1, 0.9, 1]
    boxes += rng.normal(0, [12, 12, 5, 5, 0.15], (count, 5))
    boxes[: count // 4, :2] = rng.uniform(0, 900, (count // 4, 2))
    return obb.polygons(boxes), np.round(rng.uniform(0, 1, count), 3), obb.polygons(kilns)


def brute_force(boxes, scores, reference, min_iou) -> float:
    """The definition, step by step: match from the best down, then the area under the envelope by its corners."""
    order = sorted(range(len(boxes)), key=lambda index: (-scores[index], boxes[index].bounds))
    free = list(range(len(reference)))
    points, hits = [], 0
    for count, index in enumerate(order, start=1):
        overlaps = {}
        for other in free:
            shared = boxes[index].intersection(reference[other]).area
            overlaps[other] = shared / (boxes[index].area + reference[other].area - shared)
        best = max(overlaps, key=overlaps.get, default=None)
        if best is not None and overlaps[best] >= min_iou:
            free.remove(best)
            hits += 1
        points.append((hits / len(reference), hits / count))
    area, before = 0.0, 0.0
    for recall in sorted({recall for recall, _ in points}):
        area += (recall - before) * max(precision for reached, precision in points if reached >= recall)
        before = recall
    return area


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("min_iou", [0.3, 0.5, 0.7])
def test_brute_force_agrees(seed: int, min_iou: float):
    boxes, scores, reference = some(60, seed)
    expected = brute_force(boxes, scores, reference, min_iou)
    assert average_precision(boxes, scores, reference, min_iou) == pytest.approx(expected, abs=1e-12)
    if min_iou == 0.5:
        assert 0.1 < expected < 0.9
