"""One row per kiln: merge what overlapping windows, chips and tiles saw twice, keep real neighbours apart."""

import numba
import numpy as np
import shapely
from scipy.spatial import cKDTree

EARTH_M = 6_371_008.8  # mean radius (IUGG)


def unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Points on the unit sphere (n, 3) of places in degrees; free of poles and antimeridian."""
    lam, phi = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def near_pairs(lon: np.ndarray, lat: np.ndarray, reach_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of places (n, 2; first index below second, sorted) closer than `reach_m`, and their distances in metres."""
    if len(lon) < 2:
        return np.empty((0, 2), np.int64), np.empty(0)
    points = unit_vectors(lon, lat)
    pairs = cKDTree(points).query_pairs(2 * np.sin(reach_m / EARTH_M / 2), output_type="ndarray")
    pairs = np.column_stack(np.divmod(np.sort(pairs[:, 0] * len(points) + pairs[:, 1]), len(points)))
    chord = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return pairs, 2 * EARTH_M * np.arcsin(chord / 2)


def merge(
    lon: np.ndarray, lat: np.ndarray, polygons: np.ndarray, score: np.ndarray, distance_m: float, overlap: float
) -> np.ndarray:
    """Which kiln each detection belongs to: the index of the detection that stands for it.

    The best-scored detection stands for all that lie within `distance_m` of it or overlap it by more than `overlap`
    (IoU); ties go by place, then by shape. The order of the rows changes nothing but their numbers. `lon` and `lat` are
    the centres (n,) of the `polygons` (n,), which are oriented boxes or other convex quadrilaterals; all in degrees.
    """
    corners = shapely.get_coordinates(polygons).reshape(-1, 5, 2)[:, :4]
    order = np.lexsort((*corners[:, :2].reshape(-1, 4).T, lat, lon, -score))  # the best first
    lon, lat, corners = lon[order], lat[order], corners[order]
    pairs, metres = near_pairs(lon, lat, max(distance_m, 2 * _radius(lon, lat, corners)))
    keeper = np.empty(len(order), np.int64)
    keeper[order] = order[_claim(pairs, metres, corners, distance_m, overlap)]
    return keeper


def _radius(lon: np.ndarray, lat: np.ndarray, corners: np.ndarray) -> float:
    """Metres from a centre to the farthest corner (n, 4, 2): none farther apart than twice that overlap."""
    centre = unit_vectors(lon, lat)
    return EARTH_M * max(
        (np.linalg.norm(unit_vectors(*corner.T) - centre, axis=1).max(initial=0) for corner in corners.swapaxes(0, 1)),
        default=0,
    )


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _claim(pairs, metres, corners, distance_m, overlap):  # pragma: no cover (compiled)
    """Index of the box that stands for each; boxes (n, 4, 2) best first, pairs sorted."""
    keeper = np.arange(len(corners))
    for pair in range(len(pairs)):
        better, worse = pairs[pair]
        free = keeper[better] == better and keeper[worse] == worse  # nobody stands for them yet
        if free and (metres[pair] < distance_m or _iou(corners[better], corners[worse]) > overlap):
            keeper[worse] = better
    return keeper


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _iou(one, other):  # pragma: no cover (compiled)
    """Overlap, intersection over union, of two convex quadrilaterals (4, 2) in degrees, clipping one by the other.

    Both are stretched alike by the degrees, so the ratio holds.
    """
    shape, rest, by = np.empty((20, 2)), np.empty((20, 2)), np.empty((4, 2))  # 20 do whatever the corners are
    for k in range(4):
        for axis in range(2):
            shape[k, axis], by[k, axis] = one[k, axis] - one[0, axis], other[k, axis] - one[0, axis]
        shape[k, 0], by[k, 0] = (shape[k, 0] + 180) % 360 - 180, (by[k, 0] + 180) % 360 - 180
    first, second, count = _area(shape, 4), _area(by, 4), 4
    for side in range(4):  # Sutherland and Hodgman: keep what lies on the inner side of each side
        x, y = by[side]
        dx, dy = by[(side + 1) % 4, 0] - x, by[(side + 1) % 4, 1] - y
        kept = 0
        for k in range(count):
            here, then = shape[k], shape[(k + 1) % count]
            inside = second * (dx * (here[1] - y) - dy * (here[0] - x))
            next_inside = second * (dx * (then[1] - y) - dy * (then[0] - x))
            if inside >= 0:
                rest[kept] = here
                kept += 1
            if inside * next_inside < 0:
                rest[kept] = here + (then - here) * (inside / (inside - next_inside))
                kept += 1
        shape, rest, count = rest, shape, kept
    common = abs(_area(shape, count))
    union = abs(first) + abs(second) - common
    return common / union if union > 0 else 0.0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _area(points, count):  # pragma: no cover (compiled)
    """Area of the first `count` points (k, 2) in order round a shape; below 0 where they go clockwise."""
    twice = 0.0
    for k in range(count):
        then = (k + 1) % count
        twice += points[k, 0] * points[then, 1] - points[then, 0] * points[k, 1]
    return twice / 2
