"""The cost report of the demo beside a calculation by hand, and detection everywhere, really done.

.venv/bin/snakemake --cores 2 && .venv/bin/snakemake plan && .venv/bin/python benchmarks/footprint.py

The first part reads the job records as they are and shares no code with kilnscan: every constant is written out here.
The second fetches and looks at every window of the demo's tiles (a minute or two of CPU).
"""

import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import yaml

RESULTS = Path("results/demo")
NAMED = {"instance": "c7g.2xlarge", "grid": "us-west-2"}
ATLAS = ("tiles", "choose_scenes", "screen", "candidates", "imagery", "detect", "atlas", "impact", "sources",
         "ground_reports", "evaluate", "publish")  # fmt: skip
"""What the demo's atlas needs; `plan_orders` is besides."""


def by_hand(atlas: bool) -> dict[str, tuple[float, float]]:
    """Sums as if on a c7g.2xlarge in Oregon: 8 vCPU, 16 GiB, 0.29 USD an hour, 0.1772 at Spot's cheapest.

    Of the jobs that the atlas needs, or of those besides.
    """
    moments, asked_h, busy_h = [], 0.0, 0.0
    for path in RESULTS.glob("jobs/**/*.json"):
        record = json.loads(path.read_text())
        if (record["rule"] in ATLAS) != atlas:
            continue
        hours = record["wall_s"] / 3600
        asked_h += hours * max(record["threads"] / 8, record["asked_mb"] / 1024 / 16)
        busy_h += record["cpu_s"] / 3600
        begin = datetime.fromisoformat(record["started"]).timestamp()
        moments += [(begin, 1), (begin + record["wall_s"], -1)]
    running, machine_s, before = 0, 0.0, 0.0
    for moment, change in sorted(moments, key=lambda one: (one[0], -one[1])):
        machine_s += (moment - before) if running else 0.0
        running, before = running + change, moment
    machine_h = max(machine_s / 3600, asked_h)
    # watts: 0.4743 per idle vCPU, 1.6930 per busy one; 0.3725 to 0.392 per GiB; PUE 1.04 to 1.15
    kwh = (
        (asked_h * 8 * 0.4743 + busy_h * (1.6930 - 0.4743) + asked_h * 16 * 0.3725) * 1.04 / 1000,
        (machine_h * 8 * 0.4743 + busy_h * (1.6930 - 0.4743) + machine_h * 16 * 0.392) * 1.15 / 1000,
    )
    # the server: 630 kg by the list, 1000 + 1.388 x (128 - 16) = 1155.456 by its parts; 64 vCPU, 4 to 6 years
    making = 630e3 * asked_h * 8 / 64 / (6 * 365 * 24), 1155.456e3 * machine_h * 8 / 64 / (4 * 365 * 24)
    return {
        "machine_h": (asked_h, machine_h),
        "kwh": kwh,
        "operational_g": (kwh[0] * 106.3, kwh[1] * 350.861),
        "embodied_g": making,
        "money": (asked_h * 0.1772, machine_h * 0.29),
    }


def reported() -> dict:
    """What kilnscan reports on the same records."""
    from kilnscan.config import load_config
    from kilnscan.cost import cost_report
    from kilnscan.files import read_json

    config = yaml.safe_load(Path("config/regions/demo.yaml").read_text()) | {"footprint": NAMED}
    area = sum(tile["properties"]["area_km2"] for tile in read_json("results/demo/tiles.geojson")["features"])
    return cost_report(str(RESULTS), load_config(config), area, 0.0, ATLAS)


def everywhere() -> dict[str, float]:
    """CPU seconds of fetching all chips of all tiles and looking at all windows, and how many."""
    from kilnscan.config import load_config
    from kilnscan.detect import detect_tile
    from kilnscan.detector import Detector
    from kilnscan.files import read_json
    from kilnscan.grid import Tile
    from kilnscan.imagery import acquire_for_tile
    from kilnscan.lattice import CHIP_M
    from kilnscan.store import open_store

    settings = load_config(yaml.safe_load(Path("config/regions/demo.yaml").read_text()))
    detector = Detector.load(settings.detect.model, None, "cpu")
    spent = {"chips": 0, "windows": 0, "fetch_cpu_s": 0.0, "detect_cpu_s": 0.0, "boxes": 0}
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(RESULTS.glob("tiles/*/scenes.json")):
            scenes = read_json(path)
            left, bottom, right, top = Tile.from_spec(scenes["tile"]).own.bounds
            span = [range(round(a / CHIP_M), round(b / CHIP_M)) for a, b in ((left, right), (bottom, top))]
            windows = [(i, j) for i in span[0] for j in span[1]]
            store = open_store(f"{folder}/{path.parent.name}")
            begun = time.process_time()
            imagery = acquire_for_tile(scenes, [], windows, settings.imagery, store, "everywhere")
            fetched = time.process_time()
            boxes = detect_tile(imagery, store, detector, None, threads=2)
            done = time.process_time()
            spent["chips"] += len(imagery["chips"])
            spent["windows"] += len(windows)
            spent["fetch_cpu_s"] += fetched - begun
            spent["detect_cpu_s"] += done - fetched
            spent["boxes"] += len(boxes)
    return spent


def main() -> None:
    report = reported()
    for part, atlas in (("products", True), ("besides", False)):
        print(f"\n{part}: {report[part]['jobs']} jobs\n\n| | by hand | report |\n|---|---|---|")
        for name, pair in by_hand(atlas).items():
            told = report[part][name]
            print(f"| {name} | {pair[0]:.6g} to {pair[1]:.6g} | {told[0]:.6g} to {told[1]:.6g} |")
            if any(abs(mine - its) > 1e-5 * mine for mine, its in zip(pair, told, strict=True)):
                sys.exit(f"{name} of {part} differs")
    print()
    for row in report["naive"]:
        print(f"| {row['against']} | {row['naive']} | {row['run']} | {row['saving']} |")
    spent = everywhere()
    print(f"\neverywhere, done: {spent}")
    total = spent["fetch_cpu_s"] + spent["detect_cpu_s"]
    funnel = next(row["values"][1] for row in report["naive"] if row["against"] == "detection everywhere")
    print(f"{total:.1f} CPU s, {total / 3600:.4f} h: {total / funnel:.1f} times the funnel's {funnel:.1f} CPU s")


if __name__ == "__main__":
    main()
