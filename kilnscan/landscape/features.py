"""Geometries of a landscape as GeoJSON in longitude and latitude."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Transformer
from shapely import transform
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from kilnscan.files import write_json
from kilnscan.landscape.plan import CENTRE, EPSG

TO_LONLAT = Transformer.from_crs(EPSG, 4326, always_xy=True)


def to_lonlat(geometry: BaseGeometry) -> BaseGeometry:
    """Local metres to longitude and latitude, rounded to about a centimetre."""
    return transform(
        geometry, lambda xy: np.round(np.column_stack(TO_LONLAT.transform(*(xy + CENTRE).T)), 7), include_z=False
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
