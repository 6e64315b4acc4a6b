"""What a screen keeps of kilns it has not learned from, what that costs in area, and the threshold that follows.

A kiln is kept when its whole footprint lies in the chips that candidates acquire. Every candidate brings its chips in
at its score, so the threshold at which a kiln is kept for the last time, and a chip acquired, is a number of its own;
curves and thresholds follow from sorting them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from scipy.stats import binom

from kilnscan.candidates import LOWEST, find_candidates
from kilnscan.evaluate import wilson
from kilnscan.forest import Forest
from kilnscan.grid import PIXEL_M
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds, chip_holding, chips_of, windows_around, windows_of
from kilnscan.train_screen import Region, Settings, grid, grow, kilns_on, quarters, screen

THRESHOLDS = tuple(round(LOWEST + 0.01 * step, 2) for step in range(91))
NEARLY_FREE = 1.05  # times the area


@dataclass(frozen=True, eq=False)
class Curve:
    """What a forest finds in a region it has not learned from, whatever the threshold."""

    region: str
    kept_at: np.ndarray
    """(kiln) the highest threshold that keeps it; 0 if none does."""
    chip_at: np.ndarray
    """(chip) the highest threshold that acquires it."""
    candidates: np.ndarray
    """(candidate) scores."""
    valid_km2: float
    ideal_km2: float
    """The chips acquired if the labelled kilns themselves were the candidates."""

    def at(self, threshold: float) -> dict[str, Any]:
        """Candidates, kilns, kilns kept, km2 acquired, at best and in all at one threshold."""
        return {
            "region": self.region,
            "threshold": threshold,
            "candidates": int((self.candidates >= threshold).sum()),
            "kilns": len(self.kept_at),
            "kept": int((self.kept_at >= threshold).sum()),
            "acquired_km2": round(float((self.chip_at >= threshold).sum()) * CHIP_M**2 / 1e6, 3),
            "ideal_km2": self.ideal_km2,
            "valid_km2": self.valid_km2,
        }


def chip_scores(candidates: gpd.GeoDataFrame) -> dict[Vertex, float]:
    """The chips that candidates (UTM metres, with `score`) acquire, and the highest threshold that still does."""
    scores: dict[Vertex, float] = {}
    for polygon, score in zip(candidates.geometry, candidates["score"].tolist(), strict=True):
        for chip in chips_of(windows_around(polygon)):
            scores[chip] = max(scores.get(chip, 0.0), score)
    return scores


def kept_at(footprints: np.ndarray, scores: dict[Vertex, float]) -> np.ndarray:
    """The highest threshold at which each footprint (UTM metres) lies wholly in acquired chips; 0 if none does."""
    return np.array([min(scores.get(chip, 0.0) for chip in _under(footprint)) for footprint in footprints])


def _under(footprint: shapely.Geometry) -> list[Vertex]:
    """Chips that hold some of a footprint."""
    west, south, east, north = footprint.bounds
    (left, bottom), (right, top) = chip_holding(west, south), chip_holding(east, north)
    chips = [(i, j) for i in range(left, right + 1) for j in range(bottom, top + 1)]
    return [chip for chip in chips if footprint.intersection(shapely.box(*chip_bounds(chip))).area > 0]


def recall_curve(forest: Forest, region: Region, threads: int = 1) -> Curve:
    """Screen a region, find its candidates and see what they acquire."""
    probability, valid = screen(forest, region.reader, threads)
    origin, _, _ = grid(region.reader)
    own = shapely.box(*region.reader.bounds).buffer(PIXEL_M)
    candidates = find_candidates(probability, valid, origin, 0.0, own, region.reader.epsg)
    kilns = kilns_on(region.reader, region.labels)
    scores = chip_scores(candidates)
    return Curve(
        region.name,
        kept_at(kilns.geometry.array, scores),
        np.array(sorted(scores.values())),
        np.sort(candidates.score.to_numpy()),
        round(float(valid.sum()) * PIXEL_M**2 / 1e6, 3),
        round(len(chips_of(windows_of(kilns))) * CHIP_M**2 / 1e6, 3),
    )


@dataclass(frozen=True)
class Fold:
    """A forest trained without one region, and what it finds there."""

    forest: Forest
    curve: Curve


def leave_one_out(regions: Sequence[Region], settings: Settings | None = None, jobs: int = 1) -> dict[str, Fold]:
    """Leave each of two or more regions out in turn; the operating point of a fold comes from the other folds."""
    settings = settings or Settings()
    forests = {left: grow([r for r in regions if r is not left], settings, jobs) for left in regions}
    curves = {left.name: recall_curve(forest, left, jobs) for left, forest in forests.items()}
    return {
        left.name: Fold(
            replace(
                forest,
                operating_point=choose_threshold(
                    [c for name, c in curves.items() if name != left.name], settings.target_recall
                ),
            ),
            curves[left.name],
        )
        for left, forest in forests.items()
    }


def train(
    regions: Sequence[Region], settings: Settings | None = None, folds: dict[str, Fold] | None = None, jobs: int = 1
) -> Forest:
    """Train on all regions; the operating point comes from leaving each out in turn, or quarters of a single one.

    Give `folds` if `leave_one_out` has run already. Raises VectorError if a region has no kiln on its imagery.
    """
    settings = settings or Settings()
    if folds is None:
        parts = list(regions) if len(regions) > 1 else quarters(regions[0])
        folds = leave_one_out(parts, settings, jobs) if len(parts) > 1 else {}
    forest = grow(regions, settings, jobs)
    curves = [fold.curve for fold in folds.values()]
    if not curves:
        return forest
    point = choose_threshold(curves, settings.target_recall)
    kept = np.concatenate([curve.kept_at for curve in curves])
    about = {
        "left_out": [curve.at(point) for curve in curves],
        "recall": {
            "value": round(float((kept >= point).mean()), 4),
            "ci95": wilson(int((kept >= point).sum()), len(kept)),
            "target": settings.target_recall,
        },
        "threshold_ci95": threshold_interval(kept, settings.target_recall),
    }
    return replace(forest, operating_point=point, trained_on={**forest.trained_on, **about})


def choose_threshold(curves: Sequence[Curve], target_recall: float) -> float:
    """The threshold that keeps `target_recall` of all left-out regions' kilns, lowered while that is nearly free.

    Where no threshold keeps so many, the one that keeps as many as any does. Where scores leave a gap between kilns and
    the rest, the highest threshold that works here is the first to fail elsewhere.
    """
    kept, chips = (np.concatenate([getattr(curve, name) for curve in curves]) for name in ("kept_at", "chip_at"))
    wanted = min(target_recall * len(kept), (kept >= THRESHOLDS[0]).sum())
    enough = max(t for t in THRESHOLDS if (kept >= t).sum() >= wanted)
    most = NEARLY_FREE * (chips >= enough).sum()
    return next(t for t in THRESHOLDS if (chips >= t).sum() <= most)


def threshold_interval(kept: np.ndarray, target_recall: float) -> list[float]:
    """95 % interval of the threshold that keeps `target_recall` of all kilns, from the thresholds that keep these.

    Order statistics: of n kilns, a binomial number lies below the quantile (Conover, Practical Nonparametric
    Statistics, 3.2).
    """
    ranked = np.sort(kept)
    low, high = binom.ppf([0.025, 0.975], len(ranked), 1 - target_recall).astype(int)
    below = float(ranked[low - 1]) if low > 0 else 0.0
    return [round(below, 3), round(float(ranked[min(high, len(ranked) - 1)]), 3)]
