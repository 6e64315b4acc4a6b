"""The map at full size: 100,000 kilns and a million candidates, against GeoJSON in the same page and Oxford's way.

    make bench-map                       (half an hour, 3 GB; needs Debian's Chromium)

Kilns and candidates are thrown at random over the Indo-Gangetic Plain, in clusters; their columns are those of a real
atlas. Contestants, each opened anew in the same browser from the same server on this machine, in turns:

- kilnscan: the published site
- GeoJSON: the same page without kilns, to which kilns (boxes, all columns) and candidates are added as GeoJSON files
- Oxford: as its published dashboard does it: one GeoJSON of points with all columns, drawn unclustered, filtered by a
  style expression; it has no candidates

Told are medians: seconds until the first whole view, of a filter by score until the map stands still, bytes sent, and
memory of the page's scripts.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from playwright.sync_api import Browser, Page, sync_playwright

from kilnscan import serve
from kilnscan.site import write_site

CHROMIUM = "/usr/bin/chromium"
PLAIN = (70.0, 22.0, 92.0, 33.0)
POLLUTANTS = ("pm25", "so2", "co", "bc", "co2")
TILES = 226


def boxes(lon: np.ndarray, lat: np.ndarray, length_m: np.ndarray, width_m: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Oriented rectangles in degrees."""
    corner = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2
    x, y = corner[:, 0] * width_m[:, None], corner[:, 1] * length_m[:, None]
    east = x * np.cos(angle[:, None]) + y * np.sin(angle[:, None])
    north = -x * np.sin(angle[:, None]) + y * np.cos(angle[:, None])
    degrees = [lon[:, None] + east / 111_320 / np.cos(np.radians(lat[:, None])), lat[:, None] + north / 111_320]
    return shapely.polygons(np.round(np.stack(degrees, axis=-1), 7))


def places(rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes in clusters."""
    west, south, east, north = PLAIN
    centres = rng.uniform((west, south), (east, north), (max(number // 60, 1), 2))
    lon, lat = (centres[rng.integers(len(centres), size=number)] + rng.normal(0, 0.04, (number, 2))).T
    return np.clip(lon, west, east), np.clip(lat, south, north)


def make_kilns(rng: np.random.Generator, number: int) -> gpd.GeoDataFrame:
    """Kilns with the columns of a published atlas."""
    lon, lat = places(rng, number)
    length, width, angle = rng.uniform(75, 125, number), rng.uniform(37, 64, number), rng.uniform(0, np.pi, number)
    state = rng.integers(8, size=number)
    table = {
        "id": [f"44RNR{index:05d}{index % 99991:05d}" for index in range(number)],
        "type": rng.choice(["FCBK", "zigzag", "CFCBK"], number, p=[0.55, 0.42, 0.03]),
        "score": rng.beta(8, 2, number), "lon": lon.round(7), "lat": lat.round(7), "length_m": length,
        "width_m": width, "azimuth_deg": np.degrees(angle), "screen_score": rng.uniform(0.4, 1, number),
        "first_seen": rng.choice(["2019-01-04", "2021-02-11", "2023-11-02"], number), "last_seen": "2024-03-11",
        "tile": [f"44RNR_{n:03d}" for n in rng.integers(TILES, size=number)],
        "detections": rng.integers(1, 4, number), "provider": "sentinel2",
        "licence": "Contains modified Copernicus Sentinel data", "attribution": "Copernicus Sentinel data", "chip": "",
        "country": "IND", "state": [f"State {n}" for n in state],
        "area": [f"District {n}" for n in state * 60 + rng.integers(60, size=number)],
        "siting": rng.choice(["breaks", "meets", "unknown", "grandfathered"], number),
        "rules_broken": rng.choice(["", "A-1", "A-1 A-2"], number),
    }  # fmt: skip
    for name in POLLUTANTS:
        middle = rng.uniform(1, 9, number)
        table |= {f"{name}_t": middle, f"{name}_t_low": middle / 3, f"{name}_t_high": middle * 4}
    for km in (1, 2, 5):
        table |= {f"people_{km}km": rng.integers(200, 90_000, number).astype(float)}
        table |= {f"schools_{km}km": rng.integers(0, 30, number), f"clinics_{km}km": rng.integers(0, 9, number)}
    return gpd.GeoDataFrame(table, geometry=boxes(lon, lat, length, width, angle), crs=4326)


def make_siting(kilns: gpd.GeoDataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Three rules for every kiln."""
    rules = pd.DataFrame({"rule": ["A-1", "A-2", "A-3"], "limit_m": [1000, 800, 300]})
    table = kilns[["id"]].rename(columns={"id": "kiln"}).merge(rules, how="cross")
    distance = rng.uniform(0, 3000, len(table)).round()
    below = distance < table["limit_m"]
    return table.assign(
        status=np.where(below, "breaks", "meets"), reason="", distance_m=distance, probability=below * 0.98 + 0.01,
        nearest="A school",
    )  # fmt: skip


def make_candidates(rng: np.random.Generator, number: int) -> gpd.GeoDataFrame:
    """Candidates of the screen."""
    lon, lat = places(rng, number)
    side = rng.uniform(40, 120, number)
    table = {
        "id": [f"44RNR{index:07d}c" for index in range(number)], "score": rng.uniform(0.2, 1, number).round(4),
        "area_m2": (side**2).round(), "elongation": rng.uniform(1, 2.5, number).round(2), "tile": "44RNR_000",
    }  # fmt: skip
    return gpd.GeoDataFrame(table, geometry=boxes(lon, lat, side, side, side), crs=4326)


def make_coverage() -> gpd.GeoDataFrame:
    """A hundred square tiles, all searched."""
    west, south, east, north = PLAIN
    x, y = np.meshgrid(np.linspace(west, east, 11)[:-1], np.linspace(south, north, 11)[:-1])
    shapes = shapely.box(x.ravel(), y.ravel(), x.ravel() + (east - west) / 10, y.ravel() + (north - south) / 10)
    table = {
        "tile": [f"44RNR_{n:03d}" for n in range(100)], "status": "ok", "reason": "", "clear_looks": 6.0,
        "candidates": 10_000, "kilns": 1000, "area_km2": 10_000.0, "acquired_km2": 300.0, "dates": "",
    }  # fmt: skip
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4326)


def megabytes(folder: Path) -> float:
    """Size of a folder in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


STILL = """() => new Promise((done) => {
  const map = window.__map;
  const look = () => (map.loaded() && !map.isMoving() ? done(performance.now() / 1000) : map.once("idle", look));
  requestAnimationFrame(() => requestAnimationFrame(look));
})"""
ADD = """async (sources) => {
  const map = window.__map;
  for (const { name, kind, paint, filter } of sources) {
    const data = await (await fetch(`${name}.geojson`)).json();
    map.addSource(name, { type: "geojson", data });
    map.addLayer({ id: name, type: kind, source: name, paint });
  }
}"""
FILTER = """() => {
  const start = performance.now();
  for (const layer of ["kilns-json", "points-json"])
    if (window.__map.getLayer(layer)) window.__map.setFilter(layer, [">=", ["get", "score"], 0.85]);
  return start / 1000;
}"""
SLIDE = """() => {
  const start = performance.now();
  const slider = document.getElementById("score");
  slider.value = "0.85";
  slider.dispatchEvent(new Event("input"));
  return [start / 1000, (performance.now() - start) / 1000];
}"""
POINTS = {"name": "points-json", "kind": "circle", "paint": {"circle-color": "#a8371a", "circle-radius": 4}}
FILLS = [
    {"name": "candidates-json", "kind": "fill", "paint": {"fill-color": "#e8a200"}},
    {"name": "kilns-json", "kind": "fill", "paint": {"fill-color": "#a8371a"}},
]


def open_page(browser: Browser, address: str) -> tuple[Page, list[int]]:
    """A fresh page with nothing cached, and the bytes it was sent, growing."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(600_000)
    sent: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sent.append(int(event["encodedDataLength"])))
    page.goto(address)
    page.wait_for_selector("body[data-ready]", timeout=600_000)
    return page, sent


def heap_mb(page: Page) -> float:
    """Memory of the page's scripts after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


def ours(browser: Browser, address: str) -> dict[str, float]:
    """The published site."""
    page, sent = open_page(browser, address)
    first = page.evaluate(STILL)
    start, main = page.evaluate(SLIDE)
    still = page.evaluate(STILL)
    told = {"first": first, "filter": still - start, "blocked": main, "mb": sum(sent) / 1e6, "heap": heap_mb(page)}
    page.context.close()
    return told


def geojson(browser: Browser, address: str, sources: list[dict]) -> dict[str, float]:
    """The page without kilns, to which GeoJSON files are added as they are."""
    page, sent = open_page(browser, address)
    page.evaluate(ADD, sources)
    first = page.evaluate(STILL)
    start = page.evaluate(FILTER)
    still = page.evaluate(STILL)
    told = {"first": first, "filter": still - start, "mb": sum(sent) / 1e6, "heap": heap_mb(page)}
    page.context.close()
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kilns", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    kilns = make_kilns(rng, asked.kilns)
    candidates, coverage = make_candidates(rng, asked.candidates), make_coverage()
    acquired = coverage[["tile", "geometry"]].assign(area_km2=300.0, provider="sentinel2", licence="").iloc[:1]
    siting = make_siting(kilns, rng)
    meta = {"region": "plain", "bounds": PLAIN, "synthetic": True}
    with tempfile.TemporaryDirectory() as scratch:
        site, bare = Path(scratch) / "site", Path(scratch) / "bare"
        start, cpu = time.monotonic(), time.process_time()
        write_site(site, kilns, candidates, acquired, coverage, meta, siting=siting)
        print(f"site: {time.monotonic() - start:.0f} s ({time.process_time() - cpu:.0f} CPU s without tippecanoe), "
              f"{megabytes(site):.0f} MB")  # fmt: skip
        for path in sorted((site / "data").iterdir()):
            size = megabytes(path) if path.is_dir() else path.stat().st_size / 1e6
            print(f"  {path.name}: {size:.1f} MB")
        write_site(bare, kilns[:0], candidates[:0], acquired, coverage, meta)
        start = time.monotonic()
        kilns.to_file(bare / "kilns-json.geojson", driver="GeoJSON")
        kilns.set_geometry(gpd.points_from_xy(kilns["lon"], kilns["lat"], crs=4326)).to_file(
            bare / "points-json.geojson", driver="GeoJSON"
        )
        candidates.to_file(bare / "candidates-json.geojson", driver="GeoJSON")
        print(f"GeoJSON: {time.monotonic() - start:.0f} s")
        for path in sorted(bare.glob("*.geojson")):
            print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB")
        told: dict[str, list[dict[str, float]]] = {"kilnscan": [], "GeoJSON": [], "Oxford": []}
        webs = {name: serve.server(folder) for name, folder in (("site", site), ("bare", bare))}
        for web in webs.values():
            threading.Thread(target=web.serve_forever, daemon=True).start()
        address = {name: f"http://127.0.0.1:{web.server_port}/" for name, web in webs.items()}
        with sync_playwright() as engine:
            flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
            browser = engine.chromium.launch(executable_path=CHROMIUM, args=flags)
            for _ in range(asked.rounds):
                told["kilnscan"].append(ours(browser, address["site"]))
                told["Oxford"].append(geojson(browser, address["bare"], [POINTS]))
                try:
                    told["GeoJSON"].append(geojson(browser, address["bare"], FILLS))
                except Exception as error:  # a page that dies of its data is a result
                    print(f"GeoJSON: {str(error).splitlines()[0]}")
            browser.close()
        for web in webs.values():
            web.shutdown()
    print("\n| | first view, s | filter, s | of it blocked, s | sent, MB | scripts' memory, MB |")
    print("|---|---|---|---|---|---|")
    for name, rounds in told.items():
        cells = [f"{statistics.median(r[key] for r in rounds):.2f}" if rounds and key in rounds[0] else "-"
                 for key in ("first", "filter", "blocked", "mb", "heap")]  # fmt: skip
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
