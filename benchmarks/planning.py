"""CPU time and memory of planning a large region: its tiles, the Snakefile that every job reads again, and a dry run.

.venv/bin/python benchmarks/planning.py [region ...]
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
TILING = """
import sys, time, yaml
from kilnscan.aoi import area_of
from kilnscan.config import load_config
from kilnscan.grid import tiles_of
config = load_config(yaml.safe_load(open(sys.argv[1])))
started = time.process_time()
tiles = tiles_of(area_of(config.region), config.tiling.size_km)
specs = [tile.spec() for tile in tiles]
print(len(tiles), time.process_time() - started)
"""


def measured(*command: str) -> tuple[str, float, float]:
    """What a command prints, its CPU seconds, and its peak resident memory in MB."""
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(printed)
    return printed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main(regions: list[str]) -> None:
    print("| region | tiles | area and tiles: CPU s | MB | reading the Snakefile: CPU s | jobs | dry run: CPU s | MB |")
    print("|---|---|---|---|---|---|---|---|")
    for region in regions:
        path = f"config/regions/{region}.yaml"
        printed, _, tiling_mb = measured(sys.executable, "-c", TILING, path)
        tiles, tiling_s = printed.split()
        _, reading_s, _ = measured(str(SNAKEMAKE), "--configfile", path, "--list-rules")
        printed, planning_s, planning_mb = measured(str(SNAKEMAKE), "--configfile", path, "-n", "-q", "rules")
        jobs = re.search(r"^total\s+(\d+)", printed, re.MULTILINE).group(1)
        print(
            f"| {region} | {tiles} | {float(tiling_s):.2f} | {tiling_mb:.0f} | {reading_s:.1f} "
            f"| {jobs} | {planning_s:.1f} | {planning_mb:.0f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:] or ["indo-gangetic-plain", "africa"])
