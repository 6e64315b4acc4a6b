"""Geometry of oriented boxes (x, y, length, width, angle): corners, overlap, and suppression of duplicates.

Angles are radians in [0, pi), from +x towards +y; length >= width. In images y points down, on maps up: the algebra is
the same, and turning one into the other negates the angle.
"""

import numpy as np
import shapely


def canonical(boxes: np.ndarray) -> np.ndarray:
    """The same boxes (N, 5) written with length >= width and angle in [0, pi)."""
    boxes = np.array(boxes, dtype=float).reshape(-1, 5)
    swap = boxes[:, 3] > boxes[:, 2]
    boxes[swap, 2:4] = boxes[swap, 3:1:-1]
    boxes[:, 4] = np.mod(boxes[:, 4] + np.where(swap, np.pi / 2, 0.0), np.pi)
    boxes[boxes[:, 4] >= np.pi, 4] = 0.0  # the remainder of a tiny negative angle rounds up to pi
    return boxes


def corners(boxes: np.ndarray) -> np.ndarray:
    """Corners (N, 4, 2) of boxes (N, 5), in order round the box."""
    boxes = np.asarray(boxes, dtype=float).reshape(-1, 5)
    along = np.stack([np.cos(boxes[:, 4]), np.sin(boxes[:, 4])], axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half_length, half_width = along * boxes[:, 2:3] / 2, across * boxes[:, 3:4] / 2
    signs = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])
    return boxes[:, None, :2] + signs[:, :1] * half_length[:, None] + signs[:, 1:] * half_width[:, None]


def polygons(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 5) as an array (N,) of shapely polygons."""
    return shapely.polygons(corners(boxes)) if len(boxes) else np.empty(0, dtype=object)


def from_polygons(geometry: np.ndarray) -> np.ndarray:
    """The smallest oriented boxes (N, 5) round shapely geometries (N,)."""
    boxes = np.zeros((len(geometry), 5))
    for row, rectangle in enumerate(shapely.minimum_rotated_rectangle(np.asarray(geometry, dtype=object))):
        if rectangle.geom_type != "Polygon":  # a point or a line: a box without area
            boxes[row, :2] = shapely.get_coordinates(rectangle.centroid)[0]
            continue
        ring = shapely.get_coordinates(rectangle)
        first, second = ring[1] - ring[0], ring[2] - ring[1]
        boxes[row] = [*ring[:4].mean(axis=0), np.hypot(*first), np.hypot(*second), np.arctan2(first[1], first[0])]
    return canonical(boxes)


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Exact overlap, intersection over union, of every box (N, 5) with every other (M, 5): an (N, M) matrix."""
    boxes, others = np.asarray(boxes, float).reshape(-1, 5), np.asarray(others, float).reshape(-1, 5)
    overlap = np.zeros((len(boxes), len(others)))
    reach = np.hypot(boxes[:, 2], boxes[:, 3])[:, None] / 2 + np.hypot(others[:, 2], others[:, 3]) / 2
    distance = np.hypot(*(boxes[:, None, :2] - others[None, :, :2]).transpose(2, 0, 1))
    rows, columns = np.nonzero(distance < reach)
    if len(rows):
        shared = shapely.area(shapely.intersection(polygons(boxes)[rows], polygons(others)[columns]))
        union = boxes[rows, 2] * boxes[rows, 3] + others[columns, 2] * others[columns, 3] - shared
        overlap[rows, columns] = np.where(union > 0, shared / np.where(union > 0, union, 1.0), 0.0)
    return overlap


def suppress(boxes: np.ndarray, scores: np.ndarray, max_iou: float = 0.3, min_distance: float = 0.0) -> np.ndarray:
    """Indexes of the boxes (N, 5) to keep, best first: one of any that overlap or lie too close.

    A box is dropped if it overlaps a kept better one by more than `max_iou`, or if their centres are closer than
    `min_distance`. Equal scores are ranked by the boxes themselves, so the order of the rows does not matter.
    """
    boxes, scores = np.asarray(boxes, float).reshape(-1, 5), np.asarray(scores, float)
    waiting = np.lexsort((*boxes.T[::-1], -scores))
    keep = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        keep.append(best)
        near = np.hypot(*(boxes[waiting, :2] - boxes[best, :2]).T) < min_distance
        waiting = waiting[~near & (iou(boxes[[best]], boxes[waiting])[0] <= max_iou)]
    return np.array(keep, dtype=int)
