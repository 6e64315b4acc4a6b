"""Show a picture to a detector at the scale it was trained at, whatever the size of its windows.

Where a window is smaller than the picture, windows overlap by half or more and what several of them saw is told once;
where it is larger, the picture lies in its middle.
"""

import math

import numpy as np

from kilnscan.detector import DETECTION, Detector
from kilnscan.obb import suppress

MARGIN = 0.19
"""Share of a window along an edge inside the picture whose boxes are left to the next window, which sees them whole."""


def starts(side: int, size: int) -> list[int]:
    """Where windows of `size` pixels begin along a picture's `side`: evenly, overlapping by half or more."""
    if side <= size:
        return [0]
    steps = math.ceil(2 * (side - size) / size)
    return [round(step * (side - size) / steps) for step in range(steps + 1)]


def detect_in_pictures(
    detector: Detector, pictures: np.ndarray, min_score: float | None = None, threads: int = 1
) -> list[np.ndarray]:
    """Kilns in each of the square pictures (N, row, column, 3) uint8 of the detector's resolution, best first.

    Arrays of DETECTION in pixels of the picture. Each picture is looked at by itself.
    """
    side, size = pictures.shape[1], detector.window_px
    if side == size:
        return detector.detect(pictures, min_score=min_score, threads=threads)
    if side < size:
        before = (size - side) // 2
        padded = np.full((len(pictures), size, size, 3), detector.fill, np.uint8)
        padded[:, before : before + side, before : before + side] = pictures
        found = detector.detect(padded, min_score=min_score, threads=threads)
        return [_inside(_moved(table, -before, -before), side) for table in found]
    return [_in_pieces(detector, picture, min_score, threads) for picture in pictures]


def _in_pieces(detector: Detector, picture: np.ndarray, min_score: float | None, threads: int) -> np.ndarray:
    """Kilns in a picture larger than a window."""
    side, size = len(picture), detector.window_px
    places = [(row, column) for row in starts(side, size) for column in starts(side, size)]
    windows = [picture[row : row + size, column : column + size] for row, column in places]
    tables = [np.empty(0, DETECTION)]
    for (row, column), table in zip(
        places, detector.detect(windows, min_score=min_score, threads=threads), strict=True
    ):
        whole = _seen_whole(table["x"], column, size, side) & _seen_whole(table["y"], row, size, side)
        tables.append(_moved(table[whole], column, row))
    found = np.concatenate(tables)
    boxes = np.column_stack([found[name] for name in ("x", "y", "length", "width", "angle")])
    return found[suppress(boxes, found["score"])]


def _seen_whole(at: np.ndarray, start: int, size: int, side: int) -> np.ndarray:
    """Which places along a window's axis are far enough from those of its edges that lie inside the picture."""
    margin = MARGIN * size
    return ((at >= margin) | (start == 0)) & ((at <= size - margin) | (start + size == side))


def _moved(table: np.ndarray, x: float, y: float) -> np.ndarray:
    moved = table.copy()
    moved["x"] += x
    moved["y"] += y
    return moved


def _inside(table: np.ndarray, side: int) -> np.ndarray:
    return table[(table["x"] >= 0) & (table["x"] < side) & (table["y"] >= 0) & (table["y"] < side)]
