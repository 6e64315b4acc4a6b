"""Scenes are chosen by zone, season and cloud; catalogues are checked; the offset trap is avoided."""

import copy
import json

import pytest
import shapely

from kilnscan.config import Stac
from kilnscan.errors import CatalogueError
from kilnscan.grid import tiles_of
from kilnscan.scenes import choose_scenes, read_catalog

TILE = tiles_of(shapely.box(86.51, 18.97, 86.52, 18.98), 100)[0]


def item(**changes):
    """One Earth Search item over the tile; `changes` go into its properties."""
    band = {
        "href": "b.tif", "proj:shape": [1000, 1000], "proj:transform": [10, 0, 445000, 0, -10, 2105000],
        "raster:bands": [{"scale": 0.0001, "offset": -0.1}],
    }  # fmt: skip
    names = ("blue", "green", "red", "nir", "swir16", "swir22", "scl")
    properties = {"datetime": "2024-01-10T05:00:00Z", "eo:cloud_cover": 10, "proj:epsg": 32645} | changes
    name = "S2_" + properties["datetime"][:10]
    return {
        "id": name,
        "collection": "sentinel-2-l2a",
        "properties": properties,
        "assets": {n: dict(band) for n in names},
    }


@pytest.fixture
def choose(tmp_path):
    def choosing(*items, **changes):
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": list(items)}))
        season = {"source": "stac", "catalog": str(path), "start": "2024-01-01", "end": "2024-03-31"}
        return choose_scenes(TILE, Stac(**(season | changes)), read_catalog(path))

    return choosing


def test_only_scenes_of_the_season_the_zone_and_the_cloud_limit_are_chosen(choose):
    scenes = choose(
        item(),
        item(datetime="2024-02-10T05:00:00Z", **{"eo:cloud_cover": 80}),
        item(datetime="2023-12-31T05:00:00Z"),
        item(datetime="2024-01-20T05:00:00Z", **{"proj:epsg": 32644}),
    )
    assert [day["date"] for day in scenes["dates"]] == ["2024-01-10"]


def test_the_least_cloudy_dates_are_kept_in_time_order(choose):
    days = [("2024-01-10", 30), ("2024-01-20", 10), ("2024-01-30", 20)]
    scenes = choose(*(item(datetime=f"{d}T05:00:00Z", **{"eo:cloud_cover": c}) for d, c in days), max_dates=2)
    assert [day["date"] for day in scenes["dates"]] == ["2024-01-20", "2024-01-30"]


def test_the_dates_do_not_depend_on_how_a_square_is_subdivided(tmp_path):
    clear, near, far = item(), *(item(datetime="2024-01-20T05:00:00Z", **{"eo:cloud_cover": c}) for c in (5, 90))
    for asset in far["assets"].values():  # of the other date, over the square's far side only
        asset["proj:transform"] = [10, 0, 480000, 0, -10, 2105000]
    (tmp_path / "c.json").write_text(json.dumps({"features": [clear, near, far]}))
    source = Stac(source="stac", catalog=str(tmp_path / "c.json"), start="2024-01-01", end="2024-03-31", max_dates=1)
    small = tiles_of(shapely.box(86.51, 18.97, 86.52, 18.98), 10)[0]
    days = [[d["date"] for d in choose_scenes(t, source, read_catalog(source.catalog))["dates"]] for t in (TILE, small)]
    assert days == [["2024-01-10"], ["2024-01-10"]]


@pytest.mark.parametrize(
    ("applied", "collection", "offset"),
    [
        pytest.param(False, "sentinel-2-l2a", -1000, id="declared and not yet applied"),
        pytest.param(True, "sentinel-2-l2a", 0, id="declared but already applied: the trap"),
        pytest.param(True, "sentinel-2-c1-l2a", -1000, id="collection 1 declares what its pixels need"),
    ],
)
def test_the_offset_is_applied_once(choose, applied, collection, offset):
    scenes = choose(item(**{"earthsearch:boa_offset_applied": applied}) | {"collection": collection})
    assert scenes["dates"][0]["items"][0]["radiometry"]["B04"] == [1.0, offset]


def test_the_list_follows_its_content_only(choose):
    first, second = item(), item(datetime="2024-01-20T05:00:00Z")
    assert choose(first, second) == choose(second, first)
    assert choose(first)["fingerprint"] != choose(first, second)["fingerprint"]


def test_nothing_to_choose_from_gives_an_empty_list(choose):
    assert choose()["dates"] == []


def broken(path, value):
    result = copy.deepcopy(item())
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["id"], "../../etc", "id"),
        (["properties", "datetime"], "yesterday", "datetime"),
        (["properties", "eo:cloud_cover"], 900, "eo:cloud_cover"),
        (["assets"], {}, "no band B04"),
        (["assets", "red", "href"], "file:///etc/passwd", "only https, s3 and files beside"),
        (["assets", "red", "href"], "/etc/passwd", "only https, s3 and files beside"),
        (["assets", "red", "href"], "../secret.tif", "only https, s3 and files beside"),
        (["assets", "red", "href"], "/vsicurl/http://x/a.tif", "only https, s3 and files beside"),
        (["assets", "red", "raster:bands"], [{"scale": "1", "offset": 0}], "cannot be reflectance"),
        (["assets", "red", "proj:transform"], [10], "is malformed"),
    ],
)
def test_a_hostile_or_broken_item_is_refused(choose, path, value, says):
    with pytest.raises(CatalogueError, match=says):
        choose(broken(path, value))


def test_a_catalogue_that_is_none_is_refused(tmp_path):
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(CatalogueError, match="not a readable item collection"):
        read_catalog(tmp_path / "c.json")
