"""Estimates and other inventories as part of the atlas: made by a plain run where nobody is waited for or paid."""

import json

import geopandas as gpd
import pyogrio
import yaml

ESTIMATE = {"audit_units", "audit_sample", "estimate_sample", "estimate"}
LOOK = {"audit_imagery", "audit_detect"}


def answered(project, section, text="id,kilns\n"):
    """Name an empty file of answers."""
    (project.folder / f"{section}.csv").write_text(text)
    project.configure(**{section: {"answers": f"{section}.csv"}})


def test_estimates_are_published_once_people_answered_and_nothing_is_bought_for_them_unasked(project):
    project.configure(estimate={"kilns": 20})
    assert project.jobs() == {}
    answered(project, "estimate")
    assert project.jobs().keys() == ESTIMATE | LOOK | {"publish"}
    project.configure(imagery={"price_per_km2": 1.0, "budget": 1000.0})
    assert not project.jobs().keys() & (ESTIMATE | LOOK)
    answered(project, "audit")
    assert project.jobs().keys() >= ESTIMATE and not project.jobs().keys() & LOOK
    project.configure(estimate={"publish": False})
    assert not project.jobs().keys() & ESTIMATE


def test_other_inventories_and_estimates_are_layers_of_the_atlas_and_its_provenance(project):
    kilns = gpd.read_parquet(project.folder / "results/small/atlas/kilns.parquet")
    kilns.iloc[1:][["id", "lon", "lat"]].to_csv(project.folder / "other.csv", index=False)
    other = {"name": "other", "path": "other.csv", "columns": {"id": "id", "lat": "lat", "lon": "lon"}}
    region = yaml.safe_load((project.folder / "region.yaml").read_text())
    region |= {"inventories": [other | {"licence": "CC0", "attribution": "Some Body"}], "estimate": {"publish": True}}
    (project.folder / "region.yaml").write_text(yaml.safe_dump(region))
    project.snakemake()
    atlas = project.folder / "results/small/atlas"
    assert {"estimates", "reconciled", "disagreement"} <= {
        name for name, _ in pyogrio.list_layers(atlas / "kilns.gpkg")
    }
    places = gpd.read_parquet(atlas / "layers/reconciled.geoparquet")
    assert places["in_kilnscan"].all() and places["in_other"].sum() == len(kilns) - 1
    estimates = gpd.read_parquet(atlas / "layers/estimates.geoparquet")
    assert estimates["atlas"].tolist() == [len(kilns)] and estimates["kilns"].isna().all()  # nobody answered yet
    config = json.loads((atlas / "provenance.json").read_text())["config"]["content"]
    assert config["inventories"][0]["name"] == "other" and config["estimate"]["publish"]
    assert "Some Body: CC0" in (project.folder / "results/small/site/data/meta.js").read_text()
    assert project.jobs() == {}
