import json
from pathlib import Path

import numpy as np
import pytest

from kilnscan.detector import DETECTION, Detector, standardise, to_rgb
from kilnscan.errors import ModelError

SAID = {
    "kilnscan:kind": "detector",
    "kilnscan:classes": json.dumps(["FCBK", "zigzag"]),
    "kilnscan:resolution_m": "2.5",
    "kilnscan:window_px": "32",
    "kilnscan:threshold": "0.4",
}
ULTRALYTICS = {"task": "obb", "names": "{0: 'FCBK', 1: 'zigzag'}", "imgsz": "[32, 32]"}

# rows: x, y, w, h, score of FCBK, score of zigzag, angle; in a window of full brightness
ANCHORS = np.array(
    [
        [10.0, 12.0, 8.0, 4.0, 0.9, 0.1, 0.0],
        [11.0, 12.0, 8.0, 4.0, 0.8, 0.1, 0.0],  # the same kiln again
        [20.0, 25.0, 4.0, 8.0, 0.2, 0.6, 0.0],  # written with its width first
        [25.0, 8.0, 8.0, 4.0, 0.1, 0.3, 0.0],  # too weak
        [40.0, 12.0, 8.0, 4.0, 0.9, 0.1, 0.0],  # outside of the window
    ]
)


# --- a network in thirty lines: writes ONNX's protocol buffers by hand, because the core environment has no `onnx` ---


def varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number % 128 + 128)
        number //= 128
    return bytes([*parts, number])


def field(key: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(key * 8) + varint(value)
    payload = value.encode() if isinstance(value, str) else value
    return varint(key * 8 + 2) + varint(len(payload)) + payload


def tensor_info(name: str, dims: list[int]) -> bytes:
    shape = b"".join(field(1, field(1, size)) for size in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def write_network(path: Path, said: dict[str, str], anchors: np.ndarray = ANCHORS) -> Path:
    """A network that sees `anchors` in every window, with scores and places scaled by the brightest pixel."""
    dims = [1, *anchors.T.shape]
    weights = b"".join(field(1, size) for size in dims) + field(2, 1) + field(8, "anchors")
    weights += field(9, np.ascontiguousarray(anchors.T, "<f4").tobytes())
    keep_no_dims = field(1, "keepdims") + field(3, 0) + field(20, 2)
    brightest = field(1, "images") + field(2, "brightest") + field(4, "ReduceMax") + field(5, keep_no_dims)
    scaled = field(1, "anchors") + field(1, "brightest") + field(2, "output0") + field(4, "Mul")
    graph = field(1, brightest) + field(1, scaled) + field(2, "network") + field(5, weights)
    graph += field(11, tensor_info("images", [1, 3, 32, 32])) + field(12, tensor_info("output0", dims))
    model = field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, graph)
    for key, value in said.items():
        model += field(14, field(1, key) + field(2, value))
    path.write_bytes(model)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_network(tmp_path / "detector.onnx", SAID)


def window(brightness: int = 255) -> np.ndarray:
    return np.full((32, 32, 3), brightness, np.uint8)


# --- what a detector knows of itself ---


def test_a_detector_says_how_it_wants_to_be_used(model: Path):
    detector = Detector.load(model)
    assert detector.classes == ("FCBK", "zigzag")
    assert (detector.resolution_m, detector.window_px, detector.threshold) == (2.5, 32, 0.4)


def test_an_export_of_ultralytics_itself_works_once_its_pixel_size_is_given(tmp_path: Path):
    path = write_network(tmp_path / "foreign.onnx", ULTRALYTICS)
    assert Detector.load(path, resolution_m=1.0).resolution_m == 1.0
    with pytest.raises(ModelError, match=r"does not say its pixel size: set `detect\.resolution_m`"):
        Detector.load(path)


# --- what it finds ---


def test_each_kiln_is_found_once_best_first(model: Path):
    (found,) = Detector.load(model).detect([window()])
    assert found.dtype == DETECTION
    assert found["kind"].tolist() == [0, 1]
    assert found["score"] == pytest.approx([0.9, 0.6])
    assert [*found[0]][:5] == pytest.approx([10, 12, 8, 4, 0])
    assert [*found[1]][:5] == pytest.approx([20, 25, 8, 4, np.pi / 2])


def test_a_lower_score_finds_more(model: Path):
    (found,) = Detector.load(model).detect([window()], min_score=0.25)
    assert len(found) == 3


def test_a_kiln_on_invalid_pixels_is_dropped(model: Path):
    valid = np.ones((32, 32), bool)
    valid[12, 10] = False
    (found,) = Detector.load(model).detect([window()], [valid])
    assert found["x"].tolist() == [11, 20]


def test_the_result_depends_neither_on_other_windows_nor_on_threads(model: Path):
    detector = Detector.load(model)
    windows = [window(brightness) for brightness in (255, 200, 0, 130)]
    alone = [detector.detect([one])[0] for one in windows]
    together = detector.detect(windows, threads=3)
    reverse = detector.detect(windows[::-1])[::-1]
    for one, other, third in zip(alone, together, reverse, strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(one, third)
    assert [len(found) for found in alone] == [2, 3, 0, 2]


@pytest.mark.parametrize("name", ["demo", "s2-rgb"])
def test_the_shipped_networks_say_the_same_to_the_last_bit_whoever_shares_the_run(name: str):
    detector = Detector.load(Path("models") / f"{name}-detector.onnx")
    assert detector.batch == 16
    rng, size = np.random.default_rng(3), detector.window_px
    windows = rng.integers(0, 256, (21, size // 16, size // 16, 3)).repeat(16, 1).repeat(16, 2).astype(np.uint8)
    images = np.stack([detector._image(one) for one in windows])
    assert np.array_equal(detector._run(images), np.concatenate([detector._run(image[None]) for image in images]))
    alone = [detector.detect([one], min_score=0.001)[0] for one in windows]
    assert max(len(found) for found in alone) > 0
    for threads in (1, 3):
        together = detector.detect(windows, min_score=0.001, threads=threads)
        assert all(map(np.array_equal, alone, together))


def test_no_windows_no_detections(model: Path):
    assert Detector.load(model).detect([]) == []


def test_a_window_of_another_size_is_refused(model: Path):
    with pytest.raises(ValueError, match=r"uint8 \(32, 32, 3\), not uint8 \(16, 32, 3\)"):
        Detector.load(model).detect([window()[:16]])


# --- the picture it sees ---


def test_eight_bit_pixels_stay_as_they_are():
    pixels = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
    assert np.array_equal(to_rgb(pixels), pixels.transpose(1, 2, 0))


def test_reflectance_is_shown_from_nothing_to_three_tenths():
    pixels = np.array([0, 1500, 3000, 10000], np.uint16).reshape(1, 2, 2).repeat(6, axis=0)
    picture = to_rgb(pixels)
    assert picture.shape == (2, 2, 3)
    assert picture[..., 0].ravel().tolist() == [0, 128, 255, 255]


def test_the_cast_and_exposure_of_a_mosaic_do_not_matter():
    scene = np.random.default_rng(0).integers(60, 120, (32, 32, 3)).astype(np.uint8)
    other = np.rint(scene * 0.7 + [40, 10, 25]).astype(np.uint8)
    assert np.abs(standardise(scene).astype(int) - standardise(other)).max() <= 3
    assert standardise(scene).mean() == pytest.approx(110, abs=1)


def test_missing_pixels_stay_black_and_do_not_count():
    scene = np.random.default_rng(0).integers(60, 120, (32, 32, 3)).astype(np.uint8)
    half = scene.copy()
    half[16:] = 0
    assert not standardise(half)[16:].any()
    assert np.array_equal(standardise(half)[:16], standardise(scene[:16]))
    assert not standardise(np.zeros((32, 32, 3), np.uint8)).any()
