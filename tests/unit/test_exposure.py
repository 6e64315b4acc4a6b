"""Schools and people within one kilometre of a kiln."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.config_impact import Exposure
from kilnscan.errors import ImageryError
from kilnscan.exposure import add_exposure

NORTH = 1 / 111_195


@pytest.fixture
def kilns():
    return gpd.GeoDataFrame(geometry=[shapely.box(86.4999, 18.9999, 86.5001, 19.0001)], crs=4326)


def test_schools_within_a_kilometre_count(kilns, tmp_path):
    places = [shapely.Point(86.5, 19 + metres * NORTH) for metres in (0, 990, 1010)]
    gpd.GeoDataFrame(geometry=places, crs=4326).to_file(tmp_path / "schools.geojson")
    assert add_exposure(kilns, Exposure(schools=str(tmp_path / "schools.geojson")))["schools_1km"].tolist() == [2]


def test_people_within_a_kilometre_are_those_of_the_cells_whose_centre_lies_there(kilns, raster):
    cell = 0.001
    path = raster("people.tif", np.full((1, 60, 60), 2, np.uint16), epsg=4326, left=86.47, top=19.03, pixel=cell)
    people = add_exposure(kilns, Exposure(population=path))["population_1km"].iloc[0]
    area_km2 = cell**2 * 111.195**2 * np.cos(np.radians(19))
    assert people == pytest.approx(2 * np.pi / area_km2, rel=0.03)


def test_a_raster_that_does_not_reach_the_kiln_counts_nobody_there(kilns, raster):
    path = raster("people.tif", np.full((1, 9, 9), 2, np.uint16), epsg=4326, left=10, top=10, pixel=0.001)
    assert add_exposure(kilns, Exposure(population=path))["population_1km"].tolist() == [0]


def test_a_raster_in_metres_is_refused(kilns, raster):
    with pytest.raises(ImageryError, match="not in EPSG:4326"):
        add_exposure(kilns, Exposure(population=raster("people.tif", np.ones((1, 9, 9), np.uint16))))


def test_without_files_the_table_stays_as_it_is(kilns):
    assert add_exposure(kilns, Exposure()).equals(kilns)


def test_an_atlas_without_kilns_keeps_its_columns(kilns, raster, tmp_path):
    gpd.GeoDataFrame(geometry=[shapely.Point(86.5, 19)], crs=4326).to_file(tmp_path / "schools.geojson")
    path = raster("people.tif", np.ones((1, 9, 9), np.uint16), epsg=4326, left=86.5, top=19, pixel=0.001)
    empty = add_exposure(kilns.iloc[:0], Exposure(schools=str(tmp_path / "schools.geojson"), population=path))
    assert len(empty) == 0 and {"schools_1km", "population_1km"} <= set(empty.columns)
