"""Decision trees as flat arrays: scikit-learn's decisions to the last bit, checked on loading, walked compiled.

The nodes of one tree stand in breadth-first order, the right child beside the left one. A pixel goes right where its
feature is greater than the node's threshold; a leaf is its own child. The probability is the mean of the trees' leaves,
added up in float64 in the trees' order, as scikit-learn does.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numba
import numpy as np

ARRAYS = {"roots": np.int64, "left": np.int32, "feature": np.uint8, "threshold": np.float32, "value": np.float64}
BATCH = 64  # pixels walked together: their features fit the first-level cache, and their memory accesses overlap
EXIT_EVERY = 4  # trees between two looks at which pixels can still reach what is needed
SLACK = 1e-9  # per tree: sums of bounds round differently from sums of leaves


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees one after the other. `left` counts nodes from the tree's root; `roots` has one entry more than trees."""

    roots: np.ndarray
    left: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    value: np.ndarray

    @classmethod
    def from_sklearn(cls, model: Any) -> "Trees":
        """Flatten a fitted RandomForestClassifier or ExtraTreesClassifier of classes False and True."""
        parts = [_flatten(estimator.tree_) for estimator in model.estimators_]
        joined = {name: np.concatenate([part[name] for part in parts]).astype(ARRAYS[name]) for name in parts[0]}
        return cls(np.cumsum([0] + [len(part["left"]) for part in parts]).astype(np.int64), **joined)

    def __len__(self) -> int:
        return len(self.roots) - 1

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def check(self, features: int) -> None:
        """Raise ValueError unless the trees are complete, finite, free of circles and ask for known features only."""
        nodes = len(self.left)
        if any(array.ndim != 1 for array in self.arrays().values()) or not (
            len(self.feature) == len(self.threshold) == len(self.value) == nodes
        ):
            raise ValueError("its arrays differ in length")
        if len(self) < 1 or self.roots[0] != 0 or self.roots[-1] != nodes or (np.diff(self.roots) <= 0).any():
            raise ValueError("its trees do not follow each other")
        if np.diff(self.roots).max() >= 2**24:
            raise ValueError("a tree of it is too large")
        here = np.arange(nodes) - np.repeat(self.roots[:-1], np.diff(self.roots))
        size = np.repeat(np.diff(self.roots), np.diff(self.roots))
        leaf = self.left == here
        # children always come after their parent: no circles
        if not (leaf | ((self.left > here) & (self.left < size - 1))).all():
            raise ValueError("its trees point outside themselves")
        finite = np.isfinite(self.threshold) | (leaf & (self.threshold == np.inf))
        if (self.feature >= features).any() or not finite.all():
            raise ValueError("its nodes ask for features that do not exist")
        if (leaf & (self.threshold != np.inf)).any() or not ((self.value >= 0) & (self.value <= 1)).all():
            raise ValueError("its leaves are damaged")

    @cached_property
    def walkable(self) -> tuple[np.ndarray, ...]:
        """What the kernels read: child and feature in one word, thresholds, leaves, roots, depths, greatest rests."""
        packed = (self.left.astype(np.uint32) << np.uint32(8)) | self.feature
        spans = list(zip(self.roots[:-1], self.roots[1:], strict=True))
        depths = np.array([_depth(self.left[a:b]) for a, b in spans])
        leaf = self.threshold == np.inf
        greatest = np.array([self.value[a:b][leaf[a:b]].max() for a, b in spans])
        rests = np.append(np.cumsum(greatest[::-1])[::-1], 0.0)
        return packed, self.threshold, self.value, self.roots, depths, rests

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Kiln probability (pixel) float64 of `features` (pixel, feature) float32: scikit-learn's `predict_proba`."""
        out = np.empty(len(features))
        _predict(np.ascontiguousarray(features, np.float32), self.walkable, out)
        return out


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
    left = [
        place[child] if child >= 0 else place[node]
        for node, child in zip(order, tree.children_left[order], strict=True)
    ]
    return {
        "left": np.array(left),
        "feature": np.where(leaf, 0, tree.feature[order]),
        "threshold": np.where(leaf, np.inf, threshold),
        "value": np.where(leaf, tree.value[order][:, 0, 1], 0),
    }


def _depth(left: np.ndarray) -> int:
    """Steps from the root (node 0) to the deepest leaf of one tree."""
    depth = np.zeros(len(left), np.int64)
    for node, child in enumerate(left.tolist()):
        if child != node:
            depth[child : child + 2] = depth[node] + 1
    return int(depth.max())


@numba.njit(nogil=True, inline="always")
def walk(features, size, trees, need, early, doubt, totals, alive, node):  # pragma: no cover (compiled)
    """Add up the leaves of the first `size` rows of `features`; -1 for those that cannot reach `need`.

    Gives up a pixel as soon as what it has and the greatest leaves of all trees to come are too little, which is
    exact, and where the first `early` trees come to less than `doubt`.
    """
    packed, threshold, value, roots, depths, rests = trees
    count, left = len(depths), size
    for k in range(size):
        totals[k] = 0.0
        alive[k] = k
    for tree in range(count):
        base = roots[tree]
        for k in range(left):
            node[k] = 0
        for _ in range(depths[tree]):
            for k in range(left):
                i = np.uint64(base + node[k])
                word = packed[i]
                right = np.uint32(features[alive[k], word & np.uint32(255)] > threshold[i])
                node[k] = (word >> np.uint32(8)) + right
        for k in range(left):
            totals[alive[k]] += value[np.uint64(base + node[k])]
        if (tree % EXIT_EVERY == EXIT_EVERY - 1 or tree == early - 1) and tree < count - 1:
            enough, kept = need - rests[tree + 1] - SLACK * count, 0
            if tree == early - 1:
                enough = max(enough, doubt)
            for k in range(left):
                if totals[alive[k]] >= enough:
                    alive[kept] = alive[k]
                    kept += 1
                else:
                    totals[alive[k]] = -1.0
            left = kept
            if left == 0:
                break


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _predict(features, trees, out):  # pragma: no cover (compiled)
    totals, alive, node = np.empty(BATCH), np.empty(BATCH, np.uint32), np.empty(BATCH, np.uint32)
    for start in range(0, len(features), BATCH):
        size = min(BATCH, len(features) - start)
        walk(features[start : start + size], size, trees, -np.inf, 0, 0.0, totals, alive, node)
        for k in range(size):
            out[start + k] = totals[k] / len(trees[4])
