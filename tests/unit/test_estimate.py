"""How many kilns there are: what a sample says, where it says nothing, and intervals that hold what they promise."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from scipy.stats import chi2

from kilnscan import intervals
from kilnscan.audit_answers import read_filled
from kilnscan.check_sample import (
    DOUBTED,
    EMPTY,
    HELD,
    draw_kilns,
    draw_land,
    judged,
    kiln_strata,
    land_strata,
    with_answers,
)  # fmt: skip
from kilnscan.config_sure import LandCover
from kilnscan.errors import VectorError
from kilnscan.estimate import (
    ACQUIRED,
    KILNS,
    MODEL,
    NONE,
    PARTLY,
    REJECTED,
    REVIEWED,
    SAMPLE,
    Part,
    borrow,
    checked,
    estimate,
    groups,
    parts_of,
    tally,
    total,
)  # fmt: skip
from kilnscan.estimate_frame import (
    acquired_units,
    company_of,
    held_chips,
    land_units,
    owned_units,
    seasons,
    with_strata,
)  # fmt: skip
from kilnscan.estimate_report import in_words
from kilnscan.land_cover import cover_at
from kilnscan.review_marks import Window

EPSG = 32643


def land(size: int, looked: int, found: int = 0, squares: int | None = None, stratum: str = "a") -> Part:
    return Part(REJECTED, stratum, size, looked, found, found if squares is None else squares)


def listed(size: int, looked: int, true: int, stratum: str = "a") -> Part:
    return Part(KILNS, stratum, size, looked, true, true)


def test_the_total_is_size_times_mean_summed_over_strata():
    told = total([land(1000, 100, 3), land(50, 10, 2, stratum="b"), listed(40, 20, 18)])
    assert told.value == pytest.approx(1000 * 0.03 + 50 * 0.2 + 40 * 0.9)
    assert told.low < told.value < told.high
    assert told.basis == SAMPLE


def test_where_nothing_was_found_the_upper_limit_is_that_of_a_poisson_count():
    told = total([land(1_000_000, 100)])
    assert (told.value, told.low) == (0, 0)
    assert told.high == pytest.approx(10_000 * chi2.ppf(0.975, 2) / 2, rel=1e-3)
    told = total([land(1_000_000, 100)], together=2)
    assert told.high == pytest.approx(20_000 * chi2.ppf(0.975, 2) / 2, rel=1e-3)


def test_of_a_single_endless_stratum_the_limits_are_exact():
    low, high = intervals.poisson_gamma(np.array([1.0]), np.array([1.0]), np.array([7.0]))
    assert (low, high) == (pytest.approx(chi2.ppf(0.025, 14) / 2), pytest.approx(chi2.ppf(0.975, 16) / 2))


def test_a_census_has_an_interval_without_width():
    told = total([land(30, 30, 4, 6), listed(20, 20, 17)])
    assert told.value == told.low == told.high == 21
    assert total([listed(5, 5, 0)]).high == 0


def test_nothing_is_below_what_was_counted():
    told = total([land(100, 99, 5, 25)])
    assert 5 <= told.low <= told.value <= told.high


def test_kilns_that_stand_together_make_the_interval_wider():
    alone, together = (total([land(1000, 100, 8, squares)]) for squares in (8, 32))
    assert alone.value == together.value
    assert together.low < alone.low < alone.high < together.high


def test_a_stratum_nobody_looked_at_leaves_nothing_to_say_unless_it_is_empty():
    assert total([land(10, 0), listed(5, 5, 5)]).basis == NONE
    assert total([land(10, 0)]).value is None
    assert total([land(0, 0), listed(5, 5, 5)]).value == 5
    assert total([]).told() == {"value": 0.0, "ci95": [0.0, 0.0], "basis": SAMPLE}
    assert total([land(10, 0)]).told() == {"value": None, "ci95": None, "basis": NONE}


def frame(*rows: tuple[str, str, int, list[int], str]) -> pd.DataFrame:
    """Units: kind, stratum, how many, what was found in the first of them, and the area."""
    tables = [
        pd.DataFrame({"kind": kind, "stratum": name, "found": [*found, *[np.nan] * (size - len(found))], "at": area})
        for kind, name, size, found, area in rows
    ]
    return pd.concat(tables, ignore_index=True)


def test_parts_count_units_kilns_and_squares_by_area():
    units = frame((REJECTED, "a", 5, [0, 2], "x"), (REJECTED, "a", 3, [], "y"), (KILNS, "b", 2, [1], "x"))
    assert parts_of(units)[""] == [Part(KILNS, "b", 2, 1, 1, 1), Part(REJECTED, "a", 8, 2, 2, 4)]
    assert parts_of(units, "at")["y"] == [Part(REJECTED, "a", 3, 0, 0, 0)]


def test_an_area_with_too_small_a_sample_is_given_the_regions_rate_and_says_so():
    units = frame((REJECTED, "a", 900, [0] * 80 + [1], "x"), (REJECTED, "a", 100, [0] * 3, "y"))
    whole, by = parts_of(units)[""], parts_of(units, "at")
    x, y = (total(borrow(by[name], whole, least=20)) for name in "xy")
    assert (x.basis, y.basis) == (SAMPLE, MODEL)
    assert y.value == pytest.approx(100 / 84)
    assert total(borrow(by["y"], whole, least=3)).basis == SAMPLE
    mixed = [*borrow(by["y"], whole, 20), listed(4, 4, 4)]
    assert total(mixed).basis == PARTLY


def test_a_small_stratum_of_an_area_that_was_wholly_looked_at_borrows_nothing():
    units = frame((REJECTED, "a", 900, [0] * 80 + [1], "x"), (REJECTED, "a", 2, [1, 0], "y"))
    told = total(borrow(parts_of(units, "at")["y"], parts_of(units)[""], least=20))
    assert (told.value, told.low, told.high, told.basis) == (1, 1, 1, SAMPLE)


def test_precision_and_recall_follow_from_the_parts():
    parts = [listed(100, 50, 45), Part(ACQUIRED, "c", 1000, 100, 1, 1), land(5000, 500)]
    told = estimate(parts)
    assert told["precision"]["value"] == 0.9
    assert told["recall"]["value"] == pytest.approx(90 / 100)
    assert told["recall"]["ci95"][0] < 0.9 < told["recall"]["ci95"][1] <= 1
    assert told["kilns_checked"] == 50
    assert told["chips_looked_at"] == 600
    assert told["missed_on_rejected_land"]["value"] == 0


def test_without_a_check_the_parts_that_are_known_are_told():
    told = estimate([listed(100, 0, 0), land(5000, 500)])
    assert told["kilns"]["value"] is told["precision"]["value"] is told["recall"]["value"] is None
    assert told["missed_on_rejected_land"]["value"] == 0


def test_groups_tell_where_few_were_checked_and_take_their_own_precision():
    units = frame(
        (KILNS, "low", 50, [1] * 20 + [0] * 20, "x"), (KILNS, "low", 5, [0], "y"), (KILNS, "high", 5, [], "y"),
        (REJECTED, "a", 500, [0] * 100, "x"), (REJECTED, "a", 100, [], "y"),
    )  # fmt: skip
    x, y = groups(units, "at", least=20, few=30, together=1)
    assert (x["at"], x["checked"], y["at"], y["checked"]) == ("x", "enough", "y", "few")
    assert (x["precision"]["value"], y["precision"]["value"]) == (0.5, 0)
    assert y["missed_on_rejected_land"]["basis"] == MODEL


def test_a_small_group_that_was_wholly_checked_is_not_one_of_few():
    assert [checked(looked, 40, few=30) for looked in (0, 1, 29, 30, 39, 40)] == [
        "none", "few", "few", "enough", "enough", "all",
    ]  # fmt: skip
    assert checked(3, 3, few=30) == "all"
    assert checked(0, 0, few=30) == "none"


@pytest.mark.parametrize(
    ("kinds", "sample"),
    [
        (((9990, 10),), (100,)),
        (((9950, 0, 0, 0, 12),), (200,)),
        (((196, 3, 1),), (150,)),
        (((29_990, 10, 0), (470, 25, 5)), (100, 25)),
    ],
)
def test_95_of_100_intervals_hold_the_truth_also_of_rare_and_crowded_kilns(kinds: tuple, sample: tuple):
    rng, draws = np.random.default_rng(1), 1000
    seen = [rng.multivariate_hypergeometric(some, many, draws) for some, many in zip(kinds, sample, strict=True)]
    number = np.arange(len(kinds[0]))
    found, squares = (np.stack([(some * number**power).sum(1) for some in seen], 1) for power in (1, 2))
    size, looked = np.array(kinds).sum(1).astype(float), np.array(sample, float)
    truth, second = ((np.array(kinds) * number**power).sum() for power in (1, 2))
    low, high = intervals.gamma(size, looked, found, squares, 1 - looked / size, second / truth)
    assert ((low <= truth) & (truth <= high)).mean() >= 0.95


def test_intervals_of_shares_hold_in_finite_populations():
    rng = np.random.default_rng(2)
    for size, true, looked in ((200, 190, 60), (50, 50, 10), (1000, 600, 40)):
        found = rng.hypergeometric(true, size - true, looked, 1000)
        low, high = intervals.share(found, looked, 1 - looked / size)
        assert ((low <= true / size) & (true / size <= high)).mean() >= 0.95


def test_the_plain_interval_does_not_hold_and_is_empty_where_nothing_was_found():
    one = np.ones(1)
    low, high = intervals.normal(one * 1000, one * 50, one * 0, one * 0, one)
    assert (low, high) == (0, 0)


def test_a_sum_of_intervals_keeps_its_skew():
    low, high = intervals.added(np.array([10.0, 0.0]), np.array([9.0, 0.0]), np.array([11.0, 5.0]))
    assert low == 9
    assert high == pytest.approx(10 + np.sqrt(26))


def kilns(count: int = 300, seed: int = 0) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(77.0, 77.1, count), rng.uniform(28.0, 28.1, count)
    columns = {"id": [f"43RGM{k:08d}" for k in range(count)], "type": "FCBK", "score": rng.uniform(0.48, 1, count)}
    points = gpd.points_from_xy(lon, lat)
    return gpd.GeoDataFrame(columns | {"lon": lon, "lat": lat, "tile": "T"}, geometry=points, crs=4326)


def test_kilns_are_drawn_by_lot_whatever_their_order():
    table = kilns()
    drawn = draw_kilns(table, kiln_strata(table["score"].to_numpy(), 0.48), 60, 7)
    turned = table.iloc[::-1].reset_index(drop=True)
    assert drawn == draw_kilns(turned, kiln_strata(turned["score"].to_numpy(), 0.48), 60, 7)
    assert drawn != draw_kilns(table, kiln_strata(table["score"].to_numpy(), 0.48), 60, 8)
    assert 57 <= len(drawn) <= 63
    assert len(set(drawn.values())) == 3
    assert len(draw_kilns(table[:4], kiln_strata(table["score"].to_numpy()[:4], 0.48), 60, 7)) == 4
    assert draw_kilns(table[:0], kiln_strata(np.empty(0), 0.48), 60, 7) == {}


def test_acquired_land_is_drawn_more_densely_where_kilns_are_likelier():
    units = pd.DataFrame({"epsg": EPSG, "i": np.arange(1000), "j": 5, "tile": "T"})
    chips = [(EPSG, i, 5) for i in range(1000)]
    stratum = land_strata(units, dict.fromkeys(chips[40:140], DOUBTED) | dict.fromkeys(chips[:50], HELD))
    assert pd.Series(stratum).value_counts().to_dict() == {EMPTY: 860, DOUBTED: 90, HELD: 50}
    drawn = draw_land(units, stratum, 100, 0)["stratum"].value_counts()
    assert drawn[DOUBTED] / 90 > drawn[EMPTY] / 860
    assert draw_land(units, stratum, 0, 0).empty


def decided(rows: list[tuple]) -> gpd.GeoDataFrame:
    columns = ["window", "what", "decision", "disputed", "geometry"]
    table = pd.DataFrame(rows, columns=columns).assign(type="", who="", when="", source="")
    return gpd.GeoDataFrame(table, geometry="geometry", crs=4326)


def test_reviews_speak_of_the_kiln_at_the_box_and_of_what_they_left_unmarked():
    windows = [Window(EPSG, 4400 + k, 19_500) for k in range(5)]
    middles = [window.middle.centroid for window in windows]
    at = [(m.x, m.y) for m in middles]
    table = gpd.GeoDataFrame(geometry=middles, crs=4326)
    names = [window.name for window in windows]
    near = [shapely.Point(x, y + 0.0001).buffer(0.0002) for x, y in at]
    rows = [
        (names[0], "box", "kiln", False, near[0]),
        (names[1], "box", "not-kiln", False, near[1]),
        (names[2], "window", "not-kiln", False, windows[2].middle),
        (names[3], "window", "unsure", False, windows[3].middle),
        (names[4], "box", "kiln", True, near[4]),
    ]
    assert judged(table, decided(rows)).tolist()[:3] == [1, 0, 0]
    assert np.isnan(judged(table, decided(rows))[3:]).all()
    assert np.isnan(judged(table, None)).all()


def test_kilns_answered_for_in_a_review_stand_for_themselves_only():
    table = kilns(4)
    ids = table["id"].tolist()
    said = np.array([np.nan, 1.0, np.nan, 0.0])
    told = with_answers(table, 0.48, {ids[0]: 0, ids[2]: None, ids[3]: 1}, said)
    assert told["found"].tolist()[:2] == [0, 1] and told["found"].tolist()[3] == 1
    assert told["found"].isna().tolist() == [False, False, True, False]
    assert (told["stratum"] == REVIEWED).tolist() == [False, True, False, True]


def test_a_review_of_the_doubtful_does_not_pull_the_estimate_down():
    table = kilns(1000)
    truth = np.arange(1000) >= 100
    said = np.where(truth, np.nan, 0.0)  # a review asked for the doubtful, and all were none
    for answered in (True, False):
        values = []
        for seed in range(20):
            drawn = np.random.default_rng(seed).choice(1000, 200, replace=False)
            answers = {table["id"][k]: int(truth[k]) if answered or truth[k] else None for k in drawn}
            frame = with_answers(table, 0.48, answers, said).assign(kind=KILNS)
            values.append(total(parts_of(frame)[""]).value)
        assert values == pytest.approx([900] * 20)


def test_a_group_without_a_sample_of_a_stratum_does_not_take_reviewed_kilns_for_one():
    rows = [("a", 1.0)] * 3 + [("a", np.nan)] * 3 + [("b", np.nan)] * 4 + [(REVIEWED, 0.0)] * 10
    frame = pd.DataFrame(rows, columns=["stratum", "found"]).assign(kind=KILNS, type="FCBK")
    told = groups(frame, "type", 20, 30, 1.0)[0]
    assert told["confirmed"]["value"] == 10 and told["precision"]["value"] == 0.5
    unknown = groups(frame[frame["stratum"] != "a"], "type", 20, 30, 1.0)[0]
    assert unknown["precision"]["value"] is None


def test_every_chip_has_a_stratum_and_the_tile_that_owns_it(tmp_path: Path):
    columns = {"epsg": EPSG, "j": 19_500, "score": [0.0, 0.1, 0.9, 0.9], "hint": [0, 0.5, 0.9, 0.9]}
    one = pd.DataFrame({**columns, "i": [4400, 4401, 4402, 4403], "own": [True, True, True, False]})
    two = one.assign(own=[False, False, False, True], score=[0.0, 0.0, 0.0, 0.2])
    for name, table in (("one", one), ("two", two)):
        table.to_parquet(tmp_path / f"{name}.parquet")
    paths = {name: str(tmp_path / f"{name}.parquet") for name in ("one", "two")}
    (units,) = owned_units(paths)
    assert units["tile"].tolist() == ["one", "one", "one", "two"]
    assert units["score"].tolist() == [0, 0.1, 0.9, 0.9]
    assert [table["tile"].unique().tolist() for table in owned_units(paths, most=2)] == [["one"], ["two"]]
    middle = Window(EPSG, 4402, 19_500).middle.centroid
    own = gpd.GeoDataFrame(
        {"lon": [middle.x + 0.0001], "lat": [middle.y + 0.0001], "tile": "one"}, geometry=[middle], crs=4326
    )
    boxes = own.rename(columns={"tile": "owner"}).assign(keeper=True, kiln="x")
    held = held_chips(own, boxes, {"one": EPSG, "two": EPSG})
    chips = with_strata(units, 0.5, held)
    assert chips["kind"].tolist() == [REJECTED, REJECTED, ACQUIRED, ACQUIRED]
    assert chips["stratum"].tolist()[2:] == [HELD, EMPTY]
    assert acquired_units(paths, 0.5, held)["i"].tolist() == [4402, 4403]
    assert company_of(own, {"one": EPSG}) == company_of(own[:0], {}) == 1
    land_ = land_units(chips, {(EPSG, 4400, 19_500): 2, (EPSG, 4401, 19_500): None})
    assert land_["found"][0] == 2
    assert land_["found"].isna().sum() == 3
    assert np.allclose(land_["lat"], middle.y, atol=0.01)


def test_a_tally_of_tallies_is_that_of_all_units():
    units = frame((REJECTED, "a", 900, [0, 2] * 40, "x"), (REJECTED, "a", 100, [0] * 3, "y"), (KILNS, "b", 4, [1], "x"))
    keys = ["kind", "stratum", "at"]
    some = [tally(units[units.index % 3 == part], keys) for part in range(3)]
    whole = tally(pd.concat(some), keys)
    pd.testing.assert_frame_equal(whole, tally(units, keys))
    assert parts_of(whole, "at") == parts_of(units, "at")
    assert parts_of(whole)[""] == parts_of(units)[""]
    assert parts_of(units[:0]) == {}


def test_seasons_are_the_quarters_of_most_scenes():
    coverage = pd.DataFrame({"tile": list("abc"), "dates": ["2024-12-01, 2024-01-03, 2024-04-01", "", "2024-06-11"]})
    assert seasons(coverage) == {"a": "Dec-Feb", "b": "unknown", "c": "Jun-Aug"}


def test_land_cover_comes_from_rasters_and_polygons(tmp_path: Path):
    raster = tmp_path / "cover.tif"
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": 2,
        "width": 2,
        "crs": "EPSG:4326",
        "nodata": 0,
    }
    with rasterio.open(raster, "w", transform=Affine(1, 0, 77, 0, -1, 29), **profile) as target:
        target.write(np.array([[[10, 40], [0, 50]]], np.uint8))
    config = LandCover(path=str(raster), classes={10: "trees", 40: "cropland"})
    lon, lat = np.array([77.5, 78.5, 77.5, 78.5, 10]), np.array([28.5, 28.5, 27.5, 27.5, 10])
    assert cover_at(lon, lat, config).tolist() == ["trees", "cropland", "unknown", "50", "unknown"]
    polygons = tmp_path / "cover.geojson"
    gpd.GeoDataFrame({"name": ["<field>"]}, geometry=[shapely.box(77, 28, 78, 29)], crs=4326).to_file(polygons)
    assert cover_at(lon[:2], lat[:2], LandCover(path=str(polygons), column="name")).tolist() == [
        "\u2039field\u203a",
        "unknown",
    ]
    with pytest.raises(VectorError, match="no column"):
        cover_at(lon, lat, LandCover(path=str(polygons), column="other"))
    with pytest.raises(VectorError, match="matches no file"):
        cover_at(lon, lat, LandCover(path=str(tmp_path / "*.gpkg")))
    (tmp_path / "bad.tif").write_text("no raster")
    with pytest.raises(VectorError, match="cannot be read"):
        cover_at(lon, lat, LandCover(path=str(tmp_path / "bad.tif")))


def test_land_cover_is_read_wherever_places_lie_in_a_raster_of_many_blocks(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(1, 90, (700, 1100)).astype(np.uint8)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 700, "width": 1100, "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "cover.tif", "w", transform=Affine(0.01, 0, 77, 0, -0.01, 29), **profile) as target:
        target.write(pixels, 1)
    row, column = np.random.default_rng(1).integers(0, [[700], [1100]], (2, 500))
    row[:2], column[:2] = (0, 699), (0, 1099)
    lon, lat = 77 + 0.01 * (column + 0.5), 29 - 0.01 * (row + 0.5)
    told = cover_at(lon, lat, LandCover(path=str(tmp_path / "cover.tif")))
    assert told.tolist() == [str(value) for value in pixels[row, column]]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("k1,2", "write 0 to 1"),
        ("k1,-1", "no number of kilns"),
        ("k9,1", "no kiln or chip of this sample"),
        ("k1,1\nk1,1", "twice"),
    ],
)
def test_answers_that_are_none_are_named(tmp_path: Path, line: str, problem: str):
    (tmp_path / "check.csv").write_text(f"id,kilns\n{line}\n")
    with pytest.raises(VectorError, match=problem):
        read_filled(tmp_path / "check.csv", {"k1": 1}, "estimate", "kiln or chip")


def test_answers_that_nobody_gave_are_said_to_be_none(tmp_path: Path):
    for text, problem in (("", "is empty"), ("id,kilns\n", "holds no answer"), ("id,kilns\nk1,\n", "holds no answer")):
        (tmp_path / "check.csv").write_text(text)
        with pytest.raises(VectorError, match=problem):
            read_filled(tmp_path / "check.csv", {"k1": 1}, "estimate", "kiln or chip")
    (tmp_path / "check.csv").write_text("id,kilns\n")
    assert read_filled(tmp_path / "check.csv", {}, "estimate", "kiln or chip") == []


@pytest.mark.parametrize("by_whom", ["detector", "person"])
def test_words_name_the_level_of_the_intervals_and_who_judged_rejected_land(by_whom: str):
    record = {"region": estimate([listed(100, 50, 45), land(5000, 500)]), "rejected_land_looked_at_by": by_whom}
    said = in_words(record | {"areas_by_basis": {MODEL: 1}})
    assert said.splitlines()[0].endswith("the atlas has 100; brackets hold 95 % intervals")
    assert ("judged by the detector" in said, "was judged by people" in said) == (
        by_whom == "detector",
        by_whom == "person",
    )


def test_answers_may_be_incomplete(tmp_path: Path):
    (tmp_path / "check.csv").write_text("id,kilns\nk2,3\nk1,\n")
    assert read_filled(tmp_path / "check.csv", {"k1": 1, "k2": 20}, "estimate", "kiln or chip") == [None, 3]
