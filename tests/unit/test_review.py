"""The windows most worth a person's time come first, each once, and nobody is asked twice."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.errors import VectorError
from kilnscan.grid import tiles_of, to_crs
from kilnscan.lattice import CHIP_M
from kilnscan.review import rank, shown_in
from kilnscan.review_marks import Window

AREA = to_crs(shapely.box(448_000, 2_098_000, 452_000, 2_102_000), 32645, 4326)
TILES = tiles_of(AREA, 10)
TILE = next(tile.id for tile in TILES)
CHIPS = {(32645, i, j) for i in range(2790, 2830) for j in range(13105, 13140)}


def places(rows, **columns) -> gpd.GeoDataFrame:
    """Boxes 100 by 50 m at lattice vertices (i, j) with the given columns."""
    shapes = [
        to_crs(shapely.box(i * CHIP_M - 50, j * CHIP_M - 25, i * CHIP_M + 50, j * CHIP_M + 25), 32645, 4326)
        for i, j in rows
    ]
    return gpd.GeoDataFrame(
        {"tile": TILE, "type": "FCBK", **columns}, geometry=shapes, crs=4326, index=range(len(rows))
    )


def found(*rows) -> gpd.GeoDataFrame:
    """What the atlas weighs: (i, j, detector's score, screen's score)."""
    detector, screen = [row[2] for row in rows], [row[3] for row in rows]
    score = [(a + b) / 2 for a, b in zip(detector, screen, strict=True)]
    return places([row[:2] for row in rows], score=score, detector_score=detector, screen_score=screen)


NONE = places([], score=[])
SURE, UNCERTAIN, DETECTOR = (2800, 13120, 0.9, 0.9), (2805, 13120, 0.5, 0.5), (2810, 13120, 0.95, 0.2)


def ranked(kilns, candidates=NONE, reference=None, most=10, **more):
    settings = {"min_score": 0.48, "match_m": 50, **more}
    table = rank(kilns, candidates, reference, TILES, CHIPS, most=most, **settings)
    return [(row.i, row.reason) for row in table.itertuples()]


def test_uncertain_and_disputed_windows_take_turns():
    assert ranked(found(SURE, UNCERTAIN, DETECTOR)) == [
        (2805, "uncertain"), (2810, "detector-higher"), (2800, "uncertain"),
    ]  # fmt: skip


def test_a_candidate_of_which_the_detector_says_nothing_is_disputed():
    candidates = places([(2800, 13120), (2815, 13120)], score=[0.9, 0.95])
    assert ranked(found(SURE), candidates, most=2) == [(2800, "uncertain"), (2815, "screen-higher")]


def test_known_kilns_and_the_atlas_contradict_each_other():
    known = places([(2800, 13120), (2820, 13120), (2900, 13120)])  # the last lies outside the area of interest
    assert ranked(found(SURE), reference=known) == [(2800, "uncertain"), (2820, "not-in-atlas")]
    low = [(2815, 13120, 0.1, 0.1), (2816, 13120, 0.2, 0.2)]
    missed = places([row[:2] for row in low])
    rows = ranked(found(SURE, UNCERTAIN, DETECTOR, *low), reference=missed, most=3)
    assert rows == [(2805, "uncertain"), (2810, "detector-higher"), (2800, "not-in-reference")]
    rows = ranked(found(UNCERTAIN, DETECTOR, *low), reference=missed, most=3)
    assert rows[2] == (2815, "not-in-atlas")  # of which the atlas is surest that it is none


def test_no_window_comes_twice_and_not_more_than_asked_for():
    rows = ranked(found(*[(2800 + n % 9, 13120, 0.1 * (n % 10), 0.5) for n in range(40)]), most=5)
    assert len(rows) == len({i for i, _ in rows}) == 5


def test_the_order_of_rows_does_not_matter():
    kilns = found(*[(2800 + n, 13120, 0.5, 0.5) for n in range(9)])
    assert ranked(kilns) == ranked(kilns.iloc[np.random.default_rng(1).permutation(9)].reset_index(drop=True))


def test_what_was_answered_or_cannot_be_seen_is_not_asked():
    kilns = found(UNCERTAIN, (2789, 13120, 0.5, 0.5))
    assert ranked(kilns) == [(2805, "uncertain")]
    assert ranked(kilns, answered={Window(32645, 2805, 13120).name}) == []
    assert ranked(found()) == []


def test_whole_boxes_that_are_likely_are_shown_where_they_lie():
    window = Window(32645, 2805, 13120)
    kilns = found(UNCERTAIN, (2806, 13120, 0.9, 0.9), (2805, 13121, 0.1, 0.1), (2809, 13120, 0.9, 0.9))
    (shown,) = shown_in([window], kilns, ["FCBK"], 0.24)[window.name]
    assert shown.centre == pytest.approx([0.5, 0.5], abs=1e-4) and shown.score == 0.5
    with pytest.raises(VectorError, match="'FCBK', which is none of zigzag"):
        shown_in([window], kilns, ["zigzag"], 0.24)
    assert shown_in([window], found(), ["FCBK"], 0.24) == {window.name: []}
