"""A composite on disk holds what the screen reads, and says what each band is."""

import numpy as np
import pytest
import rasterio
import shapely

from kilnscan.composite import open_scenes
from kilnscan.grid import Tile
from kilnscan.season import write_composite

BOUNDS = (449_600, 2_096_000, 454_400, 2_100_800)
TILE = Tile("45QVA", 32645, BOUNDS, shapely.box(BOUNDS[0] + 405, BOUNDS[1] + 405, BOUNDS[2] - 395, BOUNDS[3] - 395))


@pytest.fixture
def scenes(raster):
    """Two dates on a granule wider than the tile; the second saw the south only."""
    rng = np.random.default_rng(0)
    days = []
    for day in (1, 2):
        classes = np.full((1, 300, 300), 4, np.uint8)
        classes[:, :150] = 4 if day == 1 else 9
        pixels = rng.integers(500, 3000, (1, 600, 600)).astype(np.uint16)
        place = {"left": BOUNDS[0] - 600, "top": BOUNDS[3] + 600}
        assets = {"SCL": raster(f"{day}/scl.tif", classes, pixel=20, **place)}
        assets["B04"] = raster(f"{day}/b04.tif", pixels, **place)
        item = {"id": str(day), "assets": assets, "radiometry": {"B04": [1.0, 0.0]}}
        days.append({"date": f"2024-01-0{day}", "cloud": 0, "cells": None, "items": [item]})
    return {
        "tile": TILE.spec(), "source": "stac", "bands": ["B04"], "mask_classes": [9], "dates": days, "signed": False,
        "grid": [BOUNDS[0] - 600, BOUNDS[3] + 600], "statistic": "median", "mask_dilate_m": 0,
    }  # fmt: skip


def test_the_file_is_the_composite_of_the_tiles_land_with_its_looks(scenes, tmp_path):
    path = tmp_path / "composite.tif"
    assert write_composite(scenes, path) == []
    with rasterio.open(path) as file:
        assert file.descriptions == ("B04", "looks") and file.crs.to_epsg() == 32645
        assert file.bounds == TILE.read_bounds(0)
        pixels, valid = open_scenes(scenes).read(file.bounds)
        assert (file.read(1) == pixels[0]).all() and valid.all()
        assert set(np.unique(file.read(2))) == {1, 2}
        assert len(file.overviews(1)) == 3


def test_a_composite_may_be_written_of_no_scenes_at_all(scenes, tmp_path):
    write_composite(scenes | {"dates": []}, tmp_path / "composite.tif")
    with rasterio.open(tmp_path / "composite.tif") as file:
        assert not file.read().any()


def test_statistics_are_named_in_the_file_in_the_order_asked_for(scenes, tmp_path):
    names = ["B04_p100", "B04", "B04_p0"]
    write_composite(scenes | {"bands": names}, tmp_path / "composite.tif")
    with rasterio.open(tmp_path / "composite.tif") as file:
        high, median, low, looks = file.read().astype(int)
        assert file.descriptions == (*names, "looks")
    assert (median == (high + low) // 2).all() and (high[looks == 1] == low[looks == 1]).all() and (high > low).any()


def test_a_pixel_that_no_date_saw_clearly_is_unseen_in_every_statistic(scenes, tmp_path):
    write_composite(scenes | {"bands": ["B04_p0", "B04_p100"], "mask_classes": [4, 9]}, tmp_path / "composite.tif")
    with rasterio.open(tmp_path / "composite.tif") as file:
        assert not file.read().any()


def test_a_composite_of_floats_is_written_as_whole_numbers(raster, tmp_path):
    values = np.random.default_rng(0).uniform(-1, 1, (2, 500, 500)).astype(np.float32)
    values[0, 200:220, 200:220] = np.nan
    path = raster("floats.tif", values, left=BOUNDS[0], top=BOUNDS[3])
    scenes = {"tile": TILE.spec(), "source": "mosaic", "bands": ["A", "B"], "mosaics": [{"path": path}], "dates": []}
    write_composite(scenes, tmp_path / "composite.tif")
    with rasterio.open(tmp_path / "composite.tif") as file:
        assert file.dtypes[0] == "int16" and file.nodata == -32768 and file.descriptions == ("A", "B", "looks")
        pixels, valid = open_scenes(scenes).read(file.bounds)
        assert (~valid).sum() >= 400 and (file.read([1, 2]) == np.where(valid, pixels, -32768)).all()
