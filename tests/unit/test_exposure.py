"""People, schools and clinics within one, two and five kilometres of a kiln, and of all kilns together."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from pyproj import Geod, Transformer

from kilnscan.config_impact import Exposure
from kilnscan.errors import ImageryError, VectorError
from kilnscan.exposure import add_exposure, people_near
from kilnscan.merge import EARTH_M, unit_vectors

NORTH = 1 / 111_195
DATA = Path(__file__).parents[3] / "shared" / "data"
PEOPLE = ["people_1km", "people_2km", "people_5km"]


def kilns_at(*places):
    lon, lat = np.array(places, dtype=float).reshape(-1, 2).T
    return gpd.GeoDataFrame({"lon": lon, "lat": lat}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


@pytest.fixture
def kilns():
    return kilns_at((86.5, 19))


@pytest.fixture
def places(tmp_path):
    def make(name, shapes):
        gpd.GeoDataFrame(geometry=shapes, crs=4326).to_file(tmp_path / name)
        return str(tmp_path / name)

    return make


def north(metres, east=0.0):
    return shapely.Point(86.5 + east * NORTH / np.cos(np.radians(19)), 19 + metres * NORTH)


def people(kilns, *paths):
    return add_exposure(kilns, Exposure(population=list(paths)))[PEOPLE].to_numpy()


def by_points(cells, left, top, cell, lon, lat, radius_m, parts=100):
    """People near a place by the definition: every cell of degrees split finely, each point of it near or not."""
    total = 0.0
    for row, column in np.ndindex(cells.shape):
        edge = (np.arange(parts) + 0.5) / parts
        x, y = np.meshgrid(left + (column + edge) * cell, top - (row + edge) * cell)
        points = unit_vectors(x.ravel(), y.ravel())
        chord = np.linalg.norm(points - unit_vectors(np.array([lon]), np.array([lat])), axis=1)
        total += cells[row, column] * (chord <= 2 * np.sin(radius_m / EARTH_M / 2)).mean()
    return total


# schools and clinics


def test_schools_and_clinics_within_each_distance_count(kilns, places):
    schools = places("schools.geojson", [north(metres) for metres in (0, 980, 1020, 1980, 2020, 4980, 5020)])
    clinics = places("clinics.geojson", [north(1500)])
    near = add_exposure(kilns, Exposure(schools=schools, clinics=clinics)).iloc[0]
    assert near.filter(like="schools").to_dict() == {"schools_1km": 2, "schools_2km": 4, "schools_5km": 6}
    assert near.filter(like="clinics").to_dict() == {"clinics_1km": 0, "clinics_2km": 1, "clinics_5km": 1}


@pytest.mark.parametrize(
    ("shapes", "count"),
    [
        ([north(0), north(0)], 1),
        ([north(0), north(29)], 1),
        ([north(0), north(31)], 2),
        ([north(0), north(25), north(50)], 2),  # no chain: the last is as far from the first as a neighbour
        ([north(0).buffer(100 * NORTH), north(90)], 1),
        ([north(0).buffer(100 * NORTH), north(0, east=120)], 1),
        ([north(0).buffer(100 * NORTH), north(140)], 2),
        ([north(0).buffer(100 * NORTH), north(10).buffer(90 * NORTH)], 1),
        ([shapely.box(86.5, 19, 86.501, 19.001), shapely.box(86.501, 19, 86.502, 19.001)], 2),
    ],
    ids=[
        "twice", "29 m", "31 m", "in a row", "point in area", "point beside area", "point off area", "area twice",
        "areas side by side",
    ],
)  # fmt: skip
def test_a_school_that_is_given_twice_counts_once(kilns, places, shapes, count):
    assert add_exposure(kilns, Exposure(schools=places("a.geojson", shapes)))["schools_1km"].tolist() == [count]


def test_a_school_that_two_files_hold_counts_once(kilns, places):
    both = [places("osm.geojson", [north(0)]), places("ministry.geojson", [north(12)])]
    assert add_exposure(kilns, Exposure(schools=both))["schools_1km"].tolist() == [1]


def test_schools_are_found_across_the_antimeridian(places):
    schools = places("a.geojson", [shapely.Point(-179.999, -17)])
    assert add_exposure(kilns_at((179.999, -17)), Exposure(schools=schools))["schools_1km"].tolist() == [1]


def test_places_off_the_globe_are_refused(kilns, tmp_path):
    gpd.GeoDataFrame(geometry=[shapely.Point(450_000, 2_100_000)], crs=4326).to_file(tmp_path / "a.gpkg")
    with pytest.raises(VectorError, match="not on the globe"):
        add_exposure(kilns, Exposure(schools=str(tmp_path / "a.gpkg")))


def test_a_file_of_which_nothing_lies_near_the_kilns_is_refused(kilns, places):
    far = places("far.gpkg", [shapely.Point(0, 0), shapely.Point(1, 1)])
    near = places("near.gpkg", [north(90_000), shapely.Point(0, 0)])
    with pytest.raises(VectorError, match=r"None of the 2 features of .*far.gpkg lies within 100 km .* check its CRS"):
        add_exposure(kilns, Exposure(schools=[near, far]))
    assert add_exposure(kilns, Exposure(schools=[near]))["schools_5km"].tolist() == [0]
    assert add_exposure(kilns_at(), Exposure(schools=[far])).empty
    across = places("across.gpkg", [shapely.Point(-179.5, -17)])
    assert add_exposure(kilns_at((179.9, -17)), Exposure(schools=[across]))["schools_5km"].tolist() == [0]


def test_a_file_without_anything_in_it_is_said_to_be_empty(kilns, tmp_path):
    (tmp_path / "blank.geojson").touch()
    (tmp_path / "none.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    for name in ("blank", "none"):
        with pytest.raises(VectorError, match=f"{name}.geojson is empty"):
            add_exposure(kilns, Exposure(schools=[str(tmp_path / f"{name}.geojson")]))


# people


@pytest.mark.parametrize("lat", [19, -33.9, 78], ids=["north", "south", "far north"])
def test_people_count_by_the_share_of_the_cell_that_lies_within_the_distance(raster, lat):
    cell = 1 / 120
    cells = np.random.default_rng(1).integers(1, 9999, (14, 30)).astype(np.float32)
    path = raster("people.tif", cells[None], epsg=4326, left=86.4, top=lat + 7 * cell, pixel=cell)
    near = people(kilns_at((86.52, lat + 0.002)), path)[0]
    for radius, count in zip((1000, 2000), near, strict=False):
        expected = by_points(cells, 86.4, lat + 7 * cell, cell, 86.52, lat + 0.002, radius)
        assert count == pytest.approx(expected, rel=2e-3)


def test_a_circle_within_one_cell_takes_its_share_of_the_area(kilns, raster):
    path = raster("people.tif", np.full((1, 2, 2), 1e6, np.float32), epsg=4326, left=86.45, top=19.05, pixel=0.1)
    area = 0.1 * np.radians(1) * EARTH_M * (np.sin(np.radians(19.05)) - np.sin(np.radians(18.95))) * EARTH_M
    assert people(kilns, path)[0] == pytest.approx(1e6 * np.pi * np.array([1, 4, 25]) * 1e6 / area, rel=1e-4)


def test_a_raster_in_metres_gives_the_same_people(kilns, raster):
    x, y = Transformer.from_crs(4326, 32645, always_xy=True).transform(86.5, 19)
    path = raster("people.tif", np.full((1, 120, 120), 2, np.uint16), left=x - 6000, top=y + 6000, pixel=100)
    scale = 1.006  # the map's metres are .04 % short, and a ball is not quite the Earth
    assert people(kilns, path)[0] == pytest.approx(2 * np.pi * np.array([100, 400, 2500]), rel=scale - 1)


def test_a_kiln_by_the_antimeridian_sees_both_ends_of_the_raster(raster):
    cells = np.full((1, 60, 36000), 3, np.uint8)
    path = raster("people.tif", cells, epsg=4326, left=-180, top=-16.7, pixel=0.01)
    at_the_edge, inland = people(kilns_at((179.9999, -17), (20, -17)), path)
    assert at_the_edge == pytest.approx(inland, abs=2) and inland[2] > 100


def test_longitudes_of_a_raster_may_run_to_360(raster):
    path = raster("people.tif", np.full((1, 20, 20), 3, np.uint8), epsg=4326, left=359.9, top=0.1, pixel=0.01)
    at_zero, inside = people(kilns_at((0, 0), (-0.001, 0)), path)
    assert at_zero == pytest.approx(inside, abs=1) and inside[2] > 100


def test_cells_without_data_or_with_negative_numbers_hold_nobody(kilns, raster):
    cells = np.full((1, 24, 24), 100, np.float32)
    cells[0, :, :6], cells[0, :, 6:12], cells[0, :, 18:] = -9999, -1, np.nan
    path = raster("people.tif", cells, epsg=4326, left=86.38, top=19.12, pixel=0.01, nodata=-9999)
    whole = raster("whole.tif", np.full((1, 24, 24), 100, np.float32), epsg=4326, left=86.38, top=19.12, pixel=0.01)
    assert people(kilns, path)[0, 2] == pytest.approx(people(kilns, whole)[0, 2] / 2, abs=1)


def test_where_no_raster_reaches_people_are_unknown_not_none(kilns, raster):
    path = raster("people.tif", np.full((1, 9, 9), 2, np.uint16), epsg=4326, left=10, top=10, pixel=0.001)
    empty = raster("empty.tif", np.full((1, 9, 9), -1, np.int16), epsg=4326, left=86.4, top=19.1, pixel=0.1)
    assert np.isnan(people(kilns, path, empty)).all()
    assert people_near(kilns, Exposure(population=[path])) == dict.fromkeys(PEOPLE) | {"kilns_off_raster": 1}


def test_later_rasters_fill_the_gaps_of_earlier_ones_and_nothing_else(kilns, raster):
    cells = np.full((1, 24, 24), 100, np.float32)
    whole = raster("whole.tif", cells, epsg=4326, left=86.38, top=19.12, pixel=0.01)
    west = np.where(np.arange(24) < 12, cells, -1).astype(np.float32)
    half = raster("west.tif", west, epsg=4326, left=86.38, top=19.12, pixel=0.01)
    other = raster("other.tif", cells * 3, epsg=4326, left=86.38, top=19.12, pixel=0.01)
    both = people(kilns, half, other)[0]
    assert both == pytest.approx(2 * people(kilns, whole)[0], abs=2)
    assert (people(kilns, whole, other) == people(kilns, whole)).all()


def test_blocks_do_not_matter(raster, monkeypatch):
    cells = np.random.default_rng(2).integers(0, 50, (1, 200, 200)).astype(np.float32)
    path = raster("people.tif", cells, epsg=4326, left=86.4, top=19.1, pixel=0.001)
    kilns = kilns_at(*np.random.default_rng(3).uniform([86.4, 18.9], [86.6, 19.1], (30, 2)))
    whole, union = people(kilns, path), people_near(kilns, Exposure(population=path))
    monkeypatch.setattr("kilnscan.population.BLOCK", 17)
    assert (people(kilns, path) == whole).all() and people_near(kilns, Exposure(population=path)) == union


def test_near_all_kilns_together_everyone_counts_once(raster):
    path = raster("people.tif", np.full((1, 60, 60), 1000, np.uint16), epsg=4326, left=86.25, top=19.25, pixel=1 / 120)
    config = Exposure(population=path)
    one, two, apart = kilns_at((86.5, 19)), kilns_at((86.5, 19), (86.5, 19)), kilns_at((86.4, 19), (86.6, 19))
    alone = people(one, path)[0]
    assert [people_near(one, config)[name] for name in PEOPLE] == alone.tolist()
    assert [people_near(two, config)[name] for name in PEOPLE] == pytest.approx(alone, rel=0.02)
    assert [people_near(apart, config)[name] for name in PEOPLE] == pytest.approx(2 * alone, rel=1e-3)
    shifted = kilns_at((86.5, 19), (86.5, 19 + 1000 * NORTH))  # two circles a radius apart cover 1.609 circles
    assert people_near(shifted, config)["people_1km"] == pytest.approx(1.609 * alone[0], rel=0.02)


def test_rasters_that_do_not_say_where_they_lie_are_refused(kilns, tmp_path, raster):
    with pytest.raises(ImageryError, match="does not say where it lies"):
        people(kilns, raster("people.tif", np.ones((1, 9, 9), np.uint16), epsg=None))
    with pytest.raises(ImageryError, match="2 bands where one"):
        people(kilns, raster("people.tif", np.ones((2, 9, 9), np.uint16)))
    (tmp_path / "no.tif").write_bytes(b"MZ hostile")
    with pytest.raises(ImageryError, match="cannot be read"):
        people(kilns, str(tmp_path / "no.tif"))
    with pytest.raises(ImageryError, match="matches no file"):
        add_exposure(kilns, Exposure(population=str(tmp_path / "*.nc")))


def test_a_raster_that_says_it_is_scaled_is_scaled(kilns, raster):
    path = raster("people.tif", np.full((1, 30, 30), 50, np.uint16), epsg=4326, left=86.35, top=19.15, pixel=0.01)
    before = people(kilns, path)
    with rasterio.open(path, "r+") as target:
        target.scales = (2.0,)
    assert people(kilns, path) == pytest.approx(2 * before, abs=1)


def test_without_files_the_table_stays_as_it_is(kilns):
    assert add_exposure(kilns, Exposure()).equals(kilns) and people_near(kilns, Exposure()) == {}


def test_an_atlas_without_kilns_keeps_its_columns(kilns, raster, places):
    path = raster("people.tif", np.ones((1, 9, 9), np.uint16), epsg=4326, left=86.5, top=19, pixel=0.001)
    config = Exposure(schools=places("schools.geojson", [north(0)]), population=path)
    empty = add_exposure(kilns.iloc[:0], config)
    assert len(empty) == 0 and {"schools_5km", *PEOPLE} <= set(empty.columns)
    assert empty["people_1km"].dtype == np.float64 and empty["schools_1km"].dtype == np.int64


def test_real_kilns_of_bangladesh_have_people_near(tmp_path):
    import gzip

    if not (DATA / "exposure").exists():
        pytest.skip("needs ../shared/data/exposure")
    (tmp_path / "people.ncf").write_bytes(gzip.decompress((DATA / "exposure/BGL_worldpop_2020.ncf.gz").read_bytes()))
    table = pd.read_csv(DATA / "kiln_inventories/apad_bangladesh.csv")
    kilns = kilns_at(*table[["lon", "lat"]].to_numpy())
    config = Exposure(
        population=str(tmp_path / "people.ncf"), schools=str(DATA / "exposure/education_point_IGP_BN.zip")
    )
    near, union = add_exposure(kilns, config), people_near(kilns, config)
    assert near["people_1km"].isna().sum() == union["kilns_off_raster"] == 139  # south of 22 or north of 26 degrees
    density = near["people_5km"].median() / 78.5
    assert 500 < density < 2500  # people per km2; Bangladesh has about 1,200
    assert [union[name] for name in PEOPLE] == sorted(union[name] for name in PEOPLE)
    assert union["people_1km"] < near["people_1km"].sum()


def test_the_sphere_is_half_a_per_cent_off_the_ellipsoid_at_most():
    lat = np.array([0.0, 19, 45, 80])
    _, _, metres = Geod(ellps="WGS84").inv(np.zeros(4), lat, np.zeros(4), lat + 1000 * NORTH)
    assert metres == pytest.approx(1000, rel=6e-3)
