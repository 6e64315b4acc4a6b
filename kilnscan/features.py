"""What the screen sees at each pixel: colour, how it stands out from its surroundings, and the shape it is part of.

Colour tells kilns from other bare ground. It is measured by normalised differences of bands, which do not depend on
brightness (composites differ in that by a factor of two), and compared with the mean and spread of surroundings of 0.5
and 2 km. Bands become whole numbers that are summed over boxes exactly and divided once: a pixel's features depend on
nothing farther than `HALO` pixels and are the same to the last bit in whatever window they are computed. Invalid pixels
count for nothing.
"""

import numba
import numpy as np

from kilnscan.errors import ImageryError
from kilnscan.looks import sorting_network

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
TURN = 16  # columns turned from rows of features to features of pixels at a time


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
        sums = Sums(pixels, valid, bands, rows, columns)
        block = out[_less(rows, whole[0].start), _less(columns, whole[1].start)]
        rings = np.array([around(distance) for distance in RINGS])
        networks = sorting_network(8), sorting_network(4)
        _describe(sums.integral, 0, sums.planes, np.array(SURROUNDINGS), np.array(LOCAL), rings, *networks, block)
    return out


def blocks(window: Window) -> list[Window]:
    """Cut a window of rows and columns into blocks small enough to hold their features."""
    rows, columns = ([slice(k, min(k + BLOCK, s.stop)) for k in range(s.start, s.stop, BLOCK)] for s in window)
    return [(row, column) for row in rows for column in columns]


def _less(part: slice, start: int) -> slice:
    return slice(part.start - start, part.stop - start)


class Sums:
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


@numba.njit(nogil=True, inline="always")
def _box(table, top, left, width, columns, sums):  # pragma: no cover (compiled)
    """Sums over boxes `width` wide of an integral image, side by side from (`top`, `left`) on."""
    north, south, east = table[top], table[top + width], left + width
    for c in range(columns):
        sums[c] = south[east + c] - north[east + c] - south[left + c] + north[left + c]


@numba.njit(nogil=True, inline="always")
def _means(integral, top, left, width, columns, planes, sums, number, means):  # pragma: no cover (compiled)
    """Means over boxes of the tables `planes` (from, to) of an integral image, over valid pixels only."""
    _box(integral[0], top, left, width, columns, sums)
    for c in range(columns):
        number[c] = float(max(sums[c], 1))
    for plane in range(planes[0], planes[1]):
        _box(integral[plane], top, left, width, columns, sums)
        row = means[plane - planes[0]]
        for c in range(columns):
            row[c] = sums[c] / number[c]


@numba.njit(nogil=True, inline="always")
def _sort(rows, network):  # pragma: no cover (compiled)
    """Sort a few rows (value, column) column by column, so that direction does not matter."""
    for n in range(network.shape[0]):
        first, second = rows[network[n, 0]], rows[network[n, 1]]
        for c in range(first.size):
            a, b = first[c], second[c]
            first[c] = min(a, b)
            second[c] = max(a, b)


@numba.njit(nogil=True, cache=True)
def _describe(integral, first, planes, arounds, widths, rings, sort8, sort4, out):  # pragma: no cover (compiled)
    """Put the features of some rows, from the `first` on, into `out` (row, column, feature).

    Row by row and feature by feature, so that the inner loops run in vector registers; the same arithmetic in the
    same order as numpy's (tests/unit/reference_features.py), and so the same bits.
    """
    rows, columns, count = out.shape
    sums, number, light = np.empty(columns, np.int64), np.empty(columns), np.empty(columns)
    mean = np.empty((2 * planes, columns))
    about, unit = np.empty((len(arounds), planes, columns)), np.empty((len(arounds), planes, columns))
    ring, axis = np.empty((8, columns), np.float32), np.empty((4, columns), np.float32)
    centre, here = np.empty((1, columns)), np.empty((1, columns))
    found = np.empty((count, columns), np.float32)
    shape, last = min(1, planes - 1), len(arounds) - 1
    for r in range(rows):
        top, f = HALO + first + r, 0
        for a in range(len(arounds)):
            half = arounds[a] // 2
            _means(integral, top - half, HALO - half, arounds[a], columns, (1, 1 + 2 * planes), sums, number, mean)
            for p in range(planes):
                for c in range(columns):
                    spread = np.sqrt(max(mean[planes + p, c] - mean[p, c] * mean[p, c], 0.0))
                    about[a, p, c] = mean[p, c]
                    # floors keep noise in even surroundings from looking like much
                    unit[a, p, c] = max(spread, 1.0)
                    if p == 0:
                        bright = max(mean[0, c], 1.0)
                        unit[a, 0, c] = max(unit[a, 0, c], 0.01 * bright)
                        found[f, c] = spread / bright
                    else:
                        found[f, c] = spread / STEPS
                f += 1
        for a in range(len(arounds)):
            for p in range(1, planes):
                for c in range(columns):
                    found[f, c] = about[a, p, c] / STEPS
                f += 1
        for c in range(columns):
            light[c] = max(about[0, 0, c], 1.0)
        for k in range(len(widths)):
            half = widths[k] // 2
            _means(integral, top - half, HALO - half, widths[k], columns, (1, 2 + planes), sums, number, mean)
            for p in range(1, planes):
                for c in range(columns):
                    found[f, c] = mean[p, c] / STEPS
                f += 1
            for a in range(len(arounds)):
                for p in range(planes):
                    for c in range(columns):
                        found[f, c] = (mean[p, c] - about[a, p, c]) / unit[a, p, c]
                    f += 1
            if widths[k] > 1:
                for c in range(columns):
                    found[f, c] = np.sqrt(max(mean[planes, c] - mean[0, c] * mean[0, c], 0.0)) / light[c]
                f += 1
        one = (1 + shape, 2 + shape)
        _means(integral, top - 1, HALO - 1, 3, columns, one, sums, number, centre)
        for d in range(rings.shape[0]):
            for k in range(8):
                down, right = top + rings[d, k, 0] - 1, HALO + rings[d, k, 1] - 1
                _means(integral, down, right, 3, columns, one, sums, number, here)
                _box(integral[0], down, right, 3, columns, sums)
                for c in range(columns):
                    away = (here[0, c] - centre[0, c]) / unit[last, shape, c]
                    ring[k, c] = away if sums[c] > 0 else 0.0
            for k in range(4):
                for c in range(columns):
                    axis[k, c] = ring[k, c] + ring[k + 4, c]
            _sort(ring, sort8)
            _sort(axis, sort4)
            found[f : f + 8] = ring
            found[f + 8 : f + 12] = axis
            f += 12
        for start in range(0, columns, TURN):  # turned in squares that stay in the cache
            for c in range(start, min(start + TURN, columns)):
                for k in range(count):
                    out[r, c, k] = found[k, c]


def around(distance: int) -> list[tuple[int, int]]:
    """Eight offsets (down, right) on a ring, clockwise from north."""
    d, a = distance, round(distance * 0.7071)
    return [(-d, 0), (-a, a), (0, d), (a, a), (d, 0), (a, -a), (0, -d), (-a, -a)]
