"""The tile grid: MGRS 100 km squares of a UTM zone, optionally subdivided.

Letters follow NGA.STND.0037 (Universal Grids), the scheme Sentinel-2 granules are named by. A square that straddles a
latitude band takes the letter of its centre.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

SQUARE_M = 100_000
PIXEL_M = 10
SCREEN_HALO_M = 400.0
"""How far screen rasters reach beyond the land a tile owns, so that its candidates see what its neighbours' do."""
HALO_M = 1500.0
"""How far beyond its own land a tile may look, in metres; every stage's halo fits into it."""
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"

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

    def owns(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which points (metres) belong to this tile and to no other: half-open in the square, inside the area."""
        left, bottom, right, top = self.bounds
        inside = (x >= left) & (x < right) & (y >= bottom) & (y < top)
        inside[inside] = shapely.intersects_xy(self.own, x[inside], y[inside])
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


def zone_of(lon: float, lat: float) -> int:
    """EPSG code of the UTM zone of a place."""
    zone = min(int((lon + 180) // 6) + 1, 60)
    return (32600 if lat >= 0 else 32700) + zone


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
    """Tiles that cover an area of interest (EPSG:4326), sorted by id.

    Each zone takes its own six degrees of the area and each hemisphere its half, so that every point belongs to
    exactly one tile. `size_km` divides 100.
    """
    tiles = [tile for epsg, part in _zone_parts(area) for tile in _zone_tiles(part, epsg, size_km)]
    return sorted(tiles, key=lambda tile: tile.id)


def _zone_parts(area: BaseGeometry) -> Iterator[tuple[int, BaseGeometry]]:
    west, south, east, north = area.bounds
    for zone in range(int((west + 180) // 6) + 1, min(int((east + 180) // 6) + 1, 60) + 1):
        lon = zone * 6 - 186
        for base, low, high in ((32600, max(south, 0.0), north), (32700, south, min(north, 0.0))):
            if low < high:
                part = area.intersection(shapely.box(lon, low, lon + 6, high))
                if part.area > 0:
                    yield base + zone, part


def _zone_tiles(part: BaseGeometry, epsg: int, size_km: int) -> Iterator[Tile]:
    size = size_km * 1000
    # straight lines in degrees bend in metres: a vertex at least every hundredth of a degree keeps them within 0.1 m
    utm = shapely.make_valid(to_crs(shapely.segmentize(part, 0.01), 4326, epsg))
    left, bottom, right, top = utm.bounds
    for x in range(int(left // size) * size, math.ceil(right), size):
        for y in range(int(bottom // size) * size, math.ceil(top), size):
            own = utm.intersection(shapely.box(x, y, x + size, y + size))
            if own.area > 0:
                name = square_name(epsg, x, y)
                if size_km < 100:
                    name += f"_{size_km}_{x % SQUARE_M // size}{y % SQUARE_M // size}"
                yield Tile(name, epsg, (x, y, x + size, y + size), own)


mercator = Transformer.from_crs(4326, 3857, always_xy=True)
"""Degrees to Web Mercator metres."""
