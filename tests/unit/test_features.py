"""Features: the same number at the same place whatever window it was computed in."""

import numpy as np
import pytest

from kilnscan.errors import ImageryError, ModelError
from kilnscan.features import CELL, HALO, SURROUNDINGS, Scene, compute_features, feature_names, layout_of
from kilnscan.kernels import SORT_4, SORT_8, glance

RGB = ["B04", "B03", "B02"]
SIX = ["B02", "B03", "B04", "B08", "B11", "B12"]
EMBEDDING = [f"A{n:02d}" for n in range(64)]
SEASON = [*SIX, "B04_p10", "B08_p10", "B04_p90", "B08_p90"]


def scene(bands: int, dtype: type, size: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise over the whole range of the type, with holes."""
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    pixels = rng.integers(info.min, info.max, (bands, size, size), dtype=dtype, endpoint=True)
    valid = rng.random((size, size)) > 0.02
    valid[140:170, 60:75] = False
    return pixels, valid


def plain_features(pixels, valid, bands, row, column, origin):
    """Some features of one pixel as their names say, by slices of the whole array."""
    values = np.where(valid, pixels, 0).astype(np.int64)
    light = values.sum(axis=0)
    red, green = values[bands.index("B04")], values[bands.index("B03")]
    brick = ((red - green) * 1024) // np.maximum(red + green, 1)

    def box(top, left, height, width):
        cut = np.s_[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
        return cut, max(int(valid[cut].sum()), 1)

    def mean(plane, width):
        cut, number = box(row - width // 2, column - width // 2, width, width)
        return plane[cut].sum() / number

    def around(plane, width):
        top = (row + origin[1]) // CELL * CELL - origin[1] - width // 2 * CELL
        left = (column + origin[0]) // CELL * CELL - origin[0] - width // 2 * CELL
        cut, number = box(top, left, width * CELL, width * CELL)
        average = plane[cut].sum() / number
        return average, np.sqrt(max((plane[cut] ** 2).sum() / number - average**2, 0))

    near, far = (around(brick, width) for width in SURROUNDINGS)
    bright = around(light, SURROUNDINGS[0])
    return {
        "brick_mean5": mean(brick, 5) / 1024,
        "brick_mean204": far[0] / 1024,
        "brick_spread52": near[1] / 1024,
        "brick_above204_3": (mean(brick, 3) - far[0]) / max(far[1], 1),
        "light_above52_25": (mean(light, 25) - bright[0]) / max(bright[1], 0.01 * bright[0], 1),
        "light_spread7": np.sqrt(max(mean(light**2, 7) - mean(light, 7) ** 2, 0)) / max(bright[0], 1),
    }


@pytest.mark.parametrize(("bands", "dtype"), [(RGB, np.uint8), (RGB, np.uint16), (SIX, np.uint16)])
@pytest.mark.parametrize(("row", "column"), [(150, 140), (0, 0), (299, 3), (155, 66)])
def test_features_are_what_their_names_say(bands: list[str], dtype: type, row: int, column: int):
    pixels, valid = scene(len(bands), dtype)
    origin = (70_001, -317_002)
    wanted = np.zeros(valid.shape, bool)
    wanted[row, column] = True
    found = dict(
        zip(feature_names(bands), compute_features(pixels, valid, bands, wanted, origin)[0].tolist(), strict=True)
    )
    for name, value in plain_features(pixels, valid, bands, row, column, origin).items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


@pytest.mark.parametrize(
    ("bands", "dtype"),
    [(RGB, np.uint8), (RGB, np.uint16), (SIX, np.uint16), (SEASON, np.uint16), (EMBEDDING[:4], np.int16)],
)
@pytest.mark.parametrize("window", [(20, 290, 10, 275), (0, 260, 61, 300), (3, 299, 2, 297)])
def test_windows_agree_to_the_last_bit(bands: list[str], dtype: type, window: tuple[int, int, int, int]):
    pixels, valid = scene(len(bands), dtype)
    top, bottom, left, right = window
    # the edges of the scene itself are edges for both
    north, south = (0 if top == 0 else HALO), (0 if bottom == 300 else HALO)
    west, east = (0 if left == 0 else HALO), (0 if right == 300 else HALO)
    wanted = np.zeros(valid.shape, bool)
    wanted[top + north : bottom - south, left + west : right - east] = True
    cut = np.s_[top:bottom, left:right]
    whole = compute_features(pixels, valid, bands, wanted, origin=(8, 4))
    part = compute_features(pixels[:, *cut], valid[cut], bands, wanted[cut], origin=(8 + left, 4 + top))
    assert part.size and part.dtype == np.float32
    assert part.tobytes() == whole.tobytes()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    pixels, valid = scene(3, np.uint8)
    wanted = np.random.default_rng(3).random(valid.shape) < 0.1
    whole = compute_features(pixels, valid, RGB, wanted)
    monkeypatch.setattr("kilnscan.features.BLOCK", 50)
    assert compute_features(pixels, valid, RGB, wanted).tobytes() == whole.tobytes()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads: int):
    pixels, valid = scene(3, np.uint8)
    one, several = (Scene(pixels, valid, RGB, (5, 7), n) for n in (1, threads))
    np.testing.assert_array_equal(one.cells, several.cells)


@pytest.mark.parametrize(
    ("bands", "dtype"), [(RGB, np.uint8), (SIX, np.uint16), (SEASON, np.uint16), (EMBEDDING[:5], np.int16)]
)
def test_the_gate_sees_the_same_bits_as_the_forest(bands: list[str], dtype: type):
    pixels, valid = scene(len(bands), dtype)
    made = Scene(pixels, valid, bands, (2, 3))
    block = made.block(slice(100, 190), slice(50, 200))
    row = 41
    seen = np.empty((len(made.layout.gate), 150), np.float32)
    number, mean = np.empty(150), np.empty((len(made.layout.planes), 150))
    glance(row, block.sums, block.squares, block.first, block.about, block.unit, made.layout.shaped, number, mean, seen)
    described = block.describe(np.column_stack([np.full(150, row), np.arange(150)]))
    assert seen.T.tobytes() == described[:, made.layout.gate].tobytes()


def test_what_invalid_pixels_hold_does_not_matter():
    pixels, valid = scene(3, np.uint16)
    other = np.where(valid, pixels, 12345).astype(np.uint16)
    assert compute_features(pixels, valid, RGB).tobytes() == compute_features(other, valid, RGB).tobytes()


@pytest.mark.parametrize("bands", [RGB, SIX, SEASON, EMBEDDING, ["B08", "B04", "B03", "B02"], [*RGB, "height"]])
def test_every_feature_has_a_name_and_is_finite(bands: list[str]):
    pixels, valid = scene(len(bands), np.uint16, 60)
    features = compute_features(pixels, valid, bands)
    names = feature_names(bands)
    assert features.shape == (60 * 60, len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(features).all()


def test_a_season_adds_the_differences_of_its_percentiles():
    names = feature_names(SEASON)
    assert {"ndvi_p10_mean1", "ndvi_p90_mean13"} <= set(names)
    assert set(feature_names(SIX)) < set(names)


def test_embeddings_are_taken_as_they_are():
    pixels, valid = scene(64, np.int16, 40)
    features = compute_features(pixels, valid, EMBEDDING)
    assert feature_names(EMBEDDING)[0] == "A00_mean1"
    np.testing.assert_allclose(
        features.reshape(40, 40, -1)[..., 0][valid], pixels[0][valid] / 1024, rtol=1e-6, atol=1e-6
    )


def test_even_a_scene_without_any_valid_pixel_has_finite_features():
    assert np.isfinite(compute_features(np.zeros((3, 60, 60), np.uint8), np.zeros((60, 60), bool), RGB)).all()


def test_brightness_of_the_whole_scene_does_not_matter():
    pixels, valid = scene(3, np.uint8)
    dim, bright = pixels.astype(np.uint16) * 10, pixels.astype(np.uint16) * 160
    np.testing.assert_allclose(compute_features(dim, valid, RGB), compute_features(bright, valid, RGB), atol=2e-2)


@pytest.mark.parametrize(("network", "size"), [(SORT_4, 4), (SORT_8, 8)])
def test_the_networks_sort_everything(network: np.ndarray, size: int):
    # whatever a network does to all rows of 0 and 1 it does to all numbers (Knuth's zero-one principle)
    rows = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    for i, j in network.tolist():
        rows[:, i], rows[:, j] = np.minimum(rows[:, i], rows[:, j]), np.maximum(rows[:, i], rows[:, j])
    assert (np.diff(rows, axis=1) >= 0).all()


def test_wrong_bands_are_refused():
    pixels, valid = scene(3, np.uint8)
    with pytest.raises(ImageryError, match="needs 6 bands"):
        compute_features(pixels, valid, SIX)
    with pytest.raises(ImageryError, match="float64"):
        compute_features(pixels.astype(float), valid, RGB)
    with pytest.raises(ModelError, match="make 300 features"):
        layout_of([f"X{n}" for n in range(100)])
