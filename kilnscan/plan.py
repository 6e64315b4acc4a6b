"""What the second stage would cost, before anything is acquired."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.config_imagery import Imagery, Plan
from kilnscan.detector import Detector
from kilnscan.grid import to_crs, to_lonlat
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds, chips_of, windows_around, windows_of
from kilnscan.orders import outline, plan_orders
from kilnscan.prices import CHIP_KM2, Product, read_prices
from kilnscan.store import Store
from kilnscan.tables import read_vector
from kilnscan.xyz import TileService

PROBES = 8
"""Windows that are looked at to learn how long detection takes on this machine."""
COLUMNS = ("product", "order", "candidates", "needed_km2", "km2", "billed_km2", "vertices", "price", "currency")


@dataclass(frozen=True)
class Need:
    """What all candidates of a region need."""

    chips: dict[int, set[Vertex]]
    """By UTM zone, without what is owned already."""
    owned: dict[int, set[Vertex]]
    """By UTM zone, those that are."""
    single: list[int]
    """For each candidate, how many chips that are not owned it would need alone."""
    centres: dict[int, list[Vertex]]
    """By UTM zone, the chip at each candidate's centre."""
    windows: int
    area_km2: float
    """Of the whole area of interest."""

    @property
    def km2(self) -> float:
        """Area of the chips that are still to be had."""
        return sum(map(len, self.chips.values())) * CHIP_KM2


def need_of(tables: list[gpd.GeoDataFrame], owned: list[str], area_km2: float) -> Need:
    """What the candidates (tables in UTM) need beyond the polygons of the files `owned`.

    Raises VectorError if such a file cannot be used.
    """
    chips: dict[int, set[Vertex]] = {}
    centres: dict[int, list[Vertex]] = {}
    alone: list[tuple[int, list[Vertex]]] = []
    windows = set()
    for table in tables:
        epsg = table.crs.to_epsg()
        seen = windows_of(table)
        windows |= {(epsg, window) for window in seen}
        chips.setdefault(epsg, set()).update(chips_of(seen))
        alone += [(epsg, chips_of(windows_around(polygon))) for polygon in table.geometry]
        x, y = shapely.get_coordinates(table.geometry.centroid.array).reshape(-1, 2).T // CHIP_M
        centres.setdefault(epsg, []).extend(zip(x.astype(int).tolist(), y.astype(int).tolist(), strict=True))
    had = _owned(chips, owned) if owned else {epsg: set() for epsg in chips}
    wanted = {epsg: cells - had[epsg] for epsg, cells in chips.items()}
    single = [len(set(cells) - had[epsg]) for epsg, cells in alone]
    return Need(wanted, had, single, centres, len(windows), area_km2)


def _owned(chips: dict[int, set[Vertex]], files: list[str]) -> dict[int, set[Vertex]]:
    """Those of the chips that the polygons of vector files cover."""
    bought = shapely.union_all(read_vector(files, "table of owned areas").geometry.array)
    covered = {}
    for epsg, cells in chips.items():
        land = shapely.buffer(to_crs(bought, 4326, epsg), 0.5)  # as positions in degrees are rounded
        shapely.prepare(land)
        covered[epsg] = {cell for cell in cells if shapely.covers(land, shapely.box(*chip_bounds(cell)))}
    return covered


def make_plan(
    need: Need, config: Plan, imagery: Imagery, detector: Detector, store: Store
) -> tuple[dict[str, Any], pd.DataFrame, dict[str, gpd.GeoDataFrame]]:
    """The plan, all orders as a table, and the orders of each product as polygons (EPSG:4326) for its portal.

    The plan's `products` are sorted by price. Hours are of the machine that plans, and so the only part of it that
    differs from run to run. `store` is where chips are kept. What is owned is not ordered, and yet read: the run's
    provider is asked for all chips.
    """
    products, tables, polygons = [], [], {}
    for product in read_prices(config.prices, config.products):
        table = _orders(need, product, config.extent_km)
        polygons[product.product] = table
        tables.append(pd.DataFrame(table[list(COLUMNS)]))
        products.append(_compared(need, product, table))
    products.sort(key=lambda entry: (entry["currency"], entry["price"], entry["product"]))
    chips, owned = (sum(map(len, cells.values())) for cells in (need.chips, need.owned))
    slow, fast = _seconds_per_window(detector)
    plan = {
        "candidates": len(need.single),
        "chips": chips,
        "owned_chips": owned,
        "needed_km2": round(need.km2, 4),
        "area_km2": round(need.area_km2, 4),
        "share": round(need.km2 / need.area_km2, 4) if need.area_km2 else 0.0,
        "run": {
            "provider": imagery.provider,
            "price": round(_price(need, imagery, store), 2),
            "currency": imagery.currency,
            "megabytes": round((chips + owned) * 3 * (CHIP_M / _pixel_m(imagery)) ** 2 / 1e6, 1),
        },
        "detection": {
            "windows": need.windows,
            "cpu_hours": [round(need.windows * seconds / 3600, 6) for seconds in (fast, slow)],
        },
        "products": products,
    }
    return plan, pd.concat(tables, ignore_index=True), polygons


def _orders(need: Need, product: Product, extent_km: float) -> gpd.GeoDataFrame:
    rows, shapes = [], []
    for epsg in sorted(need.chips):
        wanted = need.chips[epsg]
        where: dict[Vertex, int] = {}
        for cell in need.centres[epsg]:
            where[cell] = where.get(cell, 0) + 1
        for order in plan_orders(wanted, product, extent_km) if wanted else []:
            shape = outline(order)
            km2 = len(order) * CHIP_KM2
            rows.append(
                {
                    "product": product.product,
                    "order": len(rows) + 1,
                    "candidates": sum(count for cell, count in where.items() if cell in order),
                    "needed_km2": round(len(order & wanted) * CHIP_KM2, 4),
                    "km2": round(km2, 4),
                    "billed_km2": round(max(km2, product.min_km2), 4),
                    "vertices": len(shape.exterior.coords) - 1,
                    "price": round(product.cost(len(order)), 2),
                    "currency": product.currency,
                }
            )
            shapes.append(shapely.set_precision(to_lonlat(shape, epsg), 1e-7, mode="pointwise"))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=4326)


def _compared(need: Need, product: Product, orders: gpd.GeoDataFrame) -> dict[str, Any]:
    """One product's sums, beside one order per candidate, the whole area, and what no plan can undercut."""
    chips = sum(map(len, need.chips.values()))
    pixels = 3 / product.resolution_m**2  # bytes per m2: red, green and blue of 8 bits
    return {
        "product": product.product,
        "title": product.title,
        "orders": len(orders),
        "km2": round(float(orders["km2"].sum()), 3),
        "billed_km2": round(float(orders["billed_km2"].sum()), 3),
        "price": round(float(orders["price"].sum()), 2),
        "currency": product.currency,
        "one_by_one": round(sum(product.cost(count) for count in need.single if count), 2),
        "wall_to_wall": round(product.price_per_km2 * max(need.area_km2, product.min_km2), 2),
        "least": round(product.cost(chips) if chips else 0.0, 2),
        "megabytes": round(float(orders["km2"].sum()) * pixels, 1),
        "source": product.source,
        "read_on": product.read_on.isoformat(),
    }


def _price(need: Need, imagery: Imagery, store: Store) -> float:
    """What this region's provider takes for all chips, at most: files may not cover them all, some may be here."""
    zones = {epsg: sorted(cells | need.owned[epsg]) for epsg, cells in need.chips.items()}
    if imagery.provider != "xyz":
        return sum(map(len, zones.values())) * CHIP_KM2 * imagery.price_per_km2
    return sum(
        sum(TileService(imagery, epsg, store).charges(dict.fromkeys(chips, "")).values())
        for epsg, chips in zones.items()
    )


def _pixel_m(imagery: Imagery) -> float:
    return 2.5 if imagery.provider == "sentinel2" else imagery.resolution_m


def _seconds_per_window(detector: Detector) -> tuple[float, float]:
    """CPU seconds per window on this machine where every view is looked at, and where one suffices."""
    side = detector.window_px
    windows = np.random.default_rng(0).integers(1, 256, (PROBES, side, side, 3)).astype(np.uint8)
    detector.detect(windows[:1], views=1)
    begun = time.process_time()
    detector.detect(windows, views=1)
    once = (time.process_time() - begun) / PROBES
    return once * detector.views, once


def _duration(hours: float) -> str:
    seconds = hours * 3600
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if hours < 2 else f"{hours:,.0f} h"


def plan_words(plan: dict[str, Any], folder: str | Path) -> str:
    """The plan as a page of text."""
    run, work = plan["run"], plan["detection"]
    lines = [
        f"{plan['candidates']:,} candidates need {plan['chips']:,} chips of 160 m: {plan['needed_km2']:,.1f} km2, "
        f"{plan['share']:.1%} of the area of interest."
    ]
    if plan["owned_chips"]:
        lines.append(f"{plan['owned_chips']:,} more chips are owned already (`plan.owned`).")
    price = f"costs at most {run['price']:,.2f} {run['currency']}" if run["price"] else "costs nothing"
    lines.append(
        f"From this region's provider, `{run['provider']}`, that {price} (`imagery.price_per_km2`) and is "
        f"{run['megabytes']:,.0f} MB before compression."
    )
    fast, slow = (_duration(hours) for hours in work["cpu_hours"])
    lines.append(
        f"Detection looks at {work['windows']:,} windows: {fast} to {slow} of CPU time on a machine like this one "
        "(one view was timed just now).\n"
    )
    head = ("product", "orders", "km2", "billed", "price", "one by one", "wall to wall", "at least", "MB")
    rows = [head]
    for entry in plan["products"]:
        money = [f"{entry[key]:,.0f} {entry['currency']}" for key in ("price", "one_by_one", "wall_to_wall", "least")]
        areas = [f"{entry[key]:,.1f}" for key in ("km2", "billed_km2")]
        rows.append((entry["product"], f"{entry['orders']:,}", *areas, *money, f"{entry['megabytes']:,.0f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.append(
        "\nprice: these orders. one by one: an order per candidate. wall to wall: the whole area. at least: the\n"
        "chips alone, below which no plan can get. Prices are of the dates in their table\n"
        f"(facts/imagery_prices.csv): ask before you buy. For the vendors' portals: {folder}/orders/*.geojson"
    )
    return "\n".join(lines) + "\n"


def budget_words(plan: dict[str, Any], budget: float | None, spent: float) -> str:
    """Whether the budget will do, in a line; nothing without one. Some of what was spent may be for chips planned."""
    if budget is None:
        return ""
    run = plan["run"]
    if run["price"] <= budget - spent + 1e-9:
        verdict = "enough"
    elif run["price"] <= budget + 1e-9:
        verdict = "enough if what was spent paid for chips of this plan"
    else:
        verdict = "NOT enough, unless chips are here already: acquisition stops before it is passed"
    return f"Budget: {budget:,.2f} {run['currency']}, {spent:,.2f} spent so far; {verdict}.\n"
