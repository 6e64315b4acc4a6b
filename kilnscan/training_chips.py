"""Cut training chips from imagery with labelled kilns: a YOLO-OBB dataset on disk.

A chip is wider than the window the detector will see, so that training can turn and shift windows inside it without
black corners. Chips are named by what they were cut for (kiln, background, rejected, hard) and by region.
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from kilnscan import obb
from kilnscan.detector import DETECTION, Detector, to_rgb
from kilnscan.errors import VectorError
from kilnscan.files import replacing
from kilnscan.mosaic import Bounds
from kilnscan.reader import Reader

CONTEXT = 1.75
"""Chip size in windows: a window turned by 45 degrees needs 1.41, and some room to move."""


MISTAKE_M = 80.0
"""A detection farther than this from every labelled kiln is a mistake."""


def make_chips(
    readers: dict[str, Reader],
    labels: dict[str, gpd.GeoDataFrame],
    folder: str | Path,
    *,
    classes: list[str],
    resolution_m: float,
    window_px: int,
    seed: int = 0,
    per_kiln: int = 3,
    backgrounds_per_km2: float = 1.5,
    shift_m: tuple[float, float] = (0.0, 0.0),
    type_column: str = "kiln_type",
    negatives: dict[str, gpd.GeoDataFrame] | None = None,
) -> Path:
    """Write images/train/*.png, labels/train/*.txt and dataset.yaml under `folder`; return the path of the latter.

    `labels` hold oriented boxes with a `type_column` among `classes` (in any CRS and any case); `shift_m` is what to
    add to them (east, north) to bring them onto the pixels. A chip is cut, too, round each of the `negatives` (in any
    CRS), where people saw no kiln. Chips that are mostly invalid are left out. Raises
    VectorError if a label has no such type.
    """
    folder = Path(folder)
    for name in sorted(readers):
        reader, rng = readers[name], np.random.default_rng([seed, *name.encode()])
        kilns = _on_grid(labels[name], reader, classes, type_column, shift_m)
        room = window_px * resolution_m * 0.3
        near = np.repeat(kilns[0][:, :2], per_kiln, axis=0)
        left, bottom, right, top = reader.bounds
        anywhere = (round(backgrounds_per_km2 * (right - left) * (top - bottom) / 1e6), 2)
        places = {
            "kiln": near + rng.uniform(-room, room, near.shape),
            "background": rng.uniform((left, bottom), (right, top), anywhere),
        }
        if negatives and len(negatives.get(name, ())):
            middles = negatives[name].to_crs(reader.epsg).centroid
            places["rejected"] = np.column_stack([middles.x, middles.y])
        for purpose, centres in places.items():
            _cut(folder, f"{purpose}-{name}", reader, kilns, centres, resolution_m, window_px)
    dataset = folder / "dataset.yaml"
    with replacing(dataset) as temporary:
        described = {"train": "images/train", "val": "images/train", "names": dict(enumerate(classes))}
        temporary.write_text(yaml.safe_dump(described))
    return dataset


def add_mistakes(
    detector: Detector,
    readers: dict[str, Reader],
    labels: dict[str, gpd.GeoDataFrame],
    folder: str | Path,
    *,
    min_score: float = 0.1,
    most: int = 700,
    shift_m: tuple[float, float] = (0.0, 0.0),
    type_column: str = "kiln_type",
    threads: int = 1,
) -> dict[str, int]:
    """Sweep each region and add chips of what the detector takes for kilns where none is labelled.

    At most `most` per region, the most kiln-like first. Returns how many mistakes were found in each.
    """
    counts = {}
    for name in sorted(readers):
        kilns = _on_grid(labels[name], readers[name], list(detector.classes), type_column, shift_m)
        found = sweep(detector, readers[name], min_score=min_score, views=1, threads=threads)[["x", "y"]].to_numpy()
        distance = np.hypot(*(found[:, None] - kilns[0][None, :, :2]).transpose(2, 0, 1)).min(axis=1, initial=np.inf)
        mistakes = found[distance > MISTAKE_M][:most]
        resolution_m, window_px = detector.resolution_m, detector.window_px
        _cut(Path(folder), f"hard-{name}", readers[name], kilns, mistakes, resolution_m, window_px)
        counts[name] = len(mistakes)
    return counts


def _on_grid(
    labels: gpd.GeoDataFrame, reader: Reader, classes: list[str], type_column: str, shift_m: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 5) in metres of the reader's grid and the class index (N,) of labelled kilns."""
    index = {name.lower(): number for number, name in enumerate(classes)}
    kinds = labels[type_column].astype(str).str.lower().map(index)
    if kinds.isna().any():
        wrong = labels[type_column][kinds.isna()].iloc[0]
        raise VectorError(
            f"A label has the type {wrong!r}, which is none of {', '.join(classes)}: see `train.classes`."
        )
    boxes = obb.from_polygons(labels.to_crs(reader.epsg).geometry.to_numpy())
    boxes[:, :2] += shift_m
    return boxes, kinds.to_numpy(dtype=int)


def _cut(
    folder: Path,
    prefix: str,
    reader: Reader,
    kilns: tuple[np.ndarray, np.ndarray],
    centres: np.ndarray,
    resolution_m: float,
    window_px: int,
) -> None:
    """Write a chip and its labels for each of the `centres` (N, 2) where most pixels are valid."""
    boxes, kinds = kilns
    half = np.ceil(window_px * CONTEXT / 2) * resolution_m
    for number, (x, y) in enumerate(np.round(centres / resolution_m) * resolution_m):
        bounds = (x - half, y - half, x + half, y + half)
        pixels, valid = reader.read(bounds, resolution_m)
        if valid.mean() < 0.6:
            continue
        inside = (np.abs(boxes[:, :2] - (x, y)) < half).all(axis=1)
        _write_chip(
            folder, f"{prefix}-{number:05d}", to_rgb(pixels), boxes[inside], kinds[inside], bounds, resolution_m
        )


def sweep(
    detector: Detector, reader: Reader, *, min_score: float | None = None, views: int | None = None, threads: int = 1
) -> pd.DataFrame:
    """Every detection in all of a reader's imagery: x, y, length, width (metres of its grid), angle, score, kind.

    Windows overlap by half, on a lattice of whole multiples of half a window; of each only the middle is used, so that
    a kiln is seen whole. Of detections closer than 40 m or overlapping by a third, the best is kept.
    """
    size, step = detector.window_px, detector.window_px // 2
    resolution = detector.resolution_m
    stride = step * resolution
    left, bottom, right, top = (np.floor(value / stride) for value in reader.bounds)
    found = []
    for row in range(int(bottom) - 1, int(top) + 1):
        bounds = ((left - 1) * stride, row * stride, (right + 2) * stride, (row + 2) * stride)
        pixels, valid = reader.read(bounds, resolution)
        picture = to_rgb(pixels)
        columns = [at for at in range(0, picture.shape[1] - size + 1, step) if valid[:, at : at + size].any()]
        windows = [picture[:, at : at + size] for at in columns]
        masks = [valid[:, at : at + size] for at in columns]
        per_window = detector.detect(windows, masks, min_score=min_score, views=views, threads=threads)
        for at, table in zip(columns, per_window, strict=True):
            margin = 0.19 * size
            middle = np.abs(table["x"] - size / 2) < size / 2 - margin
            middle &= np.abs(table["y"] - size / 2) < size / 2 - margin
            part = pd.DataFrame(table[middle])
            part["x"] = bounds[0] + (at + part["x"]) * resolution
            part["y"] = bounds[3] - part["y"] * resolution
            part[["length", "width"]] *= resolution
            part["angle"] = np.mod(-part["angle"], np.pi)
            found.append(part)
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(np.empty(0, DETECTION))
    boxes = table[["x", "y", "length", "width", "angle"]].to_numpy()
    return table.iloc[obb.suppress(boxes, table["score"].to_numpy(), 0.33, 40.0)].reset_index(drop=True)


def _write_chip(
    folder: Path,
    stem: str,
    image: np.ndarray,
    boxes: np.ndarray,
    kinds: np.ndarray,
    bounds: Bounds,
    resolution_m: float,
) -> None:
    """Write one picture and its labels: class and four corners, in shares of the picture's size."""
    size_px = image.shape[0]
    corners = (obb.corners(boxes) - (bounds[0], bounds[3])) / (resolution_m * size_px) * (1, -1)
    lines = [
        " ".join([str(kind), *(f"{value:.6f}" for value in quad.ravel())])
        for kind, quad in zip(kinds, corners, strict=True)
    ]
    with replacing(folder / "images" / "train" / f"{stem}.png") as temporary:
        Image.fromarray(image).save(temporary)
    with replacing(folder / "labels" / "train" / f"{stem}.txt") as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines))
