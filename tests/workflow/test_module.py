"""Another workflow may import this one: its rules, with everything they need, work from the other's folder."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).parents[2]
STAGES = ("choose_scenes", "screen", "candidates", "imagery", "detect", "atlas", "impact", "publish")
OTHER = """
configfile: "config/config.yaml"


rule count:
    input:
        "{results}/here/atlas/kilns.csv",
    output:
        "count.txt",
    shell:
        "wc --lines < {{input}} > {{output}}"


module kilns:
    snakefile:
        "{snakefile}"
    config:
        config["kilns"]
    {more}


use rule * from kilns as kilns_*
"""
TILE = "45QVA"
REGION = {"region": {"name": "here"}, "sentinel2": {"source": "mosaic", "path": "rgb.tif"}}


@pytest.fixture
def folder(tmp_path, raster):
    """A folder that holds a small composite and nothing of kilnscan."""
    pixels = np.random.default_rng(0).integers(40, 200, (3, 40, 40)).astype(np.uint8)
    raster("rgb.tif", pixels, left=460_000, top=2_095_000)
    (tmp_path / "region.yaml").write_text(yaml.safe_dump(REGION))
    return tmp_path


@pytest.fixture
def other(folder):
    """Writes the other workflow into the folder."""

    def write(results="results", more=""):
        (folder / "workflow").mkdir()
        snakefile = ROOT / "workflow" / "Snakefile"
        (folder / "workflow" / "Snakefile").write_text(OTHER.format(results=results, snakefile=snakefile, more=more))
        (folder / "config").mkdir()
        (folder / "config" / "config.yaml").write_text(yaml.safe_dump({"kilns": REGION}))

    return write


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def once(*rules):
    return dict.fromkeys(rules, 1)


def jobs(said):
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", said, re.MULTILINE | re.DOTALL)
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)}


def test_the_catalogues_snakefile_plans_everything_from_any_folder(folder):
    said = snakemake(
        folder, "--dry-run", "--configfile", "region.yaml", "--snakefile", str(ROOT / "workflow" / "Snakefile")
    )
    assert jobs(said) == once(*STAGES, "tiles", "all")


def test_an_importing_workflow_keeps_its_own_target_and_may_move_every_result(folder, other):
    other(results="bricks/results", more='prefix:\n        "bricks"')
    assert jobs(snakemake(folder, "--dry-run")) == once("count", *(f"kilns_{stage}" for stage in STAGES))


def test_imported_rules_run_with_the_models_that_kilnscan_ships(folder, other):
    other()
    snakemake(folder, f"results/here/tiles/{TILE}/candidates.parquet")
    assert (folder / "results" / "here" / "tiles" / TILE / "candidates.parquet").is_file()
    assert (folder / "logs" / "here" / TILE / "screen.log").is_file()
