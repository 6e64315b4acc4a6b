"""Choose the scenes of a tile and write them down: a small list that everything after it hangs on."""

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import numpy as np
import shapely

from kilnscan.catalogue import Item, find_items, newest_first, season_windows
from kilnscan.config import Mosaic, Stac
from kilnscan.errors import CatalogueError, SourceError
from kilnscan.files import content_name, digest
from kilnscan.grid import HALO_M, Tile, to_lonlat, transformer
from kilnscan.radiometry import OFFSET_DN, carries_offset, declared, needs_measuring
from kilnscan.ranges import Ranges

SAMPLES = 20  # points along each side of a square at which clear looks are counted
READERS = 8


def find_scenes(tile: Tile, square: Tile, source: Stac) -> dict[str, Any]:
    """Search the catalogue and choose: the scene list of `tile`, a part of the 100 km `square` (or all of it)."""
    reach = to_lonlat(shapely.box(*square.read_bounds(HALO_M)), square.epsg)
    return choose_scenes(tile, square, source, find_items(source, reach))


def choose_scenes(tile: Tile, square: Tile, source: Stac, items: list[Item]) -> dict[str, Any]:
    """The scene list of a tile: dates with their granules, links resolved, reflectance offsets settled.

    Dates are chosen for what is owned of the whole 100 km square, so that they do not depend on how it is subdivided.
    A scene that cannot be read now is left out, said so in the list, and another date takes its place.
    Raises CatalogueError when most scenes cannot be read.
    """
    items = _once(source, [item for item in items if item.epsg == tile.epsg])
    reach = shapely.box(*square.read_bounds(HALO_M))
    items = [item for item in items if item.extent.intersects(reach)]
    ranges = Ranges(signed=source.signed)
    lost: dict[str, str] = {}
    settled: dict[str, dict[str, list[float]]] = {}
    while True:
        by_date: dict[date, list[Item]] = defaultdict(list)
        for item in items:
            if item.id not in lost:
                by_date[item.day].append(item)
        days = choose_days(square, source, by_date)
        granules = {day: _needed(tile, by_date[day]) for day in sorted(days)}
        open_ones = [item for group in granules.values() for item in group if item.id not in settled]
        broken = _settle(open_ones, source, ranges, settled)
        lost |= broken
        if not broken:
            break
        if len(lost) > max(len(settled), 1):
            name, reason = next(iter(broken.items()))
            raise CatalogueError(
                f"{len(lost)} scenes of tile {tile.id} cannot be read, among them {name}: {reason}. "
                "Check the network and run again."
            )
    dates = [
        {
            "date": day.isoformat(),
            "cloud": days[day],
            "items": [_granule(item, source, settled[item.id]) for item in group],
        }
        for day, group in granules.items()
        if group  # granules of the square may not reach this part of it
    ]
    return _finish(
        {
            "tile": tile.spec(),
            "source": "stac",
            "bands": source.bands,
            "grid": _grid(tile, granules),
            "statistic": source.statistic,
            "mask_classes": source.mask_classes,
            "mask_dilate_m": source.mask_dilate_m,
            "signed": source.signed,
            "synthetic": any(item.properties.synthetic for item in items),
            "dates": dates,
            "lost": [{"scene": name, "reason": reason} for name, reason in sorted(lost.items())],
        }
    )


def choose_days(square: Tile, source: Stac, by_date: dict[date, list[Item]]) -> dict[date, float]:
    """At most `max_dates` days with their cloud over the land owned of a square, in per cent.

    The season is cut into as many windows as there may be dates, and land into sample points. Day by day the one is
    taken that adds most to the sum over points of sqrt(sum over windows of sqrt(clear looks)): a first look at a place
    counts more than a second, a new part of the season more than another look in the same. Both roots make it
    submodular, so that the greedy choice is near the best one (Nemhauser, Wolsey and Fisher 1978).
    """
    points = _points(square)
    windows = season_windows(source)
    length = sum((last - first).days + 1 for first, last in windows)
    days = sorted(by_date)
    clear = {day: _clear_at(by_date[day], points, square.epsg) for day in days}
    window = {day: _position(day, windows) * source.max_dates // length for day in days}
    looks = np.zeros((source.max_dates, len(points)))
    value = np.zeros(len(points))
    chosen: dict[date, float] = {}
    for _ in range(source.max_dates):
        best: tuple[float, float, date] | None = None
        for day in days:
            if day in chosen:
                continue
            roots = np.sqrt(looks).sum(axis=0) - np.sqrt(looks[window[day]])
            after = np.sqrt(roots + np.sqrt(looks[window[day]] + clear[day]))
            rank = (-round(float((after - value).sum()), 9), _cloud(clear[day]), day)
            if rank[0] < 0 and (best is None or rank < best):
                best = rank
        if best is None:
            break
        day = best[2]
        chosen[day] = round(best[1], 2)
        looks[window[day]] += clear[day]
        value = np.sqrt(np.sqrt(looks).sum(axis=0))
    return dict(sorted(chosen.items()))


def _points(square: Tile) -> np.ndarray:
    """Sample points (n, 2) of what is owned of a square, in its metres."""
    left, bottom, right, top = square.own.bounds
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES
    x, y = np.meshgrid(left + steps * (right - left), bottom + steps * (top - bottom))
    points = np.column_stack([x.ravel(), y.ravel()])
    inside = points[shapely.intersects_xy(square.own, points)]
    return inside if len(inside) else np.array(square.own.representative_point().coords)


def _clear_at(items: list[Item], points: np.ndarray, epsg: int) -> np.ndarray:
    """How likely each point is seen clearly by the granules of a date: their clear share, 0 where they have no data."""
    lon, lat = transformer(epsg, 4326).transform(*points.T)
    result = np.zeros(len(points))
    for item in items:
        covered = shapely.intersects_xy(item.extent, points)
        footprint = item.footprint()
        if footprint is not None:
            covered &= shapely.intersects_xy(footprint, lon, lat)
        result[covered] = np.maximum(result[covered], max(1 - item.properties.cloud / 100, 1e-3))
    return result


def _cloud(clear: np.ndarray) -> float:
    """Cloud in per cent where there is data."""
    return 100 * (1 - float(clear[clear > 0].mean())) if (clear > 0).any() else 100.0


def _position(day: date, windows: list[tuple[date, date]]) -> int:
    """How many days of the season come before `day`."""
    return sum((min(last, day) - first).days + (last < day) for first, last in windows if first <= day)


def _once(source: Stac, items: list[Item]) -> list[Item]:
    """Of each granule and day the items of the first collection that has it."""
    rank = {name: place for place, name in enumerate(source.collections)}
    best: dict[tuple[Any, ...], int] = {}
    for item in items:
        key = (item.day, item.extent.bounds)
        best[key] = min(best.get(key, len(rank)), rank.get(item.collection, 0))
    unique = {(item.collection, item.id): item for item in items}
    return [i for i in unique.values() if rank.get(i.collection, 0) == best[i.day, i.extent.bounds]]


def _needed(tile: Tile, items: list[Item]) -> list[Item]:
    """Granules of a date that a tile reads, that which covers most of it first; those that add nothing left out."""
    reach = shapely.box(*tile.read_bounds(HALO_M))
    own = shapely.box(*tile.bounds)
    order = sorted(newest_first(items), key=lambda item: -round(item.extent.intersection(own).area))
    needed: list[Item] = []
    covered = shapely.Polygon()
    for item in order:
        again = any(item.extent.equals(other.extent) for other in needed)  # another strip of the same granule
        if item.extent.intersects(reach) and (again or item.extent.intersection(reach).difference(covered).area > 0):
            needed.append(item)
            covered = covered.union(item.extent)
    return needed


def _settle(
    items: list[Item], source: Stac, ranges: Ranges, settled: dict[str, dict[str, list[float]]]
) -> dict[str, str]:
    """Find out the radiometry of items, into `settled`; return those that cannot be read, with the reason."""

    def measure(item: Item) -> bool | SourceError | None:
        try:
            return carries_offset(item, source.catalog, ranges) if needs_measuring(item) else None
        except SourceError as error:
            return error

    lost = {}
    with ThreadPoolExecutor(READERS) as pool:
        for item, carried in zip(items, pool.map(measure, items), strict=True):
            if isinstance(carried, SourceError):
                lost[item.id] = str(carried)
                continue
            settled[item.id] = {band: list(declared(item, band)) for band in source.bands}
            if carried is not None:
                for values in settled[item.id].values():
                    values[1] = round(-OFFSET_DN * values[0], 6) if carried else 0.0
    return lost


def _granule(item: Item, source: Stac, radiometry: dict[str, list[float]]) -> dict[str, Any]:
    footprint = item.footprint()
    return {
        "id": item.id,
        "collection": item.collection,
        "datetime": item.properties.datetime.isoformat(),
        "cloud": item.properties.cloud,
        "baseline": item.properties.baseline,
        "footprint": footprint and shapely.to_wkt(footprint, 6),
        "grids": {band: [*item.asset(band).shape, *item.asset(band).transform[:6]] for band in [*source.bands, "SCL"]},
        "assets": {band: item.link(band, source.catalog) for band in [*source.bands, "SCL"]},
        "radiometry": radiometry,
    }


def _grid(tile: Tile, granules: dict[date, list[Item]]) -> list[float]:
    """Left and top edge of the grid that most of the tile's first granules stand on; scenes are read along it."""
    corners = Counter((group[0].extent.bounds[0], group[0].extent.bounds[3]) for group in granules.values() if group)
    corner = max(corners, key=lambda place: (corners[place], place)) if corners else (tile.bounds[0], tile.bounds[3])
    return [float(value) for value in corner]


def choose_mosaic(tile: Tile, source: Mosaic) -> dict[str, Any]:
    """The scene list of a tile that is read from composites: their paths and content."""
    return _finish(
        {
            "tile": tile.spec(),
            "source": "mosaic",
            "bands": source.bands,
            "synthetic": False,
            "dates": [{"date": source.date, "items": []}],
            "mosaics": [{"path": path, "content": content_name(path)} for path in source.paths],
        }
    )


def _finish(scenes: dict[str, Any]) -> dict[str, Any]:
    return scenes | {"fingerprint": digest(scenes)}
