"""Find kilns in image windows with an exported YOLO-OBB network, by ONNX Runtime alone (no torch)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

from kilnscan.detector_file import described, fixed_batch, open_session
from kilnscan.obb import suppress
from kilnscan.views import average, turn

DETECTION = np.dtype([(name, "f8") for name in ("x", "y", "length", "width", "angle", "score")] + [("kind", "i4")])
"""One detection: box in pixels of the window (angle in radians, y down), score 0..1, index into `Detector.classes`."""

REFLECTANCE_AT_255 = 0.3
"""Reflectance shown as 255. Bare soil and brick reach about 0.25 in red; brighter roofs and clouds saturate."""

BATCH = 16
BATCH_PX = BATCH * 160**2  # so many pixels at a time at most: larger windows gain nothing from company


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
    missing = (window[..., 0] | window[..., 1] | window[..., 2]) == 0
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
    label_shift_m: tuple[float, float]
    """What was added to the labels of training (east, north) to bring them onto the pixels."""
    metadata: dict[str, str]
    session: onnxruntime.InferenceSession = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: str | Path, resolution_m: float | None = None, device: str = "cpu") -> "Detector":
        """Open a detector exported by kilnscan, or by ultralytics itself if `resolution_m` says its pixel size.

        `device` is `cpu`, `cuda`, or `auto` (CUDA where it works). Raises ModelError if the file is missing, too large,
        truncated, pickled or not an oriented-box detector, and if CUDA was asked for and does not work.
        """
        path = Path(path)
        session = open_session(path, device)
        return cls(**described(path, session, resolution_m), session=session)

    @property
    def fill(self) -> int:
        """What surrounds a picture smaller than a window: no data, or the grey that ultralytics trains with."""
        return 0 if self.standardised else 114

    @property
    def batch(self) -> int:
        """How many windows go through the network at once: larger batches of larger windows are no faster."""
        return fixed_batch(self.session) or int(np.clip(BATCH_PX // self.window_px**2, 1, BATCH))

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
        are given, a centre on a valid pixel. Windows share a run of the network but no arithmetic: on the CPU the
        result of each does not depend on the others, nor on `threads`. With more than one of the eight `views`
        (default: the detector's own) a window is also seen turned and mirrored, and what the views say of each place
        is averaged: steadier, at as many times the cost.
        """
        floor = self.threshold if min_score is None else min_score
        views = views or self.views
        step = max(1, min(self.batch, -(-len(windows) // max(1, threads))))

        def some(start: int) -> list[np.ndarray]:
            part = slice(start, start + step)
            images = np.stack([self._image(window) for window in windows[part]])
            masks = [None] * len(images) if valid is None else valid[part]
            looks = self._look(images, floor, views)
            return [self._boxes(raw, mask, floor, max_iou) for raw, mask in zip(looks, masks, strict=True)]

        with ThreadPoolExecutor(max(1, threads)) as pool:
            return [found for part in pool.map(some, range(0, len(windows), step)) for found in part]

    def _image(self, window: np.ndarray) -> np.ndarray:
        """A window as the network wants it: float32 (3, row, column) from 0 to 1."""
        size = self.window_px
        if window.shape != (size, size, 3) or window.dtype != np.uint8:
            raise ValueError(f"a window must be uint8 ({size}, {size}, 3), not {window.dtype} {window.shape}")
        if self.standardised:
            window = standardise(window)
        return window.transpose(2, 0, 1).astype(np.float32) / 255

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Raw output (N, 5 + classes, places): x, y, length, width, a score per class, angle."""
        name, step = self.session.get_inputs()[0].name, self.batch
        parts = [self.session.run(None, {name: images[at : at + step]})[0] for at in range(0, len(images), step)]
        return np.concatenate(parts).astype(float)

    def _look(self, images: np.ndarray, floor: float, views: int) -> list[np.ndarray]:
        """Raw output of each image (N, 3, row, column), seen once or `views` times: (1 or views, 5 + classes, places).

        Most windows hold nothing worth a second look.
        """
        first = self._run(images)
        looks = [raw[None] for raw in first]
        again = np.flatnonzero(first[:, 4:-1].max(axis=(1, 2)) > floor / 3)
        if views > 1 and len(again):
            turned = np.stack([turn(images[index], view) for index in again for view in range(1, views)])
            more = self._run(turned).reshape(len(again), views - 1, *first.shape[1:])
            for index, raw in zip(again, more, strict=True):
                looks[index] = np.concatenate([looks[index], raw])
        return looks

    def _boxes(self, raw: np.ndarray, valid: np.ndarray | None, floor: float, max_iou: float) -> np.ndarray:
        """Detections, each kiln once, from the raw output of a window's looks (views, 5 + classes, places)."""
        size = self.window_px
        boxes, scores = average(raw, size)
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
