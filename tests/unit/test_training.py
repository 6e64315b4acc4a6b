"""Where training gets its labels: as given, brought onto the pixels, and corrected by people."""

import runpy
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.decisions import decide, write_decisions
from kilnscan.errors import VectorError
from kilnscan.grid import to_crs
from kilnscan.obb import corners
from kilnscan.review_answers import Answer
from kilnscan.review_marks import Mark, Window
from kilnscan.training import corrected_labels

WINDOW = Window(32645, 2812, 13125)
X, Y = 2812 * 160.0, 13125 * 160.0


@pytest.fixture
def region(tmp_path) -> dict:
    """Labels in the middle of a window and 500 m farther east."""
    shapes = [to_crs(shapely.box(X + d - 50, Y - 25, X + d + 50, Y + 25), 32645, 4326) for d in (0, 500)]
    table = gpd.GeoDataFrame({"kind": ["FCBK", "FCBK"]}, geometry=shapes, crs=4326)
    table.to_file(tmp_path / "kilns.geojson")
    return {"name": "here", "labels": str(tmp_path / "kilns.geojson"), "folder": False}


def decided(region: dict, tmp_path, *marks: Mark) -> dict:
    answer = Answer(WINDOW, marks, "Ann", "2026-01-01T00:00:00Z", "a.json")
    write_decisions(decide([answer]), tmp_path / "d.parquet", tmp_path / "d.csv")
    return region | {"decisions": str(tmp_path / "d.parquet")}


def places(table) -> list[tuple[int, int]]:
    points = table.geometry.to_crs(32645).centroid
    return [(round(x - X), round(y - Y)) for x, y in zip(points.x, points.y, strict=True)]


def test_without_decisions_labels_stay_as_they_are(region):
    labels, negatives = corrected_labels(region)
    assert places(labels) == [(0, 0), (500, 0)] and negatives.empty


def test_what_people_marked_lies_on_the_pixels_and_is_not_shifted(region, tmp_path):
    box = Mark("zigzag", WINDOW.shares(corners([[X + 4, Y - 7, 100.0, 50.0, 0.3]])[0]))
    labels, _ = corrected_labels(decided(region, tmp_path, box), "kind", (4.0, -7.0))
    assert places(labels) == [(504, -7), (4, -7)] and labels["kind"].tolist() == ["FCBK", "zigzag"]


def test_a_rejected_window_takes_its_label_away_and_is_a_negative(region, tmp_path):
    labels, negatives = corrected_labels(decided(region, tmp_path))
    assert places(labels) == [(500, 0)] and places(negatives) == [(0, 0)]


def test_decisions_that_leave_no_kiln_are_an_error(region, tmp_path):
    gpd.read_file(region["labels"])[:1].to_file(region["labels"])
    with pytest.raises(VectorError, match="leave no kiln in region here"):
        corrected_labels(decided(region, tmp_path))


class EnoughError(Exception):
    """Stands in for training, which would take too long: what it would have learned from."""


def learned_from(script: str, trainer: str, region: dict, raster, **config) -> EnoughError:
    """Run a training script up to its trainer."""
    scope = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / f"{script}.py"))

    def refuse(*arguments, **options):
        raise EnoughError(*arguments, options)

    scope["main"].__globals__[trainer] = refuse
    mosaic = raster("m.tif", np.full((3, 100, 200), 99, np.uint8), left=X - 500, top=Y + 500)
    with pytest.raises(EnoughError) as stopped:
        scope["main"]([region | {"mosaic": mosaic}], config, "m", "m.md", 1)
    return stopped.value


def test_both_models_learn_from_corrected_labels_and_from_rejected_places(region, tmp_path, raster):
    region = decided(region, tmp_path)
    screen = {"bands": ["B04", "B03", "B02"], "seed": 0, "target_recall": 0.9, "kiln_weight": 1, "rounds": 1}
    (here,) = learned_from("train_screen", "train", region, raster, **screen).args[0]
    assert places(here.labels) == [(500, 0)] and places(here.negatives) == [(0, 0)]
    detector = {"classes": ["FCBK"], "resolution_m": 2.5, "window_px": 128, "epochs": 1, "seed": 0}
    detector |= {"type_column": "kind", "label_shift_m": (4, -7), "confidence": 0.1}
    _, labels, _, options = learned_from("train_detector", "learn", region, raster, **detector).args
    assert places(labels["here"]) == [(504, -7)] and places(options["negatives"]["here"]) == [(0, 0)]
    assert "shift_m" not in options
