"""How fast the detector is, side by side in one run: kilnscan and ultralytics with the same weights, on real windows.

    make bench-detect DATA=/where/s2_delhi/is

Windows of 320 m around the labelled kilns of three real composites, and as many elsewhere, are cut beforehand.
Contestants see the same windows on one CPU, one thread each, in turns; windows per CPU second are medians over the
rounds, from pixels to boxes. ultralytics gets the shipped weights twice: put back into the network they were trained in
(.pt), and as the shipped ONNX file with the metadata that ultralytics wants. Each contestant then runs once more in a
process of its own for its peak memory. With the package openvino installed it is one more contestant.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "s2-rgb-detector.onnx"
ROUNDS = 5
MIN_SCORE, MAX_IOU = 0.1, 0.3

sys.path.insert(0, str(ROOT))

from kilnscan import obb  # noqa: E402
from kilnscan.config_sentinel2 import RGB  # noqa: E402
from kilnscan.detector import Detector, standardise, to_rgb  # noqa: E402
from kilnscan.lattice import nearest_vertex, window_bounds, windows_of  # noqa: E402
from kilnscan.offline_ultralytics import offline_ultralytics  # noqa: E402
from kilnscan.reader import MosaicReader  # noqa: E402

Contestant = Callable[[np.ndarray], list[np.ndarray]]
"""Windows (N, row, column, 3) uint8 in, boxes (n, 6) of each out: x, y, length, width, angle, score."""


def real_windows(data: Path, detector: Detector) -> np.ndarray:
    """Windows around all kilns, and as many at random, in an order that mixes them."""
    rng, found = np.random.default_rng(0), []
    for folder in sorted(path.parent for path in data.glob("*/s2_rgb_10m.tif")):
        reader = MosaicReader.open(str(folder / "s2_rgb_10m.tif"), RGB)
        kilns = windows_of(gpd.read_file(folder / "kilns_obb.geojson").to_crs(reader.epsg))
        west, south, east, north = reader.bounds
        anywhere = rng.uniform((west, south), (east, north), (len(kilns), 2))
        for window in [*kilns, *(nearest_vertex(*place) for place in anywhere)]:
            pixels, valid = reader.read(window_bounds(window), detector.resolution_m)
            if valid.all():
                found.append(to_rgb(pixels))
    if not found:
        sys.exit(f"There are no composites in {data}: give DATA=/where/s2_delhi/is.")
    return np.stack(found)[rng.permutation(len(found))]


def ours(detector: Detector, views: int) -> Contestant:
    def run(windows: np.ndarray) -> list[np.ndarray]:
        tables = detector.detect(windows, min_score=MIN_SCORE, max_iou=MAX_IOU, views=views)
        names = ("x", "y", "length", "width", "angle", "score")
        return [np.column_stack([table[name] for name in names]) for table in tables]

    return run


def with_openvino(detector: Detector) -> Detector:
    """The same detector whose network runs by OpenVINO."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(str(MODEL), "CPU", settings)

    class Session:
        def get_inputs(self) -> list:
            return detector.session.get_inputs()

        def run(self, _: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [compiled(next(iter(feed.values())))[0]]

    return replace(detector, session=Session())


def weights_for_ultralytics(folder: Path, detector: Detector) -> dict[str, Path]:
    """The shipped weights as ultralytics' own .pt, and as an ONNX file with the metadata it wants."""
    from kilnscan.train_detector import NETWORK

    with offline_ultralytics():
        import onnx
        import torch
        from onnx import numpy_helper
        from ultralytics.nn.tasks import OBBModel

        model = onnx.load(MODEL)
        stored = {
            tensor.name.removesuffix(":half"): numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        network = OBBModel({**NETWORK, "nc": len(detector.classes)}, nc=len(detector.classes), verbose=False).fuse()
        network.load_state_dict({name: torch.tensor(values.astype(np.float32)) for name, values in stored.items()})
        network.names, network.task = dict(enumerate(detector.classes)), "obb"
        torch.save({"model": network, "train_args": {"task": "obb", "imgsz": detector.window_px}}, folder / "model.pt")
        wanted = {"task": "obb", "stride": 16, "batch": 1, "names": network.names, "args": {"dynamic": True}}
        wanted["imgsz"] = [detector.window_px] * 2
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, {key: str(value) for key, value in wanted.items()})
        onnx.save(model, folder / "model.onnx")
    return {kind: folder / f"model.{kind}" for kind in ("pt", "onnx")}


def theirs(weights: Path, detector: Detector, batch: int) -> Contestant:
    """`ultralytics predict`; its windows are standardised for it, which is not counted as its work."""
    from ultralytics import YOLO

    model = YOLO(weights, task="obb")
    how = {"imgsz": detector.window_px, "conf": MIN_SCORE, "iou": MAX_IOU, "device": "cpu", "verbose": False}

    def run(windows: np.ndarray) -> list[np.ndarray]:
        found = []
        for start in range(0, len(windows), batch):
            bgr = [np.ascontiguousarray(window[..., ::-1]) for window in windows[start : start + batch]]
            for result in model.predict(bgr, **how):
                boxes = obb.canonical(result.obb.xywhr.numpy())
                found.append(np.column_stack([boxes, result.obb.conf.numpy()]))
        return found

    return run


def contestants(folder: Path, detector: Detector) -> dict[str, Contestant]:
    """Everybody who takes part, ours first."""
    files = weights_for_ultralytics(folder, detector)
    taking_part = {
        "kilnscan, one view": ours(detector, 1),
        f"kilnscan, {detector.views} views as shipped": ours(detector, detector.views),
        "ultralytics predict, .pt, one by one": theirs(files["pt"], detector, 1),
        "ultralytics predict, .pt, batches of 16": theirs(files["pt"], detector, 16),
        "ultralytics predict, .onnx, one by one": theirs(files["onnx"], detector, 1),
        "ultralytics predict, .onnx, batches of 16": theirs(files["onnx"], detector, 16),
    }
    if importlib.util.find_spec("openvino"):
        taking_part["kilnscan, one view, OpenVINO"] = ours(with_openvino(detector), 1)
    return taking_part


def compare(boxes: list[np.ndarray], reference: list[np.ndarray]) -> str:
    """How many boxes agree (IoU above .9 with one of the other's), and how far their centres are apart at most."""
    matched, farthest, most = 0, 0.0, 0
    for some, others in zip(boxes, reference, strict=True):
        most += max(len(some), len(others))
        overlap = obb.iou(some[:, :5], others[:, :5])
        for row, column in enumerate(overlap.argmax(axis=1) if len(others) else []):
            if overlap[row, column] > 0.9:
                matched += 1
                farthest = max(farthest, float(np.hypot(*(some[row, :2] - others[column, :2]))))
    return f"{matched} of {most}, {farthest:.4f} px"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the real composites")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is run")
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "NAME"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one thread, whatever the libraries think
    detector = Detector.load(MODEL)
    if arguments.one:
        one_alone(arguments.one[1], Path(arguments.one[0]), detector)
        return
    with offline_ultralytics(), tempfile.TemporaryDirectory() as folder:
        side_by_side(real_windows(arguments.data, detector), Path(folder), detector, arguments)


def shown_to(name: str, windows: np.ndarray) -> np.ndarray:
    return windows if name.startswith("kilnscan") else np.stack([standardise(window) for window in windows])


def one_alone(name: str, folder: Path, detector: Detector) -> None:
    """Run one contestant in this process and say what memory it took at most."""
    windows = shown_to(name, np.load(folder / "windows.npy"))
    if name.startswith("kilnscan"):
        views = 1 if "one view" in name else detector.views
        ours(with_openvino(detector) if "OpenVINO" in name else detector, views)(windows)
    else:
        with offline_ultralytics():
            weights = folder / f"model.{'pt' if '.pt' in name else 'onnx'}"
            theirs(weights, detector, 1 if "one by one" in name else 16)(windows)
    status = Path("/proc/self/status").read_text()  # getrusage's maximum would include the parent's, from before exec
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def side_by_side(windows: np.ndarray, folder: Path, detector: Detector, arguments: argparse.Namespace) -> None:
    """The table: speed, agreement, memory."""
    np.save(folder / "windows.npy", windows)
    taking_part = contestants(folder, detector)
    shown = {name: shown_to(name, windows) for name in taking_part}
    boxes = {name: run(shown[name]) for name, run in taking_part.items()}  # warms up, too
    taken: dict[str, list[float]] = {name: [] for name in taking_part}
    for _ in range(arguments.rounds):
        for name, run in taking_part.items():
            start = time.process_time()
            run(shown[name])
            taken[name].append(time.process_time() - start)
    first = next(iter(taking_part))
    speed = {name: len(windows) / statistics.median(times) for name, times in taken.items()}
    rival = speed["ultralytics predict, .pt, one by one"]
    count = sum(map(len, boxes[first]))
    print(f"\n{len(windows)} windows of {detector.window_px} px, {count} boxes above {MIN_SCORE}; one thread\n")
    print(
        "| | windows per CPU s | times ultralytics one by one | boxes as by one view of kilnscan, farthest | peak MB |"
    )
    print("|---|---|---|---|---|")
    for name, rate in speed.items():
        command = [sys.executable, __file__, "--data", str(arguments.data), "--one", str(folder), name]
        peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(f"| {name} | {rate:.0f} | {rate / rival:.1f} | {compare(boxes[name], boxes[first])} | {peak:.0f} |")


if __name__ == "__main__":
    main()
