"""What is told of kilns and areas together, with everything configured and with nothing."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

from kilnscan.config_impact import Areas, AreaTable, Emissions, Exposure, Siting
from kilnscan.dictionary import check_columns
from kilnscan.errors import VectorError
from kilnscan.files import write_json
from kilnscan.impact import assess
from kilnscan.tables import read_table, write_table

DATA = Path(__file__).parents[3] / "shared" / "data"
CELL = 1 / 120
ON_BORDER, INSIDE, OUTSIDE = (89.0, 22.5), (88.5, 22.5), (70.0, 10.0)
BORDERS = [box(88, 22, 89, 23), box(89, 22, 90, 23)]


def kilns(*places, kind="FCBK"):
    lon, lat = np.array(places, dtype=float).reshape(-1, 2).T
    table = {"id": [f"K{k}" for k in range(len(lon))], "type": kind, "lon": lon, "lat": lat,
             "score": 0.9, "first_seen": "2024-01-01"}  # fmt: skip
    boxes = shapely.box(lon - 5e-4, lat - 2e-4, lon + 5e-4, lat + 2e-4)
    return gpd.GeoDataFrame(pd.DataFrame(table, index=range(len(lon))), geometry=boxes, crs=4326)


def ledger(*shapes):
    return gpd.GeoDataFrame({"status": ["ok"] * len(shapes)}, geometry=list(shapes), crs=4326)


def config(exposure=None, areas=None):
    return {
        "exposure": (exposure or Exposure()).model_dump(mode="json"),
        "areas": areas and areas.model_dump(mode="json"),
        "emissions": Emissions(draws=500).model_dump(mode="json"),
        "siting": Siting().model_dump(mode="json"),
    }


@pytest.fixture
def two(tmp_path):
    """Two districts that meet at 89 E, and a table of theirs."""
    columns = {"d": ["Left", "Right"], "s": ["West Bengal", "Khulna"], "c": ["IND", "BGD"]}
    gpd.GeoDataFrame(columns, geometry=BORDERS, crs=4326).to_file(tmp_path / "areas.geojson")
    (tmp_path / "air.csv").write_text("name,pm\nLEFT,80\nright ,60\nMiddle,1\n", encoding="utf-8")
    table = {"path": str(tmp_path / "air.csv"), "columns": {"air": "pm"}}
    return Areas(path=str(tmp_path / "areas.geojson"), name="d", parent="s", country="c", tables=[table])


@pytest.fixture
def people(raster, tmp_path):
    """Ten people in every cell between 88 and 90 E, a school a kilometre east of the border, a clinic west of it."""
    grid = np.full((1, 120, 240), 10, np.float32)
    path = raster("people.tif", grid, epsg=4326, left=88, top=23, pixel=CELL)
    for name, east in (("schools", 0.008), ("clinics", -0.008)):
        place = [shapely.Point(ON_BORDER[0] + east, ON_BORDER[1])]
        gpd.GeoDataFrame(geometry=place, crs=4326).to_file(tmp_path / f"{name}.geojson")
    return Exposure(
        population=path, schools=str(tmp_path / "schools.geojson"), clinics=str(tmp_path / "clinics.geojson")
    )


def test_every_kiln_keeps_its_row_and_is_told_everything(two, people):
    found = kilns(ON_BORDER, INSIDE, OUTSIDE)
    told, checked, areas, facts = assess(found, ledger(*BORDERS), config(people, two))
    assert told["id"].tolist() == found["id"].tolist() and told.geometry.equals(found.geometry)
    assert told["area"].tolist() == ["Left", "Left", ""] and told["country"].tolist()[:2] == ["IND", "IND"]
    assert (told["pm25_t_low"] < told["pm25_t"]).all() and (told["pm25_t"] < told["pm25_t_high"]).all()
    assert told["schools_1km"].tolist() == [1, 0, 0] and told["clinics_1km"].tolist() == [1, 0, 0]
    assert set(checked["kiln"]) <= set(found["id"])
    check_columns("siting", checked)
    check_columns("areas", areas.drop(columns="air"))
    assert facts["notes"] == [f"{two.tables[0].path}, line 4: 'Middle' is no area of the map; the line is left out."]


def test_a_kiln_on_a_border_is_in_one_sum_and_what_lies_around_it_in_both(two, people):
    told, _, areas, facts = assess(kilns(ON_BORDER), ledger(*BORDERS), config(people, two))
    assert areas["area"].tolist() == ["Left", "Right"] and areas["air"].tolist() == [80, 60]
    assert areas["kilns"].tolist() == [1, 0]
    assert areas["pm25_t"].tolist() == [told["pm25_t"][0], 0]
    assert areas["schools_1km"].tolist() == [0, 1] and areas["clinics_1km"].tolist() == [1, 0]
    assert areas["people_5km"].sum() == pytest.approx(facts["people"]["people_5km"], abs=1)
    assert areas["people_5km"][0] == pytest.approx(areas["people_5km"][1], rel=0.05)


def test_kilns_outside_every_area_are_in_the_sum_of_the_region_alone(two):
    told, _, areas, facts = assess(kilns(INSIDE, OUTSIDE), ledger(*BORDERS), config(areas=two))
    assert told["area"].tolist() == ["Left", ""]
    assert areas["kilns"].tolist() == [1, 0] and facts["emissions"][0]["kilns"] == 2


def test_without_kilns_all_tables_are_there_and_empty(two, people):
    told, checked, areas, facts = assess(kilns(), ledger(*BORDERS), config(people, two))
    assert told.empty and checked.empty
    assert areas["kilns"].tolist() == [0, 0] and areas["pm25_t"].tolist() == [0, 0]
    assert areas[["people_1km", "schools_5km"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert facts["emissions"] == [] and facts["people"]["people_1km"] is None


def test_without_areas_and_data_kilns_get_country_emissions_and_rules(tmp_path):
    told, checked, areas, facts = assess(kilns((90.4, 23.8)), ledger(box(90, 23, 91, 24)), config())
    assert told[["country", "state", "area"]].to_numpy().tolist() == [["BGD", "", ""]]
    assert told["pm25_t"].notna().all() and "people_1km" not in told and len(checked) > 0
    assert areas.empty and areas.columns.tolist() == ["area", "state", "country", "geometry"]
    assert facts["people"] == {} and facts["notes"] == []
    write_table(tmp_path / "areas.parquet", areas)
    assert read_table(tmp_path / "areas.parquet").empty


def test_people_are_unknown_where_no_raster_reaches_a_kiln_of_the_area(people, two):
    told, _, areas, _ = assess(kilns(INSIDE, (89.5, 22.01)), ledger(*BORDERS), config(people, two))
    assert areas["people_1km"].notna().all()
    cut = Exposure(population=people.population)
    far = Areas(path=two.path, name="d")
    north = ledger(*BORDERS, box(88, 24, 90, 25))
    lost = config(cut, far)
    told, _, areas, _ = assess(kilns((91.5, 22.5)), north, lost)
    assert told["people_5km"].isna().all() and areas["people_5km"].tolist() == [0, 0]
    table = gpd.read_file(two.path)
    table.geometry = [box(88, 22, 89, 23), box(89, 22, 92, 23)]
    table.to_file(two.path)
    told, _, areas, _ = assess(kilns(INSIDE, (91.5, 22.5)), north, lost)
    assert areas["people_1km"].isna().tolist() == [False, True]


def test_it_works_south_of_the_equator_and_across_the_antimeridian(raster, tmp_path):
    shapes = [box(177, -19, 183, -16)]
    gpd.GeoDataFrame({"n": ["Fiji"]}, geometry=shapes, crs=4326).to_file(tmp_path / "fiji.geojson")
    path = raster("people.tif", np.full((1, 360, 720), 4, np.float32), epsg=4326, left=177, top=-16, pixel=CELL)
    exposure, named = Exposure(population=path), Areas(path=str(tmp_path / "fiji.geojson"), name="n")
    told, _, areas, facts = assess(
        kilns((179.995, -17.5), (-179.995, -17.5)), ledger(box(179, -18, 180, -17)), config(exposure, named)
    )
    assert told["area"].tolist() == ["Fiji", "Fiji"] and areas["kilns"].tolist() == [2]
    assert areas["people_5km"].tolist() == [pytest.approx(facts["people"]["people_5km"], abs=1)]
    assert told["people_1km"][0] == told["people_1km"][1] > 0


def test_facts_can_be_written_and_are_the_same_again(two, people, tmp_path):
    ours = config(people, two)
    facts = [assess(kilns(INSIDE, ON_BORDER), ledger(*BORDERS), ours)[3] for _ in range(2)]
    write_json(tmp_path / "facts.json", facts[0])
    assert json.loads((tmp_path / "facts.json").read_text()) == facts[1]


def test_kilns_of_a_type_without_factor_emit_nobody_knows_how_much(two):
    told, _, areas, facts = assess(kilns(INSIDE, kind="VSBK"), ledger(*BORDERS), config(areas=two))
    assert told["pm25_t"].isna().all() and facts["emissions"][0]["pm25_t"] is None
    np.testing.assert_equal(areas["pm25_t"].to_numpy(), [np.nan, 0])
    assert areas["pm25_left_out"].tolist() == [1, 0]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data, which a fresh clone lacks")
def test_real_kilns_in_real_divisions_with_a_real_table_of_their_people(tmp_path):
    path = DATA / "assets" / "boundaries" / "admin1_IND_PAK_BGD_NPL_osm_lowres.geojson"
    inventory = pd.read_csv(DATA / "kiln_inventories" / "apad_bangladesh.csv")[["lon", "lat"]].to_numpy()
    upazilas = {"path": str(DATA / "exposure" / "ban_pop.csv"), "name": "VALUE", "columns": {"residents": "SUM"}}
    areas = Areas(path=str(path), name="name", country="country")
    places = kilns(*inventory), ledger(box(88, 20.5, 92.8, 26.7))
    told, _, table, _ = assess(*places, config(areas=areas))
    assert table["kilns"].sum() == (told["area"] != "").sum() > 4700
    assert table.set_index("area")["kilns"].idxmax() == "Dhaka Division"
    assert (table["mapped"][table["country"] == "BGD"] > 0.9).all() and "Sindh" not in set(table["area"])
    with pytest.raises(
        VectorError, match=r"its 'VALUE' are 'Amtali', 'Bamna'.*the areas are 'Assam', 'Barisal Division'"
    ):
        assess(*places, config(areas=areas.model_copy(update={"tables": [AreaTable(**upazilas)]})))
