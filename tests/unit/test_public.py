"""The public edition: coarse places, and not one byte that tells the true ones."""

import base64
import gzip
import re
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import mapbox_vector_tile
import numpy as np
import pandas as pd
import pytest
import shapely
from pmtiles.reader import MmapSource, all_tiles

from kilnscan.config import load_config
from kilnscan.config_impact import Public
from kilnscan.errors import ConfigError
from kilnscan.products import for_everybody, write_edition
from kilnscan.public import DEGREE_M, FEW, cells, public_edition, public_people
from tests.published import META, edition, layer, layers

REGION = {"region": {"name": "here"}, "sentinel2": {"source": "mosaic", "path": "rgb.tif"}}
PLACES = [(77.0187653, 28.0567891), (77.0112877, 28.0571234), (77.3331789, -28.4432789), (179.9987654, 12.3456781)]
IDS = ["43RGM1111122222", "43RGM3333344444", "43JGM5555566666", "60PXX7777788888"]
CHIP = "secretchip.jpg"


def planted() -> dict[str, pd.DataFrame]:
    """An atlas whose kilns are known: two in one cell, one south of the equator, one near the antimeridian."""
    tables = layers(4)
    lon, lat = np.array(PLACES).T
    shapes = shapely.box(lon - 0.0004321, lat - 0.0003219, lon + 0.0004321, lat + 0.0003219)
    kilns = tables["kilns"].assign(id=IDS, lon=lon, lat=lat, type="FCBK", chip=[f"chips/{CHIP}", "", "", ""])
    tables["kilns"] = kilns.set_geometry(list(shapes), crs=4326)
    tables["siting"] = tables["siting"].assign(kiln=IDS, nearest="Secret school", distance_m=321.5)
    for name in ("candidates", "reports"):
        tables[name] = tables[name].assign(id=IDS).set_geometry(shapely.points(lon, lat), crs=4326)
    tables["sources"] = tables["sources"].assign(show=[True, True, True, False], name=["a", "b", "c", "Hidden plant"])
    return tables


def test_kilns_move_to_the_middle_of_a_cell_and_keep_a_row_each() -> None:
    kilns = public_edition(planted(), Public(grid_m=1000))["kilns"]
    assert len(kilns) == 4
    assert kilns.geom_type.eq("Point").all()
    assert kilns["id"].is_monotonic_increasing
    ends = kilns["id"].str.rsplit("-", n=1).str[1].astype(int)
    assert sorted(ends) == [1, 1, 1, 2]
    assert (kilns["lon"] == kilns.geometry.x).all()
    assert kilns.duplicated(["lon", "lat"]).sum() == 1


def test_numbers_within_a_cell_and_rows_do_not_follow_the_order_of_the_atlas() -> None:
    given = planted()
    turned = given | {name: given[name][::-1].reset_index(drop=True) for name in ("kilns", "siting")}
    for name in ("kilns", "siting"):
        pd.testing.assert_frame_equal(public_edition(given, Public())[name], public_edition(turned, Public())[name])


@pytest.mark.parametrize("grid_m", [100, 1000, 5000, 50_000])
def test_cells_are_as_wide_as_asked_and_hold_their_kilns(grid_m: float) -> None:
    rng = np.random.default_rng(0)
    lon = np.r_[rng.uniform(-180, 180, 500), 180, -180, 0, 0]
    lat = np.r_[rng.uniform(-80, 80, 500), 0, 0, 90, -90]
    row, column, x, y = cells(lon, lat, grid_m)
    away = (lon - x + 180) % 360 - 180
    rows = int(180 * DEGREE_M / grid_m)
    high, wide = (
        np.full(len(row), 90 / rows),
        180 / np.maximum((360 * DEGREE_M * np.cos(np.radians(y)) / grid_m).astype(int), 1),
    )
    assert (np.abs(lat - y) <= high * (1 + 1e-9)).all()
    assert (np.abs(away) <= wide * (1 + 1e-9)).all()
    metres = 2 * wide[:500] * DEGREE_M * np.cos(np.radians(y[:500]))
    assert ((metres >= grid_m * (1 - 1e-9)) & (metres < grid_m * 1.06 + 1)).all()
    assert (column[500], row[502], row[503]) == (column[501], rows - 1, 0)


def test_columns_are_those_asked_for_and_emissions() -> None:
    kilns = public_edition(planted(), Public(columns=["id", "area", "siting"]))["kilns"]
    emissions = {f"{name}_t{end}" for name in ("pm25", "so2", "co", "bc", "co2") for end in ("", "_low", "_high")}
    assert set(kilns.columns) == {"id", "lon", "lat", "area", "siting", "geometry"} | emissions


@pytest.mark.parametrize(
    "column", ["tile", "chip", "length_m", "azimuth_deg", "people_1km", "detections", "geometry", "nonsense"]
)
def test_a_column_that_tells_the_place_is_refused_when_the_region_file_is_read(column: str) -> None:
    with pytest.raises(ConfigError, match=f"public.columns.*{column}"):
        load_config({**REGION, "public": {"columns": ["id", column]}})


def test_layers_that_tell_places_are_left_out() -> None:
    public = public_edition(planted(), Public())
    assert set(public) == {"kilns", "coverage", "areas", "estimates", "sources", "siting"}
    assert list(public["siting"].columns) == ["kiln", "rule", "status"]
    assert set(public["siting"]["kiln"]) == set(public["kilns"]["id"])
    assert "Hidden plant" not in set(public["sources"]["name"])


def test_tiles_which_may_be_smaller_than_cells_do_not_count_kilns() -> None:
    coverage = public_edition(planted(), Public(grid_m=50_000))["coverage"]
    assert not {"kilns", "candidates", "acquired_km2"} & set(coverage.columns)
    assert {"tile", "status", "reason", "area_km2", "geometry"} <= set(coverage.columns)


def test_of_few_kilns_nobody_learns_who_is_near_since_that_tells_the_place() -> None:
    given = planted()
    near = {"people_1km": [1234.0, 5678.0, np.nan, 0.0], "schools_5km": [3, 123, 0, 0]}
    given["areas"] = given["areas"].assign(kilns=[FEW - 1, FEW, FEW, FEW], breaks=[1, 2, 3, 4], **near)
    areas = public_edition(given, Public())["areas"]
    np.testing.assert_array_equal(areas["people_1km"], [np.nan, 5700, np.nan, 0])
    np.testing.assert_array_equal(areas["schools_5km"], [np.nan, 120, 0, 0])
    assert areas["breaks"].tolist() == [1, 2, 3, 4]


def test_people_near_all_kilns_are_told_as_those_of_areas(tmp_path: Path) -> None:
    people = {"people_1km": 17936, "people_2km": None, "kilns_off_raster": 123}
    full = edition(tmp_path, planted(), meta=META | {"people": people})
    told = for_everybody(full, Public(), tmp_path / "public").meta["people"]
    assert told == {"people_1km": None, "people_2km": None, "kilns_off_raster": 123}  # there are four kilns
    assert public_people(people, FEW) == {"people_1km": 18000, "people_2km": None, "kilns_off_raster": 123}


def test_kilns_of_low_score_are_left_out_with_their_rules() -> None:
    given = planted()
    given["kilns"] = given["kilns"].assign(score=[0.9, 0.1, 0.9, np.nan])
    public = public_edition(given, Public(min_score=0.5))
    assert (len(public["kilns"]), len(public["siting"])) == (3, 3)


def test_an_atlas_without_kilns_has_a_public_edition(tmp_path: Path) -> None:
    write_edition(for_everybody(edition(tmp_path / "full", layers(0)), Public(), tmp_path / "public"))
    assert len(gpd.read_parquet(tmp_path / "public/atlas/kilns.geoparquet")) == 0
    bare = {"kilns": layer("kilns"), "coverage": layer("coverage")}
    assert set(public_edition(bare, Public())) == {"kilns", "coverage"}


def test_no_byte_of_the_products_tells_a_place_an_old_name_or_a_picture(tmp_path: Path) -> None:
    full = edition(tmp_path / "full", planted())
    write_edition(for_everybody(full, Public(grid_m=1000), tmp_path / "public"))
    secrets = [secret.encode() for secret in (*IDS, CHIP, "Secret school", "Hidden plant", "/home/somebody")]
    numbers = [value for place in PLACES for value in place]
    numbers += np.unique(shapely.get_coordinates(full.tables["kilns"].geometry.array)).tolist()
    for value in numbers:
        for digits in (5, 6, 7):
            cut = str(np.trunc(abs(value) * 10**digits) / 10**digits)
            secrets += [cut.encode(), f"{abs(value):.{digits}f}".encode()]
        secrets += [struct.pack(form, value) for form in ("<d", ">d", "<f", ">f")]
    pieces = [piece for path in sorted((tmp_path / "public").rglob("*")) if path.is_file() for piece in decoded(path)]
    assert len(pieces) > 40
    assert [(name, secret) for name, content in pieces for secret in secrets if secret in content] == []


def test_the_search_for_secrets_finds_what_the_full_edition_tells(tmp_path: Path) -> None:
    full = edition(tmp_path, {"kilns": planted()["kilns"].assign(chip=""), "coverage": layer("coverage")})
    write_edition(full)
    for name in ("kilns.gpkg", "kilns.geoparquet", "kilns.csv", "layers/kilns.pmtiles"):
        assert any(IDS[0].encode() in content for _, content in decoded(tmp_path / "atlas" / name)), name
    page = [path for path in (tmp_path / "site/data").rglob("*") if path.is_file()]
    assert any(IDS[0].encode() in content for path in page for _, content in decoded(path))


def test_tiles_hold_no_other_place_than_the_cells_middle(tmp_path: Path) -> None:
    public = for_everybody(edition(tmp_path / "full", planted()), Public(grid_m=1000), tmp_path / "public")
    write_edition(public)
    middles = np.array(list(set(zip(public.tables["kilns"]["lon"], public.tables["kilns"]["lat"], strict=True))))
    seen = 0
    with (tmp_path / "public/atlas/layers/kilns.pmtiles").open("rb") as handle:
        for (zoom, column, row), tile in all_tiles(MmapSource(handle)):
            for feature in mapbox_vector_tile.decode(gzip.decompress(tile))["kilns"]["features"] if zoom == 13 else []:
                x, y = feature["geometry"]["coordinates"]
                lon = (column + x / 4096) / 2**zoom * 360 - 180
                mercator = np.pi * (1 - 2 * (row + 1 - y / 4096) / 2**zoom)
                place = np.array([lon, np.degrees(np.arctan(np.sinh(mercator)))])
                assert np.abs(middles - place).max(axis=1).min() < 3e-5
                seen += 1
    assert seen >= 4


def decoded(path: Path) -> Iterator[tuple[str, bytes]]:
    """Bytes of a file, and of all that is packed into it: cells, columns, tiles, base64."""
    content = path.read_bytes()
    yield path.name, content
    if path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as base:
            yield path.name, "\n".join(base.iterdump()).encode()
            for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in base.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 (names of our own tables)
                    for cell in row:
                        yield f"{path.name} {table}", cell if isinstance(cell, bytes) else str(cell).encode()
    elif path.suffix == ".geoparquet":
        table = gpd.read_parquet(path)
        yield path.name, table.to_csv().encode() + table.geometry.to_wkb().sum() if len(table) else b""
        numbers = pd.read_parquet(path).select_dtypes("number").to_numpy(float)
        yield path.name, numbers.tobytes() + str(numbers.tolist()).encode()
    elif path.suffix == ".pmtiles":
        with path.open("rb") as handle:
            for place, tile in all_tiles(MmapSource(handle)):
                plain = gzip.decompress(tile)
                yield f"{path.name} {place}", plain + str(mapbox_vector_tile.decode(plain) if plain else "").encode()
    elif path.suffix == ".js" and path.parent.name in ("data", "details"):
        for text in re.findall(rb"[A-Za-z0-9+/]{16,}={0,2}", content):
            if len(text) % 4 == 0:
                yield path.name, base64.b64decode(text)


@pytest.mark.parametrize("name", ["atlas", "jobs", "site", "../x"])
def test_an_edition_has_a_folder_of_its_own(name):
    with pytest.raises(ValueError, match="name"):
        Public(name=name)
