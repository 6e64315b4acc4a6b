"""A made-up atlas of 60 kilns in four tiles, written as a site, and a browser to look at it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from kilnscan.config_impact import Map
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
                "last_seen": "2024-03-11" if index % 4 else "",
                "tile": f"43RGM_{int((lon - WEST) // SIDE)}{int((lat - SOUTH) // SIDE)}",
                "detections": 1 + index % 3,
                "provider": "demo",
                "licence": "CC0-1.0",
                "attribution": "kilnscan synthetic imagery",
                "chip": "" if index % 3 == 2 else f"chips/43RGM{index:04d}0{index:05d}.jpg",
                **impact(index, kind, lon),
            }
        )
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=shapes, crs="EPSG:4326")


AREAS = {"West": "Haryana", "East": "Uttar Pradesh"}


def impact(index: int, kind: str, lon: float) -> dict[str, Any]:
    """What `impact` says of a kiln: emissions by type, people near, rules; invented."""
    area = "West" if lon < WEST + SIDE else "East"
    columns: dict[str, Any] = {"country": "IND", "state": AREAS[area], "area": area}
    columns["first_seen"] = f"{2019 + index % 5}-01-0{1 + index % 5}"
    columns["chip_before"] = f"chips/before{index:04d}.jpg" if index % 6 == 0 else ""
    for pollutant, tonnes in {"pm25": 4.2, "so2": 9.1, "co": 61.3, "bc": 0.35, "co2": 2411.0}.items():
        median = tonnes * {"FCBK": 1.0, "zigzag": 0.55, "clamp": 1.8}[kind]
        columns |= {f"{pollutant}_t": median, f"{pollutant}_t_low": median * 0.4, f"{pollutant}_t_high": median * 2.2}
    for km in (1, 2, 5):
        columns[f"people_{km}km"] = np.nan if index % 5 == 0 else 100.0 * index * km * km
        columns[f"schools_{km}km"] = index % 4 * km
        columns[f"clinics_{km}km"] = index % 2 * km
    columns["siting"] = ("breaks", "meets", "unknown", "grandfathered")[index % 4]
    columns["rules_broken"] = (
        ("habitation-500" if index % 8 else "habitation-500 school-1000") if index % 4 == 0 else ""
    )
    return columns


RULES = pd.DataFrame(
    {
        "id": ["habitation-500", "school-1000"],
        "title": ["No kiln within 500 m of a village", "No kiln within 1 km of a school"],
        "citation": ["Invented notification 1 of 2012, section 4(a)", "Invented notification 1 of 2012, section 4(b)"],
        "source": ["https://example.org/rules", ""],
        "to": ["habitation", "school"],
        "distance_m": [500.0, 1000.0],
    }
)


def make_siting(kilns: gpd.GeoDataFrame) -> pd.DataFrame:
    """A row per kiln and rule."""
    rows = []
    for index, kiln in enumerate(kilns["id"]):
        broken = str(kilns["rules_broken"].iloc[index]).split()
        for rule, limit in (("habitation-500", 500.0), ("school-1000", 1000.0)):
            status = "breaks" if rule in broken else kilns["siting"].iloc[index].replace("breaks", "meets")
            rows.append(
                (kiln, rule, status, "", limit * 0.7, limit, 0.97 if rule in broken else 0.02, f"Place {index}")
            )
    names = ["kiln", "rule", "status", "reason", "distance_m", "limit_m", "probability", "nearest"]
    return pd.DataFrame(rows, columns=names)


def make_areas(kilns: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Two areas side by side, with sums and a column of the user's own."""
    rows = []
    for area, state in AREAS.items():
        inside = kilns[kilns["area"] == area]
        row = {"area": area, "state": state, "country": "IND", "kilns": len(inside), "area_km2": 868.0}
        row |= {
            name: float(inside[name].sum()) for name in kilns.columns if "_t" in name and not name.startswith("clinics")
        }
        rows.append(row | {"people_1km": 12000.0 + 3000 * len(rows), "air": 90.5 + 20 * len(rows)})
    shapes = [box(WEST + x * SIDE, SOUTH, WEST + (x + 1) * SIDE, SOUTH + 2 * SIDE) for x in (0, 1)]
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=shapes, crs="EPSG:4326")


def make_sources() -> gpd.GeoDataFrame:
    """Plants of two kinds; one row may not be shown."""
    draw = np.random.default_rng(6)
    number = 24
    table = {
        "id": [f"s{index}" for index in range(number)],
        "name": [f"Plant {index}" for index in range(number)],
        "kind": ["coal power" if index % 3 else "cement" for index in range(number)],
        "fuel": "coal",
        "status": ["operating" if index % 4 else "retired" for index in range(number)],
        "capacity": [100.0 + index for index in range(number)],
        "capacity_unit": "MW",
        "owner": "Somebody Ltd",
        "country": "IND",
        "state": "Haryana",
        "year": [1990 + index for index in range(number)],
        "pm25_t": 120.0,
        "source": "Invented inventory, 2026",
        "licence": "CC0-1.0",
        "show": [index != 23 for index in range(number)],
    }
    places = draw.uniform((WEST + 0.03, SOUTH + 0.03), (WEST + 0.37, SOUTH + 0.37), (number, 2))
    return gpd.GeoDataFrame(table, geometry=[Point(*place) for place in places], crs="EPSG:4326")


def make_reports(kilns: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Three reports, one of them rejected."""
    table = {
        "id": ["r0", "r1", "r2"],
        "date": ["2025-02-03", "2025-03-04", "2025-03-05"],
        "saw": ["kiln", "no-kiln", "kiln"],
        "type": ["zigzag", "", ""],
        "working": ["yes", "", ""],
        "kiln": [kilns["id"].iloc[3], "", kilns["id"].iloc[3]],
        "distance_m": [12.0, np.nan, 3.0],
        "verdict": ["confirms", "disagrees", "confirms"],
        "decision": ["accept", "accept", "reject"],
        "photo": ["secret.jpg", "", ""],
    }
    shapes = [Point(kilns["lon"].iloc[at], kilns["lat"].iloc[at]) for at in (3, 9, 3)]
    return gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")


CHANGES = ("persisting", "new", "moved", "changed type", "uncertain")


def make_change(kilns: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What became of the kilns, most of which persist, and seven that are no longer among them."""
    number = len(kilns)
    status = ["persisting" if index % 3 else CHANGES[index // 3 % 5] for index in range(number)]
    now = pd.DataFrame({"id": kilns["id"], "status": status, "type": kilns["type"]})
    now["reason"] = now["status"].map({"new": "2023 looked there and saw none", "uncertain": "it scores only 0.52"})
    now["type_before"] = np.where(now["status"] == "changed type", "CFCBK", now["type"])
    now["moved_m"] = np.where(now["status"] == "moved", 87.3, 4.0)
    now = now.assign(score=kilns["score"], first_seen=kilns["first_seen"], last_seen=kilns["last_seen"])
    lost = pd.DataFrame({"id": [f"43RGM9{index:09d}" for index in range(7)], "type": "", "last_found": "2023"})
    lost["status"] = ["gone"] * 5 + ["uncertain"] * 2
    lost["reason"] = ["last found in 2023; this run looked there and saw none"] * 5 + ["the tile is cloudy"] * 2
    lost = lost.assign(type_before=["clamp", "zigzag"] * 3 + ["old sort"], score_before=0.83)
    lost = lost.assign(first_seen="2021-11-02", last_seen="2023-02-11")
    draw = np.random.default_rng(8)
    places = [Point(*place) for place in draw.uniform((WEST + 0.05, SOUTH + 0.05), (WEST + 0.15, SOUTH + 0.35), (7, 2))]
    shapes = [*gpd.points_from_xy(kilns["lon"], kilns["lat"]), *places]
    table = pd.concat([now, lost], ignore_index=True)
    texts = ["reason", "last_found", "first_seen", "last_seen"]
    return gpd.GeoDataFrame(table.assign(**table[texts].fillna("")), geometry=shapes, crs="EPSG:4326")


def make_estimates(kilns: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """How many kilns the areas hold: in the east too little was looked at to say where it ends."""
    areas = make_areas(kilns)[["area", "state", "country", "kilns", "geometry"]].rename(columns={"kilns": "atlas"})
    told = {
        "kilns": [31.2, 47.0],
        "kilns_low": [29.0, 40.0],
        "kilns_high": [38.4, np.inf],
        "basis": ["sample", "model"],
    }
    return areas.assign(**told)


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
    "metrics": {"precision": {"value": 0.967, "ci95": [0.886, 0.991]}, "recall": 0.951, "f1": 0.959, "n": 61},
    "emissions": ["Invented emission factors, 2026", {"name": "Set A", "citation": "Nobody 2025", "licence": "CC0"}],
    "credits": ["People: invented raster"],
    "version": "0.7",
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
Tables = dict[str, Any]


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> WriteSite:
    """Write a site of the given kilns and return its folder."""

    def write_it(kilns: gpd.GeoDataFrame | None = None, tables: Tables | None = None, **meta: Any) -> Path:
        work = tmp_path_factory.mktemp("atlas")
        kilns = make_kilns() if kilns is None else kilns
        (work / "thumbs").mkdir()
        for column in {"chip", "chip_before"} & set(kilns.columns):
            for chip in set(kilns[column]) - {""}:
                draw_chip(work / "thumbs" / Path(chip).name)
        draw_fields(work / "quicklook.jpg")
        whole = make_kilns()
        given = {
            **make_tables(kilns),
            "siting": make_siting(whole),
            "rules": RULES,
            "areas": make_areas(whole),
            "area_labels": {"air": "PM2.5 in the air, µg/m³"},
            "sources": make_sources(),
            "reports": make_reports(whole),
            "settings": Map(
                earlier={"path": "old.tif", "date": "2018", "attribution": "Earlier Org", "licence": "CC0"}
            ),
            **(tables or {}),
        }
        write_site(
            work / "site",
            meta={**META, **meta},
            **given,
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


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address of a site served with byte ranges on this machine."""
    web = serve.server(site)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}/"
    web.shutdown()
    web.server_close()


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The address of the site of the 60 kilns."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def seasons(write: WriteSite, kilns: gpd.GeoDataFrame) -> Iterator[str]:
    """The address of the same site with change and estimates."""
    tables = {"change": make_change(kilns), "estimates": make_estimates(kilns)}
    whole = {"kilns": {"value": 67.2, "ci95": [66.8, 99.7]}, "precision": {"value": 0.99, "ci95": [0.95, 1.0]}}
    with served(write(tables=tables, estimated=whole)) as address:
        yield address


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
