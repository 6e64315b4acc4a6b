"""Two demo seasons with known changes: what is found, missed and wrongly reported, and which jobs run for new scenes.

    make two-seasons        (three to five minutes on 2 free cores)

The demo and the demo a year later run here, unless their results are up to date, and the table of change is compared
with the truth of the landscape. Then a third region of four tiles, two of which get new scenes, is run again in place.
Before that, two atlases are simulated of 50,000 kilns that all stand on, each found with a chance of .9 in either.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import yaml
from shapely.geometry import mapping

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from kilnscan.change import STATUS, find_change  # noqa: E402 (the project's own folder comes first)
from kilnscan.config_change import Change  # noqa: E402
from kilnscan.evaluate import match  # noqa: E402
from kilnscan.grid import tiles_of, to_crs  # noqa: E402
from kilnscan.identity import keep_names, known_kilns  # noqa: E402
from kilnscan.looked import Looked  # noqa: E402
from kilnscan.tables import centres  # noqa: E402

LANDSCAPE = ROOT / "results" / "landscape"
SECTIONS = ("tiling", "screen", "imagery", "detect")
NORTH, SOUTH = (-3_000, 1_000, 3_000, 3_000), (-3_000, -3_600, 3_000, -2_800)
"""Land in two tiles each, in metres from their common corner; the southern lies too far off to read northern scenes."""


def run(*arguments: str) -> dict[str, int]:
    """Run Snakemake; how often each rule ran."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    rules = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", done.stdout + done.stderr, re.MULTILINE)
    counted = pd.Series([rule for rule in rules if rule != "all"], dtype=str).value_counts(sort=False)
    return {str(rule): int(count) for rule, count in counted.items()}


def told(jobs: dict[str, int]) -> str:
    """How many jobs ran, by rule."""
    return f"{sum(jobs.values())} jobs: " + (", ".join(f"{rule} {count}" for rule, count in jobs.items()) or "none")


def compare(table: gpd.GeoDataFrame, truth: gpd.GeoDataFrame) -> pd.DataFrame:
    """Known changes (rows) by what is reported (columns), kiln by kiln within 50 m; both with those that lack."""
    found, known = match(*centres(table.geometry), *centres(truth.geometry), 50)
    reported = pd.Series("no row", index=range(len(truth)))
    reported.iloc[known] = table["status"].to_numpy()[found]
    strange = table["status"].drop(table.index[found])
    actual = pd.concat([truth["status"], pd.Series("no kiln", index=strange.index)], ignore_index=True)
    reported = pd.concat([reported, strange], ignore_index=True)
    order = [name for name in STATUS if name != "uncertain"]
    return pd.crosstab(actual, reported).reindex(
        index=[*order, "no kiln"], columns=[*order, "uncertain", "no row"], fill_value=0
    )


def seasons() -> None:
    """Run both seasons and print what is reported of what is known."""
    print("demo:", told(run()), flush=True)
    print("demo a year later:", told(run("--configfile", "config/regions/demo-later.yaml")), flush=True)
    truth = gpd.read_file(LANDSCAPE / "7-later" / "change.geojson")
    area = gpd.read_file(ROOT / "config" / "regions" / "demo.geojson").union_all()
    truth = truth[shapely.intersects_xy(area, *centres(truth.geometry))].reset_index(drop=True)
    table = gpd.read_parquet(ROOT / "results" / "demo-later" / "atlas" / "change.parquet")
    crossed = compare(table, truth)
    print(f"\nrows: the truth, columns: what is reported\n{crossed.to_string()}\n")
    for status in crossed.index[:-1]:
        right, known, said = crossed.loc[status, status], crossed.loc[status].sum(), crossed[status].sum()
        print(f"{status:13} known {known:3} found {right:3} missed {known - right:3} wrongly reported {said - right:3}")
    unsure = table[table["status"] == "uncertain"]
    print("\nuncertain, and why:", *unsure["reason"].value_counts().items(), sep="\n  ")
    before = gpd.read_parquet(ROOT / "results" / "demo" / "atlas" / "kilns.parquet")
    after = gpd.read_parquet(ROOT / "results" / "demo-later" / "atlas" / "kilns.parquet")
    kept = after["id"].isin(before["id"]).sum()
    print(f"\nof {len(before)} ids of the first season {kept} are kept by the {len(after)} kilns of the second")


def rolling(folder: Path) -> None:
    """Run a region, give two of its four tiles new scenes, run it again in place; print the jobs."""
    shutil.rmtree(ROOT / "results" / "rolling", ignore_errors=True)
    catalogs = {}
    for name in ("7", "7-later"):
        shutil.copytree(LANDSCAPE / name / "sentinel2", folder / "sentinel2", dirs_exist_ok=True)
        catalogs[name] = json.loads((LANDSCAPE / name / "catalog.json").read_text())["features"]
    new = [item for item in catalogs["7-later"] if item["properties"]["grid:code"] == "MGRS-45QVB"]
    config = yaml.safe_load((ROOT / "config" / "regions" / "demo.yaml").read_text())
    boxes = [shapely.box(450_000 + w, 2_100_000 + s, 450_000 + e, 2_100_000 + n) for w, s, e, n in (NORTH, SOUTH)]
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(to_crs(box, 32645, 4326))} for box in boxes]
    (folder / "area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    region = {name: config[name] for name in SECTIONS} | {
        "region": {"name": "rolling", "aoi": str(folder / "area.geojson"), "synthetic": True},
        "sentinel2": {
            "source": "stac",
            "catalog": str(folder / "catalog.json"),
            "start": "2023-11-01",
            "end": "2025-04-30",
            "max_dates": 16,
        },
    }
    file = folder / "rolling.yaml"
    (folder / "catalog.json").write_text(json.dumps({"type": "FeatureCollection", "features": catalogs["7"]}))
    file.write_text(yaml.safe_dump(region))
    print("\nfour tiles, first run:", told(run("--configfile", str(file))))
    shutil.copytree(ROOT / "results" / "rolling" / "atlas", folder / "kept")
    region["change"] = {
        "season": "now",
        "earlier": [{"path": str(folder / "kept" / "kilns.parquet"), "season": "then"}],
    }
    file.write_text(yaml.safe_dump(region))
    (folder / "catalog.json").write_text(json.dumps({"type": "FeatureCollection", "features": catalogs["7"] + new}))
    print("two tiles get new scenes, the catalogue is asked again:", end=" ")
    print(told(run("scenes", "--forcerun", "choose_scenes", "--configfile", str(file))))
    print("then:", told(run("--configfile", str(file))))
    print("and again:", told(run("--configfile", str(file))))
    sums = json.loads((ROOT / "results" / "rolling" / "atlas" / "change.json").read_text())
    print("change:", sums["counts"], sums["uncertain"])


def simulation(count: int = 50_000, recall: float = 0.9) -> None:
    """What is called new and gone where nothing changes but what the detector misses; CPU time."""
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(75, 85, count), rng.uniform(25, 31, count)
    area = shapely.box(75, 25, 85, 31)
    config = Change(season="2025", earlier=[{"path": "unused.parquet", "season": "2024"}])
    atlases, looks = [], []
    for day in ("2024-03-01", "2025-03-01"):
        found = rng.random(count) < recall
        places = {
            name: values[found] + rng.normal(0, 5e-5, found.sum()) for name, values in (("lon", lon), ("lat", lat))
        }
        names = {"id": [f"{day[:4]}-{row}" for row in range(found.sum())], "type": "FCBK", "score": 0.9}
        atlases.append(pd.DataFrame(names | places | {"first_seen": day, "last_seen": day}).astype({"id": "str"}))
        coverage = gpd.GeoDataFrame({"status": ["ok"], "dates": [day]}, geometry=[area], crs=4326)
        looks.append(Looked(day[:4], {"coverage": coverage, "unseen": gpd.GeoDataFrame(geometry=[], crs=4326)}))
    begun = time.process_time()
    detections = pd.DataFrame({"kiln": atlases[1]["id"]})
    kilns, _ = keep_names(atlases[1], detections, known_kilns(atlases[:1], config), 1, config)
    named = time.process_time()
    _, sums = find_change(kilns, atlases[:1], looks[1], looks[:1], tiles_of(area), config, 0.48)
    print(f"\n{count} kilns that stand on, recall {recall}: {sums['counts']}")
    print(f"CPU seconds: names {named - begun:.1f}, change {time.process_time() - named:.1f}")


if __name__ == "__main__":
    simulation()
    seasons()
    with tempfile.TemporaryDirectory() as scratch:
        rolling(Path(scratch))
