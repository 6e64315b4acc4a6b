"""From the tiles' tables to the atlas: kilns, candidates, the area acquired, and a ledger without holes."""

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.antimeridian import polygons
from kilnscan.calibration import read_calibration
from kilnscan.config import Atlas
from kilnscan.config_change import Change
from kilnscan.earlier_atlases import read_atlases
from kilnscan.errors import CatalogueError
from kilnscan.files import read_json
from kilnscan.grid import Tile, mgrs_10m, to_lonlat
from kilnscan.identity import keep_names, known_kilns
from kilnscan.kilns import DEGREE_DIGITS, build_kilns, read_detections, trace
from kilnscan.lattice import chip_bounds, chips_of_window
from kilnscan.looked import WELL_SEEN, unseen_land
from kilnscan.merge import near_pairs
from kilnscan.screened import CLAIM_M
from kilnscan.tables import centres, concat, read_table


def build_atlas(inputs: dict[str, list[str]], settings: dict[str, Any]) -> dict[str, gpd.GeoDataFrame]:
    """The tables kilns, detections, candidates, acquired, coverage and unseen of a region, EPSG:4326, in a fixed order.

    `inputs` lists the tiles' files by kind, each in the order of `settings["tiles"]`; `settings` are the rule's params.
    Kilns that an earlier atlas of `settings["change"]` has keep the id, and the first day, that it gave them.
    """
    tiles = [Tile.from_spec(spec) for spec in settings["tiles"]]
    names = [tile.id for tile in tiles]
    imagery = dict(zip(names, map(read_json, inputs["imagery"]), strict=True))
    seen = dict(zip(names, map(read_json, inputs["seen"]), strict=True))
    if not any(entry["dates"] for entry in seen.values()):
        raise CatalogueError(
            "No scene was found for any tile: check `catalog`, `collections`, `start`, `end`, `months` and `max_cloud` "
            "in `sentinel2`, and whether the catalogue covers `region.aoi` at all."
        )
    candidates = _candidates(names, inputs["candidates"])
    detections = read_detections(names, inputs["detections"])
    config = Atlas.model_validate(settings["atlas"])
    calibration = read_calibration(config.calibration) if config.calibration else None
    detections = trace(detections, candidates, tiles, config, calibration)
    facts = {
        **{name: imagery[names[0]][name] for name in ("provider", "licence", "attribution")},
        "synthetic": any(read_json(path)["synthetic"] for path in inputs["scenes"]),
    }
    kilns = build_kilns(detections, facts)
    dates = _dates(detections[(detections["kiln"] != "") & detections["keeper"]], imagery)
    for column, which in (("last_seen", -1), ("first_seen", 0)):
        seen_on = [(dates[kiln] or [""])[which] for kiln in kilns["id"]]
        kilns.insert(kilns.columns.get_loc("screen_score") + 1, column, pd.array(seen_on, dtype="str"))
    if settings["change"]:
        change = Change.model_validate(settings["change"])
        atlases = read_atlases(change)
        kilns, detections = keep_names(kilns, detections, known_kilns(atlases, change), len(atlases), change)
    acquired = build_acquired(imagery.values(), tiles)
    coverage = build_coverage(tiles, seen, candidates, imagery, kilns, acquired, settings["min_clear"])
    return {
        "kilns": kilns,
        "detections": detections,
        "candidates": candidates,
        "acquired": acquired,
        "coverage": coverage,
        "unseen": unseen_land(tiles, seen, dict(zip(names, inputs["quicklooks"], strict=True))),
    }


def _dates(keepers: pd.DataFrame, imagery: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Days, sorted, on which each kiln's pixels were taken: those of its window's chips, or else of its tile."""
    dates = {}
    for row in keepers.itertuples():
        record = imagery[row.tile]
        dates[row.kiln] = record["dates"]
        if record["chip_dates"]:
            near = set(chips_of_window((row.window_i, row.window_j)))
            keys = [key for i, j, key in record["chips"] if (i, j) in near]
            dates[row.kiln] = sorted({day for key in keys for day in record["chip_dates"][key]})
    return dates


def _candidates(names: list[str], paths: list[str]) -> gpd.GeoDataFrame:
    """Candidates of all tiles with their tile and an id, EPSG:4326."""
    tables = [read_table(path).to_crs(4326).assign(tile=name) for name, path in zip(names, paths, strict=True)]
    table = concat(tables)
    geometry = shapely.set_precision(table.geometry.array, 10**-DEGREE_DIGITS, mode="pointwise")
    table = gpd.GeoDataFrame(table.drop(columns="geometry"), geometry=geometry, crs=4326)
    lon, lat = centres(table.geometry)
    kept = _once(lon, lat, table["score"].to_numpy(), table["tile"].to_numpy())
    table, lon, lat = table[kept], lon[kept], lat[kept]
    table.insert(0, "id", [mgrs_10m(x, y) for x, y in zip(lon, lat, strict=True)])
    return table.sort_values(["id", "tile"], kind="stable").reset_index(drop=True)


def _once(lon: np.ndarray, lat: np.ndarray, score: np.ndarray, tile: np.ndarray) -> np.ndarray:
    """Which candidates to keep: of those that two tiles kept at the edge of a 100 km square, the better one."""
    pairs, _ = near_pairs(lon, lat, CLAIM_M)
    pairs = pairs[tile[pairs[:, 0]] != tile[pairs[:, 1]]]
    first = (score[pairs[:, 0]] > score[pairs[:, 1]]) | (
        (score[pairs[:, 0]] == score[pairs[:, 1]]) & (tile[pairs[:, 0]] < tile[pairs[:, 1]])
    )
    kept = np.ones(len(lon), bool)
    kept[np.where(first, pairs[:, 1], pairs[:, 0])] = False
    return kept


def build_acquired(imagery: Iterable[dict[str, Any]], tiles: list[Tile]) -> gpd.GeoDataFrame:
    """Area acquired per tile inside the area of interest, EPSG:4326.

    A chip that two tiles asked for counts once, for the first of them.
    """
    area = {epsg: shapely.union_all([t.own for t in tiles if t.epsg == epsg]) for epsg in {t.epsg for t in tiles}}
    taken: set[tuple[int, int, int]] = set()
    rows = []
    for entry in sorted(imagery, key=lambda entry: entry["tile"]):
        epsg = entry["epsg"]
        new = [(i, j) for i, j, _ in entry["chips"] if (epsg, i, j) not in taken]
        taken |= {(epsg, i, j) for i, j in new}
        shape = shapely.union_all([shapely.box(*chip_bounds(chip)) for chip in new]).intersection(area[epsg])
        rows.append(
            {
                "tile": entry["tile"],
                "chips": len(new),
                "area_km2": round(shape.area / 1e6, 6),
                "provider": entry["provider"],
                "licence": entry["licence"],
                "geometry": shapely.set_precision(
                    to_lonlat(shapely.MultiPolygon(list(shapely.get_parts(polygons(shape)))), epsg),
                    10**-DEGREE_DIGITS,
                    mode="pointwise",
                ),
            }
        )
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=4326)


def build_coverage(
    tiles: list[Tile],
    screens: dict[str, dict[str, Any]],
    candidates: gpd.GeoDataFrame,
    imagery: dict[str, dict[str, Any]],
    kilns: gpd.GeoDataFrame,
    acquired: gpd.GeoDataFrame,
    min_clear: float,
) -> gpd.GeoDataFrame:
    """The ledger: one row per tile, whatever became of it; status `ok`, `empty` or `cloudy`, with the reason.

    `lost_scenes` counts the scenes that could not be read and were left out.
    """
    area_of = dict(zip(acquired["tile"], acquired["area_km2"], strict=True))
    rows = []
    for tile in tiles:
        seen = screens[tile.id]
        found = int((candidates["tile"] == tile.id).sum())
        status, reason = _status(seen, found, imagery[tile.id], min_clear)
        lost = {entry["scene"]: entry["reason"] for entry in [*seen["lost"], *imagery[tile.id]["lost"]]}
        notes = [reason] if reason else []
        if status != "cloudy" and seen["clear"] < WELL_SEEN:
            notes.append(f"{1 - seen['clear']:.0%} of the land was never seen clearly")
        if lost:
            scene, why = next(iter(lost.items()))
            notes.append(f"{len(lost)} scene(s) unreadable, first {scene}: {why}")
        rows.append(
            {
                "tile": tile.id,
                "status": status,
                "reason": "; ".join(notes),
                "clear_share": seen["clear"],
                "clear_looks": seen["looks"],
                "lost_scenes": len(lost),
                "dates": ", ".join(date for date in seen["dates"] if date),
                "candidates": found,
                "kilns": int((kilns["tile"] == tile.id).sum()),
                "area_km2": round(tile.own.area / 1e6, 6),
                "acquired_km2": area_of.get(tile.id, 0.0),
                "geometry": shapely.set_precision(to_lonlat(tile.own, tile.epsg), 10**-DEGREE_DIGITS, mode="pointwise"),
            }
        )
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=4326)


def _status(seen: dict[str, Any], found: int, imagery: dict[str, Any], min_clear: float) -> tuple[str, str]:
    if not seen["dates"]:
        return "cloudy", "no scene of this season below the cloud limit can be had here"
    if seen["clear"] < min_clear:
        return "cloudy", f"only {seen['clear']:.0%} of the land was seen clearly"
    if not found:
        return "empty", "no candidate above the screen's threshold"
    if imagery["missing"]:
        missing, asked = len(imagery["missing"]), len(imagery["missing"]) + len(imagery["chips"])
        return "ok", f"no high-resolution imagery for {missing} of {asked} chips"
    return "ok", ""


def ledger_words(coverage: gpd.GeoDataFrame, most: int = 5) -> str:
    """The ledger in a few lines for the end of a run: tiles by status, and each that is not whole with its reason."""
    counts = coverage["status"].value_counts()
    lines = ["tiles: " + ", ".join(f"{counts[name]} {name}" for name in ("ok", "empty", "cloudy") if name in counts)]
    seen = (coverage["clear_share"] * coverage["area_km2"]).sum() / coverage["area_km2"].sum()
    lines[0] += f"; {seen:.1%} of the land seen clearly"
    less = coverage["clear_share"] < WELL_SEEN
    notable = coverage[(coverage["status"] == "cloudy") | (coverage["lost_scenes"] > 0) | less]
    lines += [f"  {row.tile} {row.status}: {row.reason}" for row in notable.head(most).itertuples()]
    if len(notable) > most:
        lines.append(f"  and {len(notable) - most} more: see the ledger, atlas/coverage.parquet")
    return "\n".join(lines)
