"""Who lives, learns and is treated near each kiln, and near all of them together."""

import geopandas as gpd
import numpy as np
from scipy.spatial import cKDTree

from kilnscan.config_impact import Exposure
from kilnscan.config_parts import Paths, files_named
from kilnscan.errors import ImageryError
from kilnscan.merge import EARTH_M, unit_vectors
from kilnscan.people import people_covered, people_within
from kilnscan.places import read_places

RADII_KM = (1, 2, 5)
_RADII_M = tuple(1000.0 * km for km in RADII_KM)


def add_exposure(kilns: gpd.GeoDataFrame, config: Exposure) -> gpd.GeoDataFrame:
    """Add people, schools and clinics within 1, 2 and 5 km of each kiln, of whatever the configuration has data on.

    `people_1km` and so on are whole numbers as float, NaN where no cell with data lies within 5 km; `schools_1km`,
    `clinics_1km` and so on count distinct places (`kilnscan.places`). Distances are great-circle, on a sphere of the
    Earth's mean radius (up to .5 % off), from `lon` and `lat` of the kiln in degrees. Numbers of neighbouring kilns
    overlap: do not add them up, ask `people_near`. Raises VectorError or ImageryError if a file cannot be used.
    """
    lon, lat = _centre(kilns)
    columns: dict[str, np.ndarray] = {}
    if config.population:
        people = np.round(people_within(_rasters(config.population), lon, lat, _RADII_M))
        columns |= {f"people_{km}km": people[:, k] for k, km in enumerate(RADII_KM)}
    for name, paths in (("schools", config.schools), ("clinics", config.clinics)):
        if paths:
            counts = _places_near(*read_places(files_named(paths), f"table of {name}"), lon, lat)
            columns |= {f"{name}_{km}km": counts[k] for k, km in enumerate(RADII_KM)}
    return kilns.assign(**columns)


def people_near(kilns: gpd.GeoDataFrame, config: Exposure) -> dict[str, int | None]:
    """People within 1, 2 and 5 km of any kiln, everyone once: `people_1km`, `people_2km`, `people_5km`.

    None where no raster reaches any kiln. `kilns_off_raster` counts the kilns that none reaches: people near those are
    missing. Empty if the configuration names no raster.
    """
    if not config.population:
        return {}
    people, known = people_covered(_rasters(config.population), *_centre(kilns), _RADII_M)
    counts: dict[str, int | None] = {
        f"people_{km}km": round(float(people[k])) if known.any() else None for k, km in enumerate(RADII_KM)
    }
    return {**counts, "kilns_off_raster": int((~known).sum())}


def _centre(kilns: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    return kilns["lon"].to_numpy(np.float64), kilns["lat"].to_numpy(np.float64)


def _rasters(paths: Paths) -> list[str]:
    files = files_named(paths)
    if not files:
        raise ImageryError(f"`exposure.population` {paths} matches no file: check the folder and the spelling.")
    return files


def _places_near(east: np.ndarray, north: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> list[np.ndarray]:
    """Number of places (degrees) within each radius of each kiln."""
    if not len(lon):
        return [np.empty(0, np.int64) for _ in RADII_KM]
    tree, kilns = cKDTree(unit_vectors(east, north)), unit_vectors(lon, lat)
    chords = [2 * np.sin(radius / EARTH_M / 2) for radius in _RADII_M]
    return [tree.query_ball_point(kilns, chord, return_length=True).astype(np.int64) for chord in chords]
