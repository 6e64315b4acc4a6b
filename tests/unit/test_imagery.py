"""Chips are fetched once, whoever asks, and cut exactly from what a provider has."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.composite import average, open_scenes
from kilnscan.config_imagery import Imagery
from kilnscan.errors import ImageryError
from kilnscan.grid import Tile
from kilnscan.imagery import Cog, Sentinel2, acquire, acquire_for_tile, read_chips
from kilnscan.lattice import CHIP_M, windows_of
from kilnscan.store import Folder

RIGHTS = {"licence": "CC0", "attribution": "nobody"}
BOUNDS = (449_600, 2_096_000, 454_400, 2_100_800)
TILE = Tile("45QVA", 32645, BOUNDS, shapely.box(*BOUNDS))


@pytest.fixture
def scenes(raster):
    pixels = np.random.default_rng(0).integers(1, 255, (3, 480, 480)).astype(np.uint8)
    path = raster("rgb.tif", pixels, left=BOUNDS[0], top=BOUNDS[3])
    return {
        "tile": TILE.spec(), "source": "mosaic", "bands": ["B04", "B03", "B02"], "fingerprint": "x", "synthetic": False,
        "dates": [{"date": "", "items": []}], "mosaics": [{"path": path, "content": "c"}],
    }  # fmt: skip


def sentinel2(scenes):
    return Sentinel2(open_scenes(scenes), scenes)


def counted(provider):
    """The provider, and a list that grows with every chip it fetches."""
    fetched, fetch = [], provider.fetch

    def fetch_and_count(chips):
        for chip, pixels, valid in fetch(chips):
            fetched.append(chip)
            yield chip, pixels, valid

    provider.fetch = fetch_and_count
    return provider, fetched


def test_no_chip_is_fetched_twice(scenes, tmp_path):
    provider, fetched = counted(sentinel2(scenes))
    first = acquire(provider, "sentinel2", 32645, [(2811, 13110), (2812, 13110)], Folder(tmp_path))
    second = acquire(provider, "sentinel2", 32645, [(2812, 13110), (2813, 13110)], Folder(tmp_path))
    assert (first.fetched, second.fetched) == (2, 1)
    assert sorted(fetched) == [(2811, 13110), (2812, 13110), (2813, 13110)]
    assert first.chips[2812, 13110] == second.chips[2812, 13110]


def test_a_chip_does_not_depend_on_what_else_is_fetched(scenes, tmp_path):
    chips = [(i, j) for i in range(2811, 2822) for j in range(13106, 13115)]
    together = acquire(sentinel2(scenes), "sentinel2", 32645, chips, Folder(tmp_path / "a"))
    alone = acquire(sentinel2(scenes), "sentinel2", 32645, chips[40:41], Folder(tmp_path / "b"))
    key = alone.chips[chips[40]]
    assert together.chips[chips[40]] == key
    assert (tmp_path / "a" / f"{key}.tif").read_bytes() == (tmp_path / "b" / f"{key}.tif").read_bytes()
    pixels, valid = read_chips([key], Folder(tmp_path / "b"))[key]
    assert pixels.shape == (3, 64, 64) and valid.all()


def test_the_same_scenes_seen_from_another_tile_give_the_same_name(scenes, tmp_path):
    other = scenes | {"tile": {**scenes["tile"], "id": "45QVB"}, "fingerprint": "y"}
    names = [sentinel2(s).source_of((2811, 13110)) for s in (scenes, other)]
    assert names[0] == names[1]


def test_land_without_imagery_is_listed_not_skipped(raster, tmp_path, scenes):
    path = raster("hr.tif", np.full((3, 640, 640), 9, np.uint8), left=449_600, top=2_097_600, pixel=0.5)
    config = Imagery(provider="cog", paths=[path], resolution_m=0.5, **RIGHTS)
    candidates = gpd.GeoDataFrame(geometry=[shapely.box(449_910, 2_097_400, 449_930, 2_097_420)], crs=32645)
    record = acquire_for_tile(scenes, [], windows_of(candidates), config, Folder(tmp_path / "store"))
    assert sorted(record["missing"]) == [(2812, 13108), (2812, 13109)]
    assert [chip[:2] for chip in record["chips"]] == [[2811, 13108], [2811, 13109]]


def test_a_tile_without_candidates_needs_nothing(scenes, tmp_path):
    record = acquire_for_tile(scenes, [], [], Imagery(), Folder(tmp_path / "store"))
    assert record["chips"] == record["windows"] == record["missing"] == []


def test_a_changed_file_is_another_source(raster):
    config = Imagery(provider="cog", paths=[raster("hr.tif", np.full((3, 640, 640), 9, np.uint8), pixel=0.5)], **RIGHTS)
    chip = (round(450_000 / CHIP_M), round(2_099_840 / CHIP_M))
    first = Cog(config, 32645).source_of(chip)
    raster("hr.tif", np.full((3, 640, 640), 10, np.uint8), pixel=0.5)
    assert Cog(config, 32645).source_of(chip) != first


def test_a_damaged_chip_says_what_to_do(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\x00 half")
    with pytest.raises(ImageryError, match="delete it and run `snakemake -R imagery`"):
        read_chips(["a"], Folder(tmp_path))


def test_the_screens_pixels_must_hold_red_green_and_blue(scenes):
    scenes = scenes | {"bands": ["B08", "B11", "B12"]}
    with pytest.raises(ImageryError, match="needs the bands"):
        sentinel2(scenes)


def test_averaging_rounds_the_mean_of_each_square():
    assert average(np.array([[[1, 2, 7, 7], [3, 4, 7, 8]]], np.uint8), 2).tolist() == [[[2, 7]]]
