"""An area of interest that cannot work is refused with a sentence that names it and the remedy."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.aoi import area_on_mosaic, read_area
from kilnscan.errors import AreaError

SQUARE = shapely.box(86.5, 18.9, 86.6, 19.0)


def saved(tmp_path, geometry, crs=4326, name="area.gpkg"):
    path = tmp_path / name
    gpd.GeoDataFrame(geometry=geometry, crs=crs).to_file(path)
    return path


def test_polygons_of_any_crs_become_one_area_in_degrees(tmp_path):
    parts = gpd.GeoSeries([SQUARE, shapely.box(86.6, 18.9, 86.7, 19.0)], crs=4326).to_crs(32645)
    area = read_area(saved(tmp_path, parts, crs=32645))
    assert area.bounds == pytest.approx((86.5, 18.9, 86.7, 19.0), abs=1e-3)


def test_a_box_is_an_area():
    assert read_area([86.5, 18.9, 86.6, 19.0]).bounds == (86.5, 18.9, 86.6, 19.0)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")  # that is the case under test
@pytest.mark.parametrize(
    ("geometry", "crs", "says"),
    [
        ([shapely.Point(86, 19)], 4326, "holds no polygon"),
        ([shapely.Polygon()], 4326, "holds no polygon"),
        ([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], 4326, "Self-intersection"),
        ([SQUARE], None, "has no CRS"),
        ([shapely.box(450_000, 2_000_000, 460_000, 2_010_000)], 4326, "CRS is probably wrong"),
    ],
)
def test_an_area_that_cannot_work_is_refused(tmp_path, geometry, crs, says):
    with pytest.raises(AreaError, match=says) as error:
        read_area(saved(tmp_path, geometry, crs))
    assert "area.gpkg" in str(error.value)


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(AreaError, match="does not exist"):
        read_area(tmp_path / "none.geojson")
    (tmp_path / "noise.geojson").write_bytes(b"\x00\xff not json")
    with pytest.raises(AreaError, match="cannot be read"):
        read_area(tmp_path / "noise.geojson")


@pytest.mark.parametrize("box", [[1, 2, 1, 3], [0, 0, 200, 1], [0, 5, 1, 4]])
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(AreaError, match="west, south, east, north"):
        read_area(box)


def test_an_area_off_the_composite_is_refused_and_a_missing_one_is_its_footprint(raster):
    path = raster("rgb.tif", np.ones((3, 100, 100), np.uint8))
    footprint = area_on_mosaic(None, [path])
    assert footprint.contains(shapely.Point(86.5275, 18.988))
    with pytest.raises(AreaError, match="lies off the composite"):
        area_on_mosaic(shapely.box(10, 10, 11, 11), [path])
