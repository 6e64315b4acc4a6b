"""People within a distance of places, from rasters of people per cell in any CRS.

A cell counts by the share of its area that lies within the distance. The share is computed, not sampled: seen straight
down from above the place (orthographic projection), the places within a great-circle distance are a disc, and a cell is
a quadrilateral; the area they have in common has a closed form. What that neglects, the bend of a cell's edges and the
foreshortening, is below 1e-5 of a cell of 1 km at 5 km. Cells are where their corners lie in longitude and latitude:
the raster is never warped, so that no people are lost or made.
"""

from collections.abc import Callable

import numpy as np

from kilnscan.discs import add_near, near_once
from kilnscan.merge import EARTH_M, unit_vectors
from kilnscan.population import blocks

GroupOf = Callable[[np.ndarray, np.ndarray], np.ndarray]


def people_within(paths: list[str], lon: np.ndarray, lat: np.ndarray, radii_m: tuple[float, ...]) -> np.ndarray:
    """People (place, radius) within each great-circle distance of each place (n,) in degrees; radii ascend.

    Cells without data or with negative numbers hold nobody; where `paths` name several rasters, cells of later ones
    count where the centre of the cell has no data in earlier ones. NaN where no cell with data lies within the longest
    radius. Raises ImageryError if a raster cannot be used.
    """
    people, known = np.zeros((len(lon), len(radii_m))), np.zeros(len(lon), bool)
    frames, radii = _frames(lon, lat), _seen_from_above(radii_m)
    for block in blocks(paths, lon, lat, max(radii_m)):
        add_near(block.people, block.corners, block.windows, block.places, frames, radii, people, known)
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
    for block in blocks(paths, lon, lat, max(radii_m)):
        near = near_once(block.people, block.corners, block.windows, block.places, frames, radii, known)
        if group_of is None:
            people[0] += near.sum(axis=(0, 1))
            continue
        row, column = np.nonzero(near[:, :, -1] > 0)
        middle = sum(block.corners[row + down, column + along] for down in (0, 1) for along in (0, 1))
        group = group_of(*_degrees(middle))
        np.add.at(people, group[group >= 0], near[row, column][group >= 0])
    return people, known


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
