"""The atlas: kilns inside the area, each owned by one tile, and a ledger that mentions every tile."""

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from kilnscan.atlas import build_acquired, build_coverage, build_kilns, ledger_words
from kilnscan.config import Atlas
from kilnscan.grid import tiles_of, to_crs

AREA = to_crs(shapely.box(448_000, 2_098_000, 452_000, 2_102_000), 32645, 4326)
TILES = tiles_of(AREA, 10)
FACTS = {"first_seen": "2024-01-01", "last_seen": "2024-03-01", "provider": "cog", "licence": "x", "attribution": "y"}


def detections(places, score=0.9):
    """Boxes 100 by 45 m centred on UTM places, in degrees."""
    shapes = [to_crs(shapely.box(x - 50, y - 22.5, x + 50, y + 22.5), 32645, 4326) for x, y in places]
    columns = {"type": "FCBK", "score": score, "length_m": 100.0, "width_m": 45.0, "azimuth_deg": 90.0}
    return gpd.GeoDataFrame(pd.DataFrame(columns, index=range(len(places))), geometry=shapes, crs=4326)


def candidates(places, score=0.9):
    return detections(places, score).assign(tile=TILES[0].id)


def kilns_of(places, found=None, score=0.9, seen=0.9):
    """Kilns of detections, with candidates at `found` or, if not given, at each of them."""
    found = places if found is None else found
    return build_kilns(detections(places, score), candidates(found, seen), TILES, Atlas(), FACTS)


def test_a_kiln_on_the_corner_of_four_tiles_is_one_kiln_of_one_tile():
    kilns = kilns_of([(450_000, 2_100_000), (450_003, 2_099_998), (449_996, 2_100_004)])
    assert len(kilns) == 1 and kilns["detections"].tolist() == [3]
    assert kilns["tile"].iloc[0] in {tile.id for tile in TILES}


def test_what_lies_outside_the_area_of_interest_is_no_kiln_of_it():
    assert len(kilns_of([(447_900, 2_100_000), (448_100, 2_100_000)])) == 1


def test_a_kiln_is_named_by_its_place():
    assert kilns_of([(449_005, 2_099_005)])["id"].tolist() == ["45QVA49009900"]


def test_the_screen_score_is_that_of_the_nearest_candidate():
    kilns = kilns_of([(449_000, 2_099_000), (451_500, 2_101_500)], [(449_010, 2_099_000)])
    assert kilns["screen_score"].tolist() == [0.9]  # without a candidate the other one scores too little to stay


def test_the_score_is_the_mean_of_both_stages_and_low_ones_are_left_out():
    assert kilns_of([(449_000, 2_099_000)], score=0.3)["score"].tolist() == [0.6]
    assert len(kilns_of([(449_000, 2_099_000)], score=0.1, seen=0.1)) == 0


def test_no_detection_gives_an_empty_table_with_all_columns():
    assert list(kilns_of([]).columns) == list(kilns_of([(449_000, 2_099_000)]).columns)
    assert len(kilns_of([])) == 0


def imagery(tile, chips, missing=()):
    return {
        "tile": tile.id, "epsg": tile.epsg, "chips": [[i, j, "key"] for i, j in chips], "missing": list(missing),
        "provider": "cog", "licence": "x", "lost": [],
    }  # fmt: skip


def test_a_chip_that_two_tiles_asked_for_counts_once_and_only_inside_the_area():
    corner = (round(450_000 / 160), round(2_100_000 / 160))
    outside = (round(447_000 / 160), round(2_100_000 / 160))
    acquired = build_acquired([imagery(TILES[0], [corner, outside]), imagery(TILES[1], [corner])], TILES)
    assert acquired["area_km2"].tolist() == pytest.approx([0.0256, 0])


def test_the_ledger_has_a_row_for_every_tile_whatever_became_of_it():
    seen = [
        {"clear": 1.0, "looks": 5, "dates": ["2024-01-01"]},
        {"clear": 0.9, "looks": 3, "dates": ["2024-01-01"]},
        {"clear": 0.1, "looks": 1, "dates": ["2024-01-01"]},
        {"clear": 0.0, "looks": 0, "dates": []},
    ]
    found = candidates([(449_000, 2_099_000)])
    entries = {tile.id: imagery(tile, [(0, 0)], [(0, 1)] if tile is TILES[0] else []) for tile in TILES}
    seen = [entry | {"lost": []} for entry in seen]
    seen[1]["lost"] = [{"scene": "S2A_1", "reason": "HTTP 503"}]
    by_tile = dict(zip([tile.id for tile in TILES], seen, strict=True))
    acquired = build_acquired(entries.values(), TILES)
    coverage = build_coverage(TILES, by_tile, found, entries, kilns_of([]), acquired, 0.5)
    assert coverage["status"].tolist() == ["ok", "empty", "cloudy", "cloudy"]
    assert coverage["reason"].str.contains("no high-resolution imagery for 1 of 2 chips").tolist()[0]
    assert "10%" in coverage["reason"].tolist()[2] and "no scene" in coverage["reason"].tolist()[3]
    assert coverage["area_km2"].sum() == pytest.approx(16, rel=1e-3)
    assert coverage["lost_scenes"].tolist() == [0, 1, 0, 0]
    assert "1 scene(s) unreadable, first S2A_1: HTTP 503" in coverage["reason"].tolist()[1]
    words = ledger_words(coverage, most=2).splitlines()
    assert (
        words[0].startswith("tiles: 1 ok, 1 empty, 2 cloudy; ")
        and words[0].endswith("of the land seen clearly")
        and words[1].startswith(f"  {TILES[1].id} empty: no candidate")
    )
    assert words[3] == "  and 1 more: see the ledger, atlas/coverage.parquet"
