"""The area of interest: from a file or a box, checked before anything is computed from it."""

from pathlib import Path

import geopandas as gpd
import shapely
from pyogrio.errors import DataSourceError
from pyproj.exceptions import CRSError
from rasterio.warp import transform_bounds
from shapely.geometry.base import BaseGeometry

from kilnscan.errors import AreaError
from kilnscan.mosaic import open_mosaic


def read_area(source: str | Path | list[float]) -> BaseGeometry:
    """Area of interest as one polygon or multipolygon in EPSG:4326.

    `source` is a vector file that OGR can read, or a box [west, south, east, north] in degrees.
    Raises AreaError if it is missing, empty, self-intersecting, without CRS or not on the globe.
    """
    if not isinstance(source, (str, Path)):
        west, south, east, north = source
        if not (-180 <= west < east <= 180 and -84 <= south < north <= 84):
            raise AreaError(
                f"The area of interest {list(source)} is not a box [west, south, east, north] in degrees: "
                "check `region.aoi`."
            )
        return shapely.box(west, south, east, north)
    table = _read_table(source)
    polygons = table.geometry[table.geom_type.isin(["Polygon", "MultiPolygon"])]
    if polygons.empty or polygons.is_empty.all():
        raise AreaError(f"The area of interest {source} holds no polygon: draw at least one and save it again.")
    for index, reason in enumerate(shapely.is_valid_reason(polygons.array)):
        if reason != "Valid Geometry":
            raise AreaError(
                f"Polygon {index + 1} of the area of interest {source} is invalid ({reason}): "
                "mend it, for example with QGIS 'Fix geometries'."
            )
    area = shapely.union_all(polygons.array)
    west, south, east, north = area.bounds
    if not (west >= -180 and east <= 180 and south >= -84 and north <= 84):
        raise AreaError(
            f"The area of interest {source} reaches {tuple(round(v, 2) for v in area.bounds)}, which is no longitude "
            "and latitude within 84 degrees north and south: its CRS is probably wrong."
        )
    return area


def _read_table(source: str | Path) -> gpd.GeoDataFrame:
    if not Path(source).is_file():
        raise AreaError(f"The area of interest {source} does not exist: check `region.aoi`.")
    try:
        table = gpd.read_file(source)
    except (DataSourceError, ValueError, UnicodeDecodeError) as error:
        raise AreaError(
            f"The area of interest {source} cannot be read: {error}. Save it as GeoJSON or GeoPackage."
        ) from error
    if not isinstance(table, gpd.GeoDataFrame) or table.geometry.isna().all():
        raise AreaError(f"The area of interest {source} holds no polygon: draw at least one and save it again.")
    if table.crs is None:
        raise AreaError(
            f"The area of interest {source} has no CRS: assign one, for example EPSG:4326, and save it again."
        )
    try:
        return table.to_crs(4326)
    except CRSError as error:
        raise AreaError(f"The CRS of the area of interest {source} cannot be used: {error}.") from error


def mosaic_footprint(paths: list[str]) -> BaseGeometry:
    """Extent of one or more composites in EPSG:4326, as a union of boxes."""
    boxes = []
    for path in paths:
        with open_mosaic(path) as source:
            boxes.append(shapely.box(*transform_bounds(source.crs, "EPSG:4326", *source.bounds)))
    return shapely.union_all(boxes)


def area_on_mosaic(area: BaseGeometry | None, paths: list[str]) -> BaseGeometry:
    """The area of interest where composites cover it; their whole footprint if `area` is None.

    Raises AreaError if the two do not meet.
    """
    footprint = mosaic_footprint(paths)
    if area is None:
        return footprint
    if not area.intersects(footprint):
        raise AreaError(
            f"The area of interest {tuple(round(v, 3) for v in area.bounds)} lies off the composite, which covers "
            f"{tuple(round(v, 3) for v in footprint.bounds)} (west, south, east, north): "
            "check `region.aoi` and `sentinel2.path`."
        )
    parts = shapely.get_parts(area.intersection(footprint))
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])
