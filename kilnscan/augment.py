"""Endless varied windows for training, drawn from chips: turned, shifted, recoloured, kilns pasted elsewhere."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kilnscan import obb
from kilnscan.detector import standardise


@dataclass(frozen=True)
class Augmentation:
    """How far windows are varied. Spreads are of the natural logarithm unless said otherwise."""

    kiln_share: float = 0.45
    """Share of windows drawn from chips cut for a kiln."""
    hard_share: float = 0.3
    """Share drawn from hard negatives, if there are any; the rest are backgrounds."""
    turn_share: float = 0.5
    """Share turned by any angle; the others by a multiple of 90 degrees, which keeps the grid's own sharpness."""
    paste_share: float = 0.2
    """Share of background windows into which a kiln from elsewhere is pasted."""
    size: float = 0.15
    brightness: float = 0.4
    contrast: float = 0.2
    hue: float = 0.04
    """Spread of each band's own gain."""
    saturation: float = 0.2
    gamma: float = 0.15
    haze: float = 8.0
    """Largest offset in DN."""
    noise: float = 3.0
    """Largest standard deviation in DN."""
    blur: float = 1.2
    """Largest standard deviation of the blur, in pixels of the window."""


class Crops:
    """A data set for a torch loader: item after item drawn at random, whatever index is asked for."""

    def __init__(self, folder: str | Path, window_px: int, samples: int, seed: int, how: Augmentation) -> None:
        self.window_px, self.samples, self.how = window_px, samples, how
        self.rng = np.random.default_rng(seed)
        self.chips: dict[str, dict[str, list[int]]] = {}
        self.images: list[np.ndarray] = []
        self.boxes: list[np.ndarray] = []
        self.kinds: list[np.ndarray] = []
        for number, path in enumerate(sorted((Path(folder) / "images" / "train").glob("*.png"))):
            purpose, _, rest = path.stem.partition("-")  # kiln-some-region-00012
            region = rest.rpartition("-")[0]
            self.chips.setdefault(purpose, {}).setdefault(region, []).append(number)
            image = np.asarray(Image.open(path).convert("RGB"))
            text = (Path(folder) / "labels" / "train" / f"{path.stem}.txt").read_text()
            rows = np.array(text.split(), dtype=float).reshape(-1, 9)
            self.images.append(image)
            self.kinds.append(rows[:, 0].astype(int))
            self.boxes.append(_boxes_of(rows[:, 1:].reshape(-1, 4, 2) * image.shape[0]))

    def __len__(self) -> int:
        return self.samples

    def draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A window uint8 (row, column, 3), its boxes (N, 5) in pixels and their kinds (N,)."""
        rng, how = self.rng, self.how
        share = rng.random()
        if share < how.kiln_share:
            purpose = "kiln"
        elif share < how.kiln_share + how.hard_share and "hard" in self.chips:
            purpose = "hard"
        else:
            purpose = "background" if "background" in self.chips else "kiln"
        chip = self._pick(purpose)
        image, boxes, _ = self._window(chip, centre=None)
        kinds = self.kinds[chip]
        if purpose == "background" and rng.random() < how.paste_share and "kiln" in self.chips:
            image, boxes, kinds = self._paste(image, boxes, kinds)
        inside = ((boxes[:, :2] > 0) & (boxes[:, :2] < self.window_px)).all(axis=1)
        return self._recolour(image), boxes[inside], kinds[inside]

    def _pick(self, purpose: str) -> int:
        """A chip of a region; regions weigh by the root of their chips, so that none drowns the others."""
        regions = self.chips[purpose]
        names = sorted(regions)
        weight = np.sqrt([len(regions[name]) for name in names])
        region = names[self.rng.choice(len(names), p=weight / weight.sum())]
        return regions[region][self.rng.integers(len(regions[region]))]

    def _window(self, chip: int, centre: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turn, mirror, scale and shift a chip; return the window, all boxes of the chip in it, and the matrix."""
        import cv2

        rng, size = self.rng, self.window_px
        source = self.images[chip]
        any_angle = rng.random() < self.how.turn_share
        angle = rng.uniform(0, 2 * np.pi) if any_angle else rng.integers(4) * np.pi / 2
        scale = np.exp(rng.uniform(-self.how.size, self.how.size))
        mirror = rng.choice([-1.0, 1.0])
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [mirror, 1.0]
        if centre is None:
            reach = size * (abs(np.cos(angle)) + abs(np.sin(angle))) / scale / 2
            room = max(0.0, source.shape[0] / 2 - reach)
            centre = source.shape[0] / 2 + rng.uniform(-room, room, 2)
        shift = size / 2 - turn @ centre
        # OpenCV puts pixel centres on whole numbers, boxes count from the corner of the first pixel
        matrix = np.column_stack([turn, shift + turn @ [0.5, 0.5] - 0.5])
        image = cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        boxes = self.boxes[chip].copy()
        boxes[:, :2] = boxes[:, :2] @ turn.T + shift
        boxes[:, 2:4] *= scale
        boxes[:, 4] = angle + mirror * boxes[:, 4] if mirror > 0 else angle + np.pi - boxes[:, 4]
        return image, obb.canonical(boxes), matrix

    def _paste(self, image, boxes, kinds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Copy a kiln with a soft edge to a random place that has none."""
        import cv2

        chip = self._pick("kiln")
        if not len(self.boxes[chip]):
            return image, boxes, kinds
        which = self.rng.integers(len(self.boxes[chip]))
        patch, found, _ = self._window(chip, centre=self.boxes[chip][which, :2])
        size, box = self.window_px, found[which]
        to = self.rng.uniform(0.2, 0.8, 2) * size
        if len(boxes) and np.hypot(*(boxes[:, :2] - to).T).min() < 1.2 * box[2]:
            return image, boxes, kinds
        move = np.array([[1, 0, to[0] - box[0]], [0, 1, to[1] - box[1]]])
        patch = cv2.warpAffine(patch, move, (size, size), borderMode=cv2.BORDER_REFLECT_101)
        box[:2] = to
        margin = self.rng.uniform(2, 8)
        mask = np.zeros((size, size), np.float32)
        outline = obb.corners([[*to, box[2] + margin, box[3] + margin, box[4]]])[0] - 0.5
        cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1.0)
        mask = cv2.GaussianBlur(mask, (0, 0), 2.0)[..., None]
        gain = np.exp(self.rng.uniform(-0.15, 0.15))
        image = np.clip(image * (1 - mask) + patch * (gain * mask), 0, 255).astype(np.uint8)
        return image, np.vstack([boxes, box]), np.append(kinds, self.kinds[chip][which])

    def _recolour(self, image: np.ndarray) -> np.ndarray:
        import cv2

        rng, how = self.rng, self.how
        blur = rng.uniform(0, how.blur)
        if blur > 0.4 and rng.random() < 0.5:
            image = cv2.GaussianBlur(image, (0, 0), blur)
        # saturation, contrast and gains are linear: one matrix that mixes the bands
        colour, spread = np.exp(rng.uniform(-how.saturation, how.saturation)), rng.uniform(-how.contrast, how.contrast)
        mix = colour * np.eye(3) + (1 - colour) / 3
        middle = image.mean()
        gain = np.exp(rng.uniform(-how.brightness, how.brightness) + rng.normal(0, how.hue, 3))
        offset = middle * (1 - np.exp(spread)) * gain + rng.uniform(-how.haze, how.haze)
        matrix = np.column_stack([gain[:, None] * np.exp(spread) * mix, offset]).astype(np.float32)
        work = cv2.transform(image.astype(np.float32), matrix)
        small = image.shape[0] // 4 + 1
        grain = rng.normal(0, rng.uniform(0, how.noise), (small, small, 3)).astype(np.float32)
        work += cv2.resize(grain, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        curve = 255 * (np.arange(256) / 255) ** np.exp(rng.uniform(-how.gamma, how.gamma))
        return cv2.LUT(np.clip(np.rint(work), 0, 255).astype(np.uint8), np.rint(curve).astype(np.uint8))

    def __getitem__(self, index: int) -> dict:
        """One item as ultralytics' own data sets give it."""
        import torch

        image, boxes, kinds = self.draw()
        image = standardise(image)
        size = self.window_px
        return {
            "img": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "cls": torch.from_numpy(kinds.reshape(-1, 1).astype(np.float32)),
            "bboxes": torch.from_numpy((boxes / [size, size, size, size, 1]).astype(np.float32)),
            "batch_idx": torch.zeros(len(boxes)),
            "im_file": str(index),
            "ori_shape": (size, size),
            "resized_shape": (size, size),
        }


def _boxes_of(quads: np.ndarray) -> np.ndarray:
    """Oriented boxes (N, 5) of rectangles given by their corners (N, 4, 2)."""
    first, second = quads[:, 1] - quads[:, 0], quads[:, 2] - quads[:, 1]
    sides = np.hypot(first[:, 0], first[:, 1]), np.hypot(second[:, 0], second[:, 1])
    return obb.canonical(np.column_stack([quads.mean(axis=1), *sides, np.arctan2(first[:, 1], first[:, 0])]))
