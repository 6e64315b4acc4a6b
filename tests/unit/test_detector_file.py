"""Opening a detector's file: on which device, and what is refused."""

from pathlib import Path

import pytest

from kilnscan import detector_file
from kilnscan.detector import Detector
from kilnscan.errors import ModelError
from tests.unit.test_detector import SAID, ULTRALYTICS, window, write_network


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_network(tmp_path / "detector.onnx", SAID)


# --- where it runs ---


class Session:
    """Stands for ONNX Runtime on a machine whose GPU works or does not."""

    works = True

    def __init__(self, content, options, providers):
        self.asked = providers

    def get_providers(self):
        names = [one if isinstance(one, str) else one[0] for one in self.asked]
        return names if self.works else ["CPUExecutionProvider"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [detector_file.CUDA, detector_file.CPU])
    monkeypatch.setattr("onnxruntime.InferenceSession", Session)


def test_the_device_decides_who_computes(model: Path, gpu):
    cuda = (detector_file.CUDA, detector_file.AS_ON_CPU)
    assert detector_file.open_session(model, "cpu").asked == [detector_file.CPU]
    assert detector_file.open_session(model, "cuda").asked == [cuda, detector_file.CPU]
    assert detector_file.open_session(model, "auto").asked == [cuda, detector_file.CPU]


def test_cuda_that_does_not_start_is_an_error_and_no_silent_cpu(model: Path, gpu, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Session, "works", False)
    assert detector_file.open_session(model, "auto").get_providers() == [detector_file.CPU]
    with pytest.raises(ModelError, match=r"CUDA did not start: check the driver"):
        detector_file.open_session(model, "cuda")


def test_cuda_without_the_package_for_it(model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [detector_file.CPU])
    assert len(Detector.load(model, device="auto").detect([window()])) == 1
    with pytest.raises(ModelError, match=r"knows no CUDA: replace the package onnxruntime by onnxruntime-gpu"):
        Detector.load(model, device="cuda")


# --- files that are not ours ---


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(ModelError, match=r"There is no detector at .*none\.onnx"):
        Detector.load(tmp_path / "none.onnx")


@pytest.mark.parametrize("keep", [0, 1, 40, 200, -1])
def test_a_truncated_file(model: Path, keep: int):
    model.write_bytes(model.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"detector\.onnx"):
        Detector.load(model)


def test_a_file_that_is_no_network(tmp_path: Path):
    path = tmp_path / "notes.onnx"
    path.write_text("not a network")
    with pytest.raises(ModelError, match="is no readable ONNX file"):
        Detector.load(path)


@pytest.mark.parametrize("name", ["best.pt", "renamed.onnx"])
def test_pickled_weights_are_not_loaded_but_explained(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ModelError, match=r"export it once with `python -m kilnscan\.export_detector .*" + name):
        Detector.load(path)


def test_exports_whose_windows_are_not_square(tmp_path: Path):
    path = write_network(tmp_path / "foreign.onnx", ULTRALYTICS | {"imgsz": "[32, 64]"})
    with pytest.raises(ModelError, match=r"its windows are not square: \[32, 64\]"):
        Detector.load(path, resolution_m=1.0)


def test_a_network_that_is_no_detector(tmp_path: Path):
    path = write_network(tmp_path / "other.onnx", {"task": "classify"})
    with pytest.raises(ModelError, match="is not a kiln detector"):
        Detector.load(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kilnscan:window_px": "a lot"},
        {"kilnscan:window_px": "64"},
        {"kilnscan:resolution_m": "-1"},
        {"kilnscan:resolution_m": "nan"},
        {"kilnscan:threshold": "7"},
        {"kilnscan:classes": '["FCBK"]'},
        {"kilnscan:classes": "{"},
        {"kilnscan:classes": '"FCBK"'},
    ],
)
def test_a_detector_that_contradicts_itself(tmp_path: Path, wrong: dict[str, str]):
    path = write_network(tmp_path / "detector.onnx", SAID | wrong)
    with pytest.raises(ModelError, match="does not describe itself"):
        Detector.load(path)


def test_a_file_too_large_to_be_a_detector_is_not_read(tmp_path: Path):
    path = tmp_path / "large.onnx"
    with path.open("wb") as handle:
        handle.truncate(300_000_000)  # sparse: takes no room
    with pytest.raises(ModelError, match="larger than any detector"):
        Detector.load(path)
