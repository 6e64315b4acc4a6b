"""People within a distance of places, from rasters of people per cell in any CRS.

A cell counts by the share of its area that lies within the distance. The share is computed, not sampled: seen straight
down from above the place (orthographic projection), the places within a great-circle distance are a disc, and a cell is
a quadrilateral; the area they have in common has a closed form. What that neglects, the bend of a cell's edges and the
foreshortening, is below 1e-5 of a cell of 1 km at 5 km. Cells are where their corners lie in longitude and latitude:
the raster is never warped, so that no people are lost or made.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numba
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
FINE = 8  # parts per edge that a cell is split into where several circles cut it; 8 x 8 bits are one word
WHOLE = 255  # mark of a cell that lies in some circle as a whole
GroupOf = Callable[[np.ndarray, np.ndarray], np.ndarray]
SEEN = 0.5  # cosine: corners farther than 60 degrees from a place are never near it


def people_within(paths: list[str], lon: np.ndarray, lat: np.ndarray, radii_m: tuple[float, ...]) -> np.ndarray:
    """People (place, radius) within each great-circle distance of each place (n,) in degrees; radii ascend.

    Cells without data or with negative numbers hold nobody; where `paths` name several rasters, cells of later ones
    count where the centre of the cell has no data in earlier ones. NaN where no cell with data lies within the longest
    radius. Raises ImageryError if a raster cannot be used.
    """
    people, known = np.zeros((len(lon), len(radii_m))), np.zeros(len(lon), bool)
    frames, radii = _frames(lon, lat), _seen_from_above(radii_m)
    for block in _blocks(paths, lon, lat, max(radii_m)):
        _add(block.people, block.corners, block.windows, block.places, frames, radii, people, known)
    people[~known] = np.nan
    return people


def people_covered(
    paths: list[str],
    lon: np.ndarray,
    lat: np.ndarray,
    radii_m: tuple[float, ...],
    group_of: GroupOf | None = None,
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """People (group, radius) within each distance of any place, everyone once, and which places (n,) rasters reach.

    As `people_within`, except for cells that several circles cut and none holds: of those, 8 x 8 points are asked.
    `group_of` says of cells, by longitude and latitude (m,) of their middle, which of so many groups they count to, and
    -1 for none; without it there is one group, which is all.
    """
    people, known = np.zeros((groups, len(radii_m))), np.zeros(len(lon), bool)
    frames, radii = _frames(lon, lat), _seen_from_above(radii_m)
    for block in _blocks(paths, lon, lat, max(radii_m)):
        near = _near_once(block.people, block.corners, block.windows, block.places, frames, radii, known)
        if group_of is None:
            people[0] += near.sum(axis=(0, 1))
            continue
        row, column = np.nonzero(near[:, :, -1] > 0)
        middle = sum(block.corners[row + down, column + along] for down in (0, 1) for along in (0, 1))
        group = group_of(*_degrees(middle))
        np.add.at(people, group[group >= 0], near[row, column][group >= 0])
    return people, known


@dataclass(frozen=True)
class _Block:
    """A piece of a raster and the places near it."""

    people: np.ndarray  # (row, column), float64; NaN without data
    corners: np.ndarray  # (row + 1, column + 1, 3) on the unit sphere; NaN off the globe
    windows: np.ndarray  # (visit, 4): first row, row after the last, first column, column after the last
    places: np.ndarray  # (visit,): which place looks at the window


class _Raster:
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


def _blocks(paths: list[str], lon: np.ndarray, lat: np.ndarray, reach_m: float) -> Iterator[_Block]:
    """All cells near places, each once, with the places they are near; in a fixed order."""
    rasters: list[_Raster] = []
    try:
        for path in paths:
            try:
                rasters.append(_Raster(path))
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
                    yield _Block(people, _on_sphere(*corners), inside, places[visits])
    finally:
        for raster in rasters:
            raster.source.close()


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


def _degrees(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (n,) of vectors (n, 3) of any length."""
    x, y, z = vectors.T
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _frames(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """East, north and up (place, 3, 3) at each place."""
    lam, phi = np.radians(lon), np.radians(lat)
    east = np.column_stack([-np.sin(lam), np.cos(lam), np.zeros(len(lam))])
    up = unit_vectors(lon, lat)
    return np.ascontiguousarray(np.stack([east, np.cross(up, east), up], axis=1)) if len(phi) else np.empty((0, 3, 3))


def _seen_from_above(radii_m: tuple[float, ...]) -> np.ndarray:
    """Radii on the unit sphere as they look from above the place."""
    return np.sin(np.asarray(radii_m, np.float64) / EARTH_M)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _add(people, corners, windows, places, frames, radii, total, known):  # pragma: no cover (compiled)
    """Add to `total` (place, radius) the people of a block; note in `known` which places have data in reach."""
    x, y, at = np.empty(4), np.empty(4), np.empty((2, people.shape[1] + 1, 3))
    for visit in range(len(windows)):
        top, bottom, left, right = windows[visit]
        place = places[visit]
        _look(corners[top, left : right + 1], frames[place], at[0])
        for row in range(top, bottom):
            _look(corners[row + 1, left : right + 1], frames[place], at[(row + 1 - top) % 2])
            for column in range(left, right):
                value = people[row, column]
                if np.isnan(value) or not _quad(at, (row - top) % 2, column - left, x, y):
                    continue
                for k in range(len(radii) - 1, -1, -1):
                    share = _share(x, y, radii[k])
                    if share <= 0:
                        break  # nor in smaller circles
                    known[place] = True
                    total[place, k] += share * value


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _near_once(people, corners, windows, places, frames, radii, known):  # pragma: no cover (compiled)
    """People (row, column, radius) of each cell of a block who are in any circle; everyone once."""
    x, y, at = np.empty(4), np.empty(4), np.empty((2, people.shape[1] + 1, 3))
    cuts = np.zeros((*people.shape, len(radii)), np.uint8)  # circles that cut a cell
    part = np.zeros((*people.shape, len(radii)))  # its share in the last of them
    bits = np.zeros((*people.shape, len(radii)), np.uint64)  # its points that lie in any of them
    near = np.zeros((*people.shape, len(radii)))
    for visit in range(len(windows)):
        top, bottom, left, right = windows[visit]
        place = places[visit]
        _look(corners[top, left : right + 1], frames[place], at[0])
        for row in range(top, bottom):
            _look(corners[row + 1, left : right + 1], frames[place], at[(row + 1 - top) % 2])
            for column in range(left, right):
                if np.isnan(people[row, column]) or not _quad(at, (row - top) % 2, column - left, x, y):
                    continue
                for k in range(len(radii) - 1, -1, -1):
                    share = _share(x, y, radii[k])
                    if share <= 0:
                        break
                    known[place] = True
                    if share >= 1:
                        cuts[row, column, k] = WHOLE
                    elif cuts[row, column, k] != WHOLE:
                        cuts[row, column, k] = min(cuts[row, column, k] + 1, WHOLE - 1)
                        part[row, column, k] = share
                        bits[row, column, k] |= _points(x, y, radii[k])
    for row in range(people.shape[0]):
        for column in range(people.shape[1]):
            for k in range(len(radii)):
                if cuts[row, column, k] == WHOLE:
                    near[row, column, k] = people[row, column]
                elif cuts[row, column, k] == 1:
                    near[row, column, k] = people[row, column] * part[row, column, k]
                elif cuts[row, column, k]:
                    near[row, column, k] = people[row, column] * _ones(bits[row, column, k]) / FINE**2
    return near


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _look(points, frame, out):  # pragma: no cover (compiled)
    """Where points (n, 3) of the unit sphere are seen from above a place: east, north, up."""
    for k in range(len(points)):
        for axis in range(3):
            out[k, axis] = points[k, 0] * frame[axis, 0] + points[k, 1] * frame[axis, 1] + points[k, 2] * frame[axis, 2]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _quad(at, upper, column, x, y):  # pragma: no cover (compiled)
    """Corners (4,) of a cell in turn, from those of its upper and lower edge; False where it is beyond the horizon."""
    for k in range(4):
        corner = at[upper if k < 2 else 1 - upper, column + (k == 1 or k == 2)]
        if not corner[2] > SEEN:  # also where it is NaN
            return False
        x[k], y[k] = corner[0], corner[1]
    return True


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _share(x, y, radius):  # pragma: no cover (compiled)
    """Share of a quadrilateral (4 corners) that lies in the circle round the origin; 1 or 0 if all or nothing is."""
    farthest = 0.0
    for k in range(4):
        farthest = max(farthest, x[k] * x[k] + y[k] * y[k])
    if farthest <= radius * radius:
        return 1.0
    if min(x[0], x[1], x[2], x[3]) >= radius or max(x[0], x[1], x[2], x[3]) <= -radius:
        return 0.0
    if min(y[0], y[1], y[2], y[3]) >= radius or max(y[0], y[1], y[2], y[3]) <= -radius:
        return 0.0
    twice, common = 0.0, 0.0
    for k in range(4):
        then = (k + 1) % 4
        twice += x[k] * y[then] - x[then] * y[k]
        common += _swept(x[k], y[k], x[then], y[then], radius)
    share = 2 * common / twice if twice != 0 else 0.0
    return min(share, 1 - 1e-12) if share > 1e-12 else 0.0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _swept(ax, ay, bx, by, radius):  # pragma: no cover (compiled)
    """Signed area, within the circle, of the triangle of the origin and the edge from a to b."""
    dx, dy = bx - ax, by - ay
    a, b, c = dx * dx + dy * dy, ax * dx + ay * dy, ax * ax + ay * ay - radius * radius
    root = b * b - a * c
    if a == 0 or root <= 0:
        return _sector(ax, ay, bx, by, radius)
    root = np.sqrt(root)
    enter, leave = max((-b - root) / a, 0.0), min((-b + root) / a, 1.0)
    if enter >= leave:
        return _sector(ax, ay, bx, by, radius)
    px, py, qx, qy = ax + enter * dx, ay + enter * dy, ax + leave * dx, ay + leave * dy
    return _sector(ax, ay, px, py, radius) + (px * qy - qx * py) / 2 + _sector(qx, qy, bx, by, radius)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _sector(ax, ay, bx, by, radius):  # pragma: no cover (compiled)
    return radius * radius * np.arctan2(ax * by - bx * ay, ax * bx + ay * by) / 2


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _points(x, y, radius):  # pragma: no cover (compiled)
    """Which of 8 x 8 points, spread evenly over a quadrilateral, lie in the circle: a bit for each."""
    bits, bit = np.uint64(0), np.uint64(1)
    for i in range(FINE):
        down = (i + 0.5) / FINE
        for j in range(FINE):
            along = (j + 0.5) / FINE
            u = (1 - down) * ((1 - along) * x[0] + along * x[1]) + down * ((1 - along) * x[3] + along * x[2])
            v = (1 - down) * ((1 - along) * y[0] + along * y[1]) + down * ((1 - along) * y[3] + along * y[2])
            if u * u + v * v <= radius * radius:
                bits |= bit
            bit = bit << np.uint64(1)
    return bits


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _ones(bits):  # pragma: no cover (compiled)
    count = 0
    while bits:
        bits &= bits - np.uint64(1)
        count += 1
    return count
