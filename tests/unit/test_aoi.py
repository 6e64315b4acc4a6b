"""An area of interest that cannot work is refused with a sentence that names it and the remedy."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer

from kilnscan import antimeridian
from kilnscan.aoi import area_on_mosaic, read_area, widened
from kilnscan.errors import AreaError
from kilnscan.reader import MosaicReader

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


def test_a_box_with_west_beyond_east_crosses_the_antimeridian():
    fiji = read_area([179.5, -18, -179.5, -17])
    assert fiji.area == pytest.approx(1) and fiji.bounds == (-180, -18, 180, -17)


@pytest.mark.parametrize("box", [[87, 20, 86, 21], [10, 0, -10, 5]])
def test_a_box_with_its_sides_swapped_is_not_the_rest_of_the_globe(box):
    with pytest.raises(AreaError, match="long way round"):
        read_area(box)


CROSSING = shapely.MultiPolygon([shapely.box(179.5, -18, 180, -17), shapely.box(-180, -18, -179.5, -17)])


@pytest.mark.parametrize(
    ("geometry", "crs"),
    [
        pytest.param(shapely.box(179.5, -18, 180.5, -17), 4326, id="beyond 180"),
        pytest.param(shapely.box(-180.5, -18, -179.5, -17), 4326, id="beyond -180"),
        pytest.param(CROSSING, 4326, id="split at 180"),
        pytest.param(shapely.box(179.5, -18, 180.5, -17), 3832, id="a CRS of the Pacific"),
    ],
)
def test_a_file_may_cross_the_antimeridian_in_any_usual_way(tmp_path, geometry, crs):
    metres = Transformer.from_crs(4326, crs, always_xy=True)  # of the Pacific's CRS: from 150 degrees east
    if crs != 4326:
        geometry = shapely.transform(geometry, metres.transform, interleaved=False)
    area = read_area(saved(tmp_path, [geometry], crs))
    assert shapely.symmetric_difference(area, CROSSING).area < 1e-6


def test_an_edge_across_half_the_globe_is_refused_because_it_could_go_either_way(tmp_path):
    torn = shapely.Polygon([(179, -18), (-179, -18), (-179, -17), (179, -17)])
    with pytest.raises(AreaError, match=r"Polygon 1 .* split it at 180"):
        read_area(saved(tmp_path, [torn]))


def test_all_longitudes_are_an_area(tmp_path):
    assert read_area(saved(tmp_path, [shapely.box(-180, -50, 180, 50)])).bounds == (-180, -50, 180, 50)


@pytest.fixture
def districts(tmp_path):
    shapes = [SQUARE, shapely.box(86.6, 18.9, 86.7, 19.0), shapely.box(86.7, 18.9, 86.8, 19.0)]
    table = gpd.GeoDataFrame({"name": ["Agra", "Gaya", "Patna"], "code": [1, 2, 3]}, geometry=shapes, crs=4326)
    table.to_file(tmp_path / "districts.gpkg")
    return tmp_path / "districts.gpkg"


@pytest.mark.parametrize("select", [{"name": ["Gaya", "Patna"]}, {"code": [2, 3]}, {"code": ["2", 3.0]}])
def test_rows_of_a_file_are_chosen_by_values_of_columns(districts, select):
    assert read_area(districts, select).bounds == pytest.approx((86.6, 18.9, 86.8, 19.0))


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ({"nmae": ["Gaya"]}, "no column 'nmae' .did you mean name"),
        ({"name": ["Gaja"]}, "'Gaja' in its column 'name' .did you mean Gaya"),
        ({"name": ["Gaya"], "code": [1]}, "No row .* has '1' in its column 'code'"),
    ],
)
def test_a_choice_that_fits_no_row_is_refused_with_what_is_near(districts, select, says):
    with pytest.raises(AreaError, match=says):
        read_area(districts, select)


@pytest.mark.parametrize("box", [(86.5, 18.9, 86.6, 19), (83.9, -0.1, 84.1, 0.1), (179.9, -17, -179.9, -16.9)])
def test_a_buffer_reaches_so_many_kilometres_on_all_sides(box):
    wide = widened(antimeridian.box(*box), 10)
    west, south, east, north = box
    globe = Geod(ellps="WGS84")
    for lon, lat, azimuth in ((west, south, 225), (east, north, 45), (west, (south + north) / 2, 270)):
        for kilometres, within in ((9.9, True), (10.1, False)):
            x, y, _ = globe.fwd(lon, lat, azimuth, kilometres * 1000)
            assert wide.intersects(shapely.Point(x, y)) == within
    assert shapely.difference(antimeridian.box(*box), wide).area == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("left", "zone"), [(818_700, 32760), (819_300, 32701)])
def test_a_composite_across_the_antimeridian_covers_its_few_metres_not_the_globe(raster, left, zone):
    path = raster("rgb.tif", np.ones((3, 100, 100), np.uint8), 32760, left, 8_120_000)  # 180 degrees lie at 819,450
    footprint = area_on_mosaic(None, [path])
    assert len(footprint.geoms) == 2 and footprint.area < 1e-3
    assert MosaicReader.open(path, ["B04", "B03", "B02"]).epsg == zone
