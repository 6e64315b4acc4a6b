"""What is really there: kilns, schools, other plants and people, to judge the results by."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from scipy.ndimage import gaussian_filter
from shapely import transform
from shapely.geometry import Point, mapping
from shapely.geometry.base import BaseGeometry

from kilnscan.files import replacing, write_json
from kilnscan.landscape.plan import CENTRE, EPSG, Landscape
from kilnscan.landscape.settlements import Place

CELL_DEGREES = 1 / 1200  # 3 arc seconds, about 90 m: the grid of WorldPop
BACKGROUND = 0.6
"""People per cell outside the villages."""
_TO_LONLAT = Transformer.from_crs(EPSG, 4326, always_xy=True)


def write_truth(landscape: Landscape, folder: str | Path) -> None:
    """Write truth.geojson (oriented boxes), schools.geojson, plants.geojson and population.tif, all in EPSG:4326.

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
    write_features(folder / "schools.geojson", (_point(place, {}) for place in landscape.schools))
    write_features(folder / "plants.geojson", (_point(place, {"sector": place.kind}) for place in landscape.plants))
    _write_population(landscape, folder / "population.tif")


def _point(place: Place, more: dict[str, Any]) -> tuple[BaseGeometry, dict[str, Any]]:
    return Point(place.x, place.y), {"name": place.name, **more}


def to_lonlat(geometry: BaseGeometry) -> BaseGeometry:
    """Local metres to longitude and latitude, rounded to about a centimetre."""
    return transform(
        geometry, lambda xy: np.round(np.column_stack(_TO_LONLAT.transform(*(xy + CENTRE).T)), 7), include_z=False
    )


def write_features(path: Path, features: Iterable[tuple[BaseGeometry, dict[str, Any]]]) -> None:
    """Write geometries in local metres as GeoJSON in longitude and latitude, marked as synthetic."""
    collection = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
        "features": [
            {"type": "Feature", "properties": {**about, "synthetic": True}, "geometry": mapping(to_lonlat(geometry))}
            for geometry, about in features
        ],
    }
    write_json(path, collection)


def _write_population(landscape: Landscape, path: Path) -> None:
    """People per cell, float32: each village spread over its disc, a few in the fields."""
    half = landscape.half_width_m + 1000
    corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)]) + CENTRE
    lon, lat = _TO_LONLAT.transform(*corners.T)
    west, north = np.floor(min(lon) / CELL_DEGREES) * CELL_DEGREES, np.ceil(max(lat) / CELL_DEGREES) * CELL_DEGREES
    width, height = int(np.ceil((max(lon) - west) / CELL_DEGREES)), int(np.ceil((north - min(lat)) / CELL_DEGREES))
    fine = 4  # cells are filled at a quarter of their size, so that a village may cover part of one
    grid = np.zeros((height * fine, width * fine))
    for village in landscape.villages:
        x, y = _TO_LONLAT.transform(village.x + CENTRE[0], village.y + CENTRE[1])
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
