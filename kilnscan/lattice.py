"""The lattice of chips: what is bought around candidates, and the windows the second stage looks at.

Chips are squares of `chip_m` metres whose edges lie on multiples of `chip_m` in UTM. A window is the 2x2 chips around
one lattice vertex and is named by that vertex: (i, j) is centred on (i * chip_m, j * chip_m). The vertex nearest to a
point is at most half a chip away in x and in y, so the point is at least half a chip from every edge of its window.
"""

import math

import geopandas as gpd
import numpy as np
from shapely import Polygon

from kilnscan.mosaic import Bounds

CHIP_M = 160.0
MARGIN_M = 10.0

Vertex = tuple[int, int]


def windows_of(candidates: gpd.GeoDataFrame, chip_m: float = CHIP_M, margin_m: float = MARGIN_M) -> list[Vertex]:
    """Windows needed to see every candidate (polygons in UTM metres) whole, sorted, each named once."""
    return sorted({window for polygon in candidates.geometry for window in windows_around(polygon, chip_m, margin_m)})


def windows_around(polygon: Polygon, chip_m: float = CHIP_M, margin_m: float = MARGIN_M) -> list[Vertex]:
    """The window nearest to one candidate's centroid, and more only where it comes within `margin_m` of an edge."""
    centre = nearest_vertex(polygon.centroid.x, polygon.centroid.y, chip_m)
    left, bottom, right, top = polygon.bounds
    west, south, east, north = window_bounds(centre, chip_m)
    if left >= west + margin_m and bottom >= south + margin_m and right <= east - margin_m and top <= north - margin_m:
        return [centre]
    (i0, j0), (i1, j1) = nearest_vertex(left, bottom, chip_m), nearest_vertex(right, top, chip_m)
    return sorted({centre} | {(i, j) for i in range(i0, i1 + 1) for j in range(j0, j1 + 1)})


def nearest_vertex(x: float, y: float, chip_m: float = CHIP_M) -> Vertex:
    """Lattice vertex nearest to a point in UTM metres; halfway goes north-east."""
    return math.floor(x / chip_m + 0.5), math.floor(y / chip_m + 0.5)


def window_bounds(window: Vertex, chip_m: float = CHIP_M) -> Bounds:
    """Left, bottom, right, top of a window in UTM metres."""
    i, j = window
    return (i - 1) * chip_m, (j - 1) * chip_m, (i + 1) * chip_m, (j + 1) * chip_m


def chips_of_window(window: Vertex) -> list[Vertex]:
    """The four chips of a window, each named by its lower left vertex, sorted."""
    i, j = window
    return [(i - 1, j - 1), (i - 1, j), (i, j - 1), (i, j)]


def chip_bounds(chip: Vertex, chip_m: float = CHIP_M) -> Bounds:
    """Left, bottom, right, top of a chip in UTM metres."""
    i, j = chip
    return i * chip_m, j * chip_m, (i + 1) * chip_m, (j + 1) * chip_m


def chip_holding(x: float, y: float, chip_m: float = CHIP_M) -> Vertex:
    """The chip that a point in UTM metres lies in."""
    return int(x // chip_m), int(y // chip_m)


def chips_of(windows: list[Vertex]) -> list[Vertex]:
    """The chips of several windows, sorted, each named once: the area acquired."""
    return sorted({chip for window in windows for chip in chips_of_window(window)})


def covered(x: np.ndarray, y: np.ndarray, chips: list[Vertex], chip_m: float = CHIP_M) -> np.ndarray:
    """Which of the points (UTM metres) lie in one of `chips`."""
    held = set(chips)
    columns, rows = np.floor(np.asarray(x) / chip_m).astype(int), np.floor(np.asarray(y) / chip_m).astype(int)
    return np.array([chip in held for chip in zip(columns.tolist(), rows.tolist(), strict=True)], dtype=bool)
