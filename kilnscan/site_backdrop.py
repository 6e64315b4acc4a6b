"""What lies behind the kilns on the web map: country lines, areas, and a tile service that the page may ask."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from shapely.geometry.base import BaseGeometry

from kilnscan.config_impact import Satellite
from kilnscan.errors import ConfigError, KilnscanError, VectorError

ROOT = Path(__file__).parent.parent
POLICY = re.compile(r"\b(img-src|connect-src) 'self'")
HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?", re.ASCII)
MARGIN = 0.5  # of the region's width: what is seen beside it at first sight
Bounds = tuple[float, float, float, float]


def satellite_host(satellite: Satellite) -> str:
    """The one origin (`https://host`) that the page may ask for tiles.

    Raises ConfigError if the URL names no plain host, since the host goes into the page's security policy.
    """
    host = urlsplit(satellite.url).netloc.lower()
    if not HOST.fullmatch(host):
        raise ConfigError(
            f"`map.satellite.url` has the host {host!r}: give one plain host name, and {{z}}, {{x}}, {{y}} after it."
        )
    return f"https://{host}"


def allow(page: str, origin: str) -> str:
    """The page with a Content-Security-Policy that also lets it load images and data from `origin`."""
    allowed, times = POLICY.subn(rf"\1 'self' {origin}", page)
    if times != 2:
        raise KilnscanError("The built map has another security policy than expected: run `npm run build` in site/.")
    return allowed


def boundary_lines(path: str | Path, bounds: Bounds) -> list[list[list[float]]]:
    """Lines of a vector file near `bounds` (degrees), each border once: lists of [longitude, latitude].

    A relative path counts from here or else from kilnscan's own folder. Raises VectorError if the file cannot be read.
    """
    file = Path(path) if Path(path).exists() else ROOT / path
    try:
        table = pyogrio.read_dataframe(file, columns=[])
        if table.crs is None:
            raise VectorError(f"The boundaries {path} have no CRS: write it into the file.")
        shapes = table.geometry.to_crs(4326)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError) as error:
        raise VectorError(
            f"The boundaries {path} cannot be read: {error}; set `map.boundaries` to a vector file or null."
        ) from None
    lines = [_lines(shape) for shape in shapes if shape is not None and not shape.is_empty]
    clipped = shapely.clip_by_rect(
        np.array([line for line in lines if line is not None], dtype=object), *_around(bounds)
    )
    merged = shapely.line_merge(shapely.union_all(clipped))
    parts = shapely.get_parts(merged) if not merged.is_empty else []
    return [np.round(shapely.get_coordinates(part), 4).tolist() for part in parts]


def _lines(shape: BaseGeometry) -> BaseGeometry | None:
    dimension = shapely.get_dimensions(shape)
    return shapely.boundary(shape) if dimension == 2 else shape if dimension == 1 else None


def _around(bounds: Bounds) -> Bounds:
    west, south, east, north = bounds
    margin = max(1.0, MARGIN * max(east - west, north - south))
    return west - margin, south - margin, east + margin, north + margin


def simple_areas(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Areas with fewer corners, about a pixel of a screen that shows all of them; borders stay shared."""
    shapes = areas.geometry.to_numpy()
    if len(shapes) == 0:
        return areas
    west, south, east, north = areas.total_bounds
    tolerance = max(east - west, north - south) / 4000
    try:
        shapes = shapely.coverage_simplify(shapes, tolerance)
    except (shapely.errors.GEOSException, TypeError, ValueError):  # overlapping areas are no coverage
        shapes = shapely.simplify(shapes, tolerance)
    return areas.set_geometry(gpd.GeoSeries(shapes, index=areas.index, crs=areas.crs))
