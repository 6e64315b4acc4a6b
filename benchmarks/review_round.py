"""What one round of answers adds to the screen, simulated with labels that were hidden first.

    make review-round DATA=/where/s2_delhi/is        (some minutes of CPU)

Each region is left out in turn. Of the others' labels half are hidden, and the screen learns from the rest, in which
the hidden kilns count as land without kilns. It ranks windows as `snakemake review` does (without a detector: its score
is 0 everywhere), they are answered from all labels, and the screen learns again. Compared are as many windows drawn at
random from those with a candidate, and all labels. The left-out region tells: kilns whose whole footprint is kept when
a tenth of its land is acquired.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from kilnscan.candidates import LOWEST, find_candidates  # noqa: E402 (the project's own folder comes first)
from kilnscan.config import load_config  # noqa: E402
from kilnscan.corrections import apply_decisions  # noqa: E402
from kilnscan.decisions import decide  # noqa: E402
from kilnscan.grid import Tile  # noqa: E402
from kilnscan.lattice import CHIP_M, nearest_vertex  # noqa: E402
from kilnscan.obb import corners, from_polygons  # noqa: E402
from kilnscan.recall import recall_curve  # noqa: E402
from kilnscan.review import rank  # noqa: E402
from kilnscan.review_answers import Answer  # noqa: E402
from kilnscan.review_marks import Mark, Window  # noqa: E402
from kilnscan.train_screen import Region, Settings, grid, grow, screen  # noqa: E402
from kilnscan.training import region_labels, screen_reader  # noqa: E402

SHARE = 0.1  # of the land, acquired
THRESHOLD = 0.5  # of a kiln in the simulated atlas


def answered(windows: list[Window], truth: gpd.GeoDataFrame) -> list[Answer]:
    """What somebody says of windows who knows all labels: the boxes that a picture shows whole."""
    quads = corners(from_polygons(truth.geometry.to_crs(windows[0].epsg).to_numpy()))
    answers = []
    for window in windows:
        inside = [n for n, quad in enumerate(quads) if shapely.box(*window.bounds).contains(shapely.Polygon(quad))]
        marks = tuple(Mark(str(truth["kiln_type"].iloc[n]), window.shares(quads[n])) for n in inside)
        answers.append(Answer(window, marks, "truth", "", "simulation"))
    return answers


def candidates_of(forest, region: Region) -> gpd.GeoDataFrame:
    """Candidates of a region as the atlas would have them without a detector, EPSG:4326."""
    probability, valid = screen(forest, region.reader, 2)
    origin, _, _ = grid(region.reader)
    own = shapely.box(*region.reader.bounds)
    table = find_candidates(probability, valid, origin, LOWEST, own, region.reader.epsg).to_crs(4326)
    return table.assign(tile="all", screen_score=table["score"], detector_score=0.0)


def chosen(table: gpd.GeoDataFrame, region: Region, most: int) -> list[Window]:
    """The windows of `snakemake review`."""
    own = shapely.box(*region.reader.bounds)
    left, bottom, right, top = (int(edge // CHIP_M) for edge in own.bounds)
    chips = {(region.reader.epsg, i, j) for i in range(left, right + 1) for j in range(bottom, top + 1)}
    how = {"min_score": THRESHOLD, "match_m": 50.0, "most": most}
    ranked = rank(table, table[:0], region.labels, [Tile("all", region.reader.epsg, own.bounds, own)], chips, **how)
    return [Window(*map(int, row)) for row in ranked[["epsg", "i", "j"]].to_numpy()]


def drawn(table: gpd.GeoDataFrame, region: Region, most: int, rng: np.random.Generator) -> list[Window]:
    """As many windows with a candidate, at random."""
    points = table.geometry.to_crs(region.reader.epsg).centroid
    windows = sorted({nearest_vertex(x, y) for x, y in zip(points.x, points.y, strict=True)})
    some = rng.permutation(len(windows))[:most]
    return [Window(region.reader.epsg, *windows[n]) for n in some]


def heard(region: Region, truth: gpd.GeoDataFrame, windows: list[Window]) -> Region:
    """A region after somebody answered windows of it."""
    labels, negatives = apply_decisions(region.labels, decide(answered(windows, truth)))
    return replace(region, labels=labels, negatives=negatives)


def kept(forest, region: Region) -> int:
    """Kilns of a region kept when SHARE of its land is acquired."""
    curve = recall_curve(forest, region, 2)
    chips = int(SHARE * curve.valid_km2 * 1e6 / CHIP_M**2)
    threshold = curve.chip_at[-chips] if chips <= len(curve.chip_at) else 0.0
    return int((curve.kept_at > threshold).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the imagery and labels")
    parser.add_argument("--configfile", default="config/regions/delhi.yaml")
    parser.add_argument("--most", type=int, default=100, help="windows answered in each region")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    raw = yaml.safe_load((ROOT / arguments.configfile).read_text(encoding="utf-8"))
    train = load_config(raw | ({"data": arguments.data} if arguments.data else {})).train
    wanted = [region.model_dump() | {"folder": None} for region in train.regions]
    regions = [Region(one["name"], screen_reader(one, train.bands), region_labels(one)) for one in wanted]
    print(
        "| left out | seed | half the labels | + ranked windows | + random windows | all labels | labels |\n"
        + "|---" * 7
        + "|"
    )
    for left in regions:
        for seed in range(arguments.seeds):
            rng = np.random.default_rng([seed, 20])
            full = [region for region in regions if region is not left]
            half = [replace(one, labels=one.labels.iloc[rng.permutation(len(one.labels))[::2]]) for one in full]
            settings = Settings(seed=seed)
            first = grow(half, settings, 2)
            tables = [candidates_of(first, one) for one in half]
            pairs = list(zip(half, full, tables, strict=True))
            ranked = [heard(one, all_.labels, chosen(table, one, arguments.most)) for one, all_, table in pairs]
            random = [heard(one, all_.labels, drawn(table, one, arguments.most, rng)) for one, all_, table in pairs]
            forests = [first, *(grow(some, settings, 2) for some in (ranked, random, full))]
            counts = ", ".join(str(sum(len(one.labels) for one in some)) for some in (half, ranked, random, full))
            shares = " | ".join(f"{kept(forest, left)} of {len(left.labels)}" for forest in forests)
            print(f"| {left.name} | {seed} | {shares} | {counts} |", flush=True)


if __name__ == "__main__":
    main()
