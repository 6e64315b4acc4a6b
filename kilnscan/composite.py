"""The cloud-free picture of a season: a masked median over dates, computed window by window and never stored."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from kilnscan.errors import ImageryError
from kilnscan.grid import PIXEL_M, Bounds, Tile
from kilnscan.reader import MosaicReader, Reader


def open_scenes(scenes: dict[str, Any]) -> Reader:
    """Reader of what a scene list (scenes.json) describes."""
    if scenes["source"] == "stac":
        return SceneReader(scenes)
    tile = Tile.from_spec(scenes["tile"])
    return MosaicReader(tuple(m["path"] for m in scenes["mosaics"]), tile.epsg, scenes["bands"], tile.own.bounds)


class SceneReader:
    """Masked median of the dates of a scene list on the tile's own 10 m grid.

    Pixels are reflectance times 10,000 as uint16 (band, row, column), at least 1 where valid. Scenes are read in
    place; nothing is warped, because all granules of a zone share one grid.
    """

    def __init__(self, scenes: dict[str, Any]) -> None:
        tile = Tile.from_spec(scenes["tile"])
        self.epsg, self.bands, self.bounds = tile.epsg, scenes["bands"], tile.own.bounds
        self.dates: list[dict[str, Any]] = scenes["dates"]
        self.mask_classes = scenes["mask_classes"]
        self._open: dict[str, rasterio.DatasetReader] = {}

    def read(self, bounds: Bounds, resolution_m: float = PIXEL_M) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (band, row, column) and the mask of pixels seen clearly at least once (row, column).

        Finer resolutions than 10 m are interpolated bilinearly; the factor must be a whole number.
        """
        if resolution_m != PIXEL_M:
            return self._finer(bounds, resolution_m)
        pixels, looks = self.read_looks(bounds)
        return pixels, looks > 0

    def read_looks(self, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (band, row, column) and how many dates saw each pixel clearly (row, column)."""
        shape = _shape(bounds)
        stack = np.zeros((len(self.dates), len(self.bands), *shape), np.uint16)
        for layer, day in zip(stack, self.dates, strict=True):
            for item in day["items"]:
                self._fill(layer, item, bounds)
        looks = (stack[:, 0] > 0).sum(axis=0).astype(np.uint8)
        return masked_median(stack), looks

    def _fill(self, layer: np.ndarray, item: dict[str, Any], bounds: Bounds) -> None:
        """Put the clear pixels of one granule where `layer` (band, row, column) has none yet."""
        classes = self._window(item["assets"]["SCL"], bounds)
        clear = ~np.isin(classes, self.mask_classes) & (layer[0] == 0)
        if not clear.any():
            return
        read = {}
        for band in self.bands:
            read[band] = self._window(item["assets"][band], bounds)
            clear &= read[band] > 0  # DN 0 is nodata
        for index, band in enumerate(self.bands):
            factor, offset = item["radiometry"][band]
            values = np.rint(read[band] * np.float64(factor) + offset)
            layer[index][clear] = np.clip(values, 1, 65535).astype(np.uint16)[clear]

    def _window(self, path: str, bounds: Bounds) -> np.ndarray:
        """DN of one asset in `bounds` on the 10 m grid, 0 outside; 20 m and 60 m pixels are repeated."""
        try:
            source = self._open.get(path) or self._open.setdefault(path, rasterio.open(path))
            repeat = round(source.transform.a / PIXEL_M)
            left, _, _, top = bounds
            column = round((left - source.transform.c) / PIXEL_M)
            row = round((source.transform.f - top) / PIXEL_M)
            rows, columns = _shape(bounds)
            first_row, first_column = max(row // repeat, 0), max(column // repeat, 0)
            last_row = min(-(-(row + rows) // repeat), source.height)
            last_column = min(-(-(column + columns) // repeat), source.width)
            result = np.zeros((rows, columns), np.uint16)
            if last_row <= first_row or last_column <= first_column:
                return result
            window = Window(first_column, first_row, last_column - first_column, last_row - first_row)
            fine = source.read(1, window=window).repeat(repeat, 0).repeat(repeat, 1)
        except RasterioError as error:
            raise ImageryError(f"The scene file {path} cannot be read: {error}. Fetch or make it again.") from error
        skip_row, skip_column = row - first_row * repeat, column - first_column * repeat
        fine = fine[max(skip_row, 0) :, max(skip_column, 0) :]
        into = result[max(-skip_row, 0) :, max(-skip_column, 0) :]
        rows, columns = min(into.shape[0], fine.shape[0]), min(into.shape[1], fine.shape[1])
        into[:rows, :columns] = fine[:rows, :columns]
        return result

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


def masked_median(stack: np.ndarray) -> np.ndarray:
    """Median over dates of `stack` (date, band, row, column; uint16), pixels of 0 left out; 0 where none is left.

    With an even number of looks it is the mean of the two middle ones, rounded down.
    """
    if not len(stack):
        return np.zeros(stack.shape[1:], np.uint16)
    ordered = np.where(stack == 0, np.uint16(65535), stack)
    ordered.sort(axis=0)
    looks = (stack > 0).sum(axis=0)
    lower = np.take_along_axis(ordered, np.maximum(looks - 1, 0)[None] // 2, axis=0)[0].astype(np.uint32)
    upper = np.take_along_axis(ordered, np.minimum(looks // 2, len(stack) - 1)[None], axis=0)[0]
    return np.where(looks > 0, (lower + upper) // 2, 0).astype(np.uint16)


def average(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Mean of squares of `factor` by `factor` pixels of an array (band, row, column), rounded, in its own type."""
    bands, rows, columns = pixels.shape
    blocks = pixels.reshape(bands, rows // factor, factor, columns // factor, factor)
    return np.rint(blocks.mean(axis=(2, 4), dtype=np.float64)).astype(pixels.dtype)


def strips(bounds: Bounds, rows: int) -> Iterator[Bounds]:
    """`bounds` cut into strips of at most `rows` pixels, from the top down."""
    left, bottom, right, top = bounds
    while top > bottom:
        yield left, max(top - rows * PIXEL_M, bottom), right, top
        top -= rows * PIXEL_M


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
