"""The tile grid: MGRS 100 km squares of a UTM zone, optionally subdivided.

Zones are six degrees wide, but for south-west Norway and Svalbard. Every place between 80 degrees south and 84 north
belongs to exactly one zone, square and tile: the western and southern edges of each belong to it.

Letters follow NGA.STND.0037 (Universal Grids), the scheme Sentinel-2 granules are named by. A square that straddles a
latitude band takes the letter of its centre.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from kilnscan.antimeridian import polygons, split, together

SOUTH_DEG, NORTH_DEG = -80.0, 84.0
"""Latitudes between which UTM, and with it the grid of Sentinel-2, is defined."""
SQUARE_M = 100_000
PIXEL_M = 10
SCREEN_HALO_M = 400.0
"""How far screen rasters reach beyond the land a tile owns, so that its candidates see what its neighbours' do."""
HALO_M = 1500.0
"""How far beyond its own land a tile may look, in metres; every stage's halo fits into it."""
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_WIDENED = {
    31: (0, 72, 9, 84),
    32: (3, 56, 12, 64),
    33: (9, 72, 21, 84),
    35: (21, 72, 33, 84),
    37: (33, 72, 42, 84),
}
"""Land that zones hold beyond or instead of their six degrees: west, south, east, north. The first and the last three
are Svalbard's, where zones 32, 34 and 36 end at 72 degrees north; the second is Norway's."""
_NEAR_M = 0.03
"""A zone's border and the sides of an area, which bend in metres, are drawn within so many metres as straight lines."""
_LEAST_M2 = 1.0

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Tile:
    """One tile: what it is called, the square it stands on and the part of the area of interest it owns."""

    id: str
    epsg: int
    """UTM zone as EPSG code."""
    bounds: Bounds
    """Its square in metres: left, bottom, right, top. Half-open: the left and bottom edges belong to it."""
    own: BaseGeometry
    """Square and area of interest in common, in metres."""

    def spec(self) -> dict:
        """The tile as plain values, coordinates to the millimetre; equal specs mean equal tiles."""
        own = shapely.normalize(shapely.set_precision(self.own, 0.001, mode="pointwise"))
        return {"id": self.id, "epsg": self.epsg, "bounds": list(self.bounds), "own": shapely.to_wkt(own, 3)}

    @classmethod
    def from_spec(cls, spec: dict) -> "Tile":
        """The tile that `spec` describes."""
        return cls(spec["id"], spec["epsg"], tuple(spec["bounds"]), shapely.from_wkt(spec["own"]))

    def work(self) -> dict[str, float]:
        """What a job on the whole tile works on: `km2` it owns, 10 m `pixels` of its square."""
        left, bottom, right, top = self.bounds
        return {"km2": self.own.area / 1e6, "pixels": round((right - left) * (top - bottom) / 100)}

    def owns(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which points (metres) belong to this tile and to no other: half-open in square and zone, inside the area."""
        left, bottom, right, top = self.bounds
        inside = (x >= left) & (x < right) & (y >= bottom) & (y < top)
        inside[inside] = shapely.dwithin(self.own, shapely.points(x[inside], y[inside]), _NEAR_M)
        lon, lat = transformer(self.epsg, 4326).transform(x[inside], y[inside])
        inside[inside] = zones_of(lon, lat) == self.epsg % 100
        return inside

    def read_bounds(self, halo_m: float) -> Bounds:
        """Extent of what it owns, widened to whole pixels and by `halo_m` on each side, in metres."""
        left, bottom, right, top = self.own.bounds
        return (
            math.floor(left / PIXEL_M) * PIXEL_M - halo_m,
            math.floor(bottom / PIXEL_M) * PIXEL_M - halo_m,
            math.ceil(right / PIXEL_M) * PIXEL_M + halo_m,
            math.ceil(top / PIXEL_M) * PIXEL_M + halo_m,
        )


@lru_cache(maxsize=256)
def transformer(source: int, target: int) -> Transformer:
    """Cached pyproj transformer between two EPSG codes, x before y."""
    return Transformer.from_crs(source, target, always_xy=True)


def to_crs(geometry: BaseGeometry, source: int, target: int) -> BaseGeometry:
    """Reproject a geometry between EPSG codes."""
    return shapely.transform(geometry, transformer(source, target).transform, interleaved=False)


def to_lonlat(geometry: BaseGeometry, epsg: int) -> BaseGeometry:
    """A geometry in metres of a UTM zone in EPSG:4326, longitudes within -180 and 180.

    What crosses the antimeridian becomes several polygons, split there, as GeoJSON (RFC 7946) and STAC ask.
    """
    degrees = to_crs(geometry, epsg, 4326)
    if degrees.is_empty or degrees.bounds[2] - degrees.bounds[0] < 180:
        return degrees
    return split(together(degrees, epsg % 100 * 6 - 183))


def zones_of(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Numbers of the UTM zones of places, 1 to 60."""
    lon = np.round(lon, 9)  # what a projection and its inverse make of a zone's border lies on it again
    lat = np.round(lat, 9)
    zones = np.floor((lon + 180) / 6).astype(int) % 60 + 1
    for zone, (west, south, east, north) in _WIDENED.items():
        zones = np.where((lon >= west) & (lon < east) & (lat >= south) & (lat < north), zone, zones)
    return zones


def zone_of(lon: float, lat: float) -> int:
    """EPSG code of the UTM zone of a place."""
    return (32600 if lat >= 0 else 32700) + int(zones_of(np.float64(lon), np.float64(lat)))


def square_name(epsg: int, easting: float, northing: float) -> str:
    """MGRS name, such as `45QVB`, of the 100 km square that holds a UTM position in metres."""
    zone, south = epsg % 100, epsg > 32700
    column = _COLUMNS[(zone - 1) % 3][int(easting // SQUARE_M) - 1]
    row = _ROWS[(int(northing // SQUARE_M) + (5 if zone % 2 == 0 else 0)) % 20]
    centre = (int(easting // SQUARE_M) + 0.5) * SQUARE_M, (int(northing // SQUARE_M) + 0.5) * SQUARE_M
    lat = transformer(epsg, 4326).transform(*centre)[1]
    lat = min(lat, -1e-9) if south else max(lat, 0.0)
    band = _BANDS[min(max(int((lat + 80) // 8), 0), 19)]
    return f"{zone:02d}{band}{column}{row}"


def mgrs_10m(lon: float, lat: float) -> str:
    """MGRS reference of a place to 10 m, such as `45QVB50120003`: the stable name of a kiln."""
    epsg = zone_of(lon, lat)
    x, y = transformer(4326, epsg).transform(lon, lat)
    return f"{square_name(epsg, x, y)}{int(x % SQUARE_M // PIXEL_M):04d}{int(y % SQUARE_M // PIXEL_M):04d}"


def tiles_of(area: BaseGeometry, size_km: int = 100) -> list[Tile]:
    """Tiles that cover an area of interest (EPSG:4326, longitudes within -180 and 180), sorted by id.

    Every point of the area belongs to exactly one tile. A tile that would own less than a square metre, which is what
    rounding leaves where a side of the area follows one of the grid, is none. `size_km` divides 100.
    """
    tiles = [tile for epsg, part in zone_parts(area) for tile in _zone_tiles(part, epsg, size_km)]
    return sorted(tiles, key=lambda tile: tile.id)


def zone_parts(area: BaseGeometry) -> Iterator[tuple[int, BaseGeometry]]:
    """An area (EPSG:4326) by UTM zone and hemisphere: EPSG code and polygons in degrees."""
    for zone in range(1, 61):
        for epsg, south, north in ((32600 + zone, 0.0, NORTH_DEG), (32700 + zone, SOUTH_DEG, 0.0)):
            home = _zone_home(zone, south, north)
            if _meet(home.bounds, area.bounds):
                part = polygons(area.intersection(home))
                if not part.is_empty:
                    yield epsg, part


@cache
def _zone_home(zone: int, south: float, north: float) -> BaseGeometry:
    """The land (degrees) of a zone between two latitudes."""
    home = shapely.box(zone * 6 - 186, south, zone * 6 - 180, north)
    if north > 0:
        for other, bounds in _WIDENED.items():
            widened = shapely.box(*bounds)
            home = home.union(widened) if other == zone else home.difference(widened)
    return home


def _meet(one: Bounds, other: Bounds) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _zone_tiles(part: BaseGeometry, epsg: int, size_km: int) -> Iterator[Tile]:
    size = size_km * 1000
    # straight lines in degrees bend in metres: a vertex at least every hundredth of a degree keeps them within 0.1 m
    utm = shapely.make_valid(shapely.transform(to_crs(shapely.segmentize(part, 0.01), 4326, epsg), _on_grid))
    left, bottom, right, top = utm.bounds
    columns = range(int(left // size), math.ceil(right / size))
    rows = range(int(bottom // size), math.ceil(top / size))
    for column, row, own in _cells(utm, columns, rows, size):
        x, y = column * size, row * size
        name = square_name(epsg, x, y)
        if size_km < 100:
            name += f"_{size_km}_{x % SQUARE_M // size}{y % SQUARE_M // size}"
        yield Tile(name, epsg, (x, y, x + size, y + size), own)


def _on_grid(points: np.ndarray) -> np.ndarray:
    """Points with those within a micrometre of a line of the grid put onto it.

    The equator and 3 degrees east are lines of the grid and sides of zones, too; rounding would leave hairs there.
    """
    line = np.round(points / SQUARE_M) * SQUARE_M
    return np.where(np.abs(points - line) < 1e-6, line, points)


def _cells(shape: BaseGeometry, columns: range, rows: range, size: int) -> Iterator[tuple[int, int, BaseGeometry]]:
    """Column, row and share of every cell of a grid that `shape` meets, by halving: each cut handles fewer vertices."""
    box = shapely.box(columns.start * size, rows.start * size, columns.stop * size, rows.stop * size)
    own = polygons(shape.intersection(box))
    if own.area < _LEAST_M2:
        return
    if len(columns) == len(rows) == 1:
        yield columns.start, rows.start, own
    elif len(columns) > len(rows):
        middle = len(columns) // 2
        yield from _cells(own, columns[:middle], rows, size)
        yield from _cells(own, columns[middle:], rows, size)
    else:
        middle = len(rows) // 2
        yield from _cells(own, columns, rows[:middle], size)
        yield from _cells(own, columns, rows[middle:], size)


mercator = Transformer.from_crs(4326, 3857, always_xy=True)
"""Degrees to Web Mercator metres."""
