"""What the screen sees at each pixel: colour, its surroundings at several scales, and the shape of what it stands in.

Every number comes from exact integer sums over small boxes, divided once: a pixel's features depend on nothing farther than
`HALO` pixels and are the same to the last bit in whatever window they are computed. All are relative (to the surroundings
500 m wide or between bands), because composites differ in brightness by a factor of two. Invalid pixels count for nothing.
"""

from collections.abc import Iterator

import numpy as np

from kilnscan.errors import ImageryError

WIDTHS = (1, 3, 7, 13, 25)  # box widths in pixels: local means
SPREADS = (3, 7, 13, 25)  # box widths in pixels: local standard deviations
BACKGROUND = 51  # box width in pixels: what everything is relative to
RINGS = (4, 7)  # distances in pixels at which eight 3x3 boxes stand around the pixel
HALO = BACKGROUND // 2

INDICES = {  # name -> bands added, bands subtracted: (plus - minus) / (plus + minus)
    "brick": (("B04",), ("B03",)),
    "redness": (("B04",), ("B02",)),
    "ndvi": (("B08",), ("B04",)),
    "ndbi": (("B11",), ("B08",)),
    "clay": (("B11",), ("B12",)),
    "bare": (("B11", "B04"), ("B08", "B02")),
}
INDEX_WIDTHS = (1, 5, 13, BACKGROUND)


def indices_of(bands: list[str]) -> dict[str, tuple[list[int], list[int]]]:
    """The normalised differences that `bands` allow, as positions of the bands added and subtracted."""
    return {
        name: ([bands.index(band) for band in plus], [bands.index(band) for band in minus])
        for name, (plus, minus) in INDICES.items()
        if set(plus + minus) <= set(bands)
    }


def feature_names(bands: list[str]) -> list[str]:
    """Names of the features of `bands`, in the order of `compute_features`."""
    indices = list(indices_of(bands))
    names = [f"{band}_mean{width}" for width in WIDTHS for band in bands]
    names += [f"{band}_spread{width}" for width in SPREADS for band in bands]
    names += [f"{index}_mean{width}" for width in INDEX_WIDTHS for index in indices]
    for ring in RINGS:
        for what in ["brightness", *indices[:1]]:
            names += [f"{what}_ring{ring}_{rank}" for rank in range(8)]
            names += [f"{what}_axis{ring}_{rank}" for rank in range(4)]
    return names


def compute_features(pixels: np.ndarray, valid: np.ndarray, bands: list[str]) -> np.ndarray:
    """Features (row, column, feature) float32 of `pixels` (band, row, column) uint8 or uint16 where `valid` (row, column).

    What lies outside the array counts as invalid, so hand over `HALO` more pixels than are needed on every side that goes on.
    Raises ImageryError if the arrays do not fit together.
    """
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape != (len(bands), *valid.shape):
        raise ImageryError(
            f"The screen needs {len(bands)} bands ({', '.join(bands)}) of uint8 or uint16 with a mask of the same size, "
            f"but got {pixels.dtype} {pixels.shape} and a mask {valid.shape}: check `bands` against the imagery."
        )
    out = np.empty((len(feature_names(bands)), *valid.shape), np.float32)
    for plane, feature in zip(out, _planes(pixels, valid, bands), strict=True):
        plane[...] = feature
    return np.moveaxis(out, 0, -1)


def _planes(pixels: np.ndarray, valid: np.ndarray, bands: list[str]) -> Iterator[np.ndarray]:
    """Yield the features (row, column) in the order of `feature_names`."""
    values = np.where(valid, pixels, 0).astype(np.int64)
    counts, sums, squares = _Boxes(valid[None].astype(np.int64)), _Boxes(values), _Boxes(values * values)
    number = {width: np.maximum(counts.sum(width)[0], 1).astype(np.float64) for width in {*WIDTHS, *SPREADS, BACKGROUND}}
    background = np.maximum(sums.sum(BACKGROUND), 1) / number[BACKGROUND]
    for width in WIDTHS:
        yield from sums.sum(width) / number[width] / background
    for width in SPREADS:
        total = sums.sum(width)
        # integers up to here: n * sum of squares - square of sum is exact
        variance = counts.sum(width)[0] * squares.sum(width) - total * total
        yield from np.sqrt(variance.astype(np.float64)) / number[width] / background
    indices = indices_of(bands)
    for width in INDEX_WIDTHS:
        total = sums.sum(width)
        for index in indices.values():
            yield _normalised_difference(total, *index)
    total, small = sums.sum(3), counts.sum(3)[0]
    light = background.sum(axis=0)
    for ring in RINGS:
        boxes = [sums.sum(3, *offset) for offset in _around(ring)]
        numbers = [counts.sum(3, *offset)[0] for offset in _around(ring)]
        centre = total.sum(axis=0) / np.maximum(small, 1)
        bright = [(box.sum(axis=0) / np.maximum(n, 1) - centre) / light for box, n in zip(boxes, numbers, strict=True)]
        yield from _shape(bright)
        for index in list(indices.values())[:1]:
            here = _normalised_difference(total, *index)
            yield from _shape([_normalised_difference(box, *index) - here for box in boxes])


class _Boxes:
    """Exact sums of integer planes (plane, row, column) over boxes, by one integral image."""

    def __init__(self, planes: np.ndarray):
        # room for the widest box, and for boxes moved aside
        pad = HALO + 1
        padded = np.pad(planes, ((0, 0), (pad, pad), (pad, pad)))
        self.integral = padded.cumsum(axis=1).cumsum(axis=2)
        self.shape = planes.shape[1:]
        self.pad = pad

    def sum(self, width: int, down: int = 0, right: int = 0) -> np.ndarray:
        """Sums (plane, row, column) over boxes of odd `width` centred `down` rows and `right` columns from each pixel."""
        half = width // 2
        rows, columns = self.shape
        top, left = self.pad + down - half - 1, self.pad + right - half - 1
        low, high = slice(top, top + rows), slice(top + width, top + width + rows)
        west, east = slice(left, left + columns), slice(left + width, left + width + columns)
        table = self.integral
        return table[:, high, east] - table[:, low, east] - table[:, high, west] + table[:, low, west]


def _normalised_difference(sums: np.ndarray, plus: list[int], minus: list[int]) -> np.ndarray:
    add, subtract = sums[plus].sum(axis=0), sums[minus].sum(axis=0)
    return (add - subtract) / np.maximum(add + subtract, 1)


def _around(distance: int) -> list[tuple[int, int]]:
    """Eight offsets (down, right) on a ring, clockwise from north."""
    aside = round(distance * 0.7071)
    return [(-distance, 0), (-aside, aside), (0, distance), (aside, aside), (distance, 0), (aside, -aside), (0, -distance), (-aside, -aside)]


def _shape(ring: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The eight values of a ring sorted, and the four sums of opposites sorted: shape whatever its direction."""
    yield from _sorted(ring)
    yield from _sorted([ring[k] + ring[k + 4] for k in range(4)])


def _sorted(planes: list[np.ndarray]) -> list[np.ndarray]:
    """Sort 4 or 8 planes pixel by pixel (Batcher's network: far faster than numpy's sort of short columns)."""
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
