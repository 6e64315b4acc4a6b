"""Distances in metres from the footprints of kilns to what stands near them, anywhere on Earth."""

from collections.abc import Iterator

import numpy as np
import shapely
from pyproj import CRS, Transformer

from kilnscan.merge import EARTH_M

LONG_EDGE_DEG = 0.05  # a straight line in degrees bends less than a metre from the shortest over that length below 60°


def nearest(
    footprints: np.ndarray, lon: np.ndarray, lat: np.ndarray, places: np.ndarray, reach_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Metres (n,) from each footprint to the nearest place, and the place's index; infinity and -1 beyond `reach_m`.

    Footprints (n,) with centres `lon`, `lat`, and places (m,) of points, lines or areas are geometries in degrees
    (EPSG:4326). It is 0 inside an area. Of places equally near, the first counts. Each footprint is measured in an
    azimuthal equidistant projection of WGS 84 centred within a degree of it: the error is below 0.02 % of the distance.
    """
    metres, index = np.full(len(footprints), np.inf), np.full(len(footprints), -1)
    for mine, here, theirs, there in _neighbourhoods(footprints, lon, lat, _bent(places), reach_m):
        (source, target), distance = shapely.STRtree(there).query_nearest(
            here, max_distance=reach_m, return_distance=True
        )
        order = np.lexsort((theirs[target], source))
        first = order[np.unique(source[order], return_index=True)[1]]
        metres[mine[source[first]]], index[mine[source[first]]] = distance[first], theirs[target[first]]
    return metres, index


def pairs_within(
    footprints: np.ndarray, lon: np.ndarray, lat: np.ndarray, reach_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of footprints not farther apart than `reach_m`, each both ways: indices of the one and the other, metres.

    Pairs are sorted by index. Distances as in `nearest`.
    """
    ones, others, distances = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for mine, here, theirs, there in _neighbourhoods(footprints, lon, lat, footprints, reach_m):
        source, target = shapely.STRtree(there).query(here, predicate="dwithin", distance=reach_m)
        two = mine[source] != theirs[target]
        ones.append(mine[source[two]])
        others.append(theirs[target[two]])
        distances.append(shapely.distance(here[source[two]], there[target[two]]))
    one, other, metres = np.concatenate(ones), np.concatenate(others), np.concatenate(distances)
    order = np.lexsort((other, one))
    return one[order], other[order], metres[order]


def area_within(footprints: np.ndarray, lat: np.ndarray, distance_m: float) -> np.ndarray:
    """Square metres (n,) of the land within a distance of each convex footprint in degrees, itself included."""
    stretch = np.radians(EARTH_M)
    vertices, owner = shapely.get_coordinates(footprints, return_index=True)
    east = vertices[:, 0] - vertices[np.searchsorted(owner, owner), 0]  # from the first vertex, for the antimeridian
    flat = np.column_stack([(east + 180) % 360 - 180, vertices[:, 1]])
    flat *= np.column_stack([stretch * np.cos(np.radians(lat[owner])), np.full(len(owner), stretch)])
    metric = shapely.set_coordinates(footprints.copy(), flat)
    return np.pi * distance_m**2 + shapely.length(metric) * distance_m + shapely.area(metric)


def _bent(places: np.ndarray) -> np.ndarray:
    """Geometries in degrees whose long edges follow the lines of equal degrees also when they are projected."""
    west, south, east, north = shapely.bounds(places).T
    long = (np.hypot(east - west, north - south) > LONG_EDGE_DEG) & (east - west < 180)
    places = places.copy()
    places[long] = shapely.segmentize(places[long], LONG_EDGE_DEG)
    return places


def _neighbourhoods(
    footprints: np.ndarray, lon: np.ndarray, lat: np.ndarray, others: np.ndarray, reach_m: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Footprints by cells of about a degree, with all others that may lie within reach: indices, and shapes in metres.

    No two cells have a footprint in common.
    """
    if not len(footprints) or not len(others):
        return
    tree = shapely.STRtree(others)
    band = np.floor(lat).astype(np.int64)
    columns = np.maximum(np.floor(360 * np.cos(np.radians(band + 0.5))), 1)
    column = np.floor((lon % 360) * columns / 360).astype(np.int64) % columns.astype(np.int64)
    member = np.unique(np.column_stack([band, column]), axis=0, return_inverse=True)[1].ravel()
    for mine in np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1]):
        middle = (column[mine[0]] + 0.5) * 360 / columns[mine[0]]
        centre = (middle + 180) % 360 - 180, np.clip(lat[mine].mean(), -90, 90)
        theirs = tree.query(_windows(*centre, 180 / columns[mine[0]], lat[mine], reach_m))[1]
        if len(theirs := np.unique(theirs)):
            yield mine, _projected(footprints[mine], *centre), theirs, _projected(others[theirs], *centre)


def _windows(lon: float, lat: float, half: float, lats: np.ndarray, reach_m: float) -> np.ndarray:
    """Boxes in degrees round a cell, wherever round the world others may be written, with `reach_m` to spare."""
    spare = np.degrees((reach_m * 1.01 + 1000) / EARTH_M)  # no kiln is a kilometre long
    south, north = lats.min() - spare, lats.max() + spare
    steepest = max(abs(south), abs(north))
    wide = half + spare / np.cos(np.radians(steepest)) if steepest < 89 else 180
    return shapely.box(lon - wide + np.array([-360, 0, 360]), south, lon + wide + np.array([-360, 0, 360]), north)


def _projected(shapes: np.ndarray, lon: float, lat: float) -> np.ndarray:
    local = CRS.from_dict({"proj": "aeqd", "lon_0": lon, "lat_0": lat, "datum": "WGS84", "units": "m"})
    to_local = Transformer.from_crs(4326, local, always_xy=True)
    return shapely.transform(shapes, lambda degrees: np.column_stack(to_local.transform(*degrees.T)))
