"""Who lives, learns and is treated near the kilns of Bangladesh, and what counting them costs.

    .venv/bin/python benchmarks/exposure.py ../shared/data

prints the figures of docs/exposure.md as Markdown. The data are not part of the project: 4,760 kilns of APAD, WorldPop
2020 at 0.01 degrees (Bengal), schools and clinics of OpenStreetMap, divisions.
"""

import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio

from kilnscan.areas import read_areas
from kilnscan.config_impact import Areas, Exposure
from kilnscan.exposure import RADII_KM, add_exposure, exposure_by_area, people_near
from kilnscan.machine import cpu_s, peak_mb
from kilnscan.places import read_places
from kilnscan.tables import read_vector


def main(data: Path) -> None:
    table = pd.read_csv(data / "kiln_inventories" / "apad_bangladesh.csv")[["lon", "lat"]]
    kilns = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs=4326)
    divisions = data / "assets" / "boundaries" / "admin1_IND_PAK_BGD_NPL_osm_lowres.geojson"
    areas, _ = read_areas(Areas(path=str(divisions), name="name", country="country"))
    areas = areas[areas["country"] == "BGD"].reset_index(drop=True)
    files = {name: f"zip://{data}/exposure/{name}_point_IGP_BN.zip" for name in ("education", "healthcare")}
    with tempfile.TemporaryDirectory() as folder:
        raster = Path(folder) / "people.ncf"
        raster.write_bytes(gzip.decompress((data / "exposure" / "BGL_worldpop_2020.ncf.gz").read_bytes()))
        people = Exposure(population=str(raster))
        add_exposure(kilns.head(2), people)  # compiled now, and not measured
        people_near(kilns.head(2), people)
        print(f"before: {peak_mb():.0f} MB")
        near = _measured("people of each kiln", lambda: add_exposure(kilns, people))
        union = _measured("people of all kilns, each once", lambda: people_near(kilns, people))
        by_area = _measured("people by division", lambda: exposure_by_area(kilns, areas, people))
        _print_people(near, union, by_area, areas)
        random = np.random.default_rng(0)
        many = pd.DataFrame({"lon": random.uniform(86, 94, 100_000), "lat": random.uniform(22.5, 25.5, 100_000)})
        _measured("people of each of 100,000 random places", lambda: add_exposure(many, people))
        _measured("people of all of them, each once", lambda: people_near(many, people))
        _print_centres(kilns, raster, near)
    places = Exposure(schools=files["education"], clinics=files["healthcare"])
    counted = _measured("schools and clinics of each kiln", lambda: add_exposure(kilns, places))
    for name, path in (("schools", files["education"]), ("clinics", files["healthcare"])):
        given, distinct = len(read_vector([path], name)), len(read_places([path], name)[0])
        shares = ", ".join(f"{(counted[f'{name}_{km}km'] > 0).mean():.1%} within {km} km" for km in RADII_KM)
        print(f"{name}: {given:,} rows, {distinct:,} distinct; kilns that have one: {shares}")


def _measured(what: str, work: Callable[[], Any]) -> Any:
    cpu, began = cpu_s(), time.perf_counter()
    result = work()
    print(f"{what}: {cpu_s() - cpu:.2f} CPU s, {time.perf_counter() - began:.2f} s; peak {peak_mb():.0f} MB")
    return result


def _print_people(
    near: pd.DataFrame, union: dict[str, int | None], by_area: pd.DataFrame, areas: gpd.GeoDataFrame
) -> None:
    print(f"\n{len(near):,} kilns, {union['kilns_off_raster']} off the raster\n")
    print("| within | people, each once | a kiln: median (5th to 95th percentile) | kilns added up | times too many |")
    print("|---|---|---|---|---|")
    for km in RADII_KM:
        column, once = near[f"people_{km}km"], union[f"people_{km}km"]
        low, middle, high = column.quantile([0.05, 0.5, 0.95])
        total = column.sum()
        print(f"| {km} km | {once:,} | {middle:,.0f} ({low:,.0f} to {high:,.0f}) | {total:,.0f} | {total / once:.1f} |")
    divisions = zip(areas["area"], by_area["people_1km"], strict=True)
    print("\nwithin 1 km, by division:", ", ".join(f"{name} {people:,.0f}" for name, people in divisions), "\n")


def _print_centres(kilns: gpd.GeoDataFrame, raster: Path, near: pd.DataFrame) -> None:
    """What comes of counting whole cells whose middle lies within the distance."""
    with rasterio.open(raster) as source:
        cells, place = source.read(1, masked=True).filled(np.nan), source.transform
        print(f"raster: {source.shape}, {source.bounds}, {np.nansum(np.maximum(cells, 0)):,.0f} people")
    east, north = np.cos(np.radians(kilns["lat"].to_numpy())) * 111.195, 111.195
    for km in RADII_KM:
        counts = np.zeros(len(kilns))
        for k, (lon, lat) in enumerate(zip(kilns["lon"], kilns["lat"], strict=True)):
            column, row = (int(value) for value in ~place @ (lon, lat))
            reach = int(km / (abs(place.a) * east[k])) + 2
            rows = np.arange(max(row - reach, 0), min(row + reach + 1, cells.shape[0]))
            columns = np.arange(max(column - reach, 0), min(column + reach + 1, cells.shape[1]))
            x = (place.c + (columns + 0.5) * place.a - lon) * east[k]
            y = (place.f + (rows + 0.5) * place.e - lat) * north
            inside = x[None] ** 2 + y[:, None] ** 2 <= km**2
            found = cells[np.ix_(rows, columns)][inside]
            counts[k] = np.maximum(found[~np.isnan(found)], 0).sum()
        exact = near[f"people_{km}km"].to_numpy()
        off = np.abs(counts[exact > 0] / exact[exact > 0] - 1)
        middle, most = np.quantile(off, [0.5, 0.95])
        print(f"whole cells by their middle, {km} km: off by {middle:.0%} (median), {most:.0%} (95th percentile)")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
