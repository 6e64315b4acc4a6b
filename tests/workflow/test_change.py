"""A new season in place: the kept atlas names the kilns, and no tile runs again for it."""

import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.affinity import translate

from kilnscan.grid import to_crs
from tests.workflow.conftest import MIDDLE

TILES = {"choose_scenes", "screen", "candidates", "imagery", "detect"}


def compared(project, **more):
    """The finished region, with its own atlas kept as that of an earlier season."""
    kept = shutil.copytree(project.folder / "results/small/atlas", project.folder / "kept")
    earlier = [{"path": "kept/kilns.parquet", "season": "2023"}]
    project.configure(change={"season": "2024", "earlier": earlier, **more})
    return kept


def somewhere_else(kilns):
    """The first kiln, moved to where none is near in the middle of the region."""
    shapes = kilns.to_crs(32645).geometry
    spots = [(450_000 + east, 2_100_000 + north) for east in MIDDLE[::3] for north in MIDDLE[1::2]]
    spots = [(x * 0.6 + 450_000 * 0.4, y * 0.6 + 2_100_000 * 0.4) for x, y in spots]
    far = max(spots, key=lambda spot: np.hypot(shapes.centroid.x - spot[0], shapes.centroid.y - spot[1]).min())
    first = shapes.iloc[0]
    shape = to_crs(translate(first, far[0] - first.centroid.x, far[1] - first.centroid.y), 32645, 4326)
    return kilns.iloc[:1].assign(id="lost", lon=shape.centroid.x, lat=shape.centroid.y).set_geometry([shape], crs=4326)


def test_change_is_told_without_running_a_tile_again_and_shown_on_the_map(project):
    kept = compared(project)
    kilns = gpd.read_parquet(kept / "kilns.parquet")
    renamed = kilns.assign(id=[f"old-{number}" for number in range(len(kilns))], first_seen="2020-02-02")
    pd.concat([renamed.iloc[1:], somewhere_else(kilns)]).to_parquet(kept / "kilns.parquet")
    jobs = project.jobs()
    assert jobs["atlas"] == jobs["change"] == jobs["publish"] == 1 and not TILES & jobs.keys()
    project.snakemake()
    change = gpd.read_parquet(project.folder / "results/small/atlas/change.parquet").set_index("id")
    assert change["status"].value_counts().to_dict() == {"persisting": len(kilns) - 1, "uncertain": 2}
    assert change["reason"][kilns["id"][0]] == "no image is newer than those of 2023, so it is the models that differ"
    now = gpd.read_parquet(project.folder / "results/small/atlas/kilns.parquet")
    assert set(now["id"]) == {kilns["id"][0], *renamed["id"][1:]} and set(now["first_seen"][1:]) == {"2020-02-02"}
    data = project.folder / "results/small/site/data"
    gone = json.loads((data / "gone.js").read_text().partition(" = ")[2].rstrip(";\n"))
    assert gone["length"] == 1 and gone["columns"]["id"]["values"] == ["lost"]
    assert "change" in (data / "kilns.js").read_text()
    assert len(pd.read_csv(project.folder / "results/small/atlas/layers/change.csv")) == len(kilns) + 1


def test_another_margin_of_doubt_runs_the_comparison_only(project):
    compared(project)
    project.snakemake("results/small/atlas/change.html")
    project.configure(change={"doubt": 0.3})
    assert set(project.jobs("results/small/atlas/change.html")) == {"change"}


def test_a_run_is_not_compared_with_itself_or_with_a_season_that_has_not_run(project):
    for path, says in (
        ("results/small/atlas/kilns.parquet", "which this run overwrites"),
        ("results/none/atlas/kilns.parquet", "run that season first"),
        ("nowhere.gpkg", "does not exist"),
    ):
        project.configure(change={"earlier": [{"path": path, "season": "2023"}]})
        assert says in project.snakemake("--dry-run", check=False)
