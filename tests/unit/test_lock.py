"""The environments for conda pin what requirements.lock pins, and hold what the project needs."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux"}


def locked() -> dict[str, str]:
    """What the lock gives Python 3.11 on Linux: versions by name."""
    rows = map(Requirement, (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())
    chosen = [row for row in rows if row.marker is None or row.marker.evaluate(PYTHON)]
    pins = {canonicalize_name(row.name): str(row.specifier).removeprefix("==") for row in chosen}
    assert len(pins) == len(chosen), "a package is pinned twice"
    return pins


def pins(name: str) -> dict[str, str]:
    """What an environment file for conda pins."""
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text(encoding="utf-8"))
    [rows] = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", row) for row in rows)
    return {canonicalize_name(row.partition("==")[0]): row.partition("==")[2] for row in rows}


def names(*requirements: str) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_an_environment_pins_what_the_lock_pins():
    lock = locked()
    for name in ("core", "train"):
        wrong = {package: version for package, version in pins(name).items() if lock.get(package) != version}
        assert not wrong, f"envs/{name}.yaml"


def test_the_core_environment_holds_what_the_project_needs_and_no_more():
    assert set(pins("core")) == names(*PROJECT["dependencies"])


def test_the_training_environment_adds_what_training_needs():
    assert set(pins("train")) == names(*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["train"])
    added = re.findall(r"([\w-]+)==([\w.]+)", (ROOT / "envs" / "train.post-deploy.sh").read_text(encoding="utf-8"))
    lock = locked()
    assert added == [(name, lock[name]) for name in ("ultralytics", "ultralytics-thop")]


@pytest.mark.parametrize("name", ["core", "train"])
def test_an_environment_has_the_python_of_the_lock(name):
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert "python=3.11" in environment["dependencies"]


def test_the_lock_agrees_with_the_project():
    lock = locked()
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["train"]]:
        need = Requirement(text)
        assert need.specifier.contains(lock[canonicalize_name(need.name)]), text
