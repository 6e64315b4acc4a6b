"""Train the screen: samples of labelled kilns, hard negatives in rounds, a forest, a threshold that holds elsewhere.

A pixel near the middle of a labelled kiln is a kiln, one farther than `Settings.ring_m` from every label is not, and
those between are not used. What the forest wrongly likes in the training regions is added to the negatives, and it is
trained again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from rasterio.features import rasterize
from sklearn.ensemble import RandomForestClassifier

from kilnscan.candidates import LOWEST, PIXEL_M, find_candidates
from kilnscan.errors import VectorError
from kilnscan.features import HALO, Window, compute_features, feature_names
from kilnscan.forest import Forest
from kilnscan.lattice import CHIP_M, chips_of, covered, windows_of
from kilnscan.reader import Reader

STRIP = 256  # rows of pixels handled at a time
THRESHOLDS = tuple(round(LOWEST + 0.01 * step, 2) for step in range(86))
NEARLY_FREE = 1.05  # times the area


@dataclass(frozen=True, eq=False)
class Region:
    """A place to learn from: imagery, and the outlines of all its kilns in any CRS."""

    name: str
    reader: Reader
    labels: gpd.GeoDataFrame


@dataclass(frozen=True)
class Settings:
    """How samples are drawn and the forest is grown."""

    trees: int = 50
    depth: int = 9
    smallest_leaf: int = 20
    features_per_split: float | str = "sqrt"
    kiln_radius_m: float = 30.0
    ring_m: float = 100.0
    negatives_per_km2: float = 40.0
    hard_per_km2: float = 40.0
    rounds: int = 1
    kiln_weight: float = 1.0
    target_recall: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Fold:
    """A forest trained without one region, and what it finds there."""

    forest: Forest
    curve: pd.DataFrame


def leave_one_out(regions: Sequence[Region], settings: Settings | None = None, jobs: int = 1) -> dict[str, Fold]:
    """Leave each of two or more regions out in turn; the operating point of a fold comes from the other folds."""
    settings = settings or Settings()
    forests = {left: grow([r for r in regions if r is not left], settings, jobs) for left in regions}
    curves = {left.name: recall_curve(forest, left) for left, forest in forests.items()}
    return {
        left.name: Fold(
            replace(forest, operating_point=_point([c for name, c in curves.items() if name != left.name], settings)),
            curves[left.name],
        )
        for left, forest in forests.items()
    }


def train(
    regions: Sequence[Region], settings: Settings | None = None, folds: dict[str, Fold] | None = None, jobs: int = 1
) -> Forest:
    """Train on all regions; the operating point comes from leaving each out in turn, if there are at least two.

    Give `folds` if `leave_one_out` has run already. Raises ReferenceError_ if a region has no kiln on its imagery.
    """
    settings = settings or Settings()
    if folds is None:
        folds = leave_one_out(regions, settings, jobs) if len(regions) > 1 else {}
    point = _point([fold.curve for fold in folds.values()], settings)
    left_out = [
        {"region": name, **fold.curve[fold.curve.threshold == point].to_dict("records")[0]}
        for name, fold in folds.items()
    ]
    forest = grow(regions, settings, jobs)
    return replace(forest, operating_point=point, trained_on={**forest.trained_on, "left_out": left_out})


def _point(curves: Sequence[pd.DataFrame], settings: Settings) -> float:
    return choose_threshold(curves, settings.target_recall) if curves else 0.5


def grow(regions: Sequence[Region], settings: Settings, jobs: int = 1) -> Forest:
    """Sample all regions, grow a forest, and grow it again after each round of hard negatives."""
    rng = np.random.default_rng(settings.seed)
    samples = [[sample(region.reader, region.labels, settings, rng)] for region in regions]
    forest = fit(samples, regions[0].reader.bands, settings, jobs)
    for _ in range(settings.rounds):
        for region, held in zip(regions, samples, strict=True):
            features, kiln = held[0]
            likes = float(np.square(forest.predict(features[~kiln])).mean())
            held.append(sample(region.reader, region.labels, settings, rng, forest, likes))
        forest = fit(samples, regions[0].reader.bands, settings, jobs)
    learned = {region.name: len(kilns_on(region.reader, region.labels)) for region in regions}
    return replace(forest, trained_on={**forest.trained_on, "regions": learned, "settings": asdict(settings)})


def fit(
    samples: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]], bands: Sequence[str], settings: Settings, jobs: int = 1
) -> Forest:
    """Grow one forest on the samples (features, classes) of several regions.

    Every region weighs the same, and in each its kilns as a class weigh `kiln_weight` times the rest.
    """
    features, kiln, weights = [], [], []
    for held in samples:
        classes = np.concatenate([kiln for _, kiln in held])
        features += [found for found, _ in held]
        kiln.append(classes)
        weights.append(np.where(classes, settings.kiln_weight / max(classes.sum(), 1), 1 / max((~classes).sum(), 1)))
    model = RandomForestClassifier(
        settings.trees,
        max_depth=settings.depth,
        min_samples_leaf=settings.smallest_leaf,
        max_features=settings.features_per_split,
        random_state=settings.seed,
        n_jobs=jobs,
    )
    # relative weights are what counts; scikit-learn likes them about 1
    weight = np.concatenate(weights)
    model.fit(np.concatenate(features), np.concatenate(kiln), sample_weight=weight / weight.mean())
    matters = dict(
        zip(feature_names(list(bands)), (round(float(i), 4) for i in model.feature_importances_), strict=True)
    )
    return Forest.from_sklearn(model, list(bands), trained_on={"importance": matters})


def sample(
    reader: Reader,
    labels: gpd.GeoDataFrame,
    settings: Settings,
    rng: np.random.Generator,
    forest: Forest | None = None,
    likes: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Features (sample, feature) and classes (sample) bool of one region, in the order of its pixels.

    Without `forest`, all kiln pixels and random others. With it only others, in proportion to the square of the
    forest's probability, whose mean over random others is `likes`. Raises VectorError if no label lies on the
    imagery.
    """
    kiln, other = classes(reader, labels, settings)
    features, found = [], []
    for rows, pixels, valid, inner in strips(reader):
        here = compute_features(pixels, valid, list(reader.bands), inner)
        positive, odds = kiln[rows] & valid[inner], (other[rows] & valid[inner]).astype(float)
        if forest is None:
            odds *= settings.negatives_per_km2 * PIXEL_M**2 / 1e6
        else:
            positive[:] = False
            odds[odds > 0] = np.square(forest.predict(here[odds > 0])) / max(likes, 1e-6)
            odds *= settings.hard_per_km2 * PIXEL_M**2 / 1e6
        chosen = positive | (rng.random(odds.shape) < odds)
        features.append(here[chosen])
        found.append(positive[chosen])
    return np.concatenate(features), np.concatenate(found)


def classes(reader: Reader, labels: gpd.GeoDataFrame, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Masks (row, column) on the region's grid: pixels at the middle of a kiln, pixels far from any."""
    kilns = kilns_on(reader, labels)
    if kilns.empty:
        raise VectorError("No labelled kiln lies on the imagery of a training region: check the labels' CRS and place.")
    _, shape, transform = grid(reader)
    middles = shapely.intersection(kilns.geometry.array, kilns.centroid.buffer(settings.kiln_radius_m).array)
    burn = {"out_shape": shape, "transform": transform, "dtype": "uint8"}
    return rasterize(middles, **burn) > 0, rasterize(kilns.buffer(settings.ring_m), **burn) == 0


def kilns_on(reader: Reader, labels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The labels whose centroid lies on the imagery, in its CRS."""
    kilns = labels.to_crs(reader.epsg)
    return kilns[shapely.contains(shapely.box(*reader.bounds), kilns.centroid.array)]


def grid(reader: Reader) -> tuple[tuple[int, int], tuple[int, int], Affine]:
    """The region's pixels on the 10 m UTM grid: column and row of the first, (rows, columns), transform."""
    left, bottom, right, top = (round(edge / PIXEL_M) for edge in reader.bounds)
    return (left, -top), (top - bottom, right - left), Affine(PIXEL_M, 0, left * PIXEL_M, 0, -PIXEL_M, top * PIXEL_M)


def strips(reader: Reader) -> Iterator[tuple[slice, np.ndarray, np.ndarray, Window]]:
    """Read a region in strips: rows, pixels and validity with HALO all round, and the slices that cut the halo off."""
    (column, row), (rows, columns), _ = grid(reader)
    for start in range(0, rows, STRIP):
        stop = min(start + STRIP, rows)
        bounds = (column - HALO, -(row + stop + HALO), column + columns + HALO, -(row + start - HALO))
        pixels, valid = reader.read(tuple(edge * PIXEL_M for edge in bounds), PIXEL_M)
        yield slice(start, stop), pixels, valid, (slice(HALO, HALO + stop - start), slice(HALO, HALO + columns))


def screen(forest: Forest, reader: Reader) -> tuple[np.ndarray, np.ndarray]:
    """Kiln probability (row, column) uint8 of a whole region, and where it is valid."""
    parts = [(forest.screen(pixels, valid, inner), valid[inner]) for _, pixels, valid, inner in strips(reader)]
    return np.concatenate([part for part, _ in parts]), np.concatenate([valid for _, valid in parts])


def recall_curve(forest: Forest, region: Region, chip_m: float = CHIP_M) -> pd.DataFrame:
    """What a forest finds in a region at each of THRESHOLDS.

    Columns: `threshold`, `candidates`, `kilns` (labelled), `kept` (kilns whose centroid lies in the chips acquired),
    `acquired_km2` (the chips) and `valid_km2` (the imagery).
    """
    probability, valid = screen(forest, region.reader)
    origin, _, _ = grid(region.reader)
    own = shapely.box(*region.reader.bounds).buffer(PIXEL_M)
    candidates = find_candidates(probability, valid, origin, 0.0, own, region.reader.epsg)
    kilns = kilns_on(region.reader, region.labels).centroid
    rows = []
    for threshold in THRESHOLDS:
        likely = candidates[candidates.score >= threshold]
        chips = chips_of(windows_of(likely, chip_m))
        rows.append(
            {
                "threshold": threshold,
                "candidates": len(likely),
                "kilns": len(kilns),
                "kept": int(covered(kilns.x, kilns.y, chips, chip_m).sum()),
                "acquired_km2": len(chips) * chip_m**2 / 1e6,
                "valid_km2": round(valid.sum() * PIXEL_M**2 / 1e6, 3),
            }
        )
    return pd.DataFrame(rows)


def choose_threshold(curves: Sequence[pd.DataFrame], target_recall: float) -> float:
    """The threshold that keeps `target_recall` of all left-out regions' kilns, lowered while that is nearly free.

    Where scores leave a gap between kilns and the rest, the highest threshold that works here is the first to fail
    elsewhere.
    """
    total = pd.concat(curves).groupby("threshold")[["kilns", "kept", "acquired_km2"]].sum()
    enough = total[total.kept >= target_recall * total.kilns]
    if enough.empty:
        return THRESHOLDS[0]
    return float(total.index[total.acquired_km2 <= NEARLY_FREE * enough.acquired_km2.iloc[-1]].min())
