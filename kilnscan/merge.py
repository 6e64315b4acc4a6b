"""One row per kiln: merge what overlapping windows, chips and tiles saw twice, keep real neighbours apart."""

import numpy as np
import shapely
from scipy.spatial import cKDTree

EARTH_M = 6_371_008.8  # mean radius (IUGG)
REACH_M = 160.0
"""No two boxes of kilns whose centres are farther apart than this overlap: the longest kiln is some 160 m."""


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
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    chord = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return pairs, 2 * EARTH_M * np.arcsin(chord / 2)


def overlaps(polygons: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Intersection over union of pairs of polygons in degrees. Both are stretched alike, so the ratio holds."""
    first, second = polygons[pairs[:, 0]], polygons[pairs[:, 1]]
    common = shapely.area(shapely.intersection(first, second))
    return common / (shapely.area(first) + shapely.area(second) - common)


def merge(
    lon: np.ndarray, lat: np.ndarray, polygons: np.ndarray, score: np.ndarray, distance_m: float, overlap: float
) -> np.ndarray:
    """Which kiln each detection belongs to: the index of the detection that stands for it.

    The best-scored detection stands for all that lie within `distance_m` of it or overlap it by more than `overlap`
    (IoU); ties go by place. The order of the rows changes nothing but their numbers. All coordinates are degrees.
    """
    pairs, metres = near_pairs(lon, lat, max(REACH_M, distance_m))
    same = pairs[(metres < distance_m) | (overlaps(polygons, pairs) > overlap)]
    rank = np.empty(len(score), np.int64)
    rank[np.lexsort((lat, lon, -score))] = np.arange(len(score))
    # each pair once, from the better to the worse, in the order of the better
    better = np.where(rank[same[:, 0]] < rank[same[:, 1]], same[:, 0], same[:, 1])
    worse = same.sum(axis=1) - better
    keeper = np.full(len(score), -1, np.int64)
    order = np.lexsort((rank[worse], rank[better]))
    better, worse = better[order], worse[order]
    starts = np.searchsorted(rank[better], np.arange(len(score) + 1))
    for place, index in enumerate(np.argsort(rank)):
        if keeper[index] < 0:
            keeper[index] = index
            members = worse[starts[place] : starts[place + 1]]
            members = members[keeper[members] < 0]
            keeper[members] = index
    return keeper
