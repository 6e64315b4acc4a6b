"""What became of each kiln since earlier atlases: new, persisting, moved, changed type, gone, or uncertain, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.config_change import BESIDE, Change
from kilnscan.earlier_atlases import read_atlases, read_beside
from kilnscan.files import read_json
from kilnscan.grid import Tile
from kilnscan.identity import KNOWN, earliest, known_kilns, metres_between
from kilnscan.kilns import owner_of
from kilnscan.looked import EQUAL_AREA, Looked
from kilnscan.tables import read_table

STATUS = ("new", "gone", "moved", "changed type", "persisting", "uncertain")
"""In the order of the report."""
OTHER_IMAGES = "no image is newer than those of {season}, so it is the models that differ"


def compare(inputs: Mapping[str, str], params: Mapping[str, Any]) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """The table of change and its sums (`find_change`, and `expected_misses`) from files.

    `inputs` are kilns and the tables of `BESIDE` of this run, and its evaluation if there is one (or empty text);
    `params` those of the rule: change, tiles, min_score.
    """
    config = Change.model_validate(params["change"])
    now = Looked(config.season, {name: read_table(inputs[name]) for name in BESIDE})
    before = [Looked(atlas.season, read_beside(atlas)) for atlas in config.earlier]
    tiles = [Tile.from_spec(spec) for spec in params["tiles"]]
    kilns = read_table(inputs["kilns"])
    table, sums = find_change(kilns, read_atlases(config), now, before, tiles, config, params["min_score"])
    recall = read_json(inputs["evaluation"])["atlas"]["recall"]["value"] if inputs.get("evaluation") else None
    synthetic = "synthetic" in kilns and bool(kilns["synthetic"].any())
    return table, sums | {"expected_misses": expected_misses(sums, recall), "synthetic": synthetic}


def find_change(
    kilns: gpd.GeoDataFrame,
    atlases: Sequence[pd.DataFrame],
    now: Looked,
    before: Sequence[Looked],
    tiles: list[Tile],
    config: Change,
    min_score: float,
) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """The table of change, points in EPSG:4326, sorted by id, and the sums that the report tells.

    `kilns` are those of the atlas, named as earlier atlases name them (`identity.keep_names`); `atlases` and `before`
    are the kilns of earlier ones and what these looked at, the oldest first. Earlier kilns outside the region (`tiles`)
    have no row.
    """
    known = known_kilns(atlases, config)
    known["inside"] = owner_of(tiles, known["lon"].to_numpy(float), known["lat"].to_numpy(float)) != ""
    columns = {name: kind for name, kind in KNOWN.items() if name != "season"}
    found = pd.DataFrame(kilns[list(columns)]).astype(columns)
    both = found.merge(known, on="id", how="outer", suffixes=("", "_before"))
    here, there = both["lon"].notna().to_numpy(), both["lon_before"].notna().to_numpy()
    left_out = ~here & ~both["inside"].eq(True).to_numpy()
    both, here, there = both[~left_out].reset_index(drop=True), here[~left_out], there[~left_out]
    texts = [name for name in both.columns if name.split("_before")[0] in ("type", "first_seen", "last_seen")]
    both[texts] = both[texts].fillna("")
    both["status"], both["reason"], both["metres"] = "", "", np.nan
    _stayed(both, here & there, before, config)
    _came(both, here & ~there, now, before, config, min_score)
    _went(both, there & ~here, now, before, config, min_score)
    table = _table(both, here, before, config)
    return table, _sums(table, int(left_out.sum()), now, before, config)


def _stayed(both: pd.DataFrame, rows: np.ndarray, before: Sequence[Looked], config: Change) -> None:
    """Kilns of both: `status` and `reason`, and how far apart the two places are."""
    part = both[rows]
    metres = metres_between(
        (part["lon"].to_numpy(float), part["lat"].to_numpy(float)),
        (part["lon_before"].to_numpy(float), part["lat_before"].to_numpy(float)),
    )
    moved = metres >= config.match_m
    other = ((part["type"] != part["type_before"]) & (part["type"] != "") & (part["type_before"] != "")).to_numpy()
    both.loc[rows, "metres"] = np.round(metres, 1)
    stale = np.array([_no_newer(row) for row in part.itertuples()], dtype=bool)  # then it is the models that differ
    changed = [(moved | other) & stale, moved, other]
    both.loc[rows, "status"] = np.select(changed, ["uncertain", "moved", "changed type"], "persisting")
    reasons = []
    for row, away, retyped in zip(part.itertuples(), moved, other, strict=True):
        season = int(row.season)
        notes = [
            "no other kiln is near either place" if away else "",
            f"it was {row.type_before} in {before[season].season}" if retyped else "",
            f"not found in {before[-1].season}" if season < len(before) - 1 else "",
            f"no image is newer than those of {before[season].season}" if _no_newer(row) else "",
        ]
        reasons.append("; ".join(filter(None, notes)))
    both.loc[rows, "reason"] = reasons


def _no_newer(row: Any) -> bool:
    return bool(row.last_seen and row.last_seen_before and row.last_seen <= row.last_seen_before)


def _came(
    both: pd.DataFrame, rows: np.ndarray, now: Looked, before: Sequence[Looked], config: Change, min_score: float
) -> None:
    """Kilns that no earlier atlas has: new where one looked and saw nothing."""
    part = both[rows]
    place = part["lon"].to_numpy(float), part["lat"].to_numpy(float)
    status, reason = np.full(len(part), "uncertain", dtype=object), np.full(len(part), "", dtype=object)
    open_ = np.ones(len(part), bool)
    for look in reversed(before):  # the last that looked there decides
        why = look.why_not(*place, config.match_m)
        box = look.doubtful(*place, config.match_m, min_score - config.doubt)
        same = _same_images(now, look, place)
        told = np.select(
            [why != "", np.isfinite(box), same],
            [why, _words(f"{look.season} had a box there that scored", box), OTHER_IMAGES.format(season=look.season)],
            f"{look.season} looked there and saw none",
        )
        reason[open_ & (reason == "")] = told[open_ & (reason == "")]
        decided = open_ & (why == "")
        reason[decided] = told[decided]
        status[decided & ~np.isfinite(box) & ~same] = "new"
        open_ &= ~decided
    _doubt(status, reason, part["score"].to_numpy(float), "new", min_score + config.doubt, "it scores only")
    both.loc[rows, "status"], both.loc[rows, "reason"] = status, reason


def _went(
    both: pd.DataFrame, rows: np.ndarray, now: Looked, before: Sequence[Looked], config: Change, min_score: float
) -> None:
    """Kilns of earlier atlases that this one has not: gone where this run looked and saw nothing."""
    part = both[rows]
    place = part["lon_before"].to_numpy(float), part["lat_before"].to_numpy(float)
    season = part["season"].to_numpy(int)
    why, box = now.why_not(*place, config.match_m), now.doubtful(*place, config.match_m, min_score - config.doubt)
    same = np.zeros(len(part), bool)
    for number, look in enumerate(before):
        same |= (season == number) & _same_images(now, look, place)
    names = np.array([look.season for look in before], dtype=object)[season]
    reason = np.select(
        [why != "", np.isfinite(box), same],
        [
            why,
            _words("a box there still scores", box),
            np.array([OTHER_IMAGES.format(season=name) for name in names], dtype=object),
        ],
        np.array([f"last found in {name}; this run looked there and saw none" for name in names], dtype=object),
    )
    status = np.where((why == "") & ~np.isfinite(box) & ~same, "gone", "uncertain").astype(object)
    score = part["score_before"].to_numpy(float)
    _doubt(status, reason, score, "gone", min_score + config.doubt, "it may never have been one: it scored only")
    both.loc[rows, "status"], both.loc[rows, "reason"] = status, reason


def _doubt(status: np.ndarray, reason: np.ndarray, score: np.ndarray, claim: str, least: float, words: str) -> None:
    """Take back what is claimed of kilns that score too little for it."""
    weak = (status == claim) & (score < least)
    reason[weak] = _words(words, score[weak])
    status[weak] = "uncertain"


def _words(words: str, score: np.ndarray) -> np.ndarray:
    return np.array([f"{words} {value:.2f}" if np.isfinite(value) else "" for value in score], dtype=object)


def _same_images(now: Looked, look: Looked, place: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Where the images of now are known to be no newer than those of an earlier run."""
    ours, theirs = now.latest(*place), look.latest(*place)
    return (ours != "") & (theirs != "") & (ours <= theirs)


def _table(both: pd.DataFrame, here: np.ndarray, before: Sequence[Looked], config: Change) -> gpd.GeoDataFrame:
    names = np.array([*(look.season for look in before), config.season], dtype=object)
    last = np.where(here, len(before), both["season"].fillna(0)).astype(int)
    days = both[["status", "first_seen", "first_seen_before"]].to_numpy()
    first = [now if status == "moved" else earliest(now, then) for status, now, then in days]  # as in the atlas
    table = pd.DataFrame(
        {
            "id": both["id"],
            "status": both["status"],
            "reason": both["reason"],
            "type": both["type"],
            "type_before": both["type_before"],
            "score": both["score"].astype(float),
            "score_before": both["score_before"].astype(float),
            "moved_m": both["metres"].astype(float),
            "first_seen": first,
            "last_seen": both["last_seen"].where(both["last_seen"] != "", both["last_seen_before"]),
            "last_found": names[last],
        }
    )
    texts = ["id", "status", "reason", "type", "type_before", "first_seen", "last_seen", "last_found"]
    lon, lat = (both[name].fillna(both[f"{name}_before"]).to_numpy(float) for name in ("lon", "lat"))
    table = gpd.GeoDataFrame(table.astype(dict.fromkeys(texts, "str")), geometry=shapely.points(lon, lat), crs=4326)
    return table.sort_values("id", kind="stable").reset_index(drop=True)


def expected_misses(sums: dict[str, Any], recall: float | None) -> int | None:
    """How many earlier kilns that still stand a run with this recall fails to find; None if that is not known.

    Of S standing ones it finds S times the recall, which are those that both have.
    """
    both = sum(sums["counts"][status] for status in ("persisting", "changed type", "moved"))
    return round(both * (1 - recall) / recall) if recall else None


def _sums(
    table: gpd.GeoDataFrame, outside: int, now: Looked, before: Sequence[Looked], config: Change
) -> dict[str, Any]:
    """Counts by status, what was left out, and the land that this run and the last before it both looked at."""
    counts = table["status"].value_counts()
    ours, theirs = now.land(), before[-1].land()
    whole = now.coverage.geometry.to_crs(EQUAL_AREA).area.sum() if now.coverage is not None else 0.0
    common = ours.intersection(theirs).area if before[-1].coverage is not None else None
    uncertain = table.loc[table["status"] == "uncertain", "reason"].str.replace(r" \d\.\d\d$", "", regex=True)
    return {
        "season": config.season,
        "earlier": [look.season for look in before],
        "counts": {status: int(counts.get(status, 0)) for status in STATUS},
        "uncertain": {str(reason): int(count) for reason, count in uncertain.value_counts().sort_index().items()},
        "outside_region": outside,
        "region_km2": round(float(whole) / 1e6, 3),
        "seen_km2": round(ours.area / 1e6, 3),
        "seen_both_km2": None if common is None else round(common / 1e6, 3),
        "seen_both_share": None if common is None or not whole else round(common / whole, 4),
        "match_m": config.match_m,
        "moved_m": config.moved_m,
        "doubt": config.doubt,
    }
