"""The composite is the median of what was seen clearly, the same in whatever window it is read."""

import numpy as np
import pytest
import rasterio
import shapely

from kilnscan.composite import open_scenes, read_patiently, strips
from kilnscan.errors import ImageryError, SceneError
from kilnscan.grid import Tile
from kilnscan.scene_reader import SceneReader, dilate

LEFT, TOP, SIZE = 459_700, 2_100_000, 60
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
        assets = {"SCL": raster(f"{day}/scl.tif", classes, pixel=20, left=LEFT)}
        for index, band in enumerate(("B04", "B11")):
            assets[band] = raster(
                f"{day}/{band}.tif", truth[[index]] + noise - np.int16(offset).astype(np.uint16), left=LEFT
            )
        item = {"id": str(day), "assets": assets, "radiometry": {b: [1.0, offset] for b in ("B04", "B11")}}
        days.append({"date": f"2024-01-0{day + 1}", "cloud": 50.0 if cloudy else day, "cells": None, "items": [item]})
    return truth, {
        "tile": TILE.spec(), "source": "stac", "bands": ["B04", "B11"], "mask_classes": [0, 3, 8, 9], "dates": days,
        "grid": [LEFT, TOP], "statistic": "median", "mask_dilate_m": 0, "signed": False,
    }  # fmt: skip


def test_the_median_leaves_clouds_out_and_undoes_offsets(scenes):
    truth, listed = scenes
    pixels, looks = SceneReader(listed).read_looks(BOUNDS)
    cloudy = np.zeros((SIZE, SIZE), bool)
    cloudy[:, : SIZE // 2] = True
    assert (looks == np.where(cloudy, 2, 3)).all()
    assert (pixels == np.where(cloudy, truth + 5, truth + 10)).all()


def test_a_band_may_carry_statistics_of_its_own_and_is_read_once(scenes, monkeypatch):
    truth, listed = scenes
    listed["bands"] = ["B11_p100", "B04", "B04_p0", "B11", "B04_p100"]
    read = []
    window = SceneReader._window
    monkeypatch.setattr(SceneReader, "_window", lambda self, *what: read.append(what[1]) or window(self, *what))
    pixels, looks = SceneReader(listed).read_looks(BOUNDS)
    cloudy = np.arange(SIZE) < SIZE // 2
    latest = np.where(cloudy, 10, 20)  # dates differ by 10, and the last is hidden where it is cloudy
    for index, (band, more) in enumerate([(1, latest), (0, latest // 2), (0, 0), (1, latest // 2), (0, latest)]):
        assert (pixels[index] == truth[band] + more).all(), listed["bands"][index]
    assert sorted(read) == ["B04"] * 3 + ["B11"] * 3
    alone = SceneReader(listed | {"bands": ["B04"]}).read_looks(BOUNDS)
    assert (alone[1] == looks).all() and (alone[0][0] == pixels[1]).all()


@pytest.mark.parametrize("statistic", ["median", "least_cloud"])
def test_where_nothing_was_seen_every_statistic_is_nothing(scenes, statistic):
    _, listed = scenes
    listed["dates"] = listed["dates"][2:]  # the cloudy one: one look or none
    listed |= {"bands": ["B04", "B04_p10", "B11", "B11_p90"], "statistic": statistic}
    pixels, looks = SceneReader(listed).read_looks(BOUNDS)
    assert (pixels[:, looks == 0] == 0).all() and (looks[:, : SIZE // 2] == 0).all()
    assert (pixels[0] == pixels[1]).all() and (pixels[2] == pixels[3]).all() and pixels[:, looks == 1].all()


def test_the_southern_hemisphere_is_no_different(scenes):
    _, listed = scenes
    listed["bands"] = ["B04", "B11_p90", "B04_p10"]
    north = SceneReader(listed).read_looks(BOUNDS)
    for day in listed["dates"]:
        for path in day["items"][0]["assets"].values():
            with rasterio.open(path, "r+") as file:
                file.crs = "EPSG:32745"
    listed["tile"] = Tile("45KVA", 32745, BOUNDS, shapely.box(*BOUNDS)).spec()
    south = SceneReader(listed).read_looks(BOUNDS)
    assert north[1].any() and all((a == b).all() for a, b in zip(north, south, strict=True))


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
    with pytest.raises(SceneError, match=r"scene 0 cannot be read: gone\.tif cannot be read: No such file"):
        SceneReader(listed).read(BOUNDS)


def test_a_broken_scene_is_left_out_of_all_of_the_tile(scenes):
    listed = scenes[1]
    listed["dates"][2]["items"][0]["assets"]["B11"] = "gone.tif"
    (pixels, _), lost = read_patiently(listed, lambda reader, _: reader.read(BOUNDS))
    expected, _ = SceneReader(listed | {"dates": listed["dates"][:2]}).read(BOUNDS)
    assert (pixels == expected).all()
    assert [entry["scene"] for entry in lost] == ["2"]


def test_when_most_scenes_are_broken_it_is_the_network(scenes):
    for day in scenes[1]["dates"][1:]:
        day["items"][0]["assets"]["B04"] = "gone.tif"
    with pytest.raises(ImageryError, match="2 of the 3 scenes of tile 45QVA cannot be read"):
        read_patiently(scenes[1], lambda reader, _: reader.read(BOUNDS))


def test_masked_edges_are_widened_but_not_the_edge_of_a_granule(scenes):
    listed = scenes[1] | {"mask_dilate_m": 40}
    _, looks = SceneReader(listed).read_looks(BOUNDS)
    assert (looks[:, : SIZE // 2 + 4] == 2).all() and (looks[:, SIZE // 2 + 4 :] == 3).all()


def test_a_date_counts_only_in_the_cells_of_land_it_was_chosen_for(scenes):
    truth, listed = scenes
    listed["dates"][1]["cells"] = [[22, 104]]  # up to 460 km east: half of the tile
    pixels, looks = SceneReader(listed).read_looks(BOUNDS)
    assert (looks[:, : SIZE // 2] == 2).all() and (looks[:, SIZE // 2 :] == 2).all()
    assert (pixels[:, :, : SIZE // 2] == truth[:, :, : SIZE // 2] + 5).all()
    assert (pixels[:, :, SIZE // 2 :] == truth[:, :, SIZE // 2 :] + 10).all()


def test_dilation_grows_a_square():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = mask[0, 0] = True
    grown = dilate(mask, 2)
    assert grown[2:7, 2:7].all() and grown[:3, :3].all() and grown.sum() == 25 + 9 - 1


def test_a_percentile_and_the_least_cloudy_date_can_be_had_instead(scenes):
    truth, listed = scenes
    low, _ = SceneReader(listed | {"statistic": "p0"}).read(BOUNDS)
    assert (low == truth).all()
    for day, cloud in zip(listed["dates"], (30, 20, 10), strict=True):
        day["cloud"] = cloud
    clearest, _ = SceneReader(listed | {"statistic": "least_cloud"}).read(BOUNDS)
    assert (clearest[:, :, : SIZE // 2] == truth[:, :, : SIZE // 2] + 10).all()
    assert (clearest[:, :, SIZE // 2 :] == truth[:, :, SIZE // 2 :] + 20).all()


def test_a_scene_on_another_grid_is_refused(scenes, raster):
    listed = scenes[1]
    pixels = np.full((1, SIZE, SIZE), 5, np.uint16)
    for changes in ({"left": LEFT + 3}, {"epsg": 32646}, {"pixel": 15}):
        place = {"left": LEFT} | changes
        listed["dates"][0]["items"][0]["assets"]["B04"] = raster("other.tif", pixels, **place)
        with pytest.raises(SceneError, match="lies on another grid"):
            SceneReader(listed).read(BOUNDS)


def test_strips_cover_a_window_from_the_top_down():
    assert list(strips((0, 0, 100, 250), 10)) == [(0, 150, 100, 250), (0, 50, 100, 150), (0, 0, 100, 50)]
