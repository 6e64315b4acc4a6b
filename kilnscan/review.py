"""Which windows are most worth a person's time.

Three lists, each with its best first: kilns about which the atlas is *uncertain* (score near its threshold), places
about which screen and detector *dispute*, and, where known kilns are given, those that *contradict* the atlas. The
lists are taken from in turns, so that none is starved by another's scale. The ranking hangs on the atlas's tables
only: neither the tiling nor the order of rows matters.
"""

from collections.abc import Collection, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.errors import VectorError
from kilnscan.evaluate import match
from kilnscan.grid import Tile, transformer
from kilnscan.kilns import owner_of
from kilnscan.lattice import chip_holding, nearest_vertex, window_bounds
from kilnscan.merge import near_pairs
from kilnscan.obb import corners, from_polygons
from kilnscan.review_marks import Mark, Window
from kilnscan.tables import centres

REACH_M = 160.0
"""A candidate farther than this from every detection is one that the detector says nothing of."""
SHOWN = 0.5
"""Kilns are drawn into the pictures from this share of the atlas's threshold on: what is fainter only distracts."""
SCORES = ("score", "detector_score", "screen_score")
Chip = tuple[int, int, int]


def choose(
    detections: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    reference: gpd.GeoDataFrame | None,
    imagery: list[dict[str, Any]],
    settings: dict[str, Any],
    answered: Collection[str],
) -> tuple[pd.DataFrame, dict[str, list[Mark]]]:
    """The windows for a person (`rank`) and what to mark in each (`shown_in`).

    Tables are the atlas's in EPSG:4326, `imagery` the tiles' records of chips, `settings` the rule's params.
    """
    tiles, min_score = [Tile.from_spec(spec) for spec in settings["tiles"]], settings["min_score"]
    found = weigh(detections)
    chips = {(record["epsg"], i, j) for record in imagery for i, j, _ in record["chips"]}
    how = {"min_score": min_score, "match_m": settings["match_m"], "most": settings["most"]}
    ranked = rank(found, candidates, reference, tiles, chips, **how, answered=answered)
    windows = [_window(row) for row in ranked.to_dict("records")]
    return ranked, shown_in(windows, found, settings["types"], SHOWN * min_score, settings["shift_m"])


def weigh(detections: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Every place in the area that the atlas's detections made, whatever its score, with columns named as a kiln's."""
    places = detections[detections["keeper"] & (detections["owner"] != "")]
    renamed = {"score": "detector_score", "place_score": "score", "owner": "tile"}
    return places.drop(columns="tile").rename(columns=renamed).reset_index(drop=True)


def rank(
    found: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    reference: gpd.GeoDataFrame | None,
    tiles: list[Tile],
    chips: Collection[Chip],
    *,
    min_score: float,
    match_m: float,
    most: int,
    answered: Collection[str] = (),
) -> pd.DataFrame:
    """At most `most` windows, best first, none twice: epsg, i, j, reason, score, detector_score, screen_score.

    `found` is what `weigh` gives, `candidates` and `reference` are in EPSG:4326. Left out is what nobody can see, for
    there are no `chips` (epsg, i, j), and what was `answered` before (names of windows). Scores are NaN where the
    atlas has nothing.
    """
    lists = [_uncertain(found, min_score), _disputed(found, candidates)]
    if reference is not None:
        lists.append(_contradicting(found, reference, tiles, min_score, match_m))
    queues = [iter(_placed(entries, tiles, chips).to_dict("records")) for entries in lists]
    taken = set(answered)
    rows: list[dict[str, Any]] = []
    while queues and len(rows) < most:
        for queue in list(queues):
            row = next((row for row in queue if _window(row).name not in taken), None)
            if row is None:
                queues.remove(queue)
            elif len(rows) < most:
                rows.append(row)
                taken.add(_window(row).name)
    return pd.DataFrame(rows, columns=["epsg", "i", "j", "reason", *SCORES])


def _window(row: dict[str, Any]) -> Window:
    return Window(row["epsg"], row["i"], row["j"])


def _uncertain(found: gpd.GeoDataFrame, min_score: float) -> pd.DataFrame:
    """Kilns and almost kilns, those nearest to the threshold first."""
    return _entries(found, "uncertain", -np.abs(found["score"].to_numpy() - min_score))


def _disputed(found: gpd.GeoDataFrame, candidates: gpd.GeoDataFrame) -> pd.DataFrame:
    """What one stage likes and the other does not, the largest difference first."""
    gap = found["detector_score"].to_numpy() - found["screen_score"].to_numpy()
    both = _entries(found, np.where(gap > 0, "detector-higher", "screen-higher"), np.abs(gap))
    lon, lat = centres(candidates.geometry)
    x, y = centres(found.geometry)
    pairs, _ = near_pairs(np.concatenate([lon, x]), np.concatenate([lat, y]), REACH_M)
    alone = np.ones(len(candidates), bool)
    alone[pairs[(pairs[:, 0] < len(lon)) & (pairs[:, 1] >= len(lon)), 0]] = False
    score = candidates["score"].to_numpy()[alone]
    silent = candidates[alone].assign(score=np.round(score / 2, 4), detector_score=0.0, screen_score=np.round(score, 4))
    return pd.concat([both, _entries(silent, "screen-higher", score)], ignore_index=True)


def _contradicting(
    found: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, tiles: list[Tile], min_score: float, match_m: float
) -> pd.DataFrame:
    """Kilns of the atlas that the reference lacks and the reverse, what the atlas is surest of first."""
    kilns = found[found["score"] >= min_score].reset_index(drop=True)
    lon, lat = centres(reference.geometry)
    owner = owner_of(tiles, lon, lat)
    inside = reference[owner != ""].reset_index(drop=True)
    x, y = centres(inside.geometry)
    ours, known = match(*centres(kilns.geometry), x, y, match_m)
    extra, missed = kilns.drop(ours), inside.drop(known)
    entries = missed[["geometry"]].assign(tile=owner[owner != ""][missed.index], **dict.fromkeys(SCORES, np.nan))
    at, near = match(*centres(entries.geometry), *centres(found.geometry), match_m)  # what it was scored too low with
    for name in SCORES:
        entries.iloc[at, entries.columns.get_loc(name)] = found[name].to_numpy()[near]
    sure = 1 - entries["score"].fillna(0.0).to_numpy()
    return pd.concat(
        [
            _entries(extra, "not-in-reference", extra["score"].to_numpy()),
            _entries(entries, "not-in-atlas", sure),
        ],
        ignore_index=True,
    )


def _entries(places: gpd.GeoDataFrame, reason: str | np.ndarray, worth: np.ndarray) -> pd.DataFrame:
    lon, lat = centres(places.geometry)
    plain = pd.DataFrame({name: places[name].to_numpy(float) for name in SCORES})
    return plain.assign(lon=lon, lat=lat, tile=places["tile"].to_numpy(), reason=reason, worth=worth)


def _placed(entries: pd.DataFrame, tiles: list[Tile], chips: Collection[Chip]) -> pd.DataFrame:
    """Entries with the window that answers for their place, best first, ties by place; only what can be seen."""
    zones = entries["tile"].map({tile.id: tile.epsg for tile in tiles}).to_numpy()
    vertex, seen = np.zeros((len(entries), 2), np.int64), np.zeros(len(entries), bool)
    for epsg in np.unique(zones):
        rows = np.flatnonzero(zones == epsg)
        x, y = transformer(4326, int(epsg)).transform(entries["lon"].to_numpy()[rows], entries["lat"].to_numpy()[rows])
        for row, *point in zip(rows, x, y, strict=True):
            vertex[row], seen[row] = nearest_vertex(*point), (int(epsg), *chip_holding(*point)) in chips
    placed = entries.assign(epsg=zones.astype(int), i=vertex[:, 0], j=vertex[:, 1])[seen]
    return placed.sort_values(["worth", "epsg", "i", "j", "lon", "lat"], ascending=[False, *[True] * 5])


def shown_in(
    windows: Sequence[Window],
    found: gpd.GeoDataFrame,
    types: Sequence[str],
    least: float,
    shift_m: tuple[float, float] = (0.0, 0.0),
) -> dict[str, list[Mark]]:
    """What the atlas would mark in each window, by the window's name: whole boxes scored `least` or more, by place.

    `shift_m` (east, north) brings the atlas's boxes onto the pixels. Raises VectorError if the detector calls a kiln
    what is none of `types`.
    """
    likely = found[found["score"] >= least]
    for name in likely["type"].unique():
        if name not in types:
            raise VectorError(
                f"The detector calls a kiln {name!r}, which is none of {', '.join(types)}: see `review.types`."
            )
    marks: dict[str, list[Mark]] = {}
    for epsg in {window.epsg for window in windows}:
        quads = corners(from_polygons(likely.geometry.to_crs(epsg).to_numpy())) + shift_m
        tree = shapely.STRtree(shapely.polygons(quads))
        for window in windows:
            if window.epsg == epsg:
                inside = np.sort(tree.query(shapely.box(*window_bounds((window.i, window.j))), predicate="contains"))
                rows = [(likely["type"].iloc[n], window.shares(quads[n]), likely["score"].iloc[n]) for n in inside]
                marks[window.name] = [Mark(kind, ring, float(score)) for kind, ring, score in rows]
    return marks
