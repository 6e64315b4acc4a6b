"""Scenes read where they lie: a statistic over a season's clear looks, block by block, in bounded memory."""

import math
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from kilnscan.blocks import Blocks, paste
from kilnscan.cog import Cog
from kilnscan.dates import CELL_M, Cell, cells_of
from kilnscan.errors import SceneError, SourceError
from kilnscan.grid import HALO_M, PIXEL_M, Bounds, Tile
from kilnscan.looks import count_looks, first_clear, percentiles, place
from kilnscan.ranges import Ranges
from kilnscan.web import plain

CHUNK = 1024
"""Edge in 10 m pixels of what is computed at once: a block of Earth Search's files."""
Clear = list[tuple[dict[str, Any], np.ndarray]]
"""Items of a date that show clear land somewhere, and where."""
LAST_CLASS = 11  # of SCL; what lies above is damage
AHEAD = 2  # chunks whose blocks travel while others are computed


class SceneReader:
    """A statistic over the clear looks of a scene list's dates, on the tile's own 10 m grid.

    Pixels are reflectance times 10,000 as uint16 (band, row, column), at least 1 where valid. Scenes are read in
    place, block by block; nothing is warped, because all granules of a zone share one grid. A pixel depends on its
    own place only, never on the window asked for. Nothing is seen beyond `HALO_M` around what the tile owns.
    """

    def __init__(self, scenes: dict[str, Any], threads: int = 1) -> None:
        tile = Tile.from_spec(scenes["tile"])
        self.epsg, self.bands, self.bounds = tile.epsg, scenes["bands"], tile.own.bounds
        self.dates: list[dict[str, Any]] = scenes["dates"]
        self.ranges = Ranges(signed=scenes["signed"])
        self.blocks = Blocks(self.ranges, threads)
        self._statistic: str = scenes["statistic"]
        self._named: dict[str, list[int]] = {}  # each band as it is stored, and the places of what is asked of it
        for index, name in enumerate(self.bands):
            self._named.setdefault(name.partition("_")[0], []).append(index)
        self._masked = np.isin(np.arange(256), scenes["mask_classes"]) | (np.arange(256) > LAST_CLASS)
        self._spreading = self._masked & (np.arange(256) > 0)  # the edge of a granule is no cloud
        self._dilate_m: float = scenes["mask_dilate_m"]
        self._origin: tuple[float, float] = tuple(scenes["grid"])
        self._reach = tile.read_bounds(HALO_M)
        columns = math.ceil((self._reach[2] - self._reach[0]) / (CHUNK * PIXEL_M)) + 1
        self._room = 2 * columns  # chunks kept: a strip meets at most two rows of them
        self._chunks: OrderedDict[Cell, tuple[float, float, np.ndarray, np.ndarray]] = OrderedDict()
        self._workers = ThreadPoolExecutor(threads + AHEAD, thread_name_prefix="chunks")

    def close(self) -> None:
        """Stop reading."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        self.blocks.close()

    def read(self, bounds: Bounds, resolution_m: float = PIXEL_M) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (band, row, column) and the mask of pixels seen clearly at least once (row, column).

        Finer resolutions than 10 m are interpolated bilinearly; the factor must be a whole number.
        Raises SceneError if a scene stays unreadable.
        """
        if resolution_m != PIXEL_M:
            return self._finer(bounds, resolution_m)
        pixels, looks = self.read_looks(bounds)
        return pixels, looks > 0

    def read_looks(self, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (band, row, column) and how many dates saw each pixel clearly (row, column; uint8)."""
        rows, columns = _shape(bounds)
        pixels, looks = np.zeros((len(self.bands), rows, columns), np.uint16), np.zeros((rows, columns), np.uint8)
        cells = self._cells(bounds)
        for cell, (left, top, chunk, seen) in zip(cells, self._workers.map(self._chunk, cells), strict=True):
            self._chunks[cell] = left, top, chunk, seen
            self._chunks.move_to_end(cell)
            while len(self._chunks) > self._room:
                self._chunks.popitem(last=False)
            row, column = round((bounds[3] - top) / PIXEL_M), round((left - bounds[0]) / PIXEL_M)
            paste(looks, seen, row, column)
            paste(pixels, chunk, row, column)
        return pixels, looks

    def _cells(self, bounds: Bounds) -> list[tuple[int, int]]:
        """Cells of the lattice of chunks that `bounds` meets within reach, row by row."""
        left, bottom, right, top = (
            max(bounds[0], self._reach[0]), max(bounds[1], self._reach[1]),
            min(bounds[2], self._reach[2]), min(bounds[3], self._reach[3]),
        )  # fmt: skip
        if not self.dates or left >= right or bottom >= top:
            return []
        size, (x, y) = CHUNK * PIXEL_M, self._origin
        rows = range(math.floor((y - top) / size), math.ceil((y - bottom) / size))
        columns = range(math.floor((left - x) / size), math.ceil((right - x) / size))
        return [(i, j) for i in rows for j in columns]

    def _chunk(self, cell: tuple[int, int]) -> tuple[float, float, np.ndarray, np.ndarray]:
        """Left and top edge, pixels and looks of a cell, as far as it is within reach."""
        known = self._chunks.get(cell)
        if known is not None:
            return known
        size, (x, y) = CHUNK * PIXEL_M, self._origin
        left, top = max(x + cell[1] * size, self._reach[0]), min(y - cell[0] * size, self._reach[3])
        right, bottom = min(x + (cell[1] + 1) * size, self._reach[2]), max(y - (cell[0] + 1) * size, self._reach[1])
        return left, top, *self._compute((left, bottom, right, top))

    def _compute(self, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        """Pixels and looks of `bounds`, from the blocks of all dates, one band after the other."""
        self.blocks.want_headers(
            href for day in self.dates for item in day["items"][:1] for href in item["assets"].values()
        )
        used = [self._clear(day, bounds) for day in self.dates]
        pixels, looks = self._statistics(used, bounds)
        if looks is None:  # rare: some band has no data where another has, and a look is one of all bands
            for item, clear in chain.from_iterable(used):
                for band in self._named:
                    clear &= self._window(item, band, bounds) > 0
            pixels, looks = self._statistics(used, bounds)
        return pixels, looks

    def _statistics(self, used: list[Clear], bounds: Bounds) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels and looks of what is clear; no looks if bands differ in where they have data."""
        pixels = np.empty((len(self.bands), *_shape(bounds)), np.uint16)
        stack = np.empty((len(self.dates), *pixels.shape[1:]), np.uint16)
        looks = None
        for index, (band, places) in enumerate(self._named.items()):
            for following in list(self._named)[index : index + 2]:  # the next band travels while this one is computed
                for item, _ in chain.from_iterable(used):
                    self._want(item, following, bounds)
            stack[:] = 0
            for layer, items in zip(stack, used, strict=True):
                for item, clear in items:
                    values = self._window(item, band, bounds)
                    with self.blocks.processor:
                        place(values, clear, *item["radiometry"][band], layer)
            with self.blocks.processor:
                seen = count_looks(stack)
                if looks is not None and not np.array_equal(seen, looks):
                    return pixels, None
                looks = seen
                self._summarise(stack, places, pixels)
        return pixels, looks

    def _summarise(self, stack: np.ndarray, places: list[int], pixels: np.ndarray) -> None:
        """Fill the places of `pixels` that are asked of one band with its statistics over the looks of `stack`."""
        wanted = {place: self.bands[place].partition("_")[2] or self._statistic for place in places}
        ranked = [place for place in places if wanted[place] != "least_cloud"]
        percents = [50 if wanted[place] == "median" else int(wanted[place][1:]) for place in ranked]
        for index, summary in zip(ranked, percentiles(stack, percents), strict=True):
            pixels[index] = summary
        if len(ranked) < len(places):
            clouds = [day["cloud"] for day in self.dates]
            least = first_clear(stack, sorted(range(len(clouds)), key=clouds.__getitem__))
            pixels[[place for place in places if place not in ranked]] = least

    def _clear(self, day: dict[str, Any], bounds: Bounds) -> Clear:
        """The items of a date that show clear land in `bounds`, and where.

        Where granules of a day overlap, the first that has data decides.
        """
        result = []
        filled = ~_in_cells(day["cells"], bounds)
        for item in day["items"]:
            if filled.all():
                break
            masked, data = self._mask(item, bounds)
            data &= ~filled
            filled |= data
            data &= ~masked
            if data.any():
                result.append((item, data))
        return result

    def _mask(self, item: dict[str, Any], bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        """Where an item's SCL band masks `bounds`, its dilated edges included, and where it has data."""
        with _of(item):
            cog = self._cog(item, "SCL")
            reach = math.ceil(self._dilate_m / cog.pixel_m)
            row, column, rows, columns = _pixels_of(cog, bounds)
            around = (row - reach, column - reach, rows + 2 * reach, columns + 2 * reach)
            classes = np.minimum(self.blocks.window(cog.href, *around), 255).astype(np.uint8)
        with self.blocks.processor:
            inner = np.s_[reach : reach + rows, reach : reach + columns]
            masked = self._masked[classes[inner]] | dilate(self._spreading[classes], reach)[inner]
            return _repeat(masked, cog, bounds), _repeat(classes[inner] > 0, cog, bounds)

    def _window(self, item: dict[str, Any], band: str, bounds: Bounds) -> np.ndarray:
        """DN of a band in `bounds` at 10 m, 0 beyond the granule; 20 m and 60 m pixels are repeated."""
        with _of(item):
            cog = self._cog(item, band)
            return _repeat(self.blocks.window(cog.href, *_pixels_of(cog, bounds)), cog, bounds)

    def _want(self, item: dict[str, Any], band: str, bounds: Bounds) -> None:
        with _of(item):
            cog = self._cog(item, band)
            self.blocks.want(cog.href, *_pixels_of(cog, bounds))

    def _cog(self, item: dict[str, Any], band: str) -> Cog:
        cog = self.blocks.cog(item["assets"][band])
        off_grid = any(value % PIXEL_M for value in (cog.pixel_m, cog.left, cog.top))
        if cog.epsg not in (self.epsg, None) or off_grid:
            raise SourceError(f"{plain(cog.href)} lies on another grid than the tile (EPSG:{self.epsg}, {PIXEL_M} m)")
        return cog

    def _finer(self, bounds: Bounds, resolution_m: float) -> tuple[np.ndarray, np.ndarray]:
        factor = round(PIXEL_M / resolution_m)
        left, bottom, right, top = bounds
        wide = (left - PIXEL_M, bottom - PIXEL_M, right + PIXEL_M, top + PIXEL_M)
        pixels, valid = self.read(wide)
        fine = np.stack([_bilinear(band.astype(np.float64), factor) for band in pixels])
        mask = valid[1:-1, 1:-1].repeat(factor, 0).repeat(factor, 1)
        result = np.rint(fine).astype(pixels.dtype)
        result[:, ~mask] = 0
        return result, mask


def dilate(mask: np.ndarray, pixels: int) -> np.ndarray:
    """`mask` (row, column) grown by so many pixels up, down and to the sides (a square)."""
    for axis in (0, 1):
        grown = mask.copy()
        for shift in range(1, pixels + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(shift, None), slice(None, -shift)
            grown[tuple(ahead)] |= mask[tuple(behind)]
            grown[tuple(behind)] |= mask[tuple(ahead)]
        mask = grown
    return mask


def _bilinear(band: np.ndarray, factor: int) -> np.ndarray:
    """`band` without its outermost pixels, `factor` times finer, interpolated between pixel centres."""
    at = (np.arange((band.shape[0] - 2) * factor) + 0.5) / factor + 0.5
    low = at.astype(int)
    rows = band[low] * (1 - (at - low))[:, None] + band[low + 1] * (at - low)[:, None]
    at = (np.arange((band.shape[1] - 2) * factor) + 0.5) / factor + 0.5
    low = at.astype(int)
    return rows[:, low] * (1 - (at - low)) + rows[:, low + 1] * (at - low)


def _shape(bounds: Bounds) -> tuple[int, int]:
    left, bottom, right, top = bounds
    return round((top - bottom) / PIXEL_M), round((right - left) / PIXEL_M)


def _in_cells(cells: list[Cell] | None, bounds: Bounds) -> np.ndarray:
    """Which pixels of `bounds` lie in some of `cells` (of all there are, if None)."""
    if cells is None:
        return np.ones(_shape(bounds), bool)
    result = np.zeros(_shape(bounds), bool)
    for i, j in {tuple(cell) for cell in cells} & set(cells_of(bounds)):
        top, left = round((bounds[3] - (j + 1) * CELL_M) / PIXEL_M), round((i * CELL_M - bounds[0]) / PIXEL_M)
        size = CELL_M // PIXEL_M
        result[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = True
    return result


@contextmanager
def _of(item: dict[str, Any]) -> Iterator[None]:
    """Say which scene it is that cannot be read."""
    try:
        yield
    except SourceError as error:
        raise SceneError(item["id"], str(error)) from error


def _pixels_of(cog: Cog, bounds: Bounds) -> tuple[int, int, int, int]:
    """Row, column, rows and columns of the raster's own pixels that `bounds` meets."""
    row, column = math.floor((cog.top - bounds[3]) / cog.pixel_m), math.floor((bounds[0] - cog.left) / cog.pixel_m)
    last_row, last_column = (
        math.ceil((cog.top - bounds[1]) / cog.pixel_m), math.ceil((bounds[2] - cog.left) / cog.pixel_m),
    )  # fmt: skip
    return row, column, last_row - row, last_column - column


def _repeat(pixels: np.ndarray, cog: Cog, bounds: Bounds) -> np.ndarray:
    """Pixels of `_pixels_of(cog, bounds)` brought to 10 m and cut to `bounds`."""
    times = round(cog.pixel_m / PIXEL_M)
    if times == 1:
        return pixels
    row, column = round((cog.top - bounds[3]) / PIXEL_M) % times, round((bounds[0] - cog.left) / PIXEL_M) % times
    rows, columns = _shape(bounds)
    wide = _twice(pixels) if times == 2 else pixels.repeat(times, 1)
    return wide.repeat(times, 0)[row : row + rows, column : column + columns]


def _twice(pixels: np.ndarray) -> np.ndarray:
    """Each column twice, by arithmetic on whole words: several times faster than `repeat`."""
    if pixels.dtype == np.uint16:
        return (pixels.astype(np.uint32) * np.uint32(0x10001)).view(np.uint16)
    return (pixels.astype(np.uint16) * np.uint16(0x101)).view(pixels.dtype)
