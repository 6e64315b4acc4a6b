"""Decision trees as flat arrays: scikit-learn's decisions to the last bit, checked on loading, walked compiled.

The nodes of one tree stand in breadth-first order, the right child beside the left one. A pixel goes right where its
feature is greater than the node's threshold; a leaf is its own child. The probability is the mean of the trees' leaves,
added up in float64 in the trees' order, as scikit-learn does.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from kilnscan.kernels import predict

ARRAYS = {"roots": np.int64, "left": np.int32, "feature": np.uint8, "threshold": np.float32, "value": np.float64}


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
        predict(np.ascontiguousarray(features, np.float32), self.walkable, out)
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
