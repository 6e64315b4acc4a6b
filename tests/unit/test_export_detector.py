import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from kilnscan.detector import Detector
from kilnscan.errors import ModelError

if importlib.util.find_spec("ultralytics") is None:
    pytest.skip("needs the training environment: make train-env", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")  # torch and ultralytics deprecate each other's calls

from kilnscan.export_detector import export_onnx, main  # noqa: E402
from kilnscan.offline_ultralytics import offline_ultralytics  # noqa: E402

NAMES = {0: "Zig Zag", 1: "four-à-chambre"}


def write_weights(path: Path, network: str = "yolo11n-obb.yaml", **more) -> Path:
    """Weights as ultralytics saves them, of a network that has learned nothing."""
    with offline_ultralytics():
        import torch
        from ultralytics.nn.tasks import OBBModel

        torch.manual_seed(0)
        model = OBBModel(network, nc=2, verbose=False)
        model.names, model.task, model.args = NAMES, "obb", {}
        torch.save({"model": model.half(), "train_args": {"task": "obb", "imgsz": 96}, **more}, path)
    return path


def image(size: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("network", ["yolov8n-obb.yaml", "yolo11n-obb.yaml", "yolo26n-obb.yaml"])
def test_weights_of_ultralytics_become_a_detector_that_says_what_torch_says(tmp_path: Path, capsys, network: str):
    weights = write_weights(tmp_path / "best.pt", network)
    out = tmp_path / "mine.onnx"
    main([str(weights), "--resolution-m", "0.5", "--out", str(out)])
    assert "finds Zig Zag, four-à-chambre in windows of 96 pixels of 0.5 m" in capsys.readouterr().out
    detector = Detector.load(out)
    assert (detector.classes, detector.views, detector.threshold) == (tuple(NAMES.values()), 1, 0.25)
    assert not detector.standardised and detector.fill == 114
    with offline_ultralytics():
        import torch
        from ultralytics import YOLO

        own = YOLO(weights, task="obb")
        tensor = torch.from_numpy(detector._image(image())[None])
        with torch.no_grad():
            model = own.model.eval()
            model.model[-1].export = True
            model.model[-1].end2end = False
            said = model(tensor)
        said = (said[0] if isinstance(said, tuple | list) else said).numpy()
    assert detector._run(tensor.numpy()) == pytest.approx(said, abs=2e-3)


def test_an_export_of_ultralytics_itself_says_the_same(tmp_path: Path):
    weights = write_weights(tmp_path / "best.pt")
    export_onnx(weights, tmp_path / "ours.onnx", resolution_m=0.5, threshold=0.25, views=1, standardised=False)
    with offline_ultralytics():
        from ultralytics import YOLO

        theirs = YOLO(weights, task="obb").export(format="onnx", imgsz=96, simplify=False)  # takes one window at a time
    ours, theirs = Detector.load(tmp_path / "ours.onnx"), Detector.load(theirs, resolution_m=0.5)
    assert (theirs.classes, theirs.window_px, theirs.batch) == (ours.classes, 96, 1)
    for one, other in zip(
        *(detector.detect([image(), image()], min_score=0.0) for detector in (ours, theirs)), strict=True
    ):
        assert len(one) > 0
        assert all(one[name] == pytest.approx(other[name], abs=1e-2) for name in one.dtype.names)


class Code:
    def __reduce__(self):
        return os.system, ("touch ran",)


def test_code_in_a_weights_file_is_refused_and_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    weights = write_weights(tmp_path / "best.pt", extra=Code())
    with pytest.raises(SystemExit, match=r"best\.pt cannot be exported"):
        main([str(weights), "--resolution-m", "0.5", "--out", "mine.onnx"])
    assert not Path("ran").exists() and not Path("mine.onnx").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not weights"])
def test_weights_that_are_damaged(tmp_path: Path, content: bytes):
    weights = tmp_path / "best.pt"
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"best\.pt cannot be exported"):
        export_onnx(weights, tmp_path / "mine.onnx", resolution_m=0.5, threshold=0.25)


def test_weights_that_are_not_there(tmp_path: Path):
    with pytest.raises(ModelError, match=r"There are no weights at .*best\.pt"):
        export_onnx(tmp_path / "best.pt", tmp_path / "mine.onnx", resolution_m=0.5, threshold=0.25)


def test_windows_that_do_not_fit_the_network(tmp_path: Path):
    with pytest.raises(ModelError, match="multiples of 32 pixels, and 100 is none"):
        export_onnx(
            write_weights(tmp_path / "best.pt"), tmp_path / "m.onnx", resolution_m=0.5, threshold=0.2, window_px=100
        )
