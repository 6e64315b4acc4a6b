"""Administrative areas: which kiln lies where, what each area holds, and tables of users joined by name."""

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pydantic import ValidationError
from shapely import box

from kilnscan.area_tables import MOST_SAID, plain
from kilnscan.areas import add_areas, area_keys, area_km2, area_table, read_areas
from kilnscan.config_impact import AREA_COLUMNS, Areas, AreaTable
from kilnscan.dictionary import read_dictionary
from kilnscan.errors import VectorError

DATA = Path(__file__).parents[3] / "shared" / "data"
WEST, EAST = box(88, 22, 89, 23), box(89, 22, 90, 23)
BOW_TIE = shapely.Polygon([(88, 22), (89, 23), (89, 22), (88, 23), (88, 22)])
HOLED = shapely.Polygon(box(0, 0, 1, 1).exterior, [box(0.25, 0.25, 0.75, 0.75).exterior])


def kilns(*places, **columns):
    lon, lat = np.array(places, dtype=float).reshape(-1, 2).T
    table = pd.DataFrame({"lon": lon, "lat": lat} | columns, index=range(len(lon)))
    return gpd.GeoDataFrame(table, geometry=shapely.points(lon, lat), crs=4326)


def ledger(*shapes, status="ok"):
    return gpd.GeoDataFrame({"status": [status] * len(shapes)}, geometry=list(shapes), crs=4326)


def areas(shapes, names=None, **columns):
    names = [f"A{k}" for k in range(len(shapes))] if names is None else names
    table = {"area": names, "state": "", "country": ""} | columns
    return gpd.GeoDataFrame(pd.DataFrame(table, index=range(len(shapes))), geometry=list(shapes), crs=4326)


@pytest.fixture
def file(tmp_path):
    """Writes areas with columns to a file and gives the configuration that names it."""

    def write(shapes, crs=4326, to="areas.geojson", **columns):
        gpd.GeoDataFrame(pd.DataFrame(columns), geometry=list(shapes), crs=crs).to_file(tmp_path / to)
        return Areas(
            path=str(tmp_path / to), name="name", **{key: key for key in ("parent", "country") if key in columns}
        )

    return write


@pytest.fixture
def joined(tmp_path):
    """Joins a CSV with areas: the column `air`, and what was said."""

    def join(text, named, parent=None, columns=None, **more):
        (tmp_path / "air.csv").write_text(text, encoding="utf-8")
        given = AreaTable(path=str(tmp_path / "air.csv"), parent=parent, columns=columns or {"air": "pm25"})
        tiles = ledger(*named.geometry)
        table, said = area_table(named, kilns((0, -80)), tiles, [], [given])
        return table["air"].tolist(), [line.replace(str(tmp_path / "air.csv"), "air.csv") for line in said]

    return join


# where a kiln lies


def test_a_kiln_belongs_to_the_area_that_holds_it_and_to_none_outside_all():
    told = add_areas(kilns((88.5, 22.5), (89.5, 22.5), (70, 10)), areas([WEST, EAST], state=["S", "T"], country="IND"))
    assert told[["area", "state", "country"]].to_numpy().tolist() == [["A0", "S", "IND"], ["A1", "T", "IND"], [""] * 3]


def test_kilns_on_a_shared_border_count_once_and_in_the_first_area():
    both = areas([WEST, EAST])
    on = kilns((89, 22.5), (89, 22), (89, 23))
    assert area_keys(both, on).tolist() == [0, 0, 0]
    assert add_areas(on, both)["area"].tolist() == ["A0"] * 3
    assert area_table(both, on, ledger(WEST, EAST), [], [])[0]["kilns"].tolist() == [3, 0]


def test_of_areas_that_overlap_the_first_has_the_kiln():
    assert area_keys(areas([WEST, WEST, EAST]), kilns((88.5, 22.5))).tolist() == [0]


def test_without_kilns_nothing_is_anywhere():
    told = add_areas(kilns(), areas([WEST]))
    assert told.empty and [str(told[name].dtype) for name in ("country", "state", "area")] == ["str"] * 3
    assert area_keys(areas([WEST]), kilns()).tolist() == []


def test_without_areas_only_the_country_is_known():
    told = add_areas(kilns((90.4, 23.8), (77.2, 28.6), (-43.2, -22.9), (0, -30)), None)
    assert told["country"].tolist() == ["BGD", "IND", "BRA", ""]
    assert (told[["state", "area"]] == "").all(axis=None)


def test_an_area_that_names_no_country_leaves_it_to_the_boundaries_of_countries():
    told = add_areas(kilns((90.4, 23.8), (88.5, 22.5)), areas([box(90, 23, 91, 24), WEST], country=["", "XDM"]))
    assert told["country"].tolist() == ["BGD", "XDM"]


@pytest.mark.parametrize(
    ("place", "code"),
    [((72.74, 19.0), "IND"), ((72.4, 19.0), ""), ((18.35, -34.0), "ZAF"), ((-179.99, 66.0), "RUS"), ((180, 67), "RUS")],
    ids=["off Mumbai", "far off Mumbai", "off Cape Town", "at the antimeridian", "on the antimeridian"],
)
def test_off_a_coast_the_nearest_country_counts_within_a_tenth_of_a_degree(place, code):
    assert add_areas(kilns(place), None)["country"].tolist() == [code]


def test_an_area_that_crosses_the_antimeridian_holds_kilns_on_either_side(file):
    fiji, said = read_areas(file([box(177, -19, 183, -16)], name=["Fiji"]))
    assert fiji.total_bounds.tolist() == [-180, -19, 180, -16] and said == []
    assert area_keys(fiji, kilns((179, -17), (-179, -17), (180, -17), (-180, -17), (-176, -17))).tolist() == [0] * 4 + [
        -1
    ]
    assert area_km2(fiji.geometry[0]) == pytest.approx(area_km2(box(1, -19, 7, -16)), rel=1e-3)  # edges are geodesics


def test_areas_south_of_the_equator_are_as_any_other():
    south = areas([box(18, -34, 19, -33)], country="ZAF")
    assert add_areas(kilns((18.5, -33.5)), south)["area"].tolist() == ["A0"]
    assert area_km2(box(18, -34, 19, -33)) == pytest.approx(area_km2(box(18, 33, 19, 34)))


# the file of areas


def test_areas_are_sorted_and_parts_of_one_area_are_one_row(file):
    read, said = read_areas(file([EAST, WEST, box(90, 22, 91, 23)], name=["Z", "B", " Z "], parent=["P", "P", "P"]))
    assert read["area"].tolist() == ["B", "Z"]
    assert area_keys(read, kilns((88.5, 22.5), (89.5, 22.5), (90.5, 22.5))).tolist() == [0, 1, 1]
    assert len(said) == 1 and "parts of one area: Z;" in said[0]


def test_areas_of_one_name_in_two_states_stay_apart(file):
    read, said = read_areas(file([WEST, EAST], name=["Aurangabad"] * 2, parent=["Maharashtra", "Bihar"]))
    assert read[["area", "state"]].to_numpy().tolist() == [["Aurangabad", "Bihar"], ["Aurangabad", "Maharashtra"]]
    assert said == []


def test_areas_without_a_name_are_one_for_each_state_and_are_told(file):
    read, said = read_areas(file([WEST, EAST, box(90, 22, 91, 23)], name=["A", None, "  "], parent=["S", "T", "T"]))
    assert read[["area", "state"]].to_numpy().tolist() == [["", "T"], ["A", "S"]]
    assert len(said) == 1 and "2 polygons have no name in 'name'" in said[0]


def test_a_file_without_any_name_is_refused(file):
    with pytest.raises(VectorError, match="has no name in its column 'name'"):
        read_areas(file([WEST, EAST], name=[None, " "]))


@pytest.mark.parametrize(
    ("name", "read"),
    [(" West\u00a0 Bengal\n", "West Bengal"), ("A\u202eB\x07", "A B"), (7, "7"), (7.0, "7"), ("ক্\u200dষ", "ক্\u200dষ")],
    ids=["spaces", "tricks", "number", "float", "joiner"],
)
def test_names_are_text_on_one_line(file, name, read):
    assert read_areas(file([WEST], name=[name], to="areas.gpkg"))[0]["area"].tolist() == [read]


@pytest.mark.parametrize(
    ("said", "code"),
    [("IND", "IND"), ("ind", "IND"), ("India", "IND"), (" bangladesh ", "BGD"), ("XDM", "XDM"), ("Atlantis", "")],
)
def test_countries_go_by_code_or_name(file, said, code):
    read, notes = read_areas(file([WEST], name=["A"], country=[said]))
    assert read["country"].tolist() == [code]
    assert bool(notes) == (code == "") and all("'Atlantis' in 'country' is no country" in note for note in notes)


def test_no_country_is_told_where_none_is_given(file):
    assert read_areas(file([WEST, EAST], name=["A", "B"], country=["IND", None]))[0]["country"].tolist() == ["IND", ""]


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ([shapely.Point(88, 22)], "holds no polygon"),
        ([box(450_000, 2_400_000, 500_000, 2_500_000)], "outside the world"),
        ([shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)])], "more than 180 degrees"),
    ],
)
def test_a_file_that_holds_no_areas_is_refused(file, shapes, says):
    with pytest.raises(VectorError, match=says):
        read_areas(file(shapes, name=["A"] * len(shapes), to="areas.gpkg"))


def test_a_missing_column_is_named(file):
    config = file([WEST], district=["A"], to="b.geojson")
    with pytest.raises(VectorError, match="no column 'name'; it has: district"):
        read_areas(config)


def test_a_missing_file_is_named():
    with pytest.raises(VectorError, match=r"nowhere\.geojson"):
        read_areas(Areas(path="nowhere.geojson", name="name"))


def test_points_and_lines_between_polygons_are_left_out(file):
    assert read_areas(file([WEST, shapely.Point(89.5, 22.5)], name=["A", "B"]))[0]["area"].tolist() == ["A"]


def test_an_invalid_area_is_mended_to_polygons(file):
    overlapping = shapely.MultiPolygon([WEST, box(88.5, 22, 89.5, 23)])
    spike = shapely.Polygon([(91, 22), (92, 22), (92, 23), (91, 23), (91, 22), (90, 22), (91, 22)])
    read, _ = read_areas(file([BOW_TIE, overlapping, spike], name=["A", "B", "C"]))
    assert read.is_valid.all() and set(read.geom_type) <= {"Polygon", "MultiPolygon"}
    assert area_keys(read, kilns((89.2, 22.5), (88.1, 22.5), (91.5, 22.5))).tolist() == [1, 0, 2]
    assert shapely.area(read.geometry.array).tolist() == pytest.approx([0.5, 1.5, 1])


def test_heights_are_dropped(file):
    read, _ = read_areas(file([shapely.force_3d(WEST, 5)], name=["A"], to="areas.gpkg"))
    assert not read.has_z.any()


def test_any_crs_will_do(file):
    metres = gpd.GeoSeries([WEST], crs=4326).to_crs(32645)
    read, _ = read_areas(file(metres, crs=32645, name=["A"], to="areas.gpkg"))
    assert area_keys(read, kilns((88.5, 22.5))).tolist() == [0]


# what an area holds


@pytest.mark.parametrize(
    "shape",
    [
        HOLED,
        shapely.Polygon(HOLED.exterior.coords[::-1], [ring.coords for ring in HOLED.interiors]),
        shapely.Polygon(HOLED.exterior.coords, [ring.coords[::-1] for ring in HOLED.interiors]),
    ],
    ids=["as drawn", "shell turned", "hole turned"],
)
def test_an_area_is_as_large_whichever_way_its_rings_wind(shape):
    assert area_km2(shape) == pytest.approx(12308.78 - area_km2(box(0.25, 0.25, 0.75, 0.75)), rel=1e-4)
    two = shapely.MultiPolygon([shape, shapely.affinity.translate(shapely.reverse(shape), 2)])
    assert area_km2(two) == pytest.approx(2 * area_km2(shape))


def test_rule_breakers_are_counted_by_area():
    some = kilns((88.2, 22.5), (88.4, 22.5), (89.5, 22.5), (70, 10), siting=["breaks", "meets", "breaks", "breaks"])
    table, _ = area_table(areas([WEST, EAST]), some, ledger(WEST, EAST), [], [])
    assert table["breaks"].tolist() == [1, 1] and table["kilns"].tolist() == [2, 1]


def test_areas_that_no_tile_meets_are_left_out_and_others_say_how_much_of_them_is_mapped():
    four = areas([WEST, EAST, box(90, 22, 91, 23), box(90, 23, 91, 24)])
    tiles = pd.concat(
        [ledger(box(88, 22, 89.25, 23)), ledger(box(89.25, 22, 89.5, 23), box(91, 23, 92, 24), status="cloudy")]
    )
    table, _ = area_table(four, kilns((88.5, 22.5)), tiles, [], [])
    assert table["area"].tolist() == ["A0", "A1"] and table["mapped"].tolist() == [1, 0.25]


def test_where_no_kiln_was_found_nothing_is_emitted_and_where_nobody_looked_nobody_knows():
    sums = pd.DataFrame({"kilns": [1], "pm25_t": [2.5], "pm25_t_low": [1.0], "pm25_left_out": [0]}, index=[0])
    tiles = pd.concat([ledger(WEST, EAST), ledger(box(90, 22, 91, 23), status="cloudy")])
    three = areas([WEST, EAST, box(90, 22, 91, 23)])
    table, _ = area_table(three, kilns((88.5, 22.5)), tiles, [sums], [])
    assert table["kilns"].tolist() == [1, 0, 0]
    np.testing.assert_equal(table["pm25_t"].to_numpy(), [2.5, 0, np.nan])
    np.testing.assert_equal(table["pm25_t_low"].to_numpy(), [1, 0, np.nan])
    assert table["pm25_left_out"].tolist() == [0, 0, 0] and table["pm25_left_out"].dtype == "int64"


def test_kilns_without_a_factor_leave_the_emission_of_their_area_unknown():
    sums = pd.DataFrame({"kilns": [1], "pm25_t": [np.nan], "pm25_left_out": [1]}, index=[0])
    table, _ = area_table(areas([WEST]), kilns((88.5, 22.5)), ledger(WEST), [sums], [])
    assert table["pm25_t"].isna().all() and table["pm25_left_out"].tolist() == [1]


def test_without_kilns_every_area_that_was_looked_at_has_its_row():
    table, said = area_table(areas([WEST, EAST]), kilns(), ledger(WEST), [], [])
    assert table[["area", "kilns", "breaks"]].to_numpy().tolist() == [["A0", 0, 0]] and said == []


# tables of users


def test_a_table_is_joined_by_name(joined):
    air, said = joined("name,pm25\nA1,61.5\nA0,70\n", areas([WEST, EAST]))
    assert air == [70, 61.5] and said == []


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (" dhaka ", "Dhaka"), ("CÔTE-D'OR", "Cote d\u2019Or"), ("007", "7"), ("Ward 07", "ward 7"), ("00", "0"),
        ("West\u00a0Bengal", "West Bengal"), ("\uff24HAKA", "Dhaka"), ("ক্\u200dষ", "ক্ষ"), ("Straße", "STRASSE"),
    ],
)  # fmt: skip
def test_names_meet_whatever_their_case_spaces_accents_and_leading_zeros(joined, theirs, ours):
    assert joined(f"name,pm25\n{theirs},5\n", areas([WEST], [ours])) == ([5], [])


@pytest.mark.parametrize(("one", "other"), [("बिहार", "बहार"), ("কালী", "কালি"), ("A1", "A 1"), ("10", "1"), ("!", "?")])
def test_other_names_are_other_names(joined, one, other):
    air, said = joined(f"name,pm25\n{one},5\nthird,6\n", areas([WEST, EAST], [other, "Third"]))
    np.testing.assert_equal(air, [np.nan, 6])
    assert f"{one!r} is no area of the map" in said[1]


@pytest.mark.parametrize(
    ("lines", "parent", "says"),
    [
        (
            "X1,S,1\nX2,S,1\nX3,S,1\nX4,S,1\n",
            None,
            "its 'name' are 'X1', 'X2', 'X3' and others, the areas are 'A', 'B'.",
        ),
        ("A,Punjab,1\n", "st", r"its 'name' and 'st' are 'A' \(Punjab\), the areas are 'A' \(S\), 'B' \(T\)\."),
        (" ,S,1\n", None, r"its 'name' are empty \(line 2\), the areas are 'A', 'B'\."),
        ("A\n", None, r"its 'name' are empty \(it has 1 cells where the heading has 3\)"),
        ("\x1b[2J,S,1\n", None, r"its 'name' are '\[2J'"),
    ],
)
def test_a_table_without_a_line_for_any_area_is_refused_with_names_of_both_sides(joined, lines, parent, says):
    two = areas([WEST, EAST], ["A", "B"], state=["S", "T"])
    with pytest.raises(VectorError, match=rf"has no line for any area: {says}.*Check `name` and `parent`"):
        joined(f"name,st,pm25\n{lines}", two, parent=parent)


def test_a_name_as_it_is_written_goes_before_its_like(joined):
    assert joined("name,pm25\n07,5\n7,6\n", areas([WEST, EAST], ["07", "7"]))[0] == [5, 6]
    said = joined("name,pm25\n007,5\n7,6\n", areas([WEST, EAST], ["07", "7"]))[1]
    assert "'007' is the name of 2 areas" in said[1]


def test_a_nameless_line_joins_no_nameless_area(joined):
    air, said = joined("name,pm25\n ,5\nA,6\n", areas([WEST, EAST], ["", "A"]))
    np.testing.assert_equal(air, [np.nan, 6])
    assert "line 2: '' is no area of the map" in said[1]


def test_a_name_of_two_areas_needs_its_state(joined):
    two = areas([WEST, EAST], ["Bilaspur"] * 2, state=["Chhattisgarh", "Himachal Pradesh"])
    air, said = joined("name,st,pm25\nBilaspur,himachal pradesh,5\nBilaspur,CHHATTISGARH,6\n", two, parent="st")
    assert air == [6, 5] and said == []
    three = areas([WEST, EAST, box(90, 22, 91, 23)], ["Bilaspur", "Bilaspur", "Durg"], state=["C", "H", "C"])
    air, said = joined("name,pm25\nBilaspur,5\nDurg,6\n", three)
    np.testing.assert_equal(air, [np.nan, np.nan, 6])
    assert "line 2: 'Bilaspur' is the name of 2 areas; the line is left out." in said[1]


def test_a_name_of_two_areas_is_not_taken_for_the_one_that_is_mapped(tmp_path):
    (tmp_path / "air.csv").write_text("name,pm25\nBilaspur,5\nDurg,6\n", encoding="utf-8")
    given = AreaTable(path=str(tmp_path / "air.csv"), columns={"air": "pm25"})
    three = areas([WEST, EAST, box(90, 22, 91, 23)], ["Bilaspur", "Bilaspur", "Durg"])
    table, said = area_table(three, kilns(), ledger(WEST), [], [given])
    assert len(table) == 1 and table["air"].isna().all() and len(said) == 2


def test_of_a_line_that_stands_twice_the_first_counts_and_the_second_is_told(joined):
    assert joined("name,pm25\nA0,5\na0,6\n", areas([WEST])) == (
        [5],
        ["air.csv, line 3: 'a0' stands twice; the first line counts."],
    )


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.5", 1.5), ('"16,093.74"', 16093.74), ('"1,60,937"', 160937), ("", np.nan), ("n/a", np.nan), ("-2", -2)],
)
def test_numbers_may_carry_separators_or_be_unknown(joined, cell, value):
    air, said = joined(f"name,pm25\nA0,{cell}\n", areas([WEST]))
    np.testing.assert_equal(air, [value])
    assert said == []


@pytest.mark.parametrize("cell", ['"1,5"', "high", "1_000", "nan%", "1e999", "=1+1"])
def test_a_cell_that_is_no_number_is_told(joined, cell):
    air, said = joined(f"name,pm25\nA0,{cell}\n", areas([WEST]))
    assert np.isnan(air).all() and len(said) == 1 and "line 2: 'pm25':" in said[0]


def test_areas_without_a_line_are_counted_and_a_long_list_of_strange_lines_is_cut(joined):
    lines = "".join(f"B{k},1\n" for k in range(100))
    said = joined(f"name,pm25\n{lines}A0,1\n", areas([WEST, EAST]))[1]
    assert said[0] == "air.csv: 1 of 2 areas have no line."
    assert len(said) == MOST_SAID + 1 and said[-1] == f"air.csv: {101 - MOST_SAID} more such lines."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("area,pm25\nA0,1\n", "no column 'name'; it has: area, pm25"),
        ("name,pm25,pm25\nA0,1,2\n", "two columns 'pm25'"),
        ("name,pm25\n", "has no rows"),
        ("", "is empty"),
    ],
)
def test_a_table_that_cannot_be_joined_is_refused(joined, text, says):
    with pytest.raises(VectorError, match=says):
        joined(text, areas([WEST]))


def test_a_line_with_too_few_cells_is_told(joined):
    said = joined("name,pm25\nA0\nA0,1\n", areas([WEST]))[1]
    assert len(said) == 1 and "line 2: it has 1 cells where the heading has 2" in said[0]


@pytest.mark.parametrize("name", ["kilns", "geometry", "pm25_t_low", "people_5km", "mapped"])
def test_a_users_column_cannot_replace_one_of_ours(name):
    with pytest.raises(ValidationError, match="which kilnscan has itself"):
        Areas(path="a", name="b", tables=[{"path": "t.csv", "columns": {name: "x"}}])


def test_two_tables_cannot_share_a_column():
    with pytest.raises(ValidationError, match="two columns air"):
        Areas(path="a", name="b", tables=[{"path": path, "columns": {"air": "x"}} for path in ("t.csv", "u.csv")])


def test_every_column_of_areas_in_the_dictionary_is_ours():
    ours = [entry.column for entry in read_dictionary() if entry.layer == "areas"]
    assert [name for name in ours if not AREA_COLUMNS.fullmatch(name)] == []


def test_plain_names_are_stable():
    assert [plain(name) for name in ("  ", "000", "A-07 b", "Ōsaka", "ﬁ")] == ["", "0", "a 7 b", "osaka", "fi"]


# real data


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data, which a fresh clone lacks")
def test_real_boundaries_and_a_real_table_of_population(tmp_path):
    path = DATA / "assets" / "boundaries" / "admin1_IND_PAK_BGD_NPL_osm_lowres.geojson"
    states, said = read_areas(Areas(path=str(path), name="name", country="country"))
    assert len(states) == 54 and said == []  # the Punjab of India and that of Pakistan are two
    assert states["country"].value_counts().to_dict() == {"IND": 34, "PAK": 8, "BGD": 7, "NPL": 5}
    inventory = pd.read_csv(DATA / "kiln_inventories" / "apad_bangladesh.csv")
    some = kilns(*inventory[["lon", "lat"]].to_numpy())
    told = add_areas(some, states)
    assert (told["country"] == "BGD").mean() > 0.99 and (told["area"] != "").mean() > 0.99
    same = [a.startswith(b[:4]) for a, b in zip(told["area"], inventory["region"].astype(str), strict=True)]
    assert np.mean(same) > 0.9
    given = AreaTable(path=str(DATA / "exposure" / "ban_pop.csv"), name="VALUE", columns={"people": "SUM"})
    upazilas = areas([WEST, EAST, box(90, 22, 91, 23)], ["amtali", "BARISAL SADAR KOTWALI", "Nowhere"])
    table, said = area_table(upazilas, kilns(), ledger(*upazilas.geometry), [], [given])
    np.testing.assert_equal(table["people"].to_numpy(), [302553, 598125, np.nan])
    assert said[0].endswith("1 of 3 areas have no line.") and len(said) == MOST_SAID + 1
    assert all(re.search(r"line \d+: '.+' is no area of the map", line) for line in said[1:MOST_SAID])
