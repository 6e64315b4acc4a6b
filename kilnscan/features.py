"""What the screen sees at each pixel: colour, how it stands out from its surroundings, and the shape it is part of.

Colour tells kilns from other bare ground. It is measured by normalised differences of bands, which do not depend on
brightness (composites differ in that by a factor of two), and compared with the mean and spread of surroundings of 0.5
and 2 km. Bands become whole numbers that are summed over boxes exactly and divided once: a pixel's features depend on
nothing farther than `HALO` pixels and are the same to the last bit in whatever window they are computed. Invalid pixels
count for nothing.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from kilnscan.errors import ImageryError

INDICES = {  # name: (bands added, bands subtracted); the value is (added - subtracted) / (added + subtracted)
    "brick": (("B04",), ("B03",)),
    "redness": (("B04",), ("B02",)),
    "ndvi": (("B08",), ("B04",)),
    "ndbi": (("B11",), ("B08",)),
    "clay": (("B11",), ("B12",)),
    "bare": (("B11", "B04"), ("B08", "B02")),
}
STEPS = 1024  # an index of 1 as a whole number

# widths of boxes in pixels
SURROUNDINGS = (51, 201)
LOCAL = (1, 3, 5, 7, 13, 25)
RINGS = (7, 10)  # distances in pixels at which eight 3x3 boxes stand around a pixel
HALO = max(SURROUNDINGS) // 2
BLOCK = 512  # rows and columns whose sums are held at a time
STRIP = 32  # rows described at a time


Window = tuple[slice, slice]  # rows and columns


def indices_of(bands: list[str]) -> list[str]:
    """The normalised differences that `bands` allow."""
    return [name for name, (plus, minus) in INDICES.items() if set(plus + minus) <= set(bands)]


def feature_names(bands: list[str]) -> list[str]:
    """Names of the features of `bands`, in the order of `compute_features`."""
    indices = indices_of(bands)
    planes = ["light", *indices]
    shape = planes[min(1, len(indices))]
    names = [f"{plane}_spread{around}" for around in SURROUNDINGS for plane in planes]
    names += [f"{index}_mean{around}" for around in SURROUNDINGS for index in indices]
    for width in LOCAL:
        names += [f"{index}_mean{width}" for index in indices]
        names += [f"{plane}_above{around}_{width}" for around in SURROUNDINGS for plane in planes]
        names += [f"light_spread{width}"] if width > 1 else []
    for ring in RINGS:
        names += [f"{shape}_ring{ring}_{rank}" for rank in range(8)] + [
            f"{shape}_axis{ring}_{rank}" for rank in range(4)
        ]
    return names


def compute_features(
    pixels: np.ndarray, valid: np.ndarray, bands: list[str], window: Window | None = None
) -> np.ndarray:
    """Features (row, column, feature) float32 of `pixels` (band, row, column) uint8 or uint16, `valid` (row, column).

    `window` asks for a part of the array only. What lies outside the array counts as invalid: hand over `HALO` more
    pixels than asked for on every side that goes on. Raises ImageryError if the arrays do not fit together.
    """
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape != (len(bands), *valid.shape):
        raise ImageryError(
            f"The screen needs {len(bands)} bands ({', '.join(bands)}) of uint8 or uint16 with a mask of the same "
            f"size, but got {pixels.dtype} {pixels.shape} and a mask {valid.shape}: check `bands` against the imagery."
        )
    whole = window or (slice(0, valid.shape[0]), slice(0, valid.shape[1]))
    shape = (whole[0].stop - whole[0].start, whole[1].stop - whole[1].start)
    out = np.empty((*shape, len(feature_names(bands))), np.float32)
    for rows, columns in blocks(whole):
        sums = _Sums(pixels, valid, bands, rows, columns)
        block = out[_less(rows, whole[0].start), _less(columns, whole[1].start)]
        for first in range(0, len(block), STRIP):
            # a strip at a time: what is computed stays in the processor's cache
            strip = block[first : first + STRIP]
            strip[...] = np.moveaxis(np.asarray(list(_describe(sums, first, len(strip))), np.float32), 0, -1)
    return out


def blocks(window: Window) -> list[Window]:
    """Cut a window of rows and columns into blocks small enough to hold their features."""
    rows, columns = ([slice(k, min(k + BLOCK, s.stop)) for k in range(s.start, s.stop, BLOCK)] for s in window)
    return [(row, column) for row in rows for column in columns]


def _less(part: slice, start: int) -> slice:
    return slice(part.start - start, part.stop - start)


class _Sums:
    """Exact sums over boxes of validity, light (the sum of all bands), the indices in STEPS, the latter squared too."""

    def __init__(self, pixels: np.ndarray, valid: np.ndarray, bands: list[str], rows: slice, columns: slice):
        here = tuple(slice(max(part.start - HALO, 0), part.stop + HALO) for part in (rows, columns))
        values = np.where(valid[here], pixels[:, *here], 0).astype(np.int64)
        planes = [values.sum(axis=0)]
        for name in indices_of(bands):
            plus, minus = (values[[bands.index(band) for band in part]].sum(axis=0) for part in INDICES[name])
            planes.append(((plus - minus) * STEPS) // np.maximum(plus + minus, 1))
        self.planes = len(planes)
        inner = np.stack([valid[here], *planes, *(plane * plane for plane in planes)], dtype=np.int64)
        # one row and column more to the north-west, as integral images have
        north, west = (HALO + 1 - (part.start - held.start) for part, held in zip((rows, columns), here, strict=True))
        shape = tuple(part.stop - part.start + 2 * HALO + 1 for part in (rows, columns))
        self.integral = np.zeros((len(inner), *shape), np.int64)
        self.integral[:, north : north + inner.shape[1], west : west + inner.shape[2]] = inner
        for axis in (1, 2):
            np.cumsum(self.integral, axis=axis, out=self.integral)
        self.columns = columns.stop - columns.start

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


def _describe(sums: _Sums, first: int, rows: int) -> Iterator[np.ndarray]:
    """Yield the features (row, column) of `rows` rows from the `first` on, in the order of `feature_names`."""
    means, planes = partial(sums.means, first, rows), sums.planes
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
        for around, unit in surroundings:
            yield from (mean[:planes] - around) / unit
        if width > 1:
            yield np.sqrt(np.maximum(mean[planes] - mean[0] * mean[0], 0)) / light
    shape = min(1, planes - 1)
    unit = surroundings[-1][1][shape]
    centre, _ = means(3, which=slice(1 + shape, 2 + shape))
    for distance in RINGS:
        ring = []
        for offset in _around(distance):
            mean, number = means(3, *offset, which=slice(1 + shape, 2 + shape))
            ring.append(np.where(number > 0, (mean[0] - centre[0]) / unit, 0).astype(np.float32))
        yield from _sorted(ring)
        yield from _sorted([ring[k] + ring[k + 4] for k in range(4)])


def _spread(mean: np.ndarray, planes: int) -> np.ndarray:
    """Standard deviations of the planes, from their means and the means of their squares."""
    return np.sqrt(np.maximum(mean[planes:] - mean[:planes] * mean[:planes], 0))


def _around(distance: int) -> list[tuple[int, int]]:
    """Eight offsets (down, right) on a ring, clockwise from north."""
    d, a = distance, round(distance * 0.7071)
    return [(-d, 0), (-a, a), (0, d), (a, a), (d, 0), (a, -a), (0, -d), (-a, -a)]


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
