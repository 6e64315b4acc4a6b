"""What a region brings besides imagery, invented: districts, clinics, villages, plants, air, earlier kilns, reports."""

import csv
import io
from pathlib import Path

import numpy as np
from shapely import LineString, Polygon
from shapely.geometry import Point, box
from shapely.ops import split

from kilnscan.files import write_text
from kilnscan.landscape.features import to_lonlat, write_features
from kilnscan.landscape.plan import Landscape

COUNTRY = "XDM"
"""One of the codes that ISO 3166 leaves to its users."""
DISTRICTS = {"Amra": "Upper Demo", "Bela": "Upper Demo", "Chapa": "Lower Demo", "Dova": "Lower Demo"}
PLANTS = {"power": ("coal", 250.0, "MW", 380.0), "steel": ("coal", 0.6, "Mt/yr", 210.0),
          "cement": ("coal", 1.2, "Mt/yr", 90.0)}  # fmt: skip
"""By sector: fuel, capacity, its unit, and invented tonnes of PM2.5 a year."""


def write_surroundings(landscape: Landscape, folder: Path) -> None:
    """Write areas, villages, clinics, earlier (kilns) and ponds (with water) as .geojson, and the tables plants.csv,
    air.csv and reports.csv into `folder`; all of it invented, EPSG:4326, the same for the same landscape.
    """
    rng = np.random.default_rng([landscape.seed, 7])
    _write_areas(landscape, folder, rng)
    villages = [
        (Point(village.x, village.y).buffer(village.radius, quad_segs=6), {"name": f"Village {number} (synthetic)"})
        for number, village in enumerate(landscape.villages, 1)
    ]
    write_features(folder / "villages.geojson", villages)
    large = sorted(landscape.villages, key=lambda village: -village.people)[:6]
    clinics = [
        (Point(village.x, village.y), {"name": f"Clinic {number} (synthetic)"})
        for number, village in enumerate(large, 1)
    ]
    write_features(folder / "clinics.geojson", clinics)
    years = rng.choice([2009, 2014, 2019, 2022], len(landscape.kilns))
    known = rng.random(len(landscape.kilns)) < 0.7
    earlier = [
        (kiln.box, {"year": int(year)})
        for kiln, year, there in zip(landscape.kilns, years, known, strict=True)
        if there
    ]
    write_features(folder / "earlier.geojson", earlier)
    ponds = ((Polygon(shore), {"kind": "pond"}) for shore in landscape.ponds)
    write_features(folder / "ponds.geojson", ponds)
    _write_plants(landscape, folder / "plants.csv")
    _write_reports(landscape, folder / "reports.csv", rng)


def _write_areas(landscape: Landscape, folder: Path, rng: np.random.Generator) -> None:
    """Four districts that meet near the centre, and a table of invented air quality by district."""
    half = landscape.half_width_m + 2000
    steps = np.linspace(-half, half, 12)
    crooked = rng.normal(0, 250, 12)
    parts = split(box(-half, -half, half, half), LineString(np.column_stack([steps, crooked])))
    across = LineString(np.column_stack([np.roll(crooked, 5), steps]))
    pieces = [piece for part in parts.geoms for piece in split(part, across).geoms]
    ordered = sorted(pieces, key=lambda piece: (-round(piece.centroid.y > 0), piece.centroid.x))
    districts = [
        (piece, {"district": name, "province": province, "iso3": COUNTRY})
        for piece, (name, province) in zip(ordered, DISTRICTS.items(), strict=True)
    ]
    write_features(folder / "areas.geojson", districts)
    air = [{"district": name, "pm25": round(float(rng.uniform(58, 97)), 1)} for name in DISTRICTS]
    write_text(folder / "air.csv", _as_csv(air))


def _write_plants(landscape: Landscape, path: Path) -> None:
    rows = []
    for number, plant in enumerate(landscape.plants, 1):
        fuel, capacity, unit, pm25 = PLANTS[plant.kind]
        place = to_lonlat(Point(plant.x, plant.y))
        about = {"id": f"P-{number}", "name": plant.name, "kind": plant.kind, "fuel": fuel, "status": "operating"}
        amount = {"capacity": capacity, "capacity_unit": unit, "pm25_t": pm25}
        rows.append(about | amount | {"iso3": "", "lat": place.y, "lon": place.x})
    rows.append({"id": "P-99", "name": "A row without a place (synthetic)", "kind": "steel"})
    write_text(path, _as_csv(rows))


def _write_reports(landscape: Landscape, path: Path, rng: np.random.Generator) -> None:
    """Twelve reports: ten of people who stood at a kiln, one of a place without, one in the middle of nowhere."""
    inside = [kiln for kiln in landscape.kilns if landscape.inside(kiln.x, kiln.y)]
    rows = []
    for number, index in enumerate(rng.choice(len(inside), min(10, len(inside)), replace=False), 1):
        kiln, off = inside[index], rng.normal(0, 25, 2)
        place = to_lonlat(Point(kiln.x + off[0], kiln.y + off[1]))
        working = "yes" if rng.random() < 0.8 else "no"
        rows.append(_report(number, place, "kiln", kiln.kiln_type, working))
    village = landscape.villages[0]
    rows.append(_report(11, to_lonlat(Point(village.x, village.y)), "no-kiln", "", ""))
    rows.append(_report(12, Point(0, 0), "kiln", "", "yes"))
    write_text(path, _as_csv(rows))


def _report(number: int, place: Point, saw: str, kind: str, working: str) -> dict[str, object]:
    return {
        "id": f"demo-{number}", "date": f"2024-03-{number:02d}", "lat": place.y, "lon": place.x, "accuracy_m": 8,
        "saw": saw, "type": kind, "working": working, "note": "synthetic", "photo": "",
    }  # fmt: skip


def _as_csv(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
