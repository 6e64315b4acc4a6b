"""What a run leaves behind: products that others can open, a ledger without holes, and the same bytes every time."""

import json
import shutil

import geopandas as gpd
import pyogrio


def test_the_geopackage_holds_the_four_layers_and_marks_them_synthetic(finished):
    path = finished.folder / "results/small/atlas/kilns.gpkg"
    layers = {name for name, _ in pyogrio.list_layers(path)}
    assert {"kilns", "candidates", "acquired", "coverage"} <= layers
    kilns = gpd.read_file(path, layer="kilns")
    assert kilns.crs.to_epsg() == 4326 and kilns["id"].is_unique and kilns["score"].between(0, 1).all()
    assert len(kilns) >= 5 and kilns["synthetic"].all()


def test_every_tile_is_in_the_ledger_also_the_one_without_scenes(finished):
    coverage = gpd.read_parquet(finished.folder / "results/small/atlas/coverage.parquet")
    status = dict(zip(coverage["tile"], coverage["status"], strict=True))
    assert len(status) == 5
    assert status["45QVB_10_30"] == "cloudy"
    assert "no scene" in coverage.set_index("tile")["reason"]["45QVB_10_30"]


def test_kilns_are_found(finished):
    measured = json.loads((finished.folder / "results/small/atlas/evaluation.json").read_text())
    assert measured["screen"]["recall_acquired"]["value"] >= 0.8
    assert measured["atlas"]["f1"] >= 0.7


def test_provenance_names_scenes_models_and_products(finished):
    record = json.loads((finished.folder / "results/small/atlas/provenance.json").read_text())
    assert set(record["products"]) == {"kilns.gpkg", "kilns.geoparquet"}
    assert all(item.startswith("SYN_") for item in record["scenes"]["45QVA_10_49"]["items"])
    assert len(record["models"]["detector"]["sha256"]) == 64


def test_the_tiling_changes_nothing(project):
    atlas = project.folder / "results/small/atlas"
    files, tiles = (atlas / "kilns.parquet", atlas / "detections.parquet"), ["tile", "owner"]
    tiled = [gpd.read_parquet(file).drop(columns=tiles, errors="ignore") for file in files]
    project.configure(tiling={"size_km": 100})
    project.snakemake("results/small/atlas/kilns.parquet")
    untiled = [gpd.read_parquet(file).drop(columns=tiles, errors="ignore") for file in files]
    assert tiled[0].equals(untiled[0]) and tiled[1].equals(untiled[1])


def test_every_detection_is_accounted_for(finished):
    atlas = finished.folder / "results/small/atlas"
    rows, kilns = gpd.read_parquet(atlas / "detections.parquet"), gpd.read_parquet(atlas / "kilns.parquet")
    became = rows[rows["kiln"] != ""]
    assert became.groupby("kiln").size().to_dict() == kilns.set_index("id")["detections"].to_dict()
    assert became.loc[became["keeper"], "kiln"].tolist() == kilns["id"].tolist()
    assert (rows.groupby("place")["keeper"].sum() == 1).all()


def test_a_second_run_gives_the_same_bytes(project):
    atlas = project.folder / "results/small/atlas"
    before = {path.name: path.read_bytes() for path in atlas.iterdir()}
    shutil.rmtree(project.folder / "results")
    project.snakemake()
    assert {path.name: path.read_bytes() for path in atlas.iterdir()} == before
