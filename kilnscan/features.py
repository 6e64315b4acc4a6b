"""What the screen sees at each pixel: colour, how it stands out from its surroundings, and the shape it is part of.

Bands become planes: `light` (the sum of the reflective bands), normalised differences such as `brick` and `ndvi`, which
do not depend on brightness (composites differ in that by a factor of two), the same of a season's percentiles
(`ndvi_p90`), and bands that are no reflectances as they are (embeddings). Planes are whole numbers that are summed
over boxes exactly and divided once: a pixel's features are the same to the last bit in whatever window they are
computed. Surroundings of 0.5 and 2 km are those of its 40 m cell of the UTM grid. Nothing farther than `HALO` pixels
matters; invalid pixels count for nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np

from kilnscan.config_sentinel2 import BANDS
from kilnscan.errors import ImageryError, ModelError
from kilnscan.kernels import (
    CELL,
    GLANCE,
    LOCAL,
    PLAIN,
    REACH,
    RINGS,
    add_to_cells,
    describe,
    local_sums,
    surroundings_of,
)

INDICES = {  # name: (bands added, bands subtracted); the value is (added - subtracted) / (added + subtracted)
    "brick": (("B04",), ("B03",)),
    "redness": (("B04",), ("B02",)),
    "ndvi": (("B08",), ("B04",)),
    "ndbi": (("B11",), ("B08",)),
    "clay": (("B11",), ("B12",)),
    "bare": (("B11", "B04"), ("B08", "B02")),
}
MOST_FEATURES = 256

SURROUNDINGS = (13, 51)  # widths of surroundings in cells
HALO = max(SURROUNDINGS) // 2 * CELL + CELL  # pixels that matter around one
BLOCK = 512  # rows and columns whose sums are held at a time

Window = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True, eq=False)
class Layout:
    """How bands become planes, and planes features."""

    planes: list[str]
    shaped: int
    """The first planes, which get all features; of the others only means are taken."""
    plus: np.ndarray
    """(plane, band) bool: bands added."""
    minus: np.ndarray
    """(plane, band) bool: bands subtracted; a plane without any is the sum itself."""
    features: list[str]
    gate: np.ndarray
    """Indexes of the features that the gate looks at, in the order of its rows."""


@cache
def _layout(bands: tuple[str, ...]) -> Layout:
    reflective = [band for band in bands if band in BANDS]
    rows: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [("light", tuple(reflective), ())] if reflective else []
    rows += [(name, plus, minus) for name, (plus, minus) in INDICES.items() if set(plus + minus) <= set(bands)]
    shaped = len(rows)
    for statistic in dict.fromkeys(band.partition("_")[2] for band in bands if band.partition("_")[0] in BANDS):
        for name, signs in INDICES.items() if statistic else ():
            plus, minus = (tuple(f"{band}_{statistic}" for band in sign) for sign in signs)
            if set(plus + minus) <= set(bands):
                rows.append((f"{name}_{statistic}", plus, minus))
    rows += [(band, (band,), ()) for band in bands if band.partition("_")[0] not in BANDS]
    planes = [name for name, _, _ in rows]
    plus, minus = (np.array([[band in row[k] for band in bands] for row in rows], bool) for k in (1, 2))
    features = _names(planes, shaped)
    if not features or len(features) > MOST_FEATURES:
        raise ModelError(
            f"The bands {', '.join(bands[:6])}.. make {len(features)} features; a screen needs 1 to {MOST_FEATURES}: "
            "name other bands in `train.bands`."
        )
    gate = np.array([features.index(name) for name in _glanced(planes, shaped)])
    return Layout(planes, shaped, plus, minus, features, gate)


def layout_of(bands: list[str]) -> Layout:
    """How `bands` become planes and features. Raises ModelError if they make none, or too many."""
    return _layout(tuple(bands))


def _names(planes: list[str], shaped: int) -> list[str]:
    """Names of all features; kernels fill them in this order."""
    full, indices, plain = planes[:shaped], planes[1:shaped], planes[shaped:]
    around = [width * CELL for width in SURROUNDINGS]
    names = [f"{plane}_spread{wide}" for wide in around for plane in full]
    names += [f"{index}_mean{wide}" for wide in around for index in indices]
    for width in LOCAL if full else ():
        names += [f"{index}_mean{width}" for index in indices]
        names += [f"{plane}_above{wide}_{width}" for wide in around for plane in full]
        names += [f"light_spread{width}"] if width > 1 else []
    for ring in RINGS if full else ():
        shape = full[min(1, len(indices))]
        names += [f"{shape}_ring{ring}_{rank}" for rank in range(8)]
        names += [f"{shape}_axis{ring}_{rank}" for rank in range(4)]
    return names + [f"{plane}_mean{width}" for width in PLAIN for plane in plain]


def _glanced(planes: list[str], shaped: int) -> list[str]:
    """Names of the features that the gate looks at; the kernel fills them in this order."""
    full, indices, plain = planes[:shaped], planes[1:shaped], planes[shaped:]
    names = [f"{index}_mean{GLANCE}" for index in indices]
    names += [f"{plane}_above{width * CELL}_{GLANCE}" for width in SURROUNDINGS for plane in full]
    return names + ([f"light_spread{GLANCE}"] if full else []) + [f"{plane}_mean{GLANCE}" for plane in plain]


def feature_names(bands: list[str]) -> list[str]:
    """Names of the features of `bands`, in the order of `compute_features`."""
    return layout_of(bands).features


def compute_features(
    pixels: np.ndarray,
    valid: np.ndarray,
    bands: list[str],
    wanted: np.ndarray | None = None,
    origin: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """Features (pixel, feature) float32 of the pixels where `wanted` (row, column) is true, row by row; all if None.

    `pixels` (band, row, column) uint8, uint16 or int16, `valid` (row, column) bool; `origin` is the column and the row
    of the first pixel on the UTM grid (x = 10 m * column, y = -10 m * row). What lies outside the array counts as
    invalid: hand over `HALO` more pixels than wanted on every side that goes on. Raises ImageryError if the arrays do
    not fit together.
    """
    wanted = np.ones(valid.shape, bool) if wanted is None else wanted
    scene = Scene(pixels, valid, bands, origin)
    found = np.empty((int(wanted.sum()), len(scene.layout.features)), np.float32)
    place = (np.cumsum(wanted.ravel()) - 1).reshape(wanted.shape)
    for rows, columns in blocks((slice(0, valid.shape[0]), slice(0, valid.shape[1]))):
        at = np.argwhere(wanted[rows, columns])
        if len(at):
            found[place[rows, columns][wanted[rows, columns]]] = scene.block(rows, columns).describe(at)
    return found


def blocks(window: Window) -> list[Window]:
    """Cut a window of rows and columns into blocks small enough for their sums to be held."""
    rows, columns = ([slice(k, min(k + BLOCK, s.stop)) for k in range(s.start, s.stop, BLOCK)] for s in window)
    return [(row, column) for row in rows for column in columns]


class Scene:
    """Pixels about to be described: sums over the cells of the surroundings, made once for all blocks."""

    def __init__(
        self,
        pixels: np.ndarray,
        valid: np.ndarray,
        bands: list[str],
        origin: tuple[int, int] = (0, 0),
        threads: int = 1,
    ) -> None:
        if pixels.dtype not in (np.uint8, np.uint16, np.int16) or pixels.shape != (len(bands), *valid.shape):
            raise ImageryError(
                f"The screen needs {len(bands)} bands ({', '.join(bands[:6])}) of uint8, uint16 or int16 with a mask "
                f"of the same size, but got {pixels.dtype} {pixels.shape} and a mask {valid.shape}: check `bands` "
                "against the imagery."
            )
        self.layout = layout_of(bands)
        self.pixels, self.valid = np.ascontiguousarray(pixels), np.ascontiguousarray(valid)
        self.left, self.top = origin[0] % CELL, origin[1] % CELL
        rows, columns = -(-(self.top + valid.shape[0]) // CELL), -(-(self.left + valid.shape[1]) // CELL)
        shaped = self.layout.shaped
        # cells in front, so that boxes never begin outside; of each shaped plane its sum and that of its square
        front = max(SURROUNDINGS) // 2 + 1
        self.cells = np.zeros((1 + 2 * shaped, rows + 2 * front, columns + 2 * front), np.int64)
        if shaped:
            here = self.cells[:, front : front + rows, front : front + columns]
            plus, minus = self.layout.plus[:shaped], self.layout.minus[:shaped]
            share = -(-columns // threads) * CELL  # threads never meet in a cell

            def part(first: int) -> None:
                stop = min(first + share, self.left + valid.shape[1])
                edges = max(first - self.left, 0), stop - self.left
                add_to_cells(self.pixels, self.valid, plus, minus, self.top, self.left, *edges, here)

            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(part, range(0, columns * CELL, share)))
            for axis in (1, 2):
                np.cumsum(self.cells, axis=axis, out=self.cells)

    def block(self, rows: slice, columns: slice) -> "Block":
        """Sums and surroundings of a block of the array."""
        return Block(self, rows, columns)


class Block:
    """A block of a scene: what kernels need to describe its pixels."""

    def __init__(self, scene: Scene, rows: slice, columns: slice) -> None:
        layout = self.layout = scene.layout
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        # wrapped whole numbers: differences of sums over boxes are exact as long as they fit themselves
        self.sums = np.zeros((1 + len(layout.planes), shape[0] + 2 * REACH, shape[1] + 2 * REACH), np.int32)
        self.squares = np.zeros(self.sums.shape[1:], np.int64)
        local_sums(
            scene.pixels, scene.valid, layout.plus, layout.minus, layout.shaped > 0, rows.start - REACH + 1,
            columns.start - REACH + 1, self.sums, self.squares,
        )  # fmt: skip
        self.first = (scene.top + rows.start) % CELL, (scene.left + columns.start) % CELL
        cells = tuple(-(-(first + size) // CELL) for first, size in zip(self.first, shape, strict=True))
        self.about = np.empty((len(SURROUNDINGS), layout.shaped, *cells))
        self.unit, self.spread = np.empty_like(self.about), np.empty_like(self.about)
        surroundings_of(
            scene.cells, (scene.top + rows.start) // CELL, (scene.left + columns.start) // CELL,
            np.array(SURROUNDINGS), max(SURROUNDINGS) // 2, self.about, self.unit, self.spread,
        )  # fmt: skip
        self.shape = shape

    def describe(self, at: np.ndarray) -> np.ndarray:
        """Features (pixel, feature) float32 at places (pixel, 2): row and column in the block."""
        found = np.empty((len(at), len(self.layout.features)), np.float32)
        describe(
            np.ascontiguousarray(at, np.int64), self.sums, self.squares, self.first, self.about, self.unit,
            self.spread, self.layout.shaped, found,
        )  # fmt: skip
        return found
