"""A copy of the project with a small synthetic region of five tiles that has been run once."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import shapely
import yaml
from shapely.geometry import mapping

from kilnscan.grid import to_crs
from kilnscan.landscape import SHEETS, plan_landscape, write_scenes, write_sheet, write_truth

ROOT = Path(__file__).parents[2]
PARTS = (
    "Snakefile", "rules", "scripts", "kilnscan", "models", "facts", "profiles", "envs", "config", "site/dist",
    "site/languages", "workflow",
)  # fmt: skip


@dataclass
class Project:
    """A working copy in `folder` with the region file `region.yaml`."""

    folder: Path

    def snakemake(self, *arguments: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        """Run Snakemake; everything it printed."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "region.yaml"]
        run = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            env=os.environ | (env or {}),
        )
        assert not check or run.returncode == 0, run.stdout + run.stderr
        assert check or run.returncode != 0, "this must fail\n" + run.stdout
        return run.stdout + run.stderr

    def jobs(self, *arguments: str) -> dict[str, int]:
        """How often each rule would run now, `all` left out."""
        said = self.snakemake("--dry-run", *arguments)
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", said, re.MULTILINE | re.DOTALL)
        rows = re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE) if table else []
        return {rule: int(count) for rule, count in rows if rule != "all"}

    def configure(self, **changes: dict) -> None:
        """Change sections of the region file."""
        path = self.folder / "region.yaml"
        config = yaml.safe_load(path.read_text())
        for section, values in changes.items():
            config[section] = {**config.get(section, {}), **values}
        path.write_text(yaml.safe_dump(config))

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a piece of a source file that is there exactly once."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))


def write_area(path: Path, *boxes: tuple[float, float, float, float]) -> None:
    """Write boxes, given in metres from the corner of four tiles, as the area of interest."""
    shapes = [shapely.box(450_000 + w, 2_100_000 + s, 450_000 + e, 2_100_000 + n) for w, s, e, n in boxes]
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(to_crs(s, 32645, 4326))} for s in shapes]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


MIDDLE = (-600, -600, 600, 600)
"""Box that four tiles share."""
BEYOND = (-15_000, 1_000, -14_000, 2_000)
"""Box in a fifth tile, of which there is no scene."""


TOLD = ("exposure", "areas", "siting", "sources", "ground_reports", "public")
"""Sections of the demo that tell more of its kilns. One test has them: they would make all others slower."""


def copy_workflow(folder: Path) -> None:
    """Put what a run needs of the repository into a folder."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The region run to its end, once for all tests and all processes of pytest. Tests work on copies of it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the process that comes first runs it, the others wait
        if not (folder / "results/small/site/index.html").is_file():
            run_region(folder)
    return Project(folder)


def run_region(folder: Path) -> None:
    """Make the small region in a folder and run it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    copy_workflow(folder)
    landscape = plan_landscape(7, kilns=9, half_width_m=700)
    write_scenes(landscape, folder / "input")
    write_truth(landscape, folder / "input")
    for sheet in SHEETS:
        write_sheet(landscape, sheet, folder / "input" / "imagery" / f"{sheet}.tif")
    config = yaml.safe_load((ROOT / "config" / "regions" / "demo.yaml").read_text())
    for section in ("landscape", "train", "paper", *TOLD):
        del config[section]
    write_area(folder / "area.geojson", MIDDLE, BEYOND)
    config["region"] = {"name": "small", "aoi": "area.geojson", "synthetic": True}
    config["sentinel2"]["catalog"] = "input/catalog.json"
    config["imagery"]["paths"] = "input/imagery/*.tif"
    config["reference"]["path"] = "input/truth.geojson"
    (folder / "region.yaml").write_text(yaml.safe_dump(config))
    Project(folder).snakemake()


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, with file times kept, to change at will."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
