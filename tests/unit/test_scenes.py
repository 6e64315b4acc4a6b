"""Scenes are chosen by zone, season and cloud; catalogues are checked; the offset trap is avoided."""

import copy
import json

import numpy as np
import pytest
import rasterio
import shapely

from kilnscan.catalogue import find_items, season_windows
from kilnscan.config_sentinel2 import Mosaic, Stac
from kilnscan.errors import CatalogueError, ImageryError
from kilnscan.grid import Tile, tiles_of, to_crs
from kilnscan.scenes import choose_mosaic, find_scenes

AREA = shapely.box(86.51, 18.97, 86.52, 18.98)
TILE = tiles_of(AREA, 100)[0]


def item(**changes):
    """One Earth Search item over the tile; `changes` go into its properties."""
    band = {
        "href": "b.tif", "proj:shape": [1000, 1000], "proj:transform": [10, 0, 445000, 0, -10, 2105000],
        "raster:bands": [{"scale": 0.0001, "offset": -0.1}],
    }  # fmt: skip
    names = ("blue", "green", "red", "nir", "swir16", "swir22", "scl")
    properties = {
        "datetime": "2024-01-10T05:00:00Z", "eo:cloud_cover": 10, "proj:epsg": 32645, "kilnscan:settled": True,
    } | changes  # fmt: skip
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
        return find_scenes(TILE, Stac(**(season | changes)))

    return choosing


def test_only_scenes_of_the_season_the_zone_and_the_cloud_limit_are_chosen(choose):
    scenes = choose(
        item(),
        item(datetime="2024-02-10T05:00:00Z", **{"eo:cloud_cover": 80}),
        item(datetime="2023-12-31T05:00:00Z"),
        item(datetime="2024-01-20T05:00:00Z", **{"proj:epsg": 32644}),
    )
    assert [day["date"] for day in scenes["dates"]] == ["2024-01-10"]


def on(day, cloud=10, **changes):
    return item(datetime=f"{day}T05:00:00Z", **{"eo:cloud_cover": cloud}, **changes)


def days_of(scenes):
    return [day["date"] for day in scenes["dates"]]


def test_of_one_part_of_the_season_the_least_cloudy_date_is_kept(choose):
    scenes = choose(on("2024-01-10", 30), on("2024-01-20", 10), on("2024-01-30", 20), max_dates=1)
    assert days_of(scenes) == ["2024-01-20"]
    assert scenes["dates"][0]["cloud"] == 10


def test_dates_are_spread_over_the_season_rather_than_all_clear(choose):
    clear_week = [on(f"2024-01-{day:02}", 5) for day in range(1, 8)]
    assert days_of(choose(*clear_week, on("2024-03-20", 45), max_dates=2)) == ["2024-01-01", "2024-03-20"]


def test_every_part_of_the_land_gets_its_looks_although_orbits_differ_in_cloud(choose):
    def strip(day, cloud, west, east):
        # half of the square each: 0.05 degrees are all that is owned
        ring = [[west, 18], [east, 18], [east, 20], [west, 20], [west, 18]]
        return on(day, cloud) | {"geometry": {"type": "Polygon", "coordinates": [ring]}}

    west = [strip(f"2024-0{month}-10", 1, 86, 86.516) for month in (1, 2, 3)]
    east = [strip(f"2024-0{month}-15", 50, 86.514, 87) for month in (1, 2, 3)]
    assert {day[-2:] for day in days_of(choose(*west, *east, max_dates=2))} == {"10", "15"}


def test_each_cell_of_land_has_its_own_days(tmp_path):
    """Where orbits meet, a tile's west is seen on other days than its east, and neither goes short."""
    west, east = [on(f"2024-01-1{n}") for n in range(4)], [on(f"2024-02-1{n}") for n in range(4)]
    for item_, left in [*((i, 400_000) for i in west), *((i, 440_000) for i in east)]:
        for asset in item_["assets"].values():
            asset["proj:shape"], asset["proj:transform"] = [4000, 4000], [10, 0, left, 0, -10, 2_140_000]
    (tmp_path / "c.json").write_text(json.dumps({"features": [*west, *east]}))
    source = Stac(source="stac", catalog=str(tmp_path / "c.json"), start="2024-01-01", end="2024-03-31", max_dates=4)
    tile = tiles_of(to_crs(shapely.box(402_000, 2_102_000, 478_000, 2_138_000), 32645, 4326))[0]
    days = find_scenes(tile, source)["dates"]
    assert len(days) == 8
    for day in days:
        assert ([20, 105] in day["cells"], [23, 106] in day["cells"]) == (
            day["date"] < "2024-02",
            day["date"] > "2024-02",
        )


def test_a_season_may_be_some_months_of_several_years(choose):
    days = ["2023-02-10", "2023-06-10", "2024-01-31", "2024-03-01"]
    scenes = choose(*map(on, days), start="2023-01-01", end="2024-12-31", months=[1, 2])
    assert days_of(scenes) == ["2023-02-10", "2024-01-31"]


def test_months_become_windows_of_time():
    season = Stac(source="stac", start="2022-11-15", end="2024-02-10", months=[11, 12, 1, 2])
    windows = [tuple(map(str, window)) for window in season_windows(season)]
    assert windows == [("2022-11-15", "2023-02-28"), ("2023-11-01", "2024-02-10")]


def test_a_granule_comes_from_the_first_collection_that_has_it(choose):
    both = [on("2024-01-10") | {"collection": name} for name in ("sentinel-2-l2a", "sentinel-2-c1-l2a")]
    gap = on("2024-02-10") | {"collection": "sentinel-2-l2a"}
    scenes = choose(*both, gap)
    assert [[i["collection"] for i in d["items"]] for d in scenes["dates"]] == [
        ["sentinel-2-c1-l2a"],
        ["sentinel-2-l2a"],
    ]


def test_a_granule_that_adds_nothing_is_left_out_and_another_strip_of_the_same_kept(choose):
    first = on("2024-01-10")
    again = on("2024-01-10") | {"id": "S2_again"}
    inside = on("2024-01-10") | {"id": "S2_inside"}
    inside["assets"] = {n: a | {"proj:shape": [500, 500]} for n, a in inside["assets"].items()}
    names = [i["id"] for i in choose(first, again, inside)["dates"][0]["items"]]
    assert names == ["S2_2024-01-10", "S2_again"]


def test_the_dates_do_not_depend_on_how_a_square_is_subdivided(tmp_path):
    everywhere, clearer_but_small = on("2024-01-10", 20), on("2024-01-20", 5)
    for asset in everywhere["assets"].values():
        asset["proj:shape"] = [1000, 4000]
    (tmp_path / "c.json").write_text(json.dumps({"features": [everywhere, clearer_but_small]}))
    source = Stac(source="stac", catalog=str(tmp_path / "c.json"), start="2024-01-01", end="2024-03-31", max_dates=1)
    whole, small = (tiles_of(shapely.box(86.51, 18.97, 86.8, 18.98), size)[0] for size in (100, 10))
    assert [days_of(find_scenes(tile, source)) for tile in (whole, small)] == [["2024-01-10"]] * 2


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
        (["assets"], {}, "no band B02"),
        (["assets", "red", "href"], "file:///etc/passwd", "only https, s3, the catalogue"),
        (["assets", "red", "href"], "/etc/passwd", "only https, s3, the catalogue"),
        (["assets", "red", "href"], "../secret.tif", "only https, s3, the catalogue"),
        (
            ["assets", "red", "href"],
            "/vsicurl/http://x/a.tif",
            "only https, s3, the catalogue",
        ),
        (["assets", "red", "raster:bands"], [{"scale": "1", "offset": 0}], "cannot be reflectance"),
        (["assets", "red", "proj:transform"], [10], "is malformed"),
        (["assets", "red", "proj:shape"], [10**400, 5], "is malformed"),
        (["assets", "red", "href"], "https://[::1", "only https, s3, the catalogue"),
        (["assets", "red", "href"], "https://169.254.169.254/latest", "only https, s3, the catalogue"),
        (["assets", "red", "href"], "https://user:word@example.org/a.tif", "only https, s3, the catalogue"),
    ],
)
def test_a_hostile_or_broken_item_is_refused(choose, path, value, says):
    with pytest.raises(CatalogueError, match=says):
        choose(broken(path, value))


def test_an_odd_item_among_good_ones_is_left_out_and_named(choose):
    odd = on("2024-02-10")
    odd["assets"]["red"]["proj:transform"] = [10]
    scenes = choose(on("2024-01-10"), odd, on("2024-02-20") | {"properties": None})
    assert days_of(scenes) == ["2024-01-10"]
    assert [entry["scene"] for entry in scenes["lost"]] == ["S2_2024-02-10", "S2_2024-02-20"]


@pytest.mark.parametrize("geometry", [{"type": "Bogus"}, {"type": "Polygon", "coordinates": [[[0, 0]]]}, {}, None])
def test_an_outline_that_cannot_be_used_counts_as_the_whole_granule(choose, geometry):
    assert days_of(choose(item() | {"geometry": geometry})) == ["2024-01-10"]


def test_a_relative_catalogue_keeps_to_its_folder_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text(json.dumps({"features": [broken(["assets", "red", "href"], "../../x.tif")]}))
    with pytest.raises(CatalogueError, match="files beside the catalogue"):
        find_scenes(TILE, Stac(source="stac", catalog="c.json", start="2024-01-01", end="2024-03-31"))


@pytest.mark.parametrize("content", ["[" * 100_000, "{}", '{"type": "Catalog", "links": 5}', '{"features": 7}'])
def test_nonsense_is_no_catalogue(tmp_path, content):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(CatalogueError, match="is no STAC API, catalogue or item collection"):
        find_scenes(TILE, Stac(source="stac", catalog=f"{tmp_path}/c.json", start="2024-01-01", end="2024-02-01"))


def test_a_catalogue_that_is_none_is_refused(tmp_path):
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(CatalogueError, match="is no STAC API, catalogue or item collection"):
        find_items(Stac(source="stac", catalog=str(tmp_path / "c.json"), start="2024-01-01", end="2024-02-01"), AREA)


@pytest.mark.parametrize(
    ("described", "bands", "fits"),
    [
        (["B04", "B08_p90", "looks"], ["B04", "B08_p90"], True),
        (["B08_p90", "B04", "looks"], ["B04", "B08_p90"], False),
        (["B04", "B08_p10"], ["B04", "B08_p90"], False),
        (["A00", "A01"], ["A01", "A00"], False),
        (["first", "second"], ["A00", "A01"], True),
        ([None, None], ["A00", "A01"], True),
    ],
)
def test_a_composite_that_names_its_bands_otherwise_is_refused(raster, described, bands, fits):
    path = raster("composite.tif", np.zeros((len(described), 9, 9), np.int16))
    with rasterio.open(path, "r+") as file:
        file.descriptions = described
    tile = Tile(
        "45QVA", 32645, (449_990, 2_099_910, 450_090, 2_100_010), shapely.box(450_000, 2_099_910, 450_090, 2.1e6)
    )
    source = Mosaic(source="mosaic", path=path, bands=bands)
    if fits:
        assert choose_mosaic(tile, source)["bands"] == bands
    else:
        with pytest.raises(ImageryError, match=r"names its first bands .* but `sentinel2\.bands` says"):
            choose_mosaic(tile, source)
