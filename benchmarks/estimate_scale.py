"""Time and memory of `snakemake estimate` and `reconcile` for a country, from tables as the workflow leaves them.

    .venv/bin/python benchmarks/estimate_scale.py [--km2 150000] [--kilns 100000] [--areas 1000] [--sample 4000]

Makes a synthetic country in a temporary folder: tiles of 100 km with all their chips, kilns in clusters, districts with
borders of 200 corners, a sample that was looked at, and five inventories of 30,000 kilns. Each step runs in a process
of its own; seconds are those of its CPU, so that other work on the machine does not count, and memory is its peak.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.audit import draw
from kilnscan.audit_units import read_units
from kilnscan.check_sample import answers_needed, draw_sample
from kilnscan.config_sure import Estimate
from kilnscan.estimate_frame import acquired_units, held_chips
from kilnscan.estimate_report import in_words, report
from kilnscan.files import read_json, write_json
from kilnscan.grid import to_crs, transformer
from kilnscan.inventories import side_by_side
from kilnscan.lattice import CHIP_M
from kilnscan.tables import read_table, write_table

EPSG, WEST, SOUTH, TILE_M = 32644, 300_000, 2_600_000, 100_000
THRESHOLD, MIN_SCORE = 0.3, 0.48
LISTS, LISTED, CORNERS = 5, 30_000, 200


def country(folder: Path, km2: int, kilns: int, areas: int, sample: int) -> None:
    """Write the tables of a country of so many square kilometres, as the workflow's rules leave them."""
    rng, tiles = np.random.default_rng(0), max(km2 // 10_000, 1)
    wide = int(np.ceil(np.sqrt(tiles)))
    specs = [
        {"id": f"T{k:03d}", "epsg": EPSG, "west": WEST + k % wide * TILE_M, "south": SOUTH + k // wide * TILE_M}
        for k in range(tiles)
    ]
    seen = np.concatenate([_tile(folder, spec, rng) for spec in specs])
    write_json(folder / "tiles.json", specs)
    towns = seen[rng.integers(0, len(seen), kilns // 20)] * CHIP_M
    place = (towns[rng.integers(0, len(towns), kilns)] + rng.normal(0, 3000, (kilns, 2))).round(0)
    owner = _owner(place, specs)
    place, owner = place[owner != ""], owner[owner != ""]
    lon, lat = transformer(EPSG, 4326).transform(*place.T)
    table = pd.DataFrame({"id": [f"k{n:06d}" for n in range(len(place))], "lon": lon, "lat": lat, "tile": owner})
    table["type"], table["score"] = rng.choice(["FCBK", "zigzag"], len(table)), rng.uniform(MIN_SCORE, 1, len(table))
    atlas = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(lon, lat), crs=4326)
    write_table(folder / "kilns.parquet", atlas)
    write_table(folder / "boxes.parquet", atlas.rename(columns={"tile": "owner", "id": "kiln"}).assign(keeper=True))
    boxes = [shapely.box(s["west"], s["south"], s["west"] + TILE_M, s["south"] + TILE_M) for s in specs]
    ledger = pd.DataFrame({"tile": [s["id"] for s in specs], "status": "ok", "dates": "2025-12-01, 2026-03-03"})
    land = gpd.GeoDataFrame(ledger, geometry=[to_crs(box, EPSG, 4326) for box in boxes], crs=4326)
    write_table(folder / "coverage.parquet", land)
    _districts(land, areas, rng).to_file(folder / "areas.gpkg")
    _samples(folder, specs, atlas, sample)
    for number in range(LISTS):
        some = rng.choice(len(table), min(LISTED, len(table)), replace=False)
        theirs = table.iloc[some][["id", "lon", "lat", "type"]]
        theirs[["lon", "lat"]] += rng.normal(0, 1e-4, (len(some), 2))
        theirs.to_csv(folder / f"list{number}.csv", index=False)


def _tile(folder: Path, spec: dict, rng: np.random.Generator) -> np.ndarray:
    """Write the chips of a tile, one in eight of which the screen saw something in; the places of those acquired."""
    side = int(TILE_M // CHIP_M)
    j, i = (part.ravel() for part in np.mgrid[:side, :side])
    i, j = i + int(spec["west"] // CHIP_M), j + int(spec["south"] // CHIP_M)
    hint = np.where(rng.random(len(i)) < 1 / 8, rng.random(len(i)), 0).round(6)
    score = np.where(hint > 0.3, (hint * rng.uniform(0.3, 1, len(i))).round(6), 0)
    units = pd.DataFrame({"epsg": EPSG, "i": i, "j": j, "own": True, "score": score, "hint": hint})
    lent = units.sample(200, random_state=0).assign(own=False, hint=0.0, i=lambda t: t["i"] + side)
    pd.concat([units, lent]).sort_values(["i", "j"]).to_parquet(folder / f"{spec['id']}.parquet", index=False)
    return np.column_stack([i, j])[score >= THRESHOLD]


def _owner(place: np.ndarray, specs: list[dict]) -> np.ndarray:
    """The tile of each place (n, 2) in metres, "" for none."""
    at = {(s["west"], s["south"]): s["id"] for s in specs}
    corners = (place - [WEST, SOUTH]) // TILE_M * TILE_M + [WEST, SOUTH]
    return np.array([at.get((int(x), int(y)), "") for x, y in corners], dtype=object)


def _districts(land: gpd.GeoDataFrame, count: int, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Voronoi cells with borders of some `CORNERS` corners."""
    west, south, east, north = land.total_bounds
    seeds = shapely.multipoints(rng.uniform([west, south], [east, north], (count, 2)))
    shapes = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=shapely.box(west, south, east, north)))
    shapes = shapely.segmentize(shapes, np.sqrt(shapely.area(shapes)) * 4 / CORNERS)
    names = [f"district {n:04d}" for n in range(len(shapes))]
    return gpd.GeoDataFrame({"name": names, "state": [n[-1] for n in names]}, geometry=shapes, crs=4326)


def _samples(folder: Path, specs: list[dict], atlas: gpd.GeoDataFrame, size: int) -> None:
    """Draw rejected and acquired land and kilns, and fill in what was found: every tenth no kiln, hardly any missed."""
    units = read_units([folder / f"{spec['id']}.parquet" for spec in specs])
    chips = draw(units[units["own"]], THRESHOLD, size, 0)
    listed = chips[["epsg", "i", "j", "stratum"]].to_dict("records")
    write_json(folder / "sample.json", {"threshold": THRESHOLD, "chips": listed})
    names = [f"{chip['epsg']}_{chip['i']}_{chip['j']}" for chip in listed]
    found = [int(n % 200 == 0) for n in range(len(names))]
    pd.DataFrame({"id": names, "kilns": found}).to_csv(folder / "audit.csv", index=False)
    check = drawn(folder, size)
    write_json(folder / "check.json", check)
    wanted = answers_needed(check, 20)
    found = [int(n % 10 != 0) if most == 1 else int(n % 300 == 0) for n, most in enumerate(wanted.values())]
    pd.DataFrame({"id": list(wanted), "kilns": found}).to_csv(folder / "check.csv", index=False)


def drawn(folder: Path, size: int) -> dict:
    """The sample that people check."""
    epsg = {spec["id"]: spec["epsg"] for spec in read_json(folder / "tiles.json")}
    paths = {name: str(folder / f"{name}.parquet") for name in epsg}
    kilns, boxes = read_table(folder / "kilns.parquet"), read_table(folder / "boxes.parquet")
    acquired = acquired_units(paths, THRESHOLD, held_chips(kilns, boxes, epsg))
    return draw_sample(kilns, acquired, MIN_SCORE, Estimate(kilns=size, land=size))


def estimated(folder: Path, size: int) -> None:
    """The estimate of every district and of the country."""
    specs = read_json(folder / "tiles.json")
    inputs = {
        "kilns": folder / "kilns.parquet", "boxes": folder / "boxes.parquet", "coverage": folder / "coverage.parquet",
        "sample": folder / "sample.json", "check": folder / "check.json", "decisions": [], "detections": [],
        "units": [str(folder / f"{spec['id']}.parquet") for spec in specs], "imagery": [],
    }  # fmt: skip
    settings = Estimate(kilns=size, land=size, answers=str(folder / "check.csv"))
    areas = {"path": str(folder / "areas.gpkg"), "name": "name", "parent": "state"}
    table, record = report(
        inputs,
        {
            "tiles": [_spec(spec) for spec in specs], "estimate": settings.model_dump(), "areas": areas, "name": "x",
            "atlas": {"min_score": MIN_SCORE}, "audit_answers": str(folder / "audit.csv"), "reference": None,
        },
    )  # fmt: skip
    print(in_words(record), record["areas_by_basis"], f"checksum {table['kilns'].sum():.3f}", file=sys.stderr)


def _spec(spec: dict) -> dict:
    west, south = spec["west"], spec["south"]
    square = shapely.box(west, south, west + TILE_M, south + TILE_M)
    return {"id": spec["id"], "epsg": spec["epsg"], "bounds": square.bounds, "own": square.wkt}


def reconciled(folder: Path) -> None:
    """Five inventories beside the atlas."""
    inventories = [
        {"name": f"list{n}", "path": str(folder / f"list{n}.csv"), "licence": "CC0", "attribution": "synthetic"}
        for n in range(LISTS)
    ]
    areas = {"path": str(folder / "areas.gpkg"), "name": "name", "parent": "state"}
    config = {"inventories": inventories, "reconcile": {}, "areas": areas}
    record = side_by_side(read_table(folder / "kilns.parquet"), read_table(folder / "coverage.parquet"), config)[3]
    model = record["missing"]["loglinear"]
    print(record["places"], "places;", model, len(record["areas"]), "areas", file=sys.stderr)


STEPS = {"draw the sample": drawn, "estimate": estimated, "reconcile": reconciled}


def main() -> None:
    """Make the country and run each step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("km2", 150_000), ("kilns", 100_000), ("areas", 1000), ("sample", 4000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        start = time.process_time()
        STEPS[given.step](given.folder, *([] if given.step == "reconcile" else [given.sample]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps([time.process_time() - start, peak]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(exist_ok=True)
        if not (folder / "tiles.json").is_file():
            country(folder, given.km2, given.kilns, given.areas, given.sample)
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--sample", str(given.sample)]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            seconds, peak = json.loads(run.stdout.splitlines()[-1])
            print(f"{step}: {seconds:.1f} s of CPU, {peak:.2f} GB at most", flush=True)


if __name__ == "__main__":
    main()
