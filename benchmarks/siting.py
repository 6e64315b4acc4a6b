"""Siting rules on real kilns: how many break which, what a thinned map says, and how long it takes.

    .venv/bin/python benchmarks/siting.py ../shared/data

prints the figures of docs/siting.md. The data are not part of the project.
"""

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.config_impact import Exposure, Siting
from kilnscan.merge import merge
from kilnscan.siting import check_siting
from kilnscan.siting_rules import Rule, read_rules

BANDS = (0, 0.03, 0.1, 0.3, 0.6, 1)


def main(data: Path) -> None:
    bangladesh, exposure = _bangladesh(data), _exposure(data)
    print("Bangladesh, 4,760 points of APAD as boxes of 100 x 50 m, schools and clinics of OpenStreetMap")
    for completeness in (1, 0.5, 0.2, 0.05, 0.02):
        config = Siting(schools_complete=completeness, clinics_complete=completeness)
        began = time.perf_counter()
        rows = check_siting(bangladesh, config, exposure, _rules("BD-2013-school", "BD-2013-clinic"))[1]
        print(f"  completeness {completeness}, {time.perf_counter() - began:.1f} s")
        for rule, of_rule in rows.groupby("rule"):
            shares = of_rule["status"].value_counts(normalize=True).round(3).to_dict()
            print(f"    {rule}: {shares}, mean probability {of_rule['probability'].mean():.3f}")
    _thinned(bangladesh, exposure)
    for name, kilns in (("Uttar Pradesh", _uttar_pradesh(data)), ("Delhi airshed, 3 places", _delhi(data))):
        everyone = [rule.model_copy(update={"applies_to": "all"}) for rule in _rules("IN-2022-kiln")]
        for title, rules in (
            ("whoever it binds", everyone),
            ("as it binds", _rules("IN-2022-kiln", "IN-UP-2026-kiln")),
        ):
            rows = check_siting(kilns, Siting(), Exposure(), rules)[1]
            print(f"{name}, {len(kilns)} kilns, 1 km to another, {title}")
            print(rows.groupby("rule")["status"].value_counts(normalize=True).round(3).to_string(header=False))
    _speed()


def _thinned(kilns: gpd.GeoDataFrame, exposure: Exposure) -> None:
    """The map of schools as truth, a random part of it as the map: said against true."""
    rules, random = _rules("BD-2013-school"), np.random.default_rng(1)
    true = (check_siting(kilns, Siting(), exposure, rules)[1]["distance_m"] < 1000).to_numpy()
    schools = gpd.read_file(exposure.schools)
    for completeness in (0.7, 0.5, 0.2):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/schools.gpkg"
            schools[random.random(len(schools)) < completeness].to_file(path)
            rows = check_siting(kilns, Siting(schools_complete=completeness), Exposure(schools=path), rules)[1]
        meets, said = (rows["status"] == "meets").to_numpy(), rows["probability"].to_numpy()
        print(
            f"  {completeness:.0%} of the mapped schools: {meets.sum()} meet, {true[meets].mean():.1%} of them wrongly"
        )
        for low, high in pairwise(BANDS):
            here = (said > low) & (said <= high) & (rows["status"] != "breaks").to_numpy()
            if here.sum() > 20:
                print(f"    said {said[here].mean():.2f}, true {true[here].mean():.2f} ({here.sum()} kilns)")


def _speed() -> None:
    random, count, others = np.random.default_rng(0), 100_000, 500_000
    kilns = _table(random.uniform(70, 92, count), random.uniform(21, 32, count), "BGD", "")
    rules = [rule.model_copy(update={"country": "BGD"}) for rule in _rules("BD-2013-school", "IN-2022-kiln")]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/schools.gpkg"
        places = shapely.points(random.uniform(70, 92, others), random.uniform(21, 32, others))
        gpd.GeoDataFrame({"name": "school"}, index=range(others), geometry=places, crs=4326).to_file(path)
        began = time.perf_counter()
        check_siting(kilns, Siting(schools_complete=0.9), Exposure(schools=path), rules)
    print(f"{count} kilns, {others} schools, 1 km to schools and kilns: {time.perf_counter() - began:.0f} s")


def _rules(*names: str) -> list[Rule]:
    return [rule for rule in read_rules() if rule.id in names]


def _bangladesh(data: Path) -> gpd.GeoDataFrame:
    table = pd.read_csv(data / "kiln_inventories" / "apad_bangladesh.csv")
    return _table(table["lon"].to_numpy(), table["lat"].to_numpy(), "BGD", "")


def _exposure(data: Path) -> Exposure:
    files = {"schools": "education", "clinics": "healthcare"}
    return Exposure(**{key: f"zip://{data}/exposure/{name}_point_IGP_BN.zip" for key, name in files.items()})


def _uttar_pradesh(data: Path) -> gpd.GeoDataFrame:
    """Each kiln once: the labels hold many of them several times."""
    path = data / "kiln_inventories" / "sentinelkilndb_uttar_pradesh.geojson.gz"
    return _once(gpd.read_file(f"/vsigzip/{path}").to_crs(4326))


def _delhi(data: Path) -> gpd.GeoDataFrame:
    paths = sorted((data / "s2_delhi").glob("*/kilns_obb.geojson"))
    return _once(pd.concat([gpd.read_file(path).to_crs(4326) for path in paths], ignore_index=True))


def _once(labels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shapes, middle = labels.geometry.to_numpy(), shapely.centroid(labels.geometry.to_numpy())
    lon, lat = shapely.get_x(middle), shapely.get_y(middle)
    keep = np.unique(merge(lon, lat, shapes, np.ones(len(lon)), 40, 0.3))
    return _table(lon[keep], lat[keep], "IND", "Uttar Pradesh", shapes[keep])


def _table(
    lon: np.ndarray, lat: np.ndarray, country: str, state: str, shapes: np.ndarray | None = None
) -> gpd.GeoDataFrame:
    if shapes is None:
        east, north = 50 / (111_320 * np.cos(np.radians(lat))), 25 / 110_574
        shapes = shapely.box(lon - east, lat - north, lon + east, lat + north)
    columns = {"id": [f"K{k}" for k in range(len(lon))], "type": "", "lon": lon, "lat": lat, "country": country}
    return gpd.GeoDataFrame(columns | {"state": state, "first_seen": "2023-11-01"}, geometry=shapes, crs=4326)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
