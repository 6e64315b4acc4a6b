"""What is really there: kilns, schools, people, and the tables around them, to judge the results by."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from scipy.ndimage import gaussian_filter
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from kilnscan.files import replacing
from kilnscan.landscape.features import TO_LONLAT, write_features
from kilnscan.landscape.later import Changed
from kilnscan.landscape.plan import CENTRE, Landscape
from kilnscan.landscape.settlements import Place
from kilnscan.landscape.surroundings import write_surroundings

CELL_DEGREES = 1 / 1200  # 3 arc seconds, about 90 m: the grid of WorldPop
BACKGROUND = 0.6
"""People per cell outside the villages."""


def write_truth(landscape: Landscape, folder: str | Path) -> None:
    """Write truth.geojson (oriented boxes), change.geojson (what became of each kiln within a year; empty in the first
    season), schools.geojson, population.tif and the surroundings, all in EPSG:4326.

    The kilns include those outside the area of interest; their `inside_aoi` is false.
    """
    folder = Path(folder)
    kilns = [
        (
            kiln.box,
            {
                "kiln_type": kiln.kiln_type,
                "length_m": round(kiln.length, 2),
                "width_m": round(kiln.width, 2),
                "azimuth_deg": round((90 - float(np.degrees(kiln.angle))) % 180, 2),
                "inside_aoi": landscape.inside(kiln.x, kiln.y),
            },
        )
        for kiln in landscape.kilns
    ]
    write_features(folder / "truth.geojson", kilns)
    write_features(folder / "change.geojson", map(_changed, landscape.changes))
    write_features(folder / "schools.geojson", (_point(place, {}) for place in landscape.schools))
    write_surroundings(landscape, folder)
    _write_population(landscape, folder / "population.tif")


def _changed(changed: Changed) -> tuple[BaseGeometry, dict[str, Any]]:
    """Where a kiln is, or was if it is gone, and what became of it."""
    about = {"status": changed.status, "type": changed.now and changed.now.kiln_type}
    return (changed.now or changed.before).box, about | {"type_before": changed.before and changed.before.kiln_type}


def _point(place: Place, more: dict[str, Any]) -> tuple[BaseGeometry, dict[str, Any]]:
    return Point(place.x, place.y), {"name": place.name, **more}


def _write_population(landscape: Landscape, path: Path) -> None:
    """People per cell, float32: each village spread over its disc, a few in the fields."""
    half = landscape.half_width_m + 1000
    corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)]) + CENTRE
    lon, lat = TO_LONLAT.transform(*corners.T)
    west, north = np.floor(min(lon) / CELL_DEGREES) * CELL_DEGREES, np.ceil(max(lat) / CELL_DEGREES) * CELL_DEGREES
    width, height = int(np.ceil((max(lon) - west) / CELL_DEGREES)), int(np.ceil((north - min(lat)) / CELL_DEGREES))
    fine = 4  # cells are filled at a quarter of their size, so that a village may cover part of one
    grid = np.zeros((height * fine, width * fine))
    for village in landscape.villages:
        x, y = TO_LONLAT.transform(village.x + CENTRE[0], village.y + CENTRE[1])
        row, column = (north - y) / CELL_DEGREES * fine, (x - west) / CELL_DEGREES * fine
        size = village.radius / (90 / fine)
        down, across = np.ogrid[: grid.shape[0], : grid.shape[1]]
        inside = np.hypot(down + 0.5 - row, across + 0.5 - column) < max(size, 1)
        grid[inside] += village.people / inside.sum()
    people = grid.reshape(height, fine, width, fine).sum(axis=(1, 3))
    people = np.round(gaussian_filter(people, 0.4) + BACKGROUND, 3).astype(np.float32)
    profile = {"width": width, "height": height, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "nodata": -99999}
    profile["transform"] = Affine(CELL_DEGREES, 0, west, 0, -CELL_DEGREES, north)
    options = {"compress": "DEFLATE", "predictor": "YES", "overviews": "NONE"}
    with replacing(path) as temporary, rasterio.open(temporary, "w", driver="COG", **profile, **options) as target:
        target.write(people, 1)
        target.update_tags(SYNTHETIC="yes", UNIT="people per cell")
