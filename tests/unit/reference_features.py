"""The features by numpy alone, as they were first written: slow, short, and what the compiled ones must equal."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from kilnscan.features import HALO, LOCAL, RINGS, STEPS, SURROUNDINGS, Sums, around


class Means:
    """Means over boxes of the exact sums."""

    def __init__(self, sums: Sums) -> None:
        self.integral, self.columns, self.planes = sums.integral, sums.columns, sums.planes

    def means(
        self, first: int, rows: int, width: int, down: int = 0, right: int = 0, which: slice = slice(1, None)
    ) -> tuple[np.ndarray, np.ndarray]:
        """Means (plane, row, column) over boxes aside from the pixels of some rows, and the number of valid ones."""
        top, left = HALO + first + down - width // 2, HALO + right - width // 2
        north, south = slice(top, top + rows), slice(top + width, top + width + rows)
        west, east = slice(left, left + self.columns), slice(left + width, left + width + self.columns)
        number, sums = (
            table[..., south, east] - table[..., north, east] - table[..., south, west] + table[..., north, west]
            for table in (self.integral[0], self.integral[which])
        )
        return sums / np.maximum(number, 1), number


def describe(sums: Sums, first: int, rows: int) -> Iterator[np.ndarray]:
    """Yield the features (row, column) of `rows` rows from the `first` on, in the order of `feature_names`."""
    means, planes = partial(Means(sums).means, first, rows), sums.planes
    surroundings = []
    for width in SURROUNDINGS:
        mean, _ = means(width)
        spread = _spread(mean, planes)
        light = np.maximum(mean[0], 1)
        yield spread[0] / light
        yield from spread[1:] / STEPS
        # floors keep noise in even surroundings from looking like much
        unit = np.maximum(spread, 1)
        np.maximum(unit[0], 0.01 * light, out=unit[0])
        surroundings.append((mean[:planes], unit))
    for mean, _ in surroundings:
        yield from mean[1:] / STEPS
    light = np.maximum(surroundings[0][0][0], 1)
    for width in LOCAL:
        mean, _ = means(width)
        yield from mean[1:planes] / STEPS
        for about, unit in surroundings:
            yield from (mean[:planes] - about) / unit
        if width > 1:
            yield np.sqrt(np.maximum(mean[planes] - mean[0] * mean[0], 0)) / light
    shape = min(1, planes - 1)
    unit = surroundings[-1][1][shape]
    centre, _ = means(3, which=slice(1 + shape, 2 + shape))
    for distance in RINGS:
        ring = []
        for offset in around(distance):
            mean, number = means(3, *offset, which=slice(1 + shape, 2 + shape))
            ring.append(np.where(number > 0, (mean[0] - centre[0]) / unit, 0).astype(np.float32))
        yield from _sorted(ring)
        yield from _sorted([ring[k] + ring[k + 4] for k in range(4)])


def _spread(mean: np.ndarray, planes: int) -> np.ndarray:
    """Standard deviations of the planes, from their means and the means of their squares."""
    return np.sqrt(np.maximum(mean[planes:] - mean[:planes] * mean[:planes], 0))


def _sorted(planes: list[np.ndarray]) -> list[np.ndarray]:
    """Sort 4 or 8 planes pixel by pixel, so that direction does not matter.

    Batcher's network: far faster than numpy's sort of many short columns.
    """
    planes = list(planes)
    size, p = len(planes), 1
    while p < size:
        k = p
        while k >= 1:
            for j in range(k % p, size - k, 2 * k):
                for i in range(min(k, size - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        a, b = planes[i + j], planes[i + j + k]
                        planes[i + j], planes[i + j + k] = np.minimum(a, b), np.maximum(a, b)
            k //= 2
        p *= 2
    return planes
