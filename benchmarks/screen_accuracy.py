"""What the screen keeps of kilns it has not learned from, and what that costs: each region left out in turn.

    make screen-accuracy DATA=/where/s2_delhi/is        (some ten minutes of CPU; --groups adds the table of features)

A kiln is kept when its whole footprint lies in the chips that candidates acquire. Each fold's threshold comes from the
other folds. `at best` is the area that chips around the labelled kilns alone would take. Candidates farther than 1 km
from every labelled kiln are false alarms. A cluster is a group of kilns whose neighbours lie within 150 m; it is
separated when each of its kilns has a candidate of its own within 50 m.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
import yaml
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from kilnscan import train_screen  # noqa: E402 (the project's own folder comes first)
from kilnscan.candidates import PIXEL_M, find_candidates  # noqa: E402
from kilnscan.config import load_config  # noqa: E402
from kilnscan.evaluate import match, wilson  # noqa: E402
from kilnscan.features import layout_of  # noqa: E402
from kilnscan.recall import THRESHOLDS, Curve, leave_one_out  # noqa: E402
from kilnscan.train_screen import Region, Settings, grid, kilns_on, screen  # noqa: E402
from kilnscan.training import region_labels, screen_reader  # noqa: E402

FAR_M, CLUSTER_M, MATCH_M = 1000.0, 150.0, 50.0
TARGETS = (0.9, 0.95, 0.98, 0.99)
GROUPS = {
    "all features": lambda name: False,
    "without contrast to surroundings": lambda name: "above" in name,
    "without colour as such": lambda name: name.split("_")[1] in _COLOUR,
    "without light": lambda name: name.startswith("light"),
    "without brick (red - green)": lambda name: name.startswith("brick"),
    "without redness (red - blue)": lambda name: name.startswith("redness"),
    "without spreads": lambda name: "spread" in name,
    "without rings": lambda name: "ring" in name or "axis" in name,
}
_COLOUR = {f"mean{width}" for width in (1, 3, 5, 7, 13, 25, 52, 204)}
GROUP_TREES = 40  # enough to compare


def details(forest, region: Region) -> dict:
    """Candidates per kiln, false alarms and clusters of a region at the forest's own threshold."""
    probability, valid = screen(forest, region.reader, 2)
    origin, _, transform = grid(region.reader)
    own = shapely.box(*region.reader.bounds).buffer(PIXEL_M)
    table = find_candidates(probability, valid, origin, forest.operating_point, own, region.reader.epsg)
    kilns = kilns_on(region.reader, region.labels).centroid
    places = np.column_stack([kilns.x, kilns.y])
    seeds = np.column_stack([table.seed_x, table.seed_y])
    far = np.asarray(cKDTree(places).query(seeds)[0]) > FAR_M
    burned = np.ones(valid.shape, bool)
    columns, rows = ~transform @ np.array([kilns.x, kilns.y])
    burned[rows.astype(int).clip(0, len(burned) - 1), columns.astype(int).clip(0, burned.shape[1] - 1)] = False
    empty_km2 = float(((distance_transform_edt(burned) > FAR_M / PIXEL_M) & valid).sum()) * PIXEL_M**2 / 1e6
    lonlat = gpd.GeoSeries(shapely.points(seeds), crs=region.reader.epsg).to_crs(4326)
    known = kilns.to_crs(4326)
    matched = set(match(lonlat.x.to_numpy(), lonlat.y.to_numpy(), known.x.to_numpy(), known.y.to_numpy(), MATCH_M)[1])
    pairs = cKDTree(places).query_pairs(CLUSTER_M, output_type="ndarray")
    _, group = connected_components(
        coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(places),) * 2), directed=False
    )
    clusters = [np.flatnonzero(group == name) for name in np.unique(group) if (group == name).sum() > 1]
    return {
        "per_kiln": len(table) / len(kilns),
        "false": float(far.sum()) / empty_km2 * 100,
        "empty_km2": empty_km2,
        "clusters": len(clusters),
        "separated": sum(set(members.tolist()) <= matched for members in clusters),
    }


def print_table(regions: list[Region], settings: Settings, folds: dict) -> None:
    """What each fold keeps at its own threshold, and what targets would cost with one threshold for all."""
    print(
        "\n| left out | threshold | kilns kept | 95 % interval | area acquired | at best | times that | candidates per "
        "kiln | false alarms per 100 km2 | clusters separated |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for region in regions:
        fold = folds[region.name]
        at, more = fold.curve.at(fold.forest.operating_point), details(fold.forest, region)
        low, high = wilson(at["kept"], at["kilns"])
        print(
            f"| {region.name} | {at['threshold']:.2f} | {at['kept']} of {at['kilns']} ({at['kept'] / at['kilns']:.3f}) "
            f"| {low:.3f}-{high:.3f} | {at['acquired_km2'] / at['valid_km2']:.1%} "
            f"| {at['ideal_km2'] / at['valid_km2']:.1%} | {at['acquired_km2'] / at['ideal_km2']:.1f} "
            f"| {more['per_kiln']:.1f} | {more['false']:.0f} (of {more['empty_km2']:.0f} km2) "
            f"| {more['separated']} of {more['clusters']} |"
        )
    curves = [fold.curve for fold in folds.values()]
    total = sum(len(curve.kept_at) for curve in curves)
    print("\nOne threshold for all, chosen with hindsight:\n")
    print("| kilns kept | threshold | area acquired | times the best |\n|---|---|---|---|")
    for target in TARGETS:
        point, sums = at_recall(curves, target)
        if point is None:
            print(f"| {target} | not reached: {sums['kept'] / total:.3f} at {THRESHOLDS[0]} | | |")
        else:
            print(
                f"| {sums['kept'] / total:.3f} | {point:.2f} | {sums['acquired_km2'] / sums['valid_km2']:.1%} "
                f"| {sums['acquired_km2'] / sums['ideal_km2']:.1f} |"
            )


def at_recall(curves: list[Curve], target: float) -> tuple[float | None, dict[str, float]]:
    """The highest threshold for all that keeps `target` of the kilns, and the sums of the curves' figures there.

    None, and the sums at the lowest threshold, where none keeps so many.
    """
    kept = np.concatenate([curve.kept_at for curve in curves])
    enough = [point for point in THRESHOLDS if (kept >= point).sum() >= target * len(kept)]
    rows = [curve.at(enough[-1] if enough else THRESHOLDS[0]) for curve in curves]
    sums = {key: sum(row[key] for row in rows) for key in ("kept", "acquired_km2", "ideal_km2", "valid_km2")}
    return (enough[-1] if enough else None), sums


def print_groups(regions: list[Region], settings: Settings) -> None:
    """How much worse the screen becomes without groups of features."""
    settings = replace(settings, trees=GROUP_TREES)
    heads = " | ".join(f"area acquired for {target} of the kilns, times the best" for target in TARGETS[:2])
    print(f"\n| features | {heads} |\n|---|---|---|")
    names, fit = layout_of(list(regions[0].reader.bands)).features, train_screen.fit
    for label, left_out in GROUPS.items():
        gone = np.array([left_out(name) for name in names])

        def blind(samples, *rest, gone=gone):
            for held in samples:
                for features, _ in held:
                    features[:, gone] = 0  # a feature that is the same everywhere splits nothing
            return fit(samples, *rest)

        train_screen.fit = blind
        try:
            curves = [fold.curve for fold in leave_one_out(regions, settings, 2).values()]
        finally:
            train_screen.fit = fit
        print(
            f"| {label} ({len(names) - gone.sum()}) | {_cost(curves, TARGETS[0])} | {_cost(curves, TARGETS[1])} |",
            flush=True,
        )


def _cost(curves: list[Curve], target: float) -> str:
    """Area for a recall of `target` with one threshold for all, in times the best."""
    point, sums = at_recall(curves, target)
    if point is None:
        return f"not reached ({sums['kept'] / sum(len(curve.kept_at) for curve in curves):.3f})"
    return f"{sums['acquired_km2'] / sums['ideal_km2']:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the imagery and labels")
    parser.add_argument("--configfile", default="config/regions/delhi.yaml")
    parser.add_argument("--groups", action="store_true", help="measure groups of features instead")
    arguments = parser.parse_args()
    raw = yaml.safe_load((ROOT / arguments.configfile).read_text(encoding="utf-8"))
    train = load_config(raw | ({"data": arguments.data} if arguments.data else {})).train
    wanted = [region.model_dump() | {"folder": None} for region in train.regions]
    regions = [Region(one["name"], screen_reader(one, train.bands), region_labels(one)) for one in wanted]
    settings = Settings(
        seed=train.seed, target_recall=train.target_recall, kiln_weight=train.kiln_weight, rounds=train.rounds
    )
    if arguments.groups:
        print_groups(regions, settings)
    else:
        print_table(regions, settings, leave_one_out(regions, settings, 2))


if __name__ == "__main__":
    main()
