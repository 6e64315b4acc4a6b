"""The area of interest: from a file, a box or names of countries, checked before anything is computed from it."""

from pathlib import Path

import geopandas as gpd
import shapely
from pyogrio.errors import DataSourceError
from pyproj.exceptions import CRSError
from rasterio.warp import transform_bounds
from shapely.geometry.base import BaseGeometry

from kilnscan.antimeridian import box, jumps, polygons, split, together
from kilnscan.config_region import Region
from kilnscan.countries import did_you_mean, read_countries
from kilnscan.errors import AreaError
from kilnscan.grid import NORTH_DEG, SOUTH_DEG, to_crs, to_lonlat, zone_parts
from kilnscan.mosaic import open_mosaic

Values = list[str | int | float]


def area_of(region: Region) -> BaseGeometry | None:
    """Area of interest of a region in EPSG:4326, longitudes within -180 and 180; None if it names none.

    Raises AreaError if it cannot be used.
    """
    if region.countries:
        area = read_countries(region.countries)
    elif region.aoi is not None:
        area = read_area(region.aoi, region.select)
    else:
        return None
    return widened(area, region.buffer_km) if region.buffer_km else area


def read_area(source: str | Path | list[float], select: dict[str, Values] | None = None) -> BaseGeometry:
    """Area of interest as one polygon or multipolygon in EPSG:4326, split at the antimeridian where it crosses.

    `source` is a vector file that OGR can read, whose rows `select` may choose by values of columns, or a box
    [west, south, east, north] in degrees, which crosses the antimeridian if west > east.
    Raises AreaError if it is missing, empty, self-intersecting, without CRS or not on the globe.
    """
    if not isinstance(source, (str, Path)):
        return _checked_box(source)
    table = _selected(_read_table(source), select or {}, source)
    shapes = table.geometry[table.geom_type.isin(["Polygon", "MultiPolygon"])]
    if shapes.empty or shapes.is_empty.all():
        raise AreaError(f"The area of interest {source} holds no polygon: draw at least one and save it again.")
    for row, reason in zip(shapes.index, shapely.is_valid_reason(shapes.array), strict=True):
        if reason != "Valid Geometry":
            raise AreaError(
                f"Polygon {row + 1} of the area of interest {source} is invalid ({reason}): "
                "mend it, for example with QGIS 'Fix geometries'."
            )
        if jumps(shapes[row]):
            raise AreaError(
                f"Polygon {row + 1} of the area of interest {source} has an edge across more than 180 degrees of "
                "longitude: split it at 180, or let its longitudes run on beyond 180."
            )
    west, south, east, north = shapes.total_bounds
    if not (west >= -360 and east <= 360 and east - west <= 360 and south >= SOUTH_DEG and north <= NORTH_DEG):
        raise AreaError(
            f"The area of interest {source} reaches {_rounded(shapes.total_bounds)}, which is no longitude and "
            "latitude between 80 degrees south and 84 north, where Sentinel-2's grid ends: its CRS is probably wrong."
        )
    return split(shapely.union_all(shapes.array))


def _checked_box(source: list[float]) -> BaseGeometry:
    west, south, east, north = source
    on_globe = -180 <= west <= 180 and -180 <= east <= 180 and SOUTH_DEG <= south < north <= NORTH_DEG
    if not on_globe or west == east or (west, east) == (180, -180):
        raise AreaError(
            f"The area of interest {list(source)} is not a box [west, south, east, north] in degrees, between "
            "80 degrees south and 84 north: check `region.aoi`."
        )
    if west - east > 0 and east + 360 - west > 180:
        raise AreaError(
            f"The area of interest {list(source)} has its west east of its east and would go the long way round the "
            "globe: give [west, south, east, north], or two areas in a file."
        )
    return box(west, south, east, north)


def widened(area: BaseGeometry, distance_km: float) -> BaseGeometry:
    """An area (EPSG:4326) and everything within some kilometres of it, measured in UTM zones."""
    grown = []
    for epsg, part in zone_parts(area):
        metres = shapely.make_valid(to_crs(shapely.segmentize(part, 0.1), 4326, epsg))
        grown.append(to_lonlat(shapely.segmentize(metres.buffer(distance_km * 1000, quad_segs=4), 20_000), epsg))
    return polygons(shapely.union_all(grown).intersection(shapely.box(-180, SOUTH_DEG, 180, NORTH_DEG)))


def _selected(table: gpd.GeoDataFrame, select: dict[str, Values], source: str | Path) -> gpd.GeoDataFrame:
    """Rows that hold one of the wanted values in every column of `select`."""
    for column, values in select.items():
        if column not in table.columns:
            names = [str(name) for name in table.columns]
            raise AreaError(
                f"The area of interest {source} has no column {column!r}{did_you_mean(column, names)}: "
                "check `region.select`."
            )
        found = table[column].map(_text)
        for value in map(_text, values):
            if value not in set(found):
                raise AreaError(
                    f"No row of the area of interest {source} has {value!r} in its column {column!r}"
                    f"{did_you_mean(value, list(found))}: check `region.select`."
                )
        table = table[found.isin(list(map(_text, values)))]
    return table


def _text(value: object) -> str:
    """A value of a table as a region file writes it: whole numbers without their point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rounded(bounds: tuple[float, ...], digits: int = 2) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in bounds)


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
    projected = not table.crs.is_geographic
    try:
        table = table.to_crs(4326)
    except CRSError as error:
        raise AreaError(f"The CRS of the area of interest {source} cannot be used: {error}.") from error
    if projected:  # what crosses the antimeridian in one piece there comes back torn
        table.geometry = table.geometry.map(lambda shape: _mended(shape) if shape is not None else None)
    return table


def _mended(shape: BaseGeometry) -> BaseGeometry:
    """A reprojected geometry whose edges do not jump from one side of the globe to the other."""
    return together(shape, float(shapely.get_coordinates(shape)[0, 0])) if jumps(shape) else shape


def mosaic_footprint(paths: list[str]) -> BaseGeometry:
    """Extent of one or more composites in EPSG:4326, as a union of boxes."""
    boxes = []
    for path in paths:
        with open_mosaic(path) as source:
            boxes.append(box(*transform_bounds(source.crs, "EPSG:4326", *source.bounds)))
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
            f"The area of interest {_rounded(area.bounds, 3)} lies off the composite, which covers "
            f"{_rounded(footprint.bounds, 3)} (west, south, east, north): "
            "check `region.aoi` and `sentinel2.path`."
        )
    return polygons(area.intersection(footprint))
