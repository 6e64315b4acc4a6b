"""What covers the land at a place, from rasters or polygons that the user brings."""

import numpy as np
import rasterio
import shapely
from rasterio.errors import RasterioError
from rasterio.windows import Window

from kilnscan.config_sure import LandCover
from kilnscan.errors import VectorError
from kilnscan.grid import transformer
from kilnscan.source_cells import harmless
from kilnscan.tables import read_vector

UNKNOWN = "unknown"
RASTERS = (".tif", ".tiff", ".vrt", ".img")
BLOCK = 512  # pixels wide and high: what is read at a time


def cover_at(lon: np.ndarray, lat: np.ndarray, config: LandCover) -> np.ndarray:
    """Name of the land cover at each place (degrees), "unknown" where no file tells; the first file that does counts.

    Raises VectorError if a file cannot be read or lacks the column.
    """
    if not config.files:
        raise VectorError(f"`estimate.land_cover.path` {config.path} matches no file: check the folder and spelling.")
    names = np.full(len(lon), UNKNOWN, dtype=object)
    for path in config.files:
        rows = np.flatnonzero(names == UNKNOWN)
        at = _of_raster if path.lower().endswith(RASTERS) else _of_polygons
        names[rows] = at(lon[rows], lat[rows], path, config)
    return names


def _of_raster(lon: np.ndarray, lat: np.ndarray, path: str, config: LandCover) -> np.ndarray:
    names = np.full(len(lon), UNKNOWN, dtype=object)
    try:
        with rasterio.open(path) as source:
            epsg = source.crs and source.crs.to_epsg()
            if not epsg:
                raise VectorError(f"The land cover {path} has no CRS with an EPSG code: assign one and save it again.")
            x, y = transformer(4326, epsg).transform(lon, lat)
            column, row = (np.floor(part) for part in ~source.transform @ (np.asarray(x), np.asarray(y)))
            inside = np.flatnonzero((column >= 0) & (row >= 0) & (column < source.width) & (row < source.height))
            values = _values(source, row[inside].astype(int), column[inside].astype(int))
            numbers, which = np.unique(values, return_inverse=True)
            told = [config.classes.get(number, str(number)) for number in numbers.tolist()]
            known = [UNKNOWN if number == source.nodata else name for number, name in zip(numbers, told, strict=True)]
            names[inside] = np.array([*known, UNKNOWN], dtype=object)[which]
    except RasterioError as error:
        raise VectorError(f"The land cover {path} cannot be read ({error}): save it as GeoTIFF.") from error
    return names


def _values(source: rasterio.DatasetReader, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Pixels (n,) of the first band: each block that holds any is read once, not once for each of its pixels."""
    values = np.empty(len(row), np.int64)
    block = row // BLOCK * (source.width // BLOCK + 1) + column // BLOCK
    order = np.argsort(block, kind="stable")
    for some in np.split(order, np.flatnonzero(np.diff(block[order])) + 1) if len(order) else []:
        top, left = row[some[0]] // BLOCK * BLOCK, column[some[0]] // BLOCK * BLOCK
        window = Window(left, top, min(BLOCK, source.width - left), min(BLOCK, source.height - top))
        values[some] = source.read(1, window=window)[row[some] - top, column[some] - left]
    return values


def _of_polygons(lon: np.ndarray, lat: np.ndarray, path: str, config: LandCover) -> np.ndarray:
    table = read_vector([path], "land cover")
    if config.column not in table.columns:
        raise VectorError(f"The land cover {path} has no column {config.column!r}: name it in `estimate.land_cover`.")
    names = np.full(len(lon), UNKNOWN, dtype=object)
    point, shape = shapely.STRtree(table.geometry.array).query(shapely.points(lon, lat), predicate="intersects")
    order = np.lexsort((shape, point))[::-1]  # where polygons overlap the first counts
    told = np.array([harmless(str(value), 60) or UNKNOWN for value in table[config.column]], dtype=object)
    names[point[order]] = told[shape[order]]
    return names
