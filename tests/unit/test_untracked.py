"""Files that are not of the repository, which no image built from it has of itself."""

import subprocess

import pytest

from kilnscan.provenance import untracked


@pytest.fixture
def repository(tmp_path, monkeypatch):
    (tmp_path / "config").mkdir()
    for name in ("config/demo.yaml", "config/ä b.yaml", "own.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "config"], check=True)
    return tmp_path


def test_files_of_ones_own_are_told_from_those_of_the_repository(repository):
    theirs = ["config/demo.yaml", "config/ä b.yaml", repository / "config" / "demo.yaml"]
    assert untracked(theirs) == []
    assert untracked([*theirs, "own.yaml", "gone.yaml", "own.yaml", "/etc/hosts", "../beside.yaml"]) == [
        "../beside.yaml", "/etc/hosts", "gone.yaml", "own.yaml"
    ]  # fmt: skip
    assert untracked(["../beside.yaml"]) == ["../beside.yaml"] and untracked([]) == []


def test_outside_a_repository_all_are_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert untracked(["b.yaml", "a.yaml"]) == ["a.yaml", "b.yaml"]
