"""The composite is the median of what was seen clearly, the same in whatever window it is read."""

import numpy as np
import pytest
import shapely

from kilnscan.composite import SceneReader, masked_median, open_scenes, strips
from kilnscan.errors import ImageryError
from kilnscan.grid import Tile

LEFT, TOP, SIZE = 450_000, 2_100_000, 60
BOUNDS = (LEFT, TOP - SIZE * 10, LEFT + SIZE * 10, TOP)
TILE = Tile("45QVA", 32645, BOUNDS, shapely.box(*BOUNDS))


@pytest.fixture
def scenes(raster):
    """Three dates with two bands and SCL at 20 m; the second stored with an offset, the third half cloudy."""
    rng = np.random.default_rng(0)
    truth = rng.integers(500, 3000, (2, SIZE, SIZE)).astype(np.uint16)
    days = []
    for day, (offset, cloudy) in enumerate([(0, False), (-1000, False), (0, True)]):
        classes = np.full((1, SIZE // 2, SIZE // 2), 4, np.uint8)
        noise = np.uint16(day * 10)
        if cloudy:
            classes[:, :, : SIZE // 4] = 9
        assets = {"SCL": raster(f"{day}/scl.tif", classes, pixel=20)}
        for index, band in enumerate(("B04", "B11")):
            assets[band] = raster(f"{day}/{band}.tif", truth[[index]] + noise - np.int16(offset).astype(np.uint16))
        item = {"id": str(day), "assets": assets, "radiometry": {b: [1.0, offset] for b in ("B04", "B11")}}
        days.append({"date": f"2024-01-0{day + 1}", "items": [item]})
    return truth, {
        "tile": TILE.spec(), "source": "stac", "bands": ["B04", "B11"], "mask_classes": [0, 3, 8, 9], "dates": days,
    }  # fmt: skip


def test_the_median_leaves_clouds_out_and_undoes_offsets(scenes):
    truth, listed = scenes
    pixels, looks = SceneReader(listed).read_looks(BOUNDS)
    cloudy = np.zeros((SIZE, SIZE), bool)
    cloudy[:, : SIZE // 2] = True
    assert (looks == np.where(cloudy, 2, 3)).all()
    assert (pixels == np.where(cloudy, truth + 5, truth + 10)).all()


def test_a_pixel_is_the_same_in_every_window(scenes):
    reader = open_scenes(scenes[1])
    whole, _ = reader.read(BOUNDS)
    part, _ = reader.read((LEFT + 130, TOP - 450, LEFT + 370, TOP - 70))
    assert (part == whole[:, 7:45, 13:37]).all()
    fine, _ = reader.read((LEFT + 100, TOP - 500, LEFT + 500, TOP - 100), 2.5)
    finer, _ = reader.read((LEFT + 200, TOP - 400, LEFT + 400, TOP - 200), 2.5)
    assert (finer == fine[:, 40:120, 40:120]).all()


def test_beyond_the_scenes_nothing_was_seen(scenes):
    pixels, looks = SceneReader(scenes[1]).read_looks((LEFT - 50, TOP - 100, LEFT + 100, TOP + 50))
    assert pixels.shape == (2, 15, 15)
    assert (looks[:5] == 0).all() and (looks[:, :5] == 0).all() and (looks[5:, 5:] > 0).all()


def test_a_tile_without_scenes_is_all_unseen(scenes):
    pixels, valid = SceneReader(scenes[1] | {"dates": []}).read(BOUNDS)
    assert pixels.shape == (2, SIZE, SIZE) and not valid.any()


def test_two_granules_of_a_date_make_one_picture(scenes, raster):
    truth, listed = scenes
    half = {}
    for band in ("B04", "B11", "SCL"):
        value = 4 if band == "SCL" else 777
        half[band] = raster(f"east/{band}.tif", np.full((1, SIZE, SIZE), value, np.uint16), left=LEFT + SIZE * 10)
    day = listed["dates"][0]
    day["items"].append({"id": "east", "assets": half, "radiometry": day["items"][0]["radiometry"]})
    pixels, looks = SceneReader(listed | {"dates": [day]}).read_looks((LEFT, TOP - 100, LEFT + 2 * SIZE * 10, TOP))
    assert (looks == 1).all()
    assert (pixels[:, :, :SIZE] == truth[:, :10]).all() and (pixels[:, :, SIZE:] == 777).all()


def test_a_scene_file_that_is_gone_is_named(scenes):
    listed = scenes[1]
    listed["dates"][0]["items"][0]["assets"]["B04"] = "gone.tif"
    with pytest.raises(ImageryError, match=r"gone\.tif cannot be read"):
        SceneReader(listed).read(BOUNDS)


@pytest.mark.parametrize("dates", [1, 2, 5, 6])
def test_the_masked_median_agrees_with_numpy(dates):
    rng = np.random.default_rng(dates)
    stack = rng.integers(1, 60_000, (dates, 2, 9, 9)).astype(np.uint16)
    stack[rng.random((dates, 1, 9, 9)).repeat(2, 1) < 0.4] = 0
    expected = np.full((2, 9, 9), 0)
    for place in np.ndindex(2, 9, 9):
        seen = stack[(slice(None), *place)]
        expected[place] = np.floor(np.median(seen[seen > 0])) if (seen > 0).any() else 0
    assert (masked_median(stack) == expected).all()


def test_strips_cover_a_window_from_the_top_down():
    assert list(strips((0, 0, 100, 250), 10)) == [(0, 150, 100, 250), (0, 50, 100, 150), (0, 0, 100, 50)]
