"""Find kilns in image windows with an exported YOLO-OBB network, by ONNX Runtime alone (no torch)."""

import ast
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

from kilnscan.errors import ModelError
from kilnscan.obb import canonical, suppress

DETECTION = np.dtype([(name, "f8") for name in ("x", "y", "length", "width", "angle", "score")] + [("kind", "i4")])
"""One detection: box in pixels of the window (angle in radians, y down), score 0..1, index into `Detector.classes`."""

REFLECTANCE_AT_255 = 0.3
"""Reflectance shown as 255. Bare soil and brick reach about 0.25 in red; brighter roofs and clouds saturate."""

LARGEST_MODEL = 200_000_000  # bytes; the largest YOLO-OBB is 230 MB in fp32, kilns need a hundredth of that


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """The picture uint8 (row, column, 3) of pixels (band, row, column) in red, green, blue order.

    The same for training and detection, and free of the pixels' surroundings, so that chips join without a seam.
    uint8 pixels stay as they are; uint16 pixels are reflectance * 10000, shown linearly from 0 to 0.3.
    """
    picture = pixels[:3].transpose(1, 2, 0)
    if picture.dtype == np.uint8:
        return np.ascontiguousarray(picture)
    scaled = picture.astype(np.float32) * (255 / (REFLECTANCE_AT_255 * 10_000))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def standardise(window: np.ndarray) -> np.ndarray:
    """A window (row, column, 3) with each band's mean at 110 and the mean spread of the bands at 45 DN.

    Takes out what differs between mosaics (exposure, haze, cast) and leaves what tells a kiln: how much redder,
    brighter or darker it is than its surroundings. Black pixels, which are no data, do not count and stay black.
    """
    missing = ~window.any(axis=2)
    counts = np.stack([np.bincount(window[..., band].ravel(), minlength=256) for band in range(3)])
    counts[:, 0] -= missing.sum()
    total, level = max(counts[0].sum(), 1), np.arange(256)
    middle = counts @ level / total
    spread = max(np.sqrt(counts @ level**2 / total - middle**2).mean(), 8.0)
    table = np.clip(np.rint(110 + (level - middle[:, None]) * (45 / spread)), 1, 255).astype(np.uint8)
    picture = np.stack([table[band][window[..., band]] for band in range(3)], axis=2)
    picture[missing] = 0
    return picture


@dataclass(frozen=True)
class Detector:
    """An exported network with what is needed to use it."""

    classes: tuple[str, ...]
    resolution_m: float
    """Metres per pixel of the windows."""
    window_px: int
    """Rows and columns of a window."""
    threshold: float
    """Score from which a detection counts as a kiln, chosen on the regions of training."""
    views: int
    """In how many ways, turned and mirrored, it looks at each window."""
    standardised: bool
    """Whether windows go through `standardise` first."""
    metadata: dict[str, str]
    session: onnxruntime.InferenceSession = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: str | Path, resolution_m: float | None = None) -> "Detector":
        """Open a detector exported by kilnscan, or by ultralytics itself if `resolution_m` says its pixel size.

        Raises ModelError if the file is missing, too large, truncated, or not an oriented-box detector.
        """
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"There is no detector at {path}: check the path, or make it with `snakemake train`.")
        if path.stat().st_size > LARGEST_MODEL:
            raise ModelError(f"{path} is larger than any detector kilnscan uses (200 MB): check the path.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # windows run side by side instead
        options.log_severity_level = 4
        try:  # from memory, so that a model cannot name other files to be read
            session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen classes, and which one depends on where the file ends
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"{path} is no readable ONNX file ({reason}): truncated or something else; fetch or make it again."
            ) from error
        return _understood(path, session, resolution_m)

    def detect(
        self,
        windows: Sequence[np.ndarray] | np.ndarray,
        valid: Sequence[np.ndarray] | np.ndarray | None = None,
        *,
        min_score: float | None = None,
        max_iou: float = 0.3,
        views: int | None = None,
        threads: int = 1,
    ) -> list[np.ndarray]:
        """Kilns in each window (row, column, 3) uint8, as arrays of DETECTION, best first.

        A detection needs `min_score` (default: the detector's own threshold) and, where `valid` masks (row, column)
        are given, a centre on a valid pixel. Each window is run by itself: its result does not depend on the others,
        nor on `threads`. With more than one of the eight `views` (default: the detector's own) a window is also seen
        turned and mirrored, and what the views say of each place is averaged: steadier, at as many times the cost.
        """
        floor = self.threshold if min_score is None else min_score
        views = self.views if views is None else views

        def one(index: int) -> np.ndarray:
            return self._detect(
                windows[index], None if valid is None else valid[index], floor, max_iou, views or self.views
            )

        with ThreadPoolExecutor(max(1, threads)) as pool:
            return list(pool.map(one, range(len(windows))))

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Raw output (N, 5 + classes, places): x, y, length, width, a score per class, angle."""
        return self.session.run(None, {self.session.get_inputs()[0].name: images})[0].astype(float)

    def _detect(
        self, window: np.ndarray, valid: np.ndarray | None, floor: float, max_iou: float, views: int
    ) -> np.ndarray:
        size = self.window_px
        if window.shape != (size, size, 3) or window.dtype != np.uint8:
            raise ValueError(f"a window must be uint8 ({size}, {size}, 3), not {window.dtype} {window.shape}")
        if self.standardised:
            window = standardise(window)
        image = window.transpose(2, 0, 1).astype(np.float32) / 255
        raw = self._run(image[None])
        if views > 1 and raw[0, 4:-1].max() > floor / 3:  # most windows hold nothing worth a second look
            raw = np.concatenate([raw, self._run(np.stack([turn(image, view) for view in range(1, views)]))])
        boxes, scores = _average(raw, size)
        kinds, scores = scores.argmax(axis=1), scores.max(axis=1)
        chosen = np.flatnonzero(scores >= floor)
        boxes = boxes[chosen]
        column, row = np.floor(boxes[:, 0]).astype(int), np.floor(boxes[:, 1]).astype(int)
        usable = (column >= 0) & (column < size) & (row >= 0) & (row < size)
        if valid is not None:
            usable[usable] = valid[row[usable], column[usable]]
        boxes, chosen = boxes[usable], chosen[usable]
        keep = suppress(boxes, scores[chosen], max_iou)
        found = np.zeros(len(keep), DETECTION)
        for column_index, name in enumerate(("x", "y", "length", "width", "angle")):
            found[name] = boxes[keep, column_index]
        found["score"], found["kind"] = scores[chosen][keep], kinds[chosen][keep]
        return found


def turn(grid: np.ndarray, view: int) -> np.ndarray:
    """View 0..7 of a square grid (..., row, column): mirrored when odd, then turned by quarters."""
    mirrored = grid[..., ::-1] if view % 2 else grid
    return np.rot90(mirrored, view // 2, axes=(-2, -1))


def _turn_back(grid: np.ndarray, view: int) -> np.ndarray:
    turned = np.rot90(grid, -(view // 2), axes=(-2, -1))
    return turned[..., ::-1] if view % 2 else turned


def _average(raw: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (A, 5) and scores (A, classes) of each place, from what the views (V, 5 + classes, A) say of it.

    A box is averaged as the ellipse it spans, weighted by score: centre and second moments have no jump at half turns.
    """
    if len(raw) == 1:
        return canonical(raw[0][[0, 1, 2, 3, -1]].T), raw[0][4:-1].T
    aligned = np.stack([align(one, view, size) for view, one in enumerate(raw)])
    scores = aligned[:, 4:-1].mean(axis=0)
    weight = aligned[:, 4:-1].max(axis=1) + 1e-9
    weight /= weight.sum(axis=0)
    x, y, length, width, angle = aligned[:, [0, 1, 2, 3, -1]].transpose(1, 0, 2)
    cos, sin = np.cos(2 * angle), np.sin(2 * angle)
    size2, stretch = length**2 + width**2, length**2 - width**2
    size2, even, odd = ((weight * term).sum(axis=0) for term in (size2, stretch * cos, stretch * sin))
    stretch = np.hypot(even, odd)
    length, width = np.sqrt((size2 + stretch) / 2), np.sqrt(np.maximum(size2 - stretch, 0) / 2)
    x, y = (weight * x).sum(axis=0), (weight * y).sum(axis=0)
    return canonical(np.stack([x, y, length, width, np.arctan2(odd, even) / 2], axis=1)), scores.T


def align(raw: np.ndarray, view: int, size: int) -> np.ndarray:
    """Output (5 + classes, A) of a turned view as if it had not been turned: places put back, boxes turned back."""
    parts, start, side = [], 0, size // 8
    while start < raw.shape[1]:  # the levels of the network, each half as fine as the one before
        grid = raw[:, start : start + side * side].reshape(len(raw), side, side)
        parts.append(_turn_back(grid, view).reshape(len(raw), -1))
        start, side = start + side * side, side // 2
    back = np.concatenate(parts, axis=1)
    quarters, mirror = view // 2, -1.0 if view % 2 else 1.0
    x, y = back[0] - size / 2, back[1] - size / 2
    for _ in range(quarters):
        x, y = -y, x
    back[0], back[1] = mirror * x + size / 2, y + size / 2
    back[-1] = mirror * (back[-1] + quarters * np.pi / 2)
    return back


def _understood(path: Path, session: onnxruntime.InferenceSession, resolution_m: float | None) -> Detector:
    """Read what the file says of itself; complain if it is no oriented-box detector."""
    said = session.get_modelmeta().custom_metadata_map
    try:
        if said.get("kilnscan:kind") == "detector":
            classes = tuple(json.loads(said["kilnscan:classes"]))
            resolution, window = float(said["kilnscan:resolution_m"]), int(said["kilnscan:window_px"])
            threshold = float(said["kilnscan:threshold"])
            views, standardised = int(said.get("kilnscan:views", 1)), said.get("kilnscan:standardised") == "yes"
        elif said.get("task") == "obb":
            names = ast.literal_eval(said["names"])
            classes, window = (
                tuple(names[index] for index in range(len(names))),
                int(ast.literal_eval(said["imgsz"])[0]),
            )
            resolution, threshold, views, standardised = float(resolution_m or 0), 0.25, 1, False
            if not resolution:
                raise ModelError(f"{path} does not say its pixel size: set `detect.resolution_m` in the configuration.")
        else:
            raise ModelError(
                f"{path} is not a kiln detector: give a file made by `snakemake train` or an ultralytics OBB export."
            )
        plain = all(isinstance(name, str) for name in classes) and 0 < len(classes) < 100
        if not (plain and 0 < resolution < 1000 and 0 < window <= 4096 and 0 <= threshold <= 1 and 1 <= views <= 8):
            raise ValueError("a value is out of range")
        probe = np.zeros((1, 3, window, window), np.float32)
        shape = session.run(None, {session.get_inputs()[0].name: probe})[0].shape
        if len(shape) != 3 or shape[1] != len(classes) + 5:
            raise ValueError(f"its output has the shape {shape}")
    except ModelError:
        raise
    except Exception as error:  # whatever a hostile file can provoke
        raise ModelError(f"{path} does not describe itself as a detector should ({error}): make it again.") from error
    return Detector(classes, resolution, window, threshold, views, standardised, dict(said), session)
