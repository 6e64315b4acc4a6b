"""The audit: a fair sample of rejected land, and intervals that hold what they promise."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from kilnscan import audit_answers
from kilnscan.audit import (
    Stratum,
    draw,
    estimate,
    in_words,
    missed,
    strata_edges,
    strata_names,
    stratum_of,
    windows_around_chips,
)
from kilnscan.audit_answers import count_detections, read_answers
from kilnscan.audit_units import join_units, units_of_tile
from kilnscan.detect import EDGE_M
from kilnscan.errors import VectorError
from kilnscan.grid import SCREEN_HALO_M, Tile
from kilnscan.lattice import window_bounds

SETTINGS = {"merge_distance_m": 40, "merge_overlap": 0.3}


def units(size: int = 5000, seed: int = 0) -> pd.DataFrame:
    """Chips of a square; most of them dull, some with candidates of any score."""
    rng = np.random.default_rng(seed)
    side = int(np.sqrt(size))
    j, i = np.divmod(np.arange(side * side), side)
    hint = np.where(rng.random(side * side) < 0.4, rng.random(side * side) * 0.2, 0)
    score = np.where(rng.random(side * side) < 0.1, 0.05 + 0.95 * rng.random(side * side), 0)
    return pd.DataFrame({"epsg": 32643, "i": i + 4000, "j": j + 19_000, "own": True, "score": score, "hint": hint})


def test_acquired_chips_belong_to_no_stratum():
    table = units()
    number = stratum_of(table, 0.3)
    assert ((number == -1) == (table.score >= 0.3)).all()
    assert set(number[number >= 0]) == set(range(len(strata_names(0.3))))
    assert (number[(table.score == 0) & (table.hint == 0)] == 0).all()


def test_strata_follow_the_score():
    edges = strata_edges(0.35)
    table = pd.DataFrame({"score": [edges[0], edges[1] - 1e-9, edges[1], 0.349], "hint": 0.5})
    assert stratum_of(table, 0.35).tolist() == [2, 2, 3, 4]


def test_a_threshold_at_the_lowest_score_leaves_two_strata():
    assert len(strata_names(0.05)) == 2
    assert stratum_of(pd.DataFrame({"score": [0.0, 0.0, 0.05], "hint": [0.0, 0.1, 0.4]}), 0.05).tolist() == [0, 1, -1]


def test_the_sample_hangs_on_seed_and_place_only():
    table = units()
    first = draw(table, 0.3, 300, seed=1)
    again = draw(table.sample(frac=1, random_state=3).reset_index(drop=True), 0.3, 300, seed=1)
    pd.testing.assert_frame_equal(first, again)
    assert not first[["i", "j"]].equals(draw(table, 0.3, 300, seed=2)[["i", "j"]])


def test_every_stratum_is_looked_at_and_none_beyond_what_it_has():
    table = units()
    sample = draw(table, 0.3, 300, seed=0)
    counts = sample.stratum.value_counts()
    assert (counts >= 20).all() and len(counts) == 5
    assert len(draw(table, 0.3, 10**6, seed=0)) == (table.score < 0.3).sum()


def test_each_chip_of_a_stratum_is_as_likely_as_any_other():
    table = units(400)
    drawn = np.zeros(len(table))
    place = {key: n for n, key in enumerate(zip(table.i, table.j, strict=True))}
    for seed in range(300):
        for key in draw(table, 0.3, 60, seed)[["i", "j"]].itertuples(index=False, name=None):
            drawn[place[key]] += 1
    dull = drawn[stratum_of(table, 0.3) == 0]
    expected = dull.mean()
    assert abs(dull - expected).max() < 5 * np.sqrt(expected)


def test_an_empty_region_gives_an_empty_sample():
    nothing = units().iloc[:0]
    assert draw(nothing, 0.3, 100, seed=0).empty
    result = estimate(nothing, np.empty(0), [], 0.3)
    assert result["recall"] is None and "nothing can be said" in in_words(result)


def test_a_kiln_anywhere_in_a_chip_is_seen_far_from_some_windows_edge():
    windows = windows_around_chips([(7, 9)])
    for x in np.linspace(7 * 160, 8 * 160 - 0.01, 9):
        for y in np.linspace(9 * 160, 10 * 160 - 0.01, 9):
            inside = [
                min(x - left, y - bottom, right - x, top - y) >= EDGE_M
                for left, bottom, right, top in map(window_bounds, windows)
            ]
            assert any(inside)


def test_intervals_hold_the_truth_95_times_in_100_and_the_estimate_is_fair():
    rng = np.random.default_rng(0)
    chips, sampled = np.array([20_000, 8000, 900, 300]), np.array([150, 120, 80, 60])
    rates = np.array([0.0002, 0.001, 0.02, 0.1])
    hits, totals, truths = 0, [], []
    for _ in range(600):
        kilns = rng.binomial(chips, rates)
        found = rng.hypergeometric(kilns, chips - kilns, sampled)
        total, low, high = missed(
            [Stratum("", 0, int(n), int(m), int(x)) for n, m, x in zip(chips, sampled, found, strict=True)]
        )
        hits += low <= kilns.sum() <= high
        totals.append(total)
        truths.append(kilns.sum())
    assert hits / 600 >= 0.94
    assert np.mean(totals) == pytest.approx(np.mean(truths), rel=0.1)


def test_nothing_found_is_not_nothing_missed():
    total, low, high = missed([Stratum("dull", 0, 1000, 100, 0)])
    assert (total, low) == (0, 0)
    assert high == pytest.approx(36.89, abs=0.01)  # ten times the exact upper limit of a Poisson mean for no event


def test_what_nobody_looked_at_may_hold_any_number():
    unseen = Stratum("unseen", 0, 1000, 0, 0)
    assert missed([unseen, Stratum("seen", 0, 100, 100, 1)])[::2] == (1, np.inf)
    result = estimate(units(), np.array([0.5, 0.9]), [unseen], 0.3)
    assert result["recall"] is None and "none of the rejected land was looked at" in in_words(result)
    partly = estimate(units(), np.array([0.5, 0.9]), [unseen, Stratum("seen", 0, 100, 100, 1)], 0.3)
    assert (partly["recall"], partly["recall_low"]) == (round(2 / 3, 4), 0)
    assert "any number" in in_words(partly)


def test_a_stratum_looked_at_whole_is_counted():
    total, low, high = missed([Stratum("all", 0, 50, 50, 4)])
    assert total == 4
    assert (low, high) == pytest.approx((1.09, 10.24), abs=0.01)  # the exact limits of a Poisson mean for four events


def test_recall_falls_as_the_threshold_rises():
    table = units()
    strata = [
        Stratum(name, low, 100, 50, kilns)
        for name, low, kilns in zip(strata_names(0.3), [0, 0, *strata_edges(0.3)[:-1]], [0, 1, 1, 2, 4], strict=True)
    ]
    found = np.random.default_rng(0).uniform(0.3, 1, 90)
    result = estimate(table, found, strata, 0.3)
    rows = sorted(result["curve"], key=lambda row: row["threshold"])
    for name in ("recall", "recall_low", "recall_high", "acquired_km2"):
        values = [row[name] for row in rows]
        assert values == sorted(values, reverse=True), name
    here = next(row for row in rows if row["threshold"] == 0.3)
    assert here["recall"] == result["recall"] == round(90 / (90 + 16), 4)
    assert "84.9%" in in_words(result)


# units of tiles

LEFT, TOP = 448_000, 2_102_400


@pytest.fixture
def screens(raster):
    """Factory of a tile's screen raster with bright kilns; (column, row) in pixels from one corner for all tiles."""
    rng = np.random.default_rng(5)
    halo = round(SCREEN_HALO_M / 10)
    whole = np.zeros((640 + 2 * halo, 640 + 2 * halo), np.uint8)
    for row, column in rng.integers(halo, 630, (60, 2)):
        whole[row : row + 10, column : column + 6] = rng.integers(60, 255)

    def cut(column: int, row: int, columns: int, rows: int, epsg: int = 32645) -> tuple[str, Tile]:
        left, top = LEFT + column * 10, TOP - row * 10
        pixels = whole[None, row : row + rows + 2 * halo, column : column + columns + 2 * halo]
        path = raster(f"{epsg}{column}-{row}-{columns}.tif", pixels, epsg, left - SCREEN_HALO_M, top + SCREEN_HALO_M)
        bounds = (left, top - rows * 10, left + columns * 10, top)
        return path, Tile(f"{column}-{row}", epsg, bounds, shapely.box(*bounds))

    return cut


@pytest.mark.parametrize("epsg", [32645, 32745])
def test_tiles_together_have_the_units_of_the_whole(screens, epsg: int):
    whole = join_units([units_of_tile(*screens(0, 0, 640, 640, epsg))])
    half = 328  # not a multiple of a chip: chips lie across the tiles' border
    parts = [(c, r, w, h) for c, w in ((0, half), (half, 640 - half)) for r, h in ((0, half), (half, 640 - half))]
    tiles = [units_of_tile(*screens(*part, epsg)) for part in parts]
    owners = pd.concat(tiles).query("own").groupby(["i", "j"]).size()
    assert (owners == 1).all()
    pd.testing.assert_frame_equal(join_units(tiles), whole)
    assert whole.own.sum() == 40 * 40 and (whole.score > 0).sum() > 100


def test_what_was_not_seen_is_no_unit(screens, raster):
    path, tile = screens(0, 0, 320, 320)
    left, _, _, top = tile.bounds
    blind = raster(
        "blind.tif", np.zeros((1, 400, 400), np.uint8), 32645, left - SCREEN_HALO_M, top + SCREEN_HALO_M, nodata=0
    )
    assert units_of_tile(blind, tile).empty
    assert len(units_of_tile(path, tile)) >= 400


# answers


def boxes(*rows: tuple[float, float, float]) -> gpd.GeoDataFrame:
    """Detections of 100 m by 50 m in UTM metres: x, y, score."""
    shapes = [shapely.box(x - 50, y - 25, x + 50, y + 25) for x, y, _ in rows]
    table = pd.DataFrame(rows, columns=["x", "y", "score"])
    return gpd.GeoDataFrame(table, geometry=shapes, crs=32643)


def sample() -> pd.DataFrame:
    return pd.DataFrame({"epsg": 32643, "i": [4000, 4001], "j": [19_000, 19_000], "stratum": 0})


def test_a_kiln_that_several_windows_saw_counts_once_in_the_chip_of_its_centre():
    x, y = 4000 * 160.0, 19_000 * 160.0
    found = boxes((x + 80, y + 80, 0.9), (x + 84, y + 80, 0.7), (x + 170, y + 20, 0.8), (x + 90, y + 300, 0.9))
    assert count_detections(sample(), [found], 0.5, SETTINGS) == [1, 1]
    assert count_detections(sample(), [found], 0.85, SETTINGS) == [1, 0]
    assert count_detections(sample(), [found.iloc[:0]], 0.5, SETTINGS) == [0, 0]


def answers(folder: Path, *lines: str) -> Path:
    path = folder / "review.csv"
    path.write_text("\n".join(["id,lon,lat,stratum,picture,kilns", *lines]), encoding="utf-8")
    return path


def test_blanks_are_chips_that_nobody_looked_at(tmp_path: Path):
    path = answers(tmp_path, "32643_4001_19000,77,28,x,y, 2 ", "32643_4000_19000,77,28,x,y,")
    assert read_answers(path, sample()) == [None, 2]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("32643_9_9,77,28,x,y,1", "row 2, column `id`: '32643_9_9' is no chip of this sample"),
        ("32643_4000_19000,77,28,x,y,-1", "row 2, column `kilns`: '-1' is no number of kilns"),
        ("32643_4000_19000,77,28,x,y,many", "column `kilns`: 'many'"),
        ("32643_4000_19000,77,28,x,y,1e9", "column `kilns`: '1e9'"),
        ("32643_4000_19000,77,28,x,y," + "9" * 5000, "is no number of kilns"),
        ("32643_4000_19000,77,28,x,y,1\n32643_4000_19000,77,28,x,y,1", "row 3, column `id`: 32643_4000_19000 stands"),
    ],
)
def test_hostile_answers_are_named(tmp_path: Path, line: str, words: str):
    with pytest.raises(VectorError) as caught:
        read_answers(answers(tmp_path, line), sample())
    assert words in str(caught.value)


def test_a_file_that_is_no_review_is_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(VectorError, match="no columns `id` and `kilns`"):
        read_answers(tmp_path / "a.csv", sample())
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00id")
    with pytest.raises(VectorError, match="cannot be read"):
        read_answers(tmp_path / "b.csv", sample())
    with pytest.raises(VectorError, match="cannot be read"):
        read_answers(tmp_path / "none.csv", sample())


def test_a_chip_without_imagery_was_not_looked_at():
    sample = pd.DataFrame({"epsg": [32645, 32645, 32745], "i": [1, 2, 1], "j": [5, 5, 5]})
    imagery = [{"epsg": 32645, "chips": [[1, 5, "a"]]}, {"epsg": 32745, "chips": []}]
    assert audit_answers.only_seen(sample, [0, 0, 2], imagery) == [0, None, None]


def test_leading_zeros_hide_no_large_answer(tmp_path):
    sample = pd.DataFrame({"epsg": [32645], "i": [1], "j": [5]})
    (tmp_path / "a.csv").write_text("id,kilns\n32645_1_5,00000000099\n")
    with pytest.raises(VectorError, match="row 2, column `kilns`"):
        audit_answers.read_answers(tmp_path / "a.csv", sample)
