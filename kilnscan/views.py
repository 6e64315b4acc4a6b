"""Looking at a window several times, turned and mirrored, and averaging what each look says of every place.

Views are numbered 0 to 7; outputs of the network are (5 + classes, places): x, y, length, width, a score per class,
angle, in pixels and radians.
"""

import numpy as np

from kilnscan.obb import canonical


def turn(grid: np.ndarray, view: int) -> np.ndarray:
    """View 0..7 of a square grid (..., row, column): mirrored when odd, then turned by quarters."""
    mirrored = grid[..., ::-1] if view % 2 else grid
    return np.rot90(mirrored, view // 2, axes=(-2, -1))


def _turn_back(grid: np.ndarray, view: int) -> np.ndarray:
    turned = np.rot90(grid, -(view // 2), axes=(-2, -1))
    return turned[..., ::-1] if view % 2 else turned


def average(raw: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (A, 5) and scores (A, classes) of each place, from what the views (V, 5 + classes, A) say of it.

    A box is averaged as the ellipse it spans, weighted by score: centre and second moments have no jump at half turns.
    """
    if len(raw) == 1:
        return canonical(raw[0][[0, 1, 2, 3, -1]].T), raw[0][4:-1].T
    aligned = np.stack([align(one, view, size) for view, one in enumerate(raw)])
    scores = aligned[:, 4:-1].mean(axis=0)
    weight = aligned[:, 4:-1].max(axis=1) + 1e-9
    weight /= weight.sum(axis=0)
    x, y, length, width, angle = aligned[:, [0, 1, 2, 3, -1]].transpose(1, 0, 2)
    cos, sin = np.cos(2 * angle), np.sin(2 * angle)
    size2, stretch = length**2 + width**2, length**2 - width**2
    size2, even, odd = ((weight * term).sum(axis=0) for term in (size2, stretch * cos, stretch * sin))
    stretch = np.hypot(even, odd)
    length, width = np.sqrt((size2 + stretch) / 2), np.sqrt(np.maximum(size2 - stretch, 0) / 2)
    x, y = (weight * x).sum(axis=0), (weight * y).sum(axis=0)
    return canonical(np.stack([x, y, length, width, np.arctan2(odd, even) / 2], axis=1)), scores.T


def align(raw: np.ndarray, view: int, size: int) -> np.ndarray:
    """Output (5 + classes, A) of a turned view as if it had not been turned: places put back, boxes turned back."""
    parts, start, side = [], 0, size // 8
    while start < raw.shape[1]:  # the levels of the network, each half as fine as the one before
        grid = raw[:, start : start + side * side].reshape(len(raw), side, side)
        parts.append(_turn_back(grid, view).reshape(len(raw), -1))
        start, side = start + side * side, side // 2
    back = np.concatenate(parts, axis=1)
    quarters, mirror = view // 2, -1.0 if view % 2 else 1.0
    x, y = back[0] - size / 2, back[1] - size / 2
    for _ in range(quarters):
        x, y = -y, x
    back[0], back[1] = mirror * x + size / 2, y + size / 2
    back[-1] = mirror * (back[-1] + quarters * np.pi / 2)
    return back
