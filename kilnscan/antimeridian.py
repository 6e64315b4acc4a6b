"""Longitudes on either side of 180 degrees: bring a geometry together, or split it there (RFC 7946)."""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

SNAP_DEG = 1e-6
"""Longitudes this close to 180 degrees (0.1 m) lie on it: what rounding leaves beyond is no land of its own."""


def box(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """The box between four edges in degrees; one with west > east crosses the antimeridian and is split there."""
    return split(shapely.box(west, south, east + 360 if west > east else east, north))


def jumps(geometry: BaseGeometry) -> bool:
    """Whether an edge of a polygon spans more than half the globe, but less than all of it."""
    rings = shapely.get_rings(shapely.get_parts(geometry))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    step = np.abs(np.diff(points[:, 0]))
    return bool(((np.diff(ring) == 0) & (step > 180) & (step < 360 - SNAP_DEG)).any())


def together(geometry: BaseGeometry, lon: float) -> BaseGeometry:
    """`geometry` (degrees) with every vertex moved by whole turns to within 180 degrees of the longitude `lon`."""

    def moved(points: np.ndarray) -> np.ndarray:
        x, y = points.T
        return np.column_stack([np.where(x - lon > 180, x - 360, np.where(x - lon < -180, x + 360, x)), y])

    return shapely.transform(geometry, moved)


def split(geometry: BaseGeometry) -> BaseGeometry:
    """`geometry` (longitudes within -540 and 540 degrees) within -180 and 180: polygons that cross are split there."""
    if _within(geometry):
        return geometry
    geometry = shapely.transform(geometry, _snapped)
    if _within(geometry):
        return geometry
    _, south, _, north = geometry.bounds
    pieces = []
    for turn in (-360, 0, 360):
        piece = geometry.intersection(shapely.box(turn - 180, south, turn + 180, north))
        pieces.append(shapely.transform(piece, lambda points, turn=turn: points - [turn, 0]))
    return polygons(shapely.union_all(pieces))


def polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry that may also hold points and lines, where shapes only touch."""
    if geometry.geom_type == "Polygon" and geometry.area > 0:
        return geometry
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and part.area > 0]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _within(geometry: BaseGeometry) -> bool:
    return geometry.is_empty or (geometry.bounds[0] >= -180 and geometry.bounds[2] <= 180)


def _snapped(points: np.ndarray) -> np.ndarray:
    x, y = points.T
    return np.column_stack([np.where(np.abs(np.abs(x) - 180) < SNAP_DEG, np.copysign(180, x), x), y])
