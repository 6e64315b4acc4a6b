"""How fast the screen is, side by side in one run: kilnscan, scikit-learn, and per-pixel loops as published before.

    make bench-screen [DATA=/where/s2_delhi/is]

Contestants work on the same scene with the same forest, one thread each, in turns; medians of CPU seconds over the
rounds are printed. With DATA the scene is a real composite (RGB) and the model the shipped one; without it, the demo's
synthetic six bands and the demo's model (run `make demo` first). `--granule` adds a full granule (six bands, six
dates, synthetic content in Earth Search's layout; 5 GB of disk): reading against reading and screening, 1 and 2
threads, and memory against the size of the tile.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.composite import make_scenes  # noqa: E402 (the project's own folder comes first)
from kilnscan.candidates import find_candidates  # noqa: E402
from kilnscan.composite import open_scenes, read_looks, strips  # noqa: E402
from kilnscan.config_sentinel2 import SIX, Stac  # noqa: E402
from kilnscan.features import Scene, blocks, compute_features  # noqa: E402
from kilnscan.forest import Forest  # noqa: E402
from kilnscan.grid import Tile  # noqa: E402
from kilnscan.reader import MosaicReader  # noqa: E402
from kilnscan.scenes import find_scenes  # noqa: E402
from kilnscan.screen import STRIP_ROWS, screen_tile  # noqa: E402
from kilnscan.screened import candidates_of_tile  # noqa: E402
from kilnscan.train_screen import grid  # noqa: E402
from tests.reference_forest import reference_screen, to_sklearn  # noqa: E402

ROUNDS = 3
CELL_PX = 100  # the per-pixel procedure works on square kilometres
CELLS = 12


def cpu(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def in_turns(contestants: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median CPU seconds of each, one after the other, several times; the first time only warms up."""
    for work in contestants.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            taken[name].append(cpu(work))
    return {name: statistics.median(times) for name, times in taken.items()}


def real_scene(data: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int], Forest, int]:
    """The largest labelled composite, read on the UTM grid."""
    forest = Forest.load(ROOT / "models" / "s2-rgb-screen.npz")
    reader = MosaicReader.open(f"{data}/hapur/s2_rgb_10m.tif", forest.bands)
    pixels, valid = reader.read(reader.bounds)
    return pixels, valid, grid(reader)[0], forest, reader.epsg


def demo_scene() -> tuple[np.ndarray, np.ndarray, tuple[int, int], Forest, int]:
    """The demo's composite."""
    files = sorted((ROOT / "results" / "demo" / "tiles").glob("*/scenes.json"))
    if not files:
        sys.exit("There is no demo yet: run `make demo` first, or give DATA=/where/s2_delhi/is.")
    scenes = json.loads(files[0].read_text())
    tile = Tile.from_spec(scenes["tile"])
    bounds = tile.read_bounds(0)
    pixels, looks = read_looks(open_scenes(scenes), bounds)
    origin = round(bounds[0] / 10), -round(bounds[3] / 10)
    return pixels, looks > 0, origin, Forest.load(ROOT / "models" / "demo-screen.npz"), tile.epsg


def side_by_side(pixels: np.ndarray, valid: np.ndarray, origin: tuple[int, int], forest: Forest, epsg: int) -> None:
    """Every step and every contestant on one scene, in nanoseconds of CPU per pixel."""
    bands, count = forest.bands, int(valid.sum())
    model = to_sklearn(forest.trees, len(forest.features))
    part = np.zeros_like(valid)  # a fifth is enough for the slow ones
    part[: len(part) // 5] = valid[: len(part) // 5]
    table = compute_features(pixels, valid, bands, part, origin)
    closed = replace(forest, gate=np.full(len(forest.gate), np.inf, np.float32))
    probability = forest.screen(pixels, valid, origin=origin)
    own = shapely.box(-1e9, -1e9, 1e9, 1e9)
    whole = (slice(0, valid.shape[0]), slice(0, valid.shape[1]))
    made = Scene(pixels, valid, bands, origin)
    asked, described = np.sum([forest.screen_block(made, place)[1:] for place in blocks(whole)], axis=0)
    times = in_turns(
        {
            "screen": lambda: forest.screen(pixels, valid, origin=origin),
            "all but the forest": lambda: closed.screen(pixels, valid, origin=origin),
            "candidates": lambda: find_candidates(probability, valid, origin, forest.operating_point, own, epsg),
            "every feature of every pixel": lambda: compute_features(pixels, valid, bands, part, origin),
            "every tree of every pixel": lambda: forest.predict(table),
            "scikit-learn's predict_proba": lambda: model.predict_proba(table),
        }
    )
    each = {
        name: seconds / (count if name in ("screen", "all but the forest", "candidates") else len(table)) * 1e9
        for name, seconds in times.items()
    }
    each["gate, early trees and forest"] = each["screen"] - each["all but the forest"]
    rival = each["scikit-learn's predict_proba"]
    print(
        f"\n{count / 1e6:.2f} million pixels, {len(bands)} bands, {len(forest.trees)} trees, {len(forest.features)} "
        f"features; {asked / count:.1%} pass the gate, {described / count:.1%} the early trees\n"
    )
    print("| | ns of CPU per pixel | million pixels per CPU s | CPU s per km2 | scikit-learn's predict_proba takes |")
    print("|---|---|---|---|---|")
    for name, ns in each.items():
        print(f"| {name} | {ns:.0f} | {1000 / ns:.2f} | {ns * 1e-5:.5f} | {rival / ns:.1f} times that |")
    both = each["every feature of every pixel"] + rival
    print(f"\nScreen: {both / each['screen']:.1f} times faster than all features and scikit-learn's forest.")
    wrong = int((reference_screen(forest, pixels, valid, origin) != probability).sum())
    print(f"Pixels that scikit-learn, the same gate and floor decide differently: {wrong} of {count}.")


def per_pixel(pixels: np.ndarray, valid: np.ndarray, forest: Forest) -> None:
    """The published procedure on a sample of square kilometres: one pixel at a time, geodesic clustering of all pairs.

    An RGB forest of 100 trees; 3x3 closing, isolated pixels dropped, single-link clusters at 25 m, of more than seven
    centres one kept. It is fitted to what our screen likes, since only its speed is measured here.
    """
    screened = forest.screen(pixels, valid)
    rgb = [forest.bands.index(band) for band in ("B04", "B03", "B02")]
    rng = np.random.default_rng(0)
    likes, rest = np.argwhere(screened > 100), np.argwhere(valid & (screened == 0))
    at = np.concatenate([rng.permutation(likes)[:3000], rng.permutation(rest)[:30000]])
    model = RandomForestClassifier(100, random_state=0, n_jobs=1)
    model.fit(pixels[rgb][:, at[:, 0], at[:, 1]].T, screened[at[:, 0], at[:, 1]] > 100)
    corners = [
        (r, c)
        for r in range(0, valid.shape[0] - CELL_PX, CELL_PX)
        for c in range(0, valid.shape[1] - CELL_PX, CELL_PX)
        if valid[r : r + CELL_PX, c : c + CELL_PX].all()
    ]
    chosen = [corners[k] for k in rng.permutation(len(corners))[:CELLS]]

    def one(row: int, column: int) -> int:
        rows = []
        for r in range(row, row + CELL_PX):
            for c in range(column, column + CELL_PX):
                rows.append([int(pixels[band, r, c]) for band in rgb])
        kiln = model.predict(np.array(rows)).reshape(CELL_PX, CELL_PX)
        kiln = ndimage.binary_closing(kiln, np.ones((3, 3)))
        kiln &= ndimage.convolve(kiln.astype(int), np.ones((3, 3), int), mode="constant") > 1
        places = [(28.8 - r * 9e-5, 77.5 + c * 9e-5) for r, c in np.argwhere(kiln)]
        group = list(range(len(places)))
        for a in range(len(places)):
            for b in range(a):
                if haversine(places[a], places[b]) <= 25:
                    old, new = group[a], group[b]
                    group = [new if name == old else name for name in group]
        return 1 if len(set(group)) > 7 else len(set(group))

    slow = statistics.median(cpu(lambda place=place: one(*place)) for place in chosen)
    fast = statistics.median(cpu(lambda: forest.screen(pixels, valid)) for _ in range(ROUNDS)) / valid.sum() * 1e4
    print(
        f"\nThe published per-pixel procedure: {slow:.3f} CPU s per km2 (median of {CELLS} cells); our screen "
        f"{fast:.5f}: {slow / fast:.0f} times faster."
    )


def haversine(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two places (latitude, longitude) on a sphere."""
    (a, b), (c, d) = np.radians(one), np.radians(other)
    h = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return float(2 * 6_371_000 * np.arcsin(np.sqrt(h)))


def granule(folder: Path, side_px: int, threads: int, what: str) -> dict[str, float]:
    """Read, or read and screen, the upper left corner of a granule; in a process of its own."""
    items = make_scenes(folder, 10980, 6)
    place = items[0]["assets"]["red"]
    left, top = place["proj:transform"][2::3]
    bounds = (left, top - side_px * 10, left + side_px * 10, top)
    tile = Tile("benchmark", 32645, bounds, shapely.box(*bounds))
    source = Stac(
        source="stac", catalog=str(folder / "items-10980-6.json"), start="2024-01-01", end="2024-12-31",
        mask_dilate_m=0, max_dates=6, max_cloud=100, bands=SIX,
    )  # fmt: skip
    scenes = find_scenes(tile, source)
    forest = Forest.load(ROOT / "models" / "demo-screen.npz")
    forest.screen(np.zeros((6, 300, 300), np.uint16), np.ones((300, 300), bool), threads=threads)  # compiles
    wall, start = time.perf_counter(), time.process_time()
    if what == "read":
        reader = open_scenes(scenes, threads)
        for strip in strips(tile.read_bounds(0), STRIP_ROWS):
            read_looks(reader, strip)
        reader.close()
    else:
        out = folder / "out"
        out.mkdir(exist_ok=True)
        screen_tile(scenes, forest, out / "screen.tif", out / "quicklook.tif", threads)
        if what == "candidates":
            wall, start = time.perf_counter(), time.process_time()
            candidates_of_tile(out / "screen.tif", tile, forest.operating_point)
    return {
        "cpu": time.process_time() - start,
        "wall": time.perf_counter() - wall,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def granules(folder: Path, rounds: int) -> None:
    """Reading against screening, threads, and memory."""
    folder.mkdir(parents=True, exist_ok=True)
    print("\n| pixels a side | threads | | CPU s | wall s | peak MB |\n|---|---|---|---|---|---|")
    runs = [(10980, 2, "read"), (10980, 2, "screen"), (10980, 1, "screen"), (10980, 1, "candidates")]
    runs += [(side, 2, "screen") for side in (1000, 2500, 5000)]
    seen: dict[tuple, list[dict[str, float]]] = {run: [] for run in runs}
    for _ in range(rounds):
        for side, threads, what in runs:
            command = [sys.executable, __file__, "--folder", str(folder), "--one", str(side), str(threads), what]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seen[side, threads, what].append(json.loads(answer.splitlines()[-1]))
    for (side, threads, what), rows in seen.items():
        middle = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        label = {"read": "read", "screen": "read and screen", "candidates": "candidates"}[what]
        print(f"| {side} | {threads} | {label} | {middle['cpu']:.1f} | {middle['wall']:.1f} | {middle['mb']:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the real composites")
    parser.add_argument("--granule", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is run")
    parser.add_argument("--folder", type=Path, default=ROOT / "benchmarks" / "scenes")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        side, threads, what = arguments.one
        print(json.dumps(granule(arguments.folder, int(side), int(threads), what)))
        return
    scene = real_scene(arguments.data) if arguments.data else demo_scene()
    side_by_side(*scene)
    per_pixel(scene[0], scene[1], scene[3])
    if arguments.granule:
        granules(arguments.folder, arguments.rounds)


if __name__ == "__main__":
    main()
