"""Which days a place is seen on: at most so many, clear over its land and spread over the season.

Days are chosen cell by cell of a fixed lattice of 20 km, from what covers the cell and nothing else. So a pixel's days
depend neither on the tile it is read for nor on the area of interest, and where orbits meet every part of a tile gets
its own full number of looks.
"""

import math
from datetime import date

import numpy as np
import shapely

from kilnscan.catalogue import Item, season_windows
from kilnscan.config_sentinel2 import Stac
from kilnscan.grid import SQUARE_M, Bounds, to_crs

CELL_M = 20_000
SAMPLES = 8  # patches along each side of a cell in which looks are counted
Cell = tuple[int, int]
"""Column and row of a cell: its left and bottom edge in metres of the UTM zone, divided by `CELL_M`."""


def cells_of(bounds: Bounds) -> list[Cell]:
    """Cells that an extent in UTM metres meets, in a fixed order."""
    left, bottom, right, top = bounds
    return [
        (i, j)
        for i in range(math.floor(left / CELL_M), math.ceil(right / CELL_M))
        for j in range(math.floor(bottom / CELL_M), math.ceil(top / CELL_M))
    ]


def land_of(cells: list[Cell]) -> shapely.Geometry:
    """Ground that cells cover, in UTM metres."""
    boxes = [shapely.box(i * CELL_M, j * CELL_M, (i + 1) * CELL_M, (j + 1) * CELL_M) for i, j in cells]
    return shapely.union_all(boxes)


def choose_days(cells: list[Cell], epsg: int, source: Stac, by_date: dict[date, list[Item]]) -> dict[date, list[Cell]]:
    """Days, at most `max_dates` for each cell, with the cells they were chosen for, both in a fixed order.

    What a frozen list says was chosen is chosen again.
    """
    chosen: dict[date, list[Cell]] = {day: [] for day in sorted(by_date)}
    if any(item.properties.chosen_for is not None for items in by_date.values() for item in items):
        for day, items in by_date.items():
            then = {cell for item in items for cell in item.properties.chosen_for or ()}
            chosen[day] = [cell for cell in cells if cell in then]
    elif chosen:
        patches = np.concatenate([_patches(cell) for cell in cells])
        clear = np.array([_clear_at(by_date[day], patches, epsg) for day in chosen])
        known: dict[bytes, list[date]] = {}
        for number, cell in enumerate(cells):
            looks = clear.reshape(len(chosen), len(cells), -1)[:, number]
            same = looks.tobytes()  # most cells of a tile are seen alike
            if same not in known:
                known[same] = _best(list(chosen), looks, source)
            for day in known[same]:
                chosen[day].append(cell)
    return {day: cells_now for day, cells_now in chosen.items() if cells_now}


def _best(days: list[date], clear: np.ndarray, source: Stac) -> list[date]:
    """The best days for patches of land whose clear looks `clear` (day, patch) tells.

    The season is cut into as many windows as there may be days. Day by day the one is taken that adds most to the sum
    over patches of sqrt(sum over windows of sqrt(clear looks)): a first look at a place counts more than a second, a
    new part of the season more than another look in the same. Both roots make it submodular, so that the greedy choice
    is near the best one (Nemhauser, Wolsey and Fisher 1978).
    """
    windows = season_windows(source)
    length = sum((last - first).days + 1 for first, last in windows)
    window = [_position(day, windows) * source.max_dates // length for day in days]
    looks = np.zeros((source.max_dates, clear.shape[1]))
    chosen: list[int] = []
    for _ in range(min(source.max_dates, len(days))):
        roots = np.sqrt(looks)
        value = np.sqrt(roots.sum(axis=0))
        ranks = []
        for number in set(range(len(days))) - set(chosen):
            now = window[number]
            after = np.sqrt(roots.sum(axis=0) - roots[now] + np.sqrt(looks[now] + clear[number]))
            ranks.append((-round(float((after - value).sum()), 9), -float(clear[number].sum()), days[number], number))
        gain, _, _, number = min(ranks)
        if gain >= 0:
            break
        chosen.append(number)
        looks[window[number]] += clear[number]
    return [days[number] for number in sorted(chosen)]


def _patches(cell: Cell) -> np.ndarray:
    """The squares that a cell is divided into, in metres."""
    side = CELL_M / SAMPLES
    left, bottom = (
        edge.ravel() for edge in np.meshgrid(*(value * CELL_M + np.arange(SAMPLES) * side for value in cell))
    )
    return shapely.box(left, bottom, left + side, bottom + side)


def _clear_at(items: list[Item], patches: np.ndarray, epsg: int) -> np.ndarray:
    """How much of each patch is probably seen clearly on a day: the share that has data, less its granule's cloud.

    Where granules overlap, that of the patch's own 100 km square counts.
    """
    result, covered = np.zeros(len(patches)), np.zeros(len(patches))
    for at_home in (True, False):
        for item in sorted(items, key=lambda item: (item.properties.cloud, item.id)):
            left, _, _, top = item.extent.bounds
            left, top = math.ceil(left / SQUARE_M) * SQUARE_M, math.floor(top / SQUARE_M) * SQUARE_M
            home = shapely.box(left, top - SQUARE_M, left + SQUARE_M, top)
            open_ = np.flatnonzero((covered < 1) & (shapely.contains(home, patches) | (not at_home)))
            share = _share(_seen(item, epsg), patches[open_])
            clear = share * max(1 - item.properties.cloud / 100, 1e-3)
            result[open_] = np.maximum(result[open_], clear)
            covered[open_] = np.maximum(covered[open_], share)
    return result


def _seen(item: Item, epsg: int) -> shapely.Geometry:
    """Ground of which an item has data, in UTM metres."""
    if item.footprint is None:
        return item.extent
    try:
        return shapely.make_valid(to_crs(item.footprint, 4326, epsg)).intersection(item.extent)
    except shapely.GEOSException:  # an outline that degenerates in metres
        return item.extent


def _share(shape: shapely.Geometry, patches: np.ndarray) -> np.ndarray:
    """Share of each patch that a shape covers."""
    shapely.prepare(shape)
    share = shapely.contains(shape, patches).astype(float)
    cut = np.flatnonzero((share == 0) & shapely.intersects(shape, patches))
    share[cut] = shapely.area(shapely.intersection(patches[cut], shape)) / shapely.area(patches[cut])
    return share


def _position(day: date, windows: list[tuple[date, date]]) -> int:
    """How many days of the season come before `day`."""
    return sum((min(last, day) - first).days + (last < day) for first, last in windows if first <= day)
