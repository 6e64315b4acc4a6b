"""Training the screen: from labels and imagery to a forest that finds kilns it has not seen."""

from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely import Point, box

from kilnscan.cards import screen_card
from kilnscan.errors import VectorError
from kilnscan.features import feature_names
from kilnscan.recall import leave_one_out, recall_curve, train
from kilnscan.train_screen import Region, Settings, grow, quarters, sample

SETTINGS = Settings(trees=8, depth=6, rounds=1, negatives_per_km2=400, hard_per_km2=200)


@dataclass(frozen=True)
class Drawn:
    """A reader of an array whose lower left corner lies at (700 000, 3 000 000)."""

    pixels: np.ndarray
    epsg: int = 32643
    bands: tuple[str, ...] = ("B04", "B03", "B02")

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        _, rows, columns = self.pixels.shape
        return 700_000.0, 3_000_000.0, 700_000.0 + columns * 10, 3_000_000.0 + rows * 10

    def read(self, bounds, resolution_m: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
        left, bottom, right, top = (round(edge / 10) for edge in bounds)
        _, rows, columns = self.pixels.shape
        row, column = 300_000 + rows - top, left - 70_000
        pixels = np.zeros((3, top - bottom, right - left), np.uint8)
        valid = np.zeros(pixels.shape[1:], bool)
        inside = (
            slice(max(row, 0), min(row + top - bottom, rows)),
            slice(max(column, 0), min(column + right - left, columns)),
        )
        to = (
            slice(inside[0].start - row, inside[0].stop - row),
            slice(inside[1].start - column, inside[1].stop - column),
        )
        pixels[:, *to] = self.pixels[:, *inside]
        valid[to] = True
        return pixels, valid


def region(name: str, seed: int, light: float = 1.0) -> Region:
    """Noisy fields 2.6 km wide with red 100 x 50 m kilns and grey decoys of the same shape."""
    rng = np.random.default_rng(seed)
    size, kilns = 260, []
    pixels = rng.normal(90, 6, (3, size, size)) - np.array([0, 5, 15])[:, None, None]
    for index, place in enumerate(rng.permutation(64)[:24]):
        row, column = 12 + place // 8 * 30, 12 + place % 8 * 30
        colour = (150, 80, 70) if index < 12 else (140, 130, 120)
        pixels[:, row : row + 10, column : column + 5] = np.array(colour)[:, None, None] + rng.normal(0, 6, (3, 10, 5))
        if index < 12:
            x, y = 700_000 + column * 10, 3_000_000 + (size - row) * 10
            kilns.append(box(x, y - 100, x + 50, y))
    return Region(
        name, Drawn((pixels * light).clip(0, 255).astype(np.uint8)), gpd.GeoDataFrame(geometry=kilns, crs=32643)
    )


@pytest.fixture(scope="module")
def regions() -> list[Region]:
    return [region("one", 1), region("two", 2, light=0.7)]


@pytest.fixture(scope="module")
def forest(regions: list[Region]):
    return train(regions, SETTINGS)


def test_it_finds_the_kilns_of_a_darker_region_it_never_saw(forest):
    at = recall_curve(forest, region("three", 3, light=0.8)).at(forest.operating_point)
    assert at["kept"] == at["kilns"] == 12
    assert at["candidates"] < 30


def test_the_model_says_what_it_was_trained_on(forest):
    about = forest.trained_on
    assert about["regions"] == {"one": 12, "two": 12}
    assert about["settings"]["trees"] == 8
    assert set(about["importance"]) == set(forest.features)
    assert [(fold["region"], fold["kilns"]) for fold in about["left_out"]] == [("one", 12), ("two", 12)]
    assert about["recall"]["ci95"][0] <= about["recall"]["value"] <= about["recall"]["ci95"][1]
    assert about["threshold_ci95"][0] <= about["threshold_ci95"][1]


def test_the_card_tells_it(forest, tmp_path: Path):
    forest.save(tmp_path / "m.npz")
    card = screen_card(forest, tmp_path / "m.npz", "Drawn.")
    for words in ("one (12 kilns)", "for a recall of 0.99", "95 % interval", "What the forest looks at most", "kept"):
        assert words in card


def test_a_region_left_out_is_not_learned_from(regions: list[Region]):
    folds = leave_one_out(regions, replace(SETTINGS, trees=3))
    assert folds["one"].forest.trained_on["regions"] == {"two": 12}
    assert len(folds["one"].curve.kept_at) == 12


def test_training_twice_gives_the_same_bytes(regions: list[Region], tmp_path: Path):
    for name in ("a.npz", "b.npz"):
        grow(regions[:1], replace(SETTINGS, trees=3)).save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_labels_off_the_imagery_are_refused(regions: list[Region]):
    far = gpd.GeoDataFrame(geometry=[Point(0, 0).buffer(50)], crs=32643)
    with pytest.raises(VectorError, match="No labelled kiln"):
        grow([replace(regions[0], labels=far)], SETTINGS)


def test_a_single_region_is_left_out_by_quarters(regions: list[Region]):
    parts = quarters(regions[0])
    assert 2 <= len(parts) <= 4
    assert sum(len(part.labels[part.labels.within(box(*part.reader.bounds))]) for part in parts) <= 12
    forest = train(regions[:1], replace(SETTINGS, trees=3))
    assert {fold["region"] for fold in forest.trained_on["left_out"]} == {part.name for part in parts}
    assert forest.trained_on["regions"] == {"one": 12}


def test_points_will_do_as_labels(regions: list[Region]):
    points = regions[0].labels.set_geometry(regions[0].labels.centroid)
    _, kiln = sample(regions[0].reader, points, SETTINGS, np.random.default_rng(0))
    assert 12 * 20 < kiln.sum() < 12 * 36


def test_heavier_kilns_are_given_more_probability(regions: list[Region]):
    light, heavy = (
        grow(regions[:1], replace(SETTINGS, trees=5, rounds=0, kiln_weight=weight)) for weight in (0.2, 5.0)
    )
    features, _ = sample(regions[1].reader, regions[1].labels, SETTINGS, np.random.default_rng(0))
    assert heavy.predict(features).mean() > light.predict(features).mean()


def test_imagery_without_other_land_is_refused(regions: list[Region]):
    with pytest.raises(VectorError, match="All training land lies near"):
        grow(regions[:1], replace(SETTINGS, trees=2, ring_m=10_000.0))


def test_random_negatives_have_the_wanted_density_and_keep_off_the_labels(regions: list[Region]):
    one = regions[0]
    features, kiln = sample(one.reader, one.labels, SETTINGS, np.random.default_rng(0))
    assert features.shape == (len(kiln), len(feature_names(list(one.reader.bands))))
    # 400 per km2 of 6.76 km2, less the rings
    assert 400 * 6.76 * 0.5 < (~kiln).sum() < 400 * 6.76
    # all pixels within 30 m of the 12 middles and inside the 50 m wide kilns
    assert 12 * 15 < kiln.sum() < 12 * 36


def test_places_that_people_rejected_are_drawn_more_densely_and_change_no_other_draw(regions: list[Region]):
    reader, labels = regions[0].reader, regions[0].labels
    without, _ = sample(reader, labels, SETTINGS, np.random.default_rng(5))
    left, bottom, _, _ = reader.bounds
    rejected = gpd.GeoDataFrame(geometry=[box(left + 300, bottom + 20, left + 460, bottom + 180)], crs=32643)
    features, _ = sample(reader, labels, SETTINGS, np.random.default_rng(5), rejected=rejected.to_crs(4326))
    more = {row.tobytes() for row in features} - {row.tobytes() for row in without}
    assert 5 <= len(more) <= 40 and {row.tobytes() for row in without} <= {row.tobytes() for row in features}
