"""The atlas: what was acquired, each chip once, and a ledger that mentions every tile."""

import pytest

from kilnscan.atlas import build_acquired, build_coverage, ledger_words
from tests.unit.test_kilns import TILES, candidates, kilns_of


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
