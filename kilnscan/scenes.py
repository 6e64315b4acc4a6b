"""Choose the scenes of a tile and write them down: a small list that everything after it hangs on."""

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import shapely

from kilnscan.catalogue import Item, find_items, newest_first
from kilnscan.config_sentinel2 import BAND, Mosaic, Stac
from kilnscan.dates import cells_of, choose_days, land_of
from kilnscan.errors import CatalogueError, ImageryError, SourceError
from kilnscan.files import content_name, digest
from kilnscan.grid import HALO_M, PIXEL_M, SQUARE_M, Tile, to_lonlat
from kilnscan.mosaic import open_mosaic
from kilnscan.radiometry import OFFSET_DN, carries_offset, declared, needs_measuring
from kilnscan.ranges import Ranges

READERS = 8
ANOTHER_STRIP = 0.02  # of its footprint a scene must add to count as another strip of a granule: outlines are rough
Key = tuple[str, str]
"""Collection and id of an item."""


def find_scenes(tile: Tile, source: Stac) -> dict[str, Any]:
    """Search the catalogue and choose: the scene list of `tile`."""
    cells = cells_of(tile.read_bounds(HALO_M))
    items, refused = find_items(source, to_lonlat(shapely.box(*land_of(cells).bounds), tile.epsg))
    return choose_scenes(tile, source, items, refused)


def choose_scenes(tile: Tile, source: Stac, items: list[Item], refused: dict[str, str]) -> dict[str, Any]:
    """The scene list of a tile: dates with their granules, links resolved, reflectance offsets settled.

    `items` must hold all that meet the cells which the tile reads (kilnscan/dates.py); `refused` are those of them that
    cannot be used. A scene that cannot be read now is left out, said so in the list, and another takes its place.
    Raises CatalogueError when most scenes cannot be read.
    """
    cells = cells_of(tile.read_bounds(HALO_M))
    land = land_of(cells)
    items = _sound(source, [item for item in items if item.epsg == tile.epsg and item.extent.intersects(land)], refused)
    ranges = Ranges(signed=source.signed)
    lost: dict[Key, str] = {}
    settled: dict[Key, dict[str, list[float]]] = {}
    while True:
        by_date: dict[date, list[Item]] = defaultdict(list)
        for item in _once(source, [item for item in items if _key(item) not in lost]):
            by_date[item.day].append(item)
        days = choose_days(cells, tile.epsg, source, by_date)
        granules = {day: _needed(tile, by_date[day], land_of(where)) for day, where in days.items()}
        open_ones = [item for group in granules.values() for item in group if _key(item) not in settled]
        broken = _settle(open_ones, source, ranges, settled)
        lost |= broken
        if not broken:
            break
        if len(lost) > max(len(settled), 1):
            (_, name), reason = next(iter(broken.items()))
            raise CatalogueError(
                f"{len(lost)} scenes of tile {tile.id} cannot be read, among them {name}: {reason}. "
                "Check the network and run again."
            )
    dates = [
        {
            "date": day.isoformat(),
            "cloud": group[0].properties.cloud,
            "cells": [list(cell) for cell in days[day]],
            "items": [_granule(item, source, settled[_key(item)]) for item in group],
        }
        for day, group in granules.items()
        if group
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
            "lost": [
                {"scene": name, "reason": reason}
                for name, reason in sorted({**refused, **{name: why for (_, name), why in lost.items()}}.items())
            ],
        }
    )


def _sound(source: Stac, items: list[Item], refused: dict[str, str]) -> list[Item]:
    """Items whose DN can be turned into reflectance; the others go to `refused`, unless all would."""
    sound = []
    for item in items:
        try:
            for band in source.raw_bands:
                declared(item, band)
            sound.append(item)
        except CatalogueError as error:
            refused[item.id] = str(error)
    if items and not sound:
        raise CatalogueError(refused[items[0].id])
    return sound


def _key(item: Item) -> Key:
    return item.collection, item.id


def _once(source: Stac, items: list[Item]) -> list[Item]:
    """Of each granule and day the items of the first collection that has it, and of others what that lacks."""
    rank = {name: place for place, name in enumerate(source.collections)}
    groups: dict[tuple[Any, ...], list[Item]] = defaultdict(list)
    for item in {_key(item): item for item in items}.values():
        groups[item.day, item.extent.bounds].append(item)
    kept: list[Item] = []
    for group in groups.values():
        first = min(rank.get(item.collection, 0) for item in group)
        best = [item for item in group if rank.get(item.collection, 0) == first]
        seen = shapely.union_all([item.footprint for item in best if item.footprint is not None])
        kept += best
        for item in group:
            other = rank.get(item.collection, 0) != first and item.footprint is not None and not seen.is_empty
            if other and (item.footprint - seen).area > ANOTHER_STRIP * item.footprint.area:
                kept.append(item)
    return kept


def _needed(tile: Tile, items: list[Item], land: shapely.Geometry) -> list[Item]:
    """Granules of a date that a tile reads of `land`; those that add nothing are left out.

    That of the tile's own 100 km square comes first: where granules overlap, the first decides.
    """
    reach = land.intersection(shapely.box(*tile.read_bounds(HALO_M)))
    left, bottom = (value // SQUARE_M * SQUARE_M for value in tile.bounds[:2])
    square = shapely.box(left, bottom, left + SQUARE_M, bottom + SQUARE_M)
    order = sorted(newest_first(items), key=lambda item: -round(item.extent.intersection(square).area))
    needed: list[Item] = []
    for item in order:
        again = any(item.extent.equals(other.extent) for other in needed)  # another strip of the same granule
        covered = shapely.union_all([other.extent for other in needed])
        if item.extent.intersection(reach).area > 0 and (again or item.extent.intersection(reach - covered).area > 0):
            needed.append(item)
    return needed


def _settle(
    items: list[Item], source: Stac, ranges: Ranges, settled: dict[Key, dict[str, list[float]]]
) -> dict[Key, str]:
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
                lost[_key(item)] = str(carried)
                continue
            settled[_key(item)] = {band: list(declared(item, band)) for band in source.raw_bands}
            if carried is not None:
                for values in settled[_key(item)].values():
                    values[1] = round(-OFFSET_DN * values[0], 6) if carried else 0.0
    return lost


def _granule(item: Item, source: Stac, radiometry: dict[str, list[float]]) -> dict[str, Any]:
    footprint = item.footprint
    return {
        "id": item.id,
        "collection": item.collection,
        "datetime": item.properties.datetime.isoformat(),
        "cloud": item.properties.cloud,
        "baseline": item.properties.baseline,
        "footprint": footprint and shapely.to_wkt(footprint, 6),
        "grids": {
            band: [*item.asset(band).shape, *item.asset(band).transform[:6]] for band in [*source.raw_bands, "SCL"]
        },
        "assets": {band: item.link(band, source.catalog) for band in [*source.raw_bands, "SCL"]},
        "radiometry": radiometry,
    }


def _grid(tile: Tile, granules: dict[date, list[Item]]) -> list[float]:
    """Left and top edge of the grid that most of the tile's first granules stand on; scenes are read along it."""
    corners = Counter((group[0].extent.bounds[0], group[0].extent.bounds[3]) for group in granules.values() if group)
    fitting = [corner for corner in corners if not any(value % PIXEL_M for value in corner)]
    corner = max(fitting, key=lambda place: (corners[place], place)) if fitting else (tile.bounds[0], tile.bounds[3])
    return [float(value) for value in corner]


def choose_mosaic(tile: Tile, source: Mosaic) -> dict[str, Any]:
    """The scene list of a tile that is read from composites: their paths and content.

    Raises ImageryError if a file names its bands otherwise than `source.bands` does.
    """
    for path in source.paths:
        with open_mosaic(path, len(source.bands)) as file:
            named = list(file.descriptions[: len(source.bands)])
        other = named != source.bands
        if other and (
            sorted(map(str, named)) == sorted(source.bands) or all(BAND.fullmatch(name or "") for name in named)
        ):
            raise ImageryError(
                f"The composite {path} names its first bands {', '.join(map(str, named))}, but `sentinel2.bands` says "
                f"{', '.join(source.bands)}: reorder the bands or correct `sentinel2.bands`."
            )
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
