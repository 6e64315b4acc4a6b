"""What a run leaves behind: products that others can open, a ledger without holes, and the same bytes every time."""

import json
import shutil

import geopandas as gpd
import pyogrio
import yaml

from tests.workflow.conftest import ROOT, TOLD


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
    assert {"kilns.gpkg", "kilns.geoparquet", "kilns.csv", "data_dictionary.csv"} <= set(record["products"])
    assert all(item.startswith("SYN_") for item in record["scenes"]["45QVA_10_49"]["items"])
    assert len(record["models"]["detector"]["sha256"]) == 64


def test_all_that_the_demo_tells_of_kilns_is_published(project):
    """People near, areas, rules, other sources, ground reports; the public edition, which tells no place."""
    text = (ROOT / "config" / "regions" / "demo.yaml").read_text().replace("results/landscape/7/", "input/")
    told = {section: yaml.safe_load(text)[section] for section in TOLD}
    region = yaml.safe_load((project.folder / "region.yaml").read_text()) | told
    (project.folder / "region.yaml").write_text(yaml.safe_dump(region))
    assert project.jobs() == {"impact": 1, "sources": 1, "ground_reports": 1, "publish": 1}
    project.snakemake()
    results = project.folder / "results/small"
    kilns = gpd.read_file(results / "atlas/kilns.gpkg", layer="kilns")
    assert (kilns["people_1km"] > 0).all() and (kilns["area"] != "").any() and (kilns["siting"] != "").all()
    layers = {name for name, _ in pyogrio.list_layers(results / "atlas/kilns.gpkg")}
    assert {"areas", "sources", "reports", "siting"} <= layers
    coarse = gpd.read_parquet(results / "public/atlas/kilns.geoparquet")
    assert len(coarse) == len(kilns) and not set(coarse["id"]) & set(kilns["id"])
    assert not set(zip(coarse["lon"], coarse["lat"], strict=True)) & set(zip(kilns["lon"], kilns["lat"], strict=True))
    assert all((results / name / "site/index.html").is_file() for name in (".", "public"))


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
    before = products(project)
    assert len(before) > 30
    shutil.rmtree(project.folder / "results")
    project.snakemake()
    assert products(project) == before


def products(project):
    """The bytes of every product by its name."""
    results = project.folder / "results/small"
    files = [path for part in ("atlas", "stac", "site") for path in sorted((results / part).rglob("*"))]
    kept = [path for path in files if path.is_file() and path.name != ".snakemake_timestamp"]
    return {str(path.relative_to(results)): path.read_bytes() for path in kept}
