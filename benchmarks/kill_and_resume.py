"""Kill the demo again and again with SIGKILL, resume it, and compare its tables with an undisturbed run's.

    .venv/bin/python benchmarks/kill_and_resume.py [kills] [seed]

Every other kill hits Snakemake with all its jobs, the others hit one job alone. Works in a copy in a temporary folder.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("Snakefile", "rules", "scripts", "kilnscan", "models", "profiles", "envs", "config", "site", "workflow")


def start(folder: Path) -> subprocess.Popen:
    """Start the demo in a process group of its own."""
    log = (folder / "run.log").open("a")
    command = [sys.executable, "-m", "snakemake"]
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def jobs_of(run: subprocess.Popen) -> list[int]:
    """Process ids of the scripts that a run has started."""
    listed = subprocess.run(["ps", "-eo", "pid=,pgid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [int(pid) for pid, group, args in rows if int(group) == run.pid and ".snakemake/scripts/" in args]


def kill_once(folder: Path, wait: float, whole: bool) -> str:
    """Start the demo, wait, kill it whole or one of its jobs; what was killed."""
    run = start(folder)
    time.sleep(wait)
    jobs = jobs_of(run)
    if run.poll() is not None:
        return "nothing: it had ended"
    if whole or not jobs:
        os.killpg(run.pid, signal.SIGKILL)
        what = "everything"
    else:
        os.kill(jobs[0], signal.SIGKILL)
        what = "one job"
    run.wait()
    return what


def tables(folder: Path) -> dict[str, bytes]:
    """All tables and lists of the region, by name."""
    files = [
        p for p in (folder / "results" / "demo").rglob("*") if p.suffix in {".parquet", ".gpkg", ".json", ".geojson"}
    ]
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(files)}


def main(kills: int = 8, seed: int = 0) -> None:
    rng = random.Random(seed)  # noqa: S311 (when to kill is no secret)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / name for name in ("undisturbed", "killed")]
        for folder in folders:
            for part in PARTS:
                if (ROOT / part).is_dir():
                    ignore = shutil.ignore_patterns("__pycache__", "node_modules")
                    shutil.copytree(ROOT / part, folder / part, ignore=ignore)
                else:
                    folder.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / part, folder / part)
        begun = time.monotonic()
        if start(folders[0]).wait():
            sys.exit(f"The undisturbed run failed:\n{(folders[0] / 'run.log').read_text()[-3000:]}")
        length = time.monotonic() - begun
        for number in range(kills):
            wait = rng.uniform(5, max(length / 2, 10))
            print(f"kill {number + 1}: after {wait:.1f} s, {kill_once(folders[1], wait, number % 2 == 0)}", flush=True)
            subprocess.run(
                [sys.executable, "-m", "snakemake", "--unlock"], cwd=folders[1], check=True, capture_output=True
            )
        if start(folders[1]).wait():
            sys.exit(f"The resumed run failed:\n{(folders[1] / 'run.log').read_text()[-3000:]}")
        first, second = tables(folders[0]), tables(folders[1])
        different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
        print(f"{len(first)} tables, {len(different)} different: {different}")
        sys.exit(bool(different))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
