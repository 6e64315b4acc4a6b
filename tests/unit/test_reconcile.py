"""Inventories side by side: each kiln once, whoever has it, in whatever order; and what all of them lack."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.stats import chi2, poisson

from kilnscan.capture import chao, chapman, doubts, estimate_missing, loglinear, odds_ratio
from kilnscan.config import load_config
from kilnscan.config_sure import Inventory
from kilnscan.dictionary import check_columns, inventory_columns
from kilnscan.errors import ConfigError, VectorError
from kilnscan.inventories import read_inventory, side_by_side
from kilnscan.inventory_words import in_words
from kilnscan.reconcile import agreement, disagreement, patterns, plain_type, reconcile, without_copies

M = 1 / 111_195  # degrees of latitude


def kilns(*places: tuple[float, float], types: str | list[str] = "", prefix: str = "k") -> pd.DataFrame:
    """Kilns at lon, lat."""
    lon, lat = np.array(places, float).reshape(-1, 2).T
    return pd.DataFrame({"id": [f"{prefix}{n}" for n in range(len(lon))], "lon": lon, "lat": lat, "type": types})


def test_each_place_is_one_row_that_says_who_has_it():
    lists = {
        "a": kilns((80, 25), (81, 25), types="fcbk"),
        "b": kilns((80, 25 + 20 * M), (82, 25), types=["zigzag", ""]),
        "c": kilns((80, 25 + 10 * M), types="fcbk"),
    }
    table = reconcile(lists, 50)
    assert len(table) == 3
    assert patterns(table, ["a", "b", "c"]) == {"a": 1, "a+b+c": 1, "b": 1}
    both = table[table["lists"] == 3].iloc[0]
    assert (both["types_agree"], both["type"], both["id_b"]) == ("no", "", "k0")
    assert both["spread_m"] == pytest.approx(20, abs=0.1)
    assert both["lat"] == pytest.approx(25 + 10 * M, abs=1e-6)
    assert table.loc[table["lists"] == 1, "spread_m"].isna().all()


def test_fifty_metres_are_the_border():
    for metres, places in ((49.9, 1), (50.1, 2)):
        assert len(reconcile({"a": kilns((80, 25)), "b": kilns((80, 25 + metres * M))}, 50)) == places


def test_nobody_is_matched_twice_and_the_nearest_goes_first():
    lists = {"a": kilns((80, 25)), "b": kilns((80, 25 + 30 * M), (80, 25 - 10 * M))}
    table = reconcile(lists, 50)
    assert table.loc[table["in_a"], "id_b"].tolist() == ["k1"]
    assert len(table) == 2


def test_a_chain_of_lists_is_not_one_place():
    lists = {"a": kilns((80, 25)), "b": kilns((80, 25 + 40 * M)), "c": kilns((80, 25 + 85 * M))}
    table = reconcile(lists, 50)
    assert patterns(table, ["a", "b", "c"]) == {"a+b": 1, "c": 1}
    assert table["spread_m"].max() <= 50


def crowd(seed: int, names: str = "abcd") -> dict[str, pd.DataFrame]:
    """Lists that saw 60 kilns, some of them neighbours, a few metres off."""
    rng = np.random.default_rng(seed)
    true = 80 + rng.uniform(0, 0.01, (60, 2)) - [0, 55]
    seen = {name: true[rng.random(60) < 0.7] for name in names}
    return {name: kilns(*(some + rng.normal(0, 15 * M, some.shape)), prefix=name) for name, some in seen.items()}


def test_neither_the_order_of_rows_nor_of_lists_nor_their_names_matter():
    lists = crowd(3)
    table = reconcile(lists, 50)
    turned = {name: lists[name].iloc[::-1].reset_index(drop=True) for name in reversed(lists)}
    pd.testing.assert_frame_equal(table, reconcile(turned, 50))
    other = dict(zip("dcba", lists.values(), strict=True))
    assert reconcile(other, 50)[["id", "lists", "spread_m"]].equals(table[["id", "lists", "spread_m"]])
    for name, some in lists.items():
        assert sorted(table.loc[table[f"in_{name}"], f"id_{name}"]) == sorted(some["id"])


def test_places_across_the_antimeridian_and_at_a_pole_are_one():
    table = reconcile({"a": kilns((180 - 5e-5, 0)), "b": kilns((-180 + 5e-5, 0))}, 50)
    assert len(table) == 1
    assert abs(table["lon"].iloc[0]) == pytest.approx(180)
    cells = disagreement(table, ["a", "b"], 10)
    assert cells.total_bounds[2] - cells.total_bounds[0] < 1


def test_copies_within_a_list_are_one_kiln():
    labels = kilns((80, 25), (80, 25 + 10 * M), (80, 25 + 100 * M), (179.99999, 10), (-179.99999, 10))
    once = without_copies(labels, 40)
    assert len(once) == 3
    pd.testing.assert_frame_equal(once, without_copies(labels.iloc[::-1], 40))
    assert without_copies(labels[:0], 40).empty


def test_lists_may_be_empty():
    table = reconcile({"a": kilns(), "b": kilns((80, 25))}, 50)
    assert (len(table), table["in_a"].any()) == (1, False)
    assert len(disagreement(reconcile({"a": kilns(), "b": kilns()}, 50), ["a", "b"], 10)) == 0


def test_agreement_tells_shares_distance_shift_and_types():
    lists = {"a": kilns((80, 25), (81, 25), types=["fcbk", ""]), "b": kilns((80, 25 + 30 * M), types="fcbk")}
    told = agreement(reconcile(lists, 50), lists)[0]
    assert (told["both"], told["only_a"], told["only_b"], told["jaccard"]) == (1, 1, 0, 0.5)
    assert told["distance_m"] == pytest.approx(30, abs=0.1)
    assert told["shift_m"] == pytest.approx([0, 30], abs=0.1)
    assert told["same_type"] == [1, 1]
    assert plain_type("Zig-Zag ") == plain_type("zigzag")


def test_cells_count_what_all_some_and_one_list_have():
    lists = {name: kilns((80.01, 25.01)) for name in "ab"} | {"c": kilns((80.01, 25.01), (80.011, 25.011), (85, 25))}
    lists["b"] = pd.concat([lists["b"], kilns((80.011, 25.011), prefix="x")])
    cells = disagreement(reconcile(lists, 50), ["a", "b", "c"], 10)
    near = cells[cells["places"] == 2].iloc[0]
    assert (near["all"], near["some"], near["one"], near["agreed"], near["c_kilns"]) == (1, 1, 0, 0.5, 2)
    assert near.geometry.contains(shapely.Point(80.01, 25.01))
    assert cells["places"].sum() == 3


def test_chapmans_estimate_is_that_of_the_textbook():
    told = chapman(200, 150, 50)  # Chapman: (201 * 151 / 51) - 1
    assert told.value == pytest.approx(594.118, abs=0.001)
    assert 300 < told.low < told.value < told.high
    assert chapman(10, 10, 0) is None
    same = chapman(10, 10, 10)
    assert (same.value, same.low, same.high) == (10, 10, 15)  # 10 / 0.025**0.1 is 14.5


def test_lists_that_share_positions_to_the_metre_are_called_copies():
    lists = {name: kilns(*((80 + k / 100, 25) for k in range(20))) for name in "ab"}
    table = reconcile(lists, 50)
    had, pairs = np.ones((20, 2), bool), agreement(table, lists)
    assert any("one was made from the other" in sentence for sentence in doubts(had, ["a", "b"], pairs))
    low, high, *_ = doubts(had, ["a", "b"], [])
    assert "too low" in low and "too high" in high


def test_chaos_bound_needs_three_lists_and_grows_with_places_seen_once():
    assert chao(np.array([1, 2]), 2) is None
    told = chao(np.repeat([1, 2, 3], [30, 10, 60]), 3)
    assert told.value == pytest.approx(100 + 2 / 3 * 30 * 29 / 22)
    lower = chao(np.repeat([1, 2, 3], [30, 10, 60]), 3).low
    assert lower == int(lower) > 100  # whole kilns


def test_chaos_bound_has_a_width_also_where_hardly_any_place_was_seen_once():
    never, once = (chao(np.repeat([1, 2, 3], [times, 0, 60]), 3) for times in (0, 1))
    assert (never.value, never.low, once.value, once.low) == (60, 60, 61, 61)
    most = 2 / 3 * (chi2.ppf(0.975, 2) / 2) ** 2 / 2  # unseen, were the places seen once at their upper limit
    assert never.high == 60 + poisson.ppf(0.975, most) == 69
    assert once.high > never.high + 1
    assert chao(np.repeat([1, 2, 3], [0, 40, 60]), 3).high < 60 + 40 + 2  # seen twice often and once never: all seen
    assert chao(np.array([1, 1, 1]), 3) is None  # no list has what another has: nothing follows
    assert chao(np.array([1]), 3) is None


@pytest.mark.parametrize(("lists", "rate", "kilns"), [(3, 0.6, 5), (3, 0.8, 20), (3, 0.95, 100), (5, 0.6, 20)])
def test_95_of_100_of_chaos_intervals_hold_the_truth_of_lists_that_see_alike(lists: int, rate: float, kilns: int):
    rng, held = np.random.default_rng(0), []
    for seen in rng.binomial(lists, rate, (400, kilns)):
        told = chao(seen[seen > 0], lists)
        held += [told.low <= kilns <= told.high] if told else []
    assert np.mean(held) >= 0.95
    assert len(held) > 300


def sighted(count: int, rates: list[float], seed: int = 0, copied: float = 0.0) -> np.ndarray:
    """Which of `count` kilns lists have, by chance; the last list copies the first with some probability."""
    rng = np.random.default_rng(seed)
    had = rng.random((count, len(rates))) < rates
    had[:, -1] |= had[:, 0] & (rng.random(count) < copied)
    return had[had.any(axis=1)]


def test_independent_lists_give_the_true_number():
    every = [loglinear(sighted(2000, [0.6, 0.5, 0.4], seed)) for seed in range(40)]
    assert np.mean([told["value"] for told in every]) == pytest.approx(2000, rel=0.01)
    assert np.mean([told["ci95"][0] < 2000 < told["ci95"][1] for told in every]) >= 0.9
    told = every[0]
    assert told["dependent"] == []
    assert told["between"][0] <= told["value"] <= told["between"][1]


def test_loglinear_models_of_two_pairs_fit_three_lists_in_closed_form():
    """With dependence of the pairs 0,1 and 0,2 the unseen are n01 n10 / n11 of lists 1 and 2 outside list 0."""
    counts = {(1, 1, 1): 40, (1, 1, 0): 20, (1, 0, 1): 20, (1, 0, 0): 10, (0, 1, 1): 25, (0, 1, 0): 20, (0, 0, 1): 15}
    had = np.repeat(np.array(list(counts), bool), list(counts.values()), axis=0)
    told = loglinear(had)
    assert told["dependent"] == []  # the simplest that fits
    assert told["between"][0] <= len(had) + 20 * 15 / 25 <= told["between"][1]


def test_a_list_that_copies_another_is_found_out():
    had = sighted(2000, [0.5, 0.5, 0.3], 1, copied=0.8)
    assert loglinear(had)["dependent"] == [[0, 2]]
    said = doubts(had, ["a", "b", "c"], [])
    assert any("Of the kilns of b, a and c have the same oftener" in sentence for sentence in said)
    naive = estimate_missing(had, ["a", "b", "c"])["chapman"]["a+c"]
    assert naive["ci95"][1] < 2000
    told = loglinear(had)
    assert told["ci95"][0] < 2000 < told["ci95"][1]


def test_without_places_nothing_is_said():
    assert loglinear(np.zeros((0, 3), bool)) is None
    assert loglinear(np.ones((5, 2), bool)) is None
    told = estimate_missing(np.zeros((0, 2), bool), ["a", "b"])
    assert told == {"seen": 0, "chapman": {"a+b": None}, "chao_lower_bound": None, "loglinear": None}
    assert odds_ratio(np.zeros(0, bool), np.zeros(0, bool))[0] == 1


def region() -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """An atlas of three kilns in a tile of a degree, and its ledger with a cloudy tile beside."""
    places = [(80.1, 25.1), (80.2, 25.2), (80.3, 25.3)]
    table = kilns(*places, types="Zigzag", prefix="ours")
    atlas = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs=4326)
    tiles = [shapely.box(80, 25, 81, 26), shapely.box(81, 25, 82, 26)]
    return atlas, gpd.GeoDataFrame({"tile": ["A", "B"], "status": ["ok", "cloudy"]}, geometry=tiles, crs=4326)


def test_an_inventory_is_read_checked_and_laid_beside_the_atlas(tmp_path: Path):
    path = tmp_path / "theirs.csv"
    rows = ["b1,80.1,25.1001,ZZ", "b2,80.2,25.2,FCBK", "b2b,80.2,25.20005,FCBK", "b3,80.5,25.5,", "b4,81.5,25.5,ZZ"]
    path.write_text("\n".join(["id,lon,lat,kind", *rows, "b5,70,25,ZZ", "b6,lon,25,ZZ"]) + "\n")
    inventory = {"name": "theirs", "path": str(path), "types": {"ZZ": "zigzag"}, "licence": "CC0", "attribution": "T"}
    atlas, coverage = region()
    config = {"inventories": [inventory], "reconcile": {}, "areas": None}
    table, cells, rejected, record = side_by_side(atlas, coverage, config)
    told = record["lists"]["theirs"]
    assert {key: told[key] for key in ("rows", "refused", "outside", "copies", "kilns")} == {
        "rows": 7, "refused": 1, "outside": 1, "copies": 1, "kilns": 4,
    }  # fmt: skip
    assert rejected["row"].tolist() == [8]
    assert record["patterns"] == {"kilnscan": 1, "kilnscan+theirs": 2, "theirs": 2}
    assert record["compared_places"] == 4
    assert table.set_index("id_theirs").loc["b1", ["types_agree", "country"]].tolist() == ["yes", "IND"]
    assert "only 2 kilns in common" in in_words(record)
    tables = {"reconciled": table, "disagreement": cells}
    for layer, columns in tables.items():
        assert len(check_columns(layer, columns, inventory_columns(tables))) == len(columns.columns)


def test_the_words_tell_what_became_of_every_row(tmp_path: Path):
    rows = ["a,80.1,25.1", "b,80.2,25.2", "b2,80.2,25.20005", "c,70,25", "d,lon,25", "e,,", "f,80,north", "g,,"]
    (tmp_path / "t.csv").write_text("\n".join(["id,lon,lat", *rows]) + "\n")
    inventory = {"name": "theirs", "path": str(tmp_path / "t.csv"), "licence": "CC0", "attribution": "T"}
    atlas, coverage = region()
    record = side_by_side(atlas, coverage, {"inventories": [inventory], "reconcile": {}, "areas": None})[3]
    told = record["lists"]["theirs"]
    assert sum(told[part] for part in ("kilns", "refused", "joined", "outside", "copies")) == told["rows"] == 8
    assert told["refused_because"] == {
        "it has no coordinates": 2,
        "its coordinates are no numbers: ... is no number": 2,
    }
    said = in_words(record)
    assert "theirs: 2 kilns of 8 rows; left out: 4 refused, 1 outside the region, 1 copies, within 40 m of an" in said
    assert "    refused 2: it has no coordinates\n" in said
    assert "kilnscan and theirs: 2 in both, 0 m apart in the median, 2 of them within 1 m (more than a few mean" in said
    assert "95 % intervals" in said.splitlines()[0]


def test_words_say_of_each_doubt_whether_the_loglinear_model_allows_for_it():
    names = ["a", "b", "c"]
    had = sighted(2000, [0.5, 0.5, 0.3], 1, copied=0.8)
    model = estimate_missing(had, names)["loglinear"]
    assert model["dependent"] == ["a+c"]
    said = [sentence for sentence in doubts(had, names, [], model) if "a and c have the same oftener" in sentence]
    assert said and all(sentence.endswith("The log-linear model allows for that.") for sentence in said)
    said = doubts(had, names, [], model | {"dependent": []})
    assert any("takes the two for independent and does not allow for it" in sentence for sentence in said)


def test_where_a_list_claims_no_land_nothing_is_compared_and_silence_is_told(tmp_path: Path):
    atlas, coverage = region()
    lon = np.linspace(80.6, 80.9, 12)
    pd.DataFrame({"id": [f"t{k}" for k in range(12)], "lon": lon, "lat": 25.5}).to_csv(tmp_path / "t.csv", index=False)
    halves = gpd.GeoDataFrame(
        {"name": ["west", "east"]}, geometry=[shapely.box(80, 25, 80.5, 26), shapely.box(80.5, 25, 81, 26)], crs=4326
    )
    halves.to_file(tmp_path / "areas.geojson")
    halves[:1].to_file(tmp_path / "west.geojson")
    inventory = {"name": "t", "path": str(tmp_path / "t.csv"), "licence": "CC0", "attribution": "T"}
    areas = {"path": str(tmp_path / "areas.geojson"), "name": "name"}
    record = side_by_side(atlas, coverage, {"inventories": [inventory], "reconcile": {}, "areas": areas})[3]
    assert any("kilnscan has nothing in 1 area(s)" in doubt and "east" in doubt for doubt in record["doubts"])
    assert [entry["area"] for entry in record["areas"]] == ["east", "west"]
    inventory["covers"] = str(tmp_path / "west.geojson")
    record = side_by_side(atlas, coverage, {"inventories": [inventory], "reconcile": {}, "areas": areas})[3]
    assert record["compared_places"] == 3


def test_types_are_told_in_our_words(tmp_path: Path):
    (tmp_path / "k.csv").write_text("id,lat,lon,type\n1,25,80,Zig Zag\n2,25,81,\n")
    inventory = Inventory(
        name="k", path=str(tmp_path / "k.csv"), types={"zig zag": "zigzag"}, licence="CC0", attribution="K"
    )
    table, rejected, rows = read_inventory(inventory)
    assert (sorted(table["type"]), len(rejected), rows) == (["", "zigzag"], 0, 2)


def test_inventories_need_names_of_their_own():
    entry = {"path": "a.csv", "licence": "CC0", "attribution": "A"}
    base = {"region": {"name": "x"}, "sentinel2": {"source": "mosaic", "path": "m.tif"}}
    for names in (["a", "a"], ["kilnscan"]):
        with pytest.raises(ConfigError, match="two lists are called"):
            load_config(base | {"inventories": [{"name": name, **entry} for name in names]})


def test_messages_on_a_table_name_the_section_it_is_told_in(tmp_path: Path):
    (tmp_path / "k.csv").write_text("id,north,east\n1,25,80\n")
    given = {"name": "k", "path": str(tmp_path / "k.csv"), "licence": "CC0", "attribution": "K"}
    with pytest.raises(ConfigError, match=r"set `inventories\.layout`, or name the column in `inventories\.columns`"):
        read_inventory(Inventory(**given))
    with pytest.raises(ConfigError, match=r"`inventories\.columns` has no 'where'"):
        read_inventory(Inventory(**given, columns={"where": "north"}))
    with pytest.raises(ConfigError, match=r"`inventories\.crs` 'mine' is no CRS"):
        read_inventory(Inventory(**given, columns={"lat": "north", "lon": "east"}, crs="mine"))
    with pytest.raises(VectorError, match=r"`inventories\.path` .* matches no file"):
        read_inventory(Inventory(**given | {"path": str(tmp_path / "*.xlsx")}))
