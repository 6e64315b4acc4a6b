"""Publishing: the same tables give the same bytes, nothing is lost, and nothing in them can become code."""

import gzip
import json
import sqlite3
import subprocess
import threading
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from mapbox_vector_tile import decode
from pmtiles.reader import MmapSource, Reader, all_tiles
from shapely import MultiPolygon, box, from_wkt

from kilnscan import publish, serve
from kilnscan.dictionary import dictionary_of
from kilnscan.errors import KilnscanError, TableError
from kilnscan.geopackage import KINDS, write_geopackage
from kilnscan.products import MORE, TABLES, read_tables, write_edition
from kilnscan.public import INSIDE
from kilnscan.publish import COLUMNS, _tippecanoe, write_csv, write_geoparquet, write_pmtiles
from kilnscan.site import write_site
from kilnscan.site_tables import script
from kilnscan.styles import SPARE, TYPES, style_of
from tests.conftest import ROOT
from tests.published import edition, layer, layers

HOSTILE = "</script><script>alert(1)</script><!-- & \u2028 =1+1"
META = {"region": "demo", "synthetic": True, "metrics": None, "bounds": [77.0, 28.0, 77.2, 28.2]}


def table(layer: str, rows: int = 3) -> gpd.GeoDataFrame:
    """A layer with the agreed columns: text where a name is text's, numbers elsewhere."""
    numbers = {"score", "screen_score", "area_m2", "elongation", "area_km2", "acquired_km2", "clear_looks"}
    numbers |= {"lon", "lat", "length_m", "width_m", "azimuth_deg", "detections", "candidates", "kilns"}
    columns = {
        name: [0.5 + index for index in range(rows)] if name in numbers else [f"{name}{index}" for index in range(rows)]
        for name in COLUMNS[layer]
    }
    if layer == "kilns":
        columns["chip"] = [""] * rows
    shapes = [box(77.01 + 0.02 * index, 28.01, 77.012 + 0.02 * index, 28.012) for index in range(rows)]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")


def tables(rows: int = 3) -> dict[str, gpd.GeoDataFrame]:
    return {layer: table(layer, rows) for layer in COLUMNS}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def value_of(site: Path, name: str) -> object:
    return json.loads((site / "data" / f"{name}.js").read_text().partition(" = ")[2].rstrip(";\n"))


def test_geopackage_holds_every_layer_and_its_metadata(tmp_path: Path) -> None:
    given = tables()
    given["acquired"].loc[0, "geometry"] = MultiPolygon([box(77, 28, 77.1, 28.1), box(77.2, 28, 77.3, 28.1)])
    write_geopackage(tmp_path / "kilns.gpkg", given, META)
    for name in COLUMNS:
        read = pyogrio.read_dataframe(tmp_path / "kilns.gpkg", layer=name)
        assert list(read.columns) == list(given[name].columns)
        assert len(read) == 3
        assert read.crs.to_epsg() == 4326
    metadata = pyogrio.read_dataframe(tmp_path / "kilns.gpkg", layer="metadata")
    assert {key: json.loads(value) for key, value in zip(metadata["key"], metadata["value"], strict=True)} == META


def test_products_are_the_same_bytes_in_another_folder(tmp_path: Path) -> None:
    for name in ("one", "another"):
        write_geopackage(tmp_path / name / "a.gpkg", tables(), META)
        write_geoparquet(tmp_path / name / "a.parquet", table("kilns"))
        write_pmtiles(tmp_path / name / "a.pmtiles", table("candidates"), "candidates")
        write_site(tmp_path / name / "site", **tables(), meta=META)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "another")
    assert not any(str(tmp_path).encode() in content for content in bytes_of(tmp_path / "one").values())


@pytest.mark.parametrize("rows", [0, 3])
def test_geoparquet_keeps_rows_columns_and_crs(tmp_path: Path, rows: int) -> None:
    write_geoparquet(tmp_path / "kilns.parquet", table("kilns", rows))
    read = gpd.read_parquet(tmp_path / "kilns.parquet")
    assert (len(read), list(read.columns)) == (rows, list(table("kilns").columns))
    assert read.crs.to_epsg() == 4326


def test_an_atlas_without_kilns_is_published_too(tmp_path: Path) -> None:
    write_geopackage(tmp_path / "kilns.gpkg", tables(0), META)
    assert {layer for layer, _ in pyogrio.list_layers(tmp_path / "kilns.gpkg")} == {
        *COLUMNS,
        "metadata",
        "data_dictionary",
        "layer_styles",
    }
    write_site(tmp_path / "site", **tables(0), meta=META)
    assert value_of(tmp_path / "site", "kilns")["length"] == 0


def test_an_edition_is_the_same_bytes_in_another_folder(tmp_path: Path) -> None:
    for name in ("one", "another"):
        write_edition(edition(tmp_path / name))
    one = bytes_of(tmp_path / "one")
    assert one == bytes_of(tmp_path / "another")
    assert {f"atlas/layers/{name}.pmtiles" for name in layers() if name != "siting"} <= set(one)
    assert {"atlas/layers/sources.geoparquet", "atlas/layers/areas.geoparquet", "stac/collection.json"} <= set(one)


def test_what_the_map_hands_out_has_no_report_order_or_closed_source(tmp_path: Path) -> None:
    given = layers()
    given["sources"] = given["sources"].assign(show=[True, False, True], name=["a", "Closed plant", "c"])
    write_edition(edition(tmp_path, given))
    handed = tmp_path / "site/downloads/kilns-open.gpkg"
    assert not {"reports", "orders"} & {name for name, _ in pyogrio.list_layers(handed)}
    assert list(pyogrio.read_dataframe(handed, layer="sources")["name"]) == ["a", "c"]
    everything = b"".join(content for content in bytes_of(tmp_path / "site").values())
    assert b"Closed plant" not in everything
    assert b"decision0" not in everything
    assert {"kilns.gpkg", "kilns-open.gpkg"} <= set(
        json.loads((tmp_path / "atlas/provenance.json").read_text())["products"]
    )


def test_the_map_hands_out_the_geopackage_itself_where_all_of_it_is_for_everybody(tmp_path: Path) -> None:
    given = layers()
    for name in INSIDE:
        given[name] = layer(name, 0)
    write_edition(edition(tmp_path, given))
    assert (tmp_path / "site/downloads/kilns.gpkg").read_bytes() == (tmp_path / "atlas/kilns.gpkg").read_bytes()
    assert not (tmp_path / "site/downloads/kilns-open.gpkg").exists()


def compared() -> dict[str, pd.DataFrame]:
    """All layers, with the columns of an inventory of others."""
    given = layers()
    given["reconciled"] = given["reconciled"].assign(in_kilnscan=True, in_apad=[True, False, True], id_apad="Secret 7")
    given["disagreement"] = given["disagreement"].assign(apad_kilns=[3, 1, 4], kilnscan_kilns=2)
    return given


def test_change_estimates_and_inventories_come_in_every_format(tmp_path: Path) -> None:
    given = compared()
    write_edition(edition(tmp_path, given))
    record = json.loads((tmp_path / "stac/demo.json").read_text())["assets"]
    for name in ("change", "estimates", "reconciled", "disagreement"):
        written = gpd.read_parquet(tmp_path / f"atlas/layers/{name}.geoparquet")
        assert list(written.columns) == list(given[name].columns)
        text = pd.read_csv(tmp_path / f"atlas/layers/{name}.csv")
        assert len(text) == 3
        assert ("wkt" in text.columns) == (name != "estimates")
        assert {name, f"{name}-csv", f"{name}-tiles"} <= set(record)
        assert len(pyogrio.read_dataframe(tmp_path / "atlas/kilns.gpkg", layer=name)) == 3
    told = pd.read_csv(tmp_path / "atlas/data_dictionary.csv")
    assert {"in_apad", "id_apad", "apad_kilns", "kilns_low"} <= set(told["column"])


def test_rows_of_other_inventories_stay_inside_and_cells_do_not_count_them_one_by_one(tmp_path: Path) -> None:
    given = compared()
    write_edition(edition(tmp_path, given))
    handed = tmp_path / "site/downloads/kilns-open.gpkg"
    names = {name for name, _ in pyogrio.list_layers(handed)}
    assert "reconciled" not in names and {"change", "estimates", "disagreement"} <= names
    cells = pyogrio.read_dataframe(handed, layer="disagreement")
    assert set(cells.columns) == set(given["disagreement"].columns) - {"apad_kilns", "kilnscan_kilns"}
    described = pyogrio.read_dataframe(handed, layer="data_dictionary")
    assert not described["column"].str.contains("apad").any()
    assert b"Secret 7" not in b"".join(bytes_of(tmp_path / "site").values())


def test_tables_are_read_where_the_region_has_them(tmp_path: Path) -> None:
    inputs: dict[str, Any] = {}
    for name in (*TABLES, *MORE):
        layer(name).to_parquet(tmp_path / f"{name}.parquet")
        inputs[name] = str(tmp_path / f"{name}.parquet") if name in TABLES else []
    assert set(read_tables(inputs)) == set(TABLES)
    inputs |= {name: [str(tmp_path / f"{name}.parquet")] for name in ("estimates", "reconciled", "change")}
    assert set(read_tables(inputs)) == {*TABLES, "estimates", "reconciled", "change"}


def test_places_of_inventories_are_styled_by_who_has_them() -> None:
    root = ET.fromstring(style_of("reconciled", layer("reconciled"), points=True).partition("\n")[2])  # noqa: S314
    values = {one.get("value") for one in root.iter("category")}
    assert values == {"both", "ours", "theirs"}
    assert all(f"'{value}'" in root.find("renderer-v2").get("attr") for value in values)


@pytest.mark.parametrize("rows", [0, 3])
def test_geopackage_describes_and_styles_every_layer(tmp_path: Path, rows: int) -> None:
    given = layers(rows)
    write_geopackage(tmp_path / "a.gpkg", given, META, dictionary_of(given))
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as base:
        described = set(base.execute("SELECT table_name, column_name FROM gpkg_data_columns"))
        styles = dict(base.execute("SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault"))
        kinds = dict(base.execute("SELECT table_name, data_type FROM gpkg_contents"))
        columns = {(name, row[1]) for name in given for row in base.execute(f'PRAGMA table_info("{name}")')}
        records = base.execute("SELECT md_scope, metadata FROM gpkg_metadata").fetchall()
        checked = base.execute("PRAGMA integrity_check").fetchall()
    assert described == {entry for entry in columns if entry[1] != "fid"}
    assert set(styles) == set(KINDS)
    assert {name for name, kind in kinds.items() if kind == "attributes"} == {
        *("siting", "metadata", "data_dictionary", "layer_styles"),
    }
    assert [scope for scope, _ in records] == ["dataset"]
    assert json.loads(records[0][1])["dcterms:identifier"] == "demo"
    assert checked == [("ok",)]
    for style in styles.values():
        ET.fromstring(style.partition("\n")[2])  # noqa: S314 (our own text)


def test_geopackage_keeps_the_version_of_the_sqlite_that_is_pinned(tmp_path: Path) -> None:
    pyogrio.write_dataframe(table("kilns"), tmp_path / "bare.gpkg", "kilns", "GPKG")
    write_geopackage(tmp_path / "a.gpkg", tables(), META)
    assert (tmp_path / "a.gpkg").read_bytes()[96:100] == (tmp_path / "bare.gpkg").read_bytes()[96:100]


def test_hostile_text_stays_text_in_styles() -> None:
    kilns = layer("kilns").assign(type=[HOSTILE, "FCBK", "\x00<b>"])
    root = ET.fromstring(style_of("kilns", kilns, points=False).partition("\n")[2])  # noqa: S314
    categories = {one.get("value"): one.get("label") for one in root.iter("category")}
    assert categories == {"FCBK": "Fixed chimney (FCBK)", HOSTILE: HOSTILE, "<b>": "<b>"}


def test_styles_have_the_colours_of_the_map() -> None:
    page = (ROOT / "site/src/types.js").read_text()
    assert [colour for colour in (*(colour for _, colour in TYPES.values()), *SPARE) if colour not in page] == []


def test_csv_is_text_that_no_spreadsheet_runs(tmp_path: Path) -> None:
    kilns = layer("kilns").assign(area=["=1+1", " @SUM(A1)", 'Dhāka, "north"'], score=[-0.5, 0.1, None])
    write_csv(tmp_path / "kilns.csv", kilns)
    read = pd.read_csv(tmp_path / "kilns.csv")
    assert list(read.columns) == [*kilns.columns.drop("geometry"), "wkt"]
    assert read["area"].tolist() == ["'=1+1", "' @SUM(A1)", 'Dhāka, "north"']
    assert read["score"].tolist()[:2] == [-0.5, 0.1]
    assert from_wkt(read["wkt"][0]).equals_exact(kilns.geometry[0], 1e-7)


def test_pmtiles_hold_every_feature_at_the_last_zoom(tmp_path: Path) -> None:
    write_pmtiles(tmp_path / "c.pmtiles", table("candidates"), "candidates", maxzoom=12)
    command = [_tippecanoe().parent / "tippecanoe-decode", "-z12", "-Z12", tmp_path / "c.pmtiles"]
    decoded = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    ids = {shape["properties"]["id"] for tile in decoded["features"] for shape in tile["features"][0]["features"]}
    assert ids == {"id0", "id1", "id2"}


def test_kilns_are_points_from_afar_and_footprints_near(tmp_path: Path) -> None:
    write_pmtiles(tmp_path / "k.pmtiles", table("kilns"), "kilns", maxzoom=12, points_below=11)
    seen = {}
    with (tmp_path / "k.pmtiles").open("rb") as handle:
        for (zoom, _, _), tile in all_tiles(MmapSource(handle)):
            features = decode(gzip.decompress(tile))["kilns"]["features"]
            seen.setdefault(zoom, set()).update((one["geometry"]["type"], one["properties"]["id"]) for one in features)
    assert seen == {zoom: {("Point" if zoom < 11 else "Polygon", f"id{row}") for row in range(3)} for zoom in range(13)}


def test_pmtiles_do_not_depend_on_how_many_rows_are_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pmtiles(tmp_path / "whole.pmtiles", table("candidates", 7), "candidates")
    monkeypatch.setattr(publish, "BLOCK", 3)
    write_pmtiles(tmp_path / "parts" / "whole.pmtiles", table("candidates", 7), "candidates")
    assert (tmp_path / "whole.pmtiles").read_bytes() == (tmp_path / "parts/whole.pmtiles").read_bytes()


def test_vector_tiles_that_are_written_already_are_copied_into_the_site(tmp_path: Path) -> None:
    for name in ("candidates", "acquired"):
        (tmp_path / f"{name}.pmtiles").write_bytes(name.encode())
    write_site(tmp_path / "site", **tables(), meta=META, archives=tmp_path)
    assert (tmp_path / "site/data/candidates.pmtiles").read_bytes() == b"candidates"
    assert value_of(tmp_path / "site", "acquired") == "YWNxdWlyZWQ="


def test_pmtiles_of_nothing_is_a_valid_archive(tmp_path: Path) -> None:
    write_pmtiles(tmp_path / "c.pmtiles", table("candidates", 0), "candidates")
    with (tmp_path / "c.pmtiles").open("rb") as handle:
        reader = Reader(MmapSource(handle))
        assert gzip.decompress(reader.get(0, 0, 0)) == b""
        assert reader.metadata()["vector_layers"][0]["id"] == "candidates"


def test_a_table_without_a_column_is_refused_by_name(tmp_path: Path) -> None:
    given = tables()
    given["coverage"] = given["coverage"].drop(columns="reason")
    with pytest.raises(TableError, match=r"coverage lacks the column.*reason"):
        write_edition(edition(tmp_path, given))
    assert not list(tmp_path.iterdir())


def test_a_table_in_metres_is_refused(tmp_path: Path) -> None:
    given = tables()
    given["kilns"] = given["kilns"].to_crs(32643)
    with pytest.raises(TableError, match="EPSG:32643"):
        write_site(tmp_path / "site", **given, meta=META)


def test_text_cannot_leave_its_script() -> None:
    written = script("meta", {"title": HOSTILE})
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written.partition(" = ")[2].rstrip(";\n")) == {"title": HOSTILE}


@pytest.mark.parametrize(
    "chip", ["../secret.jpg", "/etc/passwd", "https://x.org/a.jpg", "chips/../a.jpg", "chips/none.jpg"]
)
def test_a_chip_is_a_file_of_the_thumbs_folder(tmp_path: Path, chip: str) -> None:
    given = tables()
    given["kilns"]["chip"] = ["", chip, ""]
    with pytest.raises(TableError, match="chip"):
        write_site(tmp_path / "site", **given, meta=META, thumbs=tmp_path)
    assert not (tmp_path / "site").exists()


def test_chips_and_downloads_travel_with_the_site(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    given = tables()
    given["kilns"]["chip"] = ["chips/a.jpg", "", "chips/a.jpg"]
    write_site(tmp_path / "site", **given, meta=META, thumbs=tmp_path, downloads=[tmp_path / "a.jpg"])
    assert (tmp_path / "site/chips/a.jpg").read_bytes() == b"picture"
    assert value_of(tmp_path / "site", "meta")["downloads"] == ["a.jpg"]
    assert (tmp_path / "site/downloads/a.jpg").exists()


def test_a_rewritten_site_holds_nothing_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/left-over").touch()
    write_site(tmp_path / "site", **tables(), meta=META)
    assert not (tmp_path / "site/left-over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_missing_bundle_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(KilnscanError, match="npm run build"):
        write_site(tmp_path / "site", **tables(), meta=META, bundle=tmp_path)


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        (None, 200, b"0123456789"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=10-", 416, b""),
    ],
)
def test_server_answers_byte_ranges(tmp_path: Path, asked: str | None, status: int, body: bytes) -> None:
    (tmp_path / "a.pmtiles").write_bytes(b"0123456789")
    with serve.server(tmp_path) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        connection = HTTPConnection("127.0.0.1", web.server_port, timeout=5)
        connection.request("GET", "/a.pmtiles", headers={"Range": asked} if asked else {})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, body)
        connection.close()
        web.shutdown()
