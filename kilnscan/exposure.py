"""Who lives and learns near each kiln."""

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window
from scipy.spatial import cKDTree

from kilnscan.config_impact import Exposure
from kilnscan.errors import ImageryError
from kilnscan.merge import EARTH_M, unit_vectors
from kilnscan.tables import centres, read_vector

NEAR_M = 1000.0


def add_exposure(kilns: gpd.GeoDataFrame, config: Exposure) -> gpd.GeoDataFrame:
    """Add schools_1km and population_1km where the configuration has schools or a population raster.

    Distances are great-circle, from the centre of the kiln (EPSG:4326). A cell of the raster counts when its centre
    lies within 1 km. Raises VectorError or ImageryError if a file cannot be used.
    """
    lon, lat = centres(kilns.geometry)
    if config.schools:
        schools = read_vector([config.schools], "table of schools")
        tree = cKDTree(unit_vectors(*centres(schools.geometry)))
        chord = 2 * np.sin(NEAR_M / EARTH_M / 2)
        counts = tree.query_ball_point(unit_vectors(lon, lat), chord, return_length=True) if len(kilns) else []
        kilns = kilns.assign(schools_1km=np.asarray(counts, dtype="int64"))
    if config.population:
        kilns = kilns.assign(population_1km=_people(config.population, lon, lat))
    return kilns


def _people(path: str, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """People within 1 km of each place, from a raster of people per cell in EPSG:4326."""
    try:
        with rasterio.open(path) as source:
            if source.crs is None or source.crs.to_epsg() != 4326:
                raise ImageryError(f"The population raster {path} is not in EPSG:4326: warp it first, keeping its sum.")
            return np.array([_people_near(source, x, y) for x, y in zip(lon, lat, strict=True)], dtype="float64")
    except RasterioError as error:
        raise ImageryError(f"The population raster {path} cannot be read: {error}.") from error


def _people_near(source: rasterio.DatasetReader, lon: float, lat: float) -> float:
    north = np.degrees(NEAR_M / EARTH_M)
    east = north / np.cos(np.radians(lat))
    place = source.transform
    first_column, last_column = np.clip(
        [(lon - east - place.c) / place.a, (lon + east - place.c) / place.a + 1], 0, source.width
    )
    first_row, last_row = np.clip(
        [(lat + north - place.f) / place.e, (lat - north - place.f) / place.e + 1], 0, source.height
    )
    rows, columns = np.arange(int(first_row), int(last_row)), np.arange(int(first_column), int(last_column))
    if not len(rows) or not len(columns):
        return 0.0
    values = source.read(1, window=Window(columns[0], rows[0], len(columns), len(rows)), masked=True).filled(0)
    x, y = np.meshgrid(place.c + (columns + 0.5) * place.a, place.f + (rows + 0.5) * place.e)
    chord = np.linalg.norm(unit_vectors(x.ravel(), y.ravel()) - unit_vectors(np.array([lon]), np.array([lat])), axis=1)
    near = chord <= 2 * np.sin(NEAR_M / EARTH_M / 2)
    return float(np.round(np.maximum(values.ravel(), 0)[near].sum(dtype="float64")))
