"""Rasters of people per cell in any CRS, read in blocks: all cells near places, and where on the globe they lie."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from kilnscan.errors import ImageryError
from kilnscan.merge import EARTH_M, unit_vectors

BLOCK = 512  # cells: edge of the blocks that rasters are read in
RING = 32  # directions in which the reach of a place is followed into a projected CRS


@dataclass(frozen=True)
class Block:
    """A piece of a raster and the places near it."""

    people: np.ndarray  # (row, column), float64; NaN without data
    corners: np.ndarray  # (row + 1, column + 1, 3) on the unit sphere; NaN off the globe
    windows: np.ndarray  # (visit, 4): first row, row after the last, first column, column after the last
    places: np.ndarray  # (visit,): which place looks at the window


def blocks(paths: list[str], lon: np.ndarray, lat: np.ndarray, reach_m: float) -> Iterator[Block]:
    """All cells within `reach_m` of places (n,) in degrees, each once, with the places near them; in a fixed order.

    Where `paths` name several rasters, a cell of a later one has no data where earlier ones have. Raises ImageryError
    if a raster cannot be used.
    """
    rasters: list[Raster] = []
    try:
        for path in paths:
            try:
                rasters.append(Raster(path))
            except RasterioError as error:
                raise ImageryError(
                    f"The population raster {path} cannot be read: {error}. Give a GeoTIFF or netCDF."
                ) from error
        for number, raster in enumerate(rasters):
            windows, places = raster.windows(lon, lat, reach_m)
            for rows, columns, visits in _pieces(windows):
                inside = _cut(windows[visits], rows, columns)
                top, bottom = inside[:, 0].min(), inside[:, 1].max()
                left, right = inside[:, 2].min(), inside[:, 3].max()
                people = raster.read(top, left, bottom - top, right - left)
                if number:
                    centre = raster.globe(np.arange(top, bottom) + 0.5, np.arange(left, right) + 0.5)
                    for earlier in rasters[:number]:
                        people[earlier.tells(*centre)] = np.nan
                if not np.isnan(people).all():
                    corners = raster.globe(np.arange(top, bottom + 1), np.arange(left, right + 1))
                    inside -= [top, top, left, left]
                    yield Block(people, _on_sphere(*corners), inside, places[visits])
    finally:
        for raster in rasters:
            raster.source.close()


class Raster:
    """People per cell, and where on the globe its cells lie."""

    def __init__(self, path: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # said below, as an error
            self.source = rasterio.open(path)
        self.path, self.transform = path, self.source.transform
        if self.source.count != 1:
            names = ", ".join(self.source.subdatasets[:5])
            raise ImageryError(
                f"The population raster {path} has {self.source.count} bands where one is expected: "
                + (f"name one of its parts ({names})." if names else "keep one with gdal_translate -b.")
            )
        if self.source.crs is None or self.transform == Affine.identity():
            raise ImageryError(
                f"The population raster {path} does not say where it lies: write its CRS and bounds into a GeoTIFF, "
                "for example with gdal_translate -a_srs EPSG:4326 -a_ullr west north east south."
            )
        crs = CRS.from_wkt(self.source.crs.to_wkt())
        self.geographic = crs.is_geographic
        self.to_map = Transformer.from_crs(4326, crs, always_xy=True).transform
        self.to_globe = Transformer.from_crs(crs, 4326, always_xy=True).transform
        if self.geographic and self.source.crs.to_epsg() == 4326:
            self.to_map = self.to_globe = lambda x, y: (x, y)  # saves most of the time
        self.height, self.width = self.source.shape
        if self.geographic:  # columns beyond a whole turn repeat the first ones
            self.width = min(self.width, max(1, round(360 / np.hypot(self.transform.a, self.transform.d))))

    def read(self, top: int, left: int, rows: int, columns: int) -> np.ndarray:
        """People (row, column) as float64, NaN where there are no data."""
        try:
            cells = self.source.read(1, window=Window(left, top, columns, rows), masked=True)
        except RasterioError as error:
            raise ImageryError(f"The population raster {self.path} cannot be read: {error}.") from error
        people = cells.astype(np.float64).filled(np.nan) * self.source.scales[0] + self.source.offsets[0]
        return np.where(np.isfinite(people) & (people >= 0), people, np.nan)

    def globe(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude (row, column) of a grid of pixel coordinates; infinite off the globe."""
        x, y = self.transform @ np.meshgrid(columns, rows)
        return self.to_globe(x, y)

    def windows(self, lon: np.ndarray, lat: np.ndarray, reach_m: float) -> tuple[np.ndarray, np.ndarray]:
        """Windows (visit, 4) that hold all cells within `reach_m` of places, and which place each belongs to.

        Where a raster of degrees ends at some meridian, a place near it looks at both ends.
        """
        place = np.arange(len(lon))
        if self.geographic:
            west, south, east, north, round_pole = _bounds(lon, lat, reach_m)
            visits = []
            for turn in (-360, 0, 360):
                x, y = np.stack([west, west, east, east]) + turn, np.stack([south, north, south, north])
                windows = self._window(x, y)
                windows[round_pole] = [0, self.height, 0, self.width if turn == 0 else 0]
                visits.append(windows)
            windows, place = np.concatenate(visits), np.tile(place, 3)
        else:
            windows = self._window(*self.to_map(*_ring(lon, lat, reach_m)))
        some = (windows[:, 1] > windows[:, 0]) & (windows[:, 3] > windows[:, 2])
        return windows[some], place[some]

    def _window(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Window (place, 4) round points (corner, place) of the map, cut to the raster."""
        x, y = np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan)
        columns, rows = ~self.transform @ (x, y)
        bounds = np.stack([rows, columns])  # (axis, corner, place)
        lost = np.isnan(bounds).all(axis=(0, 1))
        bounds[:, :, lost] = -2  # off the map: an empty window
        first = np.floor(np.nanmin(bounds, axis=1)) - 1
        last = np.ceil(np.nanmax(bounds, axis=1)) + 1
        size = np.array([[self.height], [self.width]])
        first, last = np.clip(first, 0, size).astype(np.int64), np.clip(last, 0, size).astype(np.int64)
        last[:, lost] = 0
        return np.column_stack([first[0], last[0], first[1], last[1]])

    def tells(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Whether the cell at each of many places (in degrees, any shape) has data."""
        told = np.zeros(lon.shape, bool)
        finite = np.isfinite(lon) & np.isfinite(lat)
        for turn in (-360, 0, 360) if self.geographic else (0,):
            x, y = self.to_map(np.where(finite, lon, 0) + turn, np.where(finite, lat, 0))
            columns, rows = ~self.transform @ (np.asarray(x), np.asarray(y))
            inside = finite & (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
            if inside.any():
                row, column = rows[inside].astype(np.int64), columns[inside].astype(np.int64)
                top, left = row.min(), column.min()
                people = self.read(top, left, row.max() - top + 1, column.max() - left + 1)
                told[inside] |= ~np.isnan(people[row - top, column - left])
        return told


def _pieces(windows: np.ndarray) -> Iterator[tuple[tuple[int, int], tuple[int, int], np.ndarray]]:
    """Rows and columns of blocks (first, after the last) that windows touch, row by row, and which windows do."""
    first, last = windows[:, [0, 2]] // BLOCK, (windows[:, [1, 3]] - 1) // BLOCK
    across = last[:, 1] - first[:, 1] + 1
    count = (last[:, 0] - first[:, 0] + 1) * across
    visit = np.repeat(np.arange(len(windows)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    row, column = first[visit, 0] + step // across[visit], first[visit, 1] + step % across[visit]
    order = np.lexsort((visit, column, row))
    row, column, visit = row[order], column[order], visit[order]
    starts = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(column, prepend=-1) != 0))
    for start, stop in zip(starts, np.append(starts[1:], len(visit)) if len(visit) else starts, strict=True):
        top, left = row[start] * BLOCK, column[start] * BLOCK
        yield (top, top + BLOCK), (left, left + BLOCK), visit[start:stop]


def _cut(windows: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    low, high = [rows[0], rows[0], columns[0], columns[0]], [rows[1], rows[1], columns[1], columns[1]]
    return np.clip(windows, low, high)


def _bounds(lon: np.ndarray, lat: np.ndarray, reach_m: float) -> tuple[np.ndarray, ...]:
    """West, south, east, north of what lies within reach, with room to spare, and whether that goes round a pole."""
    reach = 1.01 * reach_m / EARTH_M + 1e-5  # 60 m: datums of other geographic CRS differ by more only in islands
    width = np.sin(reach) / np.maximum(np.cos(np.radians(lat)), 1e-12)
    round_pole = (np.abs(lat) + np.degrees(reach) >= 90) | (width >= 1)
    east, north = np.degrees(np.arcsin(np.minimum(width, 1))), np.degrees(reach)
    return lon - east, lat - north, lon + east, lat + north, round_pole


def _ring(lon: np.ndarray, lat: np.ndarray, reach_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (direction, place) of points round places whose hull holds all within reach."""
    reach = 1.02 * reach_m / EARTH_M  # the polygon's sides come nearer by 0.5 %, and the Earth is no ball
    angle = 2 * np.pi * np.arange(RING)[:, None] / RING
    phi, lam = np.radians(lat), np.radians(lon)
    north = np.sin(phi) * np.cos(reach) + np.cos(phi) * np.sin(reach) * np.cos(angle)
    y = np.arcsin(np.clip(north, -1, 1))
    x = lam + np.arctan2(np.sin(angle) * np.sin(reach) * np.cos(phi), np.cos(reach) - np.sin(phi) * np.sin(y))
    return (np.degrees(x) + 180) % 360 - 180, np.degrees(y)


def _on_sphere(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Unit vectors (row, column, 3); NaN where a place is not on the globe. Rasters may end just beyond a pole."""
    lon, lat = np.where(np.isfinite(lon), lon, np.nan), np.where(np.isfinite(lat), lat, np.nan)
    return unit_vectors(lon.ravel(), np.clip(lat, -90, 90).ravel()).reshape(*lon.shape, 3)
