"""Change: a kiln keeps its id, and is new or gone only where the other run looked, saw clearly, and saw nothing."""

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

from kilnscan.change import STATUS, expected_misses, find_change
from kilnscan.change_report import write_report
from kilnscan.config import load_config
from kilnscan.config_change import Change, EarlierAtlas
from kilnscan.earlier_atlases import read_beside, read_kilns
from kilnscan.errors import ConfigError, VectorError
from kilnscan.geopackage import WORDS
from kilnscan.grid import tiles_of, to_crs, transformer
from kilnscan.identity import keep_names, known_kilns, metres_between, names_for, nearest_pairs, same_kilns
from kilnscan.landscape import plan_landscape
from kilnscan.landscape.kilns import spacing
from kilnscan.looked import Looked, unseen_land
from kilnscan.styles import CHANGES

UTM = 32645
AREA = to_crs(shapely.box(448_000, 2_098_000, 452_000, 2_102_000), UTM, 4326)
TILES = tiles_of(AREA, 10)
CONFIG = Change(season="2025", earlier=[{"path": "a.parquet", "season": "2024"}])
THRICE = Change(season="2025", earlier=[{"path": f"{n}.parquet", "season": f"{n}"} for n in (2022, 2023, 2024)])
HERE = [(450_100, 2_100_100), (450_300, 2_100_100), (451_000, 2_100_900)]


def lonlat(places):
    return transformer(UTM, 4326).transform(*np.array(places, float).reshape(-1, 2).T)


def atlas(places, names=None, kind="FCBK", score=0.9, day="2024-03-01"):
    """The kilns of an atlas at UTM places."""
    lon, lat = map(np.asarray, lonlat(places))
    names = names or [f"k{number}" for number in range(len(lon))]
    days = {"first_seen": day, "last_seen": day}
    kinds = [kind] * len(lon) if isinstance(kind, str) else kind
    return pd.DataFrame({"id": names, "lon": lon, "lat": lat, "type": kinds, "score": score} | days).astype(
        {"id": "str"}
    )


def points(places, **columns):
    lon, lat = lonlat(places)
    return gpd.GeoDataFrame(columns, geometry=shapely.points(lon, lat), crs=4326)


def looked(season, day="2024-03-01", **tables):
    """A run that looked at the whole area and saw all of it."""
    coverage = gpd.GeoDataFrame({"status": ["ok"], "dates": [day]}, geometry=[AREA], crs=4326)
    tables = {"coverage": coverage, "unseen": gpd.GeoDataFrame(geometry=[], crs=4326)} | tables
    return Looked(season, {name: table for name, table in tables.items() if table is not None})


def changed(now, before, ours=None, theirs=None, config=CONFIG, **settings):
    """The table of change by id, kilns of now being named as the atlas names them."""
    atlases = before if isinstance(before, list) else [before]
    ours = ours or looked("2025", "2025-03-01")
    theirs = theirs or [looked(entry.season) for entry in config.earlier]
    theirs = theirs if isinstance(theirs, list) else [theirs]
    detections = pd.DataFrame({"kiln": now["id"]})
    kilns, _ = keep_names(now, detections, known_kilns(atlases, config), len(atlases), config)
    table, sums = find_change(kilns, atlases, ours, theirs, TILES, config, settings.get("min_score", 0.48))
    assert table["id"].is_unique and sum(sums["counts"].values()) == len(table)
    assert (table["reason"] != "").to_numpy()[(table["status"] != "persisting").to_numpy()].all(), "each has a reason"
    return table.set_index("id"), sums


# which kiln is which


def test_pairs_are_one_to_one_and_as_a_whole_the_nearest_as_trying_all_shows():
    rng = np.random.default_rng(0)
    for _ in range(40):
        now, before = (lonlat(np.add((450_000, 2_100_000), rng.uniform(0, 110, (rng.integers(1, 5), 2)))) for _ in "ab")
        mine, theirs = nearest_pairs(now, before, 50)
        assert len(set(mine)) == len(mine) and len(set(theirs)) == len(theirs)

        def cost(pairs, now=now, before=before):
            a, b = (np.array(side, int) for side in zip(*pairs, strict=True)) if pairs else (np.array([], int),) * 2
            metres = metres_between((now[0][a], now[1][a]), (before[0][b], before[1][b]))
            return np.inf if (metres >= 50).any() else (metres**2).sum() - 2500 * len(pairs)

        n, m = len(now[0]), len(before[0])
        every = (
            list(zip(rows, columns, strict=True))
            for size in range(min(n, m) + 1)
            for rows in itertools.combinations(range(n), size)
            for columns in itertools.permutations(range(m), size)
        )
        assert cost(list(zip(mine, theirs, strict=True))) == pytest.approx(min(map(cost, every)), abs=1e-3)


def test_the_order_of_the_rows_changes_nothing():
    rng = np.random.default_rng(1)
    earlier = np.add((450_000, 2_100_000), rng.uniform(0, 900, (60, 2)))
    later = earlier + rng.normal(0, 15, earlier.shape)
    first = changed(atlas(later), atlas(earlier))[0]
    for _ in range(3):
        a, b = atlas(later).sample(frac=1, random_state=2), atlas(earlier).sample(frac=1, random_state=3)
        shuffled = changed(a.reset_index(drop=True), b.reset_index(drop=True))[0]
        pd.testing.assert_frame_equal(pd.DataFrame(shuffled), pd.DataFrame(first))


def test_a_row_of_kilns_shifted_as_a_whole_matches_in_its_order():
    row = [(450_000 + 70 * n, 2_100_000) for n in range(8)]
    mine, theirs = nearest_pairs(lonlat([(x + 36, y) for x, y in row]), lonlat(row), 50)  # 34 m to the next
    assert mine.tolist() == theirs.tolist() == list(range(8))


def test_kilns_of_a_dense_cluster_keep_their_ids_though_boxes_wander():
    rng = np.random.default_rng(4)
    cluster = [(450_000 + 80 * column, 2_100_000 + 80 * row) for column in range(6) for row in range(6)]
    wandered = np.array(cluster) + rng.uniform(-25, 25, (36, 2))
    table, _ = changed(atlas(wandered, [f"n{k}" for k in range(36)]), atlas(cluster))
    assert set(table["status"]) == {"persisting"} and set(table.index) == {f"k{k}" for k in range(36)}


def test_two_kilns_of_now_near_one_of_before_are_not_both_the_same():
    table, _ = changed(atlas([(450_110, 2_100_100), (450_080, 2_100_100)], ["a", "b"]), atlas(HERE[:1]))
    assert table["status"].to_dict() == {"k0": "persisting", "b": "new"}


def test_matching_works_across_the_antimeridian():
    now, before = (np.array([-179.9999]), np.array([10.0])), (np.array([179.9999]), np.array([10.0]))
    (mine, theirs), metres = same_kilns(now, before, np.array([True]), CONFIG)
    assert mine.tolist() == theirs.tolist() == [0] and metres[0] == pytest.approx(21.9, abs=0.1)


def test_a_kiln_moves_only_where_nothing_else_can_be_meant():
    alone = changed(atlas([(450_200, 2_100_100)], ["n"], day="2025-03-01"), atlas(HERE[:1]))[0]
    assert alone["status"].to_dict() == {"k0": "moved"} and alone["moved_m"]["k0"] == pytest.approx(100, abs=0.1)
    assert alone["type_before"]["k0"] == "FCBK"
    with_neighbour = changed(atlas([(450_200, 2_100_100), (450_310, 2_100_100)], ["n", "m"]), atlas(HERE[:2]))[0]
    assert with_neighbour["status"].to_dict() == {"k0": "gone", "k1": "persisting", "n": "new"}
    far = changed(atlas([(450_260, 2_100_100)], ["n"]), atlas(HERE[:1]))[0]
    assert far["status"].to_dict() == {"k0": "gone", "n": "new"}
    never = CONFIG.model_copy(update={"moved_m": 0})
    assert set(changed(atlas([(450_200, 2_100_100)], ["n"]), atlas(HERE[:1]), config=never)[0]["status"]) == {
        "gone",
        "new",
    }


def test_a_move_without_a_newer_image_is_uncertain_for_it_is_the_models_that_differ():
    table = changed(atlas([(450_200, 2_100_100)], ["n"]), atlas(HERE[:1]))[0]
    assert table["status"].to_dict() == {"k0": "uncertain"} and "no image is newer" in table["reason"]["k0"]


def test_a_name_that_a_moved_kiln_took_along_is_not_given_again():
    names = names_for(pd.Series(["a", "a", "b", "c"]), np.array([3]), pd.Series(["x"]), pd.Series(["a", "x", "a-2"]))
    assert names == ["a-3", "a-4", "b", "x"]


def test_ids_and_first_days_are_carried_through_seasons_that_missed_the_kiln():
    seasons = [
        atlas(HERE, ["old0", "old1", "old2"], day="2022-03-01"),
        atlas([(450_108, 2_100_103)], ["mid0"], day="2023-03-01"),
        atlas([(450_112, 2_100_100), (450_300, 2_100_096)], ["late0", "late1"], day="2024-03-01"),
    ]
    known = known_kilns(seasons, THRICE).set_index("id")
    assert known["season"].to_dict() == {"old0": 2, "old1": 2, "old2": 0}
    assert set(known["first_seen"]) == {"2022-03-01"} and known["last_seen"]["old0"] == "2024-03-01"
    table, _ = changed(atlas([HERE[0], HERE[2]], ["x", "y"], day="2025-03-01"), seasons, config=THRICE)
    assert table["status"].to_dict() == {"old0": "persisting", "old1": "gone", "old2": "persisting"}
    assert table["reason"]["old2"] == "not found in 2024"
    assert table["first_seen"]["old2"] == "2022-03-01" and table["last_seen"]["old2"] == "2025-03-01"
    assert table["last_seen"]["old1"] == "2024-03-01" and table["last_found"]["old1"] == "2024"


def test_kilns_and_detections_of_the_atlas_take_over_ids_and_first_days_but_not_the_day_of_another_place():
    before = atlas([HERE[0], HERE[2]], ["stays", "moves"], day="2023-01-05")
    now = atlas([HERE[0], (451_100, 2_100_900)], ["b", "a"], day="2025-01-05")
    kilns, detections = keep_names(
        now, pd.DataFrame({"kiln": ["a", "", "b"]}), known_kilns([before], CONFIG), 1, CONFIG
    )
    assert kilns["id"].tolist() == ["moves", "stays"] and detections["kiln"].tolist() == ["moves", "", "stays"]
    assert kilns["first_seen"].tolist() == ["2025-01-05", "2023-01-05"]


# what became of it


def test_a_kiln_that_moved_between_earlier_atlases_is_first_seen_where_it_stands():
    there = (HERE[0][0] + 100, HERE[0][1])
    atlases = [atlas([HERE[0]], day="2022-03-01"), atlas([there], day="2023-03-01")]
    known = known_kilns(atlases, CONFIG)
    assert known["first_seen"].tolist() == ["2023-03-01"] and known["id"].tolist() == ["k0"]
    still = known_kilns([*atlases, atlas([there], day="2024-03-01")], CONFIG)
    assert still["first_seen"].tolist() == ["2023-03-01"] and still["last_seen"].tolist() == ["2024-03-01"]


def test_what_both_have_persists_and_another_type_is_told():
    now = atlas(HERE, ["a", "b", "c"], kind=["FCBK", "zigzag", ""], day="2025-03-01")
    table, sums = changed(now, atlas(HERE))
    assert table["status"].tolist() == ["persisting", "changed type", "persisting"]
    assert table["reason"]["k1"] == "it was FCBK in 2024"
    assert sums["counts"] == dict.fromkeys(STATUS, 0) | {"persisting": 2, "changed type": 1}
    assert sums["seen_both_share"] == 1


def test_the_same_images_change_nothing_in_the_land():
    again = looked("2025", "2024-03-01")
    table, _ = changed(atlas([*HERE[:1], (451_500, 2_101_000)], ["a", "b"]), atlas(HERE[:2]), again)
    assert table["status"].to_dict() == {"k0": "persisting", "k1": "uncertain", "b": "uncertain"}
    assert table["reason"]["k0"] == "no image is newer than those of 2024"
    assert set(table["reason"][["k1", "b"]]) == {
        "no image is newer than those of 2024, so it is the models that differ"
    }


def cloudy(season):
    return looked(season, coverage=gpd.GeoDataFrame({"status": ["cloudy"]}, geometry=[AREA], crs=4326))


def hidden(season, places=HERE):
    return looked(season, unseen=points(places).assign(geometry=lambda table: table.buffer(0.0005)))


def small(season, of):
    return looked(season, coverage=gpd.GeoDataFrame({"status": ["ok"]}, geometry=[of], crs=4326))


def weak(season, score=0.4):
    place = points(HERE[:1], kiln=[""], keeper=[True], place_score=[score])
    return looked(season, "2025-03-01" if season == "2025" else "2024-03-01", detections=place)


def unbought(season):
    acquired = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    return looked(season, candidates=points(HERE[:1]), acquired=acquired)


def gaps(season):
    coverage = gpd.GeoDataFrame({"status": ["ok"], "clear_share": [0.9]}, geometry=[AREA], crs=4326)
    return looked(season, coverage=coverage, unseen=None)


ELSEWHERE = shapely.box(0, 0, 1, 1)
SILENT = {
    "the tile was cloudy in {}": cloudy,
    "not seen clearly in {}": hidden,
    "outside the area of {}": lambda season: small(season, ELSEWHERE),
    "it is not known what {} looked at": lambda season: Looked(season),
    "no close imagery in {}": unbought,
}


@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
@pytest.mark.parametrize("reason", SILENT)
def test_a_kiln_is_gone_only_where_this_run_looked(reason):
    table, _ = changed(atlas([]), atlas(HERE[:1]), SILENT[reason]("2025"))
    assert table.loc["k0", ["status", "reason"]].tolist() == ["uncertain", reason.format("2025")]
    assert changed(atlas([]), atlas(HERE[:1]))[0]["status"].tolist() == ["gone"]


@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
@pytest.mark.parametrize("reason", SILENT)
def test_a_kiln_is_new_only_where_an_earlier_run_looked(reason):
    table, _ = changed(atlas(HERE[:1]), atlas([]), theirs=SILENT[reason]("2024"))
    assert table.loc["k0", ["status", "reason"]].tolist() == ["uncertain", reason.format("2024")]
    table, _ = changed(atlas(HERE[:1]), atlas([]))
    assert table.loc["k0", ["status", "reason"]].tolist() == ["new", "2024 looked there and saw none"]


def test_of_several_earlier_runs_the_last_that_looked_decides():
    theirs = [looked("2022"), looked("2023"), cloudy("2024")]
    table, _ = changed(atlas(HERE[:1]), [atlas([])] * 3, theirs=theirs, config=THRICE)
    assert table.loc["k0", ["status", "reason"]].tolist() == ["new", "2023 looked there and saw none"]
    blind = [cloudy(season) for season in ("2022", "2023", "2024")]
    table, _ = changed(atlas(HERE[:1]), [atlas([])] * 3, theirs=blind, config=THRICE)
    assert table.loc["k0", ["status", "reason"]].tolist() == ["uncertain", "the tile was cloudy in 2024"]


def test_a_tile_with_gaps_says_nothing_if_nobody_knows_where_they_are():
    assert changed(atlas(HERE[:1]), atlas([]), theirs=gaps("2024"))[0]["status"].tolist() == ["uncertain"]


def test_a_box_just_below_the_threshold_speaks_against_new_and_gone():
    gone, _ = changed(atlas([]), atlas(HERE[:1]), weak("2025"))
    assert gone.loc["k0", ["status", "reason"]].tolist() == ["uncertain", "a box there still scores 0.40"]
    new, _ = changed(atlas(HERE[:1]), atlas([]), theirs=weak("2024"))
    assert new.loc["k0", ["status", "reason"]].tolist() == ["uncertain", "2024 had a box there that scored 0.40"]
    assert changed(atlas([]), atlas(HERE[:1]), weak("2025", 0.37))[0]["status"].tolist() == ["gone"]


def test_a_kiln_that_scores_little_is_neither_new_nor_gone():
    new, _ = changed(atlas(HERE[:1], score=0.57), atlas([]))
    assert new.loc["k0", ["status", "reason"]].tolist() == ["uncertain", "it scores only 0.57"]
    gone, _ = changed(atlas([]), atlas(HERE[:1], score=0.57))
    assert gone["reason"].tolist() == ["it may never have been one: it scored only 0.57"]
    assert changed(atlas([]), atlas(HERE[:1], score=np.nan))[0]["status"].tolist() == ["gone"], "no score, no doubt"


def test_earlier_kilns_outside_the_region_are_counted_and_left_out():
    table, sums = changed(atlas(HERE[:1]), atlas([*HERE[:1], (470_000, 2_100_000)]))
    assert table.index.tolist() == ["k0"] and sums["outside_region"] == 1


def test_nothing_before_and_nothing_now_is_a_valid_empty_table():
    table, sums = changed(atlas([]), atlas([]))
    assert table.empty and table.crs.to_epsg() == 4326 and set(sums["counts"].values()) == {0}


def test_the_land_that_both_saw_is_told():
    half = to_crs(shapely.box(448_000, 2_098_000, 450_000, 2_102_000), UTM, 4326)
    _, sums = changed(atlas(HERE), atlas(HERE), theirs=small("2024", half))
    assert sums["seen_both_share"] == pytest.approx(0.5, abs=0.001) and sums["region_km2"] == pytest.approx(
        16, rel=0.01
    )
    _, sums = changed(atlas(HERE), atlas(HERE), theirs=Looked("2024"))
    assert sums["seen_both_km2"] is None


def test_land_without_a_clear_look_is_found_in_the_small_pictures(tmp_path):
    tile = TILES[0]
    left, bottom, _, top = tile.read_bounds(400)
    pixels = np.ones((3, round((top - bottom) / 40), 100), np.uint16)
    pixels[:, 30:40, 20:30] = 0
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "height": pixels.shape[1], "width": 100}
    path = tmp_path / "quicklook.tif"
    with rasterio.open(path, "w", **profile, crs=f"EPSG:{UTM}", transform=Affine(40, 0, left, 0, -40, top)) as target:
        target.write(pixels)
    seen = {one.id: {"clear": 1.0} for one in TILES} | {tile.id: {"clear": 0.98}}
    unseen = unseen_land(TILES, seen, {one.id: str(path) for one in TILES})
    assert unseen["tile"].tolist() == [tile.id]
    assert unseen.to_crs(UTM).area.sum() == pytest.approx(400 * 400, rel=1e-3)
    middle = lonlat([(left + 1000, top - 1400), (left + 1500, top - 1400)])
    look = looked("2025", unseen=unseen)
    assert look.why_not(*middle, 50).tolist() == ["not seen clearly in 2025", ""]


def test_misses_that_a_recall_makes_probable_are_told():
    sums = {"counts": dict.fromkeys(STATUS, 0) | {"persisting": 80, "moved": 5, "changed type": 5, "gone": 12}}
    assert expected_misses(sums, 0.9) == 10 and expected_misses(sums, 1.0) == 0
    assert expected_misses(sums, None) is None and expected_misses(sums, 0.0) is None


# what others bring


def test_a_run_is_read_with_what_lies_beside_it(tmp_path):
    place = points(HERE, id=["a", "b", "c"], type=["FCBK"] * 3, score=[0.9] * 3)
    place.to_parquet(tmp_path / "kilns.parquet")
    gpd.GeoDataFrame({"status": ["ok"]}, geometry=[AREA], crs=4326).to_parquet(tmp_path / "coverage.parquet")
    earlier = EarlierAtlas(path=str(tmp_path / "kilns.parquet"), season="2024")
    assert set(earlier.files) == {"kilns", "coverage"}
    assert read_kilns(earlier)["id"].tolist() == ["a", "b", "c"] and set(read_beside(earlier)) == {"coverage"}


def test_a_published_geopackage_is_an_earlier_atlas_with_its_coverage(tmp_path):
    path = tmp_path / "kilns.gpkg"
    points(HERE, id=["a", "b", "c"]).to_file(path, layer="kilns")
    gpd.GeoDataFrame({"status": ["ok"]}, geometry=[AREA], crs=4326).to_file(path, layer="coverage")
    earlier = EarlierAtlas(path=str(path), season="2024")
    assert len(read_kilns(earlier)) == 3 and list(read_beside(earlier)) == ["coverage"]


@pytest.mark.parametrize("wrong", ["mostly", "nan", "1,5", 1.5, -0.1, float("inf"), "\x1b[2J"])
@pytest.mark.parametrize(("table", "column"), [("coverage", "clear_share"), ("detections", "place_score")])
def test_what_is_no_share_in_a_strangers_table_is_told_with_its_row(tmp_path, table, column, wrong):
    points(HERE, id=["a", "b", "c"]).to_parquet(tmp_path / "kilns.parquet")
    points(HERE, **{column: [None, *[type(wrong)(wrong)] * 2]}).to_parquet(tmp_path / f"{table}.parquet")
    with pytest.raises(VectorError, match=rf"{table}\.parquet has .* as {column} in row 2: write a number") as error:
        read_beside(EarlierAtlas(path=str(tmp_path / "kilns.parquet"), season="2024"))
    assert str(error.value).isprintable()


def test_shares_written_as_text_are_numbers_and_empty_ones_say_nothing(tmp_path):
    points(HERE, id=["a", "b", "c"]).to_parquet(tmp_path / "kilns.parquet")
    points(HERE, clear_share=["0.9", " ", None]).to_parquet(tmp_path / "coverage.parquet")
    read = read_beside(EarlierAtlas(path=str(tmp_path / "kilns.parquet"), season="2024"))
    assert read["coverage"]["clear_share"].tolist() == pytest.approx([0.9, np.nan, np.nan], nan_ok=True)


def test_an_inventory_of_strangers_is_not_trusted(tmp_path):
    path = tmp_path / "inventory.geojson"
    names = ["../../etc/passwd", "<script>", "7", "7", None, "a" * 65]
    places = [(450_000 + 400 * n, 2_100_000) for n in range(6)]
    about = {
        "score": [2.0, -1.0, 0.5, "x", None, float("inf")],
        "last_seen": ["yesterday", "2024-02-03T10:00", "2024-99-99", *["x"] * 3],
    }
    points(places, id=names, kiln_type=["<b>" * 30, "=1+1", *["FCBK"] * 4], **about).to_file(path)
    kilns = read_kilns(EarlierAtlas(path=str(path), season="2024")).sort_values("lon")
    assert kilns["id"].str.fullmatch(r"[A-Za-z0-9.-]{1,64}").all() and kilns["id"].is_unique and "7" in set(kilns["id"])
    assert kilns["score"].notna().sum() == 1 and kilns["type"].str.len().max() <= 40
    assert kilns["last_seen"].tolist()[:3] == ["", "2024-02-03", ""]
    assert "<" not in "".join(kilns["type"]) and kilns["type"].tolist()[1] == "'=1+1"


def test_files_that_cannot_be_used_are_named(tmp_path):
    broken = tmp_path / "kilns.parquet"
    broken.write_bytes(b"PAR1 not at all")
    lost = tmp_path / "lost.geojson"
    gpd.GeoDataFrame(geometry=[shapely.Point(28, 77), shapely.Point(28, 95)], crs=4326).to_file(lost)
    for path, says in ((broken, "cannot be read"), (lost, "1 kilns that are not between 80 S and 84 N")):
        with pytest.raises(VectorError, match=says):
            read_kilns(EarlierAtlas(path=str(path), season="2024"))


def test_seasons_have_names_of_their_own():
    raw = {"region": {"name": "here"}, "sentinel2": {"source": "mosaic", "path": "rgb.tif"}}
    twice = [{"path": "a.parquet", "season": "2024"}, {"path": "b.parquet", "season": "2024"}]
    for earlier, says in ((twice, "named twice"), ([], "at least 1"), ([{"path": "a", "season": "<b>"}], "season")):
        with pytest.raises(ConfigError, match=says):
            load_config(raw | {"change": {"earlier": earlier}})


# how it is told


def test_the_report_tells_every_change_and_escapes_what_strangers_wrote(tmp_path):
    before = atlas(HERE, kind=["<script>alert(1)</script>", "FCBK", "FCBK"])
    table, sums = changed(atlas([(451_500, 2_101_000)], ["n"]), before)
    path = tmp_path / "change.html"
    sums |= {"expected_misses": 7, "synthetic": True}
    write_report(path, table.reset_index(), sums, "<i>Here</i>")
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page and "<i>Here" not in page
    assert (
        "fails to find about\n7 of" in page
        and "2024 looked there and saw none" in page
        and "Gone (3)" in page
        and "New (1)" in page
    )
    assert "No kiln told of here exists" in page and "http" not in page.replace("http-equiv", "")


def test_every_status_has_a_symbol():
    assert set(CHANGES) == set(STATUS) and "change" in WORDS


def test_a_landscape_a_year_later_has_the_changes_it_tells_and_looks_the_same_elsewhere():
    first, later = plan_landscape(3, 9, 700), plan_landscape(3, 9, 700, later=True)
    status = pd.Series([changed.status for changed in later.changes]).value_counts().to_dict()
    assert status == {"persisting": 6, "new": 1, "gone": 1, "moved": 1, "changed type": 1}
    assert {c.before for c in later.changes if c.before} == set(first.kilns)
    assert {c.now for c in later.changes if c.now} == set(later.kilns) and spacing(later.kilns).min() >= 75
    quiet = next(c.now for c in later.changes if c.status == "persisting" and all(
        np.hypot(c.now.x - (o.now or o.before).x, c.now.y - (o.now or o.before).y) > 250
        for o in later.changes if o.status != "persisting"
    ))  # fmt: skip
    window = (round(2 * quiet.x) - 100, round(-2 * quiet.y) - 100, 200, 200)
    assert np.array_equal(first.patches.rasterise(*window), later.patches.rasterise(*window))
