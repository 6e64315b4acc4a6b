"""Distinct places, such as schools, of files in which the same place stands more than once."""

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely

from kilnscan.errors import VectorError
from kilnscan.merge import EARTH_M, near_pairs
from kilnscan.tables import centres, read_vector

SAME_M = 30.0
"""Metres within which two points are the same place: what two surveys of one building differ by."""

REACH_M = 100_000.0
"""Metres around all kilns within which a file of places must have something: farther off, its CRS is wrong."""
Check = Callable[[gpd.GeoDataFrame, str], None]


def check_near(lon: np.ndarray, lat: np.ndarray) -> Check:
    """A check of a file's places (EPSG:4326; its name): some must lie within 100 km of the box around kilns (degrees).

    Places in a wrong CRS would count as none, and every rule on them as kept. The check raises VectorError. Without
    kilns nothing is far.
    """

    def check(places: gpd.GeoDataFrame, path: str) -> None:
        bounds = shapely.bounds(places.geometry.array)
        if not len(lon) or places.empty or not (np.abs(bounds) <= (540, 90, 540, 90)).all():
            return  # what lies off the globe is refused by whoever reads the places
        reach = np.degrees(REACH_M / EARTH_M)
        wide = reach / max(np.cos(np.radians(np.abs(lat).max())), 0.01)
        west, south, east, north = bounds.T
        beside = (south <= lat.max() + reach) & (north >= lat.min() - reach)
        round_the_globe = np.array([[-360], [0], [360]])
        within = (west + round_the_globe <= lon.max() + wide) & (east + round_the_globe >= lon.min() - wide)
        if not (beside & within).any():
            raise VectorError(
                f"None of the {len(places)} features of {path} lies within {REACH_M / 1000:.0f} km of the region's "
                "kilns: check its CRS, and that x is the longitude."
            )

    return check


def read_places(paths: list[str], what: str, check: Check | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (n,) of the distinct places of vector files, sorted; `check` is shown each file's.

    Areas (and lines) go before points, larger ones first. What stands for a place takes along every point within 30 m
    of it, or of the area, and every area that it covers by more than half. So a school that OpenStreetMap draws as an
    area and a ministry lists as a point counts once; two schools on one campus that is drawn as an area count once as
    well, and so do two points within 30 m whatever their names. An area is where its centroid is.
    Raises VectorError if a file cannot be used or has places that are not on the globe.
    """
    table = read_vector(paths, what, check)
    bounds = shapely.bounds(table.geometry.array)
    lost = ~(np.isfinite(bounds).all(axis=1) & (np.abs(bounds) <= [540, 90, 540, 90]).all(axis=1))
    if lost.any():
        raise VectorError(
            f"The {what} {', '.join(paths)} has {lost.sum()} places that are not on the globe, the first at "
            f"{bounds[lost][0, :2].tolist()}: are the coordinates really in its CRS, longitude first?"
        )
    lon, lat = distinct(np.asarray(table.geometry.array))
    order = np.lexsort((lat, lon))
    return lon[order], lat[order]


def distinct(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the shapes (degrees) that stand for places, as `read_places` tells."""
    area = shapely.get_type_id(shapes) != shapely.GeometryType.POINT
    shapes = np.where(area, shapely.make_valid(shapes), shapes)
    lon, lat = centres(gpd.GeoSeries(shapes))
    order = np.lexsort((lat, lon, -shapely.area(shapes), ~area))
    shapes, area, lon, lat = shapes[order], area[order], (lon[order] + 180) % 360 - 180, lat[order]
    points, areas = np.flatnonzero(~area), np.flatnonzero(area)
    close, _ = near_pairs(lon[points], lat[points], SAME_M)
    pairs = [points[close], areas[_covered(shapes[areas])]]
    inside, of = _beside(shapes[areas], shapes[points], lat[areas])
    pairs.append(np.column_stack([areas[of], points[inside]]))
    kept = _first(np.concatenate(pairs), len(shapes))
    return lon[kept], lat[kept]


def _covered(areas: np.ndarray) -> np.ndarray:
    """Pairs of areas (n, 2), the larger one first, of which the larger covers more than half of the smaller."""
    one, other = shapely.STRtree(areas).query(areas, predicate="intersects")
    one, other = one[one < other], other[one < other]
    common = shapely.area(shapely.intersection(areas[one], areas[other]))
    same = (common > shapely.area(areas[other]) / 2) | shapely.equals(areas[one], areas[other])
    return np.column_stack([one[same], other[same]])


def _beside(areas: np.ndarray, points: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and the areas (latitudes `lat`) that they lie in or within 30 m of."""
    reach = np.degrees(SAME_M / EARTH_M)
    x, y = shapely.get_x(points), shapely.get_y(points)
    wide = reach / np.maximum(np.cos(np.radians(y)), 0.01)
    point, area = shapely.STRtree(areas).query(shapely.box(x - wide, y - reach, x + wide, y + reach))
    metres = np.radians(1) * EARTH_M
    across = metres * np.cos(np.radians(lat[area]))
    moved, around = areas[area].copy(), shapely.get_coordinates(areas[area])
    which = np.repeat(np.arange(len(area)), shapely.get_num_coordinates(areas[area]))
    around[:, 0] = (around[:, 0] - x[point][which]) * across[which]
    around[:, 1] = (around[:, 1] - y[point][which]) * metres
    near = shapely.distance(shapely.set_coordinates(moved, around), shapely.Point(0, 0)) <= SAME_M
    return point[near], area[near]


def _first(pairs: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` places stand for themselves, where the first of a pair takes the second along."""
    kept = np.ones(count, bool)
    for first, second in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
        if kept[first]:
            kept[second] = False
    return kept
