"""What covers the land at a place, from rasters or polygons that the user brings."""

import numpy as np
import rasterio
import shapely
from rasterio.errors import RasterioError

from kilnscan.config_sure import LandCover
from kilnscan.errors import VectorError
from kilnscan.grid import transformer
from kilnscan.source_cells import harmless
from kilnscan.tables import read_vector

UNKNOWN = "unknown"
RASTERS = (".tif", ".tiff", ".vrt", ".img")
BATCH = 100_000


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
            for some in np.array_split(inside, max(len(inside) // BATCH, 1)):
                places = zip(np.asarray(x)[some], np.asarray(y)[some], strict=True)
                values = np.array([int(value[0]) for value in source.sample(places, indexes=1)], dtype=np.int64)
                told = [config.classes.get(value, str(value)) for value in values.tolist()]
                names[some] = np.where(values == (source.nodata if source.nodata is not None else -1), UNKNOWN, told)
    except RasterioError as error:
        raise VectorError(f"The land cover {path} cannot be read ({error}): save it as GeoTIFF.") from error
    return names


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
