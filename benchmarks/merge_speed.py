"""How fast boxes merge and what survives, side by side in one run: kilnscan, SAHI, and a join of GeoPandas.

    make bench-merge [DATA=/where/kiln_inventories/is]

Contestants get the same boxes in the form they like best, and say which to keep. Each run is a process of its own that
warms up first; they take turns, and medians over the rounds are printed. Boxes are synthetic: each kiln is seen two to
six times, somewhat moved, turned and resized, and 2 % of the kilns have a neighbour beside them, up to 100 m away. SAHI
knows upright boxes only: it gets the bounds of the slanted ones; its greedy NMM runs as it does by itself (half of the
smaller box). DATA adds a real inventory with duplicates, where all scores are alike.
"""

import argparse
import ctypes
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from kilnscan.merge import merge  # noqa: E402 (the project's own folder comes first)
from kilnscan.obb import corners, from_polygons  # noqa: E402

DISTANCE_M, OVERLAP = 40, 0.3
LIMIT_S, LIMIT_GB = 120, 6
DEGREE_M = 111_195.0
LAT = 27.0
INVENTORY = "sentinelkilndb_uttar_pradesh.geojson.gz"
NEAR_M = (40, 100)

Boxes = tuple[np.ndarray, np.ndarray]
"""Corners (n, 4, 2) in metres and scores (n,)."""
Contest = Callable[[], np.ndarray]
"""What is timed; gives the rows to keep."""


def synthetic(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners in metres, scores, and the kiln that each of `count` boxes shows."""
    rng = np.random.default_rng(seed)
    kilns = count // 4 + 1
    cells = rng.choice(3 * kilns, kilns, replace=False)  # 500 m wide: one kiln in three of them
    side = int(np.sqrt(3 * kilns))
    place = np.column_stack([cells % side, cells // side]) * 500 + rng.uniform(-130, 130, (kilns, 2))
    size = np.column_stack([rng.uniform(80, 130, kilns), rng.uniform(35, 55, kilns)])
    angle = rng.uniform(0, np.pi, kilns)
    twins = rng.choice(kilns // 2, kilns // 100, replace=False) * 2
    across = np.column_stack([-np.sin(angle[twins]), np.cos(angle[twins])])
    place[twins + 1] = place[twins] + across * rng.uniform(size[twins, 1:] + 3, 100)
    angle[twins + 1], size[twins + 1] = angle[twins], size[twins]
    shown = np.repeat(np.arange(kilns), rng.integers(2, 7, kilns))
    shown = np.tile(shown, 2)[:count] if len(shown) < count else shown[:count]
    shown = rng.permutation(shown)
    boxes = np.column_stack(
        [
            place[shown] + rng.normal(0, 4, (count, 2)),
            size[shown] * rng.normal(1, 0.04, (count, 2)),
            angle[shown] + rng.normal(0, 0.05, count),
        ]
    )
    return corners(boxes), np.round(rng.uniform(0.2, 1, count), 4), shown


def inventory(folder: Path, reach_m: float = 115) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A real inventory: corners in metres, scores (all alike), and the kiln that each polygon shows.

    Its labels were copied into overlapping patches, shifted by 3 to 8, 33 to 43 or 86 to 107 m. Polygons of different
    patches less than `reach_m` apart whose length, width and angle agree to 0.1 m and 0.1 degrees are copies of one
    label. They agree to 0.02 or not even to 1, so this can be told for certain.
    """
    table = gpd.read_file(f"/vsigzip/{(folder / INVENTORY).resolve()}")
    table = table.to_crs(table.estimate_utm_crs())
    boxes = from_polygons(table.geometry.array)
    patch = table["patch_id"].to_numpy()
    pairs = cKDTree(boxes[:, :2]).query_pairs(reach_m, output_type="ndarray")
    first, second = boxes[pairs[:, 0]], boxes[pairs[:, 1]]
    turned = np.degrees(np.abs((first[:, 4] - second[:, 4] + np.pi / 2) % np.pi - np.pi / 2))
    copies = (np.abs(first[:, 2:4] - second[:, 2:4]) < 0.1).all(axis=1) & (turned < 0.1)
    pairs = pairs[copies & (patch[pairs[:, 0]] != patch[pairs[:, 1]])]
    rings = shapely.get_coordinates(table.geometry.array).reshape(-1, 5, 2)[:, :4]
    return rings, np.full(len(table), 0.5), components(len(table), pairs)


def components(count: int, pairs: np.ndarray) -> np.ndarray:
    """Number of the connected component that each of `count` nodes belongs to."""
    links = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(count, count))
    return connected_components(links, directed=False)[1]


def kilnscan(boxes: Boxes, distance_m: float = DISTANCE_M) -> Contest:
    rings, score = boxes
    origin = rings.mean(axis=(0, 1))
    degrees = (rings - origin) / (DEGREE_M * np.cos(np.radians(LAT)), DEGREE_M) + (80, LAT)
    lon, lat = degrees.mean(axis=1).T
    polygons = shapely.polygons(degrees)
    return lambda: np.unique(merge(lon, lat, polygons, score, distance_m, OVERLAP))


def kilnscan_30_m(boxes: Boxes) -> Contest:
    return kilnscan(boxes, 30)


def kilnscan_50_m(boxes: Boxes) -> Contest:
    return kilnscan(boxes, 50)


def _bounds(boxes: Boxes) -> np.ndarray:
    """Predictions as SAHI has them: left, bottom, right, top, score, category."""
    rings, score = boxes
    return np.column_stack([rings.min(axis=1), rings.max(axis=1), score, np.zeros(len(score))])


def sahi_nms(boxes: Boxes) -> Contest:
    from sahi.postprocess.combine import nms

    bounds = _bounds(boxes)
    return lambda: np.array(nms(bounds, "IOU", OVERLAP))


def sahi_greedy_nmm(boxes: Boxes) -> Contest:
    """As SAHI does by itself: half of the smaller box."""
    from sahi.postprocess.combine import greedy_nmm

    bounds = _bounds(boxes)
    return lambda: np.array(list(greedy_nmm(bounds, "IOS", 0.5)))


def geopandas_join(boxes: Boxes) -> Contest:
    """Self-join, overlap or distance, connected components, the best of each."""
    rings, score = boxes
    frame = gpd.GeoDataFrame(geometry=shapely.polygons(rings))

    def contest() -> np.ndarray:
        joined = frame.sjoin(frame, predicate="intersects")
        pairs = np.column_stack([joined.index, joined["index_right"]])
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        one, other = frame.geometry.iloc[pairs[:, 0]].array, frame.geometry.iloc[pairs[:, 1]].array
        common = one.intersection(other).area
        close = one.centroid.distance(other.centroid) < DISTANCE_M
        same = pairs[close | (common / (one.area + other.area - common) > OVERLAP)]
        label = components(len(frame), same)
        order = np.lexsort((-score, label))
        return order[np.unique(label[order], return_index=True)[1]]

    return contest


CONTESTANTS = {f.__name__: f for f in (kilnscan, sahi_nms, sahi_greedy_nmm, geopandas_join)}
DISTANCES = {f.__name__: f for f in (kilnscan_30_m, kilnscan_50_m)}


def run_here(name: str, file: Path) -> dict[str, Any]:
    """One contestant, in a process of its own: seconds and memory; the rows it keeps go to a file."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_GB * 2**30, LIMIT_GB * 2**30))
    with np.load(file) as saved:
        boxes = saved["rings"], saved["score"]
    enter = (CONTESTANTS | DISTANCES)[name]
    enter((boxes[0][:3000], boxes[1][:3000]))()  # compiles and imports
    contest = enter(boxes)
    ctypes.CDLL(None).malloc_trim(0)  # what preparing took is given back
    before = _status_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    wall, cpu = time.perf_counter(), time.process_time()
    kept = contest()
    times = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    np.save(file.with_suffix(".kept.npy"), kept)
    return times | {"before": before, "peak": _status_mb("VmHWM")}


def _status_mb(key: str) -> float:
    """A figure of /proc; getrusage's peak is inherited from the parent process."""
    return int(Path("/proc/self/status").read_text().split(f"{key}:")[1].split()[0]) / 1024


def run(name: str, file: Path) -> dict[str, Any] | str:
    """What a contestant needed and keeps, or why it did not end."""
    command = [sys.executable, __file__, "--run", name, str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=4 * LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"left out: over {4 * LIMIT_S} s"
    if "MemoryError" in done.stderr or done.returncode == -9:
        return f"left out: over {LIMIT_GB} GB"
    if done.returncode:
        sys.exit(done.stderr)
    answer = json.loads(done.stdout.splitlines()[-1])
    if answer["cpu"] > LIMIT_S:
        return f"left out: over {LIMIT_S} s of CPU"
    return answer | {"kept": np.load(file.with_suffix(".kept.npy"))}


def race(names: list[str], boxes: tuple[np.ndarray, np.ndarray, np.ndarray], rounds: int) -> None:
    """Contestants in turns on the same boxes; a line each."""
    rings, score, shown = boxes
    near, kilns = neighbours(rings.mean(axis=1), shown), len(np.unique(shown))
    print(f"\n{len(rings)} boxes of {kilns} kilns, {len(near)} of them {NEAR_M[0]} to {NEAR_M[1]} m from another:")
    print("\n| | wall s | CPU s | peak MB | of it before | kilns lost | duplicates left | near neighbours lost |")
    print("|---|---|---|---|---|---|---|---|")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "boxes.npz"
        np.savez(file, rings=rings, score=score)
        for _ in range(rounds):
            for name in list(found):
                answer = run(name, file)
                if isinstance(answer, str):
                    print(f"| {name} | {answer} | | | | | | |", flush=True)
                    del found[name]
                else:
                    found[name].append(answer)
    for name, rows in found.items():
        wall, cpu, peak, before = (
            statistics.median(row[key] for row in rows) for key in ("wall", "cpu", "peak", "before")
        )
        survive = np.unique(shown[rows[0]["kept"]])
        lost, left = kilns - len(survive), len(rows[0]["kept"]) - len(survive)
        print(
            f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {before:.0f} | {lost} | {left} | "
            f"{len(np.setdiff1d(near, survive))} |",
            flush=True,
        )


def neighbours(centre: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Kilns of which a box lies `NEAR_M` from a box of another kiln."""
    pairs = cKDTree(centre).query_pairs(NEAR_M[1], output_type="ndarray")
    away = np.linalg.norm(centre[pairs[:, 0]] - centre[pairs[:, 1]], axis=1) >= NEAR_M[0]
    pairs = shown[pairs[away]]
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the real inventories")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run_here(arguments.run[0], Path(arguments.run[1]))))
        return
    for size in arguments.sizes:
        race(list(CONTESTANTS), synthetic(size), arguments.rounds)
    if arguments.data:
        boxes = inventory(arguments.data)
        race([*CONTESTANTS, *DISTANCES], boxes, arguments.rounds)
        far = len(np.unique(inventory(arguments.data, reach_m=60)[2])) - len(np.unique(boxes[2]))
        print(f"\n{far} of the duplicates are copies 86 to 107 m off, which no distance tells from neighbours.")


if __name__ == "__main__":
    main()
