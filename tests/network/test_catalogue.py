"""Scenes are found through a real STAC API, a static catalogue or a frozen list, and all three agree."""

import copy
import json

import pytest
import shapely

from kilnscan.catalogue import find_items
from kilnscan.config_sentinel2 import Stac
from kilnscan.errors import CatalogueError
from kilnscan.frozen import freeze
from kilnscan.grid import tiles_of, to_crs
from kilnscan.radiometry import carries_offset
from kilnscan.ranges import Ranges
from kilnscan.scenes import find_scenes
from tests.network.granules import Square, make_granule

SQUARE = Square.at(32645, 450_000, 2_050_000)
AREA = to_crs(shapely.box(402_000, 2_092_000, 408_000, 2_098_000), 32645, 4326)
TILE = tiles_of(AREA)[0]
SIZE = 1098
C1, OLD = "sentinel-2-c1-l2a", "sentinel-2-l2a"
DAYS = ["2024-01-10", "2024-01-30", "2024-02-20", "2024-03-10", "2024-07-01"]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_WAIT", "0.01")
    monkeypatch.setenv("KILNSCAN_HTTP_TIMEOUT", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("granules")


@pytest.fixture(scope="module")
def web(http_server, folder):
    return http_server(folder)


@pytest.fixture(scope="module")
def items(folder, web):
    """Collection 1 lacks February; the older collection has all dates, and a cloudy one."""
    small = {"base_url": web, "size_px": SIZE, "bands": ("B04", "B03", "B02", "SCL")}
    c1 = {"collection": C1, "stored_offset": 1000, "declared_offset": -0.1}
    made = [make_granule(folder, SQUARE, f"{d}T04:40:31Z", **small, **c1) for d in DAYS if "-02-" not in d]
    old = {"collection": OLD, "declared_offset": -0.1, "boa_offset_applied": True}
    made += [make_granule(folder, SQUARE, f"{day}T04:40:31Z", **small, **old) for day in DAYS]
    cloudy = make_granule(folder, SQUARE, "2024-02-25T04:40:31Z", **small, **old, clouds=0.9)
    return [*made, cloudy]


def source(catalog, **changes):
    season = {"start": "2024-01-01", "end": "2024-05-31", "bands": ["B04", "B03", "B02"]}
    return Stac(source="stac", catalog=catalog, **(season | changes))


def found(scenes):
    return [(day["date"], item["collection"]) for day in scenes["dates"] for item in day["items"]]


REAL = [("WL", 13), ("WL", 15), ("WM", 13), ("WM", 15), ("WM", 18)]
EXPECTED = [("2024-01-10", C1), ("2024-01-30", C1), ("2024-02-20", OLD), ("2024-03-10", C1)]


def test_an_api_gives_the_seasons_scenes_page_by_page(stac_api, items, monkeypatch):
    monkeypatch.setattr("kilnscan.catalogue.PAGE_ITEMS", 2)
    assert found(find_scenes(TILE, source(stac_api(items)))) == EXPECTED


def test_a_bad_network_does_not_change_what_is_found(stac_api, items, faults):
    calm = find_scenes(TILE, source(stac_api(items)))
    proxy = faults(stac_api(items), rate=0.5, kinds=("429", "500", "503", "reset", "reset-mid", "truncated"))
    shaky = [find_scenes(TILE, source(proxy.url, max_cloud=60 + n)) for n in range(4)]
    assert proxy.faults and all(scenes["dates"] == calm["dates"] for scenes in shaky)


def test_next_months_search_changes_only_the_tile_with_new_scenes(stac_api, items, folder, web):
    far = tiles_of(to_crs(shapely.box(502_000, 2_092_000, 504_000, 2_094_000), 32645, 4326))[0]
    small = {"base_url": web, "size_px": SIZE, "bands": ("B04", "B03", "B02", "SCL"), "collection": C1}
    beside = Square.at(32645, 550_000, 2_050_000)
    both = [*items, make_granule(folder, beside, "2024-01-10T04:40:31Z", **small)]
    later = [*both, make_granule(folder, beside, "2024-04-20T04:40:31Z", **small)]
    before, after = (
        [find_scenes(tile, source(stac_api(known)))["fingerprint"] for tile in (TILE, far)] for known in (both, later)
    )
    assert before[0] == after[0] and before[1] != after[1]


def test_a_frozen_list_gives_the_same_scenes_without_anybody_being_asked(stac_api, items, tmp_path, monkeypatch):
    live = find_scenes(TILE, source(stac_api(items), max_dates=3))
    path = tmp_path / "scenes.geojson"
    path.write_text(json.dumps(freeze([live])))
    monkeypatch.setattr("urllib3.PoolManager.request", None)
    assert find_scenes(TILE, source(str(path), max_dates=3)) == live


def test_a_frozen_list_of_many_tiles_gives_each_its_own_scenes(stac_api, items, folder, web, tmp_path):
    """Days that were chosen for a neighbour's land are not taken for one's own, however clear they are."""
    small = {"base_url": web, "size_px": SIZE, "bands": ("B04", "B03", "B02", "SCL"), "collection": C1}
    beside = Square.at(32645, 550_000, 2_050_000)
    clear_there = make_granule(folder, beside, "2024-03-20T04:40:31Z", **small)
    api = stac_api([*items, clear_there])
    tiles = [TILE, tiles_of(to_crs(shapely.box(502_000, 2_092_000, 504_000, 2_094_000), 32645, 4326))[0]]
    live = [find_scenes(tile, source(api, max_dates=1)) for tile in tiles]
    assert live[0]["dates"][0]["date"] != live[1]["dates"][0]["date"]
    path = tmp_path / "scenes.geojson"
    path.write_text(json.dumps(freeze(live)))
    assert [find_scenes(tile, source(str(path), max_dates=1)) for tile in tiles] == live


def test_scenes_on_this_machine_are_not_frozen(items, folder, web, tmp_path):
    here = [json.loads(json.dumps(item).replace(f"{web}/", "")) for item in items]
    (folder / "list.json").write_text(json.dumps({"features": here}))
    with pytest.raises(CatalogueError, match="Commit their catalogue instead"):
        freeze([find_scenes(TILE, source(str(folder / "list.json")))])


def static_catalogue(root, items, relative):
    """A catalogue of JSON files under `root` that lists items of one collection."""
    (root / "old").mkdir(parents=True)
    links = [{"rel": "child", "href": "./old/collection.json", "type": "application/json"}]
    plain = {"stac_version": "1.0.0", "description": "x"}
    (root / "catalog.json").write_text(json.dumps({"type": "Catalog", "id": "root", "links": links, **plain}))
    listed = []
    for item in copy.deepcopy(items):
        if relative:
            for asset in item["assets"].values():
                asset["href"] = "../../" + asset["href"].split("/", 3)[3]
        (root / "old" / f"{item['id']}.json").write_text(json.dumps(item))
        listed.append({"rel": "item", "href": f"./{item['id']}.json", "type": "application/json"})
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    collection = {"type": "Collection", "id": OLD, "license": "x", "extent": extent, "links": listed, **plain}
    (root / "old" / "collection.json").write_text(json.dumps(collection))


def test_a_static_catalogue_serves_as_well_on_the_web_and_on_disk(items, folder, web):
    old = [item for item in items if item["collection"] == OLD]
    expected = [(day, OLD) for day, _ in EXPECTED]
    static_catalogue(folder / "static", old, relative=True)
    there = find_scenes(TILE, source(f"{web}/static/catalog.json"))
    assert found(there) == expected
    assert there["dates"][0]["items"][0]["assets"]["B04"].startswith(f"{web}/sentinel")
    with pytest.raises(CatalogueError, match="files beside the catalogue"):
        find_scenes(TILE, source(f"{folder}/static/catalog.json"))  # ../.. leaves the catalogue's folder
    (folder / "catalog.json").write_text(
        (folder / "static/catalog.json").read_text().replace("./old/", "./static/old/")
    )
    assert found(find_scenes(TILE, source(f"{folder}/catalog.json"))) == expected


def test_a_catalogue_on_disk_may_not_lead_elsewhere(items, tmp_path):
    static_catalogue(tmp_path / "a", items[-1:], relative=False)
    path = tmp_path / "a" / "catalog.json"
    path.write_text(path.read_text().replace("./old/collection.json", "../../../etc/passwd"))
    with pytest.raises(CatalogueError, match="which lies elsewhere"):
        find_scenes(TILE, source(str(path)))


def test_a_catalogue_that_does_not_answer_says_what_to_check(faults, stac_api, items, monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", "2")
    proxy = faults(stac_api(items), broken={".": "503"})
    with pytest.raises(CatalogueError, match="does not answer"):
        find_scenes(TILE, source(proxy.url))


def test_a_web_page_is_no_catalogue(http_server, tmp_path):
    (tmp_path / "index.html").write_text("<html>")
    with pytest.raises(CatalogueError, match=r"Check .*`sentinel2\.catalog`"):
        find_scenes(TILE, source(f"{http_server(tmp_path)}/index.html"))


@pytest.mark.parametrize(
    ("stored", "applied", "offset"),
    [
        pytest.param(1000, False, -1000, id="declared, not yet applied, and so it is"),
        pytest.param(0, True, 0, id="declared but already applied, and said so"),
        pytest.param(0, False, 0, id="already applied although the item denies it: earth-search#66"),
        pytest.param(1000, True, -1000, id="not applied although the item claims it"),
    ],
)
def test_the_pixels_decide_whether_the_offset_is_still_in(folder, web, stac_api, stored, applied, offset):
    item = make_granule(
        folder, SQUARE, f"2024-05-1{stored // 1000 + 2 * applied}T04:40:31Z", base_url=web, size_px=SIZE,
        bands=("B04", "B03", "B02", "SCL"), stored_offset=stored, declared_offset=-0.1, boa_offset_applied=applied,
        pixels=vegetation(),
    )  # fmt: skip
    scenes = find_scenes(TILE, source(stac_api([item])))
    assert scenes["dates"][0]["items"][0]["radiometry"]["B03"] == [1.0, offset]


def vegetation():
    """Reflectance of fields: dark in the visible bands."""
    import numpy as np

    draw = np.random.default_rng(0)
    bands = {band: draw.integers(200, 900, (SIZE, SIZE)) for band in ("B02", "B03", "B04")}
    return bands | {"SCL": np.full((SIZE // 2, SIZE // 2), 4)}


def test_without_dark_land_the_items_word_is_taken(folder, web, stac_api):
    import numpy as np

    desert = vegetation() | {"SCL": np.full((SIZE // 2, SIZE // 2), 5)}
    item = make_granule(
        folder, SQUARE, "2024-04-02T04:40:31Z", base_url=web, size_px=SIZE, bands=("B04", "B03", "B02", "SCL"),
        declared_offset=-0.1, boa_offset_applied=False, pixels=desert,
    )  # fmt: skip
    scenes = find_scenes(TILE, source(stac_api([item])))
    assert scenes["dates"][0]["items"][0]["radiometry"]["B03"] == [1.0, -1000]


def test_a_scene_whose_pixels_cannot_be_asked_gives_way_to_another(stac_api, items, faults, web, monkeypatch):
    monkeypatch.setenv("KILNSCAN_HTTP_ATTEMPTS", "2")
    proxy = faults(web, broken={"20240220": "503"})
    moved = json.loads(json.dumps(items).replace(web, proxy.url))
    extra = copy.deepcopy(next(item for item in moved if "20240225" in item["id"]))
    extra["properties"]["eo:cloud_cover"] = 50
    scenes = find_scenes(TILE, source(stac_api([*moved, extra]), max_dates=4))
    assert ("2024-02-20", OLD) not in found(scenes) and ("2024-02-25", OLD) in found(scenes)
    assert [entry["scene"] for entry in scenes["lost"]] == ["S2A_45QVA_20240220_0_L2A"]


def test_the_real_items_are_found_and_their_offsets_settled(real_data, stac_api):
    paths = sorted((real_data / "stac/earthsearch_v1_items").glob("*.json"))
    raw = [json.loads(path.read_text()) for path in paths]
    for item in raw:
        item["properties"]["kilnscan:settled"] = True  # their pixels are not here
    tile = tiles_of(shapely.box(15.9, 47.2, 16.0, 47.3))[0]
    season = {"start": "2022-01-01", "end": "2022-03-01", "max_cloud": 100}
    scenes = find_scenes(tile, source(stac_api(raw), **season))
    offsets = {day["date"]: day["items"][0]["radiometry"]["B04"][1] for day in scenes["dates"]}
    assert offsets == {"2022-01-22": 0, "2022-01-30": 0, "2022-02-26": -1000}


def test_a_real_static_catalogue_is_read(real_data):
    catalog = real_data / "s2_multiband/mapchete_eo_catalog/catalog.json"
    season = source(str(catalog), collections=[OLD], start="2023-08-11", end="2023-08-18", max_cloud=45)
    items, _ = find_items(season, AREA)
    assert {item.id[4:18] for item in items} == {f"33T{square}_202308{day}" for square, day in REAL}
    assert items[0].link("B04", season.catalog).startswith(str(catalog.parent))


def test_a_real_desert_says_nothing_about_the_offset(real_data):
    from kilnscan.catalogue import Item

    path = real_data / "s2_multiband/earthsearch_29RKH_pds/S2A_29RKH_20200219_0_L2A.json"
    raw = json.loads(path.read_text())
    for name, asset in raw["assets"].items():
        band = {"blue": "B02", "green": "B03", "red": "B04", "scl": "SCL"}.get(name)
        if band:
            asset["href"] = f"{band}.tif"
    item = Item.model_validate(raw | {"base": str(path)})
    assert carries_offset(item, str(path), Ranges()) is None
