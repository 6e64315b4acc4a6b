"""Who lives, learns and is treated near each kiln, and near all of them together."""

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from kilnscan.areas import first_within
from kilnscan.config_impact import Exposure
from kilnscan.config_parts import Paths, files_named
from kilnscan.errors import ImageryError
from kilnscan.merge import EARTH_M, unit_vectors
from kilnscan.people import people_covered, people_within
from kilnscan.places import check_near, read_places

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
            counts = _places_near(*_places(paths, name, lon, lat), lon, lat)
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
        f"people_{km}km": round(float(people[0, k])) if known.any() else None for k, km in enumerate(RADII_KM)
    }
    return {**counts, "kilns_off_raster": int((~known).sum())}


def exposure_by_area(kilns: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, config: Exposure) -> pd.DataFrame:
    """People, schools and clinics of each area (row of `areas`) within 1, 2 and 5 km of any kiln, each once.

    Columns as in `add_exposure`, of whatever the configuration has data on. The kiln may stand in another area. A cell
    of a raster, or a place, is in the first area that holds its middle, so areas add up, but for who lives in none.
    People are NaN where no raster reaches some kiln of the area.
    """
    shapes = areas.geometry.to_numpy()
    columns: dict[str, np.ndarray] = {}
    if config.population:
        people, known = people_covered(
            _rasters(config.population),
            *_centre(kilns),
            _RADII_M,
            lambda lon, lat: first_within(lon, lat, shapes),
            len(shapes),
        )
        at = first_within(*_centre(kilns), shapes)
        people[at[(at >= 0) & ~known]] = np.nan
        columns |= {f"people_{km}km": np.round(people[:, k]) for k, km in enumerate(RADII_KM)}
    for name, paths in (("schools", config.schools), ("clinics", config.clinics)):
        if paths:
            lon, lat = _places(paths, name, *_centre(kilns))
            at, near = first_within(lon, lat, shapes), _nearest_chord(lon, lat, *_centre(kilns))
            columns |= {
                f"{name}_{km}km": np.bincount(at[(at >= 0) & (near <= _chord(1000.0 * km))], minlength=len(shapes))
                for km in RADII_KM
            }
    return pd.DataFrame(columns, index=range(len(shapes)))


def _centre(kilns: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    return kilns["lon"].to_numpy(np.float64), kilns["lat"].to_numpy(np.float64)


def _rasters(paths: Paths) -> list[str]:
    files = files_named(paths)
    if not files:
        raise ImageryError(f"`exposure.population` {paths} matches no file: check the folder and the spelling.")
    return files


def _places(paths: Paths, name: str, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Schools or clinics of files, some of each near the kilns."""
    return read_places(files_named(paths), f"table of {name}", check_near(lon, lat))


def _places_near(east: np.ndarray, north: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> list[np.ndarray]:
    """Number of places (degrees) within each radius of each kiln."""
    if not len(lon):
        return [np.empty(0, np.int64) for _ in RADII_KM]
    tree, kilns = cKDTree(unit_vectors(east, north)), unit_vectors(lon, lat)
    return [tree.query_ball_point(kilns, _chord(m), return_length=True).astype(np.int64) for m in _RADII_M]


def _nearest_chord(east: np.ndarray, north: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Distance (n,) of each place to the nearest kiln, straight through a ball of radius 1; infinite without kilns."""
    if not len(lon):
        return np.full(len(east), np.inf)
    return cKDTree(unit_vectors(lon, lat)).query(unit_vectors(east, north))[0]


def _chord(metres: float) -> float:
    return 2 * np.sin(metres / EARTH_M / 2)
