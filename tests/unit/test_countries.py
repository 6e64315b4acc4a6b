"""Areas by name: codes, English names and continents; an unknown name is met with its neighbours in spelling."""

import json

import pytest
import shapely

from kilnscan.aoi import area_of
from kilnscan.config_region import Region
from kilnscan.countries import BOUNDARIES, read_countries
from kilnscan.errors import AreaError


@pytest.mark.parametrize("name", ["BGD", "bgd", "Bangladesh"])
def test_a_country_goes_by_code_or_name(name):
    bangladesh = read_countries([name])
    assert bangladesh.contains(shapely.Point(90.4, 23.8)) and not bangladesh.contains(shapely.Point(88.36, 22.57))


@pytest.mark.parametrize("name", ["Cote d'Ivoire", "CÔTE D'IVOIRE", "civ"])
def test_accents_and_case_do_not_matter(name):
    assert read_countries([name]).equals(read_countries(["CIV"]))


def test_several_countries_are_one_area_without_seams():
    both = read_countries(["BGD", "IND"])
    assert both.is_valid and both.area == pytest.approx(read_countries(["BGD"]).area + read_countries(["IND"]).area)
    assert both.contains(shapely.Point(88.02, 24.6).buffer(0.5))  # on their border


def test_a_continent_is_all_its_countries():
    africa = read_countries(["Africa"])
    for place in [(30, 30), (44, 9.5), (47, -19), (-13, 25), (18.5, -33.9)]:  # Cairo, Somaliland, Madagascar ...
        assert africa.distance(shapely.Point(place)) < 0.1
    assert not africa.intersects(shapely.box(30, 37, 40, 45)) and not africa.intersects(shapely.box(60, -55, 75, -45))


def test_a_country_goes_before_a_region_of_its_name():
    assert read_countries(["Micronesia"]).equals(read_countries(["FSM"]))


@pytest.mark.parametrize(
    ("name", "says"), [("Bangladsh", "did you mean Bangladesh"), ("BGF", "alpha-3"), ("", "alpha")]
)
def test_an_unknown_name_is_refused_with_what_is_near(name, says):
    with pytest.raises(AreaError, match=says):
        read_countries(["NPL", name])


def test_boundaries_are_valid_split_at_180_and_do_not_overlap():
    countries = json.loads(BOUNDARIES.read_text(encoding="utf-8"))["features"]
    shapes = [shapely.geometry.shape(country["geometry"]) for country in countries]
    assert all(shape.is_valid for shape in shapes)
    assert sum(shape.area for shape in shapes) == pytest.approx(shapely.union_all(shapes).area, abs=1e-3)
    assert read_countries(["FJI"]).area < 2
    assert BOUNDARIES.stat().st_size < 1_000_000


def test_a_region_is_widened_by_its_buffer():
    narrow, wide = (area_of(Region(name="x", countries=["MDV"], buffer_km=km)) for km in (0, 20))
    assert wide.contains(narrow) and wide.area > 10 * narrow.area
