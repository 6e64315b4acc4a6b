"""Features: the same number at the same place whatever window it was computed in."""

import numpy as np
import pytest

from kilnscan.errors import ImageryError
from kilnscan.features import HALO, compute_features, feature_names

RGB = ["B04", "B03", "B02"]
SIX = ["B02", "B03", "B04", "B08", "B11", "B12"]


def scene(bands: int, dtype: type, size: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise over the whole range of the type, with holes."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(dtype).max, (bands, size, size), dtype=dtype, endpoint=True)
    valid = rng.random((size, size)) > 0.02
    valid[140:170, 60:75] = False
    return pixels, valid


@pytest.mark.parametrize(("bands", "dtype"), [(RGB, np.uint8), (RGB, np.uint16), (SIX, np.uint16)])
@pytest.mark.parametrize("window", [(20, 290, 10, 275), (0, 260, 61, 300)])
def test_windows_agree_to_the_last_bit(bands: list[str], dtype: type, window: tuple[int, int, int, int]):
    pixels, valid = scene(len(bands), dtype)
    top, bottom, left, right = window
    whole = compute_features(pixels, valid, bands)
    part = compute_features(pixels[:, top:bottom, left:right], valid[top:bottom, left:right], bands)
    # the edges of the scene itself are edges for both
    north, south = (0 if top == 0 else HALO), (0 if bottom == 300 else HALO)
    west, east = (0 if left == 0 else HALO), (0 if right == 300 else HALO)
    inner = part[north : part.shape[0] - south, west : part.shape[1] - east]
    expected = whole[top + north : bottom - south, left + west : right - east]
    assert inner.size and inner.dtype == np.float32
    assert inner.tobytes() == expected.tobytes()


def test_a_part_is_as_the_whole_even_across_blocks(monkeypatch: pytest.MonkeyPatch):
    pixels, valid = scene(3, np.uint8)
    whole = compute_features(pixels, valid, RGB)
    monkeypatch.setattr("kilnscan.features.BLOCK", 50)
    window = (slice(30, 145), slice(7, 120))
    assert compute_features(pixels, valid, RGB, window).tobytes() == whole[window].tobytes()


def test_what_invalid_pixels_hold_does_not_matter():
    pixels, valid = scene(3, np.uint16)
    other = np.where(valid, pixels, 12345).astype(np.uint16)
    assert compute_features(pixels, valid, RGB).tobytes() == compute_features(other, valid, RGB).tobytes()


@pytest.mark.parametrize("bands", [RGB, SIX, ["B08", "B04", "B03", "B02"]])
def test_every_feature_has_a_name_and_is_finite(bands: list[str]):
    pixels, valid = scene(len(bands), np.uint16, 60)
    features = compute_features(pixels, valid, bands)
    names = feature_names(bands)
    assert features.shape == (60, 60, len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(features).all()


def test_even_a_scene_without_any_valid_pixel_has_finite_features():
    assert np.isfinite(compute_features(np.zeros((3, 60, 60), np.uint8), np.zeros((60, 60), bool), RGB)).all()


def test_brightness_of_the_whole_scene_does_not_matter():
    pixels, valid = scene(3, np.uint8)
    dim, bright = pixels.astype(np.uint16) * 10, pixels.astype(np.uint16) * 160
    np.testing.assert_allclose(compute_features(dim, valid, RGB), compute_features(bright, valid, RGB), atol=2e-2)


def test_wrong_bands_are_refused():
    pixels, valid = scene(3, np.uint8)
    with pytest.raises(ImageryError, match="needs 6 bands"):
        compute_features(pixels, valid, SIX)
    with pytest.raises(ImageryError, match="float64"):
        compute_features(pixels.astype(float), valid, RGB)
