"""Scores become probabilities that hold on regions they were not fitted to."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kilnscan.calibration import Calibration, fit_calibration, places_of, read_calibration, write_calibration
from kilnscan.errors import ModelError


def region(seed, count=4000):
    """Places whose chance to be a kiln is known: logit = 2 logit(detector) + logit(screen) - 1."""
    rng = np.random.default_rng(seed)
    detector, screen = rng.uniform(0.05, 0.95, (2, count))
    told = 2 * np.log(detector / (1 - detector)) + np.log(screen / (1 - screen)) - 1
    return {"detector": detector, "screen": screen, "kiln": rng.random(count) < 1 / (1 + np.exp(-told))}


def test_the_regression_that_made_the_places_is_found_again():
    fitted = fit_calibration({"a": region(1), "b": region(2), "c": region(3)})
    assert (fitted.detector, fitted.screen, fitted.intercept) == pytest.approx((2, 1, -1), abs=0.15)


def test_probabilities_hold_on_regions_left_out():
    fitted = fit_calibration({"a": region(1), "b": region(2), "c": region(3)})
    assert len(fitted.reliability) == 5
    for told, true, count in fitted.reliability:
        assert abs(told - true) < 0.03 and count == 2400
    assert set(fitted.left_out) == {"a", "b", "c"} and max(fitted.left_out.values()) < 0.15


def test_more_score_is_never_less_probable():
    calibration = Calibration(intercept=-1, detector=1.5, screen=0.5)
    scores = np.linspace(0, 1, 50)
    for rising in (
        calibration.probability(scores, np.full(50, 0.4)),
        calibration.probability(np.full(50, 0.4), scores),
    ):
        assert (np.diff(rising) >= 0).all() and 0 < rising.min() < rising.max() < 1


def test_a_screen_that_knows_nothing_is_not_held_against_a_kiln():
    contrary = region(1) | {"screen": 1 - region(1)["screen"]}
    assert fit_calibration({"a": contrary}).screen == 0


def test_places_are_kilns_one_to_one():
    north = 1 / 111_195
    lat = np.array([0.0, 45.0, 900.0]) * north
    detections = gpd.GeoDataFrame(
        {"keeper": [True, True, True], "owner": ["t"] * 3, "lon": 0.0, "lat": lat, "score": [0.9, 0.8, 0.7],
         "screen_score": [0.5, 0.4, 0.3]},
        geometry=[shapely.Point(0, y) for y in lat], crs=4326,
    )  # fmt: skip
    known = gpd.GeoDataFrame(geometry=[shapely.Point(0, 10 * north)], crs=4326)
    assert places_of(detections, known)["kiln"].tolist() == [True, False, False]
    assert places_of(detections.assign(owner=["", "t", "t"]), known)["kiln"].tolist() == [True, False]


def test_places_of_one_kind_cannot_calibrate():
    places = region(1)
    with pytest.raises(ModelError, match="none of them is"):
        fit_calibration({"a": places | {"kiln": np.zeros(4000, bool)}})


def test_a_file_comes_back_as_it_was(tmp_path):
    fitted = fit_calibration({"a": region(1), "b": region(2)})
    write_calibration(tmp_path / "c.json", fitted)
    assert read_calibration(tmp_path / "c.json") == fitted


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"intercept": 1}', '{"intercept": NaN, "detector": 1, "screen": 1}',
     '{"intercept": 0, "detector": -1, "screen": 1}', '{"intercept": 0, "detector": 1, "screen": 1, "run": "x"}',
     '{"intercept": 0, "detector": 1e9, "screen": 1}', " " * 70_000],
)  # fmt: skip
def test_what_is_no_calibration_is_refused(tmp_path, content):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(ModelError, match=r"c\.json"):
        read_calibration(tmp_path / "c.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match="check the path"):
        read_calibration(tmp_path / "none.json")
