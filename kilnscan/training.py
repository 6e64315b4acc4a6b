"""Where training gets its pixels and labels: composites with labels, or synthetic landscapes."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from kilnscan.config_sentinel2 import RGB, Stac
from kilnscan.corrections import Corrected, apply_decisions, moved, read_decisions
from kilnscan.errors import ConfigError, VectorError
from kilnscan.grid import Tile, to_crs, zone_of
from kilnscan.providers import training_reader
from kilnscan.reader import MosaicReader, Reader
from kilnscan.scene_reader import SceneReader
from kilnscan.scenes import find_scenes
from kilnscan.tables import read_vector

SHEETS_M = 0.5
"""Pixel size of the synthetic landscapes' imagery in metres."""


def screen_reader(region: dict[str, Any], bands: list[str]) -> Reader:
    """Pixels that the screen learns from: a composite, or the scenes of a landscape."""
    if region["mosaic"]:
        return MosaicReader.open(region["mosaic"], bands)
    catalog = Path(region["folder"]) / "catalog.json"
    source = Stac(source="stac", catalog=str(catalog), start="2000-01-01", end="2100-01-01", bands=bands)
    kilns = region_labels(region)
    west, south, east, north = kilns.total_bounds
    epsg = zone_of((west + east) / 2, (south + north) / 2)
    own = to_crs(shapely.box(west, south, east, north), 4326, epsg)
    square = Tile(region["name"], epsg, own.bounds, own)
    return SceneReader(find_scenes(square, source))


def detector_reader(region: dict[str, Any]) -> Reader:
    """Pixels that the detector learns from: the same composite, or a landscape's 0.5 m imagery."""
    if region["mosaic"]:
        return MosaicReader.open(region["mosaic"], RGB)
    sheets = tuple(sorted(str(path) for path in (Path(region["folder"]) / "imagery").glob("*.tif")))
    first = MosaicReader.open(sheets[0], RGB)
    bounds = region_labels(region).to_crs(first.epsg).total_bounds
    return training_reader(MosaicReader(sheets, first.epsg, RGB, tuple(bounds)), SHEETS_M)


def region_labels(region: dict[str, Any]) -> gpd.GeoDataFrame:
    """Labelled kilns of a training region as they were given, EPSG:4326."""
    path = region["labels"] or str(Path(region["folder"] or "") / "truth.geojson")
    if not Path(path).is_file():
        raise ConfigError(f"The labels {path} of training region {region['name']} do not exist: check `train.regions`.")
    return read_vector([path], "labels")


def corrected_labels(
    region: dict[str, Any], type_column: str = "kiln_type", shift_m: tuple[float, float] = (0.0, 0.0)
) -> Corrected:
    """Labelled kilns of a training region after people were heard, and where they saw none (EPSG:4326).

    `shift_m` (east, north) is added to the labels as given; what people marked lies on the pixels already. Raises
    VectorError if people left no kiln.
    """
    labels = moved(region_labels(region), shift_m)
    if not region.get("decisions"):
        return Corrected(labels, labels.iloc[:0][["geometry"]])
    corrected = apply_decisions(labels, read_decisions(region["decisions"]), type_column)
    if corrected.labels.empty:
        raise VectorError(f"The decisions {region['decisions']} leave no kiln in region {region['name']}: label some.")
    return corrected
