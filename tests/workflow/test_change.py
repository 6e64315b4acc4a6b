"""A new season in place: the kept atlas names the kilns, and no tile runs again for it."""

import shutil

import geopandas as gpd

TILES = {"choose_scenes", "screen", "candidates", "imagery", "detect"}


def compared(project, **more):
    """The finished region, with its own atlas kept as that of an earlier season."""
    kept = shutil.copytree(project.folder / "results/small/atlas", project.folder / "kept")
    earlier = [{"path": "kept/kilns.parquet", "season": "2023"}]
    project.configure(change={"season": "2024", "earlier": earlier, **more})
    return kept


def test_change_is_told_without_running_a_tile_again(project):
    kept = compared(project)
    kilns = gpd.read_parquet(kept / "kilns.parquet")
    renamed = kilns.assign(id=[f"old-{number}" for number in range(len(kilns))], first_seen="2020-02-02")
    renamed.iloc[1:].to_parquet(kept / "kilns.parquet")
    jobs = project.jobs()
    assert jobs["atlas"] == jobs["change"] == jobs["publish"] == 1 and not TILES & jobs.keys()
    project.snakemake("results/small/atlas/change.html")
    change = gpd.read_parquet(project.folder / "results/small/atlas/change.parquet").set_index("id")
    assert change["status"].value_counts().to_dict() == {"persisting": len(kilns) - 1, "uncertain": 1}
    assert change["reason"][kilns["id"][0]] == "no image is newer than those of 2023, so it is the models that differ"
    now = gpd.read_parquet(project.folder / "results/small/atlas/kilns.parquet")
    assert set(now["id"]) == {kilns["id"][0], *renamed["id"][1:]} and set(now["first_seen"][1:]) == {"2020-02-02"}


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
