"""`snakemake estimate` and `reconcile` on the small region: people answer, lists agree, and bad input is refused."""

import csv
import json

import geopandas as gpd
import yaml

from kilnscan.dictionary import check_columns, inventory_columns


def test_the_estimate_asks_people_and_tells_kilns_with_intervals(project):
    project.configure(audit={"sample": 40}, estimate={"kilns": 6, "land": 12})
    said = project.snakemake("estimate")
    folder, atlas = project.folder / "results/small/estimate", project.folder / "results/small/atlas"
    assert "no estimate yet: fill in check.csv" in said and "brackets hold 95 % intervals" in said
    assert "rejected land was judged by the detector" in said
    with (folder / "check.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["what"] for row in rows} == {"kiln", "land"}
    assert all((folder / row["picture"]).is_file() and not row["kilns"] for row in rows)

    def answer(kiln: str, land: str) -> None:
        with (project.folder / "mine.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(row | {"kilns": kiln if row["what"] == "kiln" else land} for row in rows)

    project.configure(estimate={"answers": "mine.csv"})
    answer("", "")
    assert "kilnscan: `estimate.answers` mine.csv holds no answer" in project.snakemake("estimate", check=False)
    answer("1", "0")
    project.snakemake("estimate")
    table, told = gpd.read_parquet(atlas / "estimates.parquet"), json.loads((atlas / "estimate.json").read_text())
    assert [entry.column for entry in check_columns("estimates", table)] == list(table.columns)
    kilns = gpd.read_parquet(atlas / "kilns.parquet")
    assert (len(table), table["atlas"][0]) == (1, len(kilns))
    low, value, high = (table[f"kilns{end}"][0] for end in ("_low", "", "_high"))
    assert len(kilns) <= low <= value <= high  # people found each to be one
    assert (told["region"]["kilns"]["value"], told["region"]["precision"]["value"]) == (value, 1)
    assert {group["checked"] for group in told["groups"]["type"]} <= {"none", "few", "all"}


def test_reconcile_lays_another_list_beside_the_atlas(project):
    said = project.snakemake("reconcile", check=False)
    assert "kilnscan: `snakemake reconcile` needs `inventories`, which the region file lacks: add" in said
    assert "MissingRule" not in said and "Traceback" not in said

    atlas = project.folder / "results/small/atlas"
    kilns = gpd.read_parquet(atlas / "kilns.parquet")
    near = [f"t{k},{lon + 1e-4},{lat},ZZ" for k, (lon, lat) in enumerate(zip(kilns["lon"], kilns["lat"], strict=True))]
    lines = ["id,lon,north,kind", *near[1:], "away,10,10,ZZ", "none,lon,19,ZZ"]
    (project.folder / "theirs.csv").write_text("\n".join(lines) + "\n")
    entry = {"name": "theirs", "path": "theirs.csv", "licence": "CC0", "attribution": "Nobody"}

    def configure(**more) -> None:
        path = project.folder / "region.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"inventories": [entry | more]}))

    configure()
    said = project.snakemake("reconcile", check=False)
    assert "theirs.csv has no column 'latitude and longitude'" in said and "name the column in `inventories.col" in said
    configure(columns={"lat": "north"})
    said = project.snakemake("reconcile")
    assert f"theirs: {len(kilns) - 1} kilns of {len(kilns) + 1} rows; left out: 1 refused, 1 outside the region" in said
    tables = {"reconciled": "reconciled.parquet", "disagreement": "disagreement.parquet"}
    tables = {layer: gpd.read_parquet(atlas / file) for layer, file in tables.items()}
    for layer, table in tables.items():
        assert len(check_columns(layer, table, inventory_columns(tables))) == len(table.columns)
    record = json.loads((atlas / "reconciled.json").read_text())
    assert record["patterns"] == {"kilnscan": 1, "kilnscan+theirs": len(kilns) - 1}
    with (atlas / "inventories_rejected.csv").open(newline="") as stream:
        assert [(row["inventory"], row["row"]) for row in csv.DictReader(stream)] == [("theirs", str(len(kilns) + 2))]
    assert project.jobs("reconcile") == {}
