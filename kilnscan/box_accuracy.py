"""How good oriented boxes are: average precision by overlap of the rotated boxes, and their types.

Boxes are shapely polygons in metres of one projected CRS (any one, the same for both), so that areas mean something.
"""

import numpy as np
import shapely

Boxes = np.ndarray | list[shapely.Polygon]
"""Polygons (N,), for example `GeoSeries.to_numpy()`."""


def match_boxes(
    boxes: Boxes, scores: np.ndarray, reference: Boxes, min_iou: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Indexes of boxes and of the reference boxes they match, one to one, best score first.

    Each box in turn takes, of the reference boxes still free that it overlaps by at least `min_iou` (intersection over
    union), the one it overlaps most. Equal scores are ranked by place, so the order of the rows does not matter.
    """
    boxes, reference, scores = _array(boxes), _array(reference), np.asarray(scores, float)
    if len(scores) != len(boxes):
        raise ValueError(f"{len(boxes)} boxes have {len(scores)} scores")
    found, known = [], []
    if len(boxes) and len(reference):
        row, column, overlap = _overlaps(boxes, reference)
        close = overlap >= min_iou
        row, column, overlap = row[close], column[close], overlap[close]
        order = np.lexsort((column, -overlap, _rank(boxes, scores)[row]))
        taken, open_ = np.zeros(len(boxes), bool), np.ones(len(reference), bool)
        for a, b in zip(row[order], column[order], strict=True):
            if not taken[a] and open_[b]:
                taken[a], open_[b] = True, False
                found.append(a)
                known.append(b)
    return np.array(found, np.int64), np.array(known, np.int64)


def average_precision(boxes: Boxes, scores: np.ndarray, reference: Boxes, min_iou: float = 0.5) -> float:
    """Area under precision over recall, 0 to 1, with all points interpolated (Pascal VOC 2010 and later).

    Boxes count from the best `scores` (N,) down, and match the `reference` one to one as in `match_boxes`; boxes of
    equal score are ranked by place. NaN if there is no reference.
    """
    boxes, reference, scores = _array(boxes), _array(reference), np.asarray(scores, float)
    if not len(reference):
        return float("nan")
    hit = np.zeros(len(boxes), bool)
    hit[match_boxes(boxes, scores, reference, min_iou)[0]] = True
    hit = hit[np.argsort(_rank(boxes, scores))]
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_here[hit].sum() / len(reference))


def type_accuracy(
    types: np.ndarray | list[str], reference_types: np.ndarray | list[str], found: np.ndarray, known: np.ndarray
) -> tuple[int, int]:
    """How many of the matched boxes have the type of their reference box, in any case; and how many were compared.

    `found` and `known` are what `match_boxes` (or any other matching) returns. Kilns whose reference type is missing
    (None, NaN or empty) are not compared.
    """
    pairs = [(types[a], reference_types[b]) for a, b in zip(found, known, strict=True)]
    pairs = [(str(one).lower(), other.lower()) for one, other in pairs if isinstance(other, str) and other]
    return sum(one == other for one, other in pairs), len(pairs)


def _array(boxes: Boxes) -> np.ndarray:
    made = np.empty(len(boxes), dtype=object)
    made[:] = list(boxes)
    return made


def _rank(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The rank (N,) of each box: by score, then from west to east, then from south to north."""
    west, south, east, north = shapely.bounds(boxes).T
    rank = np.empty(len(boxes), np.int64)
    rank[np.lexsort((north, east, south, west, -scores))] = np.arange(len(boxes))
    return rank


def _overlaps(boxes: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of boxes and reference boxes whose bounds meet, and their intersection over union."""
    row, column = shapely.STRtree(reference).query(boxes)
    shared = shapely.area(shapely.intersection(boxes[row], reference[column]))
    union = shapely.area(boxes)[row] + shapely.area(reference)[column] - shared
    return row, column, np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
