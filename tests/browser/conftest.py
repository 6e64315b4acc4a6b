"""A made-up atlas of 60 kilns in four tiles, written as a site, and a browser to look at it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from shapely import Point, box
from shapely.affinity import rotate, scale

from kilnscan import serve
from kilnscan.site import write_site

CHROMIUM = Path("/usr/bin/chromium")
WEST, SOUTH, SIDE = 77.0, 28.2, 0.2  # four tiles of 0.2 degrees
TYPES = {"FCBK": (95, 60), "zigzag": (75, 38), "clamp": (32, 30)}


def _oblong(lon: float, lat: float, length: float, width: float, azimuth: float) -> Any:
    shape = rotate(box(-width / 2, -length / 2, width / 2, length / 2), -azimuth, origin=(0, 0))
    shape = scale(shape, 1 / (111320 * np.cos(np.radians(lat))), 1 / 111320, origin=(0, 0))
    return type(shape)([(x + lon, y + lat) for x, y in shape.exterior.coords])


def make_kilns(number: int = 60) -> gpd.GeoDataFrame:
    """Kilns in clusters; every third has no image, and some numbers are missing."""
    draw = np.random.default_rng(2)
    centres = draw.uniform((WEST + 0.05, SOUTH + 0.05), (WEST + 0.35, SOUTH + 0.35), (7, 2))
    rows, shapes = [], []
    for index in range(number):
        lon, lat = centres[index % 7] + draw.normal(0, 0.012, 2)
        kind = list(TYPES)[int(draw.choice(3, p=[0.5, 0.35, 0.15]))]
        length, width = np.array(TYPES[kind]) * draw.uniform(0.9, 1.1)
        azimuth = float(draw.uniform(0, 180))
        shapes.append(_oblong(lon, lat, length, width, azimuth))
        rows.append(
            {
                "id": f"43RGM{index:04d}0{index:05d}",
                "type": kind,
                "score": float(np.clip(draw.beta(8, 2), 0.3, 1)),
                "lon": lon,
                "lat": lat,
                "length_m": length,
                "width_m": width,
                "azimuth_deg": azimuth,
                "screen_score": float(draw.uniform(0.5, 1)),
                "first_seen": "2024-01-0" + str(1 + index % 5),
                "last_seen": "2024-03-11" if index % 4 else "",
                "tile": f"43RGM_{int((lon - WEST) // SIDE)}{int((lat - SOUTH) // SIDE)}",
                "detections": 1 + index % 3,
                "provider": "demo",
                "licence": "CC0-1.0",
                "attribution": "kilnscan synthetic imagery",
                "chip": "" if index % 3 == 2 else f"chips/43RGM{index:04d}0{index:05d}.jpg",
                "schools_1km": index % 4,
                "population_1km": None if index % 5 == 0 else 100.0 * index,
            }
        )
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=shapes, crs="EPSG:4326")


def make_tables(kilns: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """The four layers of an atlas around `kilns`."""
    draw = np.random.default_rng(3)
    decoys = [Point(*point).buffer(0.0012) for point in draw.uniform((77.02, 28.22), (77.38, 28.58), (25, 2))]
    shapes = [shape.buffer(0.0003) for shape in kilns.geometry] + decoys
    candidates = gpd.GeoDataFrame(
        {
            "id": [f"c{index}" for index in range(len(shapes))],
            "score": draw.uniform(0.3, 1, len(shapes)),
            "area_m2": draw.uniform(2000, 9000, len(shapes)),
            "elongation": draw.uniform(1, 2.5, len(shapes)),
            "tile": "43RGM_00",
        },
        geometry=shapes,
        crs="EPSG:4326",
    )
    around = gpd.GeoSeries([shape.centroid.buffer(0.003, cap_style="square") for shape in shapes]).union_all()
    tiles = [(f"43RGM_{x}{y}", box(*_corner(x, y))) for x in (0, 1) for y in (0, 1)]
    coverage = gpd.GeoDataFrame(
        {
            "tile": [name for name, _ in tiles],
            "status": ["ok", "ok", "ok", "cloudy"],
            "reason": ["", "", "", "No clear look in 11 scenes."],
            "clear_looks": [6.2, 5.0, 4.1, 0.0],
            "candidates": [30, 30, 25, 0],
            "kilns": [20, 20, 20, 0],
            "area_km2": 434.0,
            "acquired_km2": [12.0, 11.0, 9.0, 0.0],
            "dates": "2024-01-01, 2024-03-11",
        },
        geometry=[shape for _, shape in tiles],
        crs="EPSG:4326",
    )
    acquired = gpd.GeoDataFrame(
        {"tile": [name for name, _ in tiles], "area_km2": 10.0, "provider": "demo", "licence": "CC0-1.0"},
        geometry=[around.intersection(shape) for _, shape in tiles],
        crs="EPSG:4326",
    )
    return {"kilns": kilns, "candidates": candidates, "acquired": acquired, "coverage": coverage}


def _corner(x: int, y: int) -> tuple[float, float, float, float]:
    return WEST + x * SIDE, SOUTH + y * SIDE, WEST + (x + 1) * SIDE, SOUTH + (y + 1) * SIDE


META = {
    "region": "demo",
    "title": "Brick kilns of the demo region",
    "synthetic": True,
    "models": [{"name": "screen-demo", "sha256": "ab" * 32, "card": "# Screen\nA forest trained on the demo."}],
    "metrics": {"precision": 0.967, "recall": 0.951, "f1": 0.959, "n": 61},
    "commit": "0123abc",
    "licences": ["Atlas: CC BY 4.0", "Weights: AGPL-3.0"],
    "attribution": ["Synthetic imagery by kilnscan"],
    "bounds": [WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE],
}


def draw_fields(path: Path, size: int = 900) -> None:
    """A patchwork that stands for the satellite image."""
    draw = np.random.default_rng(4)
    image = Image.new("RGB", (size, size), (150, 150, 105))
    pen = ImageDraw.Draw(image)
    for x, y in draw.uniform(0, size, (2500, 2)):
        colour = tuple(int(v) for v in draw.normal((128, 138, 92), (26, 18, 18)).clip(40, 220))
        pen.rectangle([x, y, x + draw.uniform(8, 40), y + draw.uniform(8, 30)], fill=colour)
    image.save(path, quality=85)


def draw_chip(path: Path) -> None:
    """Something oval and red."""
    image = Image.new("RGB", (256, 192), (142, 130, 98))
    pen = ImageDraw.Draw(image)
    pen.ellipse([60, 40, 200, 150], fill=(150, 82, 60))
    pen.ellipse([95, 70, 165, 120], fill=(120, 100, 84))
    image.save(path, quality=85)


WriteSite = Callable[..., Path]


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> WriteSite:
    """Write a site of the given kilns and return its folder."""

    def write_it(kilns: gpd.GeoDataFrame | None = None, **meta: Any) -> Path:
        work = tmp_path_factory.mktemp("atlas")
        kilns = make_kilns() if kilns is None else kilns
        (work / "thumbs").mkdir()
        for chip in kilns["chip"]:
            if chip:
                draw_chip(work / "thumbs" / Path(chip).name)
        draw_fields(work / "quicklook.jpg")
        write_site(
            work / "site",
            **make_tables(kilns),
            meta={**META, **meta},
            quicklook=work / "quicklook.jpg",
            quicklook_bounds=tuple(META["bounds"]),
            thumbs=work / "thumbs",
        )
        return work / "site"

    return write_it


@pytest.fixture(scope="session")
def site(write: WriteSite) -> Path:
    """The site of the 60 kilns."""
    return write()


@pytest.fixture(scope="session")
def kilns() -> gpd.GeoDataFrame:
    """The table the site was made from."""
    return make_kilns()


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The site served with byte ranges on this machine."""
    web = serve.server(site)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}/"
    web.shutdown()
    web.server_close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, drawing WebGL in software."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not at /usr/bin/chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as engine:
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = engine.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield browser
        browser.close()
