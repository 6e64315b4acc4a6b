"""The container's recipe: what it copies is there, what a run needs is copied, and it pins nothing by itself."""

import re
import subprocess
from pathlib import Path

from tests.unit.test_lock import PROJECT, locked

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra" / "container"
RECIPE = (FOLDER / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
INSTALL = (FOLDER / "install.sh").read_text(encoding="utf-8")
COPIES = [line.split()[1:] for line in RECIPE.splitlines() if line.startswith("COPY ") and "--from" not in line]
COPIED = {source for *sources, _ in COPIES for source in sources}
NOT_IN_THE_IMAGE = {
    ".ci", ".containerignore", ".dockerignore", ".gitignore", ".lock.in", ".overrides.txt",
    ".snakemake-workflow-catalog.yml", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "Makefile", "README.md",
    "benchmarks", "docs", "infra", "mkdocs.yml", "site", "tests",
}  # fmt: skip


def tracked() -> set[str]:
    """The top level of what git tracks."""
    return set(subprocess.check_output(["git", "ls-tree", "--name-only", "HEAD"], cwd=ROOT, text=True).split())


def test_what_is_copied_exists():
    assert COPIED and all((ROOT / source).exists() for source in COPIED)


def test_every_folder_goes_in_or_is_left_out_on_purpose():
    assert tracked() - COPIED <= NOT_IN_THE_IMAGE
    assert "site/dist" in COPIED and "infra/container/smoke.py" in COPIED


def test_what_is_copied_is_not_ignored():
    ignored = (ROOT / ".containerignore").read_text(encoding="utf-8").split("\n")
    assert not COPIED & set(ignored)
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def test_what_the_workflow_reads_is_copied():
    """Every included file, script, environment, default model and file of facts."""
    text = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
    named = set(re.findall(r'"(?:\.\./)?((?:rules|scripts|envs|config|models|facts)/[\w./-]+)"', text))
    assert len(named) > 20
    assert {name.split("/")[0] for name in named} <= COPIED


def test_versions_come_from_the_lock():
    assert "requirements.lock" in COPIED and "PIP_CONSTRAINT=$PWD/requirements.lock" in INSTALL
    rows = [line.split()[2:] for line in INSTALL.splitlines() if re.match(r" *pip (install|download) ", line)]
    words = {word for row in rows for word in row if re.fullmatch(r"[a-z][a-z0-9-]+(\W+.*)?", word)}
    packages = words - {"train)"}
    assert {"onnxruntime-gpu", "ultralytics", "snakemake-storage-plugin-s3"} <= packages <= set(locked())
    assert "pip install" not in RECIPE.replace("`pip install`", "")


def test_the_image_has_the_python_of_the_lock():
    assert re.search(r"^ARG BASE=\S+python:3\.11-", RECIPE, re.MULTILINE)
    assert PROJECT["requires-python"] == ">=3.11"


def test_the_container_runs_as_nobody_special():
    assert re.findall(r"^USER (\S+)$", RECIPE, re.MULTILINE) == ["10001"]


def test_no_job_installs_anything():
    for setting in ("PIP_NO_INDEX=1", "PIP_NO_DEPS=1", "PIP_DRY_RUN=1", "PIP_FIND_LINKS=/opt/wheels"):
        assert setting in RECIPE


def test_nothing_asks_pip_for_kilnscans_own_version():
    """It is used where it lies: in the image pip has never heard of it."""
    modules = (ROOT / "kilnscan").rglob("*.py")
    assert not [path.name for path in modules if 'version("kilnscan")' in path.read_text(encoding="utf-8")]
