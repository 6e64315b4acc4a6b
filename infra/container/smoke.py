"""Map the smallest tile of the demo, with one sheet of imagery, and check that its kilns are found (about a minute).

This is the image's health check, and its build runs it too. Every stage runs, from scenes to map and evaluation.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import onnxruntime

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "envs", "facts", "kilnscan", "models", "profiles", "rules", "scripts", "site")
CONFIG = {
    # a little less than the tile 45QVB_10_50, so that all windows lie on the north-eastern sheet
    "region": {"name": "smoke", "aoi": [86.5255, 18.9925, 86.5585, 19.0170]},
    "imagery": {"paths": ["results/landscape/7/imagery/ne.tif"]},
}
LEAST_KILNS, LEAST_F1 = 8, 0.9


def device() -> str:
    """`cuda` where both a GPU and an ONNX Runtime that knows it are there: then it has to work."""
    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return "cuda" if cuda and Path("/dev/nvidiactl").exists() else "cpu"


def run(work: Path, detector_on: str) -> None:
    """Run the workflow in an empty folder."""
    for part in PARTS:
        (work / part).symlink_to(ROOT / part)
    config = [f"{key}={json.dumps(value)}" for key, value in (CONFIG | {"detect": {"device": detector_on}}).items()]
    command = [sys.executable, "-m", "snakemake", "--cores", str(os.cpu_count())]
    command += ["--configfile", "config/regions/demo.yaml", "--config", *config]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)  # noqa: S603 (fixed words)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nsmoke: Snakemake ended with {done.returncode}.")


def main() -> None:
    """Say how many kilns were found; end with an error if that is not as it should be."""
    started, detector_on = time.monotonic(), device()
    with tempfile.TemporaryDirectory(prefix="kilnscan-smoke-") as folder:
        run(Path(folder), detector_on)
        results = Path(folder) / "results" / "smoke"
        found = json.loads((results / "atlas" / "evaluation.json").read_text())
        empty = [name for name in ("atlas/kilns.gpkg", "site/index.html") if not (results / name).stat().st_size]
    kilns, known, f1 = found["kilns"], found["reference_kilns"], found["atlas"]["f1"]
    said = f"{kilns} kilns where {known} are, F1 {f1}, detector on {detector_on}, {time.monotonic() - started:.0f} s"
    if kilns < LEAST_KILNS or f1 < LEAST_F1 or empty:
        sys.exit(f"smoke: not as it should be: {said}; empty: {', '.join(empty) or 'nothing'}")
    print(f"smoke: {said}")


if __name__ == "__main__":
    main()
