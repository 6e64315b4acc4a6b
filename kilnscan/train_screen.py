"""Train the screen: samples of labelled kilns, hard negatives in rounds, a gate, a forest.

A pixel near the middle of a labelled kiln is a kiln, one farther than `Settings.ring_m` from every label is not, and
those between are not used. What the forest wrongly likes in the training regions is added to the negatives, and it is
trained again. The threshold is chosen on land that a forest has not seen (`kilnscan.recall`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize
from sklearn.ensemble import RandomForestClassifier

from kilnscan.errors import VectorError
from kilnscan.features import HALO, Window, compute_features, feature_names, layout_of
from kilnscan.forest import Forest
from kilnscan.grid import PIXEL_M
from kilnscan.reader import Reader
from kilnscan.trees import Trees

STRIP = 256  # rows of pixels handled at a time
POINT_M = 40.0
"""Radius in metres of the disc that stands for a kiln labelled by a point or a line; kilns are about 100 m by 50 m."""
REJECTED = 20
"""How many pixels of a place that people rejected are expected in the sample, if it has so many."""


@dataclass(frozen=True, eq=False)
class Region:
    """A place to learn from: imagery, and all its kilns in any CRS, as outlines, boxes or points."""

    name: str
    reader: Reader
    labels: gpd.GeoDataFrame
    negatives: gpd.GeoDataFrame | None = None
    """Where people saw that there is no kiln, polygons in any CRS."""


@dataclass(frozen=True)
class Settings:
    """How samples are drawn and the forest is grown."""

    trees: int = 100
    depth: int = 9
    smallest_leaf: int = 20
    features_per_split: float | str = "sqrt"
    kiln_radius_m: float = 30.0
    ring_m: float = 100.0
    negatives_per_km2: float = 40.0
    hard_per_km2: float = 15.0
    """More would fit the training regions better and others worse (docs/screen.md)."""
    rounds: int = 1
    kiln_weight: float = 1.0
    """Weight of all kilns of a region together, relative to that of all the rest."""
    gate_loss: float = 0.002
    """Share of kiln pixels that each bound of the gate may refuse."""
    early_trees: int = 8
    early_depth: int = 6
    early_leaf: int = 100
    target_recall: float = 0.99
    seed: int = 0


Sample = tuple[np.ndarray, np.ndarray]  # features (pixel, feature) float32, kiln or not (pixel) bool


def grow(regions: Sequence[Region], settings: Settings, jobs: int = 1) -> Forest:
    """Sample all regions, grow a forest, and grow it again after each round of hard negatives.

    Raises VectorError if a region has no kiln on its imagery.
    """
    rng = np.random.default_rng(settings.seed)
    samples = [[sample(region.reader, region.labels, settings, rng, rejected=region.negatives)] for region in regions]
    bands = list(regions[0].reader.bands)
    forest = fit(samples, bands, settings, jobs)
    for _ in range(settings.rounds):
        for region, held in zip(regions, samples, strict=True):
            held.append(sample(region.reader, region.labels, settings, rng, forest))
        forest = fit(samples, bands, settings, jobs)
    learned = {region.name: len(kilns_on(region.reader, region.labels)) for region in regions}
    return replace(forest, trained_on={**forest.trained_on, "regions": learned, "settings": asdict(settings)})


def fit(samples: Sequence[Sequence[Sample]], bands: list[str], settings: Settings, jobs: int = 1) -> Forest:
    """Grow one forest on the samples of several regions, and set the gate.

    Every region weighs the same, and in each its kilns as a class weigh `kiln_weight` times the rest.
    """
    features, kiln, weights = [], [], []
    for held in samples:
        here = np.concatenate([kiln for _, kiln in held])
        features += [found for found, _ in held]
        kiln.append(here)
        weights.append(np.where(here, settings.kiln_weight / max(here.sum(), 1), 1 / max((~here).sum(), 1)))
    table, is_kiln, weight = np.concatenate(features), np.concatenate(kiln), np.concatenate(weights)
    weight /= weight.mean()  # relative weights are what counts; scikit-learn likes them about 1
    if is_kiln.all():
        raise VectorError("All training land lies near a labelled kiln: give imagery that shows some land without.")
    alike = {"random_state": settings.seed, "n_jobs": jobs}
    model = RandomForestClassifier(
        settings.trees,
        max_depth=settings.depth,
        min_samples_leaf=settings.smallest_leaf,
        max_features=settings.features_per_split,
        **alike,
    ).fit(table, is_kiln, weight)
    glanced = table[:, layout_of(bands).gate]
    gate = np.quantile(glanced[is_kiln], settings.gate_loss, axis=0, method="lower").astype(np.float32)
    passing = (glanced >= gate).all(axis=1)
    if is_kiln[passing].all() or not is_kiln[passing].any():
        passing[:] = True  # the gate alone tells the samples apart; the early trees still need both classes
    early = RandomForestClassifier(
        settings.early_trees,
        max_depth=settings.early_depth,
        min_samples_leaf=settings.early_leaf,
        max_features=None,
        **alike,
    ).fit(glanced[passing], is_kiln[passing], weight[passing])
    matters = {
        name: round(float(share), 4)
        for name, share in zip(feature_names(bands), model.feature_importances_, strict=True)
    }
    return Forest(bands, Trees.from_sklearn(model), gate, Trees.from_sklearn(early), trained_on={"importance": matters})


def sample(
    reader: Reader,
    labels: gpd.GeoDataFrame,
    settings: Settings,
    rng: np.random.Generator,
    forest: Forest | None = None,
    rejected: gpd.GeoDataFrame | None = None,
) -> Sample:
    """Draw pixels of one region, in the order of its pixels.

    Without `forest`, all kiln pixels, random others, and more of those in `rejected` polygons. With it only others, in
    proportion to the square of the probability that the screen gives them. Raises VectorError if no label lies on the
    imagery.
    """
    kiln, other = classes(reader, labels, settings)
    density = (settings.negatives_per_km2 if forest is None else settings.hard_per_km2) * PIXEL_M**2 / 1e6
    if forest is not None:
        probability, valid = screen(forest, reader)
        likes = np.square(probability / 255.0) * (other & valid)
        likes *= density * (other & valid).sum() / max(likes.sum(), 1e-9)
    odds_of = np.where(other, np.maximum(density, _rejected(reader, rejected)), 0.0)
    features, found = [], []
    for rows, pixels, valid, inner, origin in strips(reader):
        if forest is None:
            positive, odds = kiln[rows] & valid[inner], odds_of[rows] * valid[inner]
        else:
            positive, odds = np.zeros_like(kiln[rows]), likes[rows]
        chosen = positive | (rng.random(odds.shape) < odds)
        wanted = np.zeros(valid.shape, bool)
        wanted[inner] = chosen
        features.append(compute_features(pixels, valid, list(reader.bands), wanted, origin))
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


def _rejected(reader: Reader, negatives: gpd.GeoDataFrame | None) -> np.ndarray | float:
    """The odds (row, column) with which pixels of rejected places are drawn: REJECTED of each; 0 elsewhere."""
    if negatives is None or negatives.empty:
        return 0.0
    shapes = negatives.geometry.to_crs(reader.epsg)
    odds = np.minimum(REJECTED * PIXEL_M**2 / np.maximum(shapes.area, PIXEL_M**2), 1.0)
    _, shape, transform = grid(reader)
    burnt = zip(shapes, odds, strict=True)
    return rasterize(burnt, out_shape=shape, transform=transform, dtype="float32", all_touched=True)


def kilns_on(reader: Reader, labels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The labels whose centroid lies on the imagery, in its CRS; discs of POINT_M where they have no area."""
    kilns = labels.to_crs(reader.epsg)
    kilns = kilns[shapely.contains(shapely.box(*reader.bounds), kilns.centroid.array)]
    flat = shapely.area(kilns.geometry.array) == 0
    return kilns.set_geometry(np.where(flat, kilns.centroid.buffer(POINT_M), kilns.geometry), crs=kilns.crs)


def grid(reader: Reader) -> tuple[tuple[int, int], tuple[int, int], Affine]:
    """The region's pixels on the 10 m UTM grid: column and row of the first, (rows, columns), transform."""
    left, bottom, right, top = (round(edge / PIXEL_M) for edge in reader.bounds)
    return (left, -top), (top - bottom, right - left), Affine(PIXEL_M, 0, left * PIXEL_M, 0, -PIXEL_M, top * PIXEL_M)


def strips(reader: Reader) -> Iterator[tuple[slice, np.ndarray, np.ndarray, Window, tuple[int, int]]]:
    """Read a region in strips: rows, pixels and validity with HALO all round, what cuts the halo off, and the origin.

    The origin is the column and the row of the strip's first pixel on the UTM grid.
    """
    (column, row), (rows, columns), _ = grid(reader)
    for start in range(0, rows, STRIP):
        stop = min(start + STRIP, rows)
        bounds = (column - HALO, -(row + stop + HALO), column + columns + HALO, -(row + start - HALO))
        pixels, valid = reader.read(tuple(edge * PIXEL_M for edge in bounds), PIXEL_M)
        inner = slice(HALO, HALO + stop - start), slice(HALO, HALO + columns)
        yield slice(start, stop), pixels, valid, inner, (column - HALO, row + start - HALO)


def screen(forest: Forest, reader: Reader, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Kiln probability (row, column) uint8 of a whole region, and where it is valid."""
    parts = [
        (forest.screen(pixels, valid, inner, threads, origin), valid[inner])
        for _, pixels, valid, inner, origin in strips(reader)
    ]
    return np.concatenate([part for part, _ in parts]), np.concatenate([valid for _, valid in parts])


def quarters(region: Region) -> list[Region]:
    """A region cut in four, those parts that hold kilns: what to leave out in turn when there is no other region."""
    left, bottom, right, top = region.reader.bounds
    middle_x, middle_y = round((left + right) / 2 / PIXEL_M) * PIXEL_M, round((bottom + top) / 2 / PIXEL_M) * PIXEL_M
    parts = {
        "south-west": (left, bottom, middle_x, middle_y),
        "south-east": (middle_x, bottom, right, middle_y),
        "north-west": (left, middle_y, middle_x, top),
        "north-east": (middle_x, middle_y, right, top),
    }
    cut = [
        Region(f"{region.name}, {name}", _Part(region.reader, bounds), region.labels, region.negatives)
        for name, bounds in parts.items()
    ]
    return [part for part in cut if len(kilns_on(part.reader, part.labels))]


@dataclass(frozen=True, eq=False)
class _Part:
    """A reader of a part of a region."""

    whole: Reader
    bounds: tuple[float, float, float, float]

    @property
    def epsg(self) -> int:
        return self.whole.epsg

    @property
    def bands(self) -> list[str]:
        return self.whole.bands

    def read(self, bounds: Any, resolution_m: float = PIXEL_M) -> tuple[np.ndarray, np.ndarray]:
        return self.whole.read(bounds, resolution_m)
