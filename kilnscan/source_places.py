"""Whether a source can stand where its table says: on the world, in its country, and not where another stands."""

import functools
import json

import numpy as np
import shapely

from kilnscan.countries import BOUNDARIES
from kilnscan.source_layouts import key

EARTH_KM = 6371.0088
BORDER_KM = 50.0  # the boundaries are generalised, and ports and rigs lie off the coast
SAME_M = 100.0
_ALSO = {
    "United States": "USA", "US": "USA", "UK": "GBR", "Great Britain": "GBR", "Czech Republic": "CZE", "Burma": "MMR",
    "DR Congo": "COD", "Ivory Coast": "CIV", "Cape Verde": "CPV", "Swaziland": "SWZ", "The Gambia": "GMB",
    "Republic of the Congo": "COG", "Macau": "MAC", "East Timor": "TLS",
}  # fmt: skip


def km_between(lon: np.ndarray, lat: np.ndarray, other_lon: float, other_lat: float) -> np.ndarray:
    """Distances on the sphere, from degrees."""
    lon, lat, other_lon, other_lat = map(np.radians, (lon, lat, other_lon, other_lat))
    chord = np.sin((lat - other_lat) / 2) ** 2 + np.cos(lat) * np.cos(other_lat) * np.sin((lon - other_lon) / 2) ** 2
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))


class Countries:
    """The countries of facts/countries.geojson."""

    def __init__(self) -> None:
        features = json.loads(BOUNDARIES.read_text(encoding="utf-8"))["features"]
        self._iso3 = [feature["properties"]["iso3"] for feature in features]
        self._shapes = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
        self._tree = shapely.STRtree(self._shapes)
        self._borders: dict[str, np.ndarray] = {}
        self._codes: dict[str, str] = {}
        for feature in features:
            for name in ("iso3", "name", "long_name"):
                self._codes.setdefault(key(feature["properties"][name]), feature["properties"]["iso3"])
        self._codes |= {key(name): code for name, code in _ALSO.items()}
        self._codes.pop("", None)

    def code(self, name: str) -> str:
        """ISO 3166 alpha-3 code of a country by code or English name; "" if it is not known."""
        return self._codes.get(key(name), "")

    def at(self, lon: np.ndarray, lat: np.ndarray) -> list[str]:
        """Code of the country at each place, or of the nearest within a tenth of a degree; "" at sea."""
        found = np.full(len(lon), len(self._iso3))
        shape, place = shapely.STRtree(shapely.points(lon, lat)).query(self._shapes, predicate="intersects")
        np.minimum.at(found, place, shape)
        for turn in (0, -360, 360):  # also off a coast on the other side of the antimeridian
            off = np.flatnonzero(found == len(self._iso3))
            points = shapely.points(lon[off] + turn, lat[off])
            place, shape = self._tree.query_nearest(points, max_distance=0.1, all_matches=False)
            found[off[place]] = shape
        return [*map([*self._iso3, ""].__getitem__, found)]

    def km_from(self, code: str, lon: float, lat: float) -> float:
        """Distance of a place from a country in km, 0 inside; infinite if the country is not known."""
        if code not in self._iso3:
            return np.inf
        if shapely.contains_xy(self._parts(code), lon, lat).any():
            return 0.0
        border = self._border(code)
        return float(km_between(border[:, 0], border[:, 1], lon, lat).min())

    def _border(self, code: str) -> np.ndarray:
        """Points (n, 2) of a country's border, at most a tenth of a degree apart."""
        if code not in self._borders:
            self._borders[code] = self._points(code)
        return self._borders[code]

    def _points(self, code: str) -> np.ndarray:
        return shapely.get_coordinates(shapely.segmentize(shapely.boundary(self._parts(code)), 0.1))

    def _parts(self, code: str) -> np.ndarray:
        """Shapes of a country: Australia has its islands as another feature."""
        return self._shapes[np.array(self._iso3) == code]


class Names:
    """Names of sources and where they stand, to find one that is named twice within 100 m."""

    def __init__(self) -> None:
        self._cells: dict[tuple, list[tuple[np.ndarray, str]]] = {}

    def twin(self, name: str, lon: float, lat: float, where: str) -> str:
        """Where the same name was met within 100 m; "" if nowhere, and then it is noted."""
        if not key(name):
            return ""
        lam, phi = np.radians((lon, lat))
        place = EARTH_KM * 1000 * np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
        cell = np.floor(place / SAME_M).astype(int)
        for step in np.ndindex(3, 3, 3):
            for other, seen in self._cells.get((key(name), *(cell + step - 1).tolist()), ()):
                if np.linalg.norm(place - other) <= SAME_M:
                    return seen
        self._cells.setdefault((key(name), *cell.tolist()), []).append((place, where))
        return ""


@functools.cache
def countries() -> Countries:
    """The countries, read once."""
    return Countries()
