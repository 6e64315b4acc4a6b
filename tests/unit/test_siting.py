"""Whether kilns stand where siting rules allow."""

import csv
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pydantic import ValidationError
from pyproj import Geod

from kilnscan.config_impact import Exposure, Siting
from kilnscan.errors import ConfigError, VectorError
from kilnscan.siting import COLUMNS, check_siting, probability_near
from kilnscan.siting_distance import area_within, nearest, pairs_within
from kilnscan.siting_places import known_ages, plain_name
from kilnscan.siting_rules import TABLE, Rule, read_rules

DATA = Path(__file__).parents[3] / "shared" / "data"
GEOD = Geod(ellps="WGS84")
PLACE = 88.4, 22.6
RULE = {
    "id": "XX-school", "country": "IND", "state": "", "to": "school", "distance_m": "1000", "applies_to": "all",
    "kiln_types": "", "valid_from": "2020-06-01", "valid_to": "", "title": "t", "citation": "c", "source": "s",
    "read_on": "2026-11-24", "confidence": "law text", "note": "",
}  # fmt: skip


def rule(**changes):
    return Rule.model_validate(RULE | changes)


def away(metres, azimuth=0.0, start=PLACE):
    return GEOD.fwd(*start, azimuth, metres)[:2]


def kilns(*places, first_seen="2024-01-01", half_m=0.5, **columns):
    """Square kilns of a metre at places in degrees, K0, K1, ..."""
    lon, lat = np.array(places, dtype=float).reshape(-1, 2).T
    north = half_m / 111_000
    east = north / np.cos(np.radians(lat))
    table = {"id": [f"K{k}" for k in range(len(lon))], "type": "FCBK", "lon": lon, "lat": lat, "country": "IND",
             "state": "West Bengal", "first_seen": first_seen, "score": 0.9} | columns  # fmt: skip
    boxes = shapely.box(lon - east, lat - north, lon + east, lat + north)
    return gpd.GeoDataFrame(pd.DataFrame(table, index=range(len(lon))), geometry=boxes, crs=4326)


@pytest.fixture
def file(tmp_path):
    """Writes geometries with columns to a file and names it."""

    def write(geometry, to="places.geojson", **columns):
        geometry = [shapely.Point(g) if isinstance(g, tuple) else g for g in geometry]
        gpd.GeoDataFrame(columns, geometry=geometry, crs=4326).to_file(tmp_path / to)
        return str(tmp_path / to)

    return write


def check(table, *rules, schools=None, **config):
    exposure = Exposure(schools=schools) if schools else Exposure()
    return check_siting(table, Siting(**config), exposure, list(rules))


def status(table, *rules, **config):
    return check(table, *rules, **config)[1]["status"].tolist()


# what a status is


def test_a_kiln_too_near_a_school_breaks_a_rule_that_binds_all(file):
    out, rows = check(kilns(PLACE), rule(), schools=file([away(700)], to="s.geojson", name=["Primary"]))
    assert out[["siting", "rules_broken"]].iloc[0].tolist() == ["breaks", "XX-school"]
    assert list(rows) == COLUMNS
    row = rows.iloc[0]
    assert (row.kiln, row.nearest, row.limit_m, row.probability) == ("K0", "Primary", 1000, 1)
    assert abs(row.distance_m - 700) <= 1


def test_a_kiln_far_from_every_school_meets_the_rule(file):
    out, rows = check(kilns(PLACE), rule(), schools=file([away(1200)]))
    assert (out.siting[0], out.rules_broken[0], rows.probability[0]) == ("meets", "", 0)


def test_near_the_limit_it_depends_on_how_well_places_are_known(file):
    schools = file([away(997)])
    assert status(kilns(PLACE), rule(), schools=schools, position_error_m=10) == ["unknown"]
    assert status(kilns(PLACE), rule(), schools=schools, position_error_m=1) == ["breaks"]
    assert status(kilns(PLACE), rule(), schools=schools, position_error_m=0) == ["breaks"]
    assert status(kilns(PLACE), rule(distance_m=990), schools=schools, position_error_m=0) == ["meets"]


def test_without_data_a_rule_is_unknown_and_says_what_is_missing():
    rows = check(kilns(PLACE), rule(to="orchard"))[1]
    assert rows.iloc[0][["status", "reason", "limit_m"]].tolist() == ["unknown", "no data on orchards", 1000]
    assert np.isnan(rows.distance_m[0]) and np.isnan(rows.probability[0])


def test_where_no_distance_is_known_the_kiln_is_unknown():
    out, rows = check(kilns(PLACE), rule(to="", distance_m=""))
    assert (out.siting[0], rows.reason[0]) == ("unknown", "no distance is known")


def test_a_kiln_without_any_rule_has_no_status(file):
    out, rows = check(kilns(PLACE, country="ZAF"), rule(), schools=file([away(10)]))
    assert out.siting.tolist() == [""] and out.rules_broken.tolist() == [""] and len(rows) == 0


def test_the_gravest_status_is_that_of_the_kiln(file):
    near, orchard, again = rule(id="near", distance_m=100), rule(id="orchard", to="orchard"), rule(id="again")
    rules = [rule(), near, orchard, again]
    out, rows = check(kilns(PLACE, away(5000)), *rules, schools=file([away(700)]))
    assert out.siting.tolist() == ["breaks", "unknown"] and out.rules_broken.tolist() == ["XX-school again", ""]
    assert rows.rule.tolist() == ["XX-school", "near", "orchard", "again"] * 2


def test_a_rule_binds_in_its_state_and_for_its_types_only(file):
    table = kilns(PLACE, PLACE, PLACE, state=["west  BENGAL", "Bihar", None], type=["FCBK", "FCBK", ""])
    schools = file([away(10)])
    for changes, expected in (
        ({"state": "West Bengal"}, ["breaks", "", ""]),
        ({"kiln_types": "zigzag"}, ["", "", "unknown"]),
        ({"kiln_types": "zigzag fcbk"}, ["breaks", "breaks", "unknown"]),
    ):
        assert check(table, rule(**changes), schools=schools)[0].siting.tolist() == expected


def test_a_doubtful_rule_can_be_met_but_not_broken(file):
    doubtful = rule(confidence="doubtful")
    rows = check(kilns(PLACE, away(9000)), doubtful, schools=file([away(10)]))[1]
    assert rows.status.tolist() == ["unknown", "meets"] and rows.reason[0] == "how the rule is known: doubtful"
    research = rule(confidence="code of a research project")
    assert status(kilns(PLACE), research, schools=file([away(10)]), trusted=["law text"]) == ["unknown"]


# dates


def test_a_kiln_that_stood_before_a_rule_for_new_ones_is_grandfathered(file):
    table = kilns(PLACE, away(9000), first_seen="2019-12-31")
    assert status(table, rule(applies_to="new"), schools=file([away(10)])) == ["grandfathered", "meets"]
    assert status(table, rule(applies_to="all"), schools=file([away(10)])) == ["breaks", "meets"]


def test_a_kiln_seen_only_later_may_be_old_or_new(file):
    rows = check(kilns(PLACE, first_seen="2020-06-01"), rule(applies_to="new"), schools=file([away(10)]))[1]
    assert (rows.status[0], rows.reason[0]) == ("unknown", "not known whether built before or after 2020-06-01")


def test_an_earlier_inventory_tells_old_kilns_from_new_ones(file):
    old, new, other = PLACE, away(5000), away(9000)
    built = file([away(60, start=old), new, away(150, start=other)], to="built.gpkg", year=[2018.0, None, 2018.0],
                 absent=[None, 2021.0, 2021.0])  # fmt: skip
    schools = file([old, new, other])
    found = status(kilns(old, new, other), rule(applies_to="new"), schools=schools, built=built)
    assert found == ["grandfathered", "breaks", "unknown"]
    existing = check(kilns(old, new), rule(applies_to="existing"), schools=schools, built=built)[1]
    assert existing.kiln.tolist() == ["K0"]  # the new one is none of its business


def test_a_year_stands_for_any_day_in_it(file):
    schools = file([PLACE])
    within = rule(applies_to="new", valid_from="2020")
    assert status(kilns(PLACE, first_seen="2020-03-01"), within, schools=schools) == ["unknown"]
    assert status(kilns(PLACE, first_seen="2019-12-31"), within, schools=schools) == ["grandfathered"]
    undated = rule(applies_to="new", valid_from="")
    assert status(kilns(PLACE, first_seen="1990-01-01"), undated, schools=schools) == ["unknown"]


def test_rules_of_the_day_asked_for_count(file):
    rules = [rule(id="old", valid_to="2022-02"), rule(id="new", valid_from="2022-02", distance_m=100)]
    schools = file([away(500)])
    for day, ids in (("", ["new"]), ("2021-01-01", ["old"]), ("2022-02-10", ["old", "new"]), ("2019-01-01", [])):
        assert check(kilns(PLACE), *rules, schools=schools, day=day)[1].rule.tolist() == ids


def test_a_kiln_that_was_there_cannot_have_been_absent_later(file):
    built = file([PLACE], to="b.gpkg", year=[2022], absent=[2023])
    assert np.isnat(known_ages(kilns(PLACE), built)[1][0])


# kilns among themselves


def test_both_of_a_pair_break_a_rule_that_binds_all():
    out, rows = check(kilns(PLACE, away(400), away(9000)), rule(to="kiln"))
    assert out.siting.tolist() == ["breaks", "breaks", "meets"]
    assert rows.nearest.tolist() == ["K1", "K0", ""] and rows.distance_m[0] == rows.distance_m[1]


def test_of_a_pair_only_the_later_one_breaks_a_rule_for_new_kilns(file):
    table = kilns(PLACE, away(400), first_seen=["2018-01-01", "2023-01-01"])
    built = file([away(400)], to="b.gpkg", year=[None], absent=[2021.0])
    out, rows = check(table, rule(to="kiln", applies_to="new"), built=built)
    assert out.siting.tolist() == ["meets", "breaks"] and rows.nearest.tolist() == ["", "K0"]


def test_of_two_new_kilns_of_unknown_order_neither_is_accused(file):
    built = file([PLACE, away(400)], to="b.gpkg", year=[None, None], absent=[2021.0, 2021.0])
    rows = check(kilns(PLACE, away(400)), rule(to="kiln", applies_to="new"), built=built)[1]
    assert rows.status.tolist() == ["unknown"] * 2 and set(rows.reason) == {"not known which kiln stood first"}


def test_the_same_kiln_twice_in_the_table_is_near_itself():
    assert status(kilns(PLACE, PLACE), rule(to="kiln")) == ["breaks", "breaks"]


# probability


def test_an_incomplete_map_makes_meeting_a_rule_less_sure_but_breaking_it_no_less(file):
    schools = file([away(700), away(2500), away(3000, 90)])
    table = kilns(PLACE, away(4200, 180))
    for complete, expected in ((1, ["breaks", "meets"]), (0.3, ["breaks", "unknown"]), (0.01, ["breaks", "unknown"])):
        rows = check(table, rule(), schools=schools, schools_complete=complete)[1]
        assert rows.status.tolist() == expected
    assert "the map may lack a place within the distance" in set(rows.reason)


def test_nothing_is_broken_by_a_place_that_nobody_has_seen(file):
    schools = file([away(metres, azimuth) for metres in (1300, 2000, 3000) for azimuth in range(0, 360, 20)])
    rows = check(kilns(PLACE), rule(), schools=schools, schools_complete=0.05)[1]
    assert rows.probability[0] > 0.99 and rows.status[0] == "unknown"


@pytest.mark.parametrize("completeness", [1.0, 0.7, 0.4])
def test_probabilities_come_true_as_often_as_they_say(completeness):
    """Places at random, mapped with errors and holes; the density is another one every time."""
    random, limit, sigma, around, reach = np.random.default_rng(7), 1000.0, 60.0, 5000.0, 7000.0
    said, true = [], []
    for _ in range(6000):
        density = random.gamma(0.5, 0.4 / 1e6)
        places = random.uniform(-reach, reach, (random.poisson(density * 4 * reach**2), 2))
        true.append((np.hypot(*places.T) < limit).any())
        mapped = places[random.random(len(places)) < completeness]
        seen = np.hypot(*mapped.T) + random.normal(0, sigma, len(mapped))
        count = np.array([(seen < around).sum()])
        least, share = seen.min(initial=np.inf), limit**2 / around**2
        said.append(probability_near(least, limit, sigma, completeness, count, share)[1][0])
    said, true = np.array(said), np.array(true)
    for low, high in ((-0.01, 0.03), (0.03, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.97), (0.97, 1.01)):
        here = (said > low) & (said <= high)
        if here.sum() >= 60:
            error = 3 * np.sqrt(said[here].mean() * (1 - said[here].mean()) / here.sum())
            assert abs(said[here].mean() - true[here].mean()) <= error + 0.02


def test_the_land_within_reach_of_a_footprint_is_wider_than_a_circle():
    box = kilns(PLACE, half_m=50)
    expected = np.pi * 100**2 + 400 * 100 + 100**2
    assert area_within(box.geometry.to_numpy(), box.lat.to_numpy(), 100)[0] == pytest.approx(expected, rel=0.01)


# distances


@pytest.mark.parametrize("start", [(88.4, 22.6), (30.2, -25.9), (-70.5, -53.1), (179.9999, -17.0), (-179.9999, 66.0)])
def test_distances_are_right_anywhere(start):
    ends = [away(metres, azimuth, start) for metres, azimuth in ((300, 40), (1000, 170), (9000, 271), (9500, 91))]
    table = kilns(start, half_m=0.001)
    arrays = table.geometry.to_numpy(), table.lon.to_numpy(), table.lat.to_numpy()
    for end, metres in zip(ends, (300, 1000, 9000, 9500), strict=True):
        found, index = nearest(*arrays, shapely.points([end]), 20_000)
        assert found[0] == pytest.approx(metres, rel=2e-4, abs=0.01) and index[0] == 0
    assert nearest(*arrays, shapely.points(ends[2:]), 8000)[1].tolist() == [-1]


def test_distances_hold_across_cells_and_180_degrees():
    table = kilns((179.9995, -17.0), (-179.9995, -17.0), (88.9999, 22.99995), (88.9999, 23.00005))
    one, other, metres = pairs_within(table.geometry.to_numpy(), table.lon.to_numpy(), table.lat.to_numpy(), 500)
    assert list(zip(one, other, strict=True)) == [(0, 1), (1, 0), (2, 3), (3, 2)]
    assert metres == pytest.approx([106.4 - 1, 106.4 - 1, 11.07 - 1, 11.07 - 1], abs=0.2)


def test_the_distance_is_that_to_lines_and_areas_and_nothing_inside(file):
    lon, lat = PLACE
    river = shapely.LineString([(lon - 3, lat + 0.009), (lon + 3, lat + 0.009)])
    town = shapely.box(lon - 2, lat - 0.01, lon + 2, lat + 0.001)
    places = {"river": file([river], to="r.geojson"), "city": file([town], to="c.geojson")}
    named = [{"to": to, "path": path} for to, path in places.items()]
    rows = check(kilns(PLACE), rule(to="river"), rule(id="c", to="city"), places=named)[1]
    assert rows.distance_m.tolist() == [pytest.approx(996, abs=1), 0]


def test_the_distance_starts_at_the_edge_of_the_kiln(file):
    rows = check(kilns(PLACE, half_m=50), rule(), schools=file([away(700)]))[1]
    assert rows.distance_m[0] == pytest.approx(650, abs=1)


def test_the_order_of_rows_and_files_changes_nothing(file):
    table = kilns(PLACE, away(400), away(4000, 90))
    places = [away(700), away(700), away(4000, 100), away(4500, 80)]
    names = ["b", "a", "c", "d"]
    rules = rule(), rule(id="k", to="kiln")
    first = check(table, *rules, schools=file(places, to="1.geojson", name=names))
    again = check(table[::-1], *rules, schools=file(places[::-1], to="2.geojson", name=names[::-1]))
    pd.testing.assert_frame_equal(first[1], again[1])
    assert first[1].nearest[0] == "a"
    assert again[0].siting.tolist() == first[0].siting.tolist()[::-1]


# what people bring


def test_names_are_shown_on_one_line_without_control_characters(file):
    hostile = "\u202e<script>\x00\x1b[31m\r\nx" + "y" * 500
    assert plain_name(hostile) == ("<script> [31m x" + "y" * 500)[:120]
    assert plain_name("ক্\u200dষ") == "ক্\u200dষ" and plain_name(None) == "" and plain_name(np.nan) == ""
    rows = check(kilns(PLACE), rule(), schools=file([PLACE], name=[hostile.replace("\x00", "")]))[1]
    assert len(rows.nearest[0]) == 120 and rows.nearest[0].isprintable()
    assert check(kilns(PLACE), rule(), schools=file([PLACE]))[1].nearest[0] == "school"


def test_schools_of_the_exposure_and_of_the_rules_count_together(file):
    places = [{"to": "school", "path": file([away(600)], to="more.geojson")}]
    rows = check(kilns(PLACE), rule(), places=places, schools=file([away(900)]))[1]
    assert rows.distance_m[0] == pytest.approx(600, abs=1)


def test_an_unknown_kind_of_place_is_refused(file):
    with pytest.raises(ValidationError, match=r"places\.0\.to"):
        Siting(places=[{"to": "casino", "path": "x.geojson"}])


def test_a_day_that_no_calendar_has_is_refused():
    with pytest.raises(ValidationError, match="day"):
        Siting(day="2022-02-30")


def test_coordinates_off_the_world_are_refused(file):
    with pytest.raises(VectorError, match="outside the world"):
        check(kilns(PLACE), rule(), schools=file([(22.0, 588.0)]))


@pytest.mark.parametrize("columns", [{"when": [2018]}, {"year": ["soon"]}, {"year": [218]}, {"year": [2018.5]}])
def test_an_inventory_with_wrong_years_is_refused(file, columns):
    with pytest.raises(VectorError, match="year"):
        check(kilns(PLACE), rule(), built=file([PLACE], to="b.gpkg", **columns))


def test_an_atlas_without_kilns_keeps_its_columns(file):
    out, rows = check(kilns(), rule(), rule(id="k", to="kiln"), schools=file([PLACE]))
    assert {"siting", "rules_broken"} <= set(out) and len(out) == 0 and len(rows) == 0 and list(rows) == COLUMNS
    assert rows.distance_m.dtype == float


def test_a_single_kiln_has_no_neighbour():
    assert status(kilns(PLACE), rule(to="kiln")) == ["meets"]


# the table of rules


def write_rules(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, RULE)
        lines.writeheader()
        lines.writerows(rows)
    return path


def test_every_shipped_rule_is_valid_and_says_where_it_was_read():
    rules = read_rules()
    assert len(rules) > 60 and all(one.citation and one.source and one.read_on for one in rules)
    assert {one.country for one in rules} == {"IND", "BGD", "NPL", "PAK"}
    assert TABLE.read_text(encoding="utf-8").count("\r") == 0
    assert all(one.note for one in rules if one.confidence == "doubtful")
    assert all(one.note for one in rules if not one.valid_from)


def test_a_table_of_yours_has_the_same_columns(tmp_path):
    path = write_rules(tmp_path / "rules.csv", RULE, RULE | {"id": "b", "distance_m": "", "to": ""})
    assert [one.id for one in read_rules(path)] == ["XX-school", "b"]
    out, _ = check_siting(kilns(PLACE), Siting(rules=str(path)), Exposure())
    assert out.siting[0] == "unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"to": "casino"}, {"distance_m": "-5"}, {"distance_m": "nan"}, {"distance_m": "inf"}, {"distance_m": ""},
        {"applies_to": "some"}, {"valid_from": "22.2.2022"}, {"valid_from": "2022-13"}, {"valid_from": "2022-02-30"},
        {"valid_to": "2019"}, {"country": "India"}, {"citation": ""}, {"source": " "}, {"confidence": "rumour"},
        {"id": "a b"}, {"id": "=cmd()"}, {"read_on": ""}, {"title": "x" * 999},
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(tmp_path, change):
    path = write_rules(tmp_path / "rules.csv", RULE, RULE | {"id": "b"} | change)
    with pytest.raises(ConfigError, match=r"Row 3 of the siting rules .*: correct it there"):
        read_rules(path)


def test_a_table_with_a_rule_twice_too_many_cells_or_no_text_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="names XX-school again"):
        read_rules(write_rules(tmp_path / "twice.csv", RULE, RULE))
    wide = write_rules(tmp_path / "wide.csv", RULE)
    wide.write_text(wide.read_text().rstrip("\n") + ",more\n")
    with pytest.raises(ConfigError, match="more cells than columns"):
        read_rules(wide)
    (tmp_path / "cut.csv").write_text(",".join(RULE) + "\nXX,IND,\n")
    with pytest.raises(ConfigError, match="Row 2"):
        read_rules(tmp_path / "cut.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("binary.csv", "absent.csv"):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_rules(tmp_path / name)


@pytest.mark.skipif(not DATA.exists(), reason="real data is not here: ../shared/data")
def test_on_real_kilns_and_schools_those_that_break_the_rule_are_those_with_a_school_near():
    table = pd.read_csv(DATA / "kiln_inventories" / "apad_bangladesh.csv").head(800)
    real = kilns(*zip(table["lon"], table["lat"], strict=True), country="BGD", state="")
    schools = f"zip://{DATA / 'exposure' / 'education_point_IGP_BN.zip'}"
    rules = [one for one in read_rules() if one.id == "BD-2013-school"]
    out, rows = check_siting(real, Siting(), Exposure(schools=schools), rules)
    places = gpd.read_file(schools).to_crs(32646)
    near = gpd.sjoin_nearest(real.to_crs(32646), places, distance_col="metres").groupby("id")["metres"].min()
    metres = rows.set_index("kiln").loc[real["id"], "distance_m"].to_numpy()
    expected = near.loc[real["id"]].to_numpy()
    assert np.allclose(metres[expected < 1900], expected[expected < 1900], rtol=0.003, atol=1)  # UTM stretches a little
    assert ((out.siting == "breaks") == (expected < 987)).mean() > 0.99
