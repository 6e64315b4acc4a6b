"""The STAC record: valid by the core's schemas, self-contained, with hashes of what it offers and its origin."""

import hashlib
import json
from pathlib import Path
from shutil import copytree

import geopandas as gpd
import pystac
import pytest
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from shapely import MultiPolygon, box

from kilnscan.config_impact import Public
from kilnscan.products import for_everybody, write_edition
from kilnscan.stac_record import MOST_LINKS, boxes_of, days_of, scene_links
from tests.published import CATALOG, META, SCENE, edition, layer


def bare() -> dict[str, gpd.GeoDataFrame]:
    return {name: layer(name) for name in ("kilns", "coverage")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an edition."""
    folder = tmp_path_factory.mktemp("edition")
    write_edition(edition(folder, bare()))
    return folder


def record(folder: Path) -> tuple[dict, dict]:
    """Collection and item of an edition."""
    return tuple(json.loads((folder / "stac" / f"{name}.json").read_text()) for name in ("collection", "demo"))


@pytest.mark.parametrize("public", [False, True])
def test_collection_and_item_are_valid(made: Path, tmp_path: Path, public: bool) -> None:
    if public:
        write_edition(for_everybody(edition(made, bare()), Public(), tmp_path))
    kinds = (pystac.STACObjectType.COLLECTION, pystac.STACObjectType.ITEM)
    for content, kind in zip(record(tmp_path if public else made), kinds, strict=True):
        JsonSchemaSTACValidator().validate(content, kind, content["stac_version"], [])
        assert content["stac_version"] == "1.1.0"


def test_pystac_reads_the_record_from_any_folder(made: Path, tmp_path: Path) -> None:
    copytree(made, tmp_path / "moved")
    collection = pystac.Collection.from_file(str(tmp_path / "moved/stac/collection.json"))
    (item,) = collection.get_items()
    assert item.collection_id == collection.id
    assert all(Path(asset.get_absolute_href()).is_file() for asset in item.assets.values())


def test_every_product_has_its_size_hash_and_columns(made: Path) -> None:
    _, item = record(made)
    told = {(made / "stac" / asset["href"]).resolve(): asset for asset in item["assets"].values()}
    made = {path for path in (made / "atlas").rglob("*") if path.is_file()} | {made / "site/index.html"}
    assert set(told) == made
    for path, asset in told.items():
        assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
        assert asset["file:size"] == path.stat().st_size
    names = [column["name"] for column in item["assets"]["kilns"]["table:columns"]]
    assert names == list(layer("kilns").columns)


def test_lineage_names_scenes_models_and_software(made: Path) -> None:
    collection, item = record(made)
    assert [link["href"] for link in item["links"] if link["rel"] == "derived_from"] == [
        f"{CATALOG}/collections/sentinel-2-l2a/items/S2A_1"
    ]
    assert item["properties"]["kilnscan:models"] == [{"name": "a.onnx", "sha256": "ab"}]
    assert "kilnscan" in item["properties"]["processing:software"]
    assert item["properties"]["kilnscan:scenes"] == 1
    assert {"processor"} <= {role for provider in collection["providers"] for role in provider["roles"]}


def test_extent_is_that_of_coverage_and_images(made: Path) -> None:
    collection, item = record(made)
    assert collection["extent"]["spatial"]["bbox"] == [item["bbox"]]
    assert item["bbox"] == pytest.approx(layer("coverage").total_bounds, abs=1e-6)
    assert collection["extent"]["temporal"]["interval"] == [["2024-02-01T00:00:00Z", "2024-04-30T23:59:59Z"]]


def test_coverage_across_the_antimeridian_has_two_boxes(tmp_path: Path) -> None:
    tables = bare()
    fiji = MultiPolygon([box(179, -18, 180, -17), box(-180, -18, -179, -16)])
    tables["coverage"] = tables["coverage"].iloc[:1].set_geometry([fiji], crs=4326)
    write_edition(edition(tmp_path, tables))
    item = json.loads((tmp_path / "stac/demo.json").read_text())
    assert item["bbox"] == [179, -18, -179, -16]
    assert item["geometry"]["type"] == "MultiPolygon"
    JsonSchemaSTACValidator().validate(item, pystac.STACObjectType.ITEM, "1.1.0", [])
    whole = gpd.GeoDataFrame(geometry=[box(-170, 0, -10, 1), box(-1, 0, 1, 1), box(10, 0, 170, 1)], crs=4326)
    assert boxes_of(whole) == [[-170, 0, 170, 1]]
    assert boxes_of(whole.iloc[:0]) == []


def test_composites_without_a_date_have_an_open_interval(tmp_path: Path) -> None:
    tables = bare()
    tables["kilns"] = tables["kilns"].assign(first_seen="", last_seen="")
    scene = SCENE | {"dates": [{"date": "", "items": []}]}
    write_edition(edition(tmp_path, tables, scenes=[scene], catalog=""))
    collection, item = record(tmp_path)
    assert collection["extent"]["temporal"]["interval"] == [[None, None]]
    JsonSchemaSTACValidator().validate(collection, pystac.STACObjectType.COLLECTION, "1.1.0", [])
    JsonSchemaSTACValidator().validate(item, pystac.STACObjectType.ITEM, "1.1.0", [])
    assert days_of([scene], tables["kilns"]) == ("", "")


@pytest.mark.parametrize(
    "catalog",
    [
        *("", "scenes.json", "/data/catalogue", "https://x.org/frozen.json", "https://x.org/frozen.json?sas=secret"),
        *("https://me:secret@x.org/v1", "https://x.org/v1?key=secret"),
    ],
)
def test_scenes_that_have_no_address_are_counted_only(catalog: str) -> None:
    assert scene_links([SCENE], catalog) == []


def test_a_name_from_the_catalogue_stays_one_part_of_the_address() -> None:
    scene = {"dates": [{"items": [{"id": "../../evil?a=#b", "collection": "c d"}]}]}
    (link,) = scene_links([scene], CATALOG + "/")
    assert link["href"] == f"{CATALOG}/collections/c%20d/items/..%2F..%2Fevil%3Fa%3D%23b"


def test_too_many_scenes_are_counted_only() -> None:
    items = [{"id": f"S{number}", "collection": "c"} for number in range(MOST_LINKS + 1)]
    assert scene_links([{"dates": [{"items": items}]}], CATALOG) == []
    assert len(scene_links([{"dates": [{"items": items[1:]}]}] * 2, CATALOG)) == MOST_LINKS


def test_a_region_called_collection_keeps_both_files(tmp_path: Path) -> None:
    write_edition(edition(tmp_path, bare(), meta=META | {"region": "collection"}))
    collection = pystac.Collection.from_file(str(tmp_path / "stac/collection.json"))
    assert [item.id for item in collection.get_items()] == ["collection"]
