"""The screen as scikit-learn alone would do it: the reference for tests and benchmarks."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree

from kilnscan.features import compute_features, layout_of
from kilnscan.forest import Forest
from kilnscan.trees import Trees


def to_sklearn(trees: Trees, features: int) -> RandomForestClassifier:
    """A fitted RandomForestClassifier of classes False and True that is made of the same trees."""
    model = RandomForestClassifier(len(trees), n_jobs=1)
    model.estimators_ = [
        _tree(trees, start, stop, features) for start, stop in zip(trees.roots[:-1], trees.roots[1:], strict=True)
    ]
    model.classes_, model.n_classes_, model.n_outputs_ = np.array([False, True]), 2, 1
    model.n_features_in_ = features
    return model


def _tree(trees: Trees, start: int, stop: int, features: int) -> DecisionTreeClassifier:
    left, value = trees.left[start:stop].astype(np.int64), trees.value[start:stop]
    leaf = left == np.arange(stop - start)
    inner = Tree(features, np.array([2], np.intp), 1)
    nodes = np.zeros(stop - start, inner.__getstate__()["nodes"].dtype)
    nodes["left_child"], nodes["right_child"] = np.where(leaf, -1, left), np.where(leaf, -1, left + 1)
    nodes["feature"] = np.where(leaf, -2, trees.feature[start:stop])
    nodes["threshold"] = np.where(leaf, -2.0, trees.threshold[start:stop])
    nodes["n_node_samples"], nodes["weighted_n_node_samples"] = 1, 1.0
    values = np.stack([1 - value, value], axis=1)[:, None, :]
    depth = np.zeros(stop - start, np.int64)
    for node in np.flatnonzero(~leaf):
        depth[left[node] : left[node] + 2] = depth[node] + 1
    state = {"max_depth": int(depth.max()), "node_count": stop - start, "nodes": nodes, "values": values}
    inner.__setstate__(state)
    tree = DecisionTreeClassifier()
    tree.tree_, tree.n_features_in_, tree.n_outputs_ = inner, features, 1
    tree.n_classes_, tree.classes_ = 2, np.array([False, True])
    return tree


def reference_screen(
    forest: Forest, pixels: np.ndarray, valid: np.ndarray, origin: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """What `Forest.screen` must give (row, column) uint8: all features of all pixels, all trees by scikit-learn."""
    model = to_sklearn(forest.trees, len(forest.features))
    early = to_sklearn(forest.early, len(forest.gate))
    out = np.zeros(valid.shape, np.uint8)
    for rows in np.array_split(np.arange(len(valid)), max(valid.size // 250_000, 1)):
        wanted = np.zeros_like(valid)
        wanted[rows] = valid[rows]
        if not wanted.any():
            continue
        features = compute_features(pixels, valid, forest.bands, wanted, origin)
        probability = model.predict_proba(features)[:, 1]
        kept = (features[:, layout_of(forest.bands).gate] >= forest.gate).all(axis=1) & (probability >= forest.floor)
        kept &= early.predict_proba(features[:, layout_of(forest.bands).gate])[:, 1] >= forest.doubt
        out[wanted] = np.where(kept, np.rint(probability * 255), 0)
    return out
