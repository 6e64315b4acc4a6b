"""A random forest as flat arrays: saved without pickle, checked on loading, evaluated by a compiled kernel.

The nodes of one tree stand in breadth-first order, the right child beside the left one. A pixel goes right where its
feature is greater than the node's threshold; a leaf is its own child. The forest's probability is the mean of its
trees' leaves.
"""

import io
import json
import math
import struct
import tokenize
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numba
import numpy as np

from kilnscan.errors import ModelError
from kilnscan.features import Window, blocks, compute_features, feature_names
from kilnscan.files import replacing

FORMAT = "kilnscan forest 1"
LARGEST = 64 * 2**20  # bytes of a model once unpacked; ours are below 2 MB
ARRAYS = {"roots": np.int64, "left": np.int32, "feature": np.uint8, "threshold": np.float32, "value": np.float32}
BLOCK = 64  # pixels evaluated together: their features fit the first-level cache
# what zipfile and numpy raise, besides Python's own errors, about bytes that are not what they should be
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError)
REMEDY = "Use a model written by `snakemake train`, or fetch it again."


@dataclass(frozen=True)
class Forest:
    """A trained screen. `left` counts nodes from the tree's root; `roots` has one entry more than there are trees."""

    bands: list[str]
    features: list[str]
    operating_point: float
    """Smallest candidate score (0..1) worth passing on, chosen in training."""
    resolution_m: float
    trained_on: dict[str, Any]
    roots: np.ndarray = field(repr=False)
    left: np.ndarray = field(repr=False)
    feature: np.ndarray = field(repr=False)
    threshold: np.ndarray = field(repr=False)
    value: np.ndarray = field(repr=False)

    @classmethod
    def from_sklearn(
        cls,
        model: Any,
        bands: list[str],
        operating_point: float = 0.5,
        resolution_m: float = 10.0,
        trained_on: dict[str, Any] | None = None,
    ) -> "Forest":
        """Flatten a fitted RandomForestClassifier (False no kiln, True kiln) trained on the features of `bands`."""
        trees = [_flatten(estimator.tree_) for estimator in model.estimators_]
        joined = {name: np.concatenate([tree[name] for tree in trees]).astype(ARRAYS[name]) for name in trees[0]}
        roots = np.cumsum([0] + [len(tree["left"]) for tree in trees]).astype(np.int64)
        return cls(list(bands), feature_names(bands), operating_point, resolution_m, trained_on or {}, roots, **joined)

    def save(self, path: str | Path) -> None:
        """Write the forest as .npz plus a JSON description; the same forest gives the same bytes."""
        about = {
            "format": FORMAT,
            "bands": self.bands,
            "features": self.features,
            "operating_point": self.operating_point,
            "resolution_m": self.resolution_m,
            "trained_on": self.trained_on,
        }
        members = {"forest.json": (json.dumps(about, indent=1, sort_keys=True) + "\n").encode()}
        for name in ARRAYS:
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, getattr(self, name), version=(1, 0), allow_pickle=False)
            members[f"{name}.npy"] = buffer.getvalue()
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                # ZipInfo's default date is 1980: no clock in the file
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, compresslevel=9)

    @classmethod
    def load(cls, path: str | Path) -> "Forest":
        """Read a forest and check everything the kernel relies on. Raises ModelError if any of it does not hold."""
        try:
            about, arrays = _read(Path(path))
            _check(about, arrays)
        except FileNotFoundError:
            raise ModelError(
                f"There is no screen model at {path}: check `screen.model`, or run `snakemake train`."
            ) from None
        except (*UNREADABLE, OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise ModelError(f"The screen model {path} cannot be used: {reason}. {REMEDY}") from None
        about.pop("format")
        return cls(**about, **arrays)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Kiln probability (pixel) float32 of `features` (pixel, feature) float32: scikit-learn's `predict_proba`."""
        if features.ndim != 2 or features.shape[1] != len(self.features):
            raise ModelError(f"The forest takes {len(self.features)} features but was given {features.shape}: {REMEDY}")
        out = np.empty(len(features), np.float32)
        packed = (self.left.astype(np.uint32) << np.uint32(8)) | self.feature
        _evaluate(features, packed, self.threshold, self.value, self.roots, self.depths, out)
        return out

    def screen(
        self, pixels: np.ndarray, valid: np.ndarray, window: Window | None = None, threads: int = 1
    ) -> np.ndarray:
        """Kiln probability (row, column) uint8, 255 = 1, of `pixels` (band, row, column) in the order of `bands`.

        `window` asks for a part of the array only: hand over `features.HALO` more pixels on every side that goes on.
        Invalid pixels get 0. Memory is bounded by blocks, one per thread.
        """
        whole = window or (slice(0, valid.shape[0]), slice(0, valid.shape[1]))
        probability = np.zeros(valid.shape, np.uint8)

        def part(block: Window) -> None:
            inside = valid[block]
            if inside.any():
                features = compute_features(pixels, valid, self.bands, block)
                probability[block][inside] = np.rint(self.predict(features[inside]) * 255)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, blocks(whole)))
        return probability[whole]

    @cached_property
    def depths(self) -> np.ndarray:
        """Steps from the root to the deepest leaf of each tree."""
        return np.array([_depth(self.left[a:b]) for a, b in zip(self.roots[:-1], self.roots[1:], strict=True)])


def _flatten(tree: Any) -> dict[str, np.ndarray]:
    """One scikit-learn tree in breadth-first order, with thresholds that decide float32 features the same way."""
    order, place = [0], {0: 0}
    for node in order:  # grows while it is walked
        if tree.children_left[node] >= 0:
            for child in (tree.children_left[node], tree.children_right[node]):
                place[child] = len(order)
                order.append(child)
    leaf = tree.children_left[order] < 0
    exact = tree.threshold[order]
    threshold = exact.astype(np.float32)
    # x <= t for float32 x holds exactly if x <= the greatest float32 not above t
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    votes = tree.value[order][:, 0, :]
    return {
        "left": np.array(
            [
                place[child] if child >= 0 else place[node]
                for node, child in zip(order, tree.children_left[order], strict=True)
            ]
        ),
        "feature": np.where(leaf, 0, tree.feature[order]),
        "threshold": np.where(leaf, np.inf, threshold),
        "value": np.where(leaf, votes[:, 1] / votes.sum(axis=1), 0),
    }


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        if set(sizes) != {"forest.json", *(f"{name}.npy" for name in ARRAYS)} or len(archive.infolist()) != len(sizes):
            raise ValueError("it was not written by kilnscan")
        if sum(sizes.values()) > LARGEST:
            raise ValueError(f"it unpacks to more than {LARGEST >> 20} MB")
        about = json.loads(archive.read("forest.json"))
        return about, {name: _array(archive.read(f"{name}.npy"), name) for name in ARRAYS}


def _array(content: bytes, name: str) -> np.ndarray:
    """One .npy member; its header is believed only if it promises just the bytes that are there."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"its array `{name}` has an unknown format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype != np.dtype(ARRAYS[name]) or len(shape) != 1 or len(content) - stream.tell() != shape[0] * dtype.itemsize:
        raise ValueError(f"its array `{name}` is damaged")
    return np.frombuffer(content, dtype, offset=stream.tell())


def _check(about: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError unless the forest is complete, finite and made of proper trees."""
    wanted = {"format", "bands", "features", "operating_point", "resolution_m", "trained_on"}
    if not isinstance(about, dict) or set(about) != wanted or about["format"] != FORMAT:
        raise ValueError(f"it is not a `{FORMAT}` file")
    bands = about["bands"]
    if not isinstance(bands, list) or not bands or len(bands) > 64 or not all(isinstance(band, str) for band in bands):
        raise ValueError("its bands are not a list of names")
    if about["features"] != feature_names(bands):
        raise ValueError("its features are not those of this version of kilnscan")
    point, resolution = about["operating_point"], about["resolution_m"]
    if (
        not _number(point)
        or not 0 <= point <= 1
        or not _number(resolution)
        or resolution <= 0
        or not isinstance(about["trained_on"], dict)
    ):
        raise ValueError("its description is damaged")
    roots, left, feature, threshold, value = (arrays[name] for name in ARRAYS)
    nodes = len(left)
    if not len(feature) == len(threshold) == len(value) == nodes:
        raise ValueError("its arrays differ in length")
    if (
        len(roots) < 2
        or roots[0] != 0
        or roots[-1] != nodes
        or (np.diff(roots) <= 0).any()
        or np.diff(roots).max() >= 2**24
    ):
        raise ValueError("its trees do not follow each other")
    here = np.arange(nodes) - np.repeat(roots[:-1], np.diff(roots))
    size = np.repeat(np.diff(roots), np.diff(roots))
    leaf = left == here
    # children always come after their parent: no circles
    if not (leaf | ((left > here) & (left < size - 1))).all():
        raise ValueError("its trees point outside themselves")
    if (feature >= len(about["features"])).any() or not (np.isfinite(threshold) | (leaf & (threshold == np.inf))).all():
        raise ValueError("its nodes ask for features that do not exist")
    if (leaf & (threshold != np.inf)).any() or not ((value >= 0) & (value <= 1)).all():
        raise ValueError("its leaves are damaged")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _depth(left: np.ndarray) -> int:
    """Steps from the root (node 0) to the deepest leaf of one tree."""
    depth = np.zeros(len(left), np.int64)
    for node, child in enumerate(left.tolist()):
        if child != node:
            depth[child : child + 2] = depth[node] + 1
    return int(depth.max())


@numba.njit(nogil=True)
def _evaluate(features, packed, threshold, value, roots, depths, out):  # pragma: no cover (compiled)
    """The pixels of a block walk down each tree together, so that their memory accesses overlap."""
    pixels, trees = features.shape[0], len(depths)
    node = np.zeros(BLOCK, np.uint32)
    total = np.zeros(BLOCK, np.float32)
    for start in range(0, pixels, BLOCK):
        size = min(BLOCK, pixels - start)
        total[:] = 0
        for tree in range(trees):
            base, end = roots[tree], roots[tree + 1]
            words, cuts, leaves = packed[base:end], threshold[base:end], value[base:end]
            node[:] = 0
            for _ in range(depths[tree]):
                for k in range(size):
                    i = node[k]
                    word = words[i]
                    node[k] = (word >> np.uint32(8)) + np.uint32(features[start + k, word & np.uint32(255)] > cuts[i])
            for k in range(size):
                total[k] += leaves[node[k]]
        for k in range(size):
            out[start + k] = total[k] / np.float32(trees)
