"""Files that kilnscan ships are found from any folder; one's own by the same name go before them."""

from pathlib import Path

import pytest

from kilnscan.config import load_config
from kilnscan.shipped import ROOT, portable, shipped

MODEL = "models/s2-rgb-screen.npz"
SMALLEST = {"region": {"name": "here"}, "sentinel2": {"source": "mosaic", "path": "rgb.tif"}}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_shipped_file_is_found_from_another_folder(elsewhere):
    assert Path(shipped(MODEL)) == ROOT / MODEL
    assert Path(load_config(SMALLEST).screen.model) == ROOT / MODEL  # a default, too
    assert Path(load_config(SMALLEST).map.boundaries).is_file()


def test_in_kilnscans_own_folder_names_stay_as_they_are(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert shipped(MODEL) == MODEL == load_config(SMALLEST).screen.model


def test_ones_own_file_goes_first(elsewhere):
    (elsewhere / "models").mkdir()
    (elsewhere / MODEL).touch()
    assert shipped(MODEL) == MODEL


@pytest.mark.parametrize(
    "path", ["models/none.npz", "README.md", "/models/a.npz", "results/models/a.npz", "", "s3://a/b"]
)
def test_nothing_else_is_looked_for(elsewhere, path):
    assert shipped(path) == path


def test_provenance_tells_a_shipped_file_by_its_name_in_kilnscan(elsewhere):
    told = portable({"a": [{"model": shipped(MODEL)}, 3, None], "b": "own/file.npz"})
    assert told == {"a": [{"model": MODEL}, 3, None], "b": "own/file.npz"}


def test_a_path_below_the_data_says_nothing_of_the_machine():
    told = portable({"a": ["/home/me/data/a.csv", "/home/me/data"], "b": "/home/me/database"}, "/home/me/data/")
    assert told == {"a": ["{data}/a.csv", "{data}"], "b": "/home/me/database"}
    assert portable("0.5", ".") == "0.5" and portable("a/b", "") == "a/b"
