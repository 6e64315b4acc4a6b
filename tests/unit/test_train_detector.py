from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from kilnscan import obb
from kilnscan.detector import Detector

pytest.importorskip("torch", reason="needs the training environment: make train-env")
pytestmark = pytest.mark.filterwarnings("ignore")  # torch and ultralytics deprecate each other's calls

from kilnscan.export_detector import export_onnx  # noqa: E402
from kilnscan.train_detector import learn  # noqa: E402

KILNS = np.array([[x, y, 120.0, 60.0, 0.5] for x in (500_300.0, 500_700.0) for y in (3_100_300.0, 3_100_700.0)])
SHAPE = {"classes": ["FCBK", "zigzag"], "resolution_m": 5.0, "window_px": 64}


class Noise:
    """Imagery of 1 km2 without anything to see."""

    epsg = 32643
    bands = ("B04", "B03", "B02")
    bounds = (500_000.0, 3_100_000.0, 501_000.0, 3_101_000.0)

    def read(self, bounds, resolution_m=10.0):
        rows, columns = (round((bounds[i + 2] - bounds[i]) / resolution_m) for i in (1, 0))
        pixels = np.random.default_rng(int(bounds[0] + bounds[1])).integers(0, 255, (3, rows, columns), dtype=np.uint8)
        return pixels, np.ones((rows, columns), bool)


def trained(folder: Path) -> Path:
    kilns = gpd.GeoDataFrame({"kiln_type": "zigzag"}, index=range(4), geometry=obb.polygons(KILNS), crs=32643)
    weights = learn({"here": Noise()}, {"here": kilns}, folder, epochs=2, samples=8, batch=4, seed=1, **SHAPE)
    export_onnx(weights, folder / "detector.onnx", threshold=0.4, views=4, notes={"regions": "here"}, **SHAPE)
    return folder / "detector.onnx"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts that somebody wanted to talk to; sockets themselves are blocked in all tests."""
    asked: list[str] = []

    def refuse(host, *_):
        asked.append(host)
        raise OSError("there is no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    return asked


def test_training_offline_gives_a_detector_and_the_same_one_again(tmp_path: Path, network: list[str]):
    first = trained(tmp_path / "first")
    detector = Detector.load(first)
    assert detector.classes == ("FCBK", "zigzag")
    assert (detector.resolution_m, detector.window_px, detector.threshold, detector.views) == (5.0, 64, 0.4, 4)
    assert detector.standardised
    assert "AGPL-3.0" in detector.metadata["license"]
    assert detector.metadata["kilnscan:regions"] == "here"
    assert len(detector.detect([np.zeros((64, 64, 3), np.uint8)], min_score=0.0)) == 1
    assert trained(tmp_path / "again").read_bytes() == first.read_bytes()
    assert network == []
