"""What reading a season costs, side by side in one run: kilnscan, bare decoding, odc-stac, and a naive script.

    make bench-composite            (a full granule, six bands, six dates: 5 GB of disk, some 15 minutes)

Scenes are synthetic in content and Earth Search's in layout. Every contestant is a process of its own that reads the
same files from disk; they take turns, and medians over the rounds are printed. The first table is a full-width
part of the granule, which the slow ones can do in reasonable time; the second the whole granule; the third what
kilnscan asks a web server (nginx) for.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from kilnscan.cog import Cog  # noqa: E402 (the project's own folder comes first)
from kilnscan.composite import strips  # noqa: E402
from kilnscan.config_sentinel2 import SIX, Stac  # noqa: E402
from kilnscan.grid import Tile  # noqa: E402
from kilnscan.ranges import Ranges  # noqa: E402
from kilnscan.scene_reader import SceneReader  # noqa: E402
from kilnscan.scenes import find_scenes  # noqa: E402
from tests.network.granules import Square, make_granule  # noqa: E402
from tests.servers import nginx  # noqa: E402

MASKED = [0, 1, 3, 8, 9, 10]
CLOUDS = [0.05, 0.3, 0.1, 0.5, 0.0, 0.2]
PART_ROWS = 2048
THREADS = 2


def make_scenes(folder: Path, size_px: int, dates: int) -> list[dict[str, Any]]:
    """Granules of one square, made once."""
    listed = folder / f"items-{size_px}-{dates}.json"
    if not listed.exists():
        square = Square.at(32645, 450_000, 2_650_000)
        days = [date(2024, 1, 5) + timedelta(15 * number) for number in range(dates)]
        items = [
            make_granule(
                folder, square, f"{day}T04:40:31Z", size_px=size_px, clouds=CLOUDS[number % len(CLOUDS)],
                collection="sentinel-2-c1-l2a", stored_offset=1000, declared_offset=-0.1,
            )
            for number, day in enumerate(days)
        ]  # fmt: skip
        for item in items:
            for asset in item["assets"].values():
                asset["href"] = str(Path(asset["href"]).relative_to(folder))
        listed.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    return json.loads(listed.read_text())["features"]


def scene_list(catalog: str, items: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    """kilnscan's scene list of the upper `rows` rows of the granule."""
    place = items[0]["assets"]["red"]
    (left, top), (height, width) = place["proj:transform"][2::3], place["proj:shape"]
    bounds = (left, top - min(rows, height) * 10, left + width * 10, top)
    tile = Tile("benchmark", 32645, bounds, shapely.box(*bounds))
    source = Stac(
        source="stac", catalog=catalog, start="2024-01-01", end="2024-12-31", mask_dilate_m=0, max_dates=len(items),
        max_cloud=100, mask_classes=MASKED,
    )  # fmt: skip
    return find_scenes(tile, source)


def kilnscan(scenes: dict[str, Any]) -> dict[str, Any]:
    """The composite, strip by strip, as the screen reads it."""
    reader = SceneReader(scenes, THREADS)
    total = 0
    for strip in strips(reader.bounds, 512):
        pixels, _ = reader.read_looks(strip)
        total += int(pixels[:, ::64, ::64].sum())
    return {"check": total, "requests": reader.ranges.requests, "megabytes": round(reader.ranges.bytes / 1e6, 1)}


def decode(scenes: dict[str, Any]) -> dict[str, Any]:
    """The same blocks decoded by the same codec, and nothing else."""
    ranges = Ranges()

    def decode_file(href: str) -> None:
        cog = Cog.open(href, ranges)
        for block in cog.blocks(0, 0, -(-_rows(scenes) * 10 // int(cog.pixel_m)), cog.width):
            cog.decode(block, cog.fetch(block))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(decode_file, _files(scenes)))
    return {}


def decode_gdal(scenes: dict[str, Any]) -> dict[str, Any]:
    """The same blocks decoded by GDAL, and nothing else."""
    import rasterio

    def decode_file(href: str) -> None:
        with rasterio.open(href) as source:
            rows = -(-_rows(scenes) * 10 // int(source.res[0]))
            for row in range(0, rows, 1024):
                source.read(1, window=((row, min(row + 1024, rows)), (0, source.width)))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(decode_file, _files(scenes)))
    return {}


def odc(scenes: dict[str, Any]) -> dict[str, Any]:
    """odc-stac and xarray: load, mask by SCL, median; strip by strip, because all at once needs 20 GB."""
    import odc.stac
    import pystac
    from odc.geo.geobox import GeoBox

    raw = json.loads(Path(scenes["catalog"]).read_text())["features"]
    for item in raw:
        for asset in item["assets"].values():
            asset["href"] = str(Path(scenes["catalog"]).parent / asset["href"])
    items = [pystac.Item.from_dict(item) for item in raw]
    names = ["blue", "green", "red", "nir", "swir16", "swir22"]
    for strip in strips(Tile.from_spec(scenes["tile"]).bounds, 1024):
        box = GeoBox.from_bbox(strip, "EPSG:32645", resolution=10)
        data = odc.stac.load(items, bands=[*names, "scl"], geobox=box, pool=THREADS, groupby="solar_day")
        clear = ~data["scl"].isin(MASKED)
        season = (data[names].where(clear & (data[names] > 0)).astype("float32") - 1000).median("time")
        season.load()
    return {}


def naive(scenes: dict[str, Any]) -> dict[str, Any]:
    """rasterio and numpy, as a notebook does it, but band by band, because all at once needs 40 GB."""
    import rasterio
    from rasterio.enums import Resampling

    rows = _rows(scenes)

    def read(item: dict[str, Any], band: str) -> np.ndarray:
        with rasterio.open(item["assets"][band]) as source:
            size = source.res[0]
            window = ((0, round(rows * 10 / size)), (0, source.width))
            shape = (rows, round(source.width * size / 10))
            return source.read(1, window=window, out_shape=shape, resampling=Resampling.nearest)

    items = [item for day in scenes["dates"] for item in day["items"]]
    clear = [~np.isin(read(item, "SCL"), MASKED) for item in items]
    for band in scenes["bands"]:
        stack = np.stack(
            [np.where(seen, read(item, band) - 1000.0, np.nan) for item, seen in zip(items, clear, strict=True)]
        )
        np.nanmedian(stack, axis=0)
    return {}


def _files(scenes: dict[str, Any]) -> list[str]:
    return [href for day in scenes["dates"] for item in day["items"] for href in item["assets"].values()]


def _rows(scenes: dict[str, Any]) -> int:
    _, bottom, _, top = Tile.from_spec(scenes["tile"]).bounds
    return round((top - bottom) / 10)


CONTESTANTS = {f.__name__: f for f in (kilnscan, decode, decode_gdal, odc, naive)}


def run(name: str, scenes: Path) -> dict[str, Any]:
    """One contestant in a process of its own: CPU and wall seconds, peak memory, and what it says."""
    answer = subprocess.run(
        [sys.executable, __file__, "--run", name, str(scenes)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return json.loads(answer.stdout.splitlines()[-1])


def race(names: list[str], scenes: Path, dates: int, rounds: int) -> None:
    """Contestants in turns; a line each, with CPU relative to bare decoding."""
    found = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(run(name, scenes))
    base = statistics.median(entry["cpu_s"] for entry in found["decode"])
    print(f"{'':12} {'CPU s/date':>10} {'wall s/date':>11} {'peak MB':>8} {'CPU / decode':>12}")
    for name, entries in found.items():
        cpu, wall, peak = (statistics.median(entry[key] for entry in entries) for key in ("cpu_s", "wall_s", "peak_mb"))
        print(f"{name:12} {cpu / dates:10.2f} {wall / dates:11.2f} {peak:8.0f} {cpu / base:12.2f}", flush=True)


def main(folder: Path, size_px: int, dates: int, rounds: int) -> None:
    """Make the scenes, then race."""
    folder.mkdir(parents=True, exist_ok=True)
    items = make_scenes(folder, size_px, dates)
    catalog = folder / f"items-{size_px}-{dates}.json"
    scenes = {}
    for rows in (PART_ROWS, size_px):
        scenes[rows] = folder / f"scenes-{rows}.json"
        scenes[rows].write_text(json.dumps(scene_list(str(catalog), items, rows) | {"catalog": str(catalog)}))
    print(f"{len(SIX)} bands, {dates} dates, {THREADS} threads, medians of {rounds}; upper {PART_ROWS} rows:")
    race(list(CONTESTANTS), scenes[PART_ROWS], dates, rounds)
    print(f"\nthe whole granule, {size_px} by {size_px} pixels:")
    race(["kilnscan", "decode", "decode_gdal"], scenes[size_px], dates, rounds)
    (folder / "nginx").mkdir(exist_ok=True)
    with nginx(folder, folder / "nginx") as address:
        far = json.loads(scenes[size_px].read_text())
        for day in far["dates"]:
            for item in day["items"]:
                links = item["assets"].items()
                item["assets"] = {band: f"{address}/{Path(href).relative_to(folder)}" for band, href in links}
        (folder / "scenes-web.json").write_text(json.dumps(far))
        web = run("kilnscan", folder / "scenes-web.json")
    cogs = [Cog.open(href, Ranges()) for href in _files(json.loads(scenes[size_px].read_text()))]
    counts = [sum(map(bool, cog._page.databytecounts)) for cog in cogs]
    least = sum(sum(cog._page.databytecounts) for cog in cogs) / 1e6
    print(
        f"\nover HTTP: {web['requests']} requests, {web['megabytes']} MB; every block once and every header once: "
        f"{sum(counts) + len(cogs)} requests, {least:.1f} MB of blocks; {web['wall_s'] / dates:.2f} s/date"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "benchmarks" / "scenes")
    parser.add_argument("--size", type=int, default=10_980)
    parser.add_argument("--dates", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", nargs=2, metavar=("CONTESTANT", "SCENES"))
    options = parser.parse_args()
    if options.run:
        listed = json.loads(Path(options.run[1]).read_text())
        began, cpu = time.perf_counter(), time.process_time()
        said = CONTESTANTS[options.run[0]](listed)
        status = Path("/proc/self/status").read_text()  # getrusage's peak is inherited from the parent
        peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
        times = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - began, "peak_mb": peak_mb}
        print(json.dumps(said | times))
    else:
        main(options.folder.resolve(), options.size, options.dates, options.rounds)
